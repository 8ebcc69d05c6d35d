/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * doctor.h - berth doctor: what a check found, and the checks.
 *
 * Each check runs in a child of its own with a deadline (cmd_doctor.c), so that one that hangs on
 * a dead file server is a finding and not the end, and so that it may try things that leave a
 * process in odd places. A check changes nothing on the host.
 */
#ifndef BERTH_DOCTOR_H
#define BERTH_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

enum finding_result { FINDING_OK, FINDING_WARN, FINDING_FAIL };

/* LIMIT: bytes; a sentence with a path, and a file to install with what to do with it */
enum { FINDING_TEXT_MAX = 640, FINDING_MEND_MAX = 1536 };

enum { DOCTOR_FILE_MAX = 256 * 1024 }; /* LIMIT: /etc/subuid of a large site; the rest is smaller */

struct finding {
	enum finding_result result;
	char check[24];
	char text[FINDING_TEXT_MAX];
	char mend[FINDING_MEND_MAX]; /* "": nothing; may have several lines */
};

struct findings {
	struct finding *v;
	size_t n;
	bool failed; /* memory ran out */
	const char *check; /* of those that are added next */
};

void findings_done(struct findings *f);

/* What is as it should be; what may matter; what stops containers. 'mend' is how to change it. */
void finding_ok(struct findings *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void finding_warn(struct findings *f, const char *mend, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void finding_fail(struct findings *f, const char *mend, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

struct berth_err;
/* An error that another room returned, with its hint. */
void finding_err(struct findings *f, enum finding_result result, const struct berth_err *err);

/* The text of a file, at most DOCTOR_FILE_MAX bytes (caller frees); NULL: errno. */
char *doctor_read(const char *path);
/* A number in /proc/sys; false where there is no such file. */
bool doctor_sysctl(const char *path, unsigned long long *ret);

/* The host (doctor_host.c, doctor_fuse.c), its Slurm (doctor_slurm.c), an image (doctor_image.c). */
void doctor_kernel(struct findings *f, const char *image);
void doctor_nested(struct findings *f, const char *image);
void doctor_userns(struct findings *f, const char *image);
void doctor_ns_limits(struct findings *f, const char *image);
void doctor_fuse(struct findings *f, const char *image);
void doctor_overlay(struct findings *f, const char *image);
void doctor_programs(struct findings *f, const char *image);
void doctor_tmp(struct findings *f, const char *image);
void doctor_site(struct findings *f, const char *image);
void doctor_limits(struct findings *f, const char *image);
void doctor_proc(struct findings *f, const char *image);
void doctor_fakeroot(struct findings *f, const char *image);
void doctor_slurm(struct findings *f, const char *image);
void doctor_image(struct findings *f, const char *image);

#endif
