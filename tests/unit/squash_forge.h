/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * squash_forge.h - a small squashfs by hand, with everything in it once and at a known place, for
 * tests that then spoil it.
 *
 *   /f    a file of a whole block and a tail in a fragment, both stored as they are, with attributes
 *   /l    a symbolic link to "f/x", with attributes
 *   attributes: user.a = "1", and user.b = "hello", which lies outside
 */
#ifndef BERTH_TESTS_SQUASH_FORGE_H
#define BERTH_TESTS_SQUASH_FORGE_H

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "libimage/base/fd.h"
#include "libimage/base/num.h"
#include "tests/unit/unit.h"

enum {
	FORGE_BLOCK = 4096,
	FORGE_TAIL = 100,
	FORGE_TAIL_AT = 50, /* in the fragment */
	FORGE_FRAGMENT = 300,
	FORGE_SIZE = FORGE_BLOCK + FORGE_TAIL,
	FORGE_ZSTD = 6,
};

/* The parts, in their order. Of metadata: where the length of the (one) block lies. */
enum forge_part {
	FORGE_SUPER, FORGE_DATA, FORGE_FRAG_DATA, FORGE_ROOT, FORGE_FILE, FORGE_LINK, FORGE_DIR,
	FORGE_FRAGS, FORGE_FRAG_PTR, FORGE_IDS, FORGE_ID_PTR, FORGE_PAIRS, FORGE_VALUE, FORGE_SETS,
	FORGE_XATTRS, FORGE_XATTR_PTR, FORGE_END, FORGE_PARTS,
};

/* What stands in place of a part, if anything. */
struct forge_swap {
	enum forge_part part;
	const void *data;
	size_t n;
	uint32_t file_size; /* what the file says of its block; 0: as it is */
	uint32_t frag_size; /* and the table of its fragment */
};

struct forge {
	uint8_t data[65536];
	size_t n;
	uint64_t at[FORGE_PARTS];
};

static inline void forge_put(struct forge *f, uint64_t v, unsigned int bytes)
{
	uint8_t raw[8];

	num_put_le64(raw, v);
	memcpy(f->data + f->n, raw, bytes);
	f->n += bytes;
}

static inline void forge_bytes(struct forge *f, const void *p, size_t n)
{
	memcpy(f->data + f->n, p, n);
	f->n += n;
}

/* A metadata block begins: its length is filled in by forge_close(). */
static inline size_t forge_open(struct forge *f)
{
	forge_put(f, 0, 2);
	return f->n;
}

static inline void forge_close(struct forge *f, size_t begin)
{
	size_t n = f->n - begin;

	f->data[begin - 2] = (uint8_t)n;
	f->data[begin - 1] = (uint8_t)(n >> 8 | 0x80);
}

static inline void forge_common(struct forge *f, unsigned int type, unsigned int mode, unsigned int ino)
{
	forge_put(f, type, 2);
	forge_put(f, mode, 2);
	forge_put(f, 0, 4); /* owners */
	forge_put(f, 1000000000, 4);
	forge_put(f, ino, 4);
}

static inline void forge_inodes(struct forge *f, const struct forge_swap *s)
{
	size_t begin = forge_open(f);

	f->at[FORGE_ROOT] = f->n;
	forge_common(f, 8, 0755, 1);
	forge_put(f, 2, 4);	     /* links */
	forge_put(f, 30 + 3, 4);     /* of the listing, and 3 */
	forge_put(f, 0, 4);	     /* block of the listing */
	forge_put(f, 4, 4);	     /* parent */
	forge_put(f, 0, 4);	     /* no index; offset of the listing */
	forge_put(f, UINT32_MAX, 4); /* no attributes */
	f->at[FORGE_FILE] = f->n;
	forge_common(f, 9, 0644, 2);
	forge_put(f, f->at[FORGE_DATA], 8);
	forge_put(f, FORGE_SIZE, 8);
	forge_put(f, 0, 8);
	forge_put(f, 1, 4); /* links */
	forge_put(f, 0, 4); /* fragment */
	forge_put(f, FORGE_TAIL_AT, 4);
	forge_put(f, 0, 4); /* attributes */
	forge_put(f, s->file_size ? s->file_size : FORGE_BLOCK | 1 << 24, 4);
	f->at[FORGE_LINK] = f->n;
	forge_common(f, 10, 0777, 3);
	forge_put(f, 1, 4);
	forge_put(f, 3, 4);
	forge_bytes(f, "f/x", 3);
	forge_put(f, 0, 4); /* attributes */
	forge_close(f, begin);
}

static inline void forge_dir(struct forge *f)
{
	size_t begin = forge_open(f), first = f->at[FORGE_ROOT];

	f->at[FORGE_DIR] = f->n;
	forge_put(f, 1, 4); /* two entries */
	forge_put(f, 0, 4); /* block of their inodes */
	forge_put(f, 1, 4); /* number that theirs are relative to */
	forge_put(f, f->at[FORGE_FILE] - first, 2);
	forge_put(f, 1, 2);
	forge_put(f, 2, 2);
	forge_put(f, 0, 2);
	forge_bytes(f, "f", 1);
	forge_put(f, f->at[FORGE_LINK] - first, 2);
	forge_put(f, 2, 2);
	forge_put(f, 3, 2);
	forge_put(f, 0, 2);
	forge_bytes(f, "l", 1);
	forge_close(f, begin);
}

