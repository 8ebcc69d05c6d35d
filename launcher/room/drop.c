/* SPDX-License-Identifier: BSD-3-Clause */
/* drop.c - give rights up for good; see drop.h. */
#include "config.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launcher/room/drop.h"
#include "libimage/base/err.h"

enum { CAP_WORDS = _LINUX_CAPABILITY_U32S_3 };

/* PRIV: used here only, and only ever with fewer capabilities than there were. */
static int caps_set(const struct __user_cap_data_struct data[CAP_WORDS])
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return (int)syscall(SYS_capset, &head, data);
}

static int caps_get(struct __user_cap_data_struct data[CAP_WORDS])
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return (int)syscall(SYS_capget, &head, data);
}

/*
 * Is 'cap' in the bounding set? 1, 0, or -1: there is no such capability.
 * KERNEL: EINVAL beyond the last one that the running kernel has. Any other error is no answer
 * and counts as a yes, so that the drop or the check after it fails.
 */
static int bounding_has(unsigned long cap)
{
	int rc = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

	return rc < 0 && errno != EINVAL ? 1 : rc;
}

/* PRIV: rights are only taken away; a failure ends the start, for a program could gain what is left. */
static int bounding_drop(struct berth_err *err)
{
	unsigned long cap = 0;

	while (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
		cap++;
	/* KERNEL: EINVAL beyond the last one that the running kernel has. */
	if (errno == EINVAL && cap > 0)
		return 0;
	return berth_fail(err, BERTH_ESYS, errno, "cannot drop capability %lu", cap);
}

static int caps_check(struct berth_err *err)
{
	struct __user_cap_data_struct now[CAP_WORDS];
	int has;

	if (caps_get(now) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read capabilities");
	for (int i = 0; i < CAP_WORDS; i++)
		if (now[i].effective || now[i].permitted || now[i].inheritable)
			return berth_fail(err, BERTH_EBUG, 0, "capabilities are left after the drop");
	for (unsigned long cap = 0; (has = bounding_has(cap)) >= 0; cap++)
		if (has)
			return berth_fail(err, BERTH_EBUG, 0, "the bounding set is not empty");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return berth_fail(err, BERTH_EBUG, 0, "no_new_privs is not set");
	return 0;
}

/* PRIV: the bounding set first, while CAP_SETPCAP is there; no_new_privs seals the rest. */
int drop_caps(struct berth_err *err)
{
	static const struct __user_cap_data_struct none[CAP_WORDS];
	struct __user_cap_data_struct now[CAP_WORDS];
	unsigned int bit = 1U << CAP_SETPCAP;

	if (caps_get(now) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read capabilities");
	/* Only who has CAP_SETPCAP can empty the bounding set; without any capability and with
	 * no_new_privs it has nothing left to bound, so there it is not checked either. */
	if ((now[0].effective & bit) && bounding_drop(err) < 0)
		return -1;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot clear ambient capabilities");
	if (caps_set(none) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot set no_new_privs");
	return now[0].effective & bit ? caps_check(err) : 0;
}

/*
 * PRIV: capabilities over what belongs to the user's own namespace; over files and processes he has
 * what he had outside.
 */
int drop_none(struct berth_err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot set no_new_privs");
	return 0;
}

/* PRIV: what an execution could bring back is not touched: the thread has none before it. */
int drop_thread(void)
{
	static const struct __user_cap_data_struct none[CAP_WORDS];

	return caps_set(none);
}

int drop_to(uid_t uid, gid_t gid, const gid_t *groups, size_t ngroups, struct berth_err *err)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg;

	/* PRIV: groups first, uid last: each step needs the rights the next one takes away. The
	 * bounding set goes before the uid does, for the same reason. */
	if (bounding_drop(err) < 0)
		return -1;
	if (setgroups(ngroups, groups) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot set %zu groups", ngroups);
	if (setresgid(gid, gid, gid) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot become gid %u", gid);
	if (setresuid(uid, uid, uid) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot become uid %u", uid);
	if (drop_caps(err) < 0 || caps_check(err) < 0)
		return -1;
	if (getresuid(&ru, &eu, &su) < 0 || getresgid(&rg, &eg, &sg) < 0 || ru != uid || eu != uid ||
	    su != uid || rg != gid || eg != gid || sg != gid)
		return berth_fail(err, BERTH_EBUG, 0, "ids are not what they were set to");
	if (uid != 0 && (setuid(0) == 0 || seteuid(0) == 0))
		abort();
	return 0;
}

bool drop_can_mount(void)
{
	struct __user_cap_data_struct now[CAP_WORDS];

	return caps_get(now) == 0 && (now[0].effective & 1U << CAP_SYS_ADMIN);
}

/*
 * PRIV: CAP_SYS_CHROOT of the user's own user namespace; ambient, since no file of the image
 * server's carries it over the exec. The server gives it up once it has shut itself in.
 */
int drop_but_chroot(struct berth_err *err)
{
	struct __user_cap_data_struct keep[CAP_WORDS] = { 0 };

	keep[0].effective = keep[0].permitted = keep[0].inheritable = 1U << CAP_SYS_CHROOT;
	if (caps_set(keep) < 0 || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_CHROOT, 0, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot reduce capabilities");
	return 0;
}

void drop_signals(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, usual = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig <= SIGRTMAX; sig++)
		(void)sigaction(sig, sig == SIGCHLD ? &usual : &ignore, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}
