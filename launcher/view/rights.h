/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rights.h - which capabilities and which ids a program is to have: --add-caps, --drop-caps,
 * --keep-privs, --no-privs, --security.
 *
 * Text to sets of bits; whether somebody may have them is for launcher/room to find out.
 */
#ifndef BERTH_RIGHTS_H
#define BERTH_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct berth_err;
struct room_spec;

enum {
	RIGHTS_NAME_MAX = 32,	/* LIMIT: "CAP_CHECKPOINT_RESTORE" has 22 */
	RIGHTS_GROUPS_MAX = 32, /* LIMIT: of a command line; far more than a service's user has */
};

struct rights {
	bool keep;	   /* all that root has, not only what is added */
	uint64_t add, drop; /* sets, 1 << CAP_X */
	bool has_uid, has_gid;
	uid_t uid;
	gid_t gid;
	gid_t groups[RIGHTS_GROUPS_MAX]; /* the supplementary ones */
	size_t ngroups;
};

/* What an option says of 'spec->rights'. They fail with BERTH_EUSAGE, and then change nothing. */
int set_add_caps(struct room_spec *spec, const char *arg, struct berth_err *err);
int set_drop_caps(struct room_spec *spec, const char *arg, struct berth_err *err);
int set_keep_privs(struct room_spec *spec, const char *arg, struct berth_err *err);
int set_no_privs(struct room_spec *spec, const char *arg, struct berth_err *err);
/* "uid:N", "gid:N[:N...]", with commas between. Others of Apptainer's are refused with the reason. */
int set_security(struct room_spec *spec, const char *arg, struct berth_err *err);

/* The option by which 'spec' asks for rights that a program has not by default, or NULL: none. */
const char *rights_asked(const struct room_spec *spec);

/* The set that a program of 'spec' keeps of 'all', which who starts it has. */
uint64_t rights_set(const struct room_spec *spec, uint64_t all);

/* The name of capability 'cap', for a message. */
void rights_name(unsigned int cap, char out[RIGHTS_NAME_MAX]);

#endif
