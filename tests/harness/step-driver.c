/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * step-driver.c - plays slurmstepd for berth-launcher --step: a step without Slurm, and the
 * ways in which a peer can be wrong.
 *
 *   step-driver --uid N [OPTION...] IMAGE PROGRAM [ARG...]
 *
 *   --uid N, --gid N, --groups A,B,...   who the step is (gid and groups: default the uid)
 *   --tasks N              so many tasks, one after the other joined, all at once running
 *   --bind SRC[:DST[:ro]]  as often as wanted
 *   --home DIR, --cwd DIR, --user NAME
 *   --kind dir|sif|squashfs   what the image is said to be; default: not known
 *   --wait MS              the room's deadline
 *   --via PROGRAM          start the launcher as the last argument but one of that program (strace)
 *   --private              each task has a mount namespace of its own, as with job_container
 *   --hold                 keep slurmstepd's end open until the launcher has ended
 *   --wrong WHAT           misbehave, see 'wrongs' below
 *
 * A task does what the plugin does: joins, becomes the user for good, execs. Prints "launcher:
 * exit N" or "launcher: signal N" on standard error at the end; exits as the first task that
 * failed, 125 when it was refused, 99 when the launcher had not ended in time.
 *
 * Runs as:  root, in a test.
 */
#include "config.h"
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "launcher/room/drop.h"
#include "launcher/view/spec.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "libimage/base/msg.h"
#include "libimage/base/step_wire.h"

enum { TASKS_MAX = 256, GROUPS_MAX = STEP_GROUPS_MAX + 1, VIA_MAX = 32, LATE_S = 20 };

enum wrong {
	RIGHT,
	W_REQUEST_MAGIC,   /* of another version */
	W_REQUEST_SHORT,   /* one byte less */
	W_REQUEST_LONG,	   /* 64 KiB + 1 */
	W_REQUEST_FDS,	   /* more descriptors than any message has */
	W_REQUEST_NO_FD,   /* no spec */
	W_REQUEST_TWICE,
	W_REQUEST_NONE,	   /* a join comes first */
	W_REQUEST_EOF,	   /* nothing comes */
	W_GROUPS_HUGE,	   /* 2^32 - 1 of them, on paper */
	W_SPEC_HUGE,
	W_TASKS_HUGE,
	W_SPEC_SHORT,	   /* the file has fewer bytes than said */
	W_SPEC_PIPE,
	W_SPEC_DIR,
	W_SPEC_NOISE,	   /* not packed by room_spec_pack() */
	W_SPEC_OTHER_UID,  /* the spec says root */
	W_JOIN_MAGIC,
	W_JOIN_SHORT,
	W_JOIN_NO_FD,
	W_JOIN_ONE_FD,
	W_JOIN_FDS,
	W_JOIN_NOT_NS,	   /* /dev/null as the namespace */
	W_JOIN_OTHER_NS,   /* a network namespace */
	W_JOIN_NO_SOCKET,  /* /dev/null to answer to */
	W_JOIN_DEAF,	   /* gone before the answer */
	W_JOIN_PID,	   /* a process that is not there */
	W_JOIN_EOF,	   /* slurmstepd dies after the request */
	WRONGS,
};

static const char *const wrongs[WRONGS] = {
	[RIGHT] = "nothing",
	[W_REQUEST_MAGIC] = "request-magic", [W_REQUEST_SHORT] = "request-short",
	[W_REQUEST_LONG] = "request-long", [W_REQUEST_FDS] = "request-fds",
	[W_REQUEST_NO_FD] = "request-no-fd", [W_REQUEST_TWICE] = "request-twice",
	[W_REQUEST_NONE] = "request-none", [W_REQUEST_EOF] = "request-eof",
	[W_GROUPS_HUGE] = "groups-huge", [W_SPEC_HUGE] = "spec-huge", [W_TASKS_HUGE] = "tasks-huge",
	[W_SPEC_SHORT] = "spec-short", [W_SPEC_PIPE] = "spec-pipe", [W_SPEC_DIR] = "spec-dir",
	[W_SPEC_NOISE] = "spec-noise", [W_SPEC_OTHER_UID] = "spec-other-uid",
	[W_JOIN_MAGIC] = "join-magic", [W_JOIN_SHORT] = "join-short", [W_JOIN_NO_FD] = "join-no-fd",
	[W_JOIN_ONE_FD] = "join-one-fd", [W_JOIN_FDS] = "join-fds", [W_JOIN_NOT_NS] = "join-not-ns",
	[W_JOIN_OTHER_NS] = "join-other-ns", [W_JOIN_NO_SOCKET] = "join-no-socket",
	[W_JOIN_DEAF] = "join-deaf", [W_JOIN_PID] = "join-pid", [W_JOIN_EOF] = "join-eof",
};

