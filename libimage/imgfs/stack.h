/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stack.h - several read-only images as one tree, the topmost first.
 *
 *     source 0   /usr -- bin -- gcc                      an id names source and inode:
 *     source 1   /usr -- bin -- .wh.cc                   source << 48 | reference
 *     source 2   /usr -- bin -- cc                       a merged directory has the id of its
 *     seen       /usr -- bin -- gcc                      topmost part
 *
 * Runs as:  the user, in berth-imgfs.
 * Uses:     libimage/base, libimage/squash.
 * Promise:  with one source nothing is added to what the reader does. Otherwise names are looked
 *           for from the top down until one is found or a whiteout says that there is none;
 *           whiteouts are overlayfs's and those of OCI layers (libimage/base/imgfs_wire.h) and are
 *           not shown themselves. The parts of a merged directory are kept in a table from when
 *           it is first seen, so memory grows with the directories that several sources have.
 *
 * Any thread may ask; each with a reader of its own.
 */
#ifndef BERTH_STACK_H
#define BERTH_STACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "libimage/squash/squash.h"

struct berth_err;
struct stack;

struct stack_found {
	uint64_t id;
	mode_t type;  /* S_IFDIR ..., as the directory says */
	uint64_t ino; /* stack_ino() */
};

/* The file systems 'v' (they stay the caller's), 1 to IMGFS_SOURCES_MAX. NULL without memory. */
struct stack *stack_new(struct squash *const *v, uint32_t n);
struct stack *stack_free(struct stack *s);

/* The root's id and inode; merges the roots. Once, before the others. */
int stack_root(struct stack *s, struct squash_worker *w, uint64_t *ret_id, struct squash_inode *ret,
	       struct berth_err *err);

/* Below: -1 and *err as in squash.h; an id that names nothing is BERTH_EIMAGE. */

int stack_inode(const struct stack *s, struct squash_worker *w, uint64_t id, struct squash_inode *ret,
		struct berth_err *err);

/* Returns 1, 0 if the directory 'dir' has no 'name', or -1. */
int stack_lookup(struct stack *s, struct squash_worker *w, uint64_t dir, const char *name,
		 struct stack_found *ret, struct berth_err *err);

/* The inode of what was found; fails if it is not of the kind that its directory says. */
int stack_entry(const struct stack *s, struct squash_worker *w, const struct stack_found *found,
		const char *name, struct squash_inode *ret, struct berth_err *err);

/*
 * List 'dir' from position 'from' (0: the start, or a 'next') until 'each' returns other than
 * 0. There is no "." and "..". Returns what 'each' returned, 0 at the end, or -1. 'each' may ask
 * for inodes.
 */
typedef int (*stack_each)(void *arg, const struct stack_found *found, const char *name, uint64_t next);
int stack_list(struct stack *s, struct squash_worker *w, uint64_t dir, uint64_t from, stack_each each,
	       void *arg, struct berth_err *err);

/* Is it a directory that more than one source has? Then its count of links means nothing. */
bool stack_is_merged(const struct stack *s, uint64_t id);

/* The inode number to show for number 'ino' of the source that 'id' names. */
static inline uint64_t stack_ino(uint64_t id, uint32_t ino)
{
	return (id >> SQUASH_REF_BITS) << 32 | ino;
}

#endif
