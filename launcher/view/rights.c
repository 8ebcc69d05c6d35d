/* SPDX-License-Identifier: BSD-3-Clause */
/* rights.c - capabilities and ids that are asked for; see rights.h. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "launcher/view/rights.h"
#include "launcher/view/spec.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/num.h"

/* KERNEL: linux/capability.h, by their numbers; a newer one is asked for by its own. */
static const char *const names[] = {
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
	"linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
	"sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
	"sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
	"mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
	"checkpoint_restore",
};

void rights_name(unsigned int cap, char out[RIGHTS_NAME_MAX])
{
	if (cap >= ARRAY_SIZE(names)) {
		(void)snprintf(out, RIGHTS_NAME_MAX, "capability %u", cap);
		return;
	}
	(void)snprintf(out, RIGHTS_NAME_MAX, "CAP_%s", names[cap]);
	for (char *p = out; *p; p++)
		*p = (char)toupper((unsigned char)*p);
}

/* "CAP_NET_RAW", "net_raw" or "all", as Apptainer takes them. */
static int one_cap(const char *word, uint64_t *set, struct berth_err *err)
{
	const char *name = strncasecmp(word, "cap_", 4) == 0 ? word + 4 : word;

	if (strcasecmp(word, "all") == 0) {
		*set = UINT64_MAX;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcasecmp(name, names[i]) != 0)
			continue;
		*set |= (uint64_t)1 << i;
		return 0;
	}
	berth_fail(err, BERTH_EUSAGE, 0, "there is no capability '%.50s'", word);
	return berth_hint(err, "they are called as in capabilities(7), with CAP_ or without; 'all' is all of them");
}

static int parse_caps(const char *text, uint64_t *ret, struct berth_err *err)
{
	cleanup_free char *copy = strdup(text);
	char *at = copy, *word;
	uint64_t set = 0;

	if (!copy)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep an option");
	while ((word = strsep(&at, ",")))
		if (word[0] != '\0' && one_cap(word, &set, err) < 0)
			return -1;
	*ret |= set;
	return 0;
}

int set_add_caps(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	return parse_caps(arg, &spec->rights.add, err);
}

int set_drop_caps(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	return parse_caps(arg, &spec->rights.drop, err);
}

int set_keep_privs(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	(void)arg;
	(void)err;
	spec->rights.keep = true;
	return 0;
}

int set_no_privs(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	(void)arg;
	(void)err;
	spec->rights.keep = false;
	spec->rights.add = 0;
	spec->rights.drop = UINT64_MAX;
	return 0;
}

/* PRIV: -1 is no id: the calls that set one would take it for "as before", which is root. */
static int one_id(const char *text, uint32_t *ret, struct berth_err *err)
{
	uint64_t id;

	if (num_parse_u64(text, UINT32_MAX - 1, &id) < 0) {
		berth_fail(err, BERTH_EUSAGE, 0, "'%.50s' is no number of a user or group", text);
		return berth_hint(err, "'id USER' says which somebody has");
	}
	*ret = (uint32_t)id;
	return 0;
}

/* "N[:N...]": the group, and the supplementary ones, which are all of them as in Apptainer. */
static int set_groups(struct rights *r, char *list, struct berth_err *err)
{
	char *at = list, *word;

	r->ngroups = 0;
	while ((word = strsep(&at, ":"))) {
		if (r->ngroups == RIGHTS_GROUPS_MAX)
			return berth_fail(err, BERTH_EUSAGE, 0, "more than %d groups", RIGHTS_GROUPS_MAX);
		if (one_id(word, &r->groups[r->ngroups], err) < 0)
			return -1;
		r->ngroups++;
	}
	r->gid = r->groups[0];
	r->has_gid = true;
	return 0;
}

static const struct {
	const char *kind, *why, *instead;
} not_here[] = {
	{ "selinux:", "this version sets no SELinux context",
	  "start 'runcon CONTEXT berth ...': the program is berth's own process and keeps it" },
	{ "apparmor:", "this version sets no AppArmor profile",
	  "start 'aa-exec -p PROFILE -- berth ...': the program is berth's own process and keeps it" },
	{ "seccomp:", "this version reads no seccomp profiles",
	  "a filter that berth is started under stays on the program: SystemCallFilter= of a systemd unit sets one" },
};

static int one_security(struct rights *r, char *word, struct berth_err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(not_here); i++) {
		if (!str_after(word, not_here[i].kind))
			continue;
		berth_fail(err, BERTH_EUSAGE, 0, "%s", not_here[i].why);
		return berth_hint(err, "%s", not_here[i].instead);
	}
	if (str_after(word, "uid:")) {
		r->has_uid = true;
		return one_id(word + 4, &r->uid, err);
	}
	if (str_after(word, "gid:"))
		return set_groups(r, word + 4, err);
	berth_fail(err, BERTH_EUSAGE, 0, "'%.100s' is nothing that can be set", word);
	return berth_hint(err, "it takes uid:N and gid:N[:N...]");
}

int set_security(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	cleanup_free char *copy = strdup(arg);
	struct rights r = spec->rights;
	char *at = copy, *word;

	if (!copy)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep an option");
	while ((word = strsep(&at, ",")))
		if (word[0] != '\0' && one_security(&r, word, err) < 0)
			return -1;
	spec->rights = r;
	return 0;
}

const char *rights_asked(const struct room_spec *spec)
{
	const struct rights *r = &spec->rights;

	if (r->has_uid || r->has_gid)
		return "--security uid: or gid:";
	/* Root of a namespace of its own has all there is in it. */
	if (spec->fakeroot)
		return NULL;
	return r->keep ? "--keep-privs" : r->add & ~r->drop ? "--add-caps" : NULL;
}

uint64_t rights_set(const struct room_spec *spec, uint64_t all)
{
	const struct rights *r = &spec->rights;
	uint64_t set = r->keep || spec->fakeroot ? all : r->add & all;

	return set & ~r->drop;
}
