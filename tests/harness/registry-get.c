/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * registry-get.c - the calls of libimage/registry, one by one, for tests.
 *
 *   registry-get [OPTION...] ping HOST
 *   registry-get [OPTION...] manifest HOST REPO WHAT          its type and digest, then its bytes
 *   registry-get [OPTION...] resolve HOST REPO TAG
 *   registry-get [OPTION...] small HOST REPO DIGEST SIZE      a blob, to standard output
 *   registry-get [OPTION...] blobs HOST REPO {DIGEST SIZE FILE}...    a FILE that is there goes on
 *   registry-get [OPTION...] push-blob HOST REPO DIGEST FILE [FROM]
 *   registry-get [OPTION...] push-manifest HOST REPO WHAT TYPE FILE
 *
 *   -n  plain http     -i HOST  insecure   -m MIRROR       -c FILE  authorities   -a FILE  logins
 *   -u NAME  with the password in REGISTRY_GET_PASSWORD     -p N  at a time        -s N  seconds of silence
 *
 * Notes and errors go to standard error. SIGINT stops it as it would a program with cancel_fd.
 * Exit status: 0, or the error's code.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/num.h"
#include "libimage/ref/hasher.h"
#include "libimage/registry/registry.h"

enum { LIST_MAX = 16, BLOBS_MAX = 64 };

static struct {
	struct registry_options opt;
	const char *insecure[LIST_MAX + 1], *mirrors[LIST_MAX + 1], *authfiles[LIST_MAX + 1];
	size_t ninsecure, nmirrors, nauthfiles;
} get = { .opt = { .cancel_fd = -1 } };

static void note(void *arg, const char *text)
{
	(void)arg;
	(void)fprintf(stderr, "note: %s\n", text);
}

static uint64_t number(const char *text)
{
	uint64_t v = 0;

	if (num_parse_u64(text, UINT64_MAX, &v) < 0) {
		(void)fprintf(stderr, "'%s' is no number\n", text);
		exit(99);
	}
	return v;
}

static void options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "+ni:m:c:a:u:p:s:")) != -1) {
		if (c == 'n')
			get.opt.plain_http = true;
		else if (c == 'i' && get.ninsecure < LIST_MAX)
			get.insecure[get.ninsecure++] = optarg;
		else if (c == 'm' && get.nmirrors < LIST_MAX)
			get.mirrors[get.nmirrors++] = optarg;
		else if (c == 'c')
			get.opt.ca_file = optarg;
		else if (c == 'a' && get.nauthfiles < LIST_MAX)
			get.authfiles[get.nauthfiles++] = optarg;
		else if (c == 'u')
			get.opt.user = optarg;
		else if (c == 'p')
			get.opt.parallel = (unsigned int)number(optarg);
		else if (c == 's')
			get.opt.silence_s = (unsigned int)number(optarg);
		else
			exit(99);
	}
	get.opt.insecure = get.insecure;
	get.opt.mirrors = get.nmirrors > 0 ? get.mirrors : NULL;
	get.opt.authfiles = get.authfiles;
	get.opt.password = get.opt.user ? getenv("REGISTRY_GET_PASSWORD") : NULL;
	get.opt.note = note;
}

/* A blob that is written to a file. */
struct out {
	const char *path;
	struct hasher *sum;
	struct digest want;
	int fd;
};

static int on_data(void *arg, const void *p, size_t n, struct berth_err *err)
{
	struct out *o = arg;

	hasher_add(o->sum, p, n);
	return fd_write_full(o->fd, p, n) < 0 ? berth_fail(err, BERTH_ESYS, errno, "'%s'", o->path) : 0;
}

static int on_restart(void *arg, struct berth_err *err)
{
	struct out *o = arg;

	(void)fprintf(stderr, "restart: %s\n", o->path);
	hasher_free(o->sum);
	o->sum = hasher_new(o->want.text);
	if (ftruncate(o->fd, 0) < 0 || lseek(o->fd, 0, SEEK_SET) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "'%s'", o->path);
	return 0;
}

static int on_end(void *arg, struct berth_err *err)
{
	struct out *o = arg;
	struct digest got;

	if (hasher_end(o->sum, &got) < 0 || !digest_equal(&got, &o->want))
		return berth_fail(err, BERTH_EIMAGE, 0, "'%s' is not %s", o->path, o->want.text);
	(void)printf("%s\n", o->path);
	return 0;
}

