/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * model.h - a small squashfs taken apart into its tables, changed, and put together again.
 *
 * A fuzzer that flips bytes of an image meets the same few checks again and again: most bytes
 * are compressed, and a record that grows moves all that lies behind it. Here a table is one run
 * of decompressed bytes, it is known where its records begin, and what refers to another table
 * is written anew when the image is put together. So one field can be wrong and all else right.
 */
#ifndef BERTH_TESTS_FUZZ_MODEL_H
#define BERTH_TESTS_FUZZ_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum table {
	T_INODE, T_DIR, T_FRAGMENT, T_EXPORT, T_ID, T_XATTR, T_XATTR_ID, TABLES,
};

enum {
	SUPER_LEN = 96,
	META_LEN = 8192,
	/* LIMIT: images of a fuzzer are small; what is larger is not taken apart */
	TABLE_MAX = 48 * 1024, BLOCKS_MAX = 64, RECORDS_MAX = 1024, REFS_MAX = 2048,
	DATA_MAX = 1 << 20,
};

/* A table: its bytes, where its blocks lay on disk, and where its records begin. */
struct table_bytes {
	bool present;
	uint32_t n;
	uint32_t blocks;
	struct {
		uint32_t at;  /* relative to the table's first block */
		uint32_t pos; /* in the bytes */
	} block[BLOCKS_MAX];
	uint32_t records;
	uint32_t record[RECORDS_MAX];
	uint8_t bytes[TABLE_MAX];
};

enum ref_kind {
	REF_RUN,    /* 4 bytes: block; the header of a run of entries */
	REF_ENTRY,  /* 2 bytes: offset */
	REF_DIR,    /* 4 bytes block, 2 bytes offset, as a directory's inode has them */
	REF_DIR_EXT,
	REF_INDEX,  /* 4 bytes: block */
	REF_INODE,  /* 8 bytes: block << 16 | offset */
	REF_XATTR,  /* 8 bytes, of the attributes' table */
};

/* A place in table 'in' that names one in table 'to'. */
struct ref {
	enum ref_kind kind;
	enum table in, to;
	uint32_t at, pos;
};

struct model {
	uint8_t super[SUPER_LEN];
	uint64_t root_pos; /* in T_INODE; UINT64_MAX: nowhere */
	uint32_t block_size;
	uint16_t compressor;
	uint32_t data_n; /* of what lies between superblock and inode table */
	uint8_t data[DATA_MAX];
	struct table_bytes t[TABLES];
	uint32_t refs;
	struct ref ref[REFS_MAX];
	uint32_t entries;
	uint32_t entry[RECORDS_MAX]; /* in T_DIR: entries of directories; its records are the runs */
};

/* How an image is put together. */
struct packing {
	uint16_t compress; /* a bit a table: its blocks are compressed */
	uint16_t split;	   /* a bit a table: its blocks are short */
	uint32_t split_len;
};

/* Where the parts of an image that was put together lie, for what is changed last. */
struct layout {
	uint32_t table[TABLES];	   /* first block */
	uint32_t table_n[TABLES];  /* blocks */
	uint32_t pointers[TABLES]; /* of tables that have some; 0: none */
	uint32_t head[TABLES * 4]; /* lengths of some metadata blocks */
	uint32_t heads;
	uint32_t end;
};

/* False: not an image, or too large, or too far from one. */
bool model_read(struct model *m, const uint8_t *img, size_t n);
/* Returns the length, or 0 if it does not fit in 'max'. */
size_t model_write(struct model *m, const struct packing *p, uint8_t *out, size_t max, struct layout *l);

/* Replace 'del' bytes of table 't' at 'pos' by 'ins' bytes; what lies behind moves. */
bool model_edit(struct model *m, enum table t, uint32_t pos, uint32_t del, const void *bytes, uint32_t ins);

/* Length of the inode at 'pos', 0 if it is none or goes past the end. */
uint32_t model_inode_len(const struct model *m, uint32_t pos);
uint32_t model_file_blocks(const struct model *m, uint32_t pos, uint32_t *list_at);

/* One block; the result's length, or 0. 'id' is the superblock's number of the compressor. */
uint32_t model_pack(const struct model *m, const uint8_t *in, uint32_t n, uint8_t *out, uint32_t max);
uint32_t model_unpack(const struct model *m, const uint8_t *in, uint32_t n, uint8_t *out, uint32_t max);

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static inline uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static inline void put(uint8_t *p, uint64_t v, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

#endif
