/* SPDX-License-Identifier: BSD-3-Clause */
/* check_plan.c - the default view, mount by mount and in order. */
#include "config.h"

#include <string.h>

#include "launcher/view/options.h"
#include "launcher/view/plan.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "tests/unit/unit.h"

/* A plan as text: "SRC>TARGET", or only the path where they are the same; p proc, d devices,
 * o optional, r read-only, m made, P public; "passwd(LINE)"; "!NODE", "{NAME}>TARGET" for an empty
 * one, "<TARGET>" for a new file system. */
static void show(const struct plan *p, struct strbuf *out)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_mount *m = &p->v[i];

		strbuf_puts(out, i > 0 ? " " : "");
		if (m->kind == PLAN_NODE)
			strbuf_puts(out, "!");
		if (m->kind == PLAN_EMPTY)
			strbuf_printf(out, "{%s}>%s", m->source, m->target);
		else if (m->kind == PLAN_SMALL_DEV || m->kind == PLAN_SHM || m->kind == PLAN_PTS)
			strbuf_printf(out, "<%s>", m->target);
		else if (m->kind != PLAN_BIND && m->kind != PLAN_NODE)
			strbuf_printf(out, "%s(%s)", m->target, m->source);
		else if (strcmp(m->source, m->target) == 0)
			strbuf_puts(out, m->target);
		else
			strbuf_printf(out, "%s>%s", m->source, m->target);
		if (m->flags)
			strbuf_printf(out, ",%s%s%s%s%s%s", m->flags & PLAN_PROC ? "p" : "",
				      m->flags & PLAN_DEV ? "d" : "", m->flags & PLAN_OPTIONAL ? "o" : "",
				      m->flags & PLAN_READONLY ? "r" : "", m->flags & PLAN_MAKE ? "m" : "",
				      m->flags & PLAN_PUBLIC ? "P" : "");
	}
}

#define HOST "/proc,p /sys /dev,d /tmp,o /var/tmp,o"
#define FILES " /etc/hosts,or /etc/resolv.conf,or /etc/localtime,or"

#define NODES "!/dev/null,o !/dev/zero,o !/dev/full,o !/dev/random,o !/dev/urandom,o !/dev/tty,o"
#define SMALL_DEV "</dev> " NODES " </dev/shm>"
#define CONTAINED "/proc,p /sys " SMALL_DEV " </dev/pts> {tmp}>/tmp,P {var_tmp}>/var/tmp,P"
#define WORKDIR "/proc,p /sys " SMALL_DEV " </dev/pts> /w/tmp>/tmp,mP /w/var_tmp>/var/tmp,mP"

