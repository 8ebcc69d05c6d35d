/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * answer.c - what berth-imgfs answers the kernel; see answer.h.
 *
 * Node numbers are computed, so there is no table of nodes, forgetting costs nothing and any
 * thread answers any request: 1 the root, 2 + id for the image's (stack.h), TREE_VIRTUAL | index
 * for a virtual entry. open and opendir are ENOSYS: the kernel asks once and then never again.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/log.h"
#include "libimage/imgfs/answer.h"

enum {
	PROTOCOL_MINOR = 34, /* KERNEL: Linux 5.14 */
	LOG_MAX = 20,	     /* LIMIT: lines about damage; a damaged image can cause any number */
	/* LIMIT: reads ahead that wait in the queue: one to go on with for each worker, and no more,
	 * because what somebody stands still for waits behind them. */
	BACKGROUND_A_WORKER = 2,
	/* LIMIT: above so many the kernel gives up reading ahead, which it should not. */
	CONGESTED = 256,
};
/* Inode numbers: the image's have 32 bits, its place in the stack the next 8, then the virtual ones. */
static const uint64_t VIRTUAL_INO = 1ull << 40;

/* 1: nobody said this before; 2: nor this, but enough was said; 0: neither is news. */
static int is_news(const char *text)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static uint64_t said[LOG_MAX + 1];
	static int n;
	uint64_t hash = 0xCBF29CE484222325u; /* FNV-1a */
	int i, rc;

	for (const char *p = text; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 0x100000001B3u;
	(void)pthread_mutex_lock(&lock);
	for (i = 0; i < n && said[i] != hash; i++)
		continue;
	rc = i < n || n > LOG_MAX ? 0 : n == LOG_MAX ? 2 : 1;
	if (rc > 0)
		said[n++] = hash;
	(void)pthread_mutex_unlock(&lock);
	return rc;
}

/* One damaged block is met by each reader of each file in it: a line for it, not for them. */
void log_damage(const struct berth_err *err)
{
	int rc = is_news(err->text);

	if (rc > 0)
		log_line(LOG_ERROR, "%s", rc == 1 ? err->text : "further damage is not reported");
}

/* One system call. 0, or -1 with errno. */
static int put(struct worker *w, const struct request *r, int error, const void *data, size_t n)
{
	struct fuse_out_header head = {
		.len = (uint32_t)(sizeof(head) + n), .error = -error, .unique = r->head->unique,
	};
	struct iovec v[2] = {
		{ .iov_base = &head, .iov_len = sizeof(head) },
		{ .iov_base = (void *)(uintptr_t)data, .iov_len = n },
	};

	return writev(w->fd, v, n ? 2 : 1) < 0 ? -1 : 0;
}

void worker_count(uint64_t *what, uint64_t n)
{
	__atomic_store_n(what, *what + n, __ATOMIC_RELAXED);
}

uint8_t *worker_scratch(struct worker *w)
{
	if (!w->scratch)
		w->scratch = malloc(READ_MAX);
	return w->scratch;
}

void reply_error(struct worker *w, struct request *r, int error)
{
	r->answered = true;
	/* ENOENT: whoever asked does not wait any more. There is nobody to tell of other errors. */
	(void)put(w, r, error, NULL, 0);
}

int reply_data(struct worker *w, struct request *r, const void *data, size_t n)
{
	if (put(w, r, 0, data, n) == 0 || errno == ENOENT || errno == ENODEV) {
		r->answered = true;
		return 0;
	}
	return -1;
}

void reply_damage(struct worker *w, struct request *r, const struct berth_err *err)
{
	reply_error(w, r, err->sys == ENOMEM ? ENOMEM : EIO);
	worker_count(&w->count.damages, 1);
	log_damage(err); /* whoever reads the log may be slow */
}

uint64_t node_of(const struct imgfs *fs, uint64_t id)
{
	return id == fs->root_id ? FUSE_ROOT_ID : id & TREE_VIRTUAL ? id : id + 2;
}

uint64_t id_of(const struct imgfs *fs, uint64_t node)
{
	return node == FUSE_ROOT_ID ? fs->root_id : node & TREE_VIRTUAL ? node : node - 2;
}

int node_inode(struct worker *w, uint64_t node, struct squash_inode *ret, struct berth_err *err)
{
	return stack_inode(w->fs->stack, w->squash, id_of(w->fs, node), ret, err);
}

void attr_image(const struct imgfs *fs, uint64_t id, const struct squash_inode *o, struct fuse_attr *ret)
{
	uint64_t seconds = o->mtime < 0 ? 0 : (uint64_t)o->mtime;

	*ret = (struct fuse_attr){
		.ino = stack_ino(id, o->ino), .mode = o->mode, .nlink = o->nlink, .uid = o->uid, .gid = o->gid,
		/* KERNEL: new_decode_dev() of 32 bits: minor's low byte, 12 bits of major, the rest of minor */
		.rdev = (uint32_t)((minor(o->rdev) & 0xff) | major(o->rdev) << 8 | (minor(o->rdev) & ~0xffU) << 12),
		.size = o->size, .blocks = o->blocks, .blksize = squash_info(o->fs)->block_size,
		.mtime = seconds, .atime = seconds, .ctime = seconds,
	};
	if (S_ISDIR(o->mode))
		ret->nlink = stack_is_merged(fs->stack, id) ? 1 : ret->nlink + tree_dirs(fs->tree, id);
}

