/* SPDX-License-Identifier: BSD-3-Clause */
/* edit.c - change a SIF file that is there; see edit.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/num.h"
#include "libimage/base/pin.h"
#include "libimage/base/sha256.h"
#include "libimage/base/source.h"
#include "libimage/sif/edit.h"
#include "libimage/sif/format.h"

enum { COPY_BYTES = 128 * 1024 };

static int write_at(int fd, const void *p, size_t n, uint64_t at, struct berth_err *err)
{
	if (fd_pwrite_full(fd, p, n, (off_t)at) == 0)
		return 0;
	return berth_fail(err, BERTH_ESYS, errno, "cannot write the SIF file");
}

static int sync_data(int fd, struct berth_err *err)
{
	return fdatasync(fd) == 0 ? 0 : berth_fail(err, BERTH_ESYS, errno, "cannot write the SIF file");
}

static uint64_t slot_at(const struct sif *s, uint32_t slot)
{
	return s->table + (uint64_t)slot * SIF_DESC_BYTES;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

int sif_lock(int fd, bool wait, struct berth_err *err)
{
	if (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) == 0)
		return 1;
	if (!wait && errno == EWOULDBLOCK)
		return 0;
	return berth_fail(err, BERTH_ESYS, errno, "cannot lock the SIF file");
}

int sif_create(int fd, const uint8_t uuid[16], int64_t when, struct berth_err *err)
{
	uint8_t field[8];

	if (sif_write_header(fd, NULL, 0, "00", when, err) < 0)
		return -1;
	memset(field, 0, sizeof(field));
	for (uint64_t at = SIF_H_LAUNCH; at < SIF_LAUNCH_BYTES; at += sizeof(field))
		if (write_at(fd, field, sizeof(field), at, err) < 0)
			return -1;
	return write_at(fd, uuid, 16, SIF_H_UUID, err);
}

/* Where new data may begin: behind everything. All objects are checked on the way. */
static int find_end(const struct sif *s, uint64_t *ret, struct berth_err *err)
{
	uint64_t end = slot_at(s, s->slots);

	if (s->data > s->file_size) {
		berth_fail(err, BERTH_EIMAGE, 0, "SIF data begins outside the file (at %" PRIu64 " of %" PRIu64
			   " bytes)", s->data, s->file_size);
		return berth_hint(err, "the file was probably not copied completely");
	}
	end = larger(end, s->data);
	for (uint32_t i = 0; i < s->slots; i++) {
		struct sif_object o;
		int rc = sif_object_get(s, i, &o, err);

		if (rc < 0)
			return -1;
		if (rc > 0)
			end = larger(end, o.offset + o.size);
	}
	*ret = end;
	return 0;
}

