/* SPDX-License-Identifier: BSD-3-Clause */
/* check_doctor.c - what berth doctor reads, and what it writes. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "launcher/cli/doctor.h"
#include "launcher/cli/doctor_text.h"
#include "launcher/cli/mend.h"
#include "launcher/room/hint.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "tests/unit/unit.h"

static const struct {
	const char *release;
	bool enough;
} releases[] = {
	{ "5.14.0-427.el9.x86_64", true }, { "5.14", true }, { "5.14.21-150400.24-default", true },
	{ "6.1.0-18-amd64", true }, { "10.0.0", true }, { "5.100.1", true }, { "6.0", true },
	{ "5.13.19", false }, { "5.4.0", false }, { "4.18.0-553.el8.x86_64", false }, { "3.10.0", false },
	{ "", false }, { "5", false }, { "5.", false }, { ".14", false }, { "v5.14", false },
	{ "-5.14", false }, { "05.14", false }, { "5.x", false }, { "99999999999999999999.1", false },
};

START_TEST(release)
{
	ck_assert(text_release_from(releases[_i].release, 5, 14) == releases[_i].enough);
}
END_TEST

static const struct {
	const char *text;
	long long want; /* -1: refused */
} numbers[] = {
	{ "0\n", 0 }, { "15000\n", 15000 }, { "7", 7 }, { "", -1 }, { "\n", -1 }, { "-1\n", -1 }, { "1 2\n", -1 },
	{ "1\n\n", -1 }, { "1x", -1 }, { " 1", -1 }, { "0x1", -1 }, { "99999999999999999999\n", -1 },
	{ "123456789012345678901234567890", -1 },
};

START_TEST(number)
{
	uint64_t got = 77;
	int rc = text_number(numbers[_i].text, &got);

	ck_assert_int_eq(rc, numbers[_i].want < 0 ? -1 : 0);
	ck_assert_uint_eq(got, numbers[_i].want < 0 ? 77 : (uint64_t)numbers[_i].want);
}
END_TEST

static const struct {
	const char *text;
	unsigned int want;
} mounts[] = {
	{ "proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\n", 0 },
	{ "proc /proc proc rw,hidepid=2 0 0\n", 2 },
	{ "proc /proc proc rw,hidepid=invisible,gid=5 0 0\n", 2 },
	{ "proc /proc proc rw,gid=5,hidepid=noaccess 0 0\n", 1 },
	{ "proc /proc proc rw,hidepid=4 0 0\n", 4 },
	{ "proc /proc proc rw,hidepid=off 0 0\n", 0 },
	{ "proc /proc proc rw,hidepid=9 0 0\n", 0 },
	{ "proc /other/proc proc rw,hidepid=2 0 0\n", 0 },
	{ "proc /proc proc rw,hidepid=2 0 0\nproc /proc proc rw 0 0\n", 0 }, /* covered */
	{ "tmpfs /proc tmpfs rw,hidepid=2 0 0\n", 0 },
	{ "", 0 },
};

START_TEST(hidepid)
{
	ck_assert_uint_eq(text_hidepid(mounts[_i].text), mounts[_i].want);
}
END_TEST

static const struct {
	const char *text, *want; /* of PlugStackConfig; NULL: none */
} keys[] = {
	{ "PlugStackConfig=/etc/a\n", "/etc/a" },
	{ "ClusterName=x\nplugstackconfig = /etc/a # ours\n", "/etc/a" },
	{ "  PlugStackConfig=/etc/a", "/etc/a" },
	{ "#PlugStackConfig=/etc/a\n", NULL },
	{ "PlugStackConfigX=/etc/a\n", NULL },
	{ "XPlugStackConfig=/etc/a\n", NULL },
	{ "PlugStackConfig\n", NULL },
	{ "PlugStackConfig=\n", NULL },
	{ "PlugStackConfig= # none\n", NULL },
	{ "", NULL },
};

START_TEST(slurm_key)
{
	char out[32] = "kept";

	ck_assert(text_slurm_key(keys[_i].text, "PlugStackConfig", out, sizeof(out)) == (keys[_i].want != NULL));
	ck_assert_str_eq(out, keys[_i].want ? keys[_i].want : "kept");
}
END_TEST