static const struct {
	const char *home, *user, *group, *cwd, *pmix, *site, *binds;
	const char *set[7]; /* options: name, argument, name, ... */
	const char *out;
} cases[] = {
	{ .out = HOST FILES },
	{ .home = "/home/ann", .user = "ann", .group = "staff", .cwd = "/scratch/x", .pmix = "/spool/pmix.1.0",
	  .site = "/sw:/sw:ro", .binds = "/data:/mnt,/d2:/d2:ro",
	  .out = HOST " /home/ann,o" FILES " /etc/passwd(ann:x:7:8::/home/ann:/bin/sh)"
		 " /etc/group(staff:x:8:) /spool/pmix.1.0,o /scratch/x,o /sw,or /data>/mnt /d2,r" },
	/* The home. */
	{ .home = "/", .out = HOST FILES },
	{ .home = "/tmp/ann", .out = HOST FILES },
	{ .home = "/tmpx/ann", .out = HOST " /tmpx/ann,o" FILES },
	{ .home = "//home//ann/", .out = HOST " /home/ann,o" FILES },
	{ .home = "/home/../ann", .out = HOST FILES },
	{ .home = "/nonexistent", .user = "nobody",
	  .out = HOST " /nonexistent,o" FILES " /etc/passwd(nobody:x:7:8::/nonexistent:/bin/sh)" },
	{ .user = "ann", .out = HOST FILES " /etc/passwd(ann:x:7:8::/:/bin/sh)" },
	{ .home = "/h:x", .user = "ann", .out = HOST " /h:x,o" FILES " /etc/passwd(ann:x:7:8::/:/bin/sh)" },
	{ .home = "/h\nx", .user = "ann",
	  .out = HOST " /h\nx,o" FILES " /etc/passwd(ann:x:7:8::/:/bin/sh)" },
	{ .group = "staff", .out = HOST FILES " /etc/group(staff:x:8:)" },
	/* The working directory: where it is left out. */
	{ .cwd = "/", .out = HOST FILES },
	{ .cwd = "/etc", .out = HOST FILES },
	{ .cwd = "/bin", .out = HOST FILES },
	{ .cwd = "/mnt", .out = HOST FILES },
	{ .cwd = "/usr", .out = HOST FILES },
	{ .cwd = "/var", .out = HOST FILES },
	{ .cwd = "/opt", .out = HOST FILES },
	{ .cwd = "/sbin", .out = HOST FILES },
	{ .cwd = "/lib", .out = HOST FILES },
	{ .cwd = "/lib64", .out = HOST FILES },
	{ .cwd = "/sys", .out = HOST FILES },
	{ .cwd = "/sys/fs/cgroup", .out = HOST FILES },
	{ .cwd = "/proc/1", .out = HOST FILES },
	{ .cwd = "/dev/shm", .out = HOST FILES },
	{ .cwd = "/tmp", .out = HOST FILES },
	{ .cwd = "/var/tmp/a/b", .out = HOST FILES },
	{ .home = "/home/ann", .cwd = "/home/ann/src", .out = HOST " /home/ann,o" FILES },
	{ .site = "/scratch", .cwd = "/scratch/ann", .out = HOST FILES " /scratch,o" },
	{ .binds = "/scratch", .cwd = "/scratch/ann", .out = HOST FILES " /scratch" },
	{ .binds = "/data:/proj", .cwd = "/proj", .out = HOST FILES " /data>/proj" },
	{ .binds = "/data:/proj", .cwd = "/proj/x", .out = HOST FILES " /data>/proj" },
	/* And where it is not. */
	{ .cwd = "/etcetera", .out = HOST FILES " /etcetera,o" },
	{ .cwd = "/opt/app", .out = HOST FILES " /opt/app,o" },
	{ .cwd = "/usr/src", .out = HOST FILES " /usr/src,o" },
	{ .cwd = "/system", .out = HOST FILES " /system,o" },
	{ .cwd = "/device", .out = HOST FILES " /device,o" },
	{ .home = "/home/ann", .cwd = "/home/anna", .out = HOST " /home/ann,o" FILES " /home/anna,o" },
	{ .home = "/home/ann", .cwd = "/home", .out = HOST " /home/ann,o" FILES " /home,o" },
	/* A bind below it comes after it, or it would be hidden. */
	{ .binds = "/data:/proj/in", .cwd = "/proj", .out = HOST FILES " /proj,o /data>/proj/in" },
	{ .site = "/data:/proj/in", .cwd = "/proj", .out = HOST FILES " /proj,o /data>/proj/in,o" },
	{ .binds = "/b:/x,/c:/x/y,/d:/x", .out = HOST FILES " /b>/x /c>/x/y /d>/x" },
	/* Another home. */
	{ .set = { "home", "/data/ann" }, .user = "ann",
	  .out = HOST " /data/ann" FILES " /etc/passwd(ann:x:7:8::/data/ann:/bin/sh)" },
	{ .home = "/home/ann", .set = { "home", "/data/ann:/home/me" }, .user = "ann",
	  .out = HOST " /data/ann>/home/me" FILES " /etc/passwd(ann:x:7:8::/home/me:/bin/sh)" },
	{ .set = { "home", "/tmp/a" }, .out = HOST " /tmp/a" FILES }, /* so that it must exist */
	{ .cwd = "/w/x", .set = { "home", "here:/h" }, .out = HOST " /w/x/here>/h" FILES " /w/x,o" },
	{ .cwd = "/home/me/x", .set = { "home", "/data:/home/me" }, .out = HOST " /data>/home/me" FILES },
	{ .home = "/home/ann", .set = { "no-home" }, .user = "ann",
	  .out = HOST FILES " /etc/passwd(ann:x:7:8::/home/ann:/bin/sh)" },
	{ .home = "/home/ann", .cwd = "/home/ann/src", .set = { "no-home" }, .out = HOST FILES " /home/ann/src,o" },
	{ .set = { "no-home", NULL, "home", "/h" }, .out = HOST " /h" FILES },
	{ .set = { "home", "/h", "no-home" }, .out = HOST FILES },
	/* What is left out. */
	{ .set = { "no-mount", "proc" }, .out = "/sys /dev,d /tmp,o /var/tmp,o" FILES },
	{ .set = { "no-mount", "sys,dev" }, .out = "/proc,p /tmp,o /var/tmp,o" FILES },
	{ .set = { "no-mount", "tmp" }, .out = "/proc,p /sys /dev,d" FILES },
	{ .set = { "no-mount", "tmp" }, .cwd = "/tmp/x", .out = "/proc,p /sys /dev,d" FILES " /tmp/x,o" },
	{ .set = { "no-mount", "devpts,hostfs" }, .out = HOST FILES },
	{ .home = "/home/ann", .set = { "no-mount", "home" }, .out = HOST FILES },
	{ .cwd = "/w", .set = { "no-mount", ",cwd," }, .out = HOST FILES },
	{ .site = "/sw,/data:/d", .set = { "no-mount", "bind-paths" }, .out = HOST " /etc/resolv.conf,or" },
	{ .site = "/sw,/data:/d", .set = { "no-mount", "//d/,/sw/x" }, .out = HOST FILES " /sw,o" },
	{ .site = "/sw", .cwd = "/sw/x", .set = { "no-mount", "/sw" }, .out = HOST FILES " /sw/x,o" },
	{ .site = "/sw", .cwd = "/sw/x", .set = { "no-mount", "bind-paths" },
	  .out = HOST " /etc/resolv.conf,or /sw/x,o" },
	{ .set = { "no-mount", "/etc/resolv.conf", "no-mount", "/etc/hosts" }, .out = HOST " /etc/localtime,or" },
	{ .binds = "/a:/d", .set = { "no-mount", "/d" }, .out = HOST FILES " /a>/d" }, /* it is his own */
	{ .home = "/home/ann", .cwd = "/w", .user = "ann", .site = "/sw", .binds = "/b",
	  .set = { "no-mount", "proc,sys,dev,home,tmp,cwd,bind-paths,/etc/resolv.conf" },
	  .out = "/etc/passwd(ann:x:7:8::/home/ann:/bin/sh) /b" },
	/* Contained. */
	{ .set = { "contain" }, .out = CONTAINED FILES },
	{ .home = "/home/ann", .user = "ann", .cwd = "/scratch/x", .site = "/sw", .binds = "/data:/mnt",
	  .set = { "contain" },
	  .out = CONTAINED " {home}>/home/ann" FILES " /etc/passwd(ann:x:7:8::/home/ann:/bin/sh) /data>/mnt" },
	{ .home = "/tmp/ann", .set = { "contain" }, .out = CONTAINED " {home}>/tmp/ann" FILES },
	{ .home = "/", .set = { "contain" }, .out = CONTAINED FILES },
	{ .set = { "containall", NULL, "no-mount", "tmp" }, .out = "/proc(/proc) /sys " SMALL_DEV " </dev/pts>" FILES },
	{ .set = { "containall", NULL, "no-mount", "proc,tmp" }, .out = "/sys " SMALL_DEV " </dev/pts>" FILES },
	{ .home = "/dev/null", .set = { "contain" }, .out = CONTAINED FILES },
	{ .home = "/proc/x", .set = { "contain" }, .out = CONTAINED FILES },
	{ .home = "/home/ann", .set = { "contain", NULL, "no-home" }, .out = CONTAINED FILES },
	{ .set = { "contain", NULL, "home", "/data:/h" }, .out = CONTAINED " /data>/h" FILES },
	{ .set = { "contain", NULL, "no-mount", "devpts,tmp" }, .out = "/proc,p /sys " SMALL_DEV FILES },
	{ .set = { "contain", NULL, "no-mount", "dev,sys,proc" },
	  .out = "{tmp}>/tmp,P {var_tmp}>/var/tmp,P" FILES },
	{ .home = "/home/ann", .set = { "contain", NULL, "workdir", "/w/" },
	  .out = WORKDIR " /w/home>/home/ann,m" FILES },
	{ .home = "/tmp/ann", .set = { "contain", NULL, "workdir", "/w" },
	  .out = WORKDIR " /w/home>/tmp/ann,m" FILES },
	{ .set = { "workdir", "/w" }, .out = HOST FILES }, /* nothing is empty */
	/* Scratch directories. */
	{ .set = { "scratch", "/s,/t/u" }, .binds = "/d:/s/x", .out = HOST FILES " {scratch0}>/s {scratch1}>/t/u /d>/s/x" },
	{ .set = { "workdir", "/w", "scratch", "/s//t/" }, .out = HOST FILES " /w/scratch/s/t>/s/t,m" },
	{ .cwd = "/c/d", .set = { "workdir", "../w", "scratch", "/s" },
	  .out = HOST FILES " /c/d,o /c/w/scratch/s>/s,m" },
	/* Devices: there already, or one by one. */
	{ .binds = "/dev/fuse,/dev/shm:/dev/shm:ro,/dev", .out = HOST FILES },
	{ .binds = "/dev/shm:/shm", .out = HOST FILES " /dev/shm>/shm" },
	{ .binds = "/dev/fuse,/dev/dri:/dev/dri:ro", .set = { "contain" },
	  .out = CONTAINED FILES " !/dev/fuse !/dev/dri,r" },
	{ .binds = "/dev", .set = { "contain" }, .out = CONTAINED FILES " /dev,d" },
	{ .binds = "/dev/null", .site = "/dev/zero", .set = { "no-mount", "dev" },
	  .out = "/proc,p /sys /tmp,o /var/tmp,o" FILES " !/dev/zero,o !/dev/null" },
	/* PMIx. */
	{ .pmix = "", .out = HOST FILES },
	{ .pmix = "spool", .out = NULL },
	{ .pmix = "/spool/../etc", .out = NULL },
	{ .cwd = "relative", .out = NULL },
	{ .cwd = "/a/../b", .out = NULL },
};

