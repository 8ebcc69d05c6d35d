/* SPDX-License-Identifier: BSD-3-Clause */
/* keep.c - root keeps some rights, because root asked for it; see drop.h and rights.h. */
#include "config.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launcher/room/drop.h"
#include "launcher/room/keep.h"
#include "launcher/view/rights.h"
#include "launcher/view/spec.h"
#include "libimage/base/err.h"

enum { WORDS = _LINUX_CAPABILITY_U32S_3, WORD_BITS = 32, CAPS = 64 };

/* The sets of a process, each as one number. */
struct sets {
	uint64_t effective, permitted, inheritable;
};

static int sets_get(struct sets *ret, struct berth_err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[WORDS];

	if (syscall(SYS_capget, &head, data) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read capabilities");
	*ret = (struct sets){
		.effective = data[0].effective | (uint64_t)data[1].effective << WORD_BITS,
		.permitted = data[0].permitted | (uint64_t)data[1].permitted << WORD_BITS,
		.inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << WORD_BITS,
	};
	return 0;
}

/* PRIV: the kernel lets nobody raise what is not permitted, so this can only take away or hand on. */
static int sets_put(const struct sets *s, struct berth_err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct data[WORDS] = {
		{ (uint32_t)s->effective, (uint32_t)s->permitted, (uint32_t)s->inheritable },
		{ (uint32_t)(s->effective >> WORD_BITS), (uint32_t)(s->permitted >> WORD_BITS),
		  (uint32_t)(s->inheritable >> WORD_BITS) },
	};

	if (syscall(SYS_capset, &head, data) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot reduce capabilities");
	return 0;
}

static uint64_t bit(unsigned int cap)
{
	return (uint64_t)1 << cap;
}

/* PRIV: what is not kept goes from the bounding set, so that no program of root's brings it back. */
static int bound(uint64_t keep, struct berth_err *err)
{
	for (unsigned int cap = 0; cap < CAPS; cap++) {
		/* KERNEL: EINVAL beyond the last one that the running kernel has. */
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) < 0)
			return 0;
		if (!(keep & bit(cap)) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot drop capability %u", cap);
	}
	return 0;
}

/*
 * PRIV: groups first, uid last: each step needs the rights the next one takes away. KERNEL: from uid 0
 * to another all would be lost but for PR_SET_KEEPCAPS, which ends with the exec.
 */
static int become(const struct drop_ids *ids, struct berth_err *err)
{
	uid_t u[3];
	gid_t g[3];

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot keep capabilities");
	if (setgroups(ids->ngroups, ids->groups) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot set %zu groups", ids->ngroups);
	if (setresgid(ids->gid, ids->gid, ids->gid) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot become gid %u", ids->gid);
	if (setresuid(ids->uid, ids->uid, ids->uid) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot become uid %u", ids->uid);
	if (getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read the ids");
	for (int i = 0; i < 3; i++)
		if (u[i] != ids->uid || g[i] != ids->gid)
			return berth_fail(err, BERTH_EBUG, 0, "ids are not what they were set to");
	return 0;
}

/* PRIV: only what the sets below already have is made ambient. */
static int raise_ambient(uint64_t set, struct berth_err *err)
{
	for (unsigned int cap = 0; cap < CAPS; cap++)
		if (set & bit(cap) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot hand capability %u on", cap);
	return 0;
}

static int check(const struct sets *want, uint64_t ambient, struct berth_err *err)
{
	struct sets now;

	if (sets_get(&now, err) < 0)
		return -1;
	if (now.effective != want->effective || now.permitted != want->permitted ||
	    now.inheritable != want->inheritable)
		return berth_fail(err, BERTH_EBUG, 0, "capabilities are not what they were set to");
	for (unsigned int cap = 0; cap < CAPS; cap++) {
		int has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (has < 0)
			break;
		if (has && !(want->permitted & bit(cap)))
			return berth_fail(err, BERTH_EBUG, 0, "the bounding set has more than was kept");
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) != !!(ambient & bit(cap)))
			return berth_fail(err, BERTH_EBUG, 0, "ambient capabilities are not what they were set to");
	}
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return berth_fail(err, BERTH_EBUG, 0, "no_new_privs is not set");
	return 0;
}

int drop_can_keep(uint64_t *ret, struct berth_err *err)
{
	struct sets now;

	if (sets_get(&now, err) < 0)
		return -1;
	*ret = now.permitted;
	return 0;
}

int drop_keep(uint64_t keep, const struct drop_ids *ids, struct berth_err *err)
{
	bool root = (ids ? ids->uid : geteuid()) == 0;
	struct sets want = { keep, keep, root ? 0 : keep };
	char name[RIGHTS_NAME_MAX];
	uint64_t have;

	if (drop_can_keep(&have, err) < 0)
		return -1;
	for (unsigned int cap = 0; cap < CAPS; cap++) {
		if (!(keep & ~have & bit(cap)))
			continue;
		rights_name(cap, name);
		berth_fail(err, BERTH_EDENIED, 0, "this root has no %s to keep", name);
		return berth_hint(err, "another container, or the unit that it runs in, has taken it away");
	}
	/* PRIV: all that is inherited or ambient goes first, then the bounding set, while CAP_SETPCAP is
	 * there; no_new_privs seals what is left. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot clear ambient capabilities");
	if (bound(keep, err) < 0 || (ids && become(ids, err) < 0) || sets_put(&want, err) < 0 ||
	    raise_ambient(want.inheritable, err) < 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot set no_new_privs");
	return check(&want, want.inheritable, err);
}

int keep_allowed(const struct room_spec *spec, struct berth_err *err)
{
	const char *option = rights_asked(spec);

	if (!option || (spec->uid == 0 && !spec->userns && !spec->fakeroot && drop_can_mount()))
		return 0;
	berth_fail(err, BERTH_EDENIED, 0, "%s is for root", option);
	return berth_hint(err, spec->uid == 0
				       ? "this root has no rights over the host, or gave them up with --userns or --fakeroot"
				       : "what you could be given would count in a namespace of your own only: "
					 "--fakeroot has all of that");
}

/* What there is to keep of what was asked for: "all" is all there is; what is named must be there. */
static uint64_t wanted(const struct room_spec *spec, uint64_t all)
{
	const struct rights *r = &spec->rights;

	if (r->add == UINT64_MAX || spec->fakeroot)
		return rights_set(spec, all);
	return rights_set(spec, r->keep ? all | r->add : UINT64_MAX);
}

int keep_drop(const struct room_spec *spec, struct berth_err *err)
{
	const struct rights *r = &spec->rights;
	struct drop_ids ids = {
		.uid = r->has_uid ? r->uid : getuid(), .gid = r->has_gid ? r->gid : getgid(),
		.groups = r->groups, .ngroups = r->ngroups,
	};
	bool other = r->has_uid || r->has_gid;
	uint64_t all, set;

	if (spec->fakeroot && !r->drop)
		return drop_none(err);
	/* Nothing is asked of the kernel that was not before there were such options. */
	if (!other && !spec->fakeroot && !r->keep && !r->add)
		return drop_caps(err);
	if (drop_can_keep(&all, err) < 0)
		return -1;
	set = wanted(spec, all);
	if (set != 0)
		return drop_keep(set, other ? &ids : NULL, err);
	return other ? drop_to(ids.uid, ids.gid, ids.groups, ids.ngroups, err) : drop_caps(err);
}