static const struct {
	const char *line;
	enum plug_kind kind;
	const char *path;
	bool ours;
} plugs[] = {
	{ "required /usr/lib/berth/spank_berth.so", PLUG_REQUIRED, "/usr/lib/berth/spank_berth.so", true },
	{ "required spank_berth.so", PLUG_REQUIRED, "spank_berth.so", true },
	{ "  optional\tspank_berth.so  arg=1 # x", PLUG_OPTIONAL, "spank_berth.so", true },
	{ "optional spank_berth.so\r", PLUG_OPTIONAL, "spank_berth.so", true },
	{ "required /a/my_spank_berth.so", PLUG_REQUIRED, "/a/my_spank_berth.so", false },
	{ "required /a/spank_berth.so.bak", PLUG_REQUIRED, "/a/spank_berth.so.bak", false },
	{ "required /spank_berth.so/other.so", PLUG_REQUIRED, "/spank_berth.so/other.so", false },
	{ "include /etc/slurm/plugstack.conf.d/*.conf", PLUG_INCLUDE, "/etc/slurm/plugstack.conf.d/*.conf", false },
	{ "", PLUG_NONE, "", false },
	{ "   ", PLUG_NONE, "", false },
	{ "# required spank_berth.so", PLUG_NONE, "", false },
	{ "  #required spank_berth.so", PLUG_NONE, "", false },
	{ "required", PLUG_BAD, "", false },
	{ "required # spank_berth.so", PLUG_BAD, "", false },
	{ "Required spank_berth.so", PLUG_BAD, "", false },
	{ "requiredspank_berth.so", PLUG_BAD, "", false },
	{ "spank_berth.so", PLUG_BAD, "", false },
	{ "required /a/path/that/is/longer/than/what/the/caller/has/room/for.so", PLUG_BAD, "", false },
};

START_TEST(plug_line)
{
	char out[48] = "";

	ck_assert_int_eq(text_plug_line(plugs[_i].line, out, sizeof(out)), plugs[_i].kind);
	ck_assert_str_eq(out, plugs[_i].path);
	ck_assert(text_is_ours(out) == plugs[_i].ours);
}
END_TEST

START_TEST(json)
{
	static const struct finding v[] = {
		{ FINDING_OK, "a", "fine", "" },
		{ FINDING_WARN, "b", "a \"quote\", a \\, a \x1b[2J, \xff and \xc3\xa9", "one\ntwo" },
		{ FINDING_FAIL, "c", "", "m" },
	};
	cleanup(strbuf_done) struct strbuf b = STRBUF_INIT, none = STRBUF_INIT;

	text_json(&b, v, ARRAY_SIZE(v));
	ck_assert_str_eq(b.text,
			 "[\n"
			 "  {\"result\": \"ok\", \"check\": \"a\", \"text\": \"fine\"},\n"
			 "  {\"result\": \"warning\", \"check\": \"b\", \"text\": \"a \\\"quote\\\", a \\\\, a "
			 "\\\\x1b[2J, \\\\xff and \xc3\xa9\", \"mend\": \"one\\ntwo\"},\n"
			 "  {\"result\": \"failure\", \"check\": \"c\", \"text\": \"\", \"mend\": \"m\"}\n"
			 "]\n");
	text_json(&none, NULL, 0);
	ck_assert_str_eq(none.text, "[\n]\n");
}
END_TEST

START_TEST(people)
{
	static const struct finding v = { FINDING_WARN, "b", "a \"q\" \x1b[2J\nx", "one\ntwo" };
	static const struct finding fine = { FINDING_OK, "a", "fine", "" };
	cleanup(strbuf_done) struct strbuf b = STRBUF_INIT;

	text_lines(&b, &v);
	text_lines(&b, &fine);
	ck_assert_str_eq(b.text, "warning  b: a \"q\" \\x1b[2J\\x0ax\n"
				 "         one\n"
				 "         two\n"
				 "ok       a: fine\n");
}
END_TEST

START_TEST(long_texts)
{
	struct finding v = { .result = FINDING_FAIL };
	cleanup(strbuf_done) struct strbuf b = STRBUF_INIT;

	memset(v.check, 'c', sizeof(v.check) - 1);
	memset(v.text, '\x01', sizeof(v.text) - 1);
	memset(v.mend, '"', sizeof(v.mend) - 1);
	text_lines(&b, &v);
	text_json(&b, &v, 1);
	ck_assert(strbuf_ok(&b));
	ck_assert_uint_gt(b.len, 2 * (4 * (sizeof(v.text) - 1) + sizeof(v.mend) - 1));
}
END_TEST

