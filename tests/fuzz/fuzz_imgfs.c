/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_imgfs.c - the image server's handlers: any requests, of any image. See imgfs_input.h.
 *
 * A walk over the tree comes first, as the kernel would make it, then what the input asks.
 * Promises held here, with what the kernel takes for granted: a request has one answer, of the
 * right length; names are names; a node is of the kind and size that was said when it was
 * named; a listing comes to its end; attributes that are shown are the user's.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/imgfs/answer.h"
#include "tests/fuzz/imgfs_input.h"
#include "tests/fuzz/memfd.h"
#include "tests/fuzz/must.h"

enum {
	NODES_MAX = 64, NAMES_MAX = 64, REQUESTS_MAX = 48, WALK_MAX = 20,
	BYTES_MAX = 1 << 20, /* that are answered in all */
	SINK_BYTES = 512 * 1024,
	AT = 512, /* where the image lies in its file */
	LIST_BYTES = 1000,
};

struct node {
	uint64_t id;
	uint64_t dir; /* where it was seen; 0: not known */
	struct fuse_attr attr;
};

static struct {
	struct worker w;
	struct imgfs fs;
	int sink;
	uint8_t *reply;
	uint32_t nodes, names;
	struct node node[NODES_MAX];
	char name[NAMES_MAX][SQUASH_NAME_MAX + 1];
	size_t bytes;
	bool cut; /* the file is shorter now than when it was opened */
} z;

static void start(void)
{
	void *at;

	if (z.reply)
		return;
	z.sink = memfd_create("sink", MFD_CLOEXEC);
	must(z.sink >= 0 && ftruncate(z.sink, SINK_BYTES) == 0);
	at = mmap(NULL, SINK_BYTES, PROT_READ, MAP_SHARED, z.sink, 0);
	must(at != MAP_FAILED);
	z.reply = at;
}

/* A list of virtual entries, of which 'bits' chooses. */
static int entries(uint8_t bits)
{
	static const char *const all[] = {
		"d/mnt", "f/etc/hosts", "d/m4/y", "f/d/e/new", "d/m/under", "f/a", "d/m2/under/it", "f/m3/new",
	};
	static int fd = -1;
	off_t n = 0;

	if (fd < 0)
		fd = memfd_create("entries", MFD_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (!(bits >> i & 1))
			continue;
		must(fd_pwrite_full(fd, all[i], strlen(all[i]) + 1, n) == 0);
		n += (off_t)strlen(all[i]) + 1;
	}
	must(ftruncate(fd, n) == 0);
	return fd;
}

/* Send a request; returns the length of what lies behind the answer's head, -1: it is an error. */
static ssize_t ask(uint32_t op, uint64_t node, const void *body, size_t n)
{
	static uint64_t unique;
	const struct fuse_out_header *out = (const struct fuse_out_header *)z.reply;
	struct fuse_in_header head = {
		.len = (uint32_t)(sizeof(head) + n), .opcode = op, .nodeid = node, .unique = unique + 1,
	};
	/* no byte more: a sanitizer is to see what reads beyond */
	cleanup_free uint8_t *request = malloc(sizeof(head) + n);
	off_t len;

	unique++;
	must(request != NULL && lseek(z.sink, 0, SEEK_SET) == 0);
	memcpy(request, &head, sizeof(head));
	if (n > 0)
		memcpy(request + sizeof(head), body, n);
	answer(&z.w, request, sizeof(head) + n);
	len = lseek(z.sink, 0, SEEK_CUR);
	z.bytes += (size_t)len;
	if (op == FUSE_FORGET || op == FUSE_BATCH_FORGET) {
		must(len == 0);
		return -1;
	}
	/* A sink that could not read all of an answer takes a part of it; the kernel would not. */
	must(len >= (off_t)sizeof(*out) && (out->len == len || z.cut) && out->unique == unique);
	if (out->len != len)
		return -1;
	must(out->error <= 0 && out->error > -512); /* KERNEL: else it takes no answer */
	must(out->error == 0 || len == sizeof(*out));
	return out->error ? -1 : (ssize_t)len - (ssize_t)sizeof(*out);
}

