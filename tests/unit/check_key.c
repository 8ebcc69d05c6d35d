/* SPDX-License-Identifier: BSD-3-Clause */
/* check_key.c - what makes two rooms one, and what two. */
#include "config.h"

#include <string.h>

#include "launcher/view/key.h"
#include "launcher/view/options.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "tests/unit/unit.h"

/* All that can differ. */
struct room {
	struct room_spec spec;
	struct site site;
	gid_t groups[3];
	struct key_parts parts;
};

static char image[] = "/images/a.sif", other_image[] = "/images/b.sif", home[] = "/home/ann",
	    cwd[] = "/data/run", below_home[] = "/home/ann/run", user[] = "ann", group[] = "staff";

static void room_make(struct room *r)
{
	*r = (struct room){
		.spec = { .image = image, .uid = 2001, .gid = 2002, .user = user, .group = group, .home = home },
		.groups = { 2002, 30, 40 },
		.parts = {
			.ngroups = 3,
			.image = { 1, 2, 3, 4, 5 }, .build = { 6, 7, 8, 9, 10 },
			.ns = { 11, 12, 13 }, .job = "A=1\0B=2", .job_len = 8,
		},
	};
	r->parts.groups = r->groups;
}

static void key_of(struct room *r, uint8_t out[SHA256_BYTES])
{
	cleanup(plan_done) struct plan plan = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(plan_make(&r->spec, &r->site, NULL, &plan, &err) == 0, "%s", err.text);
	ck_assert_msg(key_make(&r->parts, &r->spec, &plan, out, &err) == 0, "%s", err.text);
}

static void add_bind(struct room *r, const char *text)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(bind_parse(text, &r->spec.binds, &err), 0);
}

static void image_name(struct room *r) { r->spec.image = other_image; }
static void env(struct room *r) { strlist_add(&r->spec.env, "RANK=3"); }
static void pwd(struct room *r) { r->spec.pwd = cwd; }
static void cwd_shown(struct room *r) { r->spec.cwd = below_home; }
static void verbose(struct room *r) { r->spec.verbose = true; }
static void quiet(struct room *r) { r->spec.quiet = true; }
static void share(struct room *r) { r->spec.share = SHARE_ALWAYS; }

static void uid(struct room *r) { r->spec.uid++; }
static void gid(struct room *r) { r->spec.gid++; }
static void no_user(struct room *r) { r->spec.user = NULL; }
static void no_home(struct room *r) { r->spec.home = NULL; }
static void cwd_bound(struct room *r) { r->spec.cwd = cwd; }
static void bind(struct room *r) { add_bind(r, "/data"); }
static void bind_there(struct room *r) { add_bind(r, "/data:/x"); }
static void bind_ro(struct room *r) { add_bind(r, "/data:/data:ro"); }
static void site_bind(struct room *r)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(bind_parse("/apps", &r->site.binds, &err), 0);
}
static void writable(struct room *r) { r->spec.writable = true; }
static void tmpfs(struct room *r) { r->spec.writable_tmpfs = true; }
static void tmpfs_size(struct room *r) { r->spec.tmpfs_bytes = 4096; }
static void userns(struct room *r) { r->spec.userns = true; }
static void overlay(struct room *r)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(option_by_name("overlay")->set(&r->spec, "/o", &err), 0);
}
static void overlay_ro(struct room *r)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(option_by_name("overlay")->set(&r->spec, "/o:ro", &err), 0);
}
static void keep_privs(struct room *r) { r->spec.rights.keep = true; }
static void add_cap(struct room *r) { r->spec.rights.add = 4; }
static void other_cap(struct room *r) { r->spec.rights.add = 8; }
static void drop_cap(struct room *r) { r->spec.rights.drop = 4; }
static void as_zero(struct room *r) { r->spec.rights.has_uid = true; }
static void as_one(struct room *r) { r->spec.rights.has_uid = true; r->spec.rights.uid = 1; }
static void with_group(struct room *r)
{
	r->spec.rights.has_gid = true;
	r->spec.rights.groups[0] = r->spec.rights.gid = 1;
	r->spec.rights.ngroups = 1;
}
static void with_groups(struct room *r)
{
	with_group(r);
	r->spec.rights.ngroups = 2;
}
static void one_group_less(struct room *r) { r->parts.ngroups--; }
static void other_group(struct room *r) { r->groups[1]++; }
static void image_dev(struct room *r) { r->parts.image.dev++; }
static void image_ino(struct room *r) { r->parts.image.ino++; }
static void image_size(struct room *r) { r->parts.image.size++; }
static void image_mtime(struct room *r) { r->parts.image.mtime_s++; }
static void image_mtime_ns(struct room *r) { r->parts.image.mtime_ns++; }
static void build_dev(struct room *r) { r->parts.build.dev++; }
static void build_ino(struct room *r) { r->parts.build.ino++; }
static void build_mtime(struct room *r) { r->parts.build.mtime_ns++; }
static void user_ns(struct room *r) { r->parts.ns[0]++; }
static void mnt_ns(struct room *r) { r->parts.ns[1]++; }
static void pid_ns(struct room *r) { r->parts.ns[2]++; }
static void ns_order(struct room *r) { r->parts.ns[0] = 12; r->parts.ns[1] = 11; }
static void other_job(struct room *r) { r->parts.job = "A=1\0B=3"; }
static void shorter_job(struct room *r) { r->parts.job_len--; }
static void no_job(struct room *r) { r->parts.job = NULL; r->parts.job_len = 0; }
static void swapped(struct room *r)
{
	struct key_file f = r->parts.image;

	r->parts.image = r->parts.build;
	r->parts.build = f;
}

