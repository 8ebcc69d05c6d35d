/* SPDX-License-Identifier: BSD-3-Clause */
/* key.c - the digest of all that makes a room; see key.h. */
#include "config.h"

#include <string.h>

#include "launcher/view/key.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/num.h"

static void add_number(struct sha256 *s, uint64_t n)
{
	uint8_t bytes[8];

	num_put_le64(bytes, n);
	sha256_add(s, bytes, sizeof(bytes));
}

/* With its length before it: where one field ends and the next begins is part of the sum. */
static void add_bytes(struct sha256 *s, const void *bytes, size_t n)
{
	add_number(s, n);
	if (n > 0)
		sha256_add(s, bytes, n);
}

static void add_text(struct sha256 *s, const char *text)
{
	add_bytes(s, text ? text : "", text ? strlen(text) + 1 : 0);
}

static void add_file(struct sha256 *s, const struct key_file *f)
{
	add_number(s, f->dev);
	add_number(s, f->ino);
	add_number(s, f->size);
	add_number(s, f->mtime_s);
	add_number(s, f->mtime_ns);
}

/* What was asked for, less what a process does for itself. */
static int add_spec(struct sha256 *s, const struct room_spec *spec, struct berth_err *err)
{
	static char root[] = "/";
	cleanup(strbuf_done) struct strbuf packed = STRBUF_INIT;
	struct room_spec view = *spec; /* a loan: it owns nothing and is not freed */

	view.image = root;
	view.cwd = view.pwd = NULL; /* where 'cwd' is bound, the plan has it */
	view.env = (struct strlist)STRLIST_INIT;
	view.verbose = view.quiet = false;
	if (room_spec_pack(&view, &packed, err) < 0)
		return -1;
	add_bytes(s, packed.text, packed.len);
	return 0;
}

/* What the options of a command line alone say, which is not packed. */
static void add_layers(struct sha256 *s, const struct room_spec *spec)
{
	add_number(s, spec->overlays.n);
	for (size_t i = 0; i < spec->overlays.n; i++) {
		add_text(s, spec->overlays.v[i].path);
		add_number(s, spec->overlays.v[i].readonly);
	}
	add_number(s, spec->writable);
	add_number(s, spec->writable_tmpfs);
	add_number(s, spec->tmpfs_bytes);
	add_number(s, spec->userns);
}

/* Whose processes may what: with others' rights in the same room each could use the other's. */
static void add_rights(struct sha256 *s, const struct rights *r)
{
	add_number(s, r->keep);
	add_number(s, r->add);
	add_number(s, r->drop);
	add_number(s, r->has_uid ? r->uid + (uint64_t)1 : 0);
	add_number(s, r->has_gid ? r->ngroups : 0);
	for (size_t i = 0; r->has_gid && i < r->ngroups; i++)
		add_number(s, r->groups[i]);
}

static void add_plan(struct sha256 *s, const struct plan *plan)
{
	add_number(s, plan->n);
	for (size_t i = 0; i < plan->n; i++) {
		add_number(s, plan->v[i].kind);
		add_number(s, plan->v[i].flags);
		add_text(s, plan->v[i].source);
		add_text(s, plan->v[i].target);
	}
}

const char *key_private(const struct room_spec *spec)
{
	const struct {
		bool set;
		const char *name;
	} own[] = {
		{ spec->pid, "--pid" },	  { spec->ipc, "--ipc" }, { spec->uts, "--uts" },
		{ spec->net, "--net" }, { spec->fakeroot, "--fakeroot" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (own[i].set)
			return own[i].name;
	return NULL;
}

int key_make(const struct key_parts *parts, const struct room_spec *spec, const struct plan *plan,
	     uint8_t ret[SHA256_BYTES], struct berth_err *err)
{
	struct sha256 s;

	sha256_init(&s);
	add_number(&s, parts->ngroups);
	for (size_t i = 0; i < parts->ngroups; i++)
		add_number(&s, parts->groups[i]);
	add_file(&s, &parts->image);
	add_file(&s, &parts->build);
	for (size_t i = 0; i < KEY_NAMESPACES; i++)
		add_number(&s, parts->ns[i]);
	add_bytes(&s, parts->job, parts->job_len);
	if (add_spec(&s, spec, err) < 0)
		return -1;
	add_layers(&s, spec);
	add_rights(&s, &spec->rights);
	add_plan(&s, plan);
	sha256_end(&s, ret);
	return 0;
}