/* Virtual entries look as if they had been made with the image's root directory. */
void attr_virtual(const struct imgfs *fs, const struct tree_entry *e, struct fuse_attr *ret)
{
	uint64_t seconds = fs->root.mtime < 0 ? 0 : (uint64_t)fs->root.mtime;

	*ret = (struct fuse_attr){
		.ino = VIRTUAL_INO + (e->id & ~TREE_VIRTUAL),
		.mode = e->is_dir ? S_IFDIR | 0755 : S_IFREG | 0644,
		.nlink = e->is_dir ? 2 + tree_dirs(fs->tree, e->id) : 1,
		.uid = fs->root.uid, .gid = fs->root.gid, .blksize = 4096,
		.mtime = seconds, .atime = seconds, .ctime = seconds,
	};
}

void entry_fill(uint64_t node, struct fuse_entry_out *ret)
{
	*ret = (struct fuse_entry_out){
		.nodeid = node, .entry_valid = FOREVER_S, .attr_valid = FOREVER_S,
	};
}

static void op_init(struct worker *w, struct request *r)
{
	/* Exactly these: no AUTO_INVAL_DATA, no locks, no ACLs. */
	static const uint32_t want = FUSE_ASYNC_READ | FUSE_PARALLEL_DIROPS | FUSE_DO_READDIRPLUS |
				     FUSE_READDIRPLUS_AUTO | FUSE_CACHE_SYMLINKS | FUSE_MAX_PAGES |
				     FUSE_NO_OPEN_SUPPORT | FUSE_NO_OPENDIR_SUPPORT;
	struct fuse_init_in in = { 0 };
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION, .minor = PROTOCOL_MINOR,
		.max_write = 4096, /* nothing is written, but the kernel takes no less */
		.time_gran = 1000000000, .max_pages = (uint16_t)(READ_MAX / sysconf(_SC_PAGESIZE)),
	};

	memcpy(&in, r->body, r->n < sizeof(in) ? r->n : sizeof(in));
	if (in.major < FUSE_KERNEL_VERSION || (in.major == FUSE_KERNEL_VERSION && in.minor < PROTOCOL_MINOR)) {
		reply_error(w, r, EPROTO);
		return;
	}
	out.max_readahead = in.max_readahead;
	out.flags = in.flags & want;
	out.max_background = (uint16_t)(w->fs->workers * BACKGROUND_A_WORKER);
	out.congestion_threshold = CONGESTED;
	(void)reply_data(w, r, &out, sizeof(out));
}

static void op_lookup(struct worker *w, struct request *r)
{
	const struct imgfs *fs = w->fs;
	const char *name = (const char *)r->body;
	uint64_t dir = id_of(fs, r->head->nodeid);
	const struct tree_entry *e;
	struct berth_err err = BERTH_ERR_INIT;
	struct stack_found found;
	struct squash_inode o;
	struct fuse_entry_out out;
	int rc;

	if (r->n < 2 || name[r->n - 1] != '\0') {
		reply_error(w, r, EIO);
		return;
	}
	entry_fill(0, &out); /* node 0: remember the absence */
	e = tree_find(fs->tree, dir, name);
	if (e) {
		out.nodeid = e->id;
		attr_virtual(fs, e, &out.attr);
	} else if (!(dir & TREE_VIRTUAL)) {
		rc = stack_lookup(fs->stack, w->squash, dir, name, &found, &err);
		if (rc > 0)
			rc = stack_entry(fs->stack, w->squash, &found, name, &o, &err) < 0 ? -1 : 1;
		if (rc < 0) {
			reply_damage(w, r, &err);
			return;
		}
		if (rc > 0) {
			out.nodeid = node_of(fs, found.id);
			attr_image(fs, found.id, &o, &out.attr);
		}
	}
	(void)reply_data(w, r, &out, sizeof(out));
}

static void op_getattr(struct worker *w, struct request *r)
{
	const struct imgfs *fs = w->fs;
	const struct tree_entry *e = tree_get(fs->tree, r->head->nodeid);
	struct fuse_attr_out out = { .attr_valid = FOREVER_S };
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode o;

	if (e) {
		attr_virtual(fs, e, &out.attr);
	} else if (node_inode(w, r->head->nodeid, &o, &err) < 0) {
		reply_damage(w, r, &err);
		return;
	} else {
		attr_image(fs, id_of(fs, r->head->nodeid), &o, &out.attr);
	}
	(void)reply_data(w, r, &out, sizeof(out));
}

