/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mutate.c - wrong squashfs images that are right but for a few places; see model.h.
 *
 * A change is made in the tables taken apart, before what refers to what is written anew, or
 * in the image put together: superblock, pointers, lengths of blocks.
 */
#include "config.h"

#include <string.h>

#include "tests/fuzz/model.h"
#include "tests/fuzz/mutate.h"

#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof((a)[0])))

/* LIMIT: as the model's */
enum { IMAGE_MAX = 2 << 20, BLOCK_TRY_MAX = 40000 };

struct field {
	uint8_t at, bytes;
};

static uint64_t state = 1;
static struct model model; /* what is being changed */

void rnd_seed(uint32_t seed)
{
	state = seed * 0x9E3779B97F4A7C15u + 0x1234567;
}

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545F4914F6CDD1Du >> 8;
}

uint64_t rnd(uint64_t below)
{
	return below ? next() % below : 0;
}

uint64_t rnd_odd(uint64_t old, unsigned int bytes)
{
	static const uint32_t special[] = {
		2, 3, 8, 9, 12, 15, 16, 255, 256, 4095, 4096, 8189, 8190, 8191, 8192, 8193, 16384, 32767,
		32768, 65534, 65535, 65536, 131072, 1 << 20, 1 << 24, (1 << 24) + 1, (1 << 24) - 1,
		(1 << 24) | 4096, 1 << 25, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
	};
	unsigned int bits = bytes * 8;

	switch (rnd(10)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX - rnd(3);
	case 2:
		return 1ull << rnd(bits);
	case 3:
		return old + 1 + rnd(16);
	case 4:
		return old - 1 - rnd(16);
	case 5:
		return old ^ 1ull << rnd(bits);
	case 6:
		return next() << 8 ^ next();
	case 7:
		return special[rnd(COUNT(special))] + rnd(2) * model.block_size;
	case 8:
		return rnd(2) ? old * 2 : old / 2;
	default:
		return rnd(32);
	}
}

static void change(uint8_t *p, unsigned int bytes)
{
	put(p, rnd_odd(bytes == 8 ? get64(p) : bytes == 4 ? get32(p) : bytes == 2 ? get16(p) : *p, bytes),
	    bytes);
}

/* A record of 't', NULL if there is none that has 'need' bytes. */
static uint8_t *record(enum table k, uint32_t need)
{
	struct table_bytes *t = &model.t[k];
	uint32_t pos = t->records ? t->record[rnd(t->records)] : t->n;

	return pos <= t->n && t->n - pos >= need && need > 0 ? t->bytes + pos : NULL;
}

static uint8_t *some_inode(uint32_t *ret_pos)
{
	uint8_t *p = record(T_INODE, 20);

	*ret_pos = p ? (uint32_t)(p - model.t[T_INODE].bytes) : 0;
	return p && model_inode_len(&model, *ret_pos) > 0 ? p : NULL;
}

static bool inode_field(void)
{
	static const struct field common[] = { { 0, 2 }, { 2, 2 }, { 4, 2 }, { 6, 2 }, { 8, 4 }, { 12, 4 } };
	static const struct field own[15][8] = {
		[1] = { { 16, 4 }, { 20, 4 }, { 24, 2 }, { 26, 2 }, { 28, 4 } },
		[2] = { { 16, 4 }, { 20, 4 }, { 24, 4 }, { 28, 4 } },
		[3] = { { 16, 4 }, { 20, 4 } }, [4] = { { 16, 4 }, { 20, 4 } },
		[5] = { { 16, 4 }, { 20, 4 } }, [6] = { { 16, 4 } }, [7] = { { 16, 4 } },
		[8] = { { 16, 4 }, { 20, 4 }, { 24, 4 }, { 28, 4 }, { 32, 2 }, { 34, 2 }, { 36, 4 } },
		[9] = { { 16, 8 }, { 24, 8 }, { 32, 8 }, { 40, 4 }, { 44, 4 }, { 48, 4 }, { 52, 4 } },
		[10] = { { 16, 4 }, { 20, 4 } }, [11] = { { 16, 4 }, { 20, 4 }, { 24, 4 } },
		[12] = { { 16, 4 }, { 20, 4 }, { 24, 4 } }, [13] = { { 16, 4 }, { 20, 4 } },
		[14] = { { 16, 4 }, { 20, 4 } },
	};
	uint32_t pos, n = 0;
	uint8_t *p = some_inode(&pos);
	unsigned int type = p ? get16(p) : 0;
	struct field f;

	if (!p || type > 14)
		return false;
	while (n < COUNT(own[0]) && own[type][n].bytes)
		n++;
	f = rnd(4) == 0 ? common[rnd(COUNT(common))] : own[type][rnd(n)];
	if (f.bytes == 2 && f.at == 0)
		put(p, rnd(3) ? 1 + rnd(14) : rnd_odd(type, 2), 2);
	else
		change(p + f.at, f.bytes);
	return true;
}

