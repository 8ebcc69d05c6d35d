/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sif.c - read a SIF file's header and table; see sif.h.
 *
 * Runs as:  the user, on a file that somebody else may have made to hurt.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/num.h"
#include "libimage/base/pin.h"
#include "libimage/sif/format.h"
#include "libimage/sif/sif.h"

_Static_assert((int)SIF_KEEP_BYTES == (int)SIF_DESC_BYTES, "sif.h says how large a slot is");

static int read_at(int fd, void *buf, size_t n, uint64_t off, const char *what, struct berth_err *err)
{
	if (fd_pread_full(fd, buf, n, (off_t)off) == 0)
		return 0;
	if (errno == ENODATA)
		return berth_fail(err, BERTH_EIMAGE, 0, "SIF file is cut short within its %s", what);
	return berth_fail(err, BERTH_ESYS, errno, "cannot read the SIF file's %s", what);
}

static int read_slot(const struct sif *s, uint32_t slot, uint8_t d[SIF_DESC_BYTES], struct berth_err *err)
{
	if (slot >= s->kept)
		return read_at(s->fd, d, SIF_DESC_BYTES, s->table + (uint64_t)slot * SIF_DESC_BYTES,
			       "descriptor table", err);
	memcpy(d, s->keep + (size_t)slot * SIF_DESC_BYTES, SIF_DESC_BYTES);
	return 0;
}

