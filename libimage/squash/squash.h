/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * squash.h - read a squashfs 4.0 file system, on demand and without believing any of it.
 *
 * Runs as:  the user, in berth-imgfs's sandbox (and wherever an image is looked into).
 * Uses:     libimage/base; the decompressors' libraries (unpack.h).
 * Promise:  opening costs the same whatever the size of the image; memory is bounded by the
 *           caches given; every number of the image is checked before it is used; a damaged
 *           or shortened file gives BERTH_EIMAGE, never a signal (pread only, no mmap).
 *
 * Several file systems make a group, with one cache and one set of workers: squash_open() each,
 * squash_share() all of them, then squash_worker_new() once a thread. What was opened may be used
 * by all threads, a worker by one. An inode is named by its file system and its reference, 48
 * bits, as the image's directories name it.
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
	SQUASH_SHARE_MAX = 128,	 /* LIMIT: file systems of a group: a stack of layers */
	SQUASH_NO_XATTR = -2,	 /* no attribute of this name */
	SQUASH_XATTR_SMALL = -3, /* the value is larger than the buffer */
};
static const uint32_t SQUASH_XATTR_NONE = 0xFFFFFFFFu;

struct squash_info {
	uint64_t root;	     /* reference of the root directory */
	uint64_t bytes_used;
	uint32_t block_size;
	uint32_t inodes;
	bool has_xattrs;
	uint32_t xattr_sets; /* 0: none */
	const char *compressor;
};

struct squash_inode {
	struct squash *fs;
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
	uint32_t xattr;	 /* number of its set, or SQUASH_XATTR_NONE */

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
 * and must outlive the result; its file offset is not used.
 * Fails: BERTH_EIMAGE not a squashfs, of another version, damaged, cut short, or of a
 *        compressor that this build lacks; BERTH_ESYS no memory.
 */
int squash_open(int fd, uint64_t offset, uint64_t size, struct squash **ret, struct berth_err *err);
/* NULL-safe; after the last worker of its group is freed. */
struct squash *squash_close(struct squash *s);
const struct squash_info *squash_info(const struct squash *s);
/* Somebody walks the tree: have the kernel read the tables of names and inodes ahead, in part. */
void squash_read_ahead(const struct squash *s);
/* The descriptor it was opened with, which is the caller's. */
int squash_fd(const struct squash *s);

/*
 * Make the 'n' file systems one group: one cache of data blocks of 'cache_bytes' in all (but not
 * less than 'workers' threads can need at once) and a small one of metadata. Once for each, and
 * before the first worker. Fails: BERTH_ESYS no memory, BERTH_EBUG one is in a group already.
 */
int squash_share(struct squash *const *v, size_t n, uint64_t cache_bytes, uint32_t workers,
		 struct berth_err *err);

/* What a thread needs to read the 'n' file systems, which are of one group. */
int squash_worker_new(struct squash *const *v, size_t n, struct squash_worker **ret,
		      struct berth_err *err);
struct squash_worker *squash_worker_free(struct squash_worker *w);

/* What a group has done so far. Each number by itself is right; any thread may ask. */
struct squash_stats {
	uint64_t reads;	     /* system calls that read images */
	uint64_t read_bytes;
	uint64_t unpacked;   /* blocks decompressed */
	uint64_t cache_hits, cache_misses;
	uint64_t lock_takes; /* of the caches' locks */
	uint64_t lock_waits; /* of those, how often another thread held it */
	uint64_t load_waits; /* for a block that another thread was loading, or for a free slot */
};
void squash_stats(const struct squash *any, struct squash_stats *ret);

/* Below: -1 and *err with BERTH_EIMAGE for a damaged image, BERTH_ESYS for a failed read. */

int squash_inode_get(struct squash_worker *w, struct squash *fs, uint64_t ref,
		     struct squash_inode *ret, struct berth_err *err);

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

/*
 * Copy up to 'len' bytes at 'off'. Returns the count (short only at the end of the file), or -1.
 * Blocks that are wanted whole, and those stored as they are, are not put in the cache.
 */
ssize_t squash_read(struct squash_worker *w, const struct squash_inode *file, uint64_t off, void *buf,
		    size_t len, struct berth_err *err);

/*
 * Do the bytes at 'off' lie in the image as they are? Returns 1 with where, in the file that was
 * opened, and how many (at most 'len') in one piece; 0: no, they must be read; or -1.
 */
int squash_raw(struct squash_worker *w, const struct squash_inode *file, uint64_t off, size_t len,
	       uint64_t *ret_at, size_t *ret_len, struct berth_err *err);

/*
 * Extended attributes, of all kinds that squashfs has, under their full names ("user.x"). What of
 * it is shown to whom is the caller's to decide. Lists them until 'each' returns other than 0.
 * Returns what it returned, 0 at the end, or -1.
 */
typedef int (*squash_xattr_each)(void *arg, const char *name, size_t value_len);
int squash_xattr_list(struct squash_worker *w, const struct squash_inode *inode, squash_xattr_each each,
		      void *arg, struct berth_err *err);

/*
 * The length of the value of 'name', which is copied to 'buf' of 'size' bytes unless 'size' is 0.
 * Or -1, SQUASH_NO_XATTR or SQUASH_XATTR_SMALL; the latter two leave *err alone.
 */
ssize_t squash_xattr_get(struct squash_worker *w, const struct squash_inode *inode, const char *name,
			 void *buf, size_t size, struct berth_err *err);

/*
 * Has any inode of 'fs' an attribute whose name begins with 'prefix'? 1, 0 or -1. Where there are
 * too many to look through in a few milliseconds, 1.
 */
int squash_xattr_any(struct squash_worker *w, struct squash *fs, const char *prefix,
		     struct berth_err *err);

#endif