static void (*const same[])(struct room *r) = {
	image_name, env, pwd, cwd_shown, verbose, quiet, share,
};

static void (*const different[])(struct room *r) = {
	uid, gid, no_user, no_home, cwd_bound, bind, bind_there, bind_ro, site_bind, one_group_less, other_group,
	image_dev, image_ino, image_size, image_mtime, image_mtime_ns, build_dev, build_ino, build_mtime,
	writable, tmpfs, tmpfs_size, userns, overlay, overlay_ro, keep_privs, add_cap, other_cap, drop_cap,
	as_zero, as_one, with_group, with_groups, user_ns, mnt_ns, pid_ns, ns_order, other_job, shorter_job, no_job, swapped,
};

static void room_free(struct room *r)
{
	bind_list_done(&r->spec.binds);
	bind_list_done(&r->site.binds);
	strlist_done(&r->spec.env);
	overlay_list_done(&r->spec.overlays);
}

START_TEST(one_room)
{
	uint8_t a[SHA256_BYTES], b[SHA256_BYTES];
	struct room r;

	room_make(&r);
	key_of(&r, a);
	same[_i](&r);
	key_of(&r, b);
	ck_assert_mem_eq(a, b, sizeof(a));
	room_free(&r);
}
END_TEST

/* Each differs from the plain one, and from every other that differs. */
START_TEST(two_rooms)
{
	uint8_t keys[ARRAY_SIZE(different) + 1][SHA256_BYTES];
	struct room r;

	for (size_t i = 0; i <= ARRAY_SIZE(different); i++) {
		room_make(&r);
		if (i > 0)
			different[i - 1](&r);
		key_of(&r, keys[i]);
		room_free(&r);
		for (size_t j = 0; j < i; j++)
			ck_assert_msg(memcmp(keys[i], keys[j], SHA256_BYTES) != 0, "rows %zu and %zu", j, i);
	}
}
END_TEST

static void pid(struct room *r) { r->spec.pid = true; }
static void ipc(struct room *r) { r->spec.ipc = true; }
static void uts(struct room *r) { r->spec.uts = true; }
static void net(struct room *r) { r->spec.net = true; }
static void fakeroot(struct room *r) { r->spec.fakeroot = true; }

static const struct {
	void (*make)(struct room *r);
	const char *want;
} private[] = {
	{ pid, "--pid" }, { ipc, "--ipc" }, { uts, "--uts" }, { net, "--net" }, { fakeroot, "--fakeroot" },
	{ writable, NULL }, { overlay, NULL }, { userns, NULL }, { share, NULL },
};

START_TEST(not_shared)
{
	struct room r;

	room_make(&r);
	ck_assert_ptr_null(key_private(&r.spec));
	private[_i].make(&r);
	ck_assert_pstr_eq(key_private(&r.spec), private[_i].want);
	room_free(&r);
}
END_TEST

/* What is no request has no key. */
START_TEST(no_key)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct plan plan = { 0 };
	uint8_t key[SHA256_BYTES];
	char relative[] = "home";
	struct room r;

	room_make(&r);
	r.spec.home = relative;
	ck_assert_int_eq(key_make(&r.parts, &r.spec, &plan, key, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EBUG);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("key");

	tcase_add_loop_test(c, one_room, 0, ARRAY_SIZE(same));
	tcase_add_test(c, two_rooms);
	tcase_add_loop_test(c, not_shared, 0, ARRAY_SIZE(private));
	tcase_add_test(c, no_key);
	return unit_run("key", c);
}
