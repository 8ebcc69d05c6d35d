/* SPDX-License-Identifier: BSD-3-Clause */
/* check_sif.c - SIF files, read and written (libimage/sif/sif.h). */
#include "config.h"

#include <inttypes.h>

#include "libimage/base/cleanup.h"
#include "tests/unit/image_make.h"

static struct sif_new_object made[2];
static uint64_t size;

static const char *other_arch(void)
{
	return strcmp(sif_arch_host(), "04") == 0 ? "02" : "04";
}

/* Open and find the root, as the launcher does. */
static int find(int fd, struct sif_object *root, struct berth_err *err)
{
	struct sif s;

	return sif_open(fd, &s, err) < 0 ? -1 : sif_find_root(&s, root, err);
}

START_TEST(golden)
{
	static const uint8_t head[] =
		"#!/usr/bin/env run-singularity\n\0SIF_MAGIC\0" "01\0" "02\0"
		"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" "\0\0\0\0\0\0\0\0" "\0\0\0\0\0\0\0\0"
		"\x2e\0\0\0\0\0\0\0" "\x30\0\0\0\0\0\0\0" "\0\x10\0\0\0\0\0\0"
		"\xb0\x6d\0\0\0\0\0\0" "\xb0\x7d\0\0\0\0\0\0" "\x50\x22\0\0\0\0\0";
	static const char desc[] =
		"\x04\x40\0\0" "\x01" "\x02\0\0\0" "\x01\0\0\xf0" "\0\0\0\0"
		"\0\x80\0\0\0\0\0\0" "\0\x20\0\0\0\0\0\0" "\xec\x21\0\0\0\0\0\0"
		"\0\0\0\0\0\0\0\0" "\0\0\0\0\0\0\0\0" "\0\0\0\0\0\0\0\0" "\0\0\0\0\0\0\0\0" "root";
	static const uint8_t extra[12] = "\x01\0\0\0\x02\0\0\0" "02";
	cleanup_close int fd = made_sif(made, "02", &size);
	uint8_t got[SIF_TABLE_AT];

	ck_assert_int_eq(fd_pread_full(fd, got, 128, 0), 0);
	ck_assert_mem_eq(got, head, 128);
	ck_assert_int_eq(fd_pread_full(fd, got, MADE_DESC, SIF_TABLE_AT + MADE_DESC), 0);
	ck_assert_mem_eq(got, desc, sizeof(desc) - 1);
	ck_assert_mem_eq(got + SIF_D_EXTRA, extra, sizeof(extra));
	ck_assert_uint_eq(made[0].offset, 32176);
	ck_assert_uint_eq(made[1].offset, 32768);
}
END_TEST

START_TEST(read_back)
{
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_close int fd = made_sif(made, sif_arch_host(), &size);
	struct sif_object o;
	struct sif s;

	ck_assert_int_eq(sif_open(fd, &s, &err), 0);
	ck_assert_uint_eq(s.slots, 48);
	ck_assert_uint_eq(s.used, 2);
	ck_assert_uint_eq(s.file_size, size);
	ck_assert_str_eq(s.launch, "#!/usr/bin/env run-singularity\n");
	ck_assert_str_eq(s.arch, sif_arch_host());
	ck_assert_int_eq(sif_object_get(&s, 0, &o, &err), 1);
	ck_assert_int_eq(o.type, SIF_JSON);
	ck_assert_str_eq(o.name, "note.json");
	ck_assert_str_eq(o.arch, "");
	ck_assert_uint_eq(o.group, 1);
	ck_assert_uint_eq(o.link, 0);
	ck_assert(!o.link_is_group);
	ck_assert_int_eq(sif_object_get(&s, 2, &o, &err), 0);
	ck_assert_int_eq(sif_object_get(&s, 48, &o, &err), -1);
	ck_assert_int_eq(sif_find_root(&s, &o, &err), 0);
	ck_assert_uint_eq(o.id, 2);
	ck_assert_uint_eq(o.offset, made[1].offset);
	ck_assert_uint_eq(o.size, MADE_ROOT_BYTES);
}
END_TEST

