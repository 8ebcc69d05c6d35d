/* SPDX-License-Identifier: BSD-3-Clause */
/* pin.c - what identifies an image; see pin.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/num.h"
#include "libimage/base/pin.h"
#include "libimage/base/str.h"

static const char *const kind_names[] = {
	[IMAGE_UNKNOWN] = "unknown",
	[IMAGE_DIR] = "dir",
	[IMAGE_SIF] = "sif",
	[IMAGE_SQUASHFS] = "squashfs",
};

static int sum_range(int fd, uint64_t off, uint64_t n, struct sha256 *sum, struct berth_err *err)
{
	uint8_t buf[4096];

	while (n > 0) {
		size_t part = n < sizeof(buf) ? (size_t)n : sizeof(buf);

		if (fd_pread_full(fd, buf, part, (off_t)off) < 0)
			return berth_fail(err, errno == ENODATA ? BERTH_EIMAGE : BERTH_ESYS, errno,
					  "cannot read the image's header");
		sha256_add(sum, buf, part);
		off += part;
		n -= part;
	}
	return 0;
}

/* What 'pin' is the sum of: a place in the file, and how much. */
struct part {
	uint64_t offset, size;
};

static int look_at_sif(const uint8_t *header, struct image_pin *pin, struct part *table,
		       struct berth_err *err)
{
	uint64_t slots = num_le64(header + 88), end;

	table->offset = num_le64(header + 96);
	if (memcmp(header + 42, "01", 3) != 0)
		return berth_fail(err, BERTH_EIMAGE, 0, "SIF version is not 01");
	if (slots == 0 || slots > SIF_DESC_MAX)
		return berth_fail(err, BERTH_EIMAGE, 0,
				  "SIF descriptor table has %" PRIu64 " slots (1 to %d are allowed)",
				  slots, SIF_DESC_MAX);
	table->size = slots * SIF_DESC_BYTES;
	if (table->offset < SIF_HEADER_BYTES || num_add_u64(table->offset, table->size, &end) < 0 ||
	    end > pin->size) {
		berth_fail(err, BERTH_EIMAGE, 0, "SIF file is cut short (its descriptor table lies "
						 "outside the file)");
		return berth_hint(err, "the file was probably not copied completely");
	}
	pin->kind = IMAGE_SIF;
	return 0;
}

static const char what_runs[] = "Berth runs SIF files, squashfs files and directories";

/* An ext2, ext3 or ext4 file system at 'at'. FORMAT: linux/fs/ext4/ext4.h, s_magic. */
static bool is_ext(int fd, off_t at)
{
	enum { MAGIC_AT = 1024 + 56, MAGIC = 0xef53 };
	uint8_t magic[2];

	return fd_pread_full(fd, magic, sizeof(magic), at + MAGIC_AT) == 0 && num_le16(magic) == MAGIC;
}

const char *image_ext_mend(int fd)
{
	return is_ext(fd, 0) || is_ext(fd, SQUASH_LAUNCH_BYTES) ? "berth build NEW.sif IMAGE" : NULL;
}

/* All of 'pin' but its sum; 'head' and 'part' are for that. */
static int look_at(int fd, struct image_pin *pin, uint8_t head[SIF_HEADER_BYTES], struct part *part,
		   struct berth_err *err)
{
	static const char launch[] = "#!/usr/bin/env run-singularity\n";
	struct stat st;

