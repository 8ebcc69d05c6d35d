/* SPDX-License-Identifier: BSD-3-Clause */
/* stats.c - berth-imgfs --stats FD: ask the server behind an open file or directory what it counts. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/log.h"
#include "libimage/base/num.h"
#include "libimage/imgfs/imgfs.h"

static const struct {
	const char *name;
	size_t offset;
} fields[] = {
#define FIELD(f) { #f, offsetof(struct imgfs_stats, f) }
	FIELD(requests), FIELD(forgets), FIELD(read_bytes), FIELD(raw_bytes), FIELD(image_reads),
	FIELD(image_bytes), FIELD(unpacked), FIELD(cache_hits), FIELD(cache_misses), FIELD(lock_takes),
	FIELD(lock_waits), FIELD(load_waits), FIELD(damages), FIELD(workers), FIELD(sources),
#undef FIELD
};

/* Of the operations that a read-only image is asked; others are shown by their number. */
static const char *const op_names[64] = {
	[FUSE_LOOKUP] = "lookup", [FUSE_FORGET] = "forget", [FUSE_GETATTR] = "getattr",
	[FUSE_READLINK] = "readlink", [FUSE_OPEN] = "open", [FUSE_READ] = "read", [FUSE_STATFS] = "statfs",
	[FUSE_GETXATTR] = "getxattr", [FUSE_LISTXATTR] = "listxattr", [FUSE_FLUSH] = "flush",
	[FUSE_INIT] = "init", [FUSE_OPENDIR] = "opendir", [FUSE_READDIR] = "readdir",
	[FUSE_ACCESS] = "access", [FUSE_INTERRUPT] = "interrupt", [FUSE_IOCTL] = "ioctl",
	[FUSE_POLL] = "poll", [FUSE_BATCH_FORGET] = "batch_forget", [FUSE_READDIRPLUS] = "readdirplus",
	[FUSE_LSEEK] = "lseek", [52] = "statx", [63] = "other",
};

static int print(const struct imgfs_stats *s)
{
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		rc |= printf("%s %" PRIu64 "\n", fields[i].name,
			     *(const uint64_t *)(const void *)((const char *)s + fields[i].offset)) < 0;
	for (size_t i = 0; i < ARRAY_SIZE(op_names); i++) {
		if (s->op[i] == 0)
			continue;
		if (op_names[i])
			rc |= printf("op_%s %" PRIu64 "\n", op_names[i], s->op[i]) < 0;
		else
			rc |= printf("op_%zu %" PRIu64 "\n", i, s->op[i]) < 0;
	}
	return rc != 0 || fflush(stdout) != 0;
}

int stats_print(const char *fd_text)
{
	struct imgfs_stats s;
	uint64_t fd;

	if (num_parse_u64(fd_text, INT32_MAX, &fd) < 0) {
		log_line(LOG_ERROR, "'%s' is not a descriptor", fd_text);
		return 2;
	}
	if (ioctl((int)fd, IMGFS_IOC_STATS, &s) == 0)
		return print(&s);
	log_line(LOG_ERROR, "descriptor %s tells no statistics: %s", fd_text, strerror(errno));
	if (errno == ENOTTY || errno == EBADF)
		log_line(LOG_NOTE, "open a file or directory of the image for reading, as in: berth-imgfs --stats 9 9</");
	return 1;
}
