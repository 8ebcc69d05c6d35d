/* SPDX-License-Identifier: BSD-3-Clause */
/* image_make.h - small SIF files in memory, for tests that then break them. */
#ifndef BERTH_TESTS_IMAGE_MAKE_H
#define BERTH_TESTS_IMAGE_MAKE_H

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/num.h"
#include "libimage/sif/format.h"
#include "libimage/sif/sif.h"
#include "tests/unit/unit.h"

enum {
	MADE_ROOT_BYTES = 8192,
	MADE_NOTE_BYTES = 100,
	MADE_DESC = 585,
};

/*
 * A SIF with a JSON note and a primary partition of 'arch' whose data starts like squashfs.
 * Returns a memfd and its objects in 'o'; *size is the file's.
 */
static inline int made_sif(struct sif_new_object o[2], const char *arch, uint64_t *size)
{
	struct berth_err err = BERTH_ERR_INIT;
	uint8_t data[MADE_ROOT_BYTES] = { 0 };
	int fd = memfd_create("sif", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	o[0] = (struct sif_new_object){ .type = SIF_JSON, .name = "note.json", .size = MADE_NOTE_BYTES };
	o[1] = (struct sif_new_object){ .type = SIF_PARTITION, .name = "root", .fs = SIF_FS_SQUASHFS,
					.part = SIF_PART_PRIMARY, .size = MADE_ROOT_BYTES };
	ck_assert_int_eq(sif_layout(o, 2, &err), 0);
	ck_assert_int_eq(sif_write_header(fd, o, 2, arch, 0, &err), 0);
	ck_assert_int_eq(fd_pwrite_full(fd, data, MADE_NOTE_BYTES, (off_t)o[0].offset), 0);
	memcpy(data, "hsqs", 4);
	ck_assert_int_eq(fd_pwrite_full(fd, data, sizeof(data), (off_t)o[1].offset), 0);
	*size = o[1].offset + o[1].size;
	return fd;
}

static inline void poke64(int fd, uint64_t at, uint64_t v)
{
	uint8_t b[8];

	num_put_le64(b, v);
	ck_assert_int_eq(fd_pwrite_full(fd, b, sizeof(b), (off_t)at), 0);
}

static inline void poke32(int fd, uint64_t at, uint32_t v)
{
	uint8_t b[4];

	num_put_le32(b, v);
	ck_assert_int_eq(fd_pwrite_full(fd, b, sizeof(b), (off_t)at), 0);
}

/* Where field 'field' of the descriptor in 'slot' is. */
static inline uint64_t made_field(uint32_t slot, enum sif_desc_field field)
{
	return SIF_TABLE_AT + (uint64_t)slot * MADE_DESC + (uint64_t)field;
}

#endif