static const uint8_t *body(void)
{
	return z.reply + sizeof(struct fuse_out_header);
}

static struct node *known(uint64_t id)
{
	for (uint32_t i = 0; i < z.nodes; i++)
		if (z.node[i].id == id)
			return &z.node[i];
	return NULL;
}

/* What the kernel would put into an inode: always the same for a node. */
static void see(uint64_t dir, uint64_t id, const struct fuse_attr *a)
{
	struct node *n = known(id);
	uint32_t type = a->mode & S_IFMT;

	must(type == S_IFDIR || type == S_IFREG || type == S_IFLNK || type == S_IFBLK || type == S_IFCHR ||
	     type == S_IFIFO || type == S_IFSOCK);
	must(a->size <= INT64_MAX && id != 0);
	if (!n) {
		if (z.nodes < NODES_MAX)
			z.node[z.nodes++] = (struct node){ .id = id, .dir = dir, .attr = *a };
		return;
	}
	must(n->attr.mode == a->mode && n->attr.size == a->size && n->attr.ino == a->ino);
	/* The image's may have several names. The root may be asked for by a number that was not given. */
	if (id & TREE_VIRTUAL && dir && n->dir)
		must(id_of(&z.fs, dir) == id_of(&z.fs, n->dir));
}

static void see_name(const char *name, size_t n)
{
	must(n > 0 && n <= SQUASH_NAME_MAX && !memchr(name, '/', n) && !memchr(name, '\0', n));
	if (z.names == NAMES_MAX || (name[0] == '.' && n < 3))
		return;
	memcpy(z.name[z.names], name, n);
	z.name[z.names++][n] = '\0';
}

static void do_lookup(uint64_t dir, const char *name, size_t n)
{
	ssize_t got = ask(FUSE_LOOKUP, dir, name, n);
	struct fuse_entry_out out;

	if (got < 0)
		return;
	must(got == sizeof(out));
	memcpy(&out, body(), sizeof(out));
	if (out.nodeid)
		see(dir, out.nodeid, &out.attr);
}

static void do_getattr(uint64_t node)
{
	struct fuse_getattr_in in = { 0 };
	ssize_t got = ask(FUSE_GETATTR, node, &in, sizeof(in));
	struct fuse_attr_out out;

	if (got < 0)
		return;
	must(got == sizeof(out));
	memcpy(&out, body(), sizeof(out));
	see(0, node, &out.attr);
}

static void do_readlink(uint64_t node)
{
	ssize_t got = ask(FUSE_READLINK, node, NULL, 0);
	const struct node *n = known(node);

	if (got < 0)
		return;
	must(got > 0 && got < PATH_MAX && !memchr(body(), '\0', (size_t)got));
	must(!n || (S_ISLNK(n->attr.mode) && n->attr.size == (uint64_t)got));
}

static void do_read(uint64_t node, uint64_t off, uint32_t size)
{
	struct fuse_read_in in = { .offset = off, .size = size };
	ssize_t got = ask(FUSE_READ, node, &in, sizeof(in));
	const struct node *n = known(node);
	uint64_t left;

	if (got < 0)
		return;
	must((size_t)got <= size);
	if (!n)
		return;
	left = off < n->attr.size ? n->attr.size - off : 0;
	if (!S_ISREG(n->attr.mode)) /* KERNEL: it does not ask */
		must(got == 0);
	else
		must((uint64_t)got == (left < size ? left : size));
}