/* What stands behind the fixed part: block sizes, a link's target, a directory's index. */
static bool inode_tail(void)
{
	uint32_t pos, list_at, n, len;
	uint8_t *p = some_inode(&pos), raw[4];

	if (!p)
		return false;
	len = model_inode_len(&model, pos);
	if (get16(p) == 8 && get16(p + 32) > 0 && len > 52) {
		static const struct field index[] = { { 40, 4 }, { 44, 4 }, { 48, 4 }, { 52, 1 } };
		struct field f = index[rnd(COUNT(index))];

		change(p + f.at, f.bytes);
		return true;
	}
	if ((get16(p) == 3 || get16(p) == 10) && len > 24) {
		change(p + 24 + rnd(get32(p + 20)), 1);
		return true;
	}
	if (get16(p) != 2 && get16(p) != 9)
		return false;
	n = model_file_blocks(&model, pos, &list_at);
	if (n == 0)
		return false;
	p = model.t[T_INODE].bytes + list_at + 4 * rnd(n);
	switch (rnd(6)) {
	case 0:
		put(p, get32(p) ^ 1 << 24, 4);
		return true;
	case 1:
		put(p, 0, 4);
		return true;
	case 2:
		put(p, model.block_size + rnd(3) - 1 + (rnd(2) << 24), 4);
		return true;
	case 3:
		return model_edit(&model, T_INODE, list_at, 4, NULL, 0);
	case 4:
		put(raw, get32(p), 4);
		return model_edit(&model, T_INODE, list_at, 0, raw, 4);
	default:
		change(p, 4);
		return true;
	}
}

/* Sizes near what a file's blocks hold. */
static bool file_size(void)
{
	uint32_t pos;
	uint8_t *p = some_inode(&pos);
	uint64_t size;

	if (!p || (get16(p) != 2 && get16(p) != 9))
		return false;
	size = rnd(6) * model.block_size + rnd(3) - 1;
	if (rnd(8) == 0)
		size = (1ull << 27) * model.block_size - rnd(2) * rnd(9000);
	put(p + (get16(p) == 2 ? 28 : 24), size, get16(p) == 2 ? 4 : 8);
	if (rnd(4) == 0)
		put(p + (get16(p) == 2 ? 20 : 44), rnd(3) ? UINT32_MAX : rnd(4), 4);
	return true;
}

static uint8_t *some_entry(uint32_t *ret_pos, uint32_t *name_len)
{
	struct table_bytes *t = &model.t[T_DIR];

	if (model.entries == 0)
		return NULL;
	*ret_pos = model.entry[rnd(model.entries)];
	if (*ret_pos > t->n || t->n - *ret_pos < 9)
		return NULL;
	*name_len = get16(t->bytes + *ret_pos + 6) + 1u;
	return *name_len <= t->n - *ret_pos - 8 ? t->bytes + *ret_pos : NULL;
}

static bool entry_field(void)
{
	static const char *const names[] = { ".", "..", "/", "a/b", "", "m", ".wh.a", ".wh..wh..opq" };
	uint32_t pos, n;
	uint8_t *p = some_entry(&pos, &n);

	if (!p)
		return false;
	switch (rnd(6)) {
	case 0:
		change(p, 2);
		break;
	case 1:
		change(p + 2, 2);
		break;
	case 2:
		put(p + 4, rnd(3) ? rnd(9) : rnd_odd(get16(p + 4), 2), 2);
		break;
	case 3:
		change(p + 6, 2);
		break;
	case 4:
		change(p + 8 + rnd(n), 1);
		break;
	default: {
		const char *s = names[rnd(COUNT(names))];
		uint32_t len = (uint32_t)strlen(s);

		put(p + 6, len ? len - 1 : 0, 2);
		return model_edit(&model, T_DIR, pos + 8, n, s, len ? len : 1);
	}
	}
	return true;
}

static bool run_field(void)
{
	uint8_t *p = record(T_DIR, 12);

	if (p)
		change(p + 4 * rnd(3), 4);
	return p != NULL;
}

/* What names something of another table names something else there: loops, wrong kinds, overlaps. */
static bool retarget(void)
{
	const struct table_bytes *t;
	struct ref *r;

	if (model.refs == 0)
		return false;
	r = &model.ref[rnd(model.refs)];
	t = &model.t[r->to];
	switch (rnd(4)) {
	case 0:
		r->pos = (uint32_t)rnd(t->n + 1);
		break;
	case 1:
		r->pos = r->to == T_INODE && model.root_pos != UINT64_MAX ? (uint32_t)model.root_pos : 0;
		break;
	default:
		if (t->records > 0)
			r->pos = t->record[rnd(t->records)];
		break;
	}
	return true;
}

