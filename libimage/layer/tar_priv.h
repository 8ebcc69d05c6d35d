/* SPDX-License-Identifier: BSD-3-Clause */
/* tar_priv.h - the tar reader's parts. Private to libimage/layer/tar*.c. */
#ifndef BERTH_TAR_PRIV_H
#define BERTH_TAR_PRIV_H

#include <limits.h>

#include "libimage/layer/tar.h"

enum {
	TAR_BLOCK = 512,
	TAR_EXTRA_MAX = 1 << 20,   /* LIMIT: bytes of a PAX header; Go's. A path is 4 KiB, attributes 64 KiB each */
	TAR_EXTENTS_MAX = 1 << 20, /* LIMIT: pieces of a file with holes; 16 bytes each */
};

struct extent {
	uint64_t at, n;
};

/* What extra headers say of the next entry. */
struct tar_extra {
	char *path, *link; /* in 'text' */
	bool has_size, has_mtime, has_uid, has_gid;
	uint64_t size;
	struct timespec mtime;
	uint32_t uid, gid;
	bool sparse;	   /* GNU's, as PAX records */
	bool sparse_inside; /* version 1.0: the map is the first of the file's bytes */
	bool has_real;
	uint64_t real;	   /* the size with holes */
	bool has_at;	   /* version 0.0: an offset waits for its length */
};

struct tar {
	struct tar_input in;
	const unsigned char *p; /* what 'more' gave */
	size_t n;
	bool ended;
	unsigned char block[TAR_BLOCK];
	uint64_t left, padding; /* of the entry's bytes, and after them */
	uint64_t at, real;	/* of the file with its holes */
	bool sparse;
	struct tar_extra x;
	char *text;		/* records of the PAX header, cut into strings */
	char *gnu_path, *gnu_link;
	char path[PATH_MAX + TAR_BLOCK], link[TAR_BLOCK];
	struct flat_xattr *xattrs;
	size_t nxattrs, xattrs_size;
	struct extent *map;
	size_t nmap, map_size, map_next;
};

int tar_damaged(struct berth_err *err, const char *what);
/* Exactly one block. 1, 0 the stream ended before it, -1. */
int tar_block(struct tar *t, const unsigned char **ret, struct berth_err *err);
/* 'size' bytes and their padding as a string; NULL and *err. */
char *tar_text(struct tar *t, uint64_t size, struct berth_err *err);

/* ---- tar_pax.c ---- */
/* Take in the records of a header of 'size' bytes, which is next. */
int tar_pax(struct tar *t, uint64_t size, struct berth_err *err);
int tar_add_extent(struct tar *t, uint64_t at, uint64_t n, struct berth_err *err);
/* The map of an old GNU header, which goes on in blocks of its own. */
int tar_gnu_map(struct tar *t, const unsigned char *header, struct berth_err *err);
/* The map before the bytes of a file (GNU's version 1.0); takes it from t->left. */
int tar_inside_map(struct tar *t, struct berth_err *err);
/* Are the pieces in order, within the file, and as many bytes as there are? */
int tar_check_map(const struct tar *t, struct berth_err *err);
/* A number of a header: octal digits, or base 256. Signed, for times. */
int tar_number(const unsigned char *field, size_t n, int64_t *ret);
void tar_sort_xattrs(struct tar *t);

#endif
