/* SPDX-License-Identifier: BSD-3-Clause */
/* absent.c - what the reader does not know yet: it says that there is none. */
#include "config.h"

#include "libimage/squash/squash_i.h"

int squash_fd(const struct squash *s)
{
	return s->fd;
}

int squash_xattr_list(struct squash_worker *w, const struct squash_inode *o, squash_xattr_each each,
		      void *arg, struct berth_err *err)
{
	(void)w, (void)o, (void)each, (void)arg, (void)err;
	return 0;
}

ssize_t squash_xattr_get(struct squash_worker *w, const struct squash_inode *o, const char *name, void *buf,
			 size_t size, struct berth_err *err)
{
	(void)w, (void)o, (void)name, (void)buf, (void)size, (void)err;
	return SQUASH_NO_XATTR;
}

int squash_xattr_any(struct squash_worker *w, struct squash *fs, const char *prefix, struct berth_err *err)
{
	(void)w, (void)fs, (void)prefix, (void)err;
	return 0;
}
