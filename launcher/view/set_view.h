/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * set_view.h - setters of the options that change what is seen inside; rows of options.h.
 *
 * Each parses one argument into 'spec' and fails with BERTH_EUSAGE, not naming the option. A path of
 * the host may be relative to spec->cwd where that is known; one of the inside is absolute.
 */
#ifndef BERTH_SET_VIEW_H
#define BERTH_SET_VIEW_H

#include "launcher/view/spec.h"

/* "SRC[:DST]": SRC is shown as the home, which is called DST inside. Ends an earlier --no-home. */
int set_home(struct room_spec *spec, const char *arg, struct berth_err *err);

/* No home is bound; it is still named in passwd and HOME. Ends an earlier --home's SRC. */
int set_no_home(struct room_spec *spec, const char *arg, struct berth_err *err);

/*
 * "type=bind,source=SRC,destination=DST[,ro]" as a line of CSV, any number of lines: binds. All of
 * them or none.
 */
int set_mount(struct room_spec *spec, const char *arg, struct berth_err *err);

/* A small /dev; own, empty /tmp, /var/tmp and home; the working directory is not bound. */
int set_contain(struct room_spec *spec, const char *arg, struct berth_err *err);

/* Next to nothing of the caller's environment, see env.h. */
int set_cleanenv(struct room_spec *spec, const char *arg, struct berth_err *err);

/* Both, and processes and IPC of its own. */
int set_containall(struct room_spec *spec, const char *arg, struct berth_err *err);

/* That, --writable-tmpfs, --no-init, --no-umask and --no-eval: as other tools' containers are. */
int set_compat(struct room_spec *spec, const char *arg, struct berth_err *err);

/* Addresses of name servers, with commas between, in place of the host's /etc/resolv.conf. */
int set_dns(struct room_spec *spec, const char *arg, struct berth_err *err);

/* Names of variables, with commas between, that do not enter. */
int set_no_env(struct room_spec *spec, const char *arg, struct berth_err *err);

/* The host's directory in which that, and --scratch, is kept: DIR/tmp, var_tmp, home, scratch/. */
int set_workdir(struct room_spec *spec, const char *arg, struct berth_err *err);

/* Empty directories at these paths inside, with commas between. */
int set_scratch(struct room_spec *spec, const char *arg, struct berth_err *err);

/* Words of NO_MOUNT_*, or targets of binds that are made for everybody, with commas between. */
int set_no_mount(struct room_spec *spec, const char *arg, struct berth_err *err);

#endif