START_TEST(times_are_asked_for)
{
	struct sif_new_object o = { .type = SIF_RAW, .size = 0 };
	cleanup_close int fd = memfd_create("sif", MFD_CLOEXEC);
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_object got;
	struct sif s;

	ck_assert_int_eq(sif_layout(&o, 1, &err), 0);
	ck_assert_int_eq(sif_write_header(fd, &o, 1, "02", 1000000000, &err), 0);
	ck_assert_int_eq(sif_open(fd, &s, &err), 0);
	ck_assert_int_eq(s.ctime, 1000000000);
	ck_assert_str_eq(s.arch, "00"); /* there is no primary partition */
	ck_assert_int_eq(sif_object_get(&s, 0, &got, &err), 1);
	ck_assert_int_eq(got.mtime, 1000000000);
}
END_TEST

/* What a builder writes, as Apptainer does: the last one's size is known last. */
START_TEST(several_objects)
{
	struct sif_new_object o[4] = {
		{ .type = SIF_DEFFILE, .size = 34 }, { .type = SIF_JSON, .name = "inspect-metadata.json", .size = 2000 },
		{ .type = SIF_JSON, .name = "oci-config.json", .size = 3000 },
		{ .type = SIF_PARTITION, .fs = SIF_FS_SQUASHFS, .part = SIF_PART_PRIMARY },
	};
	cleanup_close int fd = memfd_create("sif", MFD_CLOEXEC);
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_object got;
	struct sif s;

	ck_assert_int_eq(sif_layout(o, 4, &err), 0);
	ck_assert_uint_eq(o[0].offset, 32176);
	ck_assert_uint_eq(o[1].offset, 32210);
	ck_assert_uint_eq(o[2].offset, 34210);
	ck_assert_uint_eq(o[3].offset, 40960);
	o[3].size = MADE_ROOT_BYTES;
	ck_assert_int_eq(ftruncate(fd, 40960 + MADE_ROOT_BYTES), 0);
	ck_assert_int_eq(sif_write_header(fd, o, 4, sif_arch_host(), 0, &err), 0);
	ck_assert_int_eq(sif_open(fd, &s, &err), 0);
	ck_assert_uint_eq(s.used, 4);
	ck_assert_uint_eq(s.said_free, 44);
	ck_assert_uint_eq(s.data + s.said_data_bytes, 40960 + MADE_ROOT_BYTES);
	for (uint32_t i = 0; i < 4; i++) {
		ck_assert_int_eq(sif_object_find(&s, i + 1, &got, NULL, &err), 0);
		ck_assert_int_eq(got.type, o[i].type);
		ck_assert_str_eq(got.name, o[i].name ? o[i].name : "");
		ck_assert_uint_eq(got.group, 1);
		ck_assert_uint_eq(got.offset, o[i].offset);
		ck_assert_uint_eq(got.padded, i == 3 ? MADE_ROOT_BYTES + 40960 - 37210 : o[i].size);
	}
	ck_assert_int_eq(sif_object_find(&s, 5, &got, NULL, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ENOTFOUND);
	ck_assert_int_eq(sif_find_root(&s, &got, &err), 0);
	ck_assert_uint_eq(got.id, 4);
}
END_TEST

START_TEST(layout_refusals)
{
	struct sif_new_object many[49] = { { .type = SIF_RAW } };
	struct sif_new_object big[2] = { { .size = INT64_MAX }, { .size = 1 } };
	struct berth_err err = BERTH_ERR_INIT;
	char name[130];

	ck_assert_int_eq(sif_layout(many, 48, &err), 0);
	ck_assert_int_eq(sif_layout(many, 49, &err), -1);
	ck_assert_int_eq(sif_layout(big, 2, &err), -1);
	big[0].size = UINT64_MAX;
	ck_assert_int_eq(sif_layout(big, 1, &err), -1);
	memset(name, 'n', sizeof(name));
	name[129] = '\0';
	many[0].name = name;
	ck_assert_int_eq(sif_layout(many, 1, &err), -1);
	name[128] = '\0';
	ck_assert_int_eq(sif_layout(many, 1, &err), 0);
}
END_TEST

START_TEST(name_of_128_bytes)
{
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_close int fd = made_sif(made, sif_arch_host(), &size);
	struct sif_object o;
	char name[128];

	memset(name, 'n', sizeof(name));
	ck_assert_int_eq(fd_pwrite_full(fd, name, sizeof(name), (off_t)made_field(1, SIF_D_NAME)), 0);
	ck_assert_int_eq(find(fd, &o, &err), 0);
	ck_assert_uint_eq(strlen(o.name), 128);
}
END_TEST

/* Values that parsers fall over. */
static uint64_t nasty(int i)
{
	const uint64_t v[] = {
		0, 1, UINT64_MAX, 1ULL << 63, INT64_MAX, size - 1, size, size + 1, SIF_TABLE_AT, 4095,
		UINT64_MAX - size, UINT32_MAX, 1ULL << 32,
	};

	return v[i];
}
enum { NASTY = 13 };

/*
 * Whatever a field holds: an answer without a signal, and if there is a root, it lies within
 * the file and outside header and table.
 */
static void check_answer(int fd)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_object o;
	struct sif s;

	if (sif_open(fd, &s, &err) < 0 || sif_find_root(&s, &o, &err) < 0) {
		ck_assert_int_eq(err.code, BERTH_EIMAGE);
		ck_assert_int_ne(err.text[0], '\0');
		return;
	}
	ck_assert_uint_gt(o.size, 0);
	ck_assert_uint_le(o.size, size);
	ck_assert_uint_le(o.offset, size - o.size);
	ck_assert(o.offset >= s.table + (uint64_t)s.slots * MADE_DESC || o.offset + o.size <= s.table);
	ck_assert_uint_ge(o.offset, 128);
}

