/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * drop.h - give rights up for good, and prove that they are gone.
 */
#ifndef BERTH_DROP_H
#define BERTH_DROP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct berth_err;

enum { UID_NOBODY = 65534 }; /* uid and gid of who owns nothing, on every Linux */

/*
 * Lose every capability (effective, permitted, inheritable, ambient, bounding) and the way to
 * new ones (no_new_privs); read all of it back.
 */
int drop_caps(struct berth_err *err);

/* Who to become, and what to keep: sets of capabilities, 1 << CAP_X. */
struct drop_ids {
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t ngroups;
};

/*
 * For root, on its own request: keep the set 'keep' and lose the others for good (permitted, effective and
 * bounding; for another user than 0 inheritable and ambient too, or no program would have them), become
 * 'ids' (NULL: stay who one is), and no way to gain more (no_new_privs). Reads all of it back.
 * Fails: BERTH_EDENIED 'keep' has one that this process has not, BERTH_ESYS.
 */
int drop_keep(uint64_t keep, const struct drop_ids *ids, struct berth_err *err);

/* What this process could keep. */
int drop_can_keep(uint64_t *ret, struct berth_err *err);

/* Lose the capabilities of this thread alone, which executes nothing. -1: errno. */
int drop_thread(void);

/*
 * Become 'uid', 'gid' and 'groups', then drop_caps(). Reads the ids back and tries to become
 * root again; if that works the process aborts, because nobody can tell what it would do next.
 */
int drop_to(uid_t uid, gid_t gid, const gid_t *groups, size_t ngroups, struct berth_err *err);

/* Does this process have CAP_SYS_ADMIN, in whichever user namespace it is? */
bool drop_can_mount(void);

/* Keep CAP_SYS_CHROOT, and only it, over the next exec (ambient). */
int drop_but_chroot(struct berth_err *err);

/* SIG_IGN for all that can be ignored: a step's signals are for its program, not for us. */
void drop_signals(void);

/*
 * For root of a user namespace that the caller has made (--fakeroot), and for nobody else: keep what
 * he has in it, gain nothing more.
 */
int drop_none(struct berth_err *err);

#endif
