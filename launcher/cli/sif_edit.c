/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sif_edit.c - berth sif new, add, del, setprim: see cmd_sif.h.
 *
 * Who changes a signed file is told what no longer verifies, for the signatures stay where they are.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "launcher/cli/cmd_sif.h"
#include "launcher/cli/epoch.h"
#include "launcher/cli/sif_show.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/log.h"
#include "libimage/base/num.h"
#include "libimage/base/output.h"
#include "libimage/base/source.h"
#include "libimage/sif/edit.h"

int sif_when(int64_t *ret, struct berth_err *err)
{
	if (epoch_read(ret, err) < 0)
		return -1;
	if (*ret < 0)
		*ret = (int64_t)time(NULL);
	return 0;
}

/* Was the name given to another file while we waited for the lock? Then that one is meant. */
static bool is_still(const char *path, int fd)
{
	struct stat by_name, by_fd;

	return stat(path, &by_name) == 0 && fstat(fd, &by_fd) == 0 && by_name.st_dev == by_fd.st_dev &&
	       by_name.st_ino == by_fd.st_ino;
}

int sif_edit_open(const char *path, struct berth_err *err)
{
	cleanup_close int fd = fd_open_user(path, O_RDWR | O_NONBLOCK | O_NOCTTY);
	struct sif s;
	int rc;

	if (fd < 0) {
		enum berth_code code = errno == ENOENT || errno == ENOTDIR ? BERTH_ENOTFOUND : BERTH_EDENIED;

		berth_fail(err, code, errno, "cannot open '%s'", path);
		return berth_hint(err, code == BERTH_ENOTFOUND ? "check the path"
							       : "you must be able to write to it");
	}
	/* Before it is waited for: is it one at all? */
	if (sif_open(fd, &s, err) < 0)
		return berth_context(err, "'%s'", path);
	rc = sif_lock(fd, false, err);
	if (rc == 0) {
		log_line(LOG_NOTE, "waiting for another process that works on '%s'", path);
		rc = sif_lock(fd, true, err);
	}
	if (rc < 0)
		return berth_context(err, "'%s'", path);
	if (!is_still(path, fd)) {
		berth_fail(err, BERTH_EDENIED, 0, "'%s' was replaced by another file meanwhile", path);
		return berth_hint(err, "try again");
	}
	return take_fd(&fd);
}

/* What signatures there are of 'o', as it was or will be. */
struct signers {
	uint32_t any, of_group, of_object;
};

static int count_signers(int fd, const struct sif_object *o, struct signers *ret, struct berth_err *err)
{
	struct sif s;

	*ret = (struct signers){ 0 };
	if (sif_open(fd, &s, err) < 0)
		return -1;
	for (uint32_t i = 0; i < s.slots; i++) {
		struct sif_object sig;
		int rc = sif_object_get(&s, i, &sig, err);

		if (rc < 0)
			return -1;
		if (rc == 0 || sig.type != SIF_SIGNATURE)
			continue;
		ret->any++;
		ret->of_group += sif_signs(&sig, o) && sig.link_is_group;
		ret->of_object += sif_signs(&sig, o) && !sig.link_is_group;
	}
	return 0;
}

/* A signed object is gone or another. */
static void say_broken(const struct signers *n, const struct sif_object *o)
{
	if (n->of_group > 0)
		log_line(LOG_WARN, "group %" PRIu32 " is signed: its signatures no longer verify", o->group);
	if (n->of_object > 0)
		log_line(LOG_WARN, "object %" PRIu32 " is signed: its signatures no longer verify", o->id);
}

/* Something was added to a signed file. */
static void say_added(const struct signers *n, const struct sif_object *o)
{
	if (o->type == SIF_SIGNATURE || n->any == 0)
		return;
	if (n->of_group > 0)
		say_broken(n, o);
	else if (o->group == 0)
		log_line(LOG_WARN, "the file is signed, and object %" PRIu32 " is in no group: 'verify' refuses "
				   "such files; delete it and add it with --groupid", o->id);
	else
		log_line(LOG_WARN, "the file is signed, and group %" PRIu32 " is not: 'verify' accepts the "
				   "others one by one only, with --group-id", o->group);
}

