/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_sif.c - any bytes as a SIF file: what is found must lie in the file, and what is changed must
 * read afterwards. The first bytes, where a launch line may be anything, say what is changed.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/source.h"
#include "libimage/sif/edit.h"
#include "libimage/sif/sif.h"
#include "tests/fuzz/memfd.h"

static const char text[] = "what is added";

static void must(int ok)
{
	if (!ok)
		abort();
}

static void must_refuse(const struct berth_err *err)
{
	must(err->text[0] != '\0');
	must(err->code == BERTH_EIMAGE || err->code == BERTH_EUSAGE || err->code == BERTH_ENOTFOUND);
}

static void read_all(int fd, size_t n)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_object o;
	struct sif s;

	if (sif_open(fd, &s, &err) < 0) {
		must(err.code == BERTH_EIMAGE);
		return;
	}
	must(s.used <= s.slots);
	for (uint32_t i = 0; i < s.slots; i++) {
		int rc = sif_object_get(&s, i, &o, &err);

		must(rc >= 0 || err.code == BERTH_EIMAGE);
		must(rc <= 0 || (o.offset <= n && o.size <= n - o.offset && o.id != 0));
		must(rc <= 0 || o.digest[0] == '\0' || strlen(o.digest) == SIF_DIGEST_MAX - 1);
	}
	if (sif_find_root(&s, &o, &err) == 0)
		must(o.size > 0 && o.offset >= 128 && o.offset < n && o.size <= n - o.offset &&
		     o.fs == SIF_FS_SQUASHFS);
	else
		must(err.code == BERTH_EIMAGE && err.text[0] != '\0');
}

static ssize_t read_text(void *arg, void *buf, size_t n, struct berth_err *err)
{
	size_t *left = arg, take = *left < n ? *left : n;

	(void)err;
	memcpy(buf, text + sizeof(text) - *left, take);
	*left -= take;
	return (ssize_t)take;
}

/* Returns the id of the object that was added; 0: none. */
static uint32_t add(int fd, const uint8_t *how, struct berth_err *err)
{
	size_t left = sizeof(text);
	const struct source data = { .arg = &left, .read = read_text };
	struct sif_object o = {
		.type = SIF_DEFFILE + how[1] % 12, .group = how[2] % 4U, .link = how[3] % 4U,
		.part = how[2] % 5, .fs = 1, .arch = "02",
	};

	return sif_add(fd, &o, &data, how[4], 7, err) == 0 ? o.id : 0;
}

static void change(int fd, const uint8_t *how)
{
	struct berth_err err = BERTH_ERR_INIT;
	char got[sizeof(text)];
	struct sif_object o;
	uint32_t id = how[1];
	struct sif s;

	switch (how[0] % 3) {
	case 0:
		id = add(fd, how, &err);
		if (id == 0) {
			must_refuse(&err);
			return;
		}
		must(sif_open(fd, &s, &err) == 0 && sif_object_find(&s, id, &o, NULL, &err) == 0);
		must(o.size == sizeof(text) && fd_pread_full(fd, got, sizeof(got), (off_t)o.offset) == 0 &&
		     memcmp(got, text, sizeof(text)) == 0);
		break;
	case 1:
		if (sif_delete(fd, id, how[2] % 4, 7, &err) < 0) {
			must_refuse(&err);
			return;
		}
		must(sif_open(fd, &s, &err) == 0 && sif_object_find(&s, id, &o, NULL, &err) < 0);
		break;
	default:
		if (sif_set_primary(fd, id, 7, &err) < 0) {
			must_refuse(&err);
			return;
		}
		must(sif_open(fd, &s, &err) == 0 && sif_object_find(&s, id, &o, NULL, &err) == 0 &&
		     o.part == SIF_PART_PRIMARY);
		break;
	}
	must(sif_open(fd, &s, &err) == 0 && s.used <= s.slots && s.said_free == s.slots - s.used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int fd = fuzz_file(data, n);

	read_all(fd, n);
	if (n > 5)
		change(fd, data);
	/* The file is used again, and taken to be as long as it was. */
	must(ftruncate(fd, (off_t)n) == 0);
	return 0;
}