static inline void forge_xattrs(struct forge *f)
{
	size_t begin = forge_open(f), first = begin;

	f->at[FORGE_PAIRS] = f->n;
	forge_put(f, 0, 2); /* user. */
	forge_put(f, 1, 2);
	forge_bytes(f, "a", 1);
	forge_put(f, 1, 4);
	forge_bytes(f, "1", 1);
	forge_put(f, 0x100, 2); /* user., the value outside */
	forge_put(f, 1, 2);
	forge_bytes(f, "b", 1);
	forge_put(f, 8, 4);
	forge_put(f, f->n + 8 - first, 8);
	f->at[FORGE_VALUE] = f->n;
	forge_put(f, 5, 4);
	forge_bytes(f, "hello", 5);
	forge_close(f, begin);
	begin = forge_open(f);
	f->at[FORGE_SETS] = f->n;
	forge_put(f, 0, 8); /* reference */
	forge_put(f, 2, 4); /* pairs */
	forge_put(f, 30, 4);
	forge_close(f, begin);
	f->at[FORGE_XATTRS] = f->n;
	forge_put(f, f->at[FORGE_PAIRS] - 2, 8);
	forge_put(f, 1, 8);
	f->at[FORGE_XATTR_PTR] = f->n;
	forge_put(f, f->at[FORGE_SETS] - 2, 8);
}

static inline void forge_super(struct forge *f)
{
	size_t end = f->n;

	f->n = 0;
	forge_put(f, 0x73717368, 4);
	forge_put(f, 3, 4); /* inodes */
	forge_put(f, 1000000000, 4);
	forge_put(f, FORGE_BLOCK, 4);
	forge_put(f, 1, 4); /* fragments */
	forge_put(f, FORGE_ZSTD, 2);
	forge_put(f, 12, 2);
	forge_put(f, 0, 2);
	forge_put(f, 1, 2); /* owners */
	forge_put(f, 4, 4); /* version */
	forge_put(f, 0, 8); /* root */
	forge_put(f, end, 8);
	forge_put(f, f->at[FORGE_ID_PTR], 8);
	forge_put(f, f->at[FORGE_XATTRS], 8);
	forge_put(f, f->at[FORGE_ROOT] - 2, 8);
	forge_put(f, f->at[FORGE_DIR] - 2, 8);
	forge_put(f, f->at[FORGE_FRAG_PTR], 8);
	forge_put(f, UINT64_MAX, 8);
	f->n = end;
}

/* A part, or what stands in its place. */
static inline void forge_part(struct forge *f, const struct forge_swap *s, enum forge_part part, int fill, size_t n)
{
	f->at[part] = f->n;
	if (s->part == part && s->data) {
		forge_bytes(f, s->data, s->n);
		return;
	}
	memset(f->data + f->n, fill, n);
	f->n += n;
}

/* Make it. With a swap of FORGE_ROOT or FORGE_DIR that whole block is replaced, length and all. */
static inline void forge_make(struct forge *f, const struct forge_swap *s)
{
	size_t begin;

	memset(f, 0, sizeof(*f));
	f->n = 96;
	forge_part(f, s, FORGE_DATA, 'A', FORGE_BLOCK);
	forge_part(f, s, FORGE_FRAG_DATA, 'T', FORGE_FRAGMENT);
	begin = f->n;
	forge_inodes(f, s);
	if (s->part == FORGE_ROOT && s->data) {
		f->n = begin;
		forge_bytes(f, s->data, s->n);
	}
	begin = f->n;
	forge_dir(f);
	if (s->part == FORGE_DIR && s->data) {
		f->n = begin;
		forge_bytes(f, s->data, s->n);
	}
	begin = forge_open(f);
	f->at[FORGE_FRAGS] = f->n;
	forge_put(f, f->at[FORGE_FRAG_DATA], 8);
	forge_put(f, s->frag_size ? s->frag_size : FORGE_FRAGMENT | 1 << 24, 8);
	forge_close(f, begin);
	f->at[FORGE_FRAG_PTR] = f->n;
	forge_put(f, f->at[FORGE_FRAGS] - 2, 8);
	begin = forge_open(f);
	f->at[FORGE_IDS] = f->n;
	forge_put(f, 1000, 4);
	forge_close(f, begin);
	f->at[FORGE_ID_PTR] = f->n;
	forge_put(f, f->at[FORGE_IDS] - 2, 8);
	forge_xattrs(f);
	f->at[FORGE_END] = f->n;
	forge_super(f);
}

static inline void forge_poke(struct forge *f, enum forge_part part, int delta, uint64_t v, unsigned int bytes)
{
	uint8_t raw[8];

	num_put_le64(raw, v);
	memcpy(f->data + f->at[part] + delta, raw, bytes);
}

/* A memfd of it. */
static inline int forge_fd(const struct forge *f)
{
	int fd = memfd_create("forge", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_pwrite_full(fd, f->data, f->n, 0), 0);
	return fd;
}

#endif
