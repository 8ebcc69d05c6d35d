/* SPDX-License-Identifier: BSD-3-Clause */
/* step.c - one Slurm step on one node; see step.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/priv/cgroup.h"
#include "launcher/priv/opener.h"
#include "launcher/priv/step.h"
#include "launcher/priv/table.h"
#include "launcher/room/drop.h"
#include "launcher/room/server.h"
#include "launcher/room/sys.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "libimage/base/msg.h"
#include "libimage/base/step_wire.h"

enum {
	REQUEST_WAIT_MS = 10 * 1000, /* LIMIT: the plugin sends it right after the fork */
	WAIT_MIN_MS = 1000,	     /* LIMIT: less would fail on a node that is merely busy */
	WAIT_MAX_MS = 120 * 1000,    /* LIMIT: as site.c's START_MAX_S */
	HOME_EVERY_MS = 5, /* LIMIT: so often, and so many times: a second in all. slurmstepd */
	HOME_TRIES = 200,  /* LIMIT: makes the cgroup right after its last fork */
	REAP_WAIT_MS = 1000,	     /* LIMIT: what is killed ends within milliseconds or not at all */
};

struct step {
	struct step_request req;
	gid_t *groups;
	char *spec;
	struct site site;
	struct server server;
	int host_ns;  /* the namespace to go back to */
	int room_ns;  /* -1: not built, or failed */
	bool tried;
	bool homeless; /* Slurm has yet to make the cgroup that launcher and server belong in */
	struct berth_err err; /* what every task is told; BERTH_OK: nothing is wrong */
	struct room_stamps stamps;
};

static void step_done(struct step *s)
{
	free(s->groups);
	free(s->spec);
	site_done(&s->site);
	server_done(&s->server);
	cleanup_close_fn(&s->host_ns);
	cleanup_close_fn(&s->room_ns);
}

/* Groups and spec, from the memfd that came with the request. */
static int read_spec(struct step *s, int fd, struct berth_err *err)
{
	size_t group_bytes = s->req.ngroups * sizeof(gid_t);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size != (off_t)(group_bytes + s->req.spec_bytes))
		return berth_fail(err, BERTH_EBUG, 0, "the plugin's request is malformed");
	s->groups = malloc(group_bytes + 1);
	s->spec = malloc(s->req.spec_bytes + 1U);
	if (!s->groups || !s->spec)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the request");
	if (fd_pread_full(fd, s->groups, group_bytes, 0) < 0 ||
	    fd_pread_full(fd, s->spec, s->req.spec_bytes, (off_t)group_bytes) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read the request");
	return 0;
}

static int read_request(struct step *s, int sock, struct berth_err *err)
{
	cleanup(msg_fds_close) struct msg_fds fds = MSG_FDS_INIT;
	cleanup_close int spec_fd = -1;
	int rc = msg_recv(sock, &s->req, sizeof(s->req), &fds, REQUEST_WAIT_MS, err);

	if (rc <= 0)
		return rc < 0 ? -1 : berth_fail(err, BERTH_ENET, 0, "slurmstepd is gone");
	spec_fd = msg_fds_take(&fds, 0);
	if (s->req.magic != STEP_MAGIC) {
		berth_fail(err, BERTH_EBUG, 0, "plugin and launcher are of different versions");
		return berth_hint(err, "the administrator must install both from one build");
	}
	/* PRIV: -1 is no id: set*id() would take it for "as before", which is root. */
	if (s->req.uid == UINT32_MAX || s->req.gid == UINT32_MAX)
		return berth_fail(err, BERTH_EBUG, 0, "the plugin's request is for nobody");
	if (s->req.ngroups > STEP_GROUPS_MAX || s->req.spec_bytes > STEP_SPEC_MAX ||
	    s->req.ntasks > STEP_TASKS_MAX)
		return berth_fail(err, BERTH_EBUG, 0, "the plugin's request is out of bounds");
	return read_spec(s, spec_fd, err);
}