static void op_readlink(struct worker *w, struct request *r)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_inode o;
	char target[PATH_MAX];
	ssize_t n;

	if (r->head->nodeid & TREE_VIRTUAL) {
		reply_error(w, r, EINVAL);
	} else if (node_inode(w, r->head->nodeid, &o, &err) < 0) {
		reply_damage(w, r, &err);
	} else if (!S_ISLNK(o.mode)) {
		reply_error(w, r, EINVAL);
	} else if ((n = squash_readlink(w->squash, &o, target, &err)) < 0) {
		reply_damage(w, r, &err);
	} else {
		(void)reply_data(w, r, target, (size_t)n);
	}
}

static void op_statfs(struct worker *w, struct request *r)
{
	const struct squash_info *info = squash_info(w->fs->squash[0]);
	struct fuse_statfs_out out = {
		.st.bsize = info->block_size, .st.frsize = info->block_size,
		.st.blocks = (w->fs->size + info->block_size - 1) / info->block_size,
		.st.files = w->fs->image_inodes + tree_count(w->fs->tree), .st.namelen = SQUASH_NAME_MAX,
	};

	(void)reply_data(w, r, &out, sizeof(out));
}

/* The one ioctl there is asks for the counters; all else is what a file knows nothing of. */
static void op_ioctl(struct worker *w, struct request *r)
{
	const struct fuse_ioctl_in *in = (const struct fuse_ioctl_in *)r->body;
	struct {
		struct fuse_ioctl_out head;
		struct imgfs_stats stats;
	} out = { 0 };

	if (r->n < sizeof(*in)) {
		reply_error(w, r, EIO);
	} else if (in->cmd != IMGFS_IOC_STATS || in->out_size < sizeof(out.stats)) {
		reply_error(w, r, ENOTTY);
	} else {
		workers_stats(w->fs, &out.stats);
		(void)reply_data(w, r, &out, sizeof(out));
	}
}

/* KERNEL: ENOSYS to open and opendir (FUSE_NO_OPEN_SUPPORT 3.16, FUSE_NO_OPENDIR_SUPPORT 5.1)
 * means "no need to ask", for the whole connection, and that caches are kept. The same answer to
 * flush, lseek, access, statx and, where there are none, to the calls for extended attributes: each
 * is asked once. To an interrupt it says that answers come without it. */
static void op_none(struct worker *w, struct request *r)
{
	reply_error(w, r, ENOSYS);
}

static const struct {
	void (*run)(struct worker *w, struct request *r);
	size_t least; /* bytes behind the head that it looks at */
} ops[] = {
	[FUSE_INIT] = { op_init, 16 },
	[FUSE_LOOKUP] = { op_lookup, 2 },
	[FUSE_GETATTR] = { op_getattr, 0 },
	[FUSE_READLINK] = { op_readlink, 0 },
	[FUSE_READ] = { op_read, sizeof(struct fuse_read_in) },
	[FUSE_READDIR] = { op_readdir, sizeof(struct fuse_read_in) },
	[FUSE_READDIRPLUS] = { op_readdirplus, sizeof(struct fuse_read_in) },
	[FUSE_STATFS] = { op_statfs, 0 },
	[FUSE_GETXATTR] = { op_getxattr, sizeof(struct fuse_getxattr_in) },
	[FUSE_LISTXATTR] = { op_listxattr, sizeof(struct fuse_getxattr_in) },
	[FUSE_IOCTL] = { op_ioctl, sizeof(struct fuse_ioctl_in) },
};

static bool wants_no_answer(uint32_t opcode)
{
	return opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET;
}

/* The request for the statistics must not be in them. */
static void count_request(struct worker *w, const struct request *r)
{
	uint32_t opcode = r->head->opcode;
	size_t slot = opcode < ARRAY_SIZE(w->count.op) ? opcode : ARRAY_SIZE(w->count.op) - 1;

	if (opcode == FUSE_IOCTL && r->n >= sizeof(struct fuse_ioctl_in) &&
	    ((const struct fuse_ioctl_in *)r->body)->cmd == IMGFS_IOC_STATS)
		return;
	worker_count(&w->count.op[slot], 1);
	worker_count(wants_no_answer(opcode) ? &w->count.forgets : &w->count.requests, 1);
}

void answer(struct worker *w, const void *request, size_t n)
{
	struct request r = { .head = request };

	if (n < sizeof(*r.head)) /* no number to answer to; the kernel sends no such thing */
		return;
	r.body = (const uint8_t *)request + sizeof(*r.head);
	r.n = n - sizeof(*r.head);
	count_request(w, &r);
	if (wants_no_answer(r.head->opcode))
		return;
	if (r.head->opcode >= ARRAY_SIZE(ops) || !ops[r.head->opcode].run)
		op_none(w, &r);
	else if (r.n < ops[r.head->opcode].least)
		reply_error(w, &r, EIO);
	else
		ops[r.head->opcode].run(w, &r);
	if (!r.answered) /* the kernel did not take it: whoever waits must not wait for ever */
		reply_error(w, &r, EIO);
}