/* Returns where the listing goes on, 0: it does not. */
static uint64_t do_readdir(uint64_t dir, uint64_t off, uint32_t size, bool plus)
{
	struct fuse_read_in in = { .offset = off, .size = size };
	ssize_t got = ask(plus ? FUSE_READDIRPLUS : FUSE_READDIR, dir, &in, sizeof(in));
	size_t head = plus ? FUSE_NAME_OFFSET_DIRENTPLUS : FUSE_NAME_OFFSET, at = 0;

	must(got < 0 || (size_t)got <= size);
	while (got > 0 && at < (size_t)got) {
		struct fuse_direntplus e = { 0 };

		must((size_t)got - at > head);
		memcpy(plus ? (void *)&e : (void *)&e.dirent, body() + at, head);
		must(e.dirent.namelen <= (size_t)got - at - head && e.dirent.off > off);
		see_name((const char *)body() + at + head, e.dirent.namelen);
		if (plus && e.entry_out.nodeid) {
			must((e.entry_out.attr.mode & S_IFMT) >> 12 == e.dirent.type);
			see(dir, e.entry_out.nodeid, &e.entry_out.attr);
		}
		off = e.dirent.off;
		at += FUSE_DIRENT_ALIGN(head + e.dirent.namelen);
	}
	must(got <= 0 || at == (size_t)got);
	return got > 0 ? off : 0;
}

static void do_getxattr(uint64_t node, const char *name, size_t n, uint32_t size)
{
	uint8_t in[sizeof(struct fuse_getxattr_in) + 300] = { 0 };
	ssize_t got;

	memcpy(in, &size, sizeof(size));
	memcpy(in + sizeof(struct fuse_getxattr_in), name, n);
	got = ask(FUSE_GETXATTR, node, in, sizeof(struct fuse_getxattr_in) + n);
	must(got < 0 || (size ? (size_t)got <= size : got == sizeof(struct fuse_getxattr_out)));
	must(got < 0 || strncmp(name, "user.", 5) == 0);
}

static void do_listxattr(uint64_t node, uint32_t size)
{
	struct fuse_getxattr_in in = { .size = size };
	ssize_t got = ask(FUSE_LISTXATTR, node, &in, sizeof(in));
	const char *names = (const char *)body();

	must(got < 0 || (size ? (size_t)got <= size : got == sizeof(struct fuse_getxattr_out)));
	for (ssize_t at = 0, n; size > 0 && at < got; at += n) {
		n = (ssize_t)strnlen(names + at, (size_t)(got - at)) + 1;
		must(n <= got - at && n > 6 && strncmp(names + at, "user.", 5) == 0);
		if (n <= SQUASH_NAME_MAX && at == 0) {
			char name[SQUASH_NAME_MAX + 1];

			memcpy(name, names, (size_t)n);
			do_getxattr(node, name, (size_t)n, 0);
			do_getxattr(node, name, (size_t)n, 64);
			return;
		}
	}
}

static void walk(void)
{
	do_getattr(FUSE_ROOT_ID);
	for (uint32_t i = 0; i < z.nodes && i < WALK_MAX && z.bytes < BYTES_MAX; i++) {
		struct node n = z.node[i];
		uint64_t off = 0;

		do_getattr(n.id);
		do_listxattr(n.id, 4096);
		if (S_ISDIR(n.attr.mode)) {
			for (int more = 0; more < 4 && (more == 0 || off); more++)
				off = do_readdir(n.id, off, LIST_BYTES, true);
			(void)do_readdir(n.id, 0, LIST_BYTES, false);
		} else if (S_ISLNK(n.attr.mode)) {
			do_readlink(n.id);
		} else if (S_ISREG(n.attr.mode)) {
			do_read(n.id, 0, 4096);
			do_read(n.id, 4096, 4096); /* going on: the next block is made ready */
			do_read(n.id, 0, 16384);
			do_read(n.id, n.attr.size - 1, 1);
		}
	}
}