struct driver {
	struct room_spec spec;
	struct step_request req;
	gid_t groups[GROUPS_MAX];
	char *via[VIA_MAX];
	int nvia;
	bool private_ns, hold;
	enum wrong wrong;
	char **argv;
	int sock; /* slurmstepd's end */
	pid_t launcher;
	void (*sigchld)(int); /* as we found it: for the launcher, not for our own waiting */
};

static struct driver d = { .spec = ROOM_SPEC_INIT, .req = { .magic = STEP_MAGIC, .ntasks = 1 } };

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "step-driver: %s: %s\n", what, strerror(errno));
	exit(98);
}

static void check(int rc, const char *what)
{
	if (rc < 0)
		die(what);
}

static uint32_t number(const char *text)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*end || end == text)
		die(text);
	return (uint32_t)v;
}

static void set_groups(const char *arg)
{
	cleanup_free char *text = strdup(arg);
	char *save = NULL;

	/* "many": as many as the kernel takes; "more": one over */
	if (text && (strcmp(text, "many") == 0 || strcmp(text, "more") == 0)) {
		d.req.ngroups = STEP_GROUPS_MAX + (text[2] == 'r');
		for (uint32_t i = 0; i < d.req.ngroups; i++)
			d.groups[i] = 100000 + i;
		return;
	}
	for (char *g = text ? strtok_r(text, ",", &save) : NULL; g; g = strtok_r(NULL, ",", &save))
		d.groups[d.req.ngroups++] = number(g);
}

static void set_wrong(const char *arg)
{
	for (int i = 0; i < WRONGS; i++)
		if (strcmp(arg, wrongs[i]) == 0) {
			d.wrong = (enum wrong)i;
			return;
		}
	errno = EINVAL;
	die(arg);
}

static void set_kind(const char *arg)
{
	d.req.image_kind = strcmp(arg, "dir") == 0 ? IMAGE_DIR
			   : strcmp(arg, "sif") == 0 ? IMAGE_SIF : IMAGE_SQUASHFS;
}

static void set(int opt, char *arg)
{
	struct berth_err err = BERTH_ERR_INIT;

	switch (opt) {
	case 'u': d.req.uid = d.req.gid = number(arg); break;
	case 'g': d.req.gid = number(arg); break;
	case 'G': set_groups(arg); break;
	case 'n': d.req.ntasks = number(arg); break;
	case 'H': d.spec.home = arg; break;
	case 'C': d.spec.cwd = arg; break;
	case 'N': d.spec.user = arg; break;
	case 'k': set_kind(arg); break;
	case 'w': d.req.wait_ms = number(arg); break;
	case 'p': d.private_ns = true; break;
	case 'h': d.hold = true; break;
	case 'x': set_wrong(arg); break;
	case 'v':
		if (d.nvia < VIA_MAX)
			d.via[d.nvia++] = arg;
		break;
	case 'b':
		if (bind_parse(arg, &d.spec.binds, &err) < 0) {
			(void)fprintf(stderr, "step-driver: %s\n", err.text);
			exit(98);
		}
		break;
	default: exit(98);
	}
}

static void options(int argc, char **argv)
{
	static const struct option table[] = {
		{ "uid", 1, NULL, 'u' },   { "gid", 1, NULL, 'g' },  { "groups", 1, NULL, 'G' },
		{ "tasks", 1, NULL, 'n' }, { "home", 1, NULL, 'H' }, { "cwd", 1, NULL, 'C' },
		{ "user", 1, NULL, 'N' },  { "kind", 1, NULL, 'k' }, { "wait", 1, NULL, 'w' },
		{ "private", 0, NULL, 'p' }, { "hold", 0, NULL, 'h' }, { "wrong", 1, NULL, 'x' },
		{ "via", 1, NULL, 'v' },   { "bind", 1, NULL, 'b' }, { NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "+", table, NULL)) != -1)
		set(opt, optarg);
	if (argc - optind < 2 || d.req.ntasks > TASKS_MAX) {
		errno = EINVAL;
		die("usage");
	}
	if (d.req.ngroups == 0)
		d.groups[d.req.ngroups++] = d.req.gid;
	d.spec.image = argv[optind];
	/* -1 is for the request alone: no spec can say it. */
	d.spec.uid = d.req.uid == UINT32_MAX ? 1 : d.req.uid;
	d.spec.gid = d.req.gid == UINT32_MAX ? 1 : d.req.gid;
	d.argv = argv + optind + 1;
}

