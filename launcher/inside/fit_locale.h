/* SPDX-License-Identifier: BSD-3-Clause */
/* fit_locale.h - no locale in the environment that the image lacks. */
#ifndef BERTH_FIT_LOCALE_H
#define BERTH_FIT_LOCALE_H

#include "launcher/view/spec.h"

/*
 * Inside the room: where LANG or an LC_ of 'env' names a locale that the image has not, and that is
 * the value of 'host', the caller's own, and not one set for inside, C.UTF-8 takes its place, or C. Says so with -v.
 * Nothing is looked up where all are "C", nor in an image that has another C library than glibc.
 */
void fit_locale(const char *const *host, const struct room_spec *spec, struct strlist *env);

#endif