/* What can be done before the first task comes: read the site's file, start the server. */
static int prepare(struct step *s, struct berth_err *err)
{
	/* PRIV: root's job gets a server of nobody's: it reads descriptors it is given. */
	bool root = s->req.uid == 0;
	struct server_ids ids = { .uid = root ? UID_NOBODY : s->req.uid,
				  .gid = root ? UID_NOBODY : s->req.gid };

	if (site_load(&s->site, err) < 0)
		return -1;
	s->host_ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (s->host_ns < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot open /proc/self/ns/mnt");
	/* PRIV: when its guard has ended the server becomes our child, whom nobody reaps: so the number
	 * that is written to the step's cgroup is its own and nobody else's, dead or alive. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot become a subreaper");
	if (s->req.image_kind == IMAGE_DIR)
		return 0;
	/* Here, in the host's namespace: inside the room's it would keep that one alive. */
	return server_spawn(&s->server, &ids, err) < 0 ? -1 : server_pid(&s->server, err);
}

static int wait_ms(const struct step *s)
{
	uint32_t ms = s->req.wait_ms && s->req.wait_ms < s->site.start_wait_ms ? s->req.wait_ms
									       : s->site.start_wait_ms;

	return (int)(ms < WAIT_MIN_MS ? WAIT_MIN_MS : ms > WAIT_MAX_MS ? WAIT_MAX_MS : ms);
}

/*
 * PRIV: KERNEL: not even SIGKILL ends a process whose request a FUSE server has read and does
 * not answer, and that server may be the user's. So the opener is left behind where it does
 * not end at once: it has the user's rights only, and nobody to ask for more.
 */
static void kill_and_reap(pid_t pid)
{
	cleanup_close int pidfd = sys_pidfd_open(pid);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	(void)kill(pid, SIGKILL);
	if (pidfd >= 0)
		(void)poll(&p, 1, REAP_WAIT_MS);
	(void)waitpid(pid, NULL, WNOHANG);
}

/* In the new namespace: fork the opener and do for it what it may not do itself. */
static int run_opener(struct step *s, const struct step_join *join, struct berth_err *err)
{
	struct opener_job job = {
		.uid = s->req.uid, .gid = s->req.gid, .groups = s->groups, .ngroups = s->req.ngroups,
		.spec = s->spec, .spec_bytes = s->req.spec_bytes, .pmix_dir = join->pmix_dir,
		.site = &s->site,
	};
	struct table t = { .site = &s->site };
	int pair[2], rc;
	pid_t pid;

	arm_local_init(&t.local, s->req.uid, s->req.gid, &s->server);
	t.local.cache_bytes = s->site.cache_bytes;
	t.local.wait_ms = wait_ms(s);
	if (msg_pair(pair, err) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		opener_main(pair[1], &job);
	cleanup_close_fn(&pair[1]);
	rc = pid < 0 ? berth_fail(err, BERTH_ESYS, errno, "cannot fork the opener")
		     : table_serve(&t, pair[0], wait_ms(s), err);
	cleanup_close_fn(&pair[0]);
	if (pid > 0)
		kill_and_reap(pid);
	arm_local_done(&t.local);
	s->stamps = t.stamps;
	return rc;
}

static bool is_mnt_ns(int fd)
{
	struct statfs fs;

	return fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == NSFS_MAGIC;
}

/* Launcher and server belong to the step: where its cgroups are is seen from a task's. */
static void follow(struct step *s, const struct step_join *join)
{
	const pid_t ours[] = { getpid(), s->server.guard, s->server.pid };

	s->homeless = cgroup_follow(join->pid, s->req.job, s->req.step, ours, ARRAY_SIZE(ours)) != 0;
}

/* Nobody waits for this any more: the tasks have their answers. */
static void follow_late(struct step *s, const struct step_join *last)
{
	for (int i = 0; s->homeless && i < HOME_TRIES; i++) {
		(void)poll(NULL, 0, HOME_EVERY_MS);
		follow(s, last);
	}
}

/*
 * PRIV: the namespace is the first task's, so that what the job has there (a private /tmp, say)
 * is in the room too. setns() into a mount namespace needs CAP_SYS_ADMIN over its owner, and
 * the descriptor came from slurmstepd's own child, as root.
 */
static int build(struct step *s, const struct step_join *join, int base_ns, struct berth_err *err)
{
	int rc;

	if (!is_mnt_ns(base_ns))
		return berth_fail(err, BERTH_EBUG, 0, "the task sent no mount namespace");
	if (setns(base_ns, CLONE_NEWNS) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot enter the task's mount namespace");
	if (s->server.guard > 0 && server_watch(&s->server, wait_ms(s), err) < 0)
		return -1;
	if (unshare(CLONE_NEWNS) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make a mount namespace");
	if (arm_make_slave(err) < 0)
		return -1;
	s->room_ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (!is_mnt_ns(s->room_ns))
		return berth_fail(err, BERTH_ESYS, errno, "cannot open the room's namespace");
	rc = run_opener(s, join, err);
	/* Not inside the room while it lives: root looks at nothing of an image's. */
	if (setns(s->host_ns, CLONE_NEWNS) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot leave the room");
	if (rc < 0)
		return -1;
	/* The kernel mounts the image, or it is a directory, unknown until then: the server was never
	 * told to serve, and its end is not a death. */
	if (s->server.control >= 0) {
		server_done(&s->server);
		s->server.pid = 0;
		return 0;
	}
	if (server_release(&s->server, err) < 0)
		return -1;
	server_settle(&s->server);
	return 0;
}

/*
 * PRIV: slurmstepd gets nothing it could enter by mistake: the descriptor stays in the socket, and
 * goes with it. Without room for it there is none, and nobody is told of a server's death.
 */
static void hold(const struct step *s, int sock)
{
	const struct step_hold h = { .magic = STEP_MAGIC };
	const struct msg_fds fds = { .fd = { s->room_ns }, .n = 1 };
	struct berth_err err;

	if (s->room_ns >= 0 && s->server.pid > 0)
		(void)msg_send(sock, &h, sizeof(h), &fds, &err);
}

static void build_once(struct step *s, const struct step_join *join, int base_ns, int sock)
{
	if (s->tried || s->err.code != BERTH_OK)
		return;
	s->tried = true;
	if (build(s, join, base_ns, &s->err) == 0) {
		hold(s, sock);
		return;
	}
	server_done(&s->server);
	cleanup_close_fn(&s->room_ns);
}

static void answer(struct step *s, int sock)
{
	struct step_answer a = {
		.magic = STEP_MAGIC, .launcher = getpid(), .server = s->server.pid, .err = s->err,
	};
	struct msg_fds fds = { .fd = { s->room_ns }, .n = s->room_ns >= 0 };
	struct berth_err err;

	if (s->req.verbose)
		room_stamps_format(&s->stamps, a.note, sizeof(a.note));
	/* A task that is gone meanwhile needs no answer. */
	(void)msg_send(sock, &a, sizeof(a), &fds, &err);
}

int step_serve(int sock)
{
	cleanup(step_done) struct step s = {
		.server = SERVER_NONE, .host_ns = -1, .room_ns = -1, .err = BERTH_ERR_INIT,
	};
	struct berth_err err = BERTH_ERR_INIT;
	struct step_join join = { 0 };

	/* From here on a failure is remembered, and told to every task that comes. */
	if (read_request(&s, sock, &s.err) == 0)
		(void)prepare(&s, &s.err);
	else if (s.err.code == BERTH_ENET)
		return 125;
	for (uint32_t joined = 0; s.req.ntasks == 0 || joined < s.req.ntasks; joined++) {
		cleanup(msg_fds_close) struct msg_fds fds = MSG_FDS_INIT;
		int rc = msg_recv(sock, &join, sizeof(join), &fds, -1, &err);

		if (rc <= 0)
			return rc < 0 ? 125 : 0;
		join.pmix_dir[sizeof(join.pmix_dir) - 1] = '\0';
		if (join.magic != STEP_MAGIC || fds.n != 2)
			continue;
		if (!s.tried || s.homeless)
			follow(&s, &join);
		build_once(&s, &join, fds.fd[0], sock);
		answer(&s, fds.fd[1]);
	}
	follow_late(&s, &join);
	return s.err.code == BERTH_OK ? 0 : 125;
}