static int blobs(struct registry *r, char **argv, struct berth_err *err)
{
	static struct registry_job jobs[BLOBS_MAX];
	static struct out outs[BLOBS_MAX];
	size_t n = 0;

	for (; argv[0] && argv[1] && argv[2] && n < BLOBS_MAX; argv += 3, n++) {
		struct registry_job *j = &jobs[n];
		struct out *o = &outs[n];
		char buf[4096];
		ssize_t got;

		*j = (struct registry_job){ .size = number(argv[1]), .data = on_data, .restart = on_restart,
					    .end = on_end, .arg = o };
		if (digest_parse(argv[0], &j->digest, err) < 0)
			return -1;
		*o = (struct out){ .path = argv[2], .want = j->digest, .sum = hasher_new(argv[0]) };
		o->fd = open(argv[2], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (o->fd < 0)
			return berth_fail(err, BERTH_ESYS, errno, "'%s'", argv[2]);
		while ((got = read(o->fd, buf, sizeof(buf))) > 0) {
			hasher_add(o->sum, buf, (size_t)got);
			j->have += (uint64_t)got;
		}
	}
	return registry_fetch(r, jobs, n, err);
}

static int push(struct registry *r, bool blob, char **argv, struct berth_err *err)
{
	const char *path = blob ? argv[1] : argv[2];
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_free char *bytes = NULL;
	struct digest digest;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "'%s'", path);
	if (blob) {
		if (digest_parse(argv[0], &digest, err) < 0)
			return -1;
		return registry_push_blob(r, &digest, fd, 0, (uint64_t)st.st_size, argv[2], err);
	}
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes || fd_pread_full(fd, bytes, (size_t)st.st_size, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "'%s'", path);
	return registry_push_manifest(r, argv[0], bytes, (size_t)st.st_size, argv[1], err);
}

static int run(struct registry *r, const char *verb, char **argv, struct berth_err *err)
{
	cleanup(registry_doc_done) struct registry_doc doc = { 0 };
	cleanup(strbuf_done) struct strbuf bytes = STRBUF_INIT;
	struct digest digest;

	if (strcmp(verb, "ping") == 0)
		return registry_ping(r, err);
	if (strcmp(verb, "blobs") == 0)
		return blobs(r, argv, err);
	if (strcmp(verb, "push-blob") == 0 || strcmp(verb, "push-manifest") == 0)
		return push(r, strcmp(verb, "push-blob") == 0, argv, err);
	if (strcmp(verb, "manifest") == 0) {
		if (registry_manifest(r, argv[0], &doc, err) < 0)
			return -1;
		(void)printf("%s\n%s\n%s\n", doc.type, doc.digest.text, doc.bytes.text ? doc.bytes.text : "");
		return 0;
	}
	if (strcmp(verb, "resolve") == 0) {
		if (registry_resolve(r, argv[0], &digest, err) < 0)
			return -1;
		(void)printf("%s\n", digest.text);
		return 0;
	}
	if (digest_parse(argv[0], &digest, err) < 0 ||
	    registry_small_blob(r, &digest, number(argv[1]), 1 << 20, &bytes, err) < 0)
		return -1;
	(void)fwrite(bytes.text, 1, bytes.len, stdout);
	return 0;
}

int main(int argc, char **argv)
{
	cleanup(registry_closep) struct registry *r = NULL;
	struct berth_err err = BERTH_ERR_INIT;
	const char *verb, *repo;
	sigset_t set;
	bool ping;

	options(argc, argv);
	if (argc - optind < 2)
		return 99;
	verb = argv[optind];
	ping = strcmp(verb, "ping") == 0;
	repo = ping ? NULL : argv[optind + 2];
	get.opt.push = strncmp(verb, "push", 4) == 0;
	(void)signal(SIGINT, SIG_DFL); /* a shell lets what it starts in the background ignore it */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	get.opt.cancel_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (registry_open(argv[optind + 1], repo, &get.opt, &r, &err) == 0 &&
	    run(r, verb, argv + optind + (ping ? 2 : 3), &err) == 0)
		return 0;
	(void)fprintf(stderr, "error %d: %s\n%s%s%s", (int)err.code, err.text, err.hint[0] ? "hint: " : "", err.hint,
		      err.hint[0] ? "\n" : "");
	return (int)err.code;
}