START_TEST(header_fields)
{
	for (uint64_t at = 0; at <= 120; at += 4) {
		cleanup_close int fd = made_sif(made, sif_arch_host(), &size);

		poke64(fd, at, nasty(_i));
		check_answer(fd);
	}
}
END_TEST

START_TEST(descriptor_fields)
{
	static const enum sif_desc_field fields[] = {
		SIF_D_TYPE, SIF_D_USED, SIF_D_ID, SIF_D_GROUP, SIF_D_LINK, SIF_D_OFFSET, SIF_D_SIZE,
		SIF_D_PADDED, SIF_D_CTIME, SIF_D_MTIME, SIF_D_UID, SIF_D_GID, SIF_D_NAME, SIF_D_FS,
		SIF_D_PART, SIF_D_ARCH,
	};

	for (uint32_t slot = 0; slot < 3; slot++) {
		for (size_t f = 0; f < ARRAY_SIZE(fields); f++) {
			cleanup_close int fd = made_sif(made, sif_arch_host(), &size);

			poke64(fd, made_field(slot, fields[f]), nasty(_i));
			check_answer(fd);
			poke64(fd, made_field(slot, fields[f]), nasty(_i));
			poke64(fd, made_field(slot, SIF_D_USED), 1);
			check_answer(fd);
		}
	}
}
END_TEST

START_TEST(every_length)
{
	cleanup_close int fd = made_sif(made, sif_arch_host(), &size);
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_object o;

	for (uint64_t n = size; n-- > 0; n -= n > 200 ? 97 : 0) {
		ck_assert_int_eq(ftruncate(fd, (off_t)n), 0);
		ck_assert_int_eq(find(fd, &o, &err), -1);
		ck_assert_int_eq(err.code, BERTH_EIMAGE);
	}
}
END_TEST

