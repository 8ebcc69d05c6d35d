/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * doctor_text.h - what berth doctor reads, as text, and its JSON. Pure: no file is opened here.
 */
#ifndef BERTH_DOCTOR_TEXT_H
#define BERTH_DOCTOR_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "libimage/base/str.h"

struct finding;

/* "5.14.0-427.el9.x86_64" is at least 'major'.'minor'; false for what is no release. */
bool text_release_from(const char *release, unsigned int major, unsigned int minor);

/* A file of /proc/sys with one number, and a newline or none. 0, or -1 with *ret untouched. */
int text_number(const char *text, uint64_t *ret);

/* The value of hidepid= of /proc in the text of /proc/self/mounts: 0, 1, 2, 4. */
unsigned int text_hidepid(const char *mounts);

/* "Key=value" of slurm.conf, whose keys have no case, into 'out'; false: no line has it. */
bool text_slurm_key(const char *text, const char *key, char *out, size_t size);

enum plug_kind { PLUG_NONE, PLUG_REQUIRED, PLUG_OPTIONAL, PLUG_INCLUDE, PLUG_BAD };

/* One line of plugstack.conf; 'out' gets the plugin's or included path. PLUG_NONE: comment, blank. */
enum plug_kind text_plug_line(const char *line, char *out, size_t size);

/* Is the last component of 'path' our plugin's name? */
bool text_is_ours(const char *path);

/* All findings as a JSON array, a newline at its end. */
void text_json(struct strbuf *b, const struct finding *v, size_t n);

/* One finding for people: "warning  check: text", then 'mend' in lines that are indented. */
void text_lines(struct strbuf *b, const struct finding *v);

#endif
