/* SPDX-License-Identifier: BSD-3-Clause */
/* flat_mark.c - the names that layers speak of; see flat_priv.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "libimage/base/err.h"
#include "libimage/layer/flat_priv.h"

enum { MARKS_FIRST = 1024, SLOTS_FIRST = 4096 };

int flat_nomem(struct berth_err *err)
{
	berth_fail(err, BERTH_ESYS, ENOMEM, "cannot hold the image's tree");
	return berth_hint(err, "a million files take about 300 MiB");
}

int flat_step(struct flat *f, struct berth_err *err)
{
	if (++f->work <= FLAT_WORK_MAX)
		return 0;
	return berth_fail(err, BERTH_EIMAGE, 0, "the layers replace directories and link files too often to be "
						"worked out");
}

/* ---- nodes ---- */

struct tree_node *flat_node_new(struct tree_node *parent, const char *name, size_t n)
{
	struct tree_node *node = calloc(1, sizeof(*node) + n + 1);

	if (!node)
		return NULL;
	memcpy(node->name, name, n);
	node->parent = parent;
	node->links = 1;
	node->xattr = UINT32_MAX;
	return node;
}

void flat_node_free(struct tree_node *node)
{
	if (node) {
		free(node->target);
		free(node->child);
	}
	free(node);
}

/* ---- the hash ---- */