/* Take a reference out of those that are written anew, and let it point anywhere. */
static bool ref_field(void)
{
	struct ref *r;
	uint8_t *p;

	if (model.refs == 0)
		return false;
	r = &model.ref[rnd(model.refs)];
	if (r->at > model.t[r->in].n || model.t[r->in].n - r->at < 12)
		return false;
	p = model.t[r->in].bytes + r->at;
	switch (r->kind) {
	case REF_RUN:
	case REF_INDEX:
	case REF_DIR:
	case REF_DIR_EXT:
		change(p, 4);
		break;
	case REF_ENTRY:
		change(p, 2);
		break;
	case REF_INODE:
	case REF_XATTR:
	default:
		change(p, rnd(2) ? 2 : 8);
		break;
	}
	*r = model.ref[--model.refs];
	return true;
}

static uint32_t record_len(enum table k, uint32_t pos)
{
	const struct table_bytes *t = &model.t[k];
	uint32_t end = t->n;

	if (k == T_INODE)
		return model_inode_len(&model, pos);
	for (uint32_t i = 0; i < t->records; i++)
		if (t->record[i] > pos && t->record[i] < end)
			end = t->record[i];
	return end - pos;
}

/* A record once more, or no more; counts are left as they were, but for those of whole tables. */
static bool more_or_less(void)
{
	enum table k = (enum table)rnd(TABLES);
	uint8_t *p = record(k, 1), copy[4096];
	uint32_t pos, n;

	if (!p)
		return false;
	pos = (uint32_t)(p - model.t[k].bytes);
	n = record_len(k, pos);
	if (n == 0 || n > sizeof(copy))
		return false;
	memcpy(copy, p, n);
	if (rnd(2))
		return model_edit(&model, k, pos, n, NULL, 0);
	return model_edit(&model, k, rnd(2) ? pos : pos + n, 0, copy, n);
}

static bool fragment_field(void)
{
	uint8_t *p = record(T_FRAGMENT, 16);

	if (!p)
		return false;
	if (rnd(2))
		put(p + 8, get32(p + 8) ^ 1 << 24, 4);
	else
		change(p + (rnd(2) ? 8 : 0), rnd(2) ? 4 : 8);
	return true;
}

static bool xattr_field(void)
{
	uint8_t *set = record(T_XATTR_ID, 16), *p = record(T_XATTR, 12);
	uint32_t name, left;

	if (set && rnd(3) == 0) {
		change(set + 8 + 4 * rnd(2), 4);
		return true;
	}
	if (!p)
		return false;
	left = model.t[T_XATTR].n - (uint32_t)(p - model.t[T_XATTR].bytes);
	name = get16(p + 2);
	switch (rnd(4)) {
	case 0:
		put(p, rnd(4) | (rnd(3) == 0) << 8, 2);
		break;
	case 1:
		change(p + 2, 2);
		break;
	case 2:
		change(p + 4 + rnd(name), 1);
		break;
	default:
		if (name > left - 8)
			return false;
		change(p + 4 + name, 4);
		break;
	}
	return true;
}

static bool id_field(void)
{
	uint8_t *p = record(T_ID, 4);

	if (p)
		change(p, 4);
	return p != NULL;
}

/* New data for a file or a fragment, of a length that its place may not expect. */
static bool data_block(void)
{
	static uint8_t plain[BLOCK_TRY_MAX], packed[BLOCK_TRY_MAX];
	uint32_t bs = model.block_size, pos, list_at, n, got;
	const uint32_t lens[] = { 1, bs - 1, bs, bs + 1, 2 * bs, 100, 8192, 8193 };
	uint64_t at = SUPER_LEN + model.data_n;
	uint8_t *p = rnd(3) ? some_inode(&pos) : NULL, *frag = record(T_FRAGMENT, 16);

	n = lens[rnd(COUNT(lens))];
	if (n > sizeof(plain) || model.data_n > DATA_MAX / 8)
		return false;
	memset(plain, (int)rnd(256), n);
	for (uint32_t i = 0; i < 8; i++)
		plain[rnd(n)] = (uint8_t)rnd(256);
	got = rnd(4) ? model_pack(&model, plain, n, packed, sizeof(packed)) : 0;
	if (got > 4 && rnd(4) == 0)
		got -= (uint32_t)rnd(4);
	if (got > 4 && rnd(4) == 0)
		change(packed + rnd(got), 1);
	memcpy(model.data + model.data_n, got ? packed : plain, got ? got : n);
	model.data_n += got ? got : n;
	if (p && (get16(p) == 2 || get16(p) == 9) && model_file_blocks(&model, pos, &list_at) > 0) {
		put(p + 16, at, get16(p) == 2 ? 4 : 8);
		put(model.t[T_INODE].bytes + list_at, got ? got : n | 1 << 24, 4);
	} else if (frag) {
		put(frag, at, 8);
		put(frag + 8, got ? got : n | 1 << 24, 4);
	}
	return true;
}