/* One or two fields, and the message they must give. */
static const struct {
	const char *want;
	uint32_t slot;
	enum sif_desc_field field;
	uint32_t v;
} refusals[] = {
	{ "SIF has no system partition", 1, SIF_D_PART, SIF_PART_SYSTEM },
	{ "SIF has no system partition", 1, SIF_D_PART, SIF_PART_DATA },
	{ "SIF has no system partition", 1, SIF_D_PART, SIF_PART_OVERLAY },
	{ "SIF has no system partition", 1, SIF_D_PART, 0 },
	{ "SIF has no system partition", 1, SIF_D_TYPE, SIF_RAW },
	{ "SIF has no system partition", 1, SIF_D_TYPE, 0 },
	{ "SIF root file system is ext3, not squashfs", 1, SIF_D_FS, SIF_FS_EXT3 },
	{ "SIF root file system is an archive", 1, SIF_D_FS, SIF_FS_ARCHIVE },
	{ "SIF root file system is raw data", 1, SIF_D_FS, SIF_FS_RAW },
	{ "SIF root file system is encrypted", 1, SIF_D_FS, SIF_FS_CRYPT },
	{ "SIF root file system is encrypted", 1, SIF_D_FS, SIF_FS_GOCRYPTFS },
	{ "SIF root file system is of unknown kind 7", 1, SIF_D_FS, 7 },
	{ "SIF root file system is of unknown kind 0", 1, SIF_D_FS, 0 },
	{ "SIF root file system is of unknown kind -1", 1, SIF_D_FS, UINT32_MAX },
	{ "SIF object in slot 1 has id 0", 1, SIF_D_ID, 0 },
	{ "SIF has two objects with id 1", 1, SIF_D_ID, 1 },
	{ "SIF object 2 has the malformed group 0x1", 1, SIF_D_GROUP, 1 },
	{ "SIF object 1 has the malformed group 0x70000001", 0, SIF_D_GROUP, 0x70000001 },
	{ "SIF root file system is empty", 1, SIF_D_SIZE, 0 },
	{ "SIF object 2 lies inside the header or descriptor table", 1, SIF_D_OFFSET, 0 },
	{ "SIF object 2 lies inside the header or descriptor table", 1, SIF_D_OFFSET, 4096 },
	{ "SIF object 2 lies inside the header or descriptor table", 1, SIF_D_OFFSET, 32175 },
	{ "SIF object 1 lies inside the header or descriptor table", 0, SIF_D_OFFSET, 127 },
	{ "SIF object 2 lies outside the file", 1, SIF_D_SIZE, MADE_ROOT_BYTES + 1 },
	{ "SIF object 2 lies outside the file", 1, SIF_D_OFFSET, 32769 },
	{ "SIF object 1 lies outside the file", 0, SIF_D_OFFSET, UINT32_MAX },
	{ "SIF object 1 overlaps the root file system (object 2)", 0, SIF_D_OFFSET, 32768 },
	{ "SIF object 1 overlaps the root file system (object 2)", 0, SIF_D_OFFSET, 32768 - 99 },
	{ "SIF object 1 overlaps the root file system (object 2)", 0, SIF_D_OFFSET, 40959 - 99 },
};