START_TEST(findings)
{
	cleanup(findings_done) struct findings f = { .check = "x" };
	struct berth_err err = BERTH_ERR_INIT;

	finding_ok(&f, "%s %d", "one", 1);
	finding_warn(&f, NULL, "two");
	finding_fail(&f, "mend it", "three");
	berth_fail(&err, BERTH_ESYS, EPERM, "four");
	berth_hint(&err, "do");
	finding_err(&f, FINDING_FAIL, &err);
	ck_assert_uint_eq(f.n, 4);
	ck_assert(!f.failed);
	ck_assert_str_eq(f.v[0].text, "one 1");
	ck_assert_str_eq(f.v[0].check, "x");
	ck_assert_int_eq(f.v[1].result, FINDING_WARN);
	ck_assert_str_eq(f.v[1].mend, "");
	ck_assert_str_eq(f.v[2].mend, "mend it");
	ck_assert_str_eq(f.v[3].text, "four: Operation not permitted");
	ck_assert_str_eq(f.v[3].mend, "do");
}
END_TEST

/* errno -> a word of the hint; NULL: none. */
static const struct {
	int (*hint)(struct berth_err *err, int sys);
	int sys;
	const char *word;
} hints[] = {
	{ hint_userns, ENOSPC, "sysctl user.max_user_namespaces=" }, { hint_userns, EUSERS, "max_user_namespaces" },
	{ hint_userns, EPERM, "unprivileged_userns_clone" },	     { hint_userns, EACCES, "AppArmor" },
	{ hint_userns, EINVAL, "CONFIG_USER_NS" },		     { hint_userns, ENOMEM, "memory" },
	{ hint_map, EPERM, "AppArmor" },			     { hint_map, EINVAL, NULL },
	{ hint_mntns, ENOSPC, "sysctl user.max_mnt_namespaces=" },   { hint_mntns, EPERM, "AppArmor" },
	{ hint_mntns, ENOMEM, NULL },				     { hint_fuse, ENOENT, "modprobe fuse" },
	{ hint_fuse, ENODEV, "modprobe fuse" },			     { hint_fuse, EACCES, "chmod 0666 /dev/fuse" },
	{ hint_fuse, EMFILE, NULL },
};

START_TEST(hint)
{
	struct berth_err err = BERTH_ERR_INIT;

	berth_fail(&err, BERTH_ESYS, hints[_i].sys, "x");
	ck_assert_int_eq(hints[_i].hint(&err, hints[_i].sys), -1);
	if (!hints[_i].word) {
		ck_assert_str_eq(err.hint, "");
		return;
	}
	ck_assert_msg(strstr(err.hint, hints[_i].word) != NULL, "%s", err.hint);
	ck_assert_uint_lt(strlen(err.hint), BERTH_HINT_MAX - 1); /* whole */
}
END_TEST

static const struct {
	int sys;
	const char *before, *word; /* word NULL: the hint stays */
} mends[] = {
	{ EMFILE, "", "ulimit -n" },	 { EMFILE, "another", "ulimit -n" }, { ENFILE, "another", "fs.file-max" },
	{ EAGAIN, "", "ulimit -u" },	 { EAGAIN, "another", NULL },	     { ENOSPC, "", "berth doctor" },
	{ ENOSPC, "another", NULL },	 { EACCES, "another", NULL },	     { EACCES, "", NULL },
	{ 0, "", NULL },
};

START_TEST(mend)
{
	struct berth_err err = BERTH_ERR_INIT;

	berth_fail(&err, BERTH_ESYS, mends[_i].sys, "x");
	if (mends[_i].before[0] != '\0')
		berth_hint(&err, "%s", mends[_i].before);
	mend_limits(&err);
	if (mends[_i].word)
		ck_assert_ptr_nonnull(strstr(err.hint, mends[_i].word));
	else
		ck_assert_str_eq(err.hint, mends[_i].before);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("doctor");

	tcase_add_loop_test(tc, release, 0, ARRAY_SIZE(releases));
	tcase_add_loop_test(tc, number, 0, ARRAY_SIZE(numbers));
	tcase_add_loop_test(tc, hidepid, 0, ARRAY_SIZE(mounts));
	tcase_add_loop_test(tc, slurm_key, 0, ARRAY_SIZE(keys));
	tcase_add_loop_test(tc, plug_line, 0, ARRAY_SIZE(plugs));
	tcase_add_test(tc, json);
	tcase_add_test(tc, people);
	tcase_add_test(tc, long_texts);
	tcase_add_test(tc, findings);
	tcase_add_loop_test(tc, hint, 0, ARRAY_SIZE(hints));
	tcase_add_loop_test(tc, mend, 0, ARRAY_SIZE(mends));
	return unit_run("doctor", tc);
}