static uint64_t rotate(uint64_t v, int by)
{
	return v << by | v >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

/* SipHash-1-3: names chosen to fall together would make each look-up a walk through all of them. */
uint64_t flat_hash(const struct flat *f, const void *bytes, size_t n, uint64_t seed)
{
	uint64_t k0 = f->key[0], k1 = f->key[1] ^ seed, word;
	uint64_t v[4] = { k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
			  k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573) };
	const unsigned char *p = bytes;
	size_t left = n;

	for (;;) {
		bool last = left < sizeof(word);

		word = last ? (uint64_t)n << 56 : 0;
		memcpy(&word, p, last ? left : sizeof(word));
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
		if (last)
			break;
		p += sizeof(word);
		left -= sizeof(word);
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void put_slot(struct flat *f, uint32_t m)
{
	uint32_t at = f->marks[m].hash & (f->nslots - 1);

	while (f->slots[at] != 0)
		at = (at + 1) & (f->nslots - 1);
	f->slots[at] = m;
	f->used++;
}

static int slots_room(struct flat *f, struct berth_err *err)
{
	uint32_t *old = f->slots, n = f->nslots;

	if (f->used < n - n / 4)
		return 0;
	if (n >= UINT32_C(1) << 31)
		return flat_nomem(err);
	f->slots = calloc((size_t)n * 2, sizeof(*f->slots));
	if (!f->slots) {
		f->slots = old;
		return flat_nomem(err);
	}
	f->nslots = n * 2;
	f->used = 0;
	for (uint32_t i = 0; i < n; i++)
		if (old[i] != 0)
			put_slot(f, old[i]);
	free(old);
	return 0;
}

/* Where 'name' in 'dir' is, or the free slot where it would be. */
static uint32_t find_slot(const struct flat *f, uint32_t dir, const char *name, size_t n, uint32_t hash)
{
	const struct tree_node *parent = f->marks[dir].node;
	uint32_t at = hash & (f->nslots - 1);

	for (; f->slots[at] != 0; at = (at + 1) & (f->nslots - 1)) {
		const struct mark *m = &f->marks[f->slots[at]];

		if (m->hash == hash && m->node->parent == parent && !m->detached &&
		    strncmp(m->node->name, name, n) == 0 && m->node->name[n] == '\0')
			break;
	}
	return at;
}

/* ---- marks ---- */

static uint32_t mark_new(struct flat *f, struct tree_node *node, uint32_t dir, struct berth_err *err)
{
	struct mark *m;

	if (f->nmarks == f->marks_size) {
		uint32_t size = f->marks_size * 2;
		struct mark *v = size < f->marks_size ? NULL : reallocarray(f->marks, size, sizeof(*v));

		if (!v) {
			flat_nomem(err);
			return 0;
		}
		f->marks = v;
		f->marks_size = size;
	}
	m = &f->marks[f->nmarks];
	memset(m, 0, sizeof(*m));
	m->node = node;
	m->cut = m->cut_below = FLAT_UNCUT;
	m->next = f->marks[dir].child;
	f->marks[dir].child = f->nmarks;
	node->number = f->nmarks;
	return f->nmarks++;
}

int flat_marks_init(struct flat *f, struct berth_err *err)
{
	const void *random = (const void *)getauxval(AT_RANDOM); /* without a system call */

	if (random)
		memcpy(f->key, random, sizeof(f->key));
	f->marks = calloc(MARKS_FIRST, sizeof(*f->marks));
	f->slots = calloc(SLOTS_FIRST, sizeof(*f->slots));
	if (!f->marks || !f->slots)
		return flat_nomem(err);
	f->marks_size = MARKS_FIRST;
	f->nslots = SLOTS_FIRST;
	f->marks[0].node = flat_node_new(NULL, "", 0);
	if (!f->marks[0].node)
		return flat_nomem(err);
	f->marks[0].cut = f->marks[0].cut_below = FLAT_UNCUT;
	f->nmarks = 1;
	return 0;
}

uint32_t flat_lookup(const struct flat *f, uint32_t dir, const char *name, size_t n)
{
	return f->slots[find_slot(f, dir, name, n, (uint32_t)flat_hash(f, name, n, dir))];
}

uint32_t flat_get(struct flat *f, uint32_t dir, const char *name, size_t n, struct berth_err *err)
{
	uint32_t hash = (uint32_t)flat_hash(f, name, n, dir), m;
	struct tree_node *node;

	m = f->slots[find_slot(f, dir, name, n, hash)];
	if (m != 0)
		return m;
	if (slots_room(f, err) < 0)
		return 0;
	node = flat_node_new(f->marks[dir].node, name, n);
	m = node ? mark_new(f, node, dir, err) : 0;
	if (!node)
		flat_nomem(err);
	if (m == 0) {
		flat_node_free(node);
		return 0;
	}
	f->marks[m].hash = hash;
	put_slot(f, m);
	return m;
}

int flat_rehang(struct flat *f, uint32_t m, uint32_t dir, struct berth_err *err)
{
	struct mark *mark = &f->marks[m];

	if (slots_room(f, err) < 0)
		return -1;
	/* Its old slot still leads to it, where it no longer answers to what is asked for there. */
	mark->node->parent = f->marks[dir].node;
	mark->hash = (uint32_t)flat_hash(f, mark->node->name, strlen(mark->node->name), dir);
	mark->next = f->marks[dir].child;
	f->marks[dir].child = m;
	put_slot(f, m);
	return 0;
}

int flat_add_move(struct flat *f, uint32_t dir, uint32_t link, struct berth_err *err)
{
	if (f->nmoves == f->moves_size) {
		size_t size = f->moves_size ? f->moves_size * 2 : 16;
		struct move *v = reallocarray(f->moves, size, sizeof(*v));

		if (!v)
			return flat_nomem(err);
		f->moves = v;
		f->moves_size = size;
	}
	f->moves[f->nmoves++] = (struct move){ .dir = dir, .link = link };
	f->marks[link].side = dir;
	return 0;
}

/* A mark beside 'm', of the same name, that is not found by it. */
static uint32_t twin(struct flat *f, uint32_t m, struct berth_err *err)
{
	const struct tree_node *node = f->marks[m].node;
	struct tree_node *other = flat_node_new(node->parent, node->name, strlen(node->name));
	uint32_t t = 0;

	if (!other)
		flat_nomem(err);
	else
		t = mark_new(f, other, node->parent->number, err);
	if (t == 0)
		flat_node_free(other);
	return t;
}

uint32_t flat_side(struct flat *f, uint32_t m, struct berth_err *err)
{
	uint32_t s = f->marks[m].side;

	if (s != 0)
		return s;
	s = twin(f, m, err);
	if (s == 0)
		return 0;
	f->marks[s].detached = true;
	return flat_add_move(f, s, m, err) < 0 ? 0 : s;
}

uint32_t flat_detach(struct flat *f, uint32_t m, struct berth_err *err)
{
	const struct tree_node *node = f->marks[m].node;
	uint32_t slot = find_slot(f, node->parent->number, node->name, strlen(node->name), f->marks[m].hash);
	uint32_t link = twin(f, m, err);

	if (link == 0 || flat_add_move(f, m, link, err) < 0)
		return 0;
	f->marks[link].hash = f->marks[m].hash;
	f->marks[link].cut = f->marks[m].cut;
	f->marks[m].layer = 0;
	f->marks[m].detached = true;
	f->marks[m].implied = 0;
	f->slots[slot] = link;
	/* What went through a link of this name before goes through the new one. */
	for (size_t i = 0; i + 1 < f->nmoves; i++) {
		if (flat_step(f, err) < 0)
			return 0;
		if (f->moves[i].link == m)
			f->moves[i].link = link;
	}
	return link;
}

int flat_orphan(struct flat *f, struct tree_node *node, struct berth_err *err)
{
	if (f->norphans == f->orphans_size) {
		size_t size = f->orphans_size ? f->orphans_size * 2 : 16;
		struct tree_node **v = reallocarray(f->orphans, size, sizeof(struct tree_node *));

		if (!v)
			return flat_nomem(err);
		f->orphans = v;
		f->orphans_size = size;
	}
	f->orphans[f->norphans++] = node;
	return 0;
}

int flat_release(struct flat *f, uint32_t m, struct berth_err *err)
{
	struct mark *mark = &f->marks[m];
	struct tree_node *node = mark->node, *fresh;

	mark->layer = 0;
	if (mark->wanting) {
		f->wants[mark->side].link = 0;
		f->open_wants--;
		mark->wanting = false;
	}
	mark->side = 0;
	if (!node->taken && node->links == 1) {
		free(node->target);
		node->target = NULL;
		node->same = NULL;
		node->xattr = UINT32_MAX;
		memset(&node->st, 0, sizeof(node->st));
		return 0;
	}
	/* The sink knows it, or another name is of the same file. */
	fresh = flat_node_new(node->parent, node->name, strlen(node->name));
	if (!fresh)
		return flat_nomem(err);
	if (flat_orphan(f, node, err) < 0) {
		flat_node_free(fresh);
		return -1;
	}
	fresh->number = m;
	mark->node = fresh;
	return 0;
}

/* ---- what is below ---- */

int flat_strip(struct flat *f, uint32_t m, uint16_t from, uint16_t to, struct berth_err *err)
{
	for (uint32_t c = f->marks[m].child; c != 0; c = f->marks[c].next) {
		const struct mark *mark = &f->marks[c];

		if (flat_step(f, err) < 0 || (mark->child != 0 && flat_strip(f, c, from, to, err) < 0))
			return -1;
		if (mark_lives(mark) && mark->layer >= from && mark->layer <= to && flat_release(f, c, err) < 0)
			return -1;
		if (mark->implied >= from && mark->implied <= to)
			f->marks[c].implied = 0;
	}
	return 0;
}

int flat_holds(struct flat *f, uint32_t m, uint16_t cuts, struct berth_err *err)
{
	for (uint32_t c = f->marks[m].child; c != 0; c = f->marks[c].next) {
		const struct mark *mark = &f->marks[c];
		int rc;

		if (flat_step(f, err) < 0)
			return -1;
		if (mark_lives(mark) || mark->implied != 0 || mark->cut_below < cuts)
			return 1;
		rc = mark->child != 0 ? flat_holds(f, c, cuts, err) : 0;
		if (rc != 0)
			return rc;
	}
	return 0;
}
