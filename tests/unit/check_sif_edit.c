/* SPDX-License-Identifier: BSD-3-Clause */
/* check_sif_edit.c - SIF files that are changed (libimage/sif/edit.h), also by who is killed meanwhile. */
#include "config.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/source.h"
#include "libimage/sif/edit.h"
#include "tests/unit/image_make.h"

static struct sif_new_object made[2];
static uint64_t size;

/* In a child: the write that it does not live to do; 0: none. Linked with --wrap=fd_pwrite_full. */
static unsigned int last_write;
static unsigned int writes;

int __real_fd_pwrite_full(int fd, const void *buf, size_t n, off_t off);
int __wrap_fd_pwrite_full(int fd, const void *buf, size_t n, off_t off);

int __wrap_fd_pwrite_full(int fd, const void *buf, size_t n, off_t off)
{
	writes++;
	if (writes == last_write)
		_exit(77);
	return __real_fd_pwrite_full(fd, buf, n, off);
}

struct bytes {
	const char *p;
	size_t left, fail_at;
};

static ssize_t read_bytes(void *arg, void *buf, size_t n, struct berth_err *err)
{
	struct bytes *b = arg;

	if (b->fail_at > 0 && b->left <= b->fail_at)
		return berth_fail(err, BERTH_ENET, 0, "cut off");
	if (n > b->left)
		n = b->left;
	if (n > 7)
		n = 7; /* in small pieces */
	memcpy(buf, b->p, n);
	b->p += n;
	b->left -= n;
	return (ssize_t)n;
}

static int add(int fd, struct sif_object *o, const char *text, uint32_t align, struct berth_err *err)
{
	struct bytes b = { text, strlen(text), 0 };
	const struct source data = { .arg = &b, .read = read_bytes };

	return sif_add(fd, o, &data, align, 5, err);
}

static struct sif_object get(int fd, uint32_t id)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_object o = { 0 };
	struct sif s;

	ck_assert_int_eq(sif_open(fd, &s, &err), 0);
	ck_assert_msg(sif_object_find(&s, id, &o, NULL, &err) == 0, "%s", err.text);
	return o;
}

static bool has(int fd, uint32_t id)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_object o;
	struct sif s;

	ck_assert_int_eq(sif_open(fd, &s, &err), 0);
	return sif_object_find(&s, id, &o, NULL, &err) == 0;
}

static uint64_t file_size(int fd)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return (uint64_t)st.st_size;
}

static int new_sif(void)
{
	static const uint8_t uuid[16] = { 1, 2, 3 };
	struct berth_err err = BERTH_ERR_INIT;
	int fd = memfd_create("sif", MFD_CLOEXEC);

	ck_assert_int_eq(sif_create(fd, uuid, 1, &err), 0);
	return fd;
}

START_TEST(an_empty_one)
{
	cleanup_close int fd = new_sif();
	struct berth_err err = BERTH_ERR_INIT;
	struct sif s;

	ck_assert_uint_eq(file_size(fd), 32176);
	ck_assert_int_eq(sif_open(fd, &s, &err), 0);
	ck_assert_uint_eq(s.used, 0);
	ck_assert_uint_eq(s.said_free, 48);
	ck_assert_uint_eq(s.data, 32176);
	ck_assert_uint_eq(s.said_data_bytes, 0);
	ck_assert_str_eq(s.launch, "");
	ck_assert_str_eq(s.arch, "00");
	ck_assert_uint_eq(s.uuid[2], 3);
	ck_assert_int_eq(s.ctime, 1);
}
END_TEST

static const struct sif_object kinds[] = {
	{ .type = SIF_DEFFILE, .group = 1, .name = "def" },
	{ .type = SIF_ENVVAR, .link = 1 },
	{ .type = SIF_LABELS, .link = 1, .link_is_group = true },
	{ .type = SIF_PARTITION, .fs = SIF_FS_EXT3, .part = SIF_PART_OVERLAY, .arch = "02", .group = 7 },
	{ .type = SIF_SIGNATURE, .hash = SIF_HASH_SHA384, .entity = { 0x43, 0x3f, 0xe9 }, .link = 4 },
	{ .type = SIF_JSON, .name = "oci-config.json" },
	{ .type = SIF_RAW, .group = 0x0fffffff },
	{ .type = SIF_CRYPTO, .format = SIF_CRYPT_PEM, .message = SIF_CRYPT_RSA_OAEP },
	{ .type = SIF_SBOM, .sbom = SIF_SBOM_SYFT_JSON },
	{ .type = SIF_OCI_INDEX },
	{ .type = SIF_OCI_BLOB, .name = "blob" },
};

