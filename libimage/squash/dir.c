/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dir.c - directories: runs of sorted entries, each run behind a header that says in which
 * metadata block its inodes lie. Large directories carry an index into the listing, which
 * lookups and continued listings use, so neither reads a directory from its start.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/num.h"
#include "libimage/squash/squash_i.h"

enum {
	RUN_BYTES = 12,	  /* count - 1, inode block, inode number */
	RUN_MAX = 256,	  /* LIMIT: the format's, entries under one header */
	ENTRY_BYTES = 8,  /* inode offset, number's difference, type, name length - 1 */
	INDEX_BYTES = 12, /* place in the listing, metadata block, name length - 1 */
	MEMO_DIR_LEAST = 1024, /* bytes of a listing that is worth remembering a place in */
	MEMO_STEPS = 512, /* LIMIT: entries of two metadata blocks, about */
	DOTS = 3,	  /* a directory's size counts so many bytes for "." and ".." */
};

static const mode_t entry_types[] = {
	0, S_IFDIR, S_IFREG, S_IFLNK, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK,
};

struct walk {
	struct meta_cur m;
	uint64_t pos, end; /* in the listing */
	uint32_t run;	   /* entries left of this run */
	uint32_t run_block, run_ino;
	bool began;
	char name[SQUASH_NAME_MAX + 1];
};

