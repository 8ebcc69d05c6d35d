/* SPDX-License-Identifier: BSD-3-Clause */
/* task.c - the plugin in a task; see task.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/msg.h"
#include "libimage/base/program.h"
#include "plugin/death.h"
#include "plugin/linger.h"
#include "plugin/report.h"
#include "plugin/task.h"
#include "plugin/task_env.h"

/* PRIV: slurmstepd still needs its present capabilities to become the user; what goes here is
 * that any program could ever gain one by being executed. */
static int drop_bounding_set(struct berth_err *err)
{
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL && cap > 0)
			return 0; /* KERNEL: the end of the list; EPERM is what cannot be dropped */
		return berth_fail(err, BERTH_ESYS, errno, "cannot drop capability %lu", cap);
	}
	return 0;
}

/* Send this task's mount namespace and the socket to answer on. */
static int send_join(spank_t sp, const struct step *s, int answer, struct berth_err *err)
{
	cleanup_close int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	struct msg_fds fds = { .fd = { ns, answer }, .n = 2 };
	struct step_join join = { .magic = STEP_MAGIC, .pid = getpid() };
	struct stat st;
	int localid = 0;

	if (ns < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot open the task's mount namespace");
	if (spank_get_item(sp, S_TASK_ID, &localid) == ESPANK_SUCCESS && localid >= 0)
		join.localid = (uint32_t)localid;
	/* The spool directory is root's; the name below it is ours to compute. */
	if (s->pmix_dir[0] && lstat(s->pmix_dir, &st) == 0 && S_ISDIR(st.st_mode))
		memcpy(join.pmix_dir, s->pmix_dir, sizeof(join.pmix_dir));
	if (msg_send(s->sock, &join, sizeof(join), &fds, err) == 0)
		return 0;
	if (err->sys == EAGAIN)
		return berth_fail(err, BERTH_ENET, 0, "berth-launcher does not read its requests");
	return berth_fail(err, BERTH_ENET, 0, "berth-launcher ended before the task could join");
}

/* Returns the room's namespace, or -1. */
static int receive_room(int sock, struct berth_err *err)
{
	cleanup(msg_fds_close) struct msg_fds fds = MSG_FDS_INIT;
	struct step_answer answer;
	int rc = msg_recv(sock, &answer, sizeof(answer), &fds, PLUGIN_WAIT_MS, err);

	if (rc < 0)
		return berth_context(err, "berth-launcher");
	if (rc == 0) {
		berth_fail(err, BERTH_ENET, 0, "berth-launcher ended before the room was ready");
		return berth_hint(err, "slurmd's log on this node may say more");
	}
	if (answer.magic != STEP_MAGIC) {
		berth_fail(err, BERTH_EBUG, 0, "berth-launcher is of another version than the plugin");
		return berth_hint(err, "the administrator must install both from one build");
	}
	answer.err.text[BERTH_TEXT_MAX - 1] = answer.err.hint[BERTH_HINT_MAX - 1] = '\0';
	answer.note[sizeof(answer.note) - 1] = '\0';
	if (answer.err.code != BERTH_OK) {
		*err = answer.err;
		return -1;
	}
	if (fds.n != 1)
		return berth_fail(err, BERTH_EBUG, 0, "berth-launcher sent %d descriptors, not 1", fds.n);
	linger_note(answer.launcher, answer.server);
	report_note(answer.note);
	return msg_fds_take(&fds, 0);
}

/*
 * PRIV: the namespace came from berth-launcher over a socket that no process of the user's ever
 * held. From setns() on this process is root in the user's image, so it runs nothing there and
 * opens nothing; order.c sees to it that no other plugin does.
 */
static int join(spank_t sp, struct step *s, struct berth_err *err)
{
	cleanup_close int room = -1, mine = -1, theirs = -1;
	int pair[2];

	if (msg_pair(pair, err) < 0)
		return -1;
	mine = pair[0];
	theirs = pair[1];
	if (send_join(sp, s, theirs, err) < 0)
		return -1;
	/* With the last copy gone, a dead launcher is an end of file and no silence. */
	cleanup_close_fn(&theirs);
	room = receive_room(mine, err);
	if (room < 0)
		return -1;
	if (drop_bounding_set(err) < 0)
		return -1;
	if (setns(room, CLONE_NEWNS) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot enter the room");
	death_note();
	return 0;
}

void task_join(spank_t sp, struct step *s)
{
	if (!s->wanted || s->joined)
		return;
	if (s->err.code == BERTH_OK)
		s->joined = join(sp, s, &s->err) == 0;
	/* The launcher waits for the end of file on its socket: no task may hold it open. */
	cleanup_close_fn(&s->sock);
}

/* The first of these that can be entered; --pwd alone must be. */
static int go_to_start(spank_t sp, const struct room_spec *spec, struct berth_err *err)
{
	char cwd[PATH_MAX];

	if (spec->pwd && chdir(spec->pwd) < 0) {
		berth_fail(err, BERTH_ENOTFOUND, errno, "cannot start in '%.200s'", spec->pwd);
		return berth_hint(err, "--container-pwd names a directory inside the image");
	}
	if (!spec->pwd && !(spec->cwd && chdir(spec->cwd) == 0) &&
	    !(spec->home && chdir(spec->home) == 0) && chdir("/") < 0)
		return berth_fail(err, BERTH_EIMAGE, errno, "cannot enter '/' of the image");
	if (getcwd(cwd, sizeof(cwd)))
		(void)spank_setenv(sp, "PWD", cwd, 1);
	return 0;
}

/* Slurm's own words for a missing program do not say that it was looked for in an image. */
static int look_up_program(spank_t sp, const struct step *s, const char *path, struct berth_err *err)
{
	char **argv = NULL, found[PATH_MAX];
	int argc = 0;

	if (s->multi || spank_get_item(sp, S_JOB_ARGV, &argc, &argv) != ESPANK_SUCCESS || argc < 1 ||
	    !argv || !argv[0])
		return 0;
	/* SLURM: --bcast without a path leaves a directory here; slurmstepd adds the file's name. */
	if (argv[0][0] != '\0' && argv[0][strlen(argv[0]) - 1] == '/')
		return 0;
	if (program_find(argv[0], path, found, err) == 0)
		return 0;
	return err->code == BERTH_ENOTFOUND ? STATUS_NOT_FOUND : STATUS_NOT_RUN;
}

static int settle(spank_t sp, struct step *s)
{
	cleanup_free char *path = NULL;

	/* SLURM: the same hook of a plugin listed before ours may have done it: no harm. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		(void)berth_fail(&s->err, BERTH_ESYS, errno, "cannot set no_new_privs");
		return STATUS_BERTH;
	}
	if (go_to_start(sp, &s->spec, &s->err) < 0 || task_env(sp, &s->spec, &path, &s->err) < 0)
		return STATUS_BERTH;
	return look_up_program(sp, s, path, &s->err);
}

int task_settle(spank_t sp, struct step *s)
{
	int status;

	if (!s->wanted)
		return 0;
	if (!s->joined) {
		if (s->err.code == BERTH_OK)
			(void)berth_fail(&s->err, BERTH_EBUG, 0, "the task did not enter its room");
		status = STATUS_BERTH;
	} else {
		status = settle(sp, s);
	}
	if (status != 0)
		report_error(&s->err);
	return status;
}
