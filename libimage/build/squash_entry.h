/* SPDX-License-Identifier: BSD-3-Clause */
/* squash_entry.h - what a squashfs has at a name, as an entry of a tree or an archive. */
#ifndef BERTH_SQUASH_ENTRY_H
#define BERTH_SQUASH_ENTRY_H

#include "libimage/layer/flat.h"
#include "libimage/squash/walk.h"

struct squash_entry {
	struct flat_entry entry; /* borrows from the visit and from what follows */
	struct squash_attrs attrs;
	struct flat_xattr *xattrs;
};

/* Fails: as walk.h. squash_entry_done() also after failure. */
int squash_entry_get(const struct squash_visit *v, struct squash_entry *ret, struct berth_err *err);
void squash_entry_done(struct squash_entry *e);

/* All of a squashfs to a tree that is made: a feed of convert.h. */
int squash_feed(int fd, uint64_t at, uint64_t size, struct flat *f, struct berth_err *err);

#endif
