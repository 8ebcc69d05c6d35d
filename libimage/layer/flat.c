/* SPDX-License-Identifier: BSD-3-Clause */
/* flat.c - entries of layers, judged as they come by; see flat.h and flat_priv.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/layer/flat_priv.h"

static const char whiteout[] = ".wh.", aufs[] = ".wh..wh.", opaque[] = ".wh..wh..opq";

int flat_new(const struct flat_sink *sink, const struct flat_limits *limits, struct flat **ret,
	     struct berth_err *err)
{
	struct flat *f = calloc(1, sizeof(*f));

	if (!f)
		return flat_nomem(err);
	f->sink = sink;
	f->limits = limits;
	if (flat_marks_init(f, err) < 0) {
		flat_free(f);
		return -1;
	}
	*ret = f;
	return 0;
}

struct flat *flat_free(struct flat *f)
{
	if (!f)
		return NULL;
	for (size_t i = 0; i < f->norphans; i++)
		flat_bury(f, f->orphans[i]);
	/* After flat_finish() there are no marks: the nodes are the tree's. */
	for (uint32_t i = 0; i < f->nmarks; i++)
		flat_bury(f, f->marks[i].node);
	flat_links_free(f);
	free(f->orphans);
	free(f->marks);
	free(f->slots);
	free(f->moves);
	free(f);
	return NULL;
}

void flat_counts(const struct flat *f, struct flat_counts *ret)
{
	*ret = f->counts;
}

/* Made-up entries have come to an end. */
int flat_layer_end(struct flat *f, struct berth_err *err)
{
	int rc = f->adding ? flat_links_end(f, err) : 0;

	f->adding = false;
	if (rc <= 0)
		return rc;
	return berth_fail(err, BERTH_EIMAGE, 0, "a hard link is to a file that was passed over");
}

int flat_layer_begin(struct flat *f, struct berth_err *err)
{
	if (f->open || f->done)
		return berth_fail(err, BERTH_EBUG, 0, "a layer came while a file was open");
	if (flat_layer_end(f, err) < 0)
		return -1;
	if (f->layer == FLAT_LAYERS_MAX)
		return berth_fail(err, BERTH_EIMAGE, 0, "the image has more than %d layers", FLAT_LAYERS_MAX);
	f->layer++;
	f->last_known = false;
	return 0;
}

/* ---- what a node gets ---- */

static int fill_xattrs(struct flat *f, struct tree_node *node, const struct flat_entry *e, struct berth_err *err)
{
	struct flat_xattr user[64]; /* LIMIT: a set that is larger goes in a heap block */
	struct flat_xattr *v = user;
	size_t n = 0;
	int rc = 0;

	if (e->nxattrs > sizeof(user) / sizeof(user[0])) {
		v = calloc(e->nxattrs, sizeof(*v));
		if (!v)
			return flat_nomem(err);
	}
	for (size_t i = 0; i < e->nxattrs; i++) {
		const char *name = str_after(e->xattrs[i].name, "user.");

		if (name && *name)
			v[n++] = e->xattrs[i];
		else
			f->counts.xattrs++;
	}
	if (n > 0)
		rc = f->sink->xattrs(f->sink->arg, node, v, n, err);
	if (v != user)
		free(v);
	return rc;
}

/* Returns as flat_add(). */
int flat_fill(struct flat *f, struct tree_node *node, const struct flat_entry *e, struct berth_err *err)
{
	node->st = e->st;
	if (S_ISLNK(e->st.st_mode)) {
		node->target = strdup(e->target);
		if (!node->target)
			return flat_nomem(err);
		node->st.st_size = (off_t)strlen(node->target);
		node->st.st_mode = S_IFLNK | 0777; /* as every file system has it */
	} else if (!S_ISREG(e->st.st_mode)) {
		node->st.st_size = 0;
	}
	node->xattr = UINT32_MAX;
	if (e->nxattrs > 0 && fill_xattrs(f, node, e, err) < 0)
		return -1;
	if (!S_ISREG(e->st.st_mode))
		return 0;
	node->taken = true;
	if (f->sink->begin(f->sink->arg, node, err) < 0)
		return -1;
	f->open = node;
	f->left = (uint64_t)e->st.st_size;
	return 1;
}

int flat_data(struct flat *f, const void *buf, size_t n, struct berth_err *err)
{
	if (!f->open || n > f->left)
		return berth_fail(err, BERTH_EBUG, 0, "more bytes than the file has");
	f->left -= n;
	return f->sink->data(f->sink->arg, buf, n, err);
}

