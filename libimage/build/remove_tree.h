/* SPDX-License-Identifier: BSD-3-Clause */
/* remove_tree.h - remove a directory and all below it, without following a link or leaving its mount. */
#ifndef BERTH_REMOVE_TREE_H
#define BERTH_REMOVE_TREE_H

struct berth_err;

/*
 * The directory 'name' of 'dir_fd'; 'path' for messages. Directories that the caller owns and may not
 * write are made writable first. Not there: all is well. Fails: BERTH_EDENIED, BERTH_ESYS.
 */
int remove_tree(int dir_fd, const char *name, const char *path, struct berth_err *err);

#endif
