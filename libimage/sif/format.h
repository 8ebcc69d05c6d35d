/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * format.h - where the fields of a SIF file are. Private to libimage/sif and its tests.
 *
 * Offsets instead of packed structs: a descriptor is 585 bytes, so nothing in the table is
 * aligned, and every field is read by num_le*() anyway.
 */
#ifndef BERTH_SIF_FORMAT_H
#define BERTH_SIF_FORMAT_H

enum sif_header_field {
	SIF_H_LAUNCH = 0,   /* char[32] */
	SIF_H_MAGIC = 32,   /* "SIF_MAGIC" and NUL */
	SIF_H_VERSION = 42, /* "01" and NUL */
	SIF_H_ARCH = 45,    /* char[3] */
	SIF_H_UUID = 48,
	SIF_H_CTIME = 64,
	SIF_H_MTIME = 72,
	SIF_H_FREE = 80,
	SIF_H_SLOTS = 88,
	SIF_H_TABLE = 96,
	SIF_H_TABLE_BYTES = 104,
	SIF_H_DATA = 112,
	SIF_H_DATA_BYTES = 120,
};

enum sif_desc_field {
	SIF_D_TYPE = 0,
	SIF_D_USED = 4,
	SIF_D_ID = 5,
	SIF_D_GROUP = 9,
	SIF_D_LINK = 13,
	SIF_D_OFFSET = 17,
	SIF_D_SIZE = 25,
	SIF_D_PADDED = 33,
	SIF_D_CTIME = 41,
	SIF_D_MTIME = 49,
	SIF_D_UID = 57,
	SIF_D_GID = 65,
	SIF_D_NAME = 73, /* char[128] */
	SIF_D_EXTRA = 201,
	SIF_D_FS = 201,	  /* of a partition */
	SIF_D_PART = 205,
	SIF_D_ARCH = 209, /* char[3] */
	SIF_D_HASH = 201,   /* of a signature */
	SIF_D_ENTITY = 205,
	SIF_D_FORMAT = 201, /* of a crypto message */
	SIF_D_MESSAGE = 205,
	SIF_D_SBOM = 201,
	SIF_D_DIGEST = 201, /* of an OCI object: text */
};

enum {
	SIF_LAUNCH_BYTES = 32,
	SIF_NAME_BYTES = 128,
	SIF_TABLE_AT = 4096,	/* where writers put the table */
	SIF_SLOTS = 48,		/* and how many slots they give it */
	SIF_PART_ALIGN = 4096,	/* of partitions, from the start of the file */
};

struct sif_object;

/* What only objects of a type have, out of the descriptor 'd' into 'o', whose type is known; and back. */
void sif_extra_read(const unsigned char *d, struct sif_object *o);
void sif_extra_write(const struct sif_object *o, unsigned char *d);

/* Set in every group number, and in a link that means a group. */
#define SIF_GROUP_MASK 0xf0000000U

#endif
