/* SPDX-License-Identifier: BSD-3-Clause */
/* model_write.c - put a squashfs together again, and change the bytes of its tables; see model.h. */
#include "config.h"

#include <string.h>

#include <sqfs/compressor.h>
#include <sqfs/super.h>

#include "tests/fuzz/model.h"

struct out {
	uint8_t *p;
	size_t max;
	uint32_t n;
	bool full;
};

/*
 * One of each kind for the life of the process: to make one costs more than to use it. The block
 * size is that of xz's dictionary, which costs whoever unpacks it.
 */
static sqfs_compressor_t *unit(const struct model *m, bool pack)
{
	static sqfs_compressor_t *units[2][8];
	sqfs_compressor_config_t cfg;
	sqfs_compressor_t **u;

	if (m->compressor >= 8)
		return NULL;
	u = &units[pack][m->compressor];
	if (!*u && (sqfs_compressor_config_init(&cfg, (SQFS_COMPRESSOR)m->compressor, META_LEN,
						pack ? 0 : SQFS_COMP_FLAG_UNCOMPRESS) != 0 ||
		    sqfs_compressor_create(&cfg, u) != 0))
		*u = NULL;
	return *u;
}

uint32_t model_pack(const struct model *m, const uint8_t *in, uint32_t n, uint8_t *out, uint32_t max)
{
	sqfs_compressor_t *u = unit(m, true);
	sqfs_s32 got = u ? u->do_block(u, in, n, out, max) : 0;

	return got > 0 ? (uint32_t)got : 0;
}

uint32_t model_unpack(const struct model *m, const uint8_t *in, uint32_t n, uint8_t *out, uint32_t max)
{
	sqfs_compressor_t *u = unit(m, false);
	sqfs_s32 got = u ? u->do_block(u, in, n, out, max) : 0;

	return got > 0 && (uint32_t)got <= max ? (uint32_t)got : 0;
}

static void emit(struct out *o, const void *p, uint32_t n)
{
	if (o->full || n > o->max - o->n) {
		o->full = true;
		return;
	}
	if (n > 0)
		memcpy(o->p + o->n, p, n);
	o->n += n;
}

static void emit_num(struct out *o, uint64_t v, unsigned int bytes)
{
	uint8_t raw[8];

	put(raw, v, bytes);
	emit(o, raw, bytes);
}

static void emit_table(struct model *m, enum table k, const struct packing *p, struct out *o,
		       struct layout *l)
{
	struct table_bytes *t = &m->t[k];
	uint32_t step = p->split >> k & 1 && p->split_len > 0 && k != T_FRAGMENT && k != T_EXPORT &&
					k != T_ID && k != T_XATTR_ID ? p->split_len : META_LEN;
	uint8_t packed[META_LEN];

	l->table[k] = o->n;
	t->blocks = 0;
	for (uint32_t pos = 0; pos < t->n && t->blocks < BLOCKS_MAX; pos += step) {
		uint32_t n = t->n - pos < step ? t->n - pos : step, got = 0;

		if (t->blocks == BLOCKS_MAX - 1 && t->n - pos > n)
			n = t->n - pos < META_LEN ? t->n - pos : META_LEN;
		if (l->heads < sizeof(l->head) / sizeof(l->head[0]))
			l->head[l->heads++] = o->n;
		t->block[t->blocks].at = o->n - l->table[k];
		t->block[t->blocks++].pos = pos;
		if (p->compress >> k & 1)
			got = model_pack(m, t->bytes + pos, n, packed, n - 1);
		emit_num(o, got ? got : n | 0x8000, 2);
		emit(o, got ? packed : t->bytes + pos, got ? got : n);
	}
	l->table_n[k] = t->blocks;
}

static void emit_pointers(const struct model *m, enum table k, struct out *o, const struct layout *l)
{
	for (uint32_t i = 0; i < m->t[k].blocks; i++)
		emit_num(o, l->table[k] + (uint64_t)m->t[k].block[i].at, 8);
}

static void place(const struct table_bytes *t, uint32_t pos, uint32_t *at, uint32_t *off)
{
	uint32_t i = 0;

	while (i + 1 < t->blocks && t->block[i + 1].pos <= pos)
		i++;
	*at = t->blocks ? t->block[i].at : 0;
	*off = t->blocks ? pos - t->block[i].pos : 0;
}

/* Write what refers to something as the blocks now lie. */
static void set_refs(struct model *m)
{
	static const uint8_t width[] = {
		[REF_RUN] = 4, [REF_ENTRY] = 2, [REF_DIR] = 12, [REF_DIR_EXT] = 12, [REF_INDEX] = 4,
		[REF_INODE] = 8, [REF_XATTR] = 8,
	};

	for (uint32_t i = 0; i < m->refs; i++) {
		const struct ref *r = &m->ref[i];
		struct table_bytes *t = &m->t[r->in];
		uint8_t *p = t->bytes + r->at;
		uint32_t at, off;

		if (r->at > t->n || t->n - r->at < width[r->kind])
			continue;
		place(&m->t[r->to], r->pos, &at, &off);
		switch (r->kind) {
		case REF_RUN:
		case REF_INDEX:
			put(p, at, 4);
			break;
		case REF_ENTRY:
			put(p, off, 2);
			break;
		case REF_DIR:
		case REF_DIR_EXT:
			put(p, at, 4);
			put(p + 10, off, 2);
			break;
		case REF_INODE:
		case REF_XATTR:
		default:
			put(p, (uint64_t)at << 16 | off, 8);
			break;
		}
	}
}

