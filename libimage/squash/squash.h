/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * squash.h - read a squashfs 4.0 file system, on demand and without believing any of it.
 *
 * Runs as:  the user, in berth-imgfs's sandbox (and wherever an image is looked into).
 * Uses:     libimage/base; libsquashfs for the decompressors. Only this room includes its headers.
 * Promise:  opening costs the same whatever the size of the image; memory is bounded by the
 *           caches given; every number of the image is checked before it is used; a damaged
 *           or shortened file gives BERTH_EIMAGE, never a signal (pread only, no mmap).
 *
 * 'struct squash' may be shared by threads; each thread reads through a 'struct squash_worker'
 * of its own. An inode is named by its reference, 48 bits, as the image's directories name it.
 */
#ifndef BERTH_SQUASH_H
#define BERTH_SQUASH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct berth_err;
struct squash;
struct squash_worker;
struct cache_slot;

enum {
	SQUASH_NAME_MAX = 256, /* LIMIT: the format's, bytes of a name */
	SQUASH_REF_BITS = 48,
	SQUASH_WORKERS_MAX = 17, /* LIMIT: imgfs's 16 and one that starts up */
};

struct squash_info {
	uint64_t root;	     /* reference of the root directory */
	uint64_t bytes_used;
	uint32_t block_size;
	uint32_t inodes;
	bool has_xattrs;
	const char *compressor;
};

struct squash_inode {
	uint64_t ref;
	uint32_t ino; /* hard links share it */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint32_t nlink;
	dev_t rdev;
	int64_t mtime;
	uint64_t size;
	uint64_t blocks; /* of 512 bytes */
	uint32_t parent; /* directory: inode number of "..", as the image says */

	/* private to the room */
	uint64_t tail_block; /* metadata position of what follows the fixed part */
	uint32_t tail_offset;
	uint64_t data_start;
	uint32_t data_offset;
	uint32_t index_count;
	uint32_t fragment, fragment_offset;
};

/*
 * Open the file system in 'fd' at 'offset', in at most 'size' bytes. 'fd' stays the caller's
 * and must outlive the result; its file offset is not used. 'cache_bytes' limits the cache of
 * decompressed blocks (a few blocks a worker are kept in any case).
 * Fails: BERTH_EIMAGE not a squashfs, of another version, damaged, cut short, or of a
 *        compressor that this build lacks; BERTH_ESYS no memory.
 */
int squash_open(int fd, uint64_t offset, uint64_t size, uint64_t cache_bytes, struct squash **ret,
		struct berth_err *err);
/* NULL-safe; after the last worker is freed. */
struct squash *squash_close(struct squash *s);
const struct squash_info *squash_info(const struct squash *s);

int squash_worker_new(struct squash *s, struct squash_worker **ret, struct berth_err *err);
struct squash_worker *squash_worker_free(struct squash_worker *w);

/* Below: -1 and *err with BERTH_EIMAGE for a damaged image, BERTH_ESYS for a failed read. */

int squash_inode_get(struct squash_worker *w, uint64_t ref, struct squash_inode *ret,
		     struct berth_err *err);

/* Puts the target, NUL-terminated, in 'out'; returns its length. */
ssize_t squash_readlink(struct squash_worker *w, const struct squash_inode *inode, char out[PATH_MAX],
			struct berth_err *err);

struct squash_dirent {
	uint64_t ref;
	uint64_t next; /* position of the entry behind this one */
	uint32_t ino;
	mode_t type; /* S_IFDIR, ... */
	char name[SQUASH_NAME_MAX + 1];
};

/* Returns 1, 0 if 'dir' has no 'name', or -1. 'dir' must be a directory (else BERTH_EIMAGE). */
int squash_lookup(struct squash_worker *w, const struct squash_inode *dir, const char *name,
		  struct squash_dirent *ret, struct berth_err *err);

/*
 * List 'dir' from position 'from' (0: the start, or a dirent's 'next') until 'each' returns
 * other than 0. There is no "." and "..". Returns what 'each' returned, 0 at the end, or -1.
 * 'each' may get other inodes through 'w', but not list or look up.
 */
typedef int (*squash_each)(void *arg, const struct squash_dirent *ent);
int squash_list(struct squash_worker *w, const struct squash_inode *dir, uint64_t from,
		squash_each each, void *arg, struct berth_err *err);

/* Bytes of a file that lie in one piece in memory, until squash_unpin(). */
struct squash_span {
	const uint8_t *data;
	size_t len;
	struct cache_slot *slot; /* private */
};

/* The bytes at 'off', at most 'len': len 0 at the end of the file. A worker holds one span. */
int squash_pin(struct squash_worker *w, const struct squash_inode *file, uint64_t off, size_t len,
	       struct squash_span *ret, struct berth_err *err);
void squash_unpin(struct squash_worker *w, struct squash_span *span);

/* Copy up to 'len' bytes at 'off'. Returns the count (short only at the end of the file), or -1. */
ssize_t squash_read(struct squash_worker *w, const struct squash_inode *file, uint64_t off, void *buf,
		    size_t len, struct berth_err *err);

#endif
