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

/* The image as tree.h asks it; ids are inode references. */
struct ask {
	struct squash *squash;
	struct squash_worker *w;
};

static int ask_lookup(void *arg, uint64_t dir, const char *name, struct tree_node *ret,
		      struct berth_err *err)
{
	const struct ask *ask = arg;
	struct squash_inode inode;
	struct squash_dirent ent;
	int rc;

	if (squash_inode_get(ask->w, ask->squash, dir, &inode, err) < 0)
		return -1;
	rc = squash_lookup(ask->w, &inode, name, &ent, err);
	if (rc > 0)
		*ret = (struct tree_node){ .id = ent.ref, .kind = kind_of(ent.type) };
	return rc;
}

static int ask_readlink(void *arg, uint64_t link, char out[PATH_MAX], struct berth_err *err)
{
	const struct ask *ask = arg;
	struct squash_inode inode;

	if (squash_inode_get(ask->w, ask->squash, link, &inode, err) < 0)
		return -1;
	return squash_readlink(ask->w, &inode, out, err) < 0 ? -1 : 0;
}

static int add_entries(struct imgfs *fs, struct squash_worker *w, const char *text, size_t n,
		       struct berth_err *err)
{
	struct ask ask = { .squash = fs->squash, .w = w };
	const struct tree_image image = {
		.root = fs->root.ref, .lookup = ask_lookup, .readlink = ask_readlink, .arg = &ask,
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

int image_load(struct imgfs *fs, int image_fd, int entries_fd, uint64_t cache_bytes,
	       struct berth_err *err)
{
	struct squash_worker *w;
	int rc;

	fs->tree = tree_new();
	if (!fs->tree)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot open the image");
	if (image_locate(image_fd, &fs->offset, &fs->size, err) < 0 ||
	    squash_open(image_fd, fs->offset, fs->size, &fs->squash, err) < 0 ||
	    squash_share(&fs->squash, 1, cache_bytes, IMGFS_FUSE_MAX + 1, err) < 0 ||
	    squash_worker_new(&fs->squash, 1, &w, err) < 0)
		return -1;
	rc = squash_inode_get(w, fs->squash, squash_info(fs->squash)->root, &fs->root, err);
	if (rc == 0 && !S_ISDIR(fs->root.mode))
		rc = berth_fail(err, BERTH_EIMAGE, 0, "the image is damaged: its root is no directory");
	if (rc == 0)
		rc = load_entries(fs, w, entries_fd, err);
	squash_worker_free(w);
	return rc;
}