START_TEST(refused)
{
	cleanup_close int fd = made_sif(made, sif_arch_host(), &size);
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_object o;

	poke32(fd, made_field(refusals[_i].slot, refusals[_i].field), refusals[_i].v);
	ck_assert_int_eq(find(fd, &o, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_msg(strncmp(err.text, refusals[_i].want, strlen(refusals[_i].want)) == 0, "%s",
		      err.text);
}
END_TEST

START_TEST(neighbours_do_not_overlap)
{
	cleanup_close int fd = made_sif(made, sif_arch_host(), &size);
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_object o;

	poke32(fd, made_field(0, SIF_D_OFFSET), 32768 - MADE_NOTE_BYTES);
	ck_assert_int_eq(find(fd, &o, &err), 0);
	poke32(fd, made_field(0, SIF_D_TYPE), 0x7777); /* of no known type, but in its place */
	ck_assert_int_eq(find(fd, &o, &err), 0);
}
END_TEST

START_TEST(two_primaries)
{
	cleanup_close int fd = made_sif(made, sif_arch_host(), &size);
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_object o;

	poke32(fd, made_field(0, SIF_D_TYPE), SIF_PARTITION);
	poke32(fd, made_field(0, SIF_D_PART), SIF_PART_PRIMARY);
	ck_assert_int_eq(find(fd, &o, &err), -1);
	ck_assert_str_eq(err.text, "SIF has two primary system partitions (objects 1 and 2)");
}
END_TEST

START_TEST(oci_sif_is_named)
{
	cleanup_close int fd = made_sif(made, sif_arch_host(), &size);
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_object o;

	poke32(fd, made_field(0, SIF_D_TYPE), SIF_OCI_INDEX);
	poke32(fd, made_field(1, SIF_D_TYPE), SIF_OCI_BLOB);
	ck_assert_int_eq(find(fd, &o, &err), -1);
	ck_assert_str_eq(err.text, "SIF has no system partition");
	ck_assert_ptr_nonnull(strstr(err.hint, "OCI-SIF"));
}
END_TEST

START_TEST(architectures)
{
	static const struct {
		const char *code, *name;
	} rows[] = {
		{ "00", "unknown" }, { "01", "386" }, { "02", "amd64" }, { "04", "arm64" },
		{ "06", "ppc64le" }, { "10", "mips64le" }, { "11", "s390x" }, { "12", "riscv64" },
		{ "13", "loong64" }, { "14", "unknown" }, { "99", "unknown" }, { "2", "unknown" },
		{ "", "unknown" }, { "-1", "unknown" }, { "ab", "unknown" },
	};
	struct berth_err err = BERTH_ERR_INIT;
	char want[100];
	struct sif_object o;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ck_assert_str_eq(sif_arch_name(rows[i].code), rows[i].name);
	for (size_t i = 0; i < 2; i++) {
		cleanup_close int fd = made_sif(made, i ? "00" : "77", &size);

		ck_assert_int_eq(find(fd, &o, &err), 0); /* unknown: the kernel will tell */
	}
	{
		cleanup_close int fd = made_sif(made, other_arch(), &size);

		ck_assert_int_eq(find(fd, &o, &err), -1);
		(void)snprintf(want, sizeof(want), "image is for %s, this machine is %s",
			       sif_arch_name(other_arch()), sif_arch_name(sif_arch_host()));
		ck_assert_str_eq(err.text, want);
		ck_assert_int_ne(err.hint[0], '\0');
	}
}
END_TEST

START_TEST(table_behind_the_data)
{
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_close int fd = made_sif(made, sif_arch_host(), &size);
	uint8_t table[48 * MADE_DESC];
	struct sif_object o;

	ck_assert_int_eq(fd_pread_full(fd, table, sizeof(table), SIF_TABLE_AT), 0);
	ck_assert_int_eq(fd_pwrite_full(fd, table, sizeof(table), (off_t)size), 0);
	poke64(fd, SIF_H_TABLE, size);
	ck_assert_int_eq(find(fd, &o, &err), 0);
	poke64(fd, SIF_H_TABLE, size + 1);
	ck_assert_int_eq(find(fd, &o, &err), -1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("sif");

	tcase_add_test(tc, golden);
	tcase_add_test(tc, read_back);
	tcase_add_test(tc, times_are_asked_for);
	tcase_add_test(tc, several_objects);
	tcase_add_test(tc, layout_refusals);
	tcase_add_test(tc, name_of_128_bytes);
	tcase_add_loop_test(tc, header_fields, 0, NASTY);
	tcase_add_loop_test(tc, descriptor_fields, 0, NASTY);
	tcase_add_test(tc, every_length);
	tcase_add_loop_test(tc, refused, 0, (int)ARRAY_SIZE(refusals));
	tcase_add_test(tc, neighbours_do_not_overlap);
	tcase_add_test(tc, two_primaries);
	tcase_add_test(tc, oci_sif_is_named);
	tcase_add_test(tc, architectures);
	tcase_add_test(tc, table_behind_the_data);
	return unit_run("sif", tc);
}
