/* SPDX-License-Identifier: BSD-3-Clause */
/* table.c - root's half of ops.h; see table.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "launcher/priv/kernel_mount.h"
#include "launcher/priv/table.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/imgfs_wire.h"
#include "libimage/base/msg.h"

/* How far a room is. Each request belongs to some of these states and leads to one. */
enum state { AT_START = 1 << 0, AT_TMPFS = 1 << 1, AT_ROOT = 1 << 2, AT_END = 1 << 3 };

/*
 * PRIV: the descriptor may be of a file system that does not answer, a user's own FUSE among
 * them. The type is known since the file was opened; nobody is asked again, so root cannot be
 * made to wait.
 */
static bool fd_is(int fd, mode_t type)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) == 0 &&
	       (st.stx_mode & S_IFMT) == type;
}

/*
 * PRIV: root passes the list on unread; the seals are what keeps it from growing meanwhile. They
 * come first: what has them is a memfd, of which fstat() asks nobody.
 */
static bool is_entries(int fd)
{
	const int want = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	return seals >= 0 && (seals & want) == want && fstat(fd, &st) == 0 &&
	       st.st_size <= IMGFS_ENTRIES_MAX;
}

static int do_tmpfs(struct table *t, const struct op_call *c, const int *fd, int *ret_fd,
		    struct berth_err *err)
{
	(void)c;
	(void)fd;
	return arm_of_local(&t->local).tmpfs(&t->local, ret_fd, err);
}

static int do_root_dir(struct table *t, const struct op_call *c, const int *fd, int *ret_fd,
		       struct berth_err *err)
{
	(void)c;
	if (!fd_is(fd[0], S_IFDIR))
		return berth_fail(err, BERTH_EDENIED, 0, "the image is no directory");
	return arm_of_local(&t->local).root_dir(&t->local, fd[0], ret_fd, err);
}

static int do_root_image(struct table *t, const struct op_call *c, const int *fd, int *ret_fd,
			 struct berth_err *err)
{
	(void)c;
	if (!fd_is(fd[0], S_IFREG) || !is_entries(fd[1]))
		return berth_fail(err, BERTH_EDENIED, 0, "the image is no file");
	if (t->site->kernel_mount && kernel_mount_allowed(fd[0]))
		return kernel_mount_root(&t->local, fd[0], ret_fd, err);
	return arm_of_local(&t->local).root_image(&t->local, fd[0], fd[1], ret_fd, err);
}

static int do_bind(struct table *t, const struct op_call *c, const int *fd, int *ret_fd,
		   struct berth_err *err)
{
	(void)ret_fd;
	return arm_of_local(&t->local).bind(&t->local, fd[0], fd[1], c->flags, err);
}

static int do_finish(struct table *t, const struct op_call *c, const int *fd, int *ret_fd,
		     struct berth_err *err)
{
	(void)fd;
	(void)ret_fd;
	t->stamps = c->stamps;
	return arm_of_local(&t->local).finish(&t->local, err);
}

/*
 * PRIV: all that a user's process can make root do. Every row works on descriptors that the
 * kernel gave the user for his own rights, in a mount namespace that nobody else is in yet, and
 * attaches them nosuid and nodev. A row out of order ends the room.
 */
static const struct op_row {
	int nfds;
	unsigned int in; /* states it may come in */
	enum state next;
	int (*run)(struct table *t, const struct op_call *c, const int *fd, int *ret_fd,
		   struct berth_err *err);
} rows[OPS] = {
	[OP_TMPFS] = { 0, AT_START, AT_TMPFS, do_tmpfs },
	[OP_ROOT_DIR] = { 1, AT_START | AT_TMPFS, AT_ROOT, do_root_dir },
	[OP_ROOT_IMAGE] = { 2, AT_START | AT_TMPFS, AT_ROOT, do_root_image },
	[OP_BIND] = { 2, AT_ROOT, AT_ROOT, do_bind },
	[OP_FINISH] = { 0, AT_ROOT, AT_END, do_finish },
	[OP_FAIL] = { 0, AT_START | AT_TMPFS | AT_ROOT, AT_END, NULL },
};

static int answer(int sock, const struct berth_err *result, int fd, struct berth_err *err)
{
	struct op_answer a = { .magic = OP_MAGIC, .err = *result };
	struct msg_fds fds = { .fd = { fd }, .n = fd >= 0 };

	return msg_send(sock, &a, sizeof(a), &fds, err);
}

/* The opener's own words, made safe to copy; they are the user's and escaped where printed. */
static int take_words(const struct berth_err *said, struct berth_err *err)
{
	*err = *said;
	err->text[sizeof(err->text) - 1] = err->hint[sizeof(err->hint) - 1] = '\0';
	if (err->code == BERTH_OK || err->code >= BERTH_ECODES)
		err->code = BERTH_EBUG;
	return -1;
}

/* One call. Returns 1 to go on, 0 when finished, -1 and *err. */
static int serve_one(struct table *t, int sock, enum state *state, int wait_ms, struct berth_err *err)
{
	cleanup(msg_fds_close) struct msg_fds fds = MSG_FDS_INIT;
	struct berth_err result = BERTH_ERR_INIT;
	cleanup_close int back = -1;
	const struct op_row *row;
	struct op_call c;
	int rc;

	rc = msg_recv(sock, &c, sizeof(c), &fds, wait_ms, err);
	if (rc == 0)
		return berth_fail(err, BERTH_ENET, 0, "the opener died");
	if (rc < 0)
		return -1;
	row = c.magic == OP_MAGIC && c.op < OPS ? &rows[c.op] : NULL;
	if (!row || !(row->in & *state) || fds.n != row->nfds)
		return berth_fail(err, BERTH_EDENIED, EPROTO, "the opener broke the rules");
	*state = row->next;
	if (!row->run)
		return take_words(&c.err, err);
	rc = row->run(t, &c, fds.fd, &back, &result);
	if (answer(sock, &result, back, err) < 0)
		return -1;
	if (rc < 0 && row->next == AT_END)
		return take_words(&result, err);
	return *state != AT_END;
}

static long now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000L + ts.tv_nsec / 1000000L;
}

int table_serve(struct table *t, int sock, int wait_ms, struct berth_err *err)
{
	enum state state = AT_START;
	long end = now_ms() + wait_ms;
	int rc;

	/* PRIV: an opener that reads no answers would stop root in the midst of the next one. One
	 * that keeps to the rules has read the last before it asks again, so it fits. */
	if (fcntl(sock, F_SETFL, O_NONBLOCK) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot set the opener's socket up");
	do {
		long left = end - now_ms();

		/* An opener that never stops asking must not hold the step for longer either. */
		rc = left > 0 ? serve_one(t, sock, &state, (int)left, err)
			      : berth_fail(err, BERTH_ENET, ETIMEDOUT, "out of time");
	} while (rc > 0);
	if (rc < 0 && err->sys == ETIMEDOUT) {
		berth_fail(err, BERTH_ENET, 0, "the container was not ready within %d s", wait_ms / 1000);
		berth_hint(err, "a file system or the image server did not answer; 'start timeout' in "
				"berth.conf is the limit");
	}
	return rc;
}
