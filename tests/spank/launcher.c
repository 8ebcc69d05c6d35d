/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * launcher.c - a berth-launcher that fails on demand, for the plugin's tests.
 *
 * It speaks step_wire.h from the launcher's side. How it behaves is the last component of the
 * image's path, because the plugin lets nothing else through to it.
 */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/view/spec.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/msg.h"
#include "libimage/base/path.h"
#include "libimage/base/step_wire.h"

static const char *mode;

static bool is(const char *name)
{
	return strcmp(mode, name) == 0;
}

/* Everything the contract promises about this process; the test sees a failure as no room. */
static void check_birth(void)
{
	sigset_t mask;
	struct stat st;

	if (sigprocmask(SIG_SETMASK, NULL, &mask) < 0 || sigismember(&mask, SIGTERM) ||
	    getsid(0) != getpid() || getenv("HOME") || getenv("SLURM_BERTH_IMAGE"))
		_exit(40);
	for (int fd = 0; fd < 3; fd++)
		if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode))
			_exit(41);
	for (int fd = STEP_FD + 1; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			_exit(42);
}

static void read_request(struct step_request *rq, struct room_spec *spec)
{
	cleanup(msg_fds_close) struct msg_fds fds = MSG_FDS_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	char *bytes;

	if (msg_recv(STEP_FD, rq, sizeof(*rq), &fds, 5000, &err) != 1 || fds.n != 1 ||
	    rq->magic != STEP_MAGIC || rq->ngroups != 2)
		_exit(43);
	bytes = malloc(rq->spec_bytes + 1);
	if (!bytes || fd_pread_full(fds.fd[0], bytes, rq->spec_bytes, rq->ngroups * sizeof(gid_t)) < 0 ||
	    room_spec_unpack(bytes, rq->spec_bytes, spec, &err) < 0)
		_exit(44);
	free(bytes);
}

/* The room: the task's own namespace again, with an empty /sys/kernel to tell it by. */
static int make_room(int base)
{
	if (setns(base, CLONE_NEWNS) < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount("room", "/sys/kernel", "tmpfs", 0, "mode=0711") < 0)
		_exit(45);
	return open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
}

static void answer_one(int sock, int room, pid_t server, const struct step_request *rq)
{
	struct step_answer a = { .magic = STEP_MAGIC, .server = server };
	struct msg_fds fds = { .fd = { room, room }, .n = 1 };
	struct berth_err err = BERTH_ERR_INIT;

	if (rq->verbose)
		(void)snprintf(a.note, sizeof(a.note), "room 1.00 ms\x1b[2J");
	if (is("magic"))
		a.magic++;
	if (is("error")) {
		berth_fail(&a.err, BERTH_EIMAGE, 0, "the image is \x1b[31mred\n%%s%%n");
		berth_hint(&a.err, "paint it");
		fds.n = 0;
	}
	if (is("unterminated")) {
		a.err.code = BERTH_EIMAGE;
		memset(a.err.text, 'x', sizeof(a.err.text));
		memset(a.err.hint, 'y', sizeof(a.err.hint));
		fds.n = 0;
	}
	if (is("no-fd"))
		fds.n = 0;
	if (is("two-fds"))
		fds.n = 2;
	if (is("wrong-fd"))
		fds.fd[0] = 0;
	(void)msg_send(sock, &a, is("short") ? sizeof(a) - 1 : sizeof(a), &fds, &err);
}

static void *stay(void *arg)
{
	(void)arg;
	(void)pause();
	return NULL;
}

/* On its way out, as far as the kernel shows it, but not gone: its first thread has ended. */
static void leave(void)
{
	pthread_t other;

	if (pthread_create(&other, NULL, stay, NULL) == 0)
		(void)syscall(SYS_exit, 0);
}

static bool has_left(pid_t pid)
{
	char path[32], state = '?';
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f && fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	if (f)
		(void)fclose(f);
	return state == 'Z';
}

/* A stand-in for berth-imgfs, and what the real launcher leaves with slurmstepd. */
static pid_t start_server(int room)
{
	const struct step_hold h = { .magic = STEP_MAGIC + is("server-dead-other-hold") };
	const struct msg_fds fds = { .fd = { room }, .n = 1 };
	struct berth_err err = BERTH_ERR_INIT;
	pid_t pid = fork();

	if (pid == 0) {
		(void)alarm(10);
		if (is("server-leaving"))
			leave();
		(void)pause();
		_exit(0);
	}
	while (is("server-leaving") && !has_left(pid))
		(void)usleep(1000);
	if (is("server-dead") || is("server-dead-unheld") || is("server-dead-other-hold")) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	if (is("server-zombie")) {
		(void)kill(pid, SIGKILL);
		(void)waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
	}
	if (!is("server-dead-unheld"))
		(void)msg_send(STEP_FD, &h, sizeof(h), &fds, &err);
	return pid;
}

static void serve(const struct step_request *rq)
{
	struct berth_err err = BERTH_ERR_INIT;
	pid_t server = 0;
	int room = -1;

	for (uint32_t i = 0; i < rq->ntasks; i++) {
		cleanup(msg_fds_close) struct msg_fds fds = MSG_FDS_INIT;
		struct step_join join;

		if (msg_recv(STEP_FD, &join, sizeof(join), &fds, 20000, &err) != 1)
			return;
		if (join.magic != STEP_MAGIC || fds.n != 2 || join.pid <= 0 || join.localid >= rq->ntasks)
			_exit(46);
		if (is("pmix") && !strstr(join.pmix_dir, "/pmix.7.0"))
			_exit(51);
		if (is("die-at-join") || (is("die-at-second") && i == 1))
			_exit(47);
		if (is("silent"))
			(void)pause();
		if (room < 0)
			room = make_room(fds.fd[0]);
		if (server == 0 && strncmp(mode, "server-", 7) == 0)
			server = start_server(room);
		answer_one(fds.fd[1], room, server, rq);
	}
	/* A zombie is one for as long as its parent lives; all are ended by the socket's end. */
	if (is("server-zombie") || is("server-alive") || is("server-leaving"))
		(void)msg_recv(STEP_FD, &room, sizeof(room), NULL, 10000, &err);
	if (is("server-alive") || is("server-leaving"))
		(void)kill(server, SIGKILL);
}

int main(int argc, char **argv)
{
	struct step_request rq;
	struct room_spec spec = ROOM_SPEC_INIT;

	if (argc != 3 || strcmp(argv[1], "--step") != 0 || strcmp(argv[2], "--detach") != 0)
		return 48;
	(void)alarm(30); /* no test needs longer, and none must leave this behind */
	check_birth();
	if (fork() > 0)
		return 0;
	(void)alarm(30); /* it is not inherited */
	read_request(&rq, &spec);
	mode = path_base(spec.image);
	if (is("die-early"))
		return 49;
	if (is("stopped"))
		(void)raise(SIGSTOP);
	if (is("binds") && (spec.binds.n != 2 || !spec.pwd || spec.env.n != 1 || !spec.user ||
			    !spec.home || spec.uid != rq.uid))
		return 50;
	serve(&rq);
	room_spec_done(&spec);
	return 0;
}
