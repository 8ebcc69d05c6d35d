/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_answer.c - the server's answers, request by request: what the kernel would send is put
 * into answer(), what it would get is read from a socket. No kernel mount is involved, so it can
 * be sent what no kernel sends. Needs mksquashfs.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "libimage/base/log.h"
#include "libimage/imgfs/answer.h"
#include "tests/unit/unit.h"

enum { BIG_BYTES = 700001, FAR_BYTES = 4 << 20 /* more than a worker has mapped of an image */ };

static char top[] = "/tmp/check_answer.XXXXXX";
static struct imgfs fs;
static struct worker worker;
static int image_fd, kernel_fd = -1; /* the other end of worker.fd */

/* What came back. */
static struct {
	int n; /* answers */
	struct fuse_out_header head;
	_Alignas(8) uint8_t body[READ_MAX + 4096];
	size_t len;
} got;

static bool make_image(void)
{
	char cmd[1024];

	if (!mkdtemp(top))
		return false;
	(void)snprintf(cmd, sizeof(cmd),
		       "cd %s && mkdir -p t/dir/sub t/empty && echo hello >t/dir/file && ln -s file t/dir/link && "
		       "mkfifo t/dir/pipe && head -c %d /dev/zero | tr '\\0' 'x' >t/big && touch t/none && "
		       "mksquashfs t img -noappend -quiet -no-progress -comp gzip -all-root >/dev/null && "
		       "head -c %d /dev/zero | tr '\\0' 'y' >t/far && "
		       "mksquashfs t raw -noappend -quiet -no-progress -noD -noI -noF -all-root >/dev/null",
		       top, BIG_BYTES, FAR_BYTES);
	return system(cmd) == 0;
}

static void remove_image(void)
{
	char cmd[64];

	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", top);
	(void)!system(cmd);
}