static void emit_all(struct model *m, const struct packing *p, struct out *o, struct layout *l)
{
	static const enum table order[] = { T_FRAGMENT, T_EXPORT, T_ID };

	*l = (struct layout){ 0 };
	o->n = 0;
	emit(o, m->super, SUPER_LEN);
	emit(o, m->data, m->data_n);
	emit_table(m, T_INODE, p, o, l);
	emit_table(m, T_DIR, p, o, l);
	for (unsigned int i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (!m->t[order[i]].present)
			continue;
		emit_table(m, order[i], p, o, l);
		l->pointers[order[i]] = o->n;
		emit_pointers(m, order[i], o, l);
	}
	if (m->t[T_XATTR_ID].present) {
		emit_table(m, T_XATTR, p, o, l);
		emit_table(m, T_XATTR_ID, p, o, l);
		l->pointers[T_XATTR_ID] = o->n;
		emit_num(o, l->table[T_XATTR], 8);
		emit_num(o, m->t[T_XATTR_ID].n / 16, 4);
		emit_num(o, 0, 4);
		emit_pointers(m, T_XATTR_ID, o, l);
	}
	l->end = o->n;
}

static void set_super(const struct model *m, uint8_t *sb, const struct layout *l)
{
	uint32_t at, off;

	put(sb + 16, m->t[T_FRAGMENT].n / 16, 4);
	put(sb + 26, m->t[T_ID].n / 4, 2);
	if (m->root_pos != UINT64_MAX) {
		place(&m->t[T_INODE], (uint32_t)m->root_pos, &at, &off);
		put(sb + 32, (uint64_t)at << 16 | off, 8);
	}
	put(sb + 40, l->end, 8);
	put(sb + 48, m->t[T_ID].present ? l->pointers[T_ID] : UINT64_MAX, 8);
	put(sb + 56, m->t[T_XATTR_ID].present ? l->pointers[T_XATTR_ID] : UINT64_MAX, 8);
	put(sb + 64, l->table[T_INODE], 8);
	put(sb + 72, l->table[T_DIR], 8);
	put(sb + 80, m->t[T_FRAGMENT].present ? l->pointers[T_FRAGMENT] : UINT64_MAX, 8);
	put(sb + 88, m->t[T_EXPORT].present ? l->pointers[T_EXPORT] : UINT64_MAX, 8);
}

size_t model_write(struct model *m, const struct packing *p, uint8_t *out, size_t max, struct layout *l)
{
	struct packing raw = *p;
	struct out o = { .p = out, .max = max };

	if (max < SUPER_LEN)
		return 0;
	/* Blocks must lie somewhere before it can be said where. Compressed ones may move a second
	 * time, as what they hold has changed; then they are not what they would have been. */
	raw.compress = 0;
	emit_all(m, &raw, &o, l);
	set_refs(m);
	emit_all(m, p, &o, l);
	if (p->compress) {
		set_refs(m);
		emit_all(m, p, &o, l);
	}
	if (o.full)
		return 0;
	set_super(m, out, l);
	return o.n;
}

static uint32_t moved(uint32_t at, uint32_t pos, uint32_t del, uint32_t ins)
{
	if (at >= pos + del)
		return at - del + ins;
	return at > pos ? pos : at;
}

bool model_edit(struct model *m, enum table k, uint32_t pos, uint32_t del, const void *bytes, uint32_t ins)
{
	struct table_bytes *t = &m->t[k];

	if (pos > t->n || del > t->n - pos || ins > TABLE_MAX - (t->n - del))
		return false;
	memmove(t->bytes + pos + ins, t->bytes + pos + del, t->n - pos - del);
	if (ins > 0)
		memcpy(t->bytes + pos, bytes, ins);
	t->n += ins - del;
	for (uint32_t i = 0; i < t->records; i++)
		t->record[i] = moved(t->record[i], pos, del, ins);
	for (uint32_t i = 0; i < m->entries && k == T_DIR; i++)
		m->entry[i] = moved(m->entry[i], pos, del, ins);
	for (uint32_t i = 0; i < m->refs; i++) {
		if (m->ref[i].in == k)
			m->ref[i].at = moved(m->ref[i].at, pos, del, ins);
		if (m->ref[i].to == k)
			m->ref[i].pos = moved(m->ref[i].pos, pos, del, ins);
	}
	if (k == T_INODE && m->root_pos != UINT64_MAX)
		m->root_pos = moved((uint32_t)m->root_pos, pos, del, ins);
	return true;
}
