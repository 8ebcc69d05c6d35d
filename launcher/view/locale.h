/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * locale.h - names of locales, and whether an image of glibc's has one.
 *
 * A job carries the LANG of the submitting desk; where the image lacks that locale, every shell and
 * perl in it complains. See locale(7) for names, glibc's locale/locarchive.h for the archive.
 */
#ifndef BERTH_LOCALE_H
#define BERTH_LOCALE_H

#include <stdbool.h>
#include <stddef.h>

enum {
	LOCALE_NAME_MAX = 64,	    /* LIMIT: "sr_YU.ISO-8859-2@cyrillic" has 25 characters */
	LOCALE_HEAD_BYTES = 56,	    /* of the archive's header */
	LOCALE_STRINGS_MAX = 1 << 20, /* LIMIT: all of glibc's names take 12 KiB */
};

/*
 * The name as glibc's archive and directories have it: the codeset in small letters and digits.
 *   "en_US.UTF-8"             en_US.utf8
 *   "de_DE.ISO-8859-15@euro"  de_DE.iso885915@euro
 *   "de_DE@euro"              the same
 * False for what is no name: empty, too long, with a slash or a control character.
 */
bool locale_plain(const char *name, char out[LOCALE_NAME_MAX]);

/* Is it one that needs no file: C, POSIX? */
bool locale_is_built_in(const char *name);

/* LANG, LANGUAGE not, LC_ALL or another LC_? */
bool locale_is_variable(const char *name, size_t n);

/*
 * Where the names are in an archive whose first bytes are 'head'. False: it is none, or its names
 * would take more than LOCALE_STRINGS_MAX.
 */
bool locale_strings(const unsigned char head[LOCALE_HEAD_BYTES], size_t *ret_offset, size_t *ret_bytes);

/* Is 'name' one of the NUL-terminated strings in 'n' bytes? */
bool locale_among(const char *strings, size_t n, const char *name);

#endif