int flat_zeros(struct flat *f, uint64_t n, struct berth_err *err)
{
	if (!f->open || n > f->left)
		return berth_fail(err, BERTH_EBUG, 0, "more bytes than the file has");
	/* A hole of any size is three numbers in an archive, and hours of work for who writes it. */
	if (n > f->limits->bytes - f->holes) {
		berth_fail(err, BERTH_EIMAGE, 0, "the files' holes are more than %llu bytes",
			   (unsigned long long)f->limits->bytes);
		return berth_hint(err, "no image is that large; it may be made to fill your memory");
	}
	f->holes += n;
	f->left -= n;
	return f->sink->zeros(f->sink->arg, n, err);
}

int flat_end(struct flat *f, struct berth_err *err)
{
	if (!f->open || f->left > 0)
		return berth_fail(err, BERTH_EBUG, 0, "less bytes than the file has");
	f->open = NULL;
	return f->sink->end(f->sink->arg, err);
}

/* ---- entries ---- */

static void cut_below(struct mark *m, uint16_t layer)
{
	if (m->cut_below > layer)
		m->cut_below = layer;
}

static void cut(struct mark *m, uint16_t layer)
{
	if (m->cut > layer)
		m->cut = layer;
	cut_below(m, layer);
}

static int hidden(struct flat *f)
{
	f->counts.hidden++;
	return 0;
}

/*
 * Something that has entries below it and is no decided directory of an upper layer is told to be
 * a file. Those of this layer go, since it comes later. Returns 1 with the mark to use, 0 if what
 * upper layers have there makes it a directory all the same, -1.
 */
static int claim_parent(struct flat *f, uint32_t *m, bool is_link, struct berth_err *err)
{
	int rc;

	f->last_known = false;
	if (flat_strip(f, *m, f->layer, f->layer, err) < 0)
		return -1;
	rc = flat_holds(f, *m, is_link ? f->layer : 0, err);
	if (rc < 0)
		return -1;
	if (f->marks[*m].implied == f->layer)
		f->marks[*m].implied = 0;
	else if (f->marks[*m].implied != 0)
		rc = 1;
	if (mark_lives(&f->marks[*m]) && flat_release(f, *m, err) < 0)
		return -1;
	if (rc == 0)
		return 1;
	if (!is_link) {
		cut(&f->marks[*m], f->layer);
		return 0;
	}
	*m = flat_detach(f, *m, err);
	return *m != 0 ? 1 : -1;
}

int flat_claim(struct flat *f, const char *path, bool is_link, uint32_t *ret, struct berth_err *err)
{
	struct mark *mark;
	uint32_t m;
	int rc = flat_walk(f, path, true, &m, err);

	if (rc <= 0)
		return rc;
	if (m == 0)
		return berth_fail(err, BERTH_EIMAGE, 0, "the layer replaces the root directory by a file");
	mark = &f->marks[m];
	if (f->layer > mark->cut)
		return 0;
	if (mark_lives(mark) && mark_is_dir(mark) && mark->layer < f->layer) {
		cut(mark, f->layer);
		return 0;
	}
	if ((mark->child != 0 || mark->implied != 0) && (!mark_lives(mark) || mark_is_dir(mark))) {
		rc = claim_parent(f, &m, is_link, err);
		if (rc <= 0)
			return rc;
	} else if (mark_lives(mark)) {
		if (mark_is_dir(mark) || mark->side != 0)
			f->last_known = false;
		if (flat_release(f, m, err) < 0)
			return -1;
	}
	mark = &f->marks[m];
	mark->layer = f->layer;
	cut(mark, f->layer);
	*ret = m;
	return 1;
}

static int enter_file(struct flat *f, const char *path, const struct flat_entry *e, struct berth_err *err)
{
	bool is_link = S_ISLNK(e->st.st_mode);
	uint32_t m = 0, lead = 0;
	int rc = 0, wanted;

	if (is_link && (!e->target || !e->target[0] || strlen(e->target) >= PATH_MAX))
		return berth_fail(err, BERTH_EIMAGE, 0, "the symbolic link '%.200s' leads nowhere", path);
	if (!f->second)
		rc = flat_claim(f, path, is_link, &m, err);
	if (rc < 0)
		return -1;
	wanted = flat_wanted(f, path, rc == 1 ? m : 0, &lead, err);
	if (wanted < 0)
		return -1;
	if (rc == 1)
		return flat_fill(f, f->marks[m].node, e, err);
	if (wanted == 0 && f->second)
		return 0;
	if (flat_pass(f, path, NULL, lead, err) < 0)
		return -1;
	return wanted == 1 ? flat_fill(f, f->marks[lead].node, e, err) : hidden(f);
}