/* Names make paths: none may have a slash or a NUL, or be "." or "..". */
static bool name_ok(const char *name, size_t n)
{
	return !memchr(name, '/', n) && !memchr(name, '\0', n) && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

/* The index entry that is nearest before listing position 'from', or, with 'name', before it. */
static int use_index(struct squash_worker *w, const struct squash_inode *dir, uint64_t from,
		     const char *name, uint64_t *pos, uint64_t *block, struct berth_err *err)
{
	char text[SQUASH_NAME_MAX + 1];
	uint8_t raw[INDEX_BYTES];
	struct meta_cur m;
	int rc;

	meta_init(&m, w, dir->fs, dir->fs->inode_table, dir->fs->dir_table);
	rc = dir->index_count ? meta_seek(&m, dir->tail_block, dir->tail_offset, err) : 0;
	for (uint32_t i = 0; rc == 0 && i < dir->index_count; i++) {
		uint32_t n;

		rc = meta_read(&m, raw, sizeof(raw), err);
		n = rc == 0 ? num_le32(raw + 8) : 0;
		if (rc == 0 && n >= SQUASH_NAME_MAX)
			rc = squash_damaged(err, "a directory's index has a long name");
		if (rc == 0)
			rc = meta_read(&m, text, n + 1, err);
		if (rc < 0)
			break;
		text[n + 1] = '\0';
		if (name ? strcmp(text, name) > 0 : num_le32(raw) > from)
			break;
		*pos = num_le32(raw);
		*block = dir->fs->dir_table + num_le32(raw + 4);
	}
	meta_done(&m);
	return rc;
}

static int walk_start(struct squash_worker *w, const struct squash_inode *dir, uint64_t from,
		      const char *name, struct walk *ret, struct berth_err *err)
{
	uint64_t block = dir->fs->dir_table + dir->data_start;

	ret->pos = 0;
	ret->end = dir->size > DOTS ? dir->size - DOTS : 0;
	ret->run = 0;
	ret->began = false;
	meta_init(&ret->m, w, dir->fs, dir->fs->dir_table, dir->fs->dir_end);
	if (!S_ISDIR(dir->mode))
		return squash_damaged(err, "a directory is none");
	if (ret->end == 0)
		return 0;
	if (use_index(w, dir, from, name, &ret->pos, &block, err) < 0)
		return -1;
	return meta_seek(&ret->m, block, (dir->data_offset + ret->pos) % META_BYTES, err);
}

static int next_run(struct walk *k, struct berth_err *err)
{
	uint8_t raw[RUN_BYTES];
	uint32_t n;

	if (k->end - k->pos < RUN_BYTES)
		return squash_damaged(err, "a directory ends in the middle");
	if (meta_read(&k->m, raw, sizeof(raw), err) < 0)
		return -1;
	n = num_le32(raw);
	if (n >= RUN_MAX)
		return squash_damaged(err, "a directory has a run of %" PRIu32 " entries", n);
	k->run = n + 1;
	k->run_block = num_le32(raw + 4);
	k->run_ino = num_le32(raw + 8);
	k->pos += RUN_BYTES;
	return 0;
}

/* Returns 1, 0 at the end, or -1. 'ent' is the one of the call before. */
static int walk_next(struct walk *k, struct squash_dirent *ent, struct berth_err *err)
{
	uint8_t raw[ENTRY_BYTES];
	unsigned int type;
	size_t n;

	if (k->pos >= k->end)
		return 0;
	if (k->run == 0 && next_run(k, err) < 0)
		return -1;
	if (k->end - k->pos < ENTRY_BYTES)
		return squash_damaged(err, "a directory ends in the middle");
	if (meta_read(&k->m, raw, sizeof(raw), err) < 0)
		return -1;
	type = num_le16(raw + 4);
	n = (size_t)num_le16(raw + 6) + 1;
	if (type == 0 || type >= sizeof(entry_types) / sizeof(entry_types[0]))
		return squash_damaged(err, "a directory entry of type %u", type);
	if (n > SQUASH_NAME_MAX || n > k->end - k->pos - ENTRY_BYTES)
		return squash_damaged(err, "a name of %zu bytes", n);
	if (meta_read(&k->m, k->name, n, err) < 0)
		return -1;
	k->name[n] = '\0';
	if (!name_ok(k->name, n))
		return squash_damaged(err, "a file may not be named '%s'", k->name);
	/* Looking up and going on with a listing rely on it; and so no name is there twice. */
	if (k->began && strcmp(ent->name, k->name) >= 0)
		return squash_damaged(err, "a directory is not sorted");
	k->began = true;
	memcpy(ent->name, k->name, n + 1);
	k->pos += ENTRY_BYTES + n;
	k->run--;
	ent->ref = (uint64_t)k->run_block << 16 | num_le16(raw);
	ent->ino = k->run_ino + (uint32_t)(int32_t)(int16_t)num_le16(raw + 2);
	ent->type = entry_types[type];
	ent->next = k->pos;
	return 1;
}

/* Where 'k' is: what comes next is at, or behind, this place. */
static void memo_place(const struct walk *k, struct dir_memo *ret)
{
	ret->block = k->m.block;
	ret->off = k->m.off;
	ret->pos = k->pos;
	ret->run = k->run;
	ret->run_block = k->run_block;
	ret->run_ino = k->run_ino;
}

static struct dir_memo *memo_find(struct squash_worker *w, const struct squash_inode *dir)
{
	for (int i = 0; i < DIR_MEMOS; i++)
		if (w->memo[i].fs == dir->fs && w->memo[i].ref == dir->ref)
			return &w->memo[i];
	return NULL;
}

/* Remember that the names up to 'name' lie before 'place'. */
static void memo_store(struct squash_worker *w, const struct squash_inode *dir, const char *name,
		       const struct dir_memo *place)
{
	struct dir_memo *m = memo_find(w, dir);
	size_t n = strlen(name);

	if (dir->size < MEMO_DIR_LEAST || n > SQUASH_NAME_MAX)
		return;
	if (!m) {
		m = &w->memo[w->memo_next];
		w->memo_next = (w->memo_next + 1) % DIR_MEMOS;
	}
	*m = *place;
	m->fs = dir->fs;
	m->ref = dir->ref;
	memcpy(m->name, name, n + 1);
}

static int walk_resume(struct squash_worker *w, const struct squash_inode *dir, const struct dir_memo *m,
		       struct walk *ret, struct berth_err *err)
{
	ret->pos = m->pos;
	ret->end = dir->size > DOTS ? dir->size - DOTS : 0;
	ret->run = m->run;
	ret->run_block = m->run_block;
	ret->run_ino = m->run_ino;
	ret->began = false;
	meta_init(&ret->m, w, dir->fs, dir->fs->dir_table, dir->fs->dir_end);
	return meta_seek(&ret->m, m->block, m->off, err);
}

/* From where 'k' is to 'name'. As squash_lookup(), or 2 when it would take more than 'steps'. */
static int walk_to(struct walk *k, const char *name, uint32_t steps, struct squash_dirent *ret,
		   struct dir_memo *place, struct berth_err *err)
{
	int rc, order;

	for (;;) {
		memo_place(k, place);
		if (steps-- == 0)
			return 2;
		rc = walk_next(k, ret, err);
		if (rc <= 0)
			return rc;
		order = strcmp(ret->name, name);
		if (order > 0) /* entries are sorted, so it is not there */
			return 0;
		if (order == 0) {
			memo_place(k, place);
			return 1;
		}
	}
}

int squash_lookup(struct squash_worker *w, const struct squash_inode *dir, const char *name,
		  struct squash_dirent *ret, struct berth_err *err)
{
	const struct dir_memo *memo = S_ISDIR(dir->mode) ? memo_find(w, dir) : NULL;
	struct dir_memo place;
	struct walk k;
	int rc = 2;

	/* A name that is far off is found sooner through the directory's index. */
	if (memo && strcmp(memo->name, name) < 0) {
		rc = walk_resume(w, dir, memo, &k, err);
		if (rc == 0)
			rc = walk_to(&k, name, dir->index_count ? MEMO_STEPS : UINT32_MAX, ret, &place, err);
		meta_done(&k.m);
	}
	if (rc == 2) {
		rc = walk_start(w, dir, 0, name, &k, err);
		if (rc == 0 && k.end > 0)
			rc = walk_to(&k, name, UINT32_MAX, ret, &place, err);
		meta_done(&k.m);
		if (rc == 0 && k.end == 0)
			return 0;
	}
	if (rc >= 0)
		memo_store(w, dir, name, &place);
	return rc;
}

int squash_list(struct squash_worker *w, const struct squash_inode *dir, uint64_t from,
		squash_each each, void *arg, struct berth_err *err)
{
	struct squash_dirent ent;
	struct walk k;
	int rc = 0, got;

	if (walk_start(w, dir, from, NULL, &k, err) < 0) {
		meta_done(&k.m);
		return -1;
	}
	while ((got = walk_next(&k, &ent, err)) > 0) {
		if (ent.next <= from)
			continue;
		rc = each(arg, &ent);
		if (rc != 0)
			break;
	}
	meta_done(&k.m);
	return got < 0 ? -1 : rc;
}
