/* SPDX-License-Identifier: BSD-3-Clause */
/* opener.c - the user's half of berth-launcher --step; see opener.h. */
#include "config.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/priv/opener.h"
#include "launcher/priv/ops.h"
#include "launcher/room/build.h"
#include "launcher/room/drop.h"
#include "launcher/room/sys.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/msg.h"

/* LIMIT: root has a deadline of its own and kills the opener; this one only ends a lost wait. */
enum { ANSWER_WAIT_MS = 600 * 1000 };

struct remote {
	int sock;
	struct room_stamps stamps;
};

/* Ask root for one thing; *ret_fd is the descriptor that came back (-1: none expected). */
static int call(struct remote *r, struct op_call *c, const int *fd, int nfds, int *ret_fd,
		struct berth_err *err)
{
	cleanup(msg_fds_close) struct msg_fds back = MSG_FDS_INIT;
	struct msg_fds fds = { .n = nfds };
	struct op_answer a;
	int rc;

	c->magic = OP_MAGIC;
	for (int i = 0; i < nfds; i++)
		fds.fd[i] = fd[i];
	if (msg_send(r->sock, c, sizeof(*c), &fds, err) < 0)
		return -1;
	rc = msg_recv(r->sock, &a, sizeof(a), &back, ANSWER_WAIT_MS, err);
	if (rc < 0)
		return -1;
	if (rc == 0 || a.magic != OP_MAGIC)
		return berth_fail(err, BERTH_EBUG, 0, "the launcher is gone");
	if (a.err.code != BERTH_OK) {
		*err = a.err;
		return -1;
	}
	if (ret_fd && (*ret_fd = msg_fds_take(&back, 0)) < 0)
		return berth_fail(err, BERTH_EBUG, 0, "the launcher sent no descriptor");
	return 0;
}

static int remote_tmpfs(void *ctx, int *ret_fd, struct berth_err *err)
{
	struct op_call c = { .op = OP_TMPFS };

	return call(ctx, &c, NULL, 0, ret_fd, err);
}

static int remote_root_dir(void *ctx, int dir_fd, int *ret_root, struct berth_err *err)
{
	struct op_call c = { .op = OP_ROOT_DIR };

	return call(ctx, &c, &dir_fd, 1, ret_root, err);
}

static int remote_root_image(void *ctx, int image_fd, int entries_fd, int *ret_root, struct berth_err *err)
{
	struct op_call c = { .op = OP_ROOT_IMAGE };
	const int fd[2] = { image_fd, entries_fd };

	return call(ctx, &c, fd, 2, ret_root, err);
}

static int remote_bind(void *ctx, int src_fd, int dst_fd, unsigned int flags, struct berth_err *err)
{
	struct op_call c = { .op = OP_BIND, .flags = flags };
	const int fd[2] = { src_fd, dst_fd };

	return call(ctx, &c, fd, 2, NULL, err);
}

static int remote_finish(void *ctx, struct berth_err *err)
{
	struct remote *r = ctx;
	struct op_call c = { .op = OP_FINISH, .stamps = r->stamps };

	return call(r, &c, NULL, 0, NULL, err);
}

/*
 * PRIV: from root to the user for good, with the descriptors and the death that come with it.
 * The parent-death signal is set after the ids change, because that clears it; a parent that
 * died in between is seen by the socket.
 */
static int become_user(int sock, const struct opener_job *job, struct berth_err *err)
{
	if (drop_to(job->uid, job->gid, job->groups, job->ngroups, err) < 0)
		return -1;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
	    dup2(sock, 0) < 0 || sys_close_range(1, ~0U, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot set the opener up");
	(void)umask(022);
	return 0;
}

_Noreturn void opener_main(int sock, const struct opener_job *job)
{
	cleanup(room_spec_done) struct room_spec spec = ROOM_SPEC_INIT;
	struct remote r = { .sock = sock };
	struct arm arm = {
		.ctx = &r,
		.tmpfs = remote_tmpfs,
		.root_dir = remote_root_dir,
		.root_image = remote_root_image,
		.bind = remote_bind,
		.finish = remote_finish,
	};
	struct op_call fail = { .op = OP_FAIL, .err = BERTH_ERR_INIT };
	int rc = become_user(sock, job, &fail.err);

	if (rc == 0) {
		r.sock = 0;
		room_stamp(&r.stamps, PHASE_START);
		rc = room_spec_unpack(job->spec, job->spec_bytes, &spec, &fail.err);
	}
	/* The ids that count are root's: those of the spec are for passwd lines and the like. */
	spec.uid = job->uid;
	spec.gid = job->gid;
	if (rc == 0 && room_build(&arm, &spec, job->site, job->pmix_dir, NULL, &r.stamps, &fail.err) == 0)
		_exit(0);
	(void)call(&r, &fail, NULL, 0, NULL, &(struct berth_err)BERTH_ERR_INIT);
	_exit(1);
}