static void start_launcher(void)
{
	static char path[] = BERTH_LIBEXEC "/berth-launcher", step[] = "--step";
	struct berth_err err = BERTH_ERR_INIT;
	char *argv[VIA_MAX + 3];
	int pair[2];

	check(msg_pair(pair, &err), "socketpair");
	memcpy(argv, d.via, sizeof(d.via));
	argv[d.nvia] = path;
	argv[d.nvia + 1] = step;
	argv[d.nvia + 2] = NULL;
	d.launcher = fork();
	check(d.launcher, "fork");
	if (d.launcher == 0) {
		/* Not dup2() alone: onto itself it would keep close-on-exec. */
		int fd = fcntl(pair[1], F_DUPFD_CLOEXEC, 10);

		(void)signal(SIGCHLD, d.sigchld);
		if (fd >= 0 && dup2(fd, STEP_FD) == STEP_FD)
			(void)execvp(argv[0], argv);
		_exit(98);
	}
	(void)close(pair[1]);
	d.sock = fcntl(pair[0], F_DUPFD_CLOEXEC, 20);
	check(d.sock, "dup");
	(void)close(pair[0]);
}

/* As msg_send(), with 100 descriptors, which is more than any message of Berth's has. */
static void send_many(const void *what, size_t n)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * 100)];
		struct cmsghdr align;
	} ctl = { .space = "" };
	struct iovec iov = { .iov_base = (void *)(size_t)what, .iov_len = n };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = sizeof(ctl),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * 100);
	for (size_t i = 0; i < 100; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &(int){ 1 }, sizeof(int));
	check((int)sendmsg(d.sock, &mh, MSG_NOSIGNAL), "send 100 descriptors");
}

/* The file that comes with the request. */
static int spec_file(void)
{
	cleanup(strbuf_done) struct strbuf spec = STRBUF_INIT, all = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	int p[2];

	if (d.wrong == W_SPEC_OTHER_UID)
		d.spec.uid = d.spec.gid = 0;
	if (room_spec_pack(&d.spec, &spec, &err) < 0) {
		(void)fprintf(stderr, "step-driver: %s\n", err.text);
		exit(98);
	}
	if (d.wrong == W_SPEC_NOISE)
		memset(spec.text, 0xa5, spec.len - 1);
	strbuf_add(&all, d.groups, d.req.ngroups * sizeof(gid_t));
	strbuf_add(&all, spec.text, spec.len);
	d.req.spec_bytes = (uint32_t)spec.len;
	if (d.wrong == W_SPEC_PIPE)
		return pipe2(p, O_CLOEXEC) < 0 ? -1 : p[0];
	if (d.wrong == W_SPEC_DIR)
		return open("/", O_RDONLY | O_CLOEXEC);
	return fd_memfile("spec", all.text, d.wrong == W_SPEC_SHORT ? all.len / 2 : all.len);
}

static void send_request(void)
{
	static char big[65536 + 1];
	struct berth_err err = BERTH_ERR_INIT;
	struct msg_fds fds = { .n = 1 };
	size_t n = sizeof(d.req);
	const void *what = &d.req;

	fds.fd[0] = spec_file();
	check(fds.fd[0], "spec");
	if (d.wrong == W_REQUEST_MAGIC)
		d.req.magic++;
	if (d.wrong == W_GROUPS_HUGE)
		d.req.ngroups = UINT32_MAX;
	if (d.wrong == W_SPEC_HUGE)
		d.req.spec_bytes = UINT32_MAX;
	if (d.wrong == W_TASKS_HUGE)
		d.req.ntasks = UINT32_MAX;
	if (d.wrong == W_REQUEST_SHORT)
		n--;
	if (d.wrong == W_REQUEST_LONG) {
		memcpy(big, &d.req, sizeof(d.req));
		what = big;
		n = sizeof(big);
	}
	if (d.wrong == W_REQUEST_NO_FD)
		fds.n = 0;
	if (d.wrong == W_REQUEST_FDS)
		send_many(what, n);
	else
		check(msg_send(d.sock, what, n, &fds, &err), "send the request");
	if (d.wrong == W_REQUEST_TWICE)
		check(msg_send(d.sock, what, n, &fds, &err), "send the request again");
	if (d.wrong == W_TASKS_HUGE)
		d.req.ntasks = 1;
	msg_fds_close(&fds);
}