static int enter_dir(struct flat *f, const char *path, const struct flat_entry *e, struct berth_err *err)
{
	struct mark *mark;
	uint32_t m;
	int rc;

	if (f->second)
		return 0;
	rc = flat_walk(f, path, true, &m, err);
	if (rc < 0)
		return -1;
	mark = &f->marks[m];
	if (rc == 0 || f->layer > mark->cut)
		return hidden(f);
	if (mark_lives(mark) && mark->layer < f->layer)
		return hidden(f);
	if (mark_lives(mark) && !mark_is_dir(mark)) {
		f->last_known = false;
		if (flat_release(f, m, err) < 0)
			return -1;
	}
	f->marks[m].layer = f->layer;
	return flat_fill(f, f->marks[m].node, e, err);
}

/* 'name' is the last component of 'path', which is cut there. */
static int enter_whiteout(struct flat *f, char *path, char *name, struct berth_err *err)
{
	const char *what = name + strlen(whiteout);
	bool all = strcmp(name, opaque) == 0;
	uint32_t m;
	int rc;

	if (all) {
		if (name > path)
			name--;
		*name = '\0';
	} else if (what[0] == '\0' || strcmp(what, ".") == 0 || strcmp(what, "..") == 0) {
		return berth_fail(err, BERTH_EIMAGE, 0, "the whiteout '%.200s' takes nothing away", path);
	} else {
		memmove(name, what, strlen(what) + 1);
	}
	if (flat_unwant(f, path, all, false, err) < 0)
		return -1;
	rc = flat_walk(f, path, false, &m, err);
	if (rc <= 0)
		return rc;
	if (all)
		cut_below(&f->marks[m], f->layer);
	else
		cut(&f->marks[m], f->layer);
	return 0;
}

/* ".wh." anywhere in the plain 'path'. Returns 1 if there is nothing more to do, 0 if it is a name, -1. */
static int look_for_whiteout(struct flat *f, char *path, struct berth_err *err)
{
	for (char *p = path;;) {
		char *slash = strchr(p, '/');

		if (str_after(p, whiteout)) {
			/* aufs has files and directories of its own that are nobody's business */
			if (str_after(p, aufs) && (slash || strcmp(p, opaque) != 0))
				return 1;
			if (slash)
				return berth_fail(err, BERTH_EIMAGE, 0, "'%.200s' lies below a whiteout", path);
			if (f->second)
				return 1;
			return enter_whiteout(f, path, p, err) < 0 ? -1 : 1;
		}
		if (!slash)
			return 0;
		p = slash + 1;
	}
}

static int check_type(mode_t mode, const char *path, struct berth_err *err)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFIFO:
	case S_IFSOCK:
	case S_IFCHR:
	case S_IFBLK:
		return 0;
	default:
		return berth_fail(err, BERTH_EIMAGE, 0, "'%.200s' is of an unknown type", path);
	}
}

int flat_enter(struct flat *f, const struct flat_entry *e, struct berth_err *err)
{
	char path[PATH_MAX];
	int rc;

	if (!f->second && ++f->counts.entries > f->limits->entries) {
		berth_fail(err, BERTH_EIMAGE, 0, "the layers have more than %llu entries",
			   (unsigned long long)f->limits->entries);
		return berth_hint(err, "no image needs that many; it may be made to fill your memory");
	}
	if (flat_plain(f, e->path, "name", path, err) < 0)
		return -1;
	rc = f->adding ? 0 : look_for_whiteout(f, path, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (e->link)
		return flat_link(f, path, e->link, err);
	if (check_type(e->st.st_mode, path, err) < 0)
		return -1;
	if (S_ISDIR(e->st.st_mode))
		return flat_unwant(f, path, false, false, err) < 0 ? -1 : enter_dir(f, path, e, err);
	if (flat_unwant(f, path, true, S_ISLNK(e->st.st_mode), err) < 0)
		return -1;
	return enter_file(f, path, e, err);
}

int flat_add(struct flat *f, const struct flat_entry *e, struct berth_err *err)
{
	if (!f->adding) {
		if (flat_layer_begin(f, err) < 0)
			return -1;
		f->adding = true;
	}
	if (f->open)
		return berth_fail(err, BERTH_EBUG, 0, "an entry came while a file was open");
	return flat_enter(f, e, err);
}