/* A random number of form 4; with SOURCE_DATE_EPOCH none, so that the same input gives the same bytes. */
static int make_uuid(uint8_t out[16], struct berth_err *err)
{
	int64_t epoch;

	if (epoch_read(&epoch, err) < 0)
		return -1;
	memset(out, 0, 16);
	if (epoch >= 0)
		return 0;
	if (getrandom(out, 16, 0) != 16)
		return berth_fail(err, BERTH_ESYS, errno, "cannot get random numbers");
	out[6] = (uint8_t)((out[6] & 0x0f) | 0x40);
	out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
	return 0;
}

int sif_cmd_new(const struct sif_wish *w, struct berth_err *err)
{
	cleanup(output_close) struct output out = OUTPUT_INIT;
	uint8_t uuid[16];
	int64_t when;

	if (sif_when(&when, err) < 0 || make_uuid(uuid, err) < 0 ||
	    output_open(&out, w->word[0], 0755, w->force, err) < 0)
		return -1;
	if (sif_create(out.fd, uuid, when, err) < 0)
		return berth_context(err, "'%s'", w->word[0]);
	return output_publish(&out, w->force, err);
}

static ssize_t read_file(void *arg, void *buf, size_t n, struct berth_err *err)
{
	ssize_t got = fd_read_full(*(const int *)arg, buf, n);

	return got >= 0 ? got : berth_fail(err, BERTH_ESYS, errno, "cannot read what is to be added");
}

int sif_cmd_add(const struct sif_wish *w, struct berth_err *err)
{
	cleanup_close int from = -1, fd = -1;
	const struct source data = { .arg = &from, .read = read_file };
	struct sif_object o = w->o;
	struct signers n;
	struct stat st, to;
	int64_t when;

	from = fd_open_user(w->word[1], O_RDONLY | O_NOCTTY);
	if (from < 0)
		return berth_fail(err, errno == ENOENT ? BERTH_ENOTFOUND : BERTH_EDENIED, errno, "cannot open '%s'",
				  w->word[1]);
	if (fstat(from, &st) < 0 || S_ISDIR(st.st_mode))
		return berth_fail(err, BERTH_EUSAGE, 0, "'%s' is no file", w->word[1]);
	fd = sif_edit_open(w->word[0], err);
	if (fd < 0 || sif_when(&when, err) < 0)
		return -1;
	/* It would be read for as long as it grows. */
	if (fstat(fd, &to) == 0 && to.st_dev == st.st_dev && to.st_ino == st.st_ino)
		return berth_fail(err, BERTH_EUSAGE, 0, "'%s' is the file itself", w->word[1]);
	if (count_signers(fd, &o, &n, err) < 0 || sif_add(fd, &o, &data, w->align, when, err) < 0)
		return berth_context(err, "'%s'", w->word[0]);
	say_added(&n, &o);
	return 0;
}

/* del and setprim: the file, and what their object is now. */
static int open_object(const struct sif_wish *w, struct sif_object *o, struct signers *n, int64_t *when,
		       struct berth_err *err)
{
	cleanup_close int fd = -1;
	uint32_t id;
	struct sif s;

	if (sif_id(w->word[0], &id, err) < 0 || sif_when(when, err) < 0)
		return -1;
	fd = sif_edit_open(w->word[1], err);
	if (fd < 0)
		return -1;
	if (sif_open(fd, &s, err) < 0 || sif_object_find(&s, id, o, NULL, err) < 0 ||
	    count_signers(fd, o, n, err) < 0)
		return berth_context(err, "'%s'", w->word[1]);
	return take_fd(&fd);
}

int sif_cmd_del(const struct sif_wish *w, struct berth_err *err)
{
	struct sif_object o;
	struct signers n;
	int64_t when;
	cleanup_close int fd = open_object(w, &o, &n, &when, err);

	if (fd < 0)
		return -1;
	if (sif_delete(fd, o.id, (w->zero ? SIF_ZERO : 0U) | (w->compact ? SIF_COMPACT : 0U), when, err) < 0)
		return berth_context(err, "'%s'", w->word[1]);
	say_broken(&n, &o);
	return 0;
}

int sif_cmd_setprim(const struct sif_wish *w, struct berth_err *err)
{
	struct sif_object o;
	struct signers n;
	int64_t when;
	cleanup_close int fd = open_object(w, &o, &n, &when, err);

	if (fd < 0)
		return -1;
	if (sif_set_primary(fd, o.id, when, err) < 0)
		return berth_context(err, "'%s'", w->word[1]);
	if (o.part != SIF_PART_PRIMARY && n.any > 0)
		log_line(LOG_WARN, "the file is signed: signatures of the two partitions no longer verify");
	return 0;
}