	if (fstat(fd, &st) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot stat the image");
	if (S_ISDIR(st.st_mode)) {
		pin->kind = IMAGE_DIR;
		return 0;
	}
	if (!S_ISREG(st.st_mode)) {
		berth_fail(err, BERTH_EIMAGE, 0, "neither a file nor a directory");
		return berth_hint(err, what_runs);
	}
	pin->size = (uint64_t)st.st_size;
	if (pin->size < SIF_HEADER_BYTES || fd_pread_full(fd, head, SIF_HEADER_BYTES, 0) < 0) {
		berth_fail(err, BERTH_EIMAGE, 0, "not an image (%" PRIu64 " bytes is too short)", pin->size);
		return berth_hint(err, what_runs);
	}
	if (memcmp(head + 32, "SIF_MAGIC", 10) == 0)
		return look_at_sif(head, pin, part, err);
	*part = (struct part){ .size = SQUASH_SUPER_BYTES };
	if (memcmp(head, launch, SQUASH_LAUNCH_BYTES) == 0)
		part->offset = SQUASH_LAUNCH_BYTES;
	if (memcmp(head + part->offset, "hsqs", 4) != 0) {
		const char *mend = image_ext_mend(fd);

		berth_fail(err, BERTH_EIMAGE, 0, mend ? "an ext3 image of Singularity 2.x, which is not run as it is"
						      : "neither SIF nor squashfs");
		return mend ? berth_hint(err, "convert it once: %s", mend) : berth_hint(err, what_runs);
	}
	pin->kind = IMAGE_SQUASHFS;
	return 0;
}

int image_kind_read(int fd, struct image_pin *ret, struct berth_err *err)
{
	struct image_pin pin = { .kind = IMAGE_UNKNOWN };
	uint8_t head[SIF_HEADER_BYTES];
	struct part part;

	if (look_at(fd, &pin, head, &part, err) < 0)
		return -1;
	*ret = pin;
	return 0;
}

int image_pin_read(int fd, struct image_pin *ret, struct berth_err *err)
{
	struct image_pin pin = { .kind = IMAGE_UNKNOWN };
	uint8_t head[SIF_HEADER_BYTES];
	struct sha256 sum;
	struct part part;

	if (look_at(fd, &pin, head, &part, err) < 0)
		return -1;
	if (pin.kind != IMAGE_DIR) {
		sha256_init(&sum);
		if (pin.kind == IMAGE_SIF)
			sha256_add(&sum, head, SIF_HEADER_BYTES);
		if (sum_range(fd, part.offset, part.size, &sum, err) < 0)
			return -1;
		sha256_end(&sum, pin.sum);
	}
	*ret = pin;
	return 0;
}

void image_pin_format(const struct image_pin *pin, char out[PIN_TEXT_MAX])
{
	char hex[SHA256_HEX + 1];

	if (pin->kind != IMAGE_SIF && pin->kind != IMAGE_SQUASHFS) {
		(void)snprintf(out, PIN_TEXT_MAX, "%s", kind_names[pin->kind]);
		return;
	}
	sha256_hex(pin->sum, hex);
	(void)snprintf(out, PIN_TEXT_MAX, "%s:%" PRIu64 ":%s", kind_names[pin->kind], pin->size, hex);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "SIZE:HEX" */
static int parse_sum(const char *text, struct image_pin *pin)
{
	const char *colon = strchr(text, ':');
	char size[24];

	if (!colon || (size_t)(colon - text) >= sizeof(size) || strlen(colon + 1) != SHA256_HEX)
		return -1;
	memcpy(size, text, (size_t)(colon - text));
	size[colon - text] = '\0';
	if (num_parse_u64(size, INT64_MAX, &pin->size) < 0)
		return -1;
	for (int i = 0; i < SHA256_BYTES; i++) {
		int hi = hex_digit(colon[1 + 2 * i]), lo = hex_digit(colon[2 + 2 * i]);

		if (hi < 0 || lo < 0)
			return -1;
		pin->sum[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

int image_pin_parse(const char *text, struct image_pin *ret, struct berth_err *err)
{
	struct image_pin pin = { .kind = IMAGE_UNKNOWN };
	const char *rest;

	if (strcmp(text, "dir") == 0) {
		pin.kind = IMAGE_DIR;
	} else if ((rest = str_after(text, "sif:")) && parse_sum(rest, &pin) == 0) {
		pin.kind = IMAGE_SIF;
	} else if ((rest = str_after(text, "squashfs:")) && parse_sum(rest, &pin) == 0) {
		pin.kind = IMAGE_SQUASHFS;
	} else {
		return berth_fail(err, BERTH_EUSAGE, 0, "the image's pin is malformed");
	}
	*ret = pin;
	return 0;
}

int image_pin_check(const struct image_pin *pinned, const struct image_pin *now, const char *path,
		    struct berth_err *err)
{
	if (pinned->kind == IMAGE_UNKNOWN)
		return 0;
	if (pinned->kind == now->kind && pinned->size == now->size &&
	    memcmp(pinned->sum, now->sum, SHA256_BYTES) == 0)
		return 0;
	berth_fail(err, BERTH_EIMAGE, 0, "image '%s' is not the one that was submitted", path);
	return berth_hint(err, "it was replaced or rebuilt after the job was submitted, or this "
			       "node sees another file at that path; submit again");
}