/* What the header says of the file as it is now; 'arch' NULL: as it was. */
static int put_header(int fd, const char *arch, int64_t when, struct berth_err *err)
{
	uint8_t h[SIF_HEADER_BYTES];
	struct sif s;
	uint64_t end;

	if (sif_open(fd, &s, err) < 0 || find_end(&s, &end, err) < 0)
		return -1;
	if (fd_pread_full(fd, h, sizeof(h), 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read the SIF header");
	if (arch)
		memcpy(h + SIF_H_ARCH, arch, 2);
	num_put_le64(h + SIF_H_MTIME, (uint64_t)when);
	num_put_le64(h + SIF_H_FREE, s.slots - s.used);
	num_put_le64(h + SIF_H_DATA_BYTES, end - s.data);
	if (write_at(fd, h, sizeof(h), 0, err) < 0)
		return -1;
	return sync_data(fd, err);
}

/* A free slot whose id no object of another slot has; ids count slots. */
static int find_slot(const struct sif *s, bool primary, uint32_t *ret, struct berth_err *err)
{
	bool found = false;

	for (uint32_t i = 0; i < s->slots; i++) {
		struct sif_object o, other;
		int rc = sif_object_get(s, i, &o, err);

		if (rc < 0)
			return -1;
		if (rc > 0 && primary && o.type == SIF_PARTITION && o.part == SIF_PART_PRIMARY) {
			berth_fail(err, BERTH_EUSAGE, 0, "SIF has a primary system partition already (object %"
				   PRIu32 ")", o.id);
			return berth_hint(err, "add a system partition, and make it the primary one with 'sif setprim'");
		}
		if (rc > 0 || found)
			continue;
		for (uint32_t k = 0; k < s->slots && rc == 0; k++) {
			rc = sif_object_get(s, k, &other, err);
			if (rc < 0)
				return -1;
			rc = rc > 0 && other.id == i + 1;
		}
		if (rc > 0)
			continue;
		found = true;
		*ret = i;
	}
	if (found)
		return 0;
	berth_fail(err, BERTH_EUSAGE, 0, "SIF has no room for another object: all %" PRIu32 " slots are taken",
		   s->slots);
	return berth_hint(err, "delete one that is not needed");
}

static int check_new(const struct sif_object *o, uint32_t align, struct berth_err *err)
{
	bool primary = o->type == SIF_PARTITION && o->part == SIF_PART_PRIMARY;

	if (o->type < SIF_DEFFILE || o->type > SIF_OCI_BLOB)
		return berth_fail(err, BERTH_EUSAGE, 0, "there is no type 0x%" PRIx32 " of SIF objects",
				  (uint32_t)o->type);
	if ((o->group & SIF_GROUP_MASK) || (o->link & SIF_GROUP_MASK))
		return berth_fail(err, BERTH_EUSAGE, 0, "groups and links of SIF objects are below %u",
				  ~SIF_GROUP_MASK + 1);
	if (strnlen(o->name, sizeof(o->name)) > SIF_NAME_BYTES)
		return berth_fail(err, BERTH_EUSAGE, 0, "the name of a SIF object has at most %d bytes",
				  SIF_NAME_BYTES);
	if (align > SIF_ALIGN_MAX)
		return berth_fail(err, BERTH_EUSAGE, 0, "SIF objects are aligned to at most %d bytes",
				  SIF_ALIGN_MAX);
	if (primary && strcmp(sif_arch_name(o->arch), "unknown") == 0)
		return berth_fail(err, BERTH_EUSAGE, 0, "a primary partition has an architecture");
	return 0;
}

/* Copy the data to 'at'; its size, and for OCI objects the digest, into 'o'. */
static int put_data(int fd, const struct source *data, uint64_t at, struct sif_object *o, struct berth_err *err)
{
	cleanup_free uint8_t *buf = malloc(COPY_BYTES);
	uint8_t sum[SHA256_BYTES];
	struct sha256 sha;

	if (!buf)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot write the SIF file");
	sha256_init(&sha);
	o->size = 0;
	for (;;) {
		ssize_t n = source_read(data, buf, COPY_BYTES, err);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		if (write_at(fd, buf, (size_t)n, at + o->size, err) < 0)
			return -1;
		if (o->type == SIF_OCI_INDEX || o->type == SIF_OCI_BLOB)
			sha256_add(&sha, buf, (size_t)n);
		o->size += (uint64_t)n;
	}
	if (o->type == SIF_OCI_INDEX || o->type == SIF_OCI_BLOB) {
		memcpy(o->digest, "sha256:", sizeof("sha256:"));
		sha256_end(&sha, sum);
		sha256_hex(sum, o->digest + strlen("sha256:"));
	}
	return 0;
}

/* All of the descriptor, then the byte that says it is one. */
static int put_descriptor(int fd, const struct sif *s, uint32_t slot, const struct sif_object *o,
			  struct berth_err *err)
{
	uint8_t d[SIF_DESC_BYTES] = { 0 };
	const uint8_t used = 1;

	num_put_le32(d + SIF_D_TYPE, (uint32_t)o->type);
	num_put_le32(d + SIF_D_ID, o->id);
	num_put_le32(d + SIF_D_GROUP, SIF_GROUP_MASK | o->group);
	num_put_le32(d + SIF_D_LINK, o->link == 0 ? 0 : (o->link_is_group ? SIF_GROUP_MASK : 0) | o->link);
	num_put_le64(d + SIF_D_OFFSET, o->offset);
	num_put_le64(d + SIF_D_SIZE, o->size);
	num_put_le64(d + SIF_D_PADDED, o->padded);
	num_put_le64(d + SIF_D_CTIME, (uint64_t)o->ctime);
	num_put_le64(d + SIF_D_MTIME, (uint64_t)o->mtime);
	memcpy(d + SIF_D_NAME, o->name, strnlen(o->name, SIF_NAME_BYTES));
	sif_extra_write(o, d);
	if (write_at(fd, d, sizeof(d), slot_at(s, slot), err) < 0 || sync_data(fd, err) < 0)
		return -1;
	if (write_at(fd, &used, sizeof(used), slot_at(s, slot) + SIF_D_USED, err) < 0)
		return -1;
	return sync_data(fd, err);
}

int sif_add(int fd, struct sif_object *o, const struct source *data, uint32_t align, int64_t when,
	    struct berth_err *err)
{
	bool primary = o->type == SIF_PARTITION && o->part == SIF_PART_PRIMARY;
	struct sif_object made = *o;
	uint32_t slot = 0;
	uint64_t end = 0;
	struct sif s;

	if (check_new(o, align, err) < 0 || sif_open(fd, &s, err) < 0 || find_end(&s, &end, err) < 0 ||
	    find_slot(&s, primary, &slot, err) < 0)
		return -1;
	if (align == 0)
		align = o->type == SIF_PARTITION ? SIF_PART_ALIGN : 1;
	made.id = slot + 1;
	made.offset = (end + align - 1) / align * align; /* 'end' is at most the size of a file */
	made.ctime = made.mtime = when;
	made.uid = made.gid = 0;
	if (put_data(fd, data, made.offset, &made, err) < 0 || sync_data(fd, err) < 0) {
		if (ftruncate(fd, (off_t)s.file_size) < 0)
			berth_hint(err, "the file is longer than it was, which does no harm");
		return -1;
	}
	made.padded = made.size + (made.offset - end);
	/* An object without bytes may lie behind the end of the file; readers want it inside. */
	if (made.offset + made.size > s.file_size && ftruncate(fd, (off_t)(made.offset + made.size)) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot write the SIF file");
	if (put_descriptor(fd, &s, slot, &made, err) < 0 ||
	    put_header(fd, primary ? made.arch : NULL, when, err) < 0)
		return -1;
	*o = made;
	return 0;
}

static bool share(const struct sif_object *a, const struct sif_object *b)
{
	return a->size > 0 && b->size > 0 && a->offset < b->offset + b->size && b->offset < a->offset + a->size;
}

/* Overwrite the bytes of 'o', which must be nobody else's. */
static int zero_data(int fd, const struct sif *s, uint32_t slot, const struct sif_object *o, struct berth_err *err)
{
	static const uint8_t zeros[4096];

	for (uint32_t i = 0; i < s->slots; i++) {
		struct sif_object other;
		int rc = i == slot ? 0 : sif_object_get(s, i, &other, err);

		if (rc < 0)
			return -1;
		if (rc > 0 && share(o, &other))
			return berth_fail(err, BERTH_EIMAGE, 0, "cannot overwrite SIF object %" PRIu32 ": object %"
					  PRIu32 " has bytes of it", o->id, other.id);
	}
	for (uint64_t done = 0; done < o->size;) {
		uint64_t n = o->size - done < sizeof(zeros) ? o->size - done : sizeof(zeros);

		if (write_at(fd, zeros, (size_t)n, o->offset + done, err) < 0)
			return -1;
		done += n;
	}
	return sync_data(fd, err);
}

int sif_delete(int fd, uint32_t id, unsigned int how, int64_t when, struct berth_err *err)
{
	static const uint8_t unused[SIF_DESC_BYTES];
	struct sif_object o = { 0 };
	uint32_t slot = 0;
	uint64_t end = 0;
	bool primary;
	struct sif s;

	if (sif_open(fd, &s, err) < 0 || find_end(&s, &end, err) < 0 || sif_object_find(&s, id, &o, &slot, err) < 0)
		return -1;
	/* Its bytes first: who is interrupted finds it listed and deletes it again. */
	if ((how & SIF_ZERO) && zero_data(fd, &s, slot, &o, err) < 0)
		return -1;
	if (write_at(fd, unused, 1, slot_at(&s, slot) + SIF_D_USED, err) < 0 || sync_data(fd, err) < 0 ||
	    write_at(fd, unused, sizeof(unused), slot_at(&s, slot), err) < 0 || sync_data(fd, err) < 0)
		return -1;
	if (how & SIF_COMPACT) {
		if (sif_open(fd, &s, err) < 0 || find_end(&s, &end, err) < 0)
			return -1;
		if (end < s.file_size && ftruncate(fd, (off_t)end) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot shorten the SIF file");
	}
	primary = o.type == SIF_PARTITION && o.part == SIF_PART_PRIMARY;
	return put_header(fd, primary ? "00" : NULL, when, err);
}

/* 1 and 2 differ in the first byte, and one byte is written whole or not at all. */
static int put_part(int fd, const struct sif *s, uint32_t slot, enum sif_part part, struct berth_err *err)
{
	const uint8_t byte = (uint8_t)part;

	if (write_at(fd, &byte, sizeof(byte), slot_at(s, slot) + SIF_D_PART, err) < 0)
		return -1;
	return sync_data(fd, err);
}

int sif_set_primary(int fd, uint32_t id, int64_t when, struct berth_err *err)
{
	struct sif_object o = { 0 };
	uint32_t slot = 0;
	struct sif s;

	if (sif_open(fd, &s, err) < 0 || sif_object_find(&s, id, &o, &slot, err) < 0)
		return -1;
	if (o.type != SIF_PARTITION || (o.part != SIF_PART_SYSTEM && o.part != SIF_PART_PRIMARY)) {
		berth_fail(err, BERTH_EUSAGE, 0, "SIF object %" PRIu32 " is no system partition", id);
		return berth_hint(err, "'sif list' says which are");
	}
	/*
	 * Of two primary partitions readers take neither, as of none. So who is killed in between
	 * leaves a file that runs nothing until the same is done again, and never runs the wrong one.
	 */
	for (uint32_t i = 0; i < s.slots; i++) {
		struct sif_object other;
		int rc = i == slot ? 0 : sif_object_get(&s, i, &other, err);

		if (rc < 0)
			return -1;
		if (rc > 0 && other.type == SIF_PARTITION && other.part == SIF_PART_PRIMARY &&
		    put_part(fd, &s, i, SIF_PART_SYSTEM, err) < 0)
			return -1;
	}
	if (o.part != SIF_PART_PRIMARY && put_part(fd, &s, slot, SIF_PART_PRIMARY, err) < 0)
		return -1;
	return put_header(fd, o.arch[0] ? o.arch : "00", when, err);
}
