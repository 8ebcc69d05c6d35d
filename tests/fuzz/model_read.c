/* SPDX-License-Identifier: BSD-3-Clause */
/* model_read.c - take a squashfs apart; see model.h. What is odd in it is kept where that is possible. */
#include "config.h"

#include <string.h>

#include "tests/fuzz/model.h"

static const uint64_t NONE = UINT64_MAX;

struct img {
	const uint8_t *p;
	size_t n;
};

/* Append the metadata block at 'at'; its end in *ret_next. */
static bool take_block(const struct model *m, struct img i, uint64_t base, uint64_t at,
		       struct table_bytes *t, uint64_t *ret_next)
{
	uint32_t n, got;

	if (at < SUPER_LEN || at > i.n || i.n - at < 2 || t->blocks == BLOCKS_MAX || at < base ||
	    at - base > UINT32_MAX || TABLE_MAX - t->n < META_LEN)
		return false;
	n = get16(i.p + at) & 0x7fff;
	if (n == 0 || n > META_LEN || i.n - at - 2 < n)
		return false;
	if (get16(i.p + at) & 0x8000) {
		memcpy(t->bytes + t->n, i.p + at + 2, n);
		got = n;
	} else {
		got = model_unpack(m, i.p + at + 2, n, t->bytes + t->n, META_LEN);
		if (got == 0)
			return false;
	}
	t->block[t->blocks].at = (uint32_t)(at - base);
	t->block[t->blocks++].pos = t->n;
	t->n += got;
	t->present = true;
	*ret_next = at + 2 + n;
	return true;
}

static void take_run(const struct model *m, struct img i, uint64_t at, uint64_t end, struct table_bytes *t)
{
	uint64_t base = at;

	while (at < end && take_block(m, i, base, at, t, &at))
		;
}

/* A table found by pointers; returns where its first block lies. */
static uint64_t take_pointed(const struct model *m, struct img i, uint64_t pointers, uint64_t bytes,
			     struct table_bytes *t)
{
	uint64_t first = NONE, next;

	if (bytes == 0 || bytes > TABLE_MAX || pointers > i.n)
		return NONE;
	for (uint64_t k = 0; k < (bytes + META_LEN - 1) / META_LEN; k++) {
		uint64_t at;

		if (i.n - pointers < k * 8 + 8)
			break;
		at = get64(i.p + pointers + k * 8);
		if (k == 0)
			first = at;
		if (!take_block(m, i, first, at, t, &next))
			break;
	}
	if (t->n > bytes)
		t->n = (uint32_t)bytes;
	return t->present ? first : NONE;
}

static bool resolve(const struct table_bytes *t, uint64_t at, uint32_t off, uint32_t *ret)
{
	for (uint32_t i = 0; i < t->blocks; i++) {
		uint32_t end = i + 1 < t->blocks ? t->block[i + 1].pos : t->n;

		if (t->block[i].at == at && off <= end - t->block[i].pos) {
			*ret = t->block[i].pos + off;
			return true;
		}
	}
	return false;
}

static void add_ref(struct model *m, enum ref_kind kind, enum table in, uint32_t at, enum table to,
		    uint64_t block, uint32_t off)
{
	struct ref r = { .kind = kind, .in = in, .to = to, .at = at };

	if (m->refs < REFS_MAX && resolve(&m->t[to], block, off, &r.pos))
		m->ref[m->refs++] = r;
}

static void add_record(struct table_bytes *t, uint32_t pos)
{
	if (t->records < RECORDS_MAX)
		t->record[t->records++] = pos;
}

uint32_t model_file_blocks(const struct model *m, uint32_t pos, uint32_t *list_at)
{
	const uint8_t *p = m->t[T_INODE].bytes + pos;
	bool ext = get16(p) == 9;
	uint64_t size = ext ? get64(p + 24) : get32(p + 28);
	uint64_t n = size / m->block_size;

	if (get32(p + (ext ? 44 : 20)) == UINT32_MAX && size % m->block_size)
		n++;
	*list_at = pos + (ext ? 56 : 32);
	return n > TABLE_MAX ? TABLE_MAX : (uint32_t)n; /* more than can be there */
}