int sif_open(int fd, struct sif *ret, struct berth_err *err)
{
	struct sif s; /* all but 'keep' is set below: that is large, and read */
	uint8_t h[SIF_HEADER_BYTES];
	uint64_t slots, end;
	struct stat st;

	memset(&s, 0, offsetof(struct sif, keep));
	s.fd = fd;
	if (fstat(fd, &st) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot stat the SIF file");
	if (!S_ISREG(st.st_mode))
		return berth_fail(err, BERTH_EIMAGE, 0, "not a SIF file (not a regular file)");
	s.file_size = (uint64_t)st.st_size;
	if (s.file_size < sizeof(h))
		return berth_fail(err, BERTH_EIMAGE, 0,
				  "not a SIF file (%" PRIu64 " bytes is too short)", s.file_size);
	if (read_at(fd, h, sizeof(h), 0, "header", err) < 0)
		return -1;
	if (memcmp(h + SIF_H_MAGIC, "SIF_MAGIC", 10) != 0)
		return berth_fail(err, BERTH_EIMAGE, 0, "not a SIF file (no SIF_MAGIC at byte %d)",
				  SIF_H_MAGIC);
	if (memcmp(h + SIF_H_VERSION, "01", 3) != 0)
		return berth_fail(err, BERTH_EIMAGE, 0, "SIF version is not 01");
	slots = num_le64(h + SIF_H_SLOTS);
	s.table = num_le64(h + SIF_H_TABLE);
	if (slots == 0 || slots > SIF_DESC_MAX)
		return berth_fail(err, BERTH_EIMAGE, 0,
				  "SIF descriptor table has %" PRIu64 " slots (1 to %d are allowed)",
				  slots, SIF_DESC_MAX);
	if (s.table < SIF_HEADER_BYTES || num_add_u64(s.table, slots * SIF_DESC_BYTES, &end) < 0 ||
	    end > s.file_size)
		return berth_fail(err, BERTH_EIMAGE, 0,
				  "SIF descriptor table lies outside the file (at %" PRIu64
				  " of %" PRIu64 " bytes)", s.table, s.file_size);
	s.slots = (uint32_t)slots;
	memcpy(s.launch, h + SIF_H_LAUNCH, SIF_LAUNCH_BYTES);
	memcpy(s.arch, h + SIF_H_ARCH, 2);
	memcpy(s.uuid, h + SIF_H_UUID, sizeof(s.uuid));
	s.ctime = (int64_t)num_le64(h + SIF_H_CTIME);
	s.mtime = (int64_t)num_le64(h + SIF_H_MTIME);
	s.said_free = num_le64(h + SIF_H_FREE);
	s.said_table_bytes = num_le64(h + SIF_H_TABLE_BYTES);
	s.data = num_le64(h + SIF_H_DATA);
	s.said_data_bytes = num_le64(h + SIF_H_DATA_BYTES);
	s.kept = s.slots < SIF_KEEP ? s.slots : SIF_KEEP;
	if (read_at(fd, s.keep, (size_t)s.kept * SIF_DESC_BYTES, s.table, "descriptor table", err) < 0)
		return -1;
	for (uint32_t i = 0; i < s.slots; i++) {
		uint8_t d[SIF_DESC_BYTES];

		/* The header's own count of free slots is advisory: count. */
		if (read_slot(&s, i, d, err) < 0)
			return -1;
		s.used += d[SIF_D_USED] != 0;
	}
	memcpy(ret, &s, offsetof(struct sif, keep) + (size_t)s.kept * SIF_DESC_BYTES);
	return 0;
}

/* Do [a, a + n) and [b, b + m) share a byte? The sums were checked not to overflow. */
static bool share(uint64_t a, uint64_t n, uint64_t b, uint64_t m)
{
	return n > 0 && m > 0 && a < b + m && b < a + n;
}

static int check_place(const struct sif *s, const struct sif_object *o, struct berth_err *err)
{
	uint64_t end;

	if (o->offset > INT64_MAX || o->size > INT64_MAX ||
	    num_add_u64(o->offset, o->size, &end) < 0 || end > s->file_size) {
		berth_fail(err, BERTH_EIMAGE, 0,
			   "SIF object %" PRIu32 " lies outside the file (offset %" PRIu64 ", size %" PRIu64
			   "; the file has %" PRIu64 " bytes)", o->id, o->offset, o->size, s->file_size);
		return berth_hint(err, "the file was probably not copied completely");
	}
	if (share(o->offset, o->size, 0, SIF_HEADER_BYTES) ||
	    share(o->offset, o->size, s->table, (uint64_t)s->slots * SIF_DESC_BYTES))
		return berth_fail(err, BERTH_EIMAGE, 0,
				  "SIF object %" PRIu32 " lies inside the header or descriptor table",
				  o->id);
	return 0;
}

int sif_object_get(const struct sif *s, uint32_t slot, struct sif_object *ret, struct berth_err *err)
{
	struct sif_object o = { 0 };
	uint8_t d[SIF_DESC_BYTES];
	uint32_t group, link;

	if (slot >= s->slots)
		return berth_fail(err, BERTH_EBUG, 0, "SIF has no slot %" PRIu32, slot);
	if (read_slot(s, slot, d, err) < 0)
		return -1;
	if (!d[SIF_D_USED])
		return 0;
	o.type = (int32_t)num_le32(d + SIF_D_TYPE);
	o.id = num_le32(d + SIF_D_ID);
	group = num_le32(d + SIF_D_GROUP);
	link = num_le32(d + SIF_D_LINK);
	if (o.id == 0)
		return berth_fail(err, BERTH_EIMAGE, 0, "SIF object in slot %" PRIu32 " has id 0", slot);
	/* Two spellings of one group would be one group to some readers and two to others. */
	if ((group & SIF_GROUP_MASK) != SIF_GROUP_MASK)
		return berth_fail(err, BERTH_EIMAGE, 0,
				  "SIF object %" PRIu32 " has the malformed group 0x%" PRIx32, o.id, group);
	o.group = group & ~SIF_GROUP_MASK;
	o.link_is_group = (link & SIF_GROUP_MASK) == SIF_GROUP_MASK;
	o.link = link & ~SIF_GROUP_MASK;
	o.offset = num_le64(d + SIF_D_OFFSET);
	o.size = num_le64(d + SIF_D_SIZE);
	o.padded = num_le64(d + SIF_D_PADDED);
	o.ctime = (int64_t)num_le64(d + SIF_D_CTIME);
	o.mtime = (int64_t)num_le64(d + SIF_D_MTIME);
	o.uid = (int64_t)num_le64(d + SIF_D_UID);
	o.gid = (int64_t)num_le64(d + SIF_D_GID);
	memcpy(o.name, d + SIF_D_NAME, SIF_NAME_BYTES);
	sif_extra_read(d, &o);
	if (check_place(s, &o, err) < 0)
		return -1;
	*ret = o;
	return 1;
}

int sif_object_find(const struct sif *s, uint32_t id, struct sif_object *ret, uint32_t *slot, struct berth_err *err)
{
	bool found = false;

	for (uint32_t i = 0; i < s->slots; i++) {
		struct sif_object o;
		int rc = sif_object_get(s, i, &o, err);

		if (rc < 0)
			return -1;
		if (rc == 0 || o.id != id)
			continue;
		if (found)
			return berth_fail(err, BERTH_EIMAGE, 0, "SIF has two objects with id %" PRIu32, id);
		found = true;
		*ret = o;
		if (slot)
			*slot = i;
	}
	if (found)
		return 0;
	berth_fail(err, BERTH_ENOTFOUND, 0, "SIF has no object %" PRIu32, id);
	return berth_hint(err, "'sif list' says which it has");
}

bool sif_signs(const struct sif_object *sig, const struct sif_object *o)
{
	if (sig->type != SIF_SIGNATURE || sig->link == 0)
		return false;
	return sig->link_is_group ? sig->link == o->group : sig->link == o->id;
}

/* The slot of the one primary partition. */
static int find_primary(const struct sif *s, struct sif_object *root, uint32_t *root_slot,
			struct berth_err *err)
{
	bool found = false, oci = false;

	for (uint32_t i = 0; i < s->slots; i++) {
		struct sif_object o;
		int rc = sif_object_get(s, i, &o, err);

		if (rc < 0)
			return -1;
		if (rc == 0)
			continue;
		oci |= o.type == SIF_OCI_INDEX;
		if (o.type != SIF_PARTITION || o.part != SIF_PART_PRIMARY)
			continue;
		if (found)
			return berth_fail(err, BERTH_EIMAGE, 0,
					  "SIF has two primary system partitions (objects %" PRIu32
					  " and %" PRIu32 ")", root->id, o.id);
		found = true;
		*root = o;
		*root_slot = i;
	}
	if (found)
		return 0;
	berth_fail(err, BERTH_EIMAGE, 0, "SIF has no system partition");
	if (oci)
		berth_hint(err, "it is an OCI-SIF, which keeps container layers instead of a root "
				"file system; build a plain SIF from the same source");
	else
		berth_hint(err, "it holds data only; 'inspect' lists what is in it");
	return -1;
}

static int check_fs(const struct sif_object *o, struct berth_err *err)
{
	static const char *const names[] = {
		[SIF_FS_SQUASHFS] = "squashfs",
		[SIF_FS_EXT3] = "ext3",
		[SIF_FS_ARCHIVE] = "an archive",
		[SIF_FS_RAW] = "raw data",
		[SIF_FS_CRYPT] = "encrypted squashfs",
		[SIF_FS_GOCRYPTFS] = "encrypted squashfs (gocryptfs)",
	};

	if (o->fs == SIF_FS_SQUASHFS)
		return 0;
	if (o->fs < 0 || o->fs >= (int32_t)ARRAY_SIZE(names) || !names[o->fs])
		return berth_fail(err, BERTH_EIMAGE, 0,
				  "SIF root file system is of unknown kind %" PRId32 ", not squashfs", o->fs);
	berth_fail(err, BERTH_EIMAGE, 0, "SIF root file system is %s, not squashfs", names[o->fs]);
	return berth_hint(err, "rebuild the image with a squashfs root file system");
}

static int check_arch(const struct sif_object *o, struct berth_err *err)
{
	const char *host = sif_arch_host(), *want = sif_arch_name(o->arch);

	if (strcmp(want, "unknown") == 0 || strcmp(host, "00") == 0 || strcmp(o->arch, host) == 0)
		return 0;
	/* KERNEL: amd64 runs 386 programs. */
	if (strcmp(host, "02") == 0 && strcmp(o->arch, "01") == 0)
		return 0;
	berth_fail(err, BERTH_EIMAGE, 0, "image is for %s, this machine is %s", want,
		   sif_arch_name(host));
	return berth_hint(err, "build or pull the image for %s", sif_arch_name(host));
}

int sif_find_root(const struct sif *s, struct sif_object *ret, struct berth_err *err)
{
	struct sif_object root = { 0 };
	uint32_t slot = 0;

	if (find_primary(s, &root, &slot, err) < 0 || check_fs(&root, err) < 0 ||
	    check_arch(&root, err) < 0)
		return -1;
	if (root.size == 0)
		return berth_fail(err, BERTH_EIMAGE, 0, "SIF root file system is empty");
	for (uint32_t i = 0; i < s->slots; i++) {
		struct sif_object o;
		int rc = i == slot ? 0 : sif_object_get(s, i, &o, err);

		if (rc < 0)
			return -1;
		if (rc == 0)
			continue;
		if (o.id == root.id)
			return berth_fail(err, BERTH_EIMAGE, 0, "SIF has two objects with id %" PRIu32,
					  o.id);
		if (share(o.offset, o.size, root.offset, root.size))
			return berth_fail(err, BERTH_EIMAGE, 0,
					  "SIF object %" PRIu32 " overlaps the root file system (object %"
					  PRIu32 ")", o.id, root.id);
	}
	*ret = root;
	return 0;
}
