/* SPDX-License-Identifier: BSD-3-Clause */
/* names.h - who the caller is, by name. */
#ifndef BERTH_NAMES_H
#define BERTH_NAMES_H

#include "launcher/view/spec.h"

/*
 * Fill in user, group and, unless it is there, home of 'spec', whose uid and gid are known. The home is
 * passwd's, as with other runtimes: a HOME that points elsewhere is a trick for one program, not where
 * the user lives. Without an entry in passwd HOME is all there is.
 */
int names_fill(struct room_spec *spec, struct berth_err *err);

#endif