START_TEST(each_type_is_read_back)
{
	static const char hello[] = "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
	cleanup_close int fd = new_sif();
	struct berth_err err = BERTH_ERR_INIT;
	struct sif s;

	for (uint32_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct sif_object *k = &kinds[i];
		struct sif_object o = *k, got;

		ck_assert_msg(add(fd, &o, "hello\n", 0, &err) == 0, "%s", err.text);
		ck_assert_uint_eq(o.id, i + 1);
		got = get(fd, i + 1);
		ck_assert_mem_eq(&got, &o, sizeof(o));
		ck_assert_int_eq(got.type, k->type);
		ck_assert_uint_eq(got.group, k->group);
		ck_assert_uint_eq(got.link, k->link);
		ck_assert_int_eq(got.link_is_group, k->link_is_group);
		ck_assert_str_eq(got.name, k->name);
		ck_assert_int_eq(got.fs, k->fs);
		ck_assert_int_eq(got.part, k->part);
		ck_assert_str_eq(got.arch, k->arch);
		ck_assert_int_eq(got.hash, k->hash);
		ck_assert_mem_eq(got.entity, k->entity, sizeof(k->entity));
		ck_assert_int_eq(got.format, k->format);
		ck_assert_int_eq(got.message, k->message);
		ck_assert_int_eq(got.sbom, k->sbom);
		ck_assert_str_eq(got.digest, k->type >= SIF_OCI_INDEX ? hello : "");
		ck_assert_uint_eq(got.size, 6);
		ck_assert_int_eq(got.ctime, 5);
		ck_assert_int_eq(got.mtime, 5);
	}
	ck_assert_int_eq(sif_open(fd, &s, &err), 0);
	ck_assert_uint_eq(s.said_free, 48 - ARRAY_SIZE(kinds));
	ck_assert_uint_eq(s.data + s.said_data_bytes, file_size(fd));
	ck_assert_int_eq(s.mtime, 5);
	ck_assert_int_eq(s.ctime, 1);
}
END_TEST