uint32_t model_inode_len(const struct model *m, uint32_t pos)
{
	static const uint8_t fixed[15] = { 0, 32, 32, 24, 24, 24, 20, 20, 40, 56, 24, 28, 28, 24, 24 };
	const struct table_bytes *t = &m->t[T_INODE];
	const uint8_t *p = t->bytes + pos;
	uint32_t left = t->n - pos, n, list_at, type;

	if (pos > t->n || left < 16)
		return 0;
	type = get16(p);
	if (type < 1 || type > 14 || fixed[type] > left)
		return 0;
	n = fixed[type];
	if (type == 2 || type == 9) {
		n += 4 * model_file_blocks(m, pos, &list_at);
	} else if (type == 3 || type == 10) {
		if (get32(p + 20) > left)
			return 0;
		n += get32(p + 20) + (type == 10 ? 4 : 0);
	} else if (type == 8) {
		for (uint32_t k = 0; k < get16(p + 32); k++) {
			if (n > left || left - n < 12 || get32(p + n + 8) >= left)
				return 0;
			n += 12 + get32(p + n + 8) + 1;
		}
	}
	return n > left ? 0 : n;
}

static void find_index(struct model *m, uint32_t pos)
{
	const uint8_t *p = m->t[T_INODE].bytes;
	uint32_t at = pos + 40;

	for (uint32_t k = 0; k < get16(p + pos + 32); k++) {
		add_ref(m, REF_INDEX, T_INODE, at + 4, T_DIR, get32(p + at + 4), 0);
		at += 12 + get32(p + at + 8) + 1;
	}
}

static void find_inodes(struct model *m)
{
	struct table_bytes *t = &m->t[T_INODE];
	uint32_t n;

	for (uint32_t pos = 0; (n = model_inode_len(m, pos)) > 0; pos += n) {
		const uint8_t *p = t->bytes + pos;

		add_record(t, pos);
		if (get16(p) == 1)
			add_ref(m, REF_DIR, T_INODE, pos + 16, T_DIR, get32(p + 16), get16(p + 26));
		if (get16(p) == 8) {
			add_ref(m, REF_DIR_EXT, T_INODE, pos + 24, T_DIR, get32(p + 24), get16(p + 34));
			find_index(m, pos);
		}
	}
}

static void find_listing(struct model *m, uint32_t pos, uint32_t size)
{
	struct table_bytes *t = &m->t[T_DIR];
	uint32_t end = size < 3 ? pos : size - 3 > t->n - pos ? t->n : pos + size - 3;

	while (pos < end && end - pos >= 12) {
		uint32_t left = get32(t->bytes + pos) + 1, block = get32(t->bytes + pos + 4);

		for (uint32_t i = 0; i < t->records; i++)
			if (t->record[i] == pos)
				return;
		add_record(t, pos);
		add_ref(m, REF_RUN, T_DIR, pos + 4, T_INODE, block, 0);
		pos += 12;
		for (; left > 0 && pos < end && end - pos > 8; left--) {
			uint32_t name = get16(t->bytes + pos + 6) + 1u;

			if (name > end - pos - 8 || m->entries == RECORDS_MAX)
				return;
			m->entry[m->entries++] = pos;
			add_ref(m, REF_ENTRY, T_DIR, pos, T_INODE, block, get16(t->bytes + pos));
			pos += 8 + name;
		}
	}
}

static void find_entries(struct model *m)
{
	uint32_t refs = m->refs;

	for (uint32_t i = 0; i < refs; i++) {
		const uint8_t *p = m->t[T_INODE].bytes + m->ref[i].at;

		if (m->ref[i].kind == REF_DIR)
			find_listing(m, m->ref[i].pos, get16(p + 8));
		else if (m->ref[i].kind == REF_DIR_EXT)
			find_listing(m, m->ref[i].pos, get32(p - 4));
	}
}

