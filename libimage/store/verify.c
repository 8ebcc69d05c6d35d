/* SPDX-License-Identifier: BSD-3-Clause */
/* verify.c - is everything in a store what it is called? See store.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/store/store_i.h"

struct verifier {
	struct store *s;
	bool remove;
	void (*bad)(void *arg, const struct store_entry *e, const char *why);
	void *arg;
	uint64_t checked;
};

/* What is wrong with the file 'fd', as words in 'why'; none: "". Returns -1 and *err if it cannot be read. */
static int look(const struct entry_at *at, int fd, char *why, size_t size, struct berth_err *err)
{
	const struct store_meta *m = &at->e.meta;
	struct digest want = { 0 }, got;

	if (at->e.kind == STORE_BLOB) {
		if (digest_parse(at->e.name, &want, err) < 0)
			return -1;
	} else if (!m->source || !digest_is_set(&m->sum)) {
		(void)snprintf(why, size, "it has no description that can be read");
		return 0;
	} else if (m->bytes != at->e.bytes) {
		(void)snprintf(why, size, "it has %" PRIu64 " bytes and had %" PRIu64, at->e.bytes, m->bytes);
		return 0;
	} else {
		want = m->sum;
	}
	if (store_hash_whole(fd, want.text, &got, err) < 0)
		return -1;
	if (!digest_equal(&got, &want))
		(void)snprintf(why, size, "its digest is %.140s", got.text);
	return 0;
}

static int verify_one(void *arg, const struct entry_at *at, struct berth_err *err)
{
	struct berth_err why_not = BERTH_ERR_INIT;
	cleanup_close int dir_fd = -1, fd = -1;
	struct verifier *v = arg;
	char why[256] = "";
	struct stat st;
	int rc;

	if (at->e.kind != STORE_BLOB && at->e.kind != STORE_IMAGE)
		return 0;
	rc = place_dir(&v->s->own, at->below, 0, &dir_fd, err);
	if (rc > 0)
		rc = place_file(&v->s->own, dir_fd, at->file, &fd, &st, err);
	if (rc <= 0)
		return rc;
	v->checked++;
	/* One that cannot be read is damaged, and no reason not to look at the others. */
	if (look(at, fd, why, sizeof(why), &why_not) < 0)
		(void)snprintf(why, sizeof(why), "%.250s", why_not.text);
	if (why[0] == '\0')
		return 0;
	cleanup_close_fn(&fd); /* with our own lock */
	v->bad(v->arg, &at->e, why);
	if (!v->remove)
		return 0;
	return entry_remove(v->s, at, false, err) == REMOVAL_FAILED ? -1 : 0;
}

int store_verify(struct store *s, bool remove,
		 void (*bad)(void *arg, const struct store_entry *e, const char *why), void *arg,
		 uint64_t *ret_checked, struct berth_err *err)
{
	struct verifier v = { .s = s, .remove = remove, .bad = bad, .arg = arg };

	if (store_entries(s, verify_one, &v, err) < 0)
		return -1;
	*ret_checked = v.checked;
	return 0;
}