static char *own(const char *text)
{
	return text ? strdup(text) : NULL;
}

START_TEST(make)
{
	cleanup(room_spec_done) struct room_spec spec = { .uid = 7, .gid = 8 };
	cleanup(site_done) struct site site = { 0 };
	cleanup(plan_done) struct plan p = { 0 };
	cleanup(strbuf_done) struct strbuf got = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	int rc;

	spec.home = own(cases[_i].home);
	spec.user = own(cases[_i].user);
	spec.group = own(cases[_i].group);
	spec.cwd = own(cases[_i].cwd);
	for (size_t i = 0; cases[_i].set[i]; i += 2)
		ck_assert_int_eq(option_by_name(cases[_i].set[i])->set(&spec, cases[_i].set[i + 1], &err), 0);
	if (cases[_i].site)
		ck_assert_int_eq(bind_parse_list(cases[_i].site, &site.binds, &err), 0);
	if (cases[_i].binds)
		ck_assert_int_eq(bind_parse_list(cases[_i].binds, &spec.binds, &err), 0);
	rc = plan_make(&spec, &site, cases[_i].pmix, &p, &err);
	if (!cases[_i].out) {
		ck_assert_int_eq(rc, -1);
		ck_assert(err.text[0] != '\0');
		ck_assert_uint_eq(p.n, 0);
		return;
	}
	ck_assert_msg(rc == 0, "%s", err.text);
	show(&p, &got);
	ck_assert_str_eq(got.text, cases[_i].out);
}
END_TEST

