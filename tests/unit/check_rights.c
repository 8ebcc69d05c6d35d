/* SPDX-License-Identifier: BSD-3-Clause */
/* check_rights.c - capabilities and ids that options ask for (launcher/view/rights.h). */
#include "config.h"

#include <linux/capability.h>
#include <string.h>

#include "launcher/view/options.h"
#include "launcher/view/rights.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "tests/unit/unit.h"

#define ALL (((uint64_t)1 << (CAP_CHECKPOINT_RESTORE + 1)) - 1)
#define BIT(cap) ((uint64_t)1 << (cap))

/* Options as "name=value" or "name", with blanks between; what is kept of ALL, and asked for. */
static const struct {
	const char *options;
	uint64_t keeps;
	const char *asked;
} rows[] = {
	{ "", 0, NULL },
	{ "add-caps=CAP_NET_RAW", BIT(CAP_NET_RAW), "--add-caps" },
	{ "add-caps=net_raw", BIT(CAP_NET_RAW), "--add-caps" },
	{ "add-caps=Cap_Net_Raw,,chown", BIT(CAP_NET_RAW) | BIT(CAP_CHOWN), "--add-caps" },
	{ "add-caps=chown add-caps=kill", BIT(CAP_CHOWN) | BIT(CAP_KILL), "--add-caps" },
	{ "add-caps=checkpoint_restore", BIT(CAP_CHECKPOINT_RESTORE), "--add-caps" },
	{ "add-caps=bpf,perfmon", BIT(CAP_BPF) | BIT(CAP_PERFMON), "--add-caps" },
	{ "add-caps=all", ALL, "--add-caps" },
	{ "add-caps=ALL drop-caps=sys_admin", ALL & ~BIT(CAP_SYS_ADMIN), "--add-caps" },
	{ "keep-privs", ALL, "--keep-privs" },
	{ "keep-privs drop-caps=kill,setuid", ALL & ~BIT(CAP_KILL) & ~BIT(CAP_SETUID), "--keep-privs" },
	{ "keep-privs drop-caps=all", 0, "--keep-privs" },
	{ "drop-caps=all", 0, NULL },
	{ "drop-caps=kill add-caps=kill", 0, NULL },
	{ "add-caps=", 0, NULL },
	{ "no-privs", 0, NULL },
	{ "keep-privs no-privs", 0, NULL },
	{ "add-caps=kill no-privs", 0, NULL },
	{ "fakeroot", ALL, NULL },
	{ "fakeroot keep-privs", ALL, NULL },
	{ "fakeroot add-caps=kill", ALL, NULL },
	{ "fakeroot drop-caps=kill", ALL & ~BIT(CAP_KILL), NULL },
	{ "fakeroot no-privs", 0, NULL },
	{ "security=uid:5", 0, "--security uid: or gid:" },
	{ "security=gid:5 add-caps=kill", BIT(CAP_KILL), "--security uid: or gid:" },
	{ "fakeroot security=uid:0", ALL, "--security uid: or gid:" },
};

static int set_all(struct room_spec *spec, const char *options, struct berth_err *err)
{
	cleanup_free char *copy = strdup(options);
	char *at = copy, *word;

	ck_assert_ptr_nonnull(copy);
	while ((word = strsep(&at, " "))) {
		char *value = strchr(word, '=');
		const struct option_row *row;

		if (word[0] == '\0')
			continue;
		if (value)
			*value++ = '\0';
		row = option_by_name(word);
		ck_assert_msg(row != NULL, "no option %s", word);
		if (row->set(spec, value, err) < 0)
			return -1;
	}
	return 0;
}

START_TEST(sets)
{
	struct room_spec spec = ROOM_SPEC_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(set_all(&spec, rows[_i].options, &err) == 0, "%s: %s", rows[_i].options, err.text);
	ck_assert_msg(rights_set(&spec, ALL) == rows[_i].keeps, "%s: %llx", rows[_i].options,
		      (unsigned long long)rights_set(&spec, ALL));
	ck_assert_pstr_eq(rights_asked(&spec), rows[_i].asked);
	room_spec_done(&spec);
}
END_TEST

static const struct {
	const char *options, *says;
} refused[] = {
	{ "add-caps=net", "no capability" }, { "add-caps=kill,cap_", "no capability" },
	{ "add-caps=CAP_CAP_KILL", "no capability" },
	{ "add-caps=0", "no capability" }, { "add-caps=-kill", "no capability" },
	{ "drop-caps=everything", "no capability" }, { "add-caps=kill,all,x", "no capability" },
	{ "security=uid", "nothing that can be set" }, { "security=uid=0", "nothing that can be set" },
	{ "security=UID:1", "nothing that can be set" }, { "security=root", "nothing that can be set" },
	{ "security=uid:", "no number" }, { "security=uid:-1", "no number" }, { "security=uid:root", "no number" },
	{ "security=uid:4294967295", "no number" }, { "security=uid:4294967296", "no number" },
	{ "security=uid:18446744073709551616", "no number" }, { "security=uid:0x10", "no number" },
	{ "security=uid:010", "no number" }, { "security=uid:1:2", "no number" },
	{ "security=gid:", "no number" }, { "security=gid:1:", "no number" }, { "security=gid:1::2", "no number" },
	{ "security=gid:1:4294967295", "no number" },
	{ "security=gid:1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20:21:22:23:24:25:26:27:28:29:30:31:32:33",
	  "more than" },
	{ "security=uid:1,selinux:unconfined_u:object_r:user_t:s0", "no SELinux" },
	{ "security=apparmor:unconfined", "no AppArmor" },
	{ "security=seccomp:/etc/profile.json", "no seccomp profiles" },
};

START_TEST(refusals)
{
	struct room_spec spec = ROOM_SPEC_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(set_all(&spec, refused[_i].options, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EUSAGE);
	ck_assert_msg(strstr(err.text, refused[_i].says) != NULL, "%s: %s", refused[_i].options, err.text);
	ck_assert(!spec.rights.has_uid && !spec.rights.has_gid && spec.rights.add == 0 && spec.rights.drop == 0);
	room_spec_done(&spec);
}
END_TEST

START_TEST(ids)
{
	struct room_spec spec = ROOM_SPEC_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(set_all(&spec, "security=,uid:4294967294,gid:7:8:0 security=uid:3", &err), 0);
	ck_assert(spec.rights.has_uid && spec.rights.uid == 3);
	ck_assert(spec.rights.has_gid && spec.rights.gid == 7 && spec.rights.ngroups == 3);
	ck_assert(spec.rights.groups[1] == 8 && spec.rights.groups[2] == 0);
	ck_assert_int_eq(set_all(&spec, "security=gid:1", &err), 0);
	ck_assert(spec.rights.ngroups == 1 && spec.rights.groups[0] == 1);
	room_spec_done(&spec);
}
END_TEST

START_TEST(called)
{
	char name[RIGHTS_NAME_MAX];

	rights_name(CAP_SYS_ADMIN, name);
	ck_assert_str_eq(name, "CAP_SYS_ADMIN");
	rights_name(CAP_CHECKPOINT_RESTORE, name);
	ck_assert_str_eq(name, "CAP_CHECKPOINT_RESTORE");
	rights_name(63, name);
	ck_assert_str_eq(name, "capability 63");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("rights");

	tcase_add_loop_test(tc, sets, 0, ARRAY_SIZE(rows));
	tcase_add_loop_test(tc, refusals, 0, ARRAY_SIZE(refused));
	tcase_add_test(tc, ids);
	tcase_add_test(tc, called);
	return unit_run("rights", tc);
}
