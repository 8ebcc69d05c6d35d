/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * path.h - rules about the text of paths. Nothing here looks at a file system, so nothing
 * here is a security check on one: that is openat2's work (fd.h).
 */
#ifndef BERTH_PATH_H
#define BERTH_PATH_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Rewrite 'path' in place in its plain form: one slash between components, no "." and no
 * trailing slash; ".." is kept. "//a/./b/" becomes "/a/b"; "/" stays "/"; "" becomes ".",
 * so there must be room for two bytes.
 */
void path_tidy(char *path);

/* An absolute path without ".." components and of sensible length, as a mount target must be. */
bool path_is_target(const char *path);

/*
 * Is 'path' 'base' itself or below it, by whole components? Both tidy.
 * path_is_below("/tmp/foobar", "/tmp/foo") is false, ("/a", "/") is true, ("/a", "/a") is true.
 */
bool path_is_below(const char *path, const char *base);

/* Is it what an image is called in a store (libimage/store), ".../images/<64 hex digits>.sif"? */
bool path_is_stored(const char *path);

/* The last component: "c" of "/a/b/c"; "/" for "/". */
const char *path_base(const char *path);

/* "dir/name" as a new string (caller frees), or NULL without memory. An absolute 'name' stands. */
char *path_join(const char *dir, const char *name);

/*
 * 'path' as it is called from 'cwd', which getcwd() gave: "../b" from "/w/x" is "/w/b", tidy. Only
 * leading dots are worked out, for what a later ".." leads to is the kernel's business. A new string
 * (caller frees), or NULL without memory. An absolute 'path' stands, tidied.
 */
char *path_from(const char *cwd, const char *path);

#endif
