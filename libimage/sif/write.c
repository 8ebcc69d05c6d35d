/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * write.c - lay out a SIF file and write its header and table; see sif.h.
 *
 * As Apptainer writes it: table of 48 slots at 4096, data behind it, all objects in group 1,
 * ids counted from 1, partitions at multiples of 4096.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/num.h"
#include "libimage/base/pin.h"
#include "libimage/sif/format.h"
#include "libimage/sif/sif.h"

enum { DATA_AT = SIF_TABLE_AT + SIF_SLOTS * SIF_DESC_BYTES };

static const char launch[] = "#!/usr/bin/env run-singularity\n";

_Static_assert(sizeof(launch) == SIF_LAUNCH_BYTES, "the launch line fills its field");

int sif_layout(struct sif_new_object *objects, uint32_t n, struct berth_err *err)
{
	uint64_t at = DATA_AT;

	if (n > SIF_SLOTS)
		return berth_fail(err, BERTH_EUSAGE, 0, "a SIF file holds at most %d objects, not %" PRIu32,
				  SIF_SLOTS, n);
	for (uint32_t i = 0; i < n; i++) {
		struct sif_new_object *o = &objects[i];

		if (o->name && strlen(o->name) > SIF_NAME_BYTES)
			return berth_fail(err, BERTH_EUSAGE, 0,
					  "name of SIF object '%s' is longer than %d bytes", o->name,
					  SIF_NAME_BYTES);
		if (o->type == SIF_PARTITION)
			at = (at + SIF_PART_ALIGN - 1) / SIF_PART_ALIGN * SIF_PART_ALIGN;
		o->offset = at;
		if (num_add_u64(at, o->size, &at) < 0 || at > INT64_MAX - SIF_PART_ALIGN)
			return berth_fail(err, BERTH_EUSAGE, EFBIG, "cannot make a SIF file");
	}
	return 0;
}

static int write_descriptor(int fd, const struct sif_new_object *o, uint32_t slot, uint64_t prev_end,
			    const char *arch, int64_t when, struct berth_err *err)
{
	uint8_t d[SIF_DESC_BYTES] = { 0 };

	num_put_le32(d + SIF_D_TYPE, (uint32_t)o->type);
	d[SIF_D_USED] = 1;
	num_put_le32(d + SIF_D_ID, slot + 1);
	num_put_le32(d + SIF_D_GROUP, SIF_GROUP_MASK | 1);
	num_put_le64(d + SIF_D_OFFSET, o->offset);
	num_put_le64(d + SIF_D_SIZE, o->size);
	num_put_le64(d + SIF_D_PADDED, o->size + (o->offset - prev_end));
	num_put_le64(d + SIF_D_CTIME, (uint64_t)when);
	num_put_le64(d + SIF_D_MTIME, (uint64_t)when);
	if (o->name)
		memcpy(d + SIF_D_NAME, o->name, strnlen(o->name, SIF_NAME_BYTES));
	if (o->type == SIF_PARTITION) {
		num_put_le32(d + SIF_D_FS, (uint32_t)o->fs);
		num_put_le32(d + SIF_D_PART, (uint32_t)o->part);
		memcpy(d + SIF_D_ARCH, arch, 2);
	}
	if (fd_pwrite_full(fd, d, sizeof(d), SIF_TABLE_AT + (off_t)slot * SIF_DESC_BYTES) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot write the SIF descriptor table");
	return 0;
}

int sif_write_header(int fd, const struct sif_new_object *objects, uint32_t n, const char *arch,
		     int64_t when, struct berth_err *err)
{
	uint8_t h[SIF_TABLE_AT] = { 0 }; /* the header and the gap before the table */
	uint64_t end = DATA_AT;
	bool primary = false;

	if (n > SIF_SLOTS || strlen(arch) != 2)
		return berth_fail(err, BERTH_EBUG, 0, "SIF header for %" PRIu32 " objects, arch '%s'", n,
				  arch);
	for (uint32_t i = 0; i < n; i++) {
		if (write_descriptor(fd, &objects[i], i, end, arch, when, err) < 0)
			return -1;
		end = objects[i].offset + objects[i].size;
		primary |= objects[i].type == SIF_PARTITION && objects[i].part == SIF_PART_PRIMARY;
	}
	for (uint32_t i = n; i < SIF_SLOTS; i++) {
		static const uint8_t unused[SIF_DESC_BYTES];

		if (fd_pwrite_full(fd, unused, sizeof(unused),
				   SIF_TABLE_AT + (off_t)i * SIF_DESC_BYTES) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot write the SIF descriptor table");
	}
	memcpy(h + SIF_H_LAUNCH, launch, sizeof(launch));
	memcpy(h + SIF_H_MAGIC, "SIF_MAGIC", 10);
	memcpy(h + SIF_H_VERSION, "01", 3);
	memcpy(h + SIF_H_ARCH, primary ? arch : "00", 3);
	num_put_le64(h + SIF_H_CTIME, (uint64_t)when);
	num_put_le64(h + SIF_H_MTIME, (uint64_t)when);
	num_put_le64(h + SIF_H_FREE, SIF_SLOTS - n);
	num_put_le64(h + SIF_H_SLOTS, SIF_SLOTS);
	num_put_le64(h + SIF_H_TABLE, SIF_TABLE_AT);
	num_put_le64(h + SIF_H_TABLE_BYTES, SIF_SLOTS * SIF_DESC_BYTES);
	num_put_le64(h + SIF_H_DATA, DATA_AT);
	num_put_le64(h + SIF_H_DATA_BYTES, end - DATA_AT);
	if (fd_pwrite_full(fd, h, sizeof(h), 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot write the SIF header");
	return 0;
}