static bool data_byte(void)
{
	if (model.data_n > 0)
		change(model.data + rnd(model.data_n), 1);
	return model.data_n > 0;
}

static bool drop_table(void)
{
	enum table k = (enum table)rnd(TABLES);

	if (k == T_INODE || k == T_ID || rnd(4))
		return false;
	model.t[k].present = false;
	return true;
}

/* Afterwards: the image is put together. */

static void block_log(uint8_t *img, unsigned int log)
{
	put(img + 22, log, 2);
	put(img + 12, 1u << log, 4);
}

static void super_field(uint8_t *img, const struct layout *l)
{
	static const struct field fields[] = {
		{ 4, 4 }, { 8, 4 }, { 12, 4 }, { 16, 4 }, { 20, 2 }, { 22, 2 }, { 24, 2 }, { 26, 2 }, { 28, 2 },
		{ 32, 8 }, { 40, 8 }, { 48, 8 }, { 56, 8 }, { 64, 8 }, { 72, 8 }, { 80, 8 }, { 88, 8 },
	};
	struct field f = fields[rnd(COUNT(fields))];

	if (f.bytes == 8 && rnd(2))
		put(img + f.at, rnd(2) ? l->table[rnd(TABLES)] : l->pointers[rnd(TABLES)], 8);
	else
		change(img + f.at, f.bytes);
	if (f.at == 22 && rnd(2))
		block_log(img, 12 + (unsigned int)rnd(9));
}

static void pointer_field(uint8_t *img, const struct layout *l)
{
	enum table k = (enum table)rnd(TABLES);

	if (l->pointers[k] == 0)
		return;
	if (rnd(2))
		put(img + l->pointers[k], l->table[rnd(TABLES)] + rnd(3), 8);
	else
		change(img + l->pointers[k] + (k == T_XATTR_ID ? 8 * rnd(3) : 0), 8);
}

static void head_field(uint8_t *img, const struct layout *l)
{
	uint8_t *p = img + l->head[rnd(l->heads)];

	if (rnd(2))
		put(p, get16(p) ^ 0x8000, 2);
	else
		change(p, 2);
}

static size_t break_image(uint8_t *img, size_t n, const struct layout *l)
{
	for (uint64_t times = 1 + rnd(3); times > 0; times--) {
		switch (rnd(5)) {
		case 0:
		case 1:
			super_field(img, l);
			break;
		case 2:
			pointer_field(img, l);
			break;
		case 3:
			head_field(img, l);
			break;
		default:
			if (rnd(3) == 0)
				n -= rnd(n - SUPER_LEN);
			if (rnd(3) == 0)
				put(img + 40, n - rnd(2), 8);
			break;
		}
	}
	return n;
}

size_t squash_mutate(uint8_t *img, size_t n, size_t max)
{
	static bool (*const changes[])(void) = {
		inode_field, inode_field, inode_field, inode_tail, inode_tail, file_size, entry_field,
		entry_field, run_field, retarget, retarget, ref_field, more_or_less, more_or_less,
		fragment_field, xattr_field, xattr_field, id_field, data_block, data_byte, drop_table,
	};
	static uint8_t out[IMAGE_MAX];
	bool inside = rnd(4);
	struct packing p = { 0 };
	struct layout l;
	size_t len;

	if (rnd(8) == 0 || !model_read(&model, img, n))
		return fuzz_bytes(img, n, max);
	if (inside) {
		uint64_t times = 1 + rnd(rnd(4) ? 3 : 10);

		for (uint64_t tries = 0; times > 0 && tries < 40; tries++)
			times -= changes[rnd(COUNT(changes))]();
	}
	if (rnd(8) == 0)
		p.compress = (uint16_t)rnd(1 << TABLES);
	if (rnd(8) == 0) {
		p.split = (uint16_t)rnd(1 << TABLES);
		p.split_len = 1 + (uint32_t)rnd(rnd(2) ? 40 : META_LEN);
	}
	len = model_write(&model, &p, out, max < sizeof(out) ? max : sizeof(out), &l);
	if (len == 0)
		return fuzz_bytes(img, n, max);
	if (!inside || rnd(8) == 0)
		len = break_image(out, len, &l);
	/* Large blocks cost the sanitizer ten times as much, and find little that small ones do not. */
	if (get16(out + 22) > 15 && rnd(8))
		block_log(out, 12 + (unsigned int)rnd(4));
	memcpy(img, out, len);
	return len;
}