static void send_join(int answer, uint32_t localid)
{
	static struct step_join join = { .magic = STEP_MAGIC };
	struct berth_err err = BERTH_ERR_INIT;
	struct msg_fds fds = { .n = 2 };
	size_t n = sizeof(join);

	fds.fd[0] = open(d.wrong == W_JOIN_NOT_NS    ? "/dev/null"
			 : d.wrong == W_JOIN_OTHER_NS ? "/proc/self/ns/net"
						      : "/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	check(fds.fd[0], "the mount namespace");
	fds.fd[1] = d.wrong == W_JOIN_NO_SOCKET ? open("/dev/null", O_RDWR | O_CLOEXEC) : answer;
	join.pid = d.wrong == W_JOIN_PID ? 0x7ffffff : getpid();
	join.localid = localid;
	if (d.wrong == W_JOIN_MAGIC)
		join.magic++;
	if (d.wrong == W_JOIN_SHORT)
		n /= 2;
	if (d.wrong == W_JOIN_NO_FD)
		fds.n = 0;
	if (d.wrong == W_JOIN_ONE_FD)
		fds.n = 1;
	if (d.wrong == W_JOIN_FDS)
		send_many(&join, n);
	else
		(void)msg_send(d.sock, &join, n, &fds, &err);
}

/* One task: join, become the user, exec. Never returns. */
static _Noreturn void task(uint32_t localid)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct step_answer a;
	struct msg_fds room = MSG_FDS_INIT;
	int pair[2], rc;

	if (d.private_ns)
		check(unshare(CLONE_NEWNS), "unshare");
	check(msg_pair(pair, &err), "socketpair");
	send_join(pair[1], localid);
	(void)close(pair[1]);
	(void)close(d.sock);
	if (d.wrong == W_JOIN_DEAF)
		_exit(124);
	rc = msg_recv(pair[0], &a, sizeof(a), &room, LATE_S * 1000, &err);
	if (rc <= 0) {
		(void)fprintf(stderr, "task %u: no answer\n", localid);
		_exit(125);
	}
	if (a.err.code != BERTH_OK || room.n != 1) {
		(void)fprintf(stderr, "task %u: refused: %s\n", localid, a.err.text);
		_exit(125);
	}
	check(setns(room.fd[0], CLONE_NEWNS), "setns");
	msg_fds_close(&room);
	(void)close(pair[0]);
	if (drop_to(d.req.uid, d.req.gid, d.groups, d.req.ngroups, &err) < 0) {
		(void)fprintf(stderr, "task %u: %s\n", localid, err.text);
		_exit(125);
	}
	if (!d.spec.cwd || chdir(d.spec.cwd) < 0)
		check(chdir("/"), "chdir");
	(void)execvp(d.argv[0], d.argv);
	(void)fprintf(stderr, "task %u: %s: %s\n", localid, d.argv[0], strerror(errno));
	_exit(127);
}

static int exit_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int wait_launcher(void)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	int status;

	for (int i = 0; i < LATE_S * 1000; i++) {
		if (waitpid(d.launcher, &status, WNOHANG) == d.launcher) {
			(void)fprintf(stderr, "launcher: %s %d\n", WIFEXITED(status) ? "exit" : "signal",
				      WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
			return 0;
		}
		(void)nanosleep(&ms, NULL);
	}
	(void)kill(d.launcher, SIGKILL);
	(void)waitpid(d.launcher, &status, 0);
	(void)fprintf(stderr, "launcher: late\n");
	return 99;
}

int main(int argc, char **argv)
{
	pid_t pids[TASKS_MAX];
	int rc = 0, status;

	options(argc, argv);
	d.sigchld = signal(SIGCHLD, SIG_DFL);
	start_launcher();
	if (d.wrong != W_REQUEST_NONE && d.wrong != W_REQUEST_EOF)
		send_request();
	for (uint32_t i = 0; i < d.req.ntasks && d.wrong != W_REQUEST_EOF && d.wrong != W_JOIN_EOF; i++) {
		pids[i] = fork();
		check(pids[i], "fork");
		if (pids[i] == 0)
			task(i);
	}
	if (!d.hold)
		(void)close(d.sock);
	for (uint32_t i = 0; i < d.req.ntasks && d.wrong != W_REQUEST_EOF && d.wrong != W_JOIN_EOF; i++) {
		(void)waitpid(pids[i], &status, 0);
		if (rc == 0)
			rc = exit_of(status);
	}
	return wait_launcher() ? 99 : rc;
}