/* One request of the input. */
static void request(const uint8_t *p, const char *name, size_t n)
{
	uint32_t op = p[REQ_OP] + (p[REQ_FLAGS] & REQ_HIGH ? 4096u : 0), size;
	uint8_t raw[sizeof(struct fuse_ioctl_in) + 300] = { 0 };
	uint64_t off, node;
	size_t len = n;

	memcpy(&size, p + REQ_SIZE, sizeof(size));
	memcpy(&off, p + REQ_OFFSET, sizeof(off));
	node = p[REQ_NODE] >= REQ_ANY ? off : z.nodes ? z.node[p[REQ_NODE] % z.nodes].id : FUSE_ROOT_ID;
	if (n == 0 && z.names > 0 && !(p[REQ_FLAGS] & REQ_RAW)) {
		name = z.name[size % z.names];
		len = n = strlen(name);
	}
	if (n > 0)
		memcpy(raw, name, n);
	if (!(p[REQ_FLAGS] & (REQ_OPEN | REQ_RAW)))
		len++;
	if (p[REQ_FLAGS] & REQ_RAW) {
		(void)ask(op, node, raw, len);
	} else if (p[REQ_FLAGS] & REQ_CUT) {
		memmove(raw + sizeof(struct fuse_read_in), raw, n);
		memcpy(raw, &off, sizeof(off)); /* a handle, an offset and a size, in some order */
		memcpy(raw + 8, &size, sizeof(size));
		memcpy(raw + 16, &size, sizeof(size));
		(void)ask(op, node, raw, size % (sizeof(struct fuse_read_in) + n + 1));
	} else if (op == FUSE_LOOKUP) {
		do_lookup(node, (const char *)raw, len);
	} else if (op == FUSE_GETATTR) {
		do_getattr(node);
	} else if (op == FUSE_READLINK) {
		do_readlink(node);
	} else if (op == FUSE_READ) {
		do_read(node, off, size);
	} else if (op == FUSE_READDIR || op == FUSE_READDIRPLUS) {
		(void)do_readdir(node, off, size, op == FUSE_READDIRPLUS);
	} else if (op == FUSE_GETXATTR) {
		do_getxattr(node, (const char *)raw, len, size);
	} else if (op == FUSE_LISTXATTR) {
		do_listxattr(node, size);
	} else if (op == FUSE_IOCTL) {
		struct fuse_ioctl_in in = {
			.cmd = off & 1 ? IMGFS_IOC_STATS : (uint32_t)off, .out_size = size,
		};

		(void)ask(op, node, &in, sizeof(in));
	} else {
		memmove(raw + 16, raw, n);
		memcpy(raw, &size, sizeof(size));
		memcpy(raw + 4, &off, sizeof(off));
		(void)ask(op, node, raw, 16 + n);
	}
}

static void requests(const uint8_t *p, size_t n)
{
	for (int k = 0; k < REQUESTS_MAX && n >= REQ_BYTES && z.bytes < BYTES_MAX; k++) {
		size_t name = p[REQ_NAME] < n - REQ_BYTES ? p[REQ_NAME] : n - REQ_BYTES;

		request(p, (const char *)p + REQ_BYTES, name);
		p += REQ_BYTES + name;
		n -= REQ_BYTES + name;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct imgfs_start s = { .nsource = 1, .nfuse = 1 };
	struct berth_err err = BERTH_ERR_INIT;
	int fds[3];
	size_t len;

	start();
	if (n < INPUT_HEAD)
		return 0;
	len = (size_t)(data[0] | data[1] << 8);
	if (len > n - INPUT_HEAD)
		len = n - INPUT_HEAD;
	s.nsource += data[2] % 3;
	n -= INPUT_HEAD + len;
	for (uint32_t i = 0; i < s.nsource; i++) {
		fds[i] = fuzz_file_at(data + INPUT_HEAD + len, n, AT);
		s.source[i] = (struct imgfs_source){ .offset = AT, .size = n ? n : 1 };
	}
	z.nodes = z.names = 0;
	z.bytes = 0;
	z.fs = (struct imgfs){ .workers = 3 }; /* as many as make the server read ahead */
	if (image_load(&z.fs, &s, fds, entries(data[3]), &err) == 0) {
		z.w.fs = &z.fs;
		z.w.fd = z.sink;
		z.w.squash = z.fs.first;
		walk();
		requests(data + INPUT_HEAD, len);
		if (n % 8 == 0) {
			z.cut = true;
			fuzz_cut(AT + n / 2);
			walk();
			z.cut = false;
		}
		z.w.window = window_free(z.w.window);
	} else {
		must((err.code == BERTH_EIMAGE || err.code == BERTH_EUSAGE) && err.text[0] != '\0');
	}
	image_close(&z.fs);
	return 0;
}
