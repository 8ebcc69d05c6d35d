/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * squash_tar.h - tar archives by hand, for programs that make a squashfs of one: any owner, device
 * and attribute, without being root and whatever the file system here can keep.
 */
#ifndef BERTH_TESTS_SQUASH_TAR_H
#define BERTH_TESTS_SQUASH_TAR_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { TAR_BLOCK = 512 };

/* What of an entry is not said with its name. 'pax': records that tar_record() made. */
struct tar_entry {
	char type; /* '0' file, '1' hard link, '2' symbolic link, '3' '4' device, '5' directory, '6' fifo */
	unsigned int mode, uid, gid, major, minor;
	const char *target;
	const char *data;
	size_t size;
	const char *pax;
	size_t pax_size;
};

static inline void tar_pad(FILE *f, size_t n)
{
	static const char zeros[TAR_BLOCK];

	if (n % TAR_BLOCK)
		(void)fwrite(zeros, 1, TAR_BLOCK - n % TAR_BLOCK, f);
}

static inline void tar_head(FILE *f, const char *name, const struct tar_entry *e)
{
	char h[TAR_BLOCK] = { 0 };
	unsigned int sum = 0;

	(void)snprintf(h, 100, "%s", name);
	(void)snprintf(h + 100, 8, "%07o", e->mode);
	(void)snprintf(h + 108, 8, "%07o", e->uid);
	(void)snprintf(h + 116, 8, "%07o", e->gid);
	(void)snprintf(h + 124, 12, "%011o", (unsigned int)e->size);
	(void)snprintf(h + 136, 12, "%011o", 1000000000u);
	h[156] = e->type;
	(void)snprintf(h + 157, 100, "%s", e->target ? e->target : "");
	memcpy(h + 257, "ustar\00000", 8);
	(void)snprintf(h + 329, 8, "%07o", e->major);
	(void)snprintf(h + 337, 8, "%07o", e->minor);
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (unsigned char)h[i];
	(void)snprintf(h + 148, 8, "%06o", sum);
	(void)fwrite(h, 1, sizeof(h), f);
}

/* Append "LENGTH KEY=VALUE\n" to 'buf', which has 'used' bytes; returns how many it has then. */
static inline size_t tar_record(char *buf, size_t used, const char *key, const void *value, size_t n)
{
	size_t rest = strlen(key) + n + 3, len = rest + 1, digits = 1;

	for (size_t ten = 10; len >= ten; ten *= 10)
		len = rest + ++digits;
	used += (size_t)sprintf(buf + used, "%zu %s=", len, key);
	memcpy(buf + used, value, n);
	buf[used + n] = '\n';
	return used + n + 1;
}

static inline void tar_add(FILE *f, const char *name, struct tar_entry e)
{
	char path[8192];
	size_t n = 0;

	if (strlen(name) >= 100)
		n = tar_record(path, n, "path", name, strlen(name));
	if (e.target && strlen(e.target) >= 100)
		n = tar_record(path, n, "linkpath", e.target, strlen(e.target));
	if (n + e.pax_size > 0) {
		tar_head(f, "pax", &(struct tar_entry){ .type = 'x', .mode = 0644, .size = n + e.pax_size });
		(void)fwrite(path, 1, n, f);
		if (e.pax_size > 0)
			(void)fwrite(e.pax, 1, e.pax_size, f);
		tar_pad(f, n + e.pax_size);
	}
	tar_head(f, name, &e);
	if (e.type == '0' && e.size > 0) {
		(void)fwrite(e.data, 1, e.size, f);
		tar_pad(f, e.size);
	}
}

static inline void tar_end(FILE *f)
{
	static const char zeros[2 * TAR_BLOCK];

	(void)fwrite(zeros, 1, sizeof(zeros), f);
}

#endif
