/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_ref.c - any bytes as a name of an image, a digest, a platform: what is taken is of the
 * alphabets that are promised, and is the same when it is written and read again.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/oci/image_config.h"
#include "libimage/oci/platform.h"
#include "libimage/ref/digest.h"
#include "libimage/ref/image_ref.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Nothing that ends a word of a URL or a line, or leads elsewhere. */
static void check_part(const char *text, const char *alphabet)
{
	if (!text)
		return;
	must(text[0] != '\0' && text[strspn(text, alphabet)] == '\0');
	must(!strstr(text, "..") || !strchr(alphabet, '/'));
}

static void check_name(const struct image_ref *ref)
{
#define WORD "abcdefghijklmnopqrstuvwxyz0123456789._-"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	check_part(ref->host, WORD UPPER "[]:");
	check_part(ref->repo, WORD "/");
	check_part(ref->tag, WORD UPPER);
	if (ref->repo)
		must(ref->repo[0] != '/' && ref->repo[strlen(ref->repo) - 1] != '/' && !strstr(ref->repo, "//"));
	must(!ref->host == !ref->repo);
	must(!ref->host || ref->tag || digest_is_set(&ref->digest));
	must(ref->host || ref->path);
}

static void try_ref(const char *text)
{
	cleanup(image_ref_done) struct image_ref ref = { 0 }, again = { 0 };
	cleanup_free char *formatted = NULL, *second = NULL, *file = NULL;
	struct berth_err err = BERTH_ERR_INIT;

	if (image_ref_parse(text, &ref, &err) < 0) {
		must(err.code == BERTH_EUSAGE);
		for (const char *p = err.text; *p; p++)
			must((unsigned char)*p >= ' ' && *p != 0x7f);
		return;
	}
	check_name(&ref);
	formatted = image_ref_format(&ref);
	file = image_ref_default_name(&ref);
	must(formatted && file && file[0] && !strchr(file, '/') && strcmp(file, ".") != 0 && strcmp(file, "..") != 0);
	must(image_ref_parse(formatted, &again, &err) == 0 && again.scheme == ref.scheme);
	second = image_ref_format(&again);
	must(second && strcmp(second, formatted) == 0);
	must(!ref.host || image_ref_same_name(&ref, &again));
}

static void try_digest(const char *text)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct digest d;

	if (digest_parse(text, &d, &err) < 0) {
		must(err.code == BERTH_EIMAGE);
		return;
	}
	must(strcmp(d.text, text) == 0);
	must(strspn(digest_hex(&d), "0123456789abcdef") == strlen(digest_hex(&d)));
	must(strlen(digest_hex(&d)) == 64 || strlen(digest_hex(&d)) == 128);
}

static void try_platform(const char *text)
{
	struct oci_platform p, again;
	struct berth_err err = BERTH_ERR_INIT;
	char out[PLATFORM_TEXT], time[OCI_TIME_SIZE];
	int64_t s, s_again;

	if (oci_platform_parse(text, &p, &err) == 0) {
		must(oci_platform_parse(oci_platform_format(&p, out), &again, &err) == 0);
		must(memcmp(out, "linux/", 6) == 0 && oci_platform_rank(&p, &again) == 100);
	}
	/* a zone may lead out of the years that have four digits */
	if (oci_time_parse(text, &s) == 0 && s >= -62167219200 && s <= 253402300799)
		must(oci_time_parse(oci_time_format(s, time), &s_again) == 0 && s == s_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	cleanup_free char *text = malloc(n + 1);
	cleanup(image_ref_done) struct image_ref name = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	must(text != NULL);
	if (n > 0)
		memcpy(text, data, n);
	text[n] = '\0';
	try_ref(text);
	try_digest(text);
	try_platform(text);
	if (image_ref_parse_name(text, &name, &err) == 0)
		check_name(&name);
	return 0;
}
