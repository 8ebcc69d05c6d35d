/* SPDX-License-Identifier: BSD-3-Clause */
/* image.c - find the squashfs in an image file, open it, and add the virtual entries. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "libimage/base/pin.h"
#include "libimage/imgfs/imgfs.h"
#include "libimage/sif/sif.h"

int image_locate(int fd, uint64_t *ret_offset, uint64_t *ret_size, struct berth_err *err)
{
	struct sif_object root;
	struct image_pin pin;
	struct sif sif;
	char magic[4];

	if (image_kind_read(fd, &pin, err) < 0)
		return -1;
	switch (pin.kind) {
	case IMAGE_SIF:
		if (sif_open(fd, &sif, err) < 0 || sif_find_root(&sif, &root, err) < 0)
			return -1;
		*ret_offset = root.offset;
		*ret_size = root.size;
		return 0;
	case IMAGE_SQUASHFS:
		if (fd_pread_full(fd, magic, sizeof(magic), 0) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot read the image");
		*ret_offset = memcmp(magic, "hsqs", sizeof(magic)) == 0 ? 0 : SQUASH_LAUNCH_BYTES;
		*ret_size = pin.size - *ret_offset;
		return 0;
	case IMAGE_DIR:
	case IMAGE_UNKNOWN:
	default:
		return berth_fail(err, BERTH_EIMAGE, 0, "a directory needs no image server");
	}
}

static enum tree_kind kind_of(mode_t mode)
{
	return S_ISDIR(mode) ? TREE_DIR : S_ISLNK(mode) ? TREE_LINK : TREE_FILE;
}

/* The image as tree.h asks it. */
struct ask {
	struct imgfs *fs;
	struct squash_worker *w;
};

static int ask_lookup(void *arg, uint64_t dir, const char *name, struct tree_node *ret,
		      struct berth_err *err)
{
	struct ask *a = arg;
	struct stack_found found;
	int rc = stack_lookup(a->fs->stack, a->w, dir, name, &found, err);

	if (rc > 0)
		*ret = (struct tree_node){ .id = found.id, .kind = kind_of(found.type) };
	return rc;
}

static int ask_readlink(void *arg, uint64_t link, char out[PATH_MAX], struct berth_err *err)
{
	struct ask *a = arg;
	struct squash_inode inode;

	if (stack_inode(a->fs->stack, a->w, link, &inode, err) < 0)
		return -1;
	if (!S_ISLNK(inode.mode)) /* though its directory says so */
		return berth_fail(err, BERTH_EIMAGE, 0, "the image is damaged: a link is none");
	return squash_readlink(a->w, &inode, out, err) < 0 ? -1 : 0;
}

static int add_entries(struct imgfs *fs, struct squash_worker *w, const char *text, size_t n,
		       struct berth_err *err)
{
	struct ask ask = { .fs = fs, .w = w };
	const struct tree_image image = {
		.root = fs->root_id, .lookup = ask_lookup, .readlink = ask_readlink, .arg = &ask,
	};

	if (n > 0 && text[n - 1] != '\0')
		return berth_fail(err, BERTH_EUSAGE, 0, "the list of entries is malformed");
	for (const char *p = text; p < text + n; p += strlen(p) + 1) {
		if (p[0] != 'd' && p[0] != 'f')
			return berth_fail(err, BERTH_EUSAGE, 0, "the list of entries is malformed");
		if (tree_add(fs->tree, &image, p[0] == 'd', p + 1, err) < 0)
			return -1;
	}
	return 0;
}

static int load_entries(struct imgfs *fs, struct squash_worker *w, int fd, struct berth_err *err)
{
	cleanup_free char *text = NULL;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read the list of entries");
	if (st.st_size < 0 || st.st_size > IMGFS_ENTRIES_MAX)
		return berth_fail(err, BERTH_EUSAGE, 0, "the list of entries is too long");
	if (st.st_size == 0)
		return 0;
	text = malloc((size_t)st.st_size);
	if (!text || fd_pread_full(fd, text, (size_t)st.st_size, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read the list of entries");
	return add_entries(fs, w, text, (size_t)st.st_size, err);
}

static int open_sources(struct imgfs *fs, const struct imgfs_start *start, const int *image_fds,
			struct berth_err *err)
{
	uint64_t offset, size;

	for (uint32_t i = 0; i < start->nsource; i++) {
		offset = start->source[i].offset;
		size = start->source[i].size;
		if (size == 0 && image_locate(image_fds[i], &offset, &size, err) < 0)
			return -1;
		if (squash_open(image_fds[i], offset, size, &fs->squash[i], err) < 0)
			return start->nsource > 1 ? berth_context(err, "source %" PRIu32, i + 1) : -1;
		fs->nsource++;
		fs->image_inodes += squash_info(fs->squash[i])->inodes;
		if (i == 0) {
			fs->offset = offset;
			fs->size = size;
		}
	}
	return 0;
}

int image_load(struct imgfs *fs, const struct imgfs_start *start, const int *image_fds, int entries_fd,
	       struct berth_err *err)
{
	struct squash_worker *w;
	int rc;

	fs->tree = tree_new();
	if (!fs->tree)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot open the image");
	if (open_sources(fs, start, image_fds, err) < 0)
		return -1;
	fs->stack = stack_new(fs->squash, fs->nsource);
	if (!fs->stack)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot open the image");
	if (squash_share(fs->squash, fs->nsource, start->cache_bytes, start->nfuse, err) < 0 ||
	    squash_worker_new(fs->squash, fs->nsource, &w, err) < 0)
		return -1;
	rc = stack_root(fs->stack, w, &fs->root_id, &fs->root, err);
	if (rc == 0)
		rc = load_entries(fs, w, entries_fd, err);
	fs->first = w; /* the first worker goes on with it */
	return rc;
}

void image_close(struct imgfs *fs)
{
	fs->first = squash_worker_free(fs->first);
	fs->stack = stack_free(fs->stack);
	fs->tree = tree_free(fs->tree);
	for (uint32_t i = 0; i < fs->nsource; i++)
		fs->squash[i] = squash_close(fs->squash[i]);
	fs->nsource = 0;
}