static void find_xattrs(struct model *m)
{
	struct table_bytes *sets = &m->t[T_XATTR_ID], *kv = &m->t[T_XATTR];

	for (uint32_t at = 0; at + 16 <= sets->n; at += 16) {
		const uint8_t *p = sets->bytes + at;
		uint32_t pos;

		add_record(sets, at);
		add_ref(m, REF_XATTR, T_XATTR_ID, at, T_XATTR, get64(p) >> 16, get16(p));
		if (!resolve(kv, get64(p) >> 16, get16(p), &pos))
			continue;
		for (uint32_t k = get32(p + 8); k > 0 && pos <= kv->n && kv->n - pos >= 8; k--) {
			uint32_t name = get16(kv->bytes + pos + 2), value;
			bool far = get16(kv->bytes + pos) & 0x100;

			add_record(kv, pos);
			if (kv->n - pos < 8 + name)
				break;
			value = pos + 4 + name;
			pos = value + 4;
			if (far && get32(kv->bytes + value) == 8 && kv->n - pos >= 8)
				add_ref(m, REF_XATTR, T_XATTR, pos, T_XATTR, get64(kv->bytes + pos) >> 16,
					get16(kv->bytes + pos));
			if (get32(kv->bytes + value) > kv->n)
				break;
			pos += get32(kv->bytes + value);
		}
	}
}

static void find_fixed(struct model *m)
{
	struct table_bytes *t = &m->t[T_EXPORT];

	for (uint32_t at = 0; at + 8 <= t->n; at += 8) {
		add_record(t, at);
		add_ref(m, REF_INODE, T_EXPORT, at, T_INODE, get64(t->bytes + at) >> 16,
			get16(t->bytes + at));
	}
	for (uint32_t at = 0; at + 16 <= m->t[T_FRAGMENT].n; at += 16)
		add_record(&m->t[T_FRAGMENT], at);
	for (uint32_t at = 0; at + 4 <= m->t[T_ID].n; at += 4)
		add_record(&m->t[T_ID], at);
}

static uint64_t take_xattrs(struct model *m, struct img i)
{
	uint64_t at = get64(m->super + 56), first, ids;

	if (at > i.n || i.n - at < 16)
		return NONE;
	first = get64(i.p + at);
	ids = take_pointed(m, i, at + 16, (uint64_t)get32(i.p + at + 8) * 16, &m->t[T_XATTR_ID]);
	take_run(m, i, first, ids == NONE ? at : ids, &m->t[T_XATTR]);
	m->t[T_XATTR].present = m->t[T_XATTR_ID].present;
	return m->t[T_XATTR].present ? first : NONE;
}

bool model_read(struct model *m, const uint8_t *img, size_t n)
{
	struct img i = { img, n };
	uint64_t inodes, dirs, end, at;
	uint32_t root;

	if (n < SUPER_LEN || get32(img) != 0x73717368)
		return false;
	memcpy(m->super, img, SUPER_LEN);
	m->block_size = get32(img + 12);
	m->compressor = get16(img + 20);
	inodes = get64(img + 64);
	dirs = get64(img + 72);
	if (m->block_size < 4096 || m->block_size > 1 << 20 || inodes < SUPER_LEN || inodes > n ||
	    inodes - SUPER_LEN > DATA_MAX || dirs <= inodes || dirs > n)
		return false;
	m->data_n = (uint32_t)(inodes - SUPER_LEN);
	memcpy(m->data, img + SUPER_LEN, m->data_n);
	m->refs = m->entries = 0;
	for (int k = 0; k < TABLES; k++) {
		m->t[k].present = false;
		m->t[k].n = m->t[k].blocks = m->t[k].records = 0;
	}
	end = get64(img + 48);
	if ((at = take_pointed(m, i, get64(img + 48), get16(img + 26) * 4ull, &m->t[T_ID])) < end)
		end = at;
	if ((at = take_pointed(m, i, get64(img + 80), get32(img + 16) * 16ull, &m->t[T_FRAGMENT])) < end)
		end = at;
	if ((at = take_pointed(m, i, get64(img + 88), get32(img + 4) * 8ull, &m->t[T_EXPORT])) < end)
		end = at;
	if ((at = take_xattrs(m, i)) < end)
		end = at;
	take_run(m, i, inodes, dirs, &m->t[T_INODE]);
	take_run(m, i, dirs, end, &m->t[T_DIR]);
	if (!m->t[T_INODE].present)
		return false;
	m->root_pos = resolve(&m->t[T_INODE], get64(img + 32) >> 16, get16(img + 32), &root) ? root : NONE;
	find_inodes(m);
	find_entries(m);
	find_xattrs(m);
	find_fixed(m);
	return true;
}
