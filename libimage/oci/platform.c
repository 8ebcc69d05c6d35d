/* SPDX-License-Identifier: BSD-3-Clause */
/* platform.c - for which machine an image is; see platform.h. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/oci/platform.h"

/* Other names, and what they say of the variant; as containerd reads them. */
static const struct {
	const char *name, *architecture, *variant;
} aliases[] = {
	{ "x86_64", "amd64", "" },  { "x86-64", "amd64", "" },	{ "i386", "386", "" },
	{ "i686", "386", "" },	    { "aarch64", "arm64", "" }, { "armhf", "arm", "v7" },
	{ "armv7l", "arm", "v7" },  { "armel", "arm", "v6" },	{ "armv6l", "arm", "v6" },
	{ "ppc64el", "ppc64le", "" }, { "mips64el", "mips64le", "" }, { "mipsel", "mipsle", "" },
	{ "loongarch64", "loong64", "" },
};

/* Those that SIF has a code for. */
static const char *const known[] = {
	"amd64", "arm64", "ppc64le", "s390x",  "riscv64",  "386",     "arm",
	"ppc64", "mips",  "mipsle",  "mips64", "mips64le", "loong64",
};

void oci_platform_host(struct oci_platform *ret)
{
	*ret = (struct oci_platform){ .os = "linux" };
#if defined(__x86_64__)
	memcpy(ret->architecture, "amd64", 6);
#elif defined(__aarch64__)
	memcpy(ret->architecture, "arm64", 6);
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
	memcpy(ret->architecture, "ppc64le", 8);
#elif defined(__powerpc64__)
	memcpy(ret->architecture, "ppc64", 6);
#elif defined(__s390x__)
	memcpy(ret->architecture, "s390x", 6);
#elif defined(__riscv) && __riscv_xlen == 64
	memcpy(ret->architecture, "riscv64", 8);
#elif defined(__loongarch64)
	memcpy(ret->architecture, "loong64", 8);
#elif defined(__i386__)
	memcpy(ret->architecture, "386", 4);
#elif defined(__arm__)
	memcpy(ret->architecture, "arm", 4);
	memcpy(ret->variant, "v7", 3);
#endif
}

/* A word in lower case, or "". */
static int set_word(char out[PLATFORM_WORD], const char *text)
{
	size_t n = text ? strlen(text) : 0;

	if (n >= PLATFORM_WORD)
		return -1;
	for (size_t i = 0; i < n; i++) {
		char c = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];

		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789._-", c))
			return -1;
		out[i] = c;
	}
	out[n] = '\0';
	return 0;
}

/* One name for each: what says the same is the same text. */
static void normalise(struct oci_platform *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
		if (strcmp(p->architecture, aliases[i].name) != 0)
			continue;
		memcpy(p->architecture, aliases[i].architecture, strlen(aliases[i].architecture) + 1);
		if (p->variant[0] == '\0')
			memcpy(p->variant, aliases[i].variant, strlen(aliases[i].variant) + 1);
		break;
	}
	/* "8" for "v8" */
	if (p->variant[0] >= '1' && p->variant[0] <= '9' && strlen(p->variant) + 1 < PLATFORM_WORD) {
		memmove(p->variant + 1, p->variant, strlen(p->variant) + 1);
		p->variant[0] = 'v';
	}
	if (strcmp(p->architecture, "arm") == 0 && p->variant[0] == '\0')
		memcpy(p->variant, "v7", 3);
	if ((strcmp(p->architecture, "arm64") == 0 && strcmp(p->variant, "v8") == 0) ||
	    (strcmp(p->architecture, "amd64") == 0 && strcmp(p->variant, "v1") == 0))
		p->variant[0] = '\0';
}

int oci_platform_set(struct oci_platform *ret, const char *os, const char *architecture, const char *variant,
		     struct berth_err *err)
{
	struct oci_platform p = { 0 };

	if (set_word(p.os, os) < 0 || set_word(p.architecture, architecture) < 0 ||
	    set_word(p.variant, variant) < 0)
		return berth_fail(err, BERTH_EIMAGE, 0, "a platform's name is no word");
	normalise(&p);
	*ret = p;
	return 0;
}

static bool is_known(const char *architecture)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(architecture, known[i]) == 0)
			return true;
	return false;
}

static int unknown(const char *text, struct berth_err *err)
{
	char shown[60]; /* a word is shorter */

	str_escape(text, shown, sizeof(shown));
	berth_fail(err, BERTH_EUSAGE, 0, "'%s' is no platform", shown);
	return berth_hint(err, "amd64, arm64, arm/v7, ppc64le, s390x, riscv64, 386 and others are, also with "
			       "'linux/' before");
}

int oci_platform_parse(const char *text, struct oci_platform *ret, struct berth_err *err)
{
	struct oci_platform p;
	char words[3][PLATFORM_WORD] = { "", "", "" }; /* the text's, in its order */
	const char *at = text;
	size_t n = 0, os;

	for (;;) {
		size_t len = strcspn(at, "/");

		if (n == 3 || len == 0 || len >= PLATFORM_WORD)
			return unknown(text, err);
		memcpy(words[n++], at, len);
		if (at[len] == '\0')
			break;
		at += len + 1;
	}
	/* "arm/v7" has no OS in front, "linux/arm" has */
	os = n == 3 || (n == 2 && strcmp(words[0], "linux") == 0);
	if (os && strcmp(words[0], "linux") != 0) {
		unknown(text, err);
		return berth_hint(err, "Berth runs images for Linux");
	}
	if (oci_platform_set(&p, "linux", words[os], os + 1 < 3 ? words[os + 1] : "", err) < 0 ||
	    !is_known(p.architecture))
		return unknown(text, err);
	*ret = p;
	return 0;
}

/* The number of "v7"; 1 of "", which is the first of all. *ret_plain: there is nothing else in it. */
static unsigned int level(const char *variant, bool *ret_plain)
{
	*ret_plain = variant[0] == '\0' ||
		     (variant[0] == 'v' && variant[1] >= '1' && variant[1] <= '9' && variant[2] == '\0');
	return *ret_plain && variant[0] ? (unsigned int)(variant[1] - '0') : 1;
}

unsigned int oci_platform_rank(const struct oci_platform *want, const struct oci_platform *have)
{
	bool want_plain, have_plain;
	unsigned int want_level = level(want->variant, &want_plain),
		     have_level = level(have->variant, &have_plain);

	if (strcmp(want->os, have->os) != 0 || strcmp(want->architecture, have->architecture) != 0)
		return 0;
	if (strcmp(want->variant, have->variant) == 0)
		return 100;
	/* arm64 has no levels below v8, which is the one without a name; v8.1 and v9 are more than that */
	if (!want_plain || !have_plain)
		return have->variant[0] == '\0' ? 1 : 0;
	return have_level <= want_level ? have_level + 1 : 0;
}

const char *oci_platform_format(const struct oci_platform *p, char out[PLATFORM_TEXT])
{
	(void)snprintf(out, PLATFORM_TEXT, "%s/%s%s%s", p->os[0] ? p->os : "unknown",
		       p->architecture[0] ? p->architecture : "unknown", p->variant[0] ? "/" : "",
		       p->variant);
	return out;
}