/* Whatever is asked for: devices work on /dev only, and nothing follows the user's binds. */
START_TEST(devices)
{
	cleanup(room_spec_done) struct room_spec spec = ROOM_SPEC_INIT;
	cleanup(plan_done) struct plan p = { 0 };
	struct berth_err err = BERTH_ERR_INIT;
	struct site site = { 0 };
	unsigned int found = 0;

	ck_assert_int_eq(bind_parse("/dev:/devices", &spec.binds, &err), 0);
	ck_assert_int_eq(plan_make(&spec, &site, NULL, &p, &err), 0);
	for (size_t i = 0; i < p.n; i++) {
		if (!(p.v[i].flags & PLAN_DEV))
			continue;
		found++;
		ck_assert_str_eq(p.v[i].target, "/dev");
	}
	ck_assert_uint_eq(found, 1);
}
END_TEST

START_TEST(for_root)
{
	static char image[] = "/i", want[] = "/proc,p /sys /dev,d /tmp,o /var/tmp,o /proc/sys,or "
		"/proc/sysrq-trigger,or /proc/irq,or /proc/bus,or /proc/fs,or /sys,or" FILES;
	const struct room_spec specs[] = {
		{ .image = image }, { .image = image, .fakeroot = true }, { .image = image, .userns = true },
		{ .image = image, .uid = 7 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		cleanup(strbuf_done) struct strbuf out = STRBUF_INIT;
		cleanup(plan_done) struct plan p = { 0 };
		struct berth_err err = BERTH_ERR_INIT;
		struct site site = { 0 };

		ck_assert_int_eq(plan_make(&specs[i], &site, NULL, &p, &err), 0);
		show(&p, &out);
		ck_assert_str_eq(out.text, i == 0 ? want : HOST FILES);
	}
}
END_TEST

/* What options change of it: fields of the request, and a part of the plan that must or must not be there. */
START_TEST(own_namespaces)
{
	static char user[] = "ann", group[] = "staff", host[] = "n1", home[] = "/home/ann";
	static char one[] = "192.0.2.1", two[] = "2001:db8::1", *servers[] = { one, two, NULL };
	const struct {
		struct room_spec spec;
		const char *has, *has_not;
	} rows[] = {
		{ { .pid = true }, "/proc(/proc) /sys ", "/proc,p" },
		{ { .ipc = true, .net = true, .uts = true }, "/proc,p /sys ", "hostname" },
		{ { .hostname = host }, " /etc/hostname(n1\n)", "/etc/hostname," },
		{ { .dns = { .v = servers, .n = 2 } },
		  " /etc/resolv.conf(nameserver 192.0.2.1\nnameserver 2001:db8::1\n)", "/etc/resolv.conf," },
		{ { .user = user, .group = group, .home = home, .fakeroot = true },
		  " /etc/passwd(root:x:0:0::/home/ann:/bin/sh) /etc/group(root:x:0:)", "ann:x" },
		{ { .user = user, .group = group, .fakeroot = true, .writable = true }, "/proc,p", "/etc/passwd" },
		{ { .user = user, .group = group, .writable = true }, " /etc/passwd(ann:x:7:8::/:/bin/sh)", "root" },
	};
	char image[] = "/i";

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup(strbuf_done) struct strbuf out = STRBUF_INIT;
		cleanup(plan_done) struct plan p = { 0 };
		struct berth_err err = BERTH_ERR_INIT;
		struct site site = { 0 };
		struct room_spec spec = rows[i].spec;

		spec.image = image;
		spec.uid = 7;
		spec.gid = 8;
		ck_assert_int_eq(plan_make(&spec, &site, NULL, &p, &err), 0);
		show(&p, &out);
		ck_assert_msg(strstr(out.text, rows[i].has), "%zu: %s", i, out.text);
		ck_assert_msg(!strstr(out.text, rows[i].has_not), "%zu: %s", i, out.text);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("plan");

	tcase_add_loop_test(tc, make, 0, ARRAY_SIZE(cases));
	tcase_add_test(tc, devices);
	tcase_add_test(tc, for_root);
	tcase_add_test(tc, own_namespaces);
	return unit_run("plan", tc);
}