START_TEST(digests_that_are_none)
{
	static const char *const texts[] = {
		"", "sha256:", "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be0",
		"sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be033",
		"sha256:5891B5B522D5DF086D0FF0B110FBD9D21BB4FC7163AF34D08286A2E846F6BE03",
		"sha256:../../../../../../../../../../../../../../../../../../etc/passwd",
		"sha512:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
	};
	cleanup_close int fd = new_sif();
	struct sif_object o = { .type = SIF_OCI_BLOB };
	struct berth_err err = BERTH_ERR_INIT;
	char field[128] = "";

	ck_assert_int_eq(add(fd, &o, "x", 0, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		memset(field, 0, sizeof(field));
		memcpy(field, texts[i], strlen(texts[i]));
		ck_assert_int_eq(fd_pwrite_full(fd, field, sizeof(field), (off_t)made_field(0, SIF_D_DIGEST)), 0);
		ck_assert_str_eq(get(fd, 1).digest, "");
	}
}
END_TEST

START_TEST(places)
{
	cleanup_close int fd = new_sif();
	struct sif_object raw = { .type = SIF_RAW };
	struct sif_object part = { .type = SIF_PARTITION, .fs = SIF_FS_SQUASHFS, .part = SIF_PART_DATA, .arch = "02" };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(add(fd, &raw, "123", 0, &err), 0);
	ck_assert_uint_eq(raw.offset, 32176);
	ck_assert_int_eq(add(fd, &raw, "", 0, &err), 0);
	ck_assert_uint_eq(raw.offset, 32179);
	ck_assert_int_eq(add(fd, &part, "hsqs", 0, &err), 0);
	ck_assert_uint_eq(part.offset, 32768);
	ck_assert_uint_eq(part.padded, 4 + 32768 - 32179);
	ck_assert_int_eq(add(fd, &raw, "123", 4096, &err), 0);
	ck_assert_uint_eq(raw.offset, 36864);
	ck_assert_int_eq(add(fd, &part, "hsqs", 10, &err), 0);
	ck_assert_uint_eq(part.offset, 36870);
	ck_assert_int_eq(add(fd, &raw, "", 4096, &err), 0); /* nothing, behind the end */
	ck_assert_uint_eq(raw.offset, 40960);
	ck_assert_uint_eq(get(fd, 6).size, 0);
	ck_assert_uint_eq(file_size(fd), 40960);
}
END_TEST

START_TEST(deleted)
{
	cleanup_close int fd = new_sif();
	struct sif_object o = { .type = SIF_RAW };
	struct berth_err err = BERTH_ERR_INIT;
	char got[18];

	for (int i = 0; i < 3; i++) {
		o.id = 0;
		ck_assert_int_eq(add(fd, &o, i == 0 ? "first." : i == 1 ? "second" : "third.", 0, &err), 0);
	}
	ck_assert_int_eq(sif_delete(fd, 2, 0, 9, &err), 0);
	ck_assert(!has(fd, 2));
	ck_assert_int_eq(fd_pread_full(fd, got, 18, 32176), 0);
	ck_assert_mem_eq(got, "first.secondthird.", 18); /* the bytes stay */
	ck_assert_int_eq(sif_delete(fd, 2, 0, 9, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ENOTFOUND);
	ck_assert_int_eq(add(fd, &o, "fourth", 0, &err), 0);
	ck_assert_uint_eq(o.id, 2); /* numbers come again, places do not */
	ck_assert_uint_eq(o.offset, 32176 + 18);
	ck_assert_int_eq(sif_delete(fd, 1, SIF_ZERO, 9, &err), 0);
	ck_assert_int_eq(fd_pread_full(fd, got, 18, 32176), 0);
	ck_assert_mem_eq(got, "\0\0\0\0\0\0secondthird.", 18);
	ck_assert_uint_eq(file_size(fd), 32176 + 24);
	ck_assert_int_eq(sif_delete(fd, 2, SIF_COMPACT, 9, &err), 0);
	ck_assert_uint_eq(file_size(fd), 32176 + 18);
	ck_assert_int_eq(sif_delete(fd, 3, SIF_COMPACT | SIF_ZERO, 9, &err), 0);
	ck_assert_uint_eq(file_size(fd), 32176);
}
END_TEST

START_TEST(primaries)
{
	cleanup_close int fd = made_sif(made, sif_arch_host(), &size);
	struct sif_object o = { .type = SIF_PARTITION, .fs = SIF_FS_SQUASHFS, .part = SIF_PART_PRIMARY };
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_object root;
	struct sif s;

	memcpy(o.arch, sif_arch_host(), 2);
	ck_assert_int_eq(add(fd, &o, "hsqs", 0, &err), -1);
	ck_assert_str_eq(err.text, "SIF has a primary system partition already (object 2)");
	o.part = SIF_PART_SYSTEM;
	ck_assert_int_eq(add(fd, &o, "hsqs", 0, &err), 0);
	ck_assert_int_eq(sif_set_primary(fd, 3, 9, &err), 0);
	ck_assert_int_eq(get(fd, 2).part, SIF_PART_SYSTEM);
	ck_assert_int_eq(sif_open(fd, &s, &err), 0);
	ck_assert_int_eq(sif_find_root(&s, &root, &err), 0);
	ck_assert_uint_eq(root.id, 3);
	ck_assert_int_eq(s.mtime, 9);
	ck_assert_int_eq(sif_set_primary(fd, 3, 9, &err), 0); /* again */
	ck_assert_int_eq(sif_set_primary(fd, 1, 9, &err), -1);
	ck_assert_str_eq(err.text, "SIF object 1 is no system partition");
	ck_assert_int_eq(sif_set_primary(fd, 4, 9, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ENOTFOUND);
	ck_assert_int_eq(sif_delete(fd, 3, 0, 9, &err), 0);
	ck_assert_int_eq(sif_open(fd, &s, &err), 0);
	ck_assert_str_eq(s.arch, "00");
	ck_assert_int_eq(sif_set_primary(fd, 2, 9, &err), 0); /* two were made one, and there is one again */
	ck_assert_int_eq(sif_open(fd, &s, &err), 0);
	ck_assert_str_eq(s.arch, sif_arch_host());
}
END_TEST

START_TEST(refused_to_add)
{
	cleanup_close int fd = new_sif();
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_object o = { .type = 0 };

	ck_assert_int_eq(add(fd, &o, "", 0, &err), -1);
	o.type = SIF_OCI_BLOB + 1;
	ck_assert_int_eq(add(fd, &o, "", 0, &err), -1);
	o.type = SIF_RAW;
	o.group = 0x10000000;
	ck_assert_int_eq(add(fd, &o, "", 0, &err), -1);
	o.group = 0;
	o.link = 0xf0000001;
	ck_assert_int_eq(add(fd, &o, "", 0, &err), -1);
	o.link = 0;
	memset(o.name, 'n', sizeof(o.name));
	ck_assert_int_eq(add(fd, &o, "", 0, &err), -1);
	o.name[0] = '\0';
	ck_assert_int_eq(add(fd, &o, "", SIF_ALIGN_MAX + 1, &err), -1);
	o = (struct sif_object){ .type = SIF_PARTITION, .fs = SIF_FS_SQUASHFS, .part = SIF_PART_PRIMARY };
	ck_assert_int_eq(add(fd, &o, "", 0, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EUSAGE);
	ck_assert_uint_eq(file_size(fd), 32176);
	o = (struct sif_object){ .type = SIF_RAW };
	for (uint32_t i = 0; i < SIF_SLOTS; i++)
		ck_assert_int_eq(add(fd, &o, "", 0, &err), 0);
	ck_assert_int_eq(add(fd, &o, "", 0, &err), -1);
	ck_assert_str_eq(err.text, "SIF has no room for another object: all 48 slots are taken");
}
END_TEST

START_TEST(a_source_that_fails_leaves_nothing)
{
	cleanup_close int fd = new_sif();
	struct bytes b = { "0123456789abcdef", 16, 4 };
	const struct source data = { .arg = &b, .read = read_bytes };
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_object o = { .type = SIF_RAW };

	ck_assert_int_eq(sif_add(fd, &o, &data, 0, 5, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ENET);
	ck_assert_uint_eq(o.id, 0);
	ck_assert_uint_eq(file_size(fd), 32176);
	ck_assert(!has(fd, 1));
}
END_TEST

START_TEST(zeroing_spares_others)
{
	cleanup_close int fd = made_sif(made, sif_arch_host(), &size);
	struct berth_err err = BERTH_ERR_INIT;

	poke64(fd, made_field(0, SIF_D_OFFSET), made[1].offset - MADE_NOTE_BYTES + 1);
	ck_assert_int_eq(sif_delete(fd, 1, SIF_ZERO, 9, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert(has(fd, 1));
	ck_assert_int_eq(sif_delete(fd, 1, 0, 9, &err), 0);
}
END_TEST

START_TEST(odd_tables_are_not_made_worse)
{
	cleanup_close int fd = made_sif(made, sif_arch_host(), &size);
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_object o = { .type = SIF_RAW };

	/* Object 2 calls itself 3: the slot whose number that is gets none. */
	poke32(fd, made_field(1, SIF_D_ID), 3);
	ck_assert_int_eq(add(fd, &o, "x", 0, &err), 0);
	ck_assert_uint_eq(o.id, 4);
	ck_assert_int_eq(sif_delete(fd, 3, 0, 9, &err), 0);
	ck_assert(!has(fd, 3) && has(fd, 1) && has(fd, 4));
	poke32(fd, made_field(3, SIF_D_ID), 1);
	ck_assert_int_eq(sif_delete(fd, 1, 0, 9, &err), -1);
	ck_assert_str_eq(err.text, "SIF has two objects with id 1");
	poke64(fd, SIF_H_DATA, size + 100000);
	ck_assert_int_eq(add(fd, &o, "x", 0, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	poke64(fd, SIF_H_DATA, 0); /* says that data begins in the header */
	ck_assert_int_eq(add(fd, &o, "x", 0, &err), 0);
	ck_assert_uint_ge(o.offset, 32176);
}
END_TEST

START_TEST(signers)
{
	static const struct {
		struct sif_object sig, o;
		bool signs;
	} rows[] = {
		{ { .type = SIF_SIGNATURE, .link = 1, .link_is_group = true }, { .id = 5, .group = 1 }, true },
		{ { .type = SIF_SIGNATURE, .link = 1, .link_is_group = true }, { .id = 1, .group = 2 }, false },
		{ { .type = SIF_SIGNATURE, .link = 1 }, { .id = 1, .group = 2 }, true },
		{ { .type = SIF_SIGNATURE, .link = 1 }, { .id = 2, .group = 1 }, false },
		{ { .type = SIF_SIGNATURE, .link = 0, .link_is_group = true }, { .id = 2, .group = 0 }, false },
		{ { .type = SIF_RAW, .link = 1 }, { .id = 1 }, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ck_assert_int_eq(sif_signs(&rows[i].sig, &rows[i].o), rows[i].signs);
}
END_TEST

START_TEST(one_editor_at_a_time)
{
	char path[] = "/tmp/check_sif_edit-XXXXXX";
	cleanup_close int fd = mkstemp(path), other = open(path, O_RDWR | O_CLOEXEC);
	struct berth_err err = BERTH_ERR_INIT;

	(void)unlink(path);
	ck_assert_int_eq(sif_lock(fd, false, &err), 1);
	ck_assert_int_eq(sif_lock(other, false, &err), 0);
	(void)close(take_fd(&fd));
	ck_assert_int_eq(sif_lock(other, true, &err), 1);
}
END_TEST

static int edit_add(int fd, struct berth_err *err)
{
	struct sif_object o = { .type = SIF_JSON, .name = "new" };

	return add(fd, &o, "these are 24 bytes of it", 4096, err);
}

static int edit_delete(int fd, struct berth_err *err)
{
	return sif_delete(fd, 1, SIF_ZERO | SIF_COMPACT, 9, err);
}

static int edit_delete_last(int fd, struct berth_err *err)
{
	return sif_delete(fd, 3, SIF_COMPACT, 9, err);
}

static int edit_primary(int fd, struct berth_err *err)
{
	return sif_set_primary(fd, 3, 9, err);
}

/* What is done to a file while somebody kills who does it. */
static const struct {
	const char *name;
	int (*run)(int fd, struct berth_err *err);
} edits[] = {
	{ "add", edit_add }, { "delete", edit_delete }, { "delete the last", edit_delete_last },
	{ "set primary", edit_primary },
};

/* The file must read, with what was not named as it was, and what was named there or not. */
static void check_whole(int fd, const char *edit, unsigned int at)
{
	struct berth_err err = BERTH_ERR_INIT;
	char got[MADE_ROOT_BYTES];
	struct sif_object root;
	struct sif s;

	ck_assert_msg(sif_open(fd, &s, &err) == 0, "%s, write %u: %s", edit, at, err.text);
	for (uint32_t i = 0; i < s.slots; i++) {
		struct sif_object o;
		int rc = sif_object_get(&s, i, &o, &err);

		ck_assert_msg(rc >= 0, "%s, write %u: %s", edit, at, err.text);
		if (rc == 0)
			continue;
		ck_assert_uint_le(o.size, sizeof(got));
		ck_assert_int_eq(fd_pread_full(fd, got, o.size, (off_t)o.offset), 0);
		ck_assert_uint_eq(o.id, i + 1);
		ck_assert_int_eq(o.type, i == 0 || i == 3 ? SIF_JSON : SIF_PARTITION);
		if (i == 3)
			ck_assert_mem_eq(got, "these are 24 bytes of it", 24);
		if (i == 1 || i == 2)
			ck_assert_mem_eq(got, "hsqs", 4);
	}
	if (sif_find_root(&s, &root, &err) < 0)
		ck_assert_msg(strcmp(edit, "set primary") == 0, "%s, write %u: %s", edit, at, err.text);
	else
		ck_assert(root.id == 2 || (root.id == 3 && strcmp(edit, "set primary") == 0));
}

START_TEST(killed_at_each_write)
{
	for (last_write = 1; last_write < 100; last_write++) {
		cleanup_close int fd = -1;
		struct sif_object part = { .type = SIF_PARTITION, .fs = SIF_FS_SQUASHFS, .part = SIF_PART_SYSTEM };
		struct berth_err err = BERTH_ERR_INIT;
		unsigned int at = last_write;
		int status;
		pid_t pid;

		last_write = 0;
		fd = made_sif(made, sif_arch_host(), &size);
		memcpy(part.arch, sif_arch_host(), 2);
		ck_assert_int_eq(add(fd, &part, "hsqs", 0, &err), 0);
		last_write = at;
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			writes = 0;
			_exit(edits[_i].run(fd, &err) == 0 ? 0 : 1);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 0));
		check_whole(fd, edits[_i].name, last_write);
		if (WEXITSTATUS(status) == 0) {
			ck_assert_uint_gt(last_write, 3);
			return;
		}
		/* The same once more, and it is done. */
		last_write = 0;
		if (_i != 1 && _i != 2)
			ck_assert_msg(edits[_i].run(fd, &err) == 0, "%s", err.text);
		else if (edits[_i].run(fd, &err) < 0)
			ck_assert_int_eq(err.code, BERTH_ENOTFOUND);
		last_write = at;
	}
	ck_abort_msg("no end of writes");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("sif_edit");

	tcase_add_test(tc, an_empty_one);
	tcase_add_test(tc, each_type_is_read_back);
	tcase_add_test(tc, digests_that_are_none);
	tcase_add_test(tc, places);
	tcase_add_test(tc, deleted);
	tcase_add_test(tc, primaries);
	tcase_add_test(tc, refused_to_add);
	tcase_add_test(tc, a_source_that_fails_leaves_nothing);
	tcase_add_test(tc, zeroing_spares_others);
	tcase_add_test(tc, odd_tables_are_not_made_worse);
	tcase_add_test(tc, signers);
	tcase_add_test(tc, one_editor_at_a_time);
	tcase_add_loop_test(tc, killed_at_each_write, 0, (int)ARRAY_SIZE(edits));
	return unit_run("sif_edit", tc);
}
