/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_doctor.c - berth doctor [--json] [IMAGE]: what of this host, and of an image, stands in the
 * way of containers, and how it is mended.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/cli.h"
#include "launcher/cli/doctor.h"
#include "launcher/cli/doctor_text.h"
#include "launcher/cli/resolve.h"
#include "launcher/cli/status.h"
#include "launcher/view/reference.h"
#include "launcher/view/spec.h"
#include "libimage/base/capture.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"

enum { CHECK_MS = 10 * 1000 }; /* LIMIT: a cold metadata server answers in less; a dead one never */

static const struct check {
	const char *name;
	void (*look)(struct findings *f, const char *image);
	bool image; /* only where one is given */
} checks[] = {
	{ "kernel", doctor_kernel, false },
	{ "nesting", doctor_nested, false },
	{ "namespaces", doctor_userns, false },
	{ "namespace limits", doctor_ns_limits, false },
	{ "fuse", doctor_fuse, false },
	{ "overlay", doctor_overlay, false },
	{ "programs", doctor_programs, false },
	{ "temporary files", doctor_tmp, false },
	{ "configuration", doctor_site, false },
	{ "limits", doctor_limits, false },
	{ "processes", doctor_proc, false },
	{ "fakeroot", doctor_fakeroot, false },
	{ "slurm", doctor_slurm, false },
	{ "image", doctor_image, true },
};

static long long now_ms(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/*
 * The child: look, and write what was found. It may stay for ever, and must not hold open what the
 * reader of our output waits for.
 */
static _Noreturn void look(const struct check *c, const char *image, int out)
{
	struct findings own = { .check = c->name };
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (null_fd < 0 || dup2(null_fd, fd) < 0)
			_exit(1);
	c->look(&own, image);
	if (own.failed || fd_write_full(out, own.v, own.n * sizeof(*own.v)) < 0)
		_exit(1);
	_exit(0);
}

/* Take one finding after the other until the end, or the deadline. */
static bool take(struct findings *f, int in)
{
	const long long end = now_ms() + CHECK_MS;
	struct finding one;
	size_t have = 0;

	for (;;) {
		long long left = end - now_ms();
		struct pollfd p = { .fd = in, .events = POLLIN };
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return false;
		n = read(in, (char *)&one + have, sizeof(one) - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return true;
		have += (size_t)n;
		if (have < sizeof(one))
			continue;
		have = 0;
		if (one.result == FINDING_OK)
			finding_ok(f, "%s", one.text);
		else if (one.result == FINDING_WARN)
			finding_warn(f, one.mend, "%s", one.text);
		else
			finding_fail(f, one.mend, "%s", one.text);
	}
}

/*
 * A child that hangs in the kernel, on a dead file server, cannot be killed and must not be waited
 * for: it is init's once this process ends.
 */
static void run_check(struct findings *f, const struct check *c, const char *image)
{
	int pipe_fd[2], status = 0;
	bool ended;
	pid_t pid;

	f->check = c->name;
	if (pipe2(pipe_fd, O_CLOEXEC) < 0) {
		finding_fail(f, NULL, "cannot look: %s", strerror(errno));
		return;
	}
	pid = fork();
	if (pid == 0)
		look(c, image, pipe_fd[1]);
	(void)close(pipe_fd[1]);
	if (pid < 0) {
		finding_fail(f, "ulimit -u", "cannot look: %s", strerror(errno));
		(void)close(pipe_fd[0]);
		return;
	}
	ended = take(f, pipe_fd[0]);
	(void)close(pipe_fd[0]);
	if (!ended) {
		(void)kill(pid, SIGKILL);
		finding_fail(f, "a file system may hang: see df, and dmesg", "no answer within %d s", CHECK_MS / 1000);
		return;
	}
	if (waitpid(pid, &status, 0) == pid && status != 0)
		finding_fail(f, NULL, "the check ended before it was done");
}

static int tell(const struct findings *f, bool json)
{
	cleanup(strbuf_done) struct strbuf b = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	bool failed = false;
	int rc;

	for (size_t i = 0; i < f->n; i++) {
		failed |= f->v[i].result == FINDING_FAIL;
		if (!json)
			text_lines(&b, &f->v[i]);
	}
	if (json)
		text_json(&b, f->v, f->n);
	if (f->failed || !strbuf_ok(&b)) {
		berth_fail(&err, BERTH_ESYS, ENOMEM, "cannot show what was found");
		return cli_fail("doctor", &err);
	}
	(void)fwrite(b.text, 1, b.len, stdout);
	rc = cli_flush();
	return rc != STATUS_OK ? rc : failed ? STATUS_FAILED : STATUS_OK;
}

int cmd_doctor(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	char help[] = "help", *ask[] = { help, argv[0], NULL };
	cleanup(findings_done) struct findings found = { 0 };
	struct berth_err err = BERTH_ERR_INIT;
	cleanup(room_spec_done) struct room_spec spec = ROOM_SPEC_INIT;
	cleanup(capture_end) struct capture got = CAPTURE_INIT;
	bool json = false, told = false;
	const char *image = NULL;
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+jh", longs, NULL)) != -1) {
		if (c == 'h')
			return cmd_help(2, ask);
		if (c != 'j') {
			(void)absent_getopt("doctor", argv, &err);
			return cli_fail("doctor", &err);
		}
		json = true;
	}
	if (argc - optind > 1) {
		berth_fail(&err, BERTH_EUSAGE, 0, "doctor takes one image, or none");
		return cli_fail("doctor", &err);
	}
	image = argv[optind];
	if (image && reference_is_fetched(image)) {
		if (resolve_image(image, &spec, &got, &told, &err) < 0)
			return told ? status_of(err.code) : cli_fail("doctor", &err);
		image = spec.image;
	}
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		if (image || !checks[i].image)
			run_check(&found, &checks[i], image);
	return tell(&found, json);
}
