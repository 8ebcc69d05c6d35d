/* SPDX-License-Identifier: BSD-3-Clause */
/* spawn.c - start berth-launcher --step; see spawn.h. */
#include "config.h"
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "launcher/view/spec.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/msg.h"
#include "libimage/base/step_wire.h"
#include "plugin/spawn.h"
#include "plugin/task.h"

static const char launcher_path[] = BERTH_LIBEXEC "/berth-launcher";

/* posix_spawn's functions return the error; the first one that fails counts. */
static int set_up(posix_spawn_file_actions_t *fa, posix_spawnattr_t *at, int sock)
{
	const short flags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	sigset_t none, all;
	int rc = 0;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	rc = rc ? rc : posix_spawnattr_setflags(at, flags);
	rc = rc ? rc : posix_spawnattr_setsigmask(at, &none);
	rc = rc ? rc : posix_spawnattr_setsigdefault(at, &all);
	rc = rc ? rc : posix_spawn_file_actions_addopen(fa, 0, "/dev/null", O_RDWR, 0);
	rc = rc ? rc : posix_spawn_file_actions_adddup2(fa, 0, 1);
	rc = rc ? rc : posix_spawn_file_actions_adddup2(fa, 0, 2);
	rc = rc ? rc : posix_spawn_file_actions_adddup2(fa, sock, STEP_FD);
#if __GLIBC_PREREQ(2, 34)
	/* Older ones: slurmstepd's are O_CLOEXEC, and the launcher closes what it did not ask for. */
	rc = rc ? rc : posix_spawn_file_actions_addclosefrom_np(fa, STEP_FD + 1);
#endif
	return rc;
}

/* PRIV: posix_spawn runs only async-signal-safe code in the child, as slurmstepd's threads
 * demand; program, arguments and environment are constants. */
static int run(int sock, pid_t *ret_pid)
{
	char *argv[] = { (char[]){ "berth-launcher" }, (char[]){ "--step" }, (char[]){ "--detach" }, NULL };
	char *envp[] = { (char[]){ "PATH=/usr/bin:/bin" }, (char[]){ "LC_ALL=C" }, NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	int rc = posix_spawn_file_actions_init(&fa);

	if (rc)
		return rc;
	rc = posix_spawnattr_init(&at);
	if (rc == 0) {
		rc = set_up(&fa, &at, sock);
		rc = rc ? rc : posix_spawn(ret_pid, launcher_path, &fa, &at, argv, envp);
		(void)posix_spawnattr_destroy(&at);
	}
	(void)posix_spawn_file_actions_destroy(&fa);
	return rc;
}

static int pack(const struct spawn_request *rq, struct step_request *head, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf bytes = STRBUF_INIT;
	size_t groups = sizeof(gid_t) * (size_t)rq->ngroups;
	int fd;

	if (rq->ngroups > 0)
		strbuf_add(&bytes, rq->groups, groups);
	if (room_spec_pack(rq->spec, &bytes, err) < 0)
		return -1;
	if (bytes.len - groups > STEP_SPEC_MAX)
		return berth_fail(err, BERTH_EUSAGE, 0, "the --container-* options take %zu bytes (at "
				  "most %d are allowed)", bytes.len - groups, STEP_SPEC_MAX);
	head->spec_bytes = (uint32_t)(bytes.len - groups);
	fd = fd_memfile("berth-step", bytes.text, bytes.len);
	if (fd < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot hold the step's request in memory");
	return fd;
}

/*
 * KERNEL: a join waits in the launcher's queue until it is read, and a stopped launcher reads
 * none; once the queue is full sendmsg() would sleep for ever.
 */
static int bound_sends(int sock, struct berth_err *err)
{
	const struct timeval tv = {
		.tv_sec = PLUGIN_WAIT_MS / 1000,
		.tv_usec = PLUGIN_WAIT_MS % 1000 * 1000,
	};

	if (setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot limit a socket's waiting");
	return 0;
}

int spawn_launcher(const struct spawn_request *rq, int *ret_sock, pid_t *ret_pid,
		   struct berth_err *err)
{
	struct step_request head = {
		.magic = STEP_MAGIC,
		.ntasks = rq->ntasks,
		.uid = rq->spec->uid,
		.gid = rq->spec->gid,
		.wait_ms = ROOM_WAIT_MS,
		.verbose = rq->spec->verbose,
		.image_kind = rq->spec->pin.kind,
		.job = rq->job,
		.step = rq->step,
	};
	cleanup_close int spec = -1, ours = -1, theirs = -1;
	struct msg_fds fds = { .n = 1 };
	int pair[2], rc;

	if (rq->ngroups < 0 || rq->ngroups > STEP_GROUPS_MAX || rq->ntasks < 1 ||
	    rq->ntasks > STEP_TASKS_MAX)
		return berth_fail(err, BERTH_EBUG, 0, "%d groups and %u tasks cannot be", rq->ngroups,
				  rq->ntasks);
	head.ngroups = (uint32_t)rq->ngroups;
	spec = pack(rq, &head, err);
	if (spec < 0 || msg_pair(pair, err) < 0)
		return -1;
	ours = pair[0];
	theirs = pair[1];
	if (bound_sends(ours, err) < 0)
		return -1;
	fds.fd[0] = spec;
	/* First the request, then the reader: the socket keeps it, and nothing waits. */
	if (msg_send(ours, &head, sizeof(head), &fds, err) < 0)
		return -1;
	rc = run(theirs, ret_pid);
	if (rc) {
		*ret_pid = -1;
		berth_fail(err, rc == ENOENT ? BERTH_ENOTFOUND : BERTH_ESYS, rc, "cannot start '%s'",
			   launcher_path);
		return berth_hint(err, "the administrator must install Berth on every node");
	}
	*ret_sock = take_fd(&ours);
	return 0;
}