static void begin(const char *image)
{
	static const char entries[] = "d/dir/added\0f/dir/link2\0d/new/deep";
	struct imgfs_start start = { .nsource = 1, .nfuse = 1, .cache_bytes = 1 << 20 };
	struct berth_err err = BERTH_ERR_INIT;
	int pair[2], room = 1 << 20, list = fd_memfile("entries", entries, sizeof(entries));
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/%s", top, image);
	image_fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(image_fd, 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	/* for the largest answer, in one message; the usual limit on both is twice enough */
	ck_assert_int_eq(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	ck_assert_msg(image_load(&fs, &start, &image_fd, list, &err) == 0, "%s", err.text);
	(void)close(list);
	fs.workers = 1;
	worker = (struct worker){ .fs = &fs, .fd = pair[0], .squash = take_ptr(&fs.first) };
	kernel_fd = pair[1];
}

static void setup(void)
{
	begin("img");
}

static void setup_raw(void)
{
	begin("raw");
}

static void teardown(void)
{
	worker.window = window_free(worker.window);
	worker.squash = squash_worker_free(worker.squash);
	free(worker.scratch);
	image_close(&fs);
	(void)close(worker.fd);
	(void)close(kernel_fd);
	(void)close(image_fd);
	fs = (struct imgfs){ 0 };
}

/* Send 'n' bytes behind a head; the head may lie about nothing but the operation. Returns the error. */
static int ask(uint32_t opcode, uint64_t node, const void *body, size_t n)
{
	static uint64_t unique = 2;
	_Alignas(8) uint8_t msg[4096];
	struct fuse_in_header head = {
		.len = (uint32_t)(sizeof(head) + n), .opcode = opcode, .unique = unique, .nodeid = node,
	};
	struct iovec v[2] = {
		{ .iov_base = &got.head, .iov_len = sizeof(got.head) },
		{ .iov_base = got.body, .iov_len = sizeof(got.body) },
	};
	struct msghdr mh = { .msg_iov = v, .msg_iovlen = 2 };
	ssize_t len;

	memcpy(msg, &head, sizeof(head));
	if (n > 0)
		memcpy(msg + sizeof(head), body, n);
	answer(&worker, msg, sizeof(head) + n);
	got.n = 0;
	while ((len = recvmsg(kernel_fd, &mh, MSG_DONTWAIT)) > 0) {
		got.n++;
		ck_assert_uint_ge((size_t)len, sizeof(got.head));
		ck_assert_uint_eq(got.head.len, (uint32_t)len);
		ck_assert_uint_eq(got.head.unique, unique);
		got.len = (size_t)len - sizeof(got.head);
	}
	unique += 2;
	if (got.n == 0)
		return 1; /* no errno that the kernel is told: those are negative */
	ck_assert_int_eq(got.n, 1);
	ck_assert(got.head.error == 0 || got.len == 0);
	return got.head.error;
}

static uint64_t lookup(uint64_t dir, const char *name)
{
	const struct fuse_entry_out *e = (const struct fuse_entry_out *)(void *)got.body;

	ck_assert_int_eq(ask(FUSE_LOOKUP, dir, name, strlen(name) + 1), 0);
	ck_assert_uint_eq(got.len, sizeof(*e));
	ck_assert_uint_eq(e->entry_valid, FOREVER_S);
	return e->nodeid;
}

static int ask_read(uint32_t opcode, uint64_t node, uint64_t off, uint32_t size)
{
	struct fuse_read_in in = { .offset = off, .size = size };

	return ask(opcode, node, &in, sizeof(in));
}

START_TEST(init)
{
	struct fuse_init_in in = { .major = 7, .minor = 34, .max_readahead = 131072, .flags = ~0u };
	const struct fuse_init_out *out = (const struct fuse_init_out *)(void *)got.body;

	ck_assert_int_eq(ask(FUSE_INIT, 0, &in, 16), 0); /* as Linux 5.14 sends it */
	ck_assert_uint_eq(got.len, 64);
	ck_assert_uint_eq(out->major, 7);
	ck_assert_uint_eq(out->minor, 34);
	ck_assert_uint_eq(out->max_readahead, 131072);
	ck_assert_uint_eq(out->flags & (FUSE_AUTO_INVAL_DATA | FUSE_POSIX_ACL | FUSE_WRITEBACK_CACHE |
					FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS), 0);
	ck_assert_uint_ne(out->flags & FUSE_NO_OPENDIR_SUPPORT, 0);
	in.minor = 45;
	in.flags = FUSE_ASYNC_READ;
	ck_assert_int_eq(ask(FUSE_INIT, 0, &in, sizeof(in)), 0);
	ck_assert_uint_eq(out->flags, FUSE_ASYNC_READ); /* never what was not offered */
	in.minor = 33;
	ck_assert_int_eq(ask(FUSE_INIT, 0, &in, 16), -EPROTO);
	in.major = 6;
	ck_assert_int_eq(ask(FUSE_INIT, 0, &in, 16), -EPROTO);
	ck_assert_int_eq(ask(FUSE_INIT, 0, &in, 15), -EIO);
}
END_TEST

START_TEST(names)
{
	uint64_t dir = lookup(FUSE_ROOT_ID, "dir"), file = lookup(dir, "file");
	const struct fuse_attr_out *a = (const struct fuse_attr_out *)(void *)got.body;

	ck_assert(dir > FUSE_ROOT_ID && file > FUSE_ROOT_ID && file != dir);
	ck_assert_uint_eq(lookup(dir, "absent"), 0);
	ck_assert_uint_ne(lookup(dir, "added") & TREE_VIRTUAL, 0);
	ck_assert_uint_eq(lookup(lookup(dir, "added"), "x"), 0);
	ck_assert_uint_ne(lookup(lookup(FUSE_ROOT_ID, "new"), "deep") & TREE_VIRTUAL, 0);
	ck_assert_int_eq(ask(FUSE_GETATTR, file, NULL, 0), 0);
	ck_assert_uint_eq(a->attr.size, 6);
	ck_assert_uint_eq(a->attr_valid, FOREVER_S);
	ck_assert_int_eq(ask(FUSE_GETATTR, FUSE_ROOT_ID, NULL, 0), 0);
	ck_assert(S_ISDIR(a->attr.mode));
	ck_assert_int_eq(ask(FUSE_READLINK, lookup(dir, "link"), NULL, 0), 0);
	ck_assert_uint_eq(got.len, 4);
	ck_assert(memcmp(got.body, "file", 4) == 0);
}
END_TEST

/* Requests that no kernel sends, or that ask for what is not so: each is answered, once. */
START_TEST(refusals)
{
	uint64_t dir = lookup(FUSE_ROOT_ID, "dir"), file = lookup(dir, "file"), added = lookup(dir, "added");
	uint64_t pipe_node = lookup(dir, "pipe");

	ck_assert_int_eq(ask(FUSE_LOOKUP, dir, "file", 4), -EIO); /* no NUL */
	ck_assert_int_eq(ask(FUSE_LOOKUP, dir, "", 1), -EIO);
	ck_assert_int_eq(ask(FUSE_LOOKUP, dir, NULL, 0), -EIO);
	ck_assert_int_eq(ask(FUSE_LOOKUP, file, "x", 2), -EIO); /* in a file */
	ck_assert_int_eq(ask(FUSE_READLINK, file, NULL, 0), -EINVAL);
	ck_assert_int_eq(ask(FUSE_READLINK, added, NULL, 0), -EINVAL);
	ck_assert_int_eq(ask(FUSE_READ, file, "short", 5), -EIO);
	ck_assert_int_eq(ask_read(FUSE_READ, dir, 0, 4096), -EINVAL);
	ck_assert_int_eq(ask_read(FUSE_READ, pipe_node, 0, 4096), -EINVAL);
	ck_assert_int_eq(ask_read(FUSE_READ, file, 0, READ_MAX + 1), -EINVAL);
	ck_assert_int_eq(ask_read(FUSE_READ, file, UINT64_MAX, 4096), -EINVAL);
	ck_assert_int_eq(ask_read(FUSE_READDIR, file, 0, 4096), -EIO);
	ck_assert_int_eq(ask(FUSE_READDIR, dir, NULL, 0), -EIO);
	/* node numbers that were never given out */
	for (int bit = 1; bit < 64; bit++) {
		uint64_t node = (1ull << bit) + 12345;

		ck_assert_int_lt(ask(FUSE_GETATTR, node, NULL, 0), 0);
		ck_assert_int_le(ask_read(FUSE_READ, node, 0, 4096), 0);
		ck_assert_int_le(ask_read(FUSE_READDIRPLUS, node, 0, 4096), 0);
		ck_assert_int_le(ask(FUSE_LOOKUP, node, "x", 2), 0);
	}
	ck_assert_int_eq(ask(FUSE_GETATTR, 0, NULL, 0), -EIO);
	/* what a read-only image does not do, and operations of kernels to come */
	static const uint32_t none[] = { FUSE_OPEN, FUSE_OPENDIR, FUSE_FLUSH, FUSE_LSEEK, FUSE_ACCESS, FUSE_WRITE,
					 FUSE_MKNOD, FUSE_SETATTR, FUSE_UNLINK, FUSE_POLL, FUSE_INTERRUPT,
					 FUSE_GETXATTR, FUSE_LISTXATTR, 0, 7, 19, 52, 63, 64, 4096, UINT32_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		ck_assert_int_eq(ask(none[i], file, "0123456789abcdef0123456789", 27), -ENOSYS);
	/* not a head even: no number to answer to */
	answer(&worker, got.body, sizeof(struct fuse_in_header) - 1);
	ck_assert_int_eq(recv(kernel_fd, got.body, 1, MSG_DONTWAIT), -1);
}
END_TEST

START_TEST(forget_has_no_answer)
{
	struct fuse_forget_in one = { .nlookup = 1 };

	ck_assert_int_eq(ask(FUSE_FORGET, 5, &one, sizeof(one)), 1);
	ck_assert_int_eq(ask(FUSE_BATCH_FORGET, 0, &one, sizeof(one)), 1);
	ck_assert_uint_eq(worker.count.forgets, 2);
}
END_TEST

/* Lengths and places of reads of a file of one byte repeated, whole blocks and parts of them. */
START_TEST(reads)
{
	static const struct { uint64_t off; uint32_t size; size_t len; } rows[] = {
		{ 0, 131072, 131072 }, { 0, 4096, 4096 }, { 131072, 131072, 131072 }, { 130000, 4096, 4096 },
		{ 0, READ_MAX, READ_MAX }, { 4096, READ_MAX, READ_MAX }, { BIG_BYTES - 1, 4096, 1 },
		{ BIG_BYTES, 4096, 0 }, { BIG_BYTES + 5000, 4096, 0 }, { 655360, 131072, BIG_BYTES - 655360 },
		{ 5, 0, 0 },
	};
	uint64_t big = lookup(FUSE_ROOT_ID, "big");
	size_t wrong = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ck_assert_int_eq(ask_read(FUSE_READ, big, rows[i].off, rows[i].size), 0);
		ck_assert_uint_eq(got.len, rows[i].len);
		for (size_t k = 0; k < got.len; k++)
			wrong += got.body[k] != 'x';
	}
	ck_assert_uint_eq(wrong, 0);
	ck_assert_int_eq(ask_read(FUSE_READ, lookup(FUSE_ROOT_ID, "none"), 0, 4096), 0);
	ck_assert_uint_eq(got.len, 0);
	ck_assert_int_eq(ask_read(FUSE_READ, lookup(lookup(FUSE_ROOT_ID, "dir"), "link2"), 0, 4096), 0);
	ck_assert_uint_eq(got.len, 0);
}
END_TEST

/* KERNEL: what a fixed mapping is to replace is unmapped first, and stays so if it then fails. */
static bool no_mappings;

void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	if (no_mappings && (flags & MAP_FIXED)) {
		(void)munmap(at, n);
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return (void *)syscall(SYS_mmap, at, n, prot, flags, fd, off);
}

/* Where the image cannot be mapped any more its bytes are read, and what lay there is left alone. */
START_TEST(without_a_window)
{
	uint64_t far = lookup(FUSE_ROOT_ID, "far"), big = lookup(FUSE_ROOT_ID, "big");
	uint8_t *other;
	void *was;

	ck_assert_int_eq(ask_read(FUSE_READ, big, 0, 131072), 0);
	ck_assert_uint_eq(worker.count.raw_bytes, 131072);
	was = *(void **)(void *)worker.window; /* its first member */
	no_mappings = true;
	for (uint64_t off = 0; off < FAR_BYTES; off += 131072) {
		ck_assert_int_eq(ask_read(FUSE_READ, far, off, 131072), 0);
		ck_assert_uint_eq(got.len, 131072);
		for (size_t k = 0; k < got.len; k++)
			ck_assert_uint_eq(got.body[k], 'y');
	}
	no_mappings = false;
	/* the place is somebody else's now */
	other = mmap(was, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ck_assert_ptr_eq(other, was);
	*other = 1;
	ck_assert_int_eq(ask_read(FUSE_READ, big, 0, 131072), 0);
	ck_assert_uint_eq(got.len, 131072);
	worker.window = window_free(worker.window);
	ck_assert_uint_eq(*other, 1);
	ck_assert_int_eq(munmap(other, 4096), 0);
}
END_TEST

START_TEST(raw_bytes_are_not_copied)
{
	uint64_t big = lookup(FUSE_ROOT_ID, "big");
	char path[64];

	ck_assert_int_eq(ask_read(FUSE_READ, big, 0, READ_MAX), 0);
	ck_assert_uint_eq(got.len, READ_MAX);
	ck_assert_uint_eq(worker.count.raw_bytes, READ_MAX);
	/* cut short under the server: an error, where a mapping that is looked at would be a signal */
	(void)snprintf(path, sizeof(path), "%s/raw", top);
	ck_assert_int_eq(truncate(path, 4096), 0);
	ck_assert_int_eq(ask_read(FUSE_READ, big, 131072, 131072), -EIO);
	ck_assert_uint_eq(worker.count.raw_bytes, READ_MAX);
	ck_assert_uint_ge(worker.count.damages, 1);
}
END_TEST

/* A listing in answers of 'size' bytes: how many names, each with its place to go on from. */
static int list(uint32_t opcode, uint64_t dir, uint32_t size, uint64_t *last_node)
{
	size_t head = opcode == FUSE_READDIRPLUS ? FUSE_NAME_OFFSET_DIRENTPLUS : FUSE_NAME_OFFSET;
	uint64_t off = 0;
	int n = 0;

	do {
		ck_assert_int_eq(ask_read(opcode, dir, off, size), 0);
		for (size_t at = 0; at < got.len;) {
			const struct fuse_direntplus *plus = (const void *)(got.body + at);
			const struct fuse_dirent *e = opcode == FUSE_READDIRPLUS ? &plus->dirent : (const void *)plus;

			ck_assert_uint_le(at + head + e->namelen, got.len);
			ck_assert_uint_gt(e->off, off);
			off = e->off;
			if (opcode == FUSE_READDIRPLUS && e->name[0] != '.')
				*last_node = plus->entry_out.nodeid;
			at += FUSE_DIRENT_ALIGN(head + e->namelen);
			n++;
		}
	} while (got.len > 0);
	return n;
}

START_TEST(listings)
{
	static const uint32_t sizes[] = { 300, 700, 4096, 1 << 20 };
	uint64_t node = 0, dir = lookup(FUSE_ROOT_ID, "dir");

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		/* . .. file link pipe sub, added link2 */
		ck_assert_int_eq(list(FUSE_READDIR, dir, sizes[i], &node), 8);
		ck_assert_int_eq(list(FUSE_READDIRPLUS, dir, sizes[i], &node), 8);
		ck_assert_uint_ne(node & TREE_VIRTUAL, 0);
		/* . .. big dir empty none, new */
		ck_assert_int_eq(list(FUSE_READDIRPLUS, FUSE_ROOT_ID, sizes[i], &node), 7);
		ck_assert_int_eq(list(FUSE_READDIR, lookup(FUSE_ROOT_ID, "new"), sizes[i], &node), 3);
	}
	/* no room for one name: nothing, and no loop; a place that nobody gave out: the end */
	ck_assert_int_eq(ask_read(FUSE_READDIR, dir, 0, 8), 0);
	ck_assert_uint_eq(got.len, 0);
	ck_assert_int_eq(ask_read(FUSE_READDIR, dir, (1ull << 48) + 4711, 4096), 0);
	ck_assert_uint_eq(got.len, 0);
}
END_TEST

START_TEST(statistics)
{
	struct fuse_ioctl_in in = { .cmd = IMGFS_IOC_STATS, .out_size = sizeof(struct imgfs_stats) };
	uint64_t before;

	(void)lookup(FUSE_ROOT_ID, "dir");
	before = worker.count.requests;
	ck_assert_int_eq(ask(FUSE_IOCTL, FUSE_ROOT_ID, &in, sizeof(in)), 0);
	ck_assert_uint_eq(got.len, sizeof(struct fuse_ioctl_out) + sizeof(struct imgfs_stats));
	ck_assert_uint_eq(worker.count.requests, before); /* not counted */
	in.out_size--;
	ck_assert_int_eq(ask(FUSE_IOCTL, FUSE_ROOT_ID, &in, sizeof(in)), -ENOTTY);
	in.cmd = 0x5401; /* TCGETS: is it a terminal? */
	ck_assert_int_eq(ask(FUSE_IOCTL, FUSE_ROOT_ID, &in, sizeof(in)), -ENOTTY);
	ck_assert_uint_eq(worker.count.requests, before + 1);
	ck_assert_int_eq(ask(FUSE_IOCTL, FUSE_ROOT_ID, &in, sizeof(in) - 1), -EIO);
	ck_assert_int_eq(ask(FUSE_STATFS, FUSE_ROOT_ID, NULL, 0), 0);
	ck_assert_uint_eq(got.len, sizeof(struct fuse_statfs_out));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("answer"), *raw = tcase_create("raw");
	int status;

	log_init("check_answer", LOG_ERROR);
	if (!make_image()) {
		(void)fprintf(stderr, "cannot make an image; is mksquashfs there?\n");
		return EXIT_FAILURE;
	}
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, init);
	tcase_add_test(tc, names);
	tcase_add_test(tc, refusals);
	tcase_add_test(tc, forget_has_no_answer);
	tcase_add_test(tc, reads);
	tcase_add_test(tc, listings);
	tcase_add_test(tc, statistics);
	tcase_add_checked_fixture(raw, setup_raw, teardown);
	tcase_add_test(raw, without_a_window);
	tcase_add_test(raw, raw_bytes_are_not_copied); /* the last: it cuts the image */
	status = unit_run_two("answer", tc, raw);
	remove_image();
	return status;
}
