/* SPDX-License-Identifier: BSD-3-Clause */
/* check_index.c - lists of images and which is for whom (libimage/oci/manifest.h, platform.h). */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/oci/manifest.h"
#include "tests/unit/unit.h"

#define HEX   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde" /* and one more */
#define OCI_M "application/vnd.oci.image.manifest.v1+json"
#define OCI_X "application/vnd.oci.image.index.v1+json"
#define D_L   "application/vnd.docker.distribution.manifest.list.v2+json"

/* An entry whose digest ends in 'last'; 'rest' are members. */
#define ENTRY(last, rest) \
	"{\"mediaType\":\"" OCI_M "\",\"digest\":\"sha256:" HEX last "\",\"size\":9" rest "}"
#define FOR(last, os, arch)	 ENTRY(last, ",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"}")
#define FORV(last, arch, variant) \
	ENTRY(last, ",\"platform\":{\"os\":\"linux\",\"architecture\":\"" arch "\",\"variant\":\"" variant "\"}")
#define ATTEST(last) \
	ENTRY(last, ",\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"},\"annotations\":{" \
		    "\"vnd.docker.reference.type\":\"attestation-manifest\"}")
#define NAMED(last, name) \
	ENTRY(last, ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name "\"}")
#define INDEX(entries) "{\"schemaVersion\":2,\"mediaType\":\"" OCI_X "\",\"manifests\":[" entries "]}"

#define ARMS FORV("5", "arm", "v5") "," FORV("6", "arm", "v6") "," FORV("7", "arm", "v7")
#define AMDS FORV("3", "amd64", "v3") "," FOR("1", "linux", "amd64") "," FORV("2", "amd64", "v2")

static const struct {
	const char *index, *want;
	char last; /* of the digest of what is chosen; 0: nothing is */
	const char *hint;
} choices[] = {
	{ INDEX(FOR("a", "linux", "arm64") "," FOR("b", "linux", "amd64")), "amd64", 'b', NULL },
	{ INDEX(FOR("a", "linux", "arm64") "," FOR("b", "linux", "amd64")), "linux/arm64", 'a', NULL },
	{ INDEX(FOR("a", "linux", "arm64") "," FOR("b", "linux", "amd64")), "arm64/v8", 'a', NULL },
	{ INDEX(FORV("a", "arm64", "v8")), "arm64", 'a', NULL },
	{ INDEX(FOR("a", "linux", "amd64") "," FOR("b", "linux", "amd64")), "amd64", 'a', NULL }, /* the first */
	{ INDEX(FOR("a", "windows", "amd64") "," FOR("b", "linux", "amd64")), "amd64", 'b', NULL },
	{ INDEX(FOR("a", "linux", "x86_64")), "amd64", 'a', NULL },
	{ INDEX(FOR("a", "linux", "aarch64")), "arm64", 'a', NULL },
	{ INDEX(FOR("a", "Linux", "AMD64")), "amd64", 'a', NULL },
	{ INDEX(ARMS), "arm/v7", '7', NULL },
	{ INDEX(ARMS), "arm", '7', NULL },
	{ INDEX(ARMS), "arm/v6", '6', NULL },
	{ INDEX(ARMS), "arm/v8", '7', NULL },
	{ INDEX(FORV("5", "arm", "v5") "," FORV("7", "arm", "v7")), "arm/v6", '5', NULL },
	{ INDEX(AMDS), "amd64", '1', NULL },
	{ INDEX(AMDS), "amd64/v1", '1', NULL },
	{ INDEX(AMDS), "amd64/v2", '2', NULL },
	{ INDEX(AMDS), "amd64/v4", '3', NULL },
	{ INDEX(ATTEST("0") "," FOR("a", "linux", "amd64") "," ATTEST("1")), "amd64", 'a', NULL },
	/* one that does not say */
	{ INDEX(ENTRY("a", "")), "amd64", 'a', NULL },
	{ INDEX(ENTRY("a", ",\"platform\":null")), "amd64", 'a', NULL },
	{ INDEX(ENTRY("a", "") "," FOR("b", "linux", "amd64")), "amd64", 'b', NULL },
	{ INDEX(ENTRY("a", "") "," FOR("b", "linux", "arm64")), "amd64", 'a', NULL },
	/* nothing */
	{ INDEX(""), "amd64", 0, NULL },
	{ INDEX(FOR("a", "linux", "arm64") "," FORV("b", "arm", "v7")), "amd64", 0,
	  "there are: linux/arm64, linux/arm/v7" },
	{ INDEX(FOR("a", "windows", "amd64")), "amd64", 0, "there are: windows/amd64" },
	{ INDEX(FOR("a", "linux", "386")), "amd64", 0, "there are: linux/386" },
	{ INDEX(FORV("a", "arm", "v7")), "arm/v6", 0, "there are: linux/arm/v7" },
	{ INDEX(FORV("a", "arm", "v7")), "arm64", 0, "there are: linux/arm/v7" },
	{ INDEX(FORV("a", "amd64", "v3")), "amd64", 0, "there are: linux/amd64/v3" },
	{ INDEX(FORV("a", "arm64", "v9")), "arm64", 0, "there are: linux/arm64/v9" },
	{ INDEX(FORV("a", "arm", "vx")), "arm", 0, "there are: linux/arm/vx" },
	{ INDEX(ATTEST("0")), "amd64", 0, NULL },
	{ INDEX(ENTRY("a", "") "," ENTRY("b", "")), "amd64", 0, NULL },
	{ INDEX(FOR("a", "linux", "arm64") "," FOR("b", "linux", "arm64")), "amd64", 0, "there are: linux/arm64" },
};

START_TEST(choose)
{
	cleanup(oci_index_done) struct oci_index x = { 0 };
	const struct oci_descriptor *d = NULL;
	struct berth_err err = BERTH_ERR_INIT;
	struct oci_platform want;

	ck_assert_msg(oci_index_parse(choices[_i].index, strlen(choices[_i].index), OCI_X, &x, &err) == 0, "%s",
		      err.text);
	ck_assert_msg(oci_platform_parse(choices[_i].want, &want, &err) == 0, "%s", err.text);
	if (!choices[_i].last) {
		ck_assert_int_eq(oci_index_choose(&x, &want, &d, &err), -1);
		ck_assert_int_eq(err.code, BERTH_ENOTFOUND);
		ck_assert_str_eq(err.hint, choices[_i].hint ? choices[_i].hint : "");
		return;
	}
	ck_assert_msg(oci_index_choose(&x, &want, &d, &err) == 0, "%s", err.text);
	ck_assert_int_eq(d->digest.text[strlen(d->digest.text) - 1], choices[_i].last);
}
END_TEST

static const char *const bad[] = {
	"{\"schemaVersion\":2,\"mediaType\":\"" OCI_M "\",\"manifests\":[]}",
	"{\"schemaVersion\":2,\"mediaType\":\"" D_L "\",\"manifests\":[]}",
	"{\"schemaVersion\":2,\"mediaType\":\"" OCI_X "\"}",
	"{\"schemaVersion\":2,\"mediaType\":\"" OCI_X "\",\"manifests\":[],\"layers\":[]}",
	"{\"schemaVersion\":2,\"mediaType\":\"" OCI_X "\",\"manifests\":[],\"config\":{}}",
	"{\"schemaVersion\":2,\"mediaType\":\"" OCI_X "\",\"manifests\":null}",
	"{\"schemaVersion\":2,\"mediaType\":\"" OCI_X "\",\"manifests\":{}}",
	"{\"schemaVersion\":1,\"mediaType\":\"" OCI_X "\",\"manifests\":[]}",
	"{\"mediaType\":\"" OCI_X "\",\"manifests\":[]}",
	"[]",
	INDEX("null"),
	INDEX("[]"),
	INDEX("{}"),
	INDEX("{\"mediaType\":\"" OCI_M "\",\"digest\":\"sha256:" HEX "\",\"size\":9}"),
	INDEX("{\"mediaType\":\"" OCI_M "\",\"digest\":\"sha256:" HEX "0\"}"),
	INDEX("{\"mediaType\":\"" OCI_M "\",\"digest\":\"sha256:" HEX "0\",\"size\":4194305}"),
	INDEX("{\"digest\":\"sha256:" HEX "0\",\"size\":9}"),
	INDEX(FOR("a", "li nux", "amd64")),
	INDEX(FOR("a", "linux", "../amd64")),
	INDEX(FOR("a", "linux", "amd64\\u001b")),
	INDEX(FOR("a", "linux", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")),
	INDEX(ENTRY("a", ",\"platform\":\"linux/amd64\"")),
	INDEX(ENTRY("a", ",\"platform\":{\"os\":7}")),
	INDEX(ENTRY("a", ",\"annotations\":[]")),
	INDEX(ENTRY("a", ",\"annotations\":{\"org.opencontainers.image.ref.name\":7}")),
};

START_TEST(parse_bad)
{
	struct oci_index x = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(oci_index_parse(bad[_i], strlen(bad[_i]), OCI_X, &x, &err) == -1, "%s", bad[_i]);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_ptr_null(x.manifest);
}
END_TEST

static int parse_many(size_t n)
{
	cleanup(oci_index_done) struct oci_index x = { 0 };
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	strbuf_puts(&text, "{\"schemaVersion\":2,\"manifests\":[");
	for (size_t i = 0; i < n; i++)
		strbuf_printf(&text, "%s" ENTRY("a", ""), i > 0 ? "," : "");
	strbuf_puts(&text, "]}");
	return oci_index_parse(text.text, text.len, OCI_X, &x, &err);
}

START_TEST(how_many)
{
	ck_assert_int_eq(parse_many(OCI_INDEX_MAX), 0);
	ck_assert_int_eq(parse_many(OCI_INDEX_MAX + 1), -1);
}
END_TEST

START_TEST(others_are_left_out)
{
	static const char text[] = INDEX(
		"{\"mediaType\":\"application/vnd.example.signature\",\"digest\":\"sha256:" HEX "0\",\"size\":99999999,"
		"\"annotations\":{\"org.opencontainers.image.ref.name\":\"x\"}},"
		"{\"mediaType\":\"" OCI_X "\",\"digest\":\"sha256:" HEX "1\",\"size\":9}," ATTEST("2"));
	cleanup(oci_index_done) struct oci_index x = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(oci_index_parse(text, strlen(text), NULL, &x, &err), 0);
	ck_assert_uint_eq(x.n, 1);
	ck_assert_int_eq(x.manifest[0].media, OCI_MEDIA_INDEX);
}
END_TEST

#define TWO INDEX(NAMED("a", "v1") "," NAMED("b", "v\\u001b2"))

static const struct {
	const char *index, *name;
	size_t n; /* 0: refused */
	enum berth_code code;
	const char *hint;
} selections[] = {
	{ TWO, "v1", 1, BERTH_OK, NULL },
	{ TWO, "v\0332", 1, BERTH_OK, NULL },
	{ INDEX(NAMED("a", "v1")), NULL, 1, BERTH_OK, NULL },
	{ INDEX(ENTRY("a", "")), NULL, 1, BERTH_OK, NULL },
	{ INDEX(FOR("a", "linux", "arm64") "," FOR("b", "linux", "amd64")), NULL, 2, BERTH_OK, NULL },
	{ INDEX(NAMED("a", "v1") "," NAMED("b", "v1")), "v1", 2, BERTH_OK, NULL },
	{ TWO, NULL, 0, BERTH_EUSAGE, "name one after a colon; there are: v1, v\\x1b2" },
	{ INDEX(NAMED("a", "v1") "," ENTRY("b", "")), NULL, 0, BERTH_EUSAGE, "name one after a colon; there are: v1" },
	{ TWO, "v3", 0, BERTH_ENOTFOUND, "name one after a colon; there are: v1, v\\x1b2" },
	{ TWO, "", 0, BERTH_ENOTFOUND, "name one after a colon; there are: v1, v\\x1b2" },
	{ INDEX(ENTRY("a", "")), "v1", 0, BERTH_ENOTFOUND, "" },
	{ INDEX(""), NULL, 0, BERTH_ENOTFOUND, "" },
};

START_TEST(select_name)
{
	cleanup(oci_index_done) struct oci_index x = { 0 };
	struct oci_index some = { 0 };
	struct berth_err err = BERTH_ERR_INIT;
	int rc;

	ck_assert_int_eq(oci_index_parse(selections[_i].index, strlen(selections[_i].index), NULL, &x, &err), 0);
	rc = oci_index_select(&x, selections[_i].name, &some, &err);
	ck_assert_int_eq(rc, selections[_i].n > 0 ? 0 : -1);
	ck_assert_int_eq(err.code, selections[_i].code);
	if (rc < 0)
		ck_assert_str_eq(err.hint, selections[_i].hint);
	ck_assert_uint_eq(some.n, selections[_i].n);
	free(some.manifest);
}
END_TEST

START_TEST(format)
{
	static const char text[] =
		INDEX("{\"mediaType\":\"" OCI_M "\",\"digest\":\"sha256:" HEX "a\",\"size\":9,\"platform\":{"
		      "\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"v7\"}}," NAMED("b", "v1"));
	cleanup(oci_index_done) struct oci_index x = { 0 };
	cleanup(strbuf_done) struct strbuf out = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(oci_index_parse(text, strlen(text), NULL, &x, &err), 0);
	ck_assert_int_eq(oci_index_format(&x, &out, &err), 0);
	ck_assert_str_eq(out.text, text);
}
END_TEST

static const struct {
	const char *text, *want; /* NULL: refused */
} platforms[] = {
	{ "amd64", "linux/amd64" },
	{ "x86_64", "linux/amd64" },
	{ "linux/amd64", "linux/amd64" },
	{ "linux/x86_64", "linux/amd64" },
	{ "amd64/v1", "linux/amd64" },
	{ "amd64/v3", "linux/amd64/v3" },
	{ "arm64", "linux/arm64" },
	{ "aarch64", "linux/arm64" },
	{ "linux/arm64/v8", "linux/arm64" },
	{ "arm64/8", "linux/arm64" },
	{ "arm", "linux/arm/v7" },
	{ "armhf", "linux/arm/v7" },
	{ "armel", "linux/arm/v6" },
	{ "arm/v6", "linux/arm/v6" },
	{ "arm/6", "linux/arm/v6" },
	{ "linux/arm/v5", "linux/arm/v5" },
	{ "386", "linux/386" },
	{ "i686", "linux/386" },
	{ "ppc64le", "linux/ppc64le" },
	{ "ppc64el", "linux/ppc64le" },
	{ "s390x", "linux/s390x" },
	{ "riscv64", "linux/riscv64" },
	{ "loongarch64", "linux/loong64" },
	{ "AMD64", "linux/amd64" },
	{ "", NULL },
	{ "/", NULL },
	{ "linux", NULL },
	{ "linux/", NULL },
	{ "/amd64", NULL },
	{ "amd64/", NULL },
	{ "linux//amd64", NULL },
	{ "linux/amd64/v3/x", NULL },
	{ "windows/amd64", NULL },
	{ "windows/amd64/v1", NULL },
	{ "sparc", NULL },
	{ "amd 64", NULL },
	{ "amd64\n", NULL },
	{ "../../x", NULL },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL },
};

START_TEST(platform_text)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct oci_platform p;
	char text[PLATFORM_TEXT];
	int rc = oci_platform_parse(platforms[_i].text, &p, &err);

	if (!platforms[_i].want) {
		ck_assert_int_eq(rc, -1);
		ck_assert_int_eq(err.code, BERTH_EUSAGE);
		return;
	}
	ck_assert_msg(rc == 0, "%s", err.text);
	ck_assert_str_eq(oci_platform_format(&p, text), platforms[_i].want);
}
END_TEST

START_TEST(host)
{
	struct oci_platform p, again;
	struct berth_err err = BERTH_ERR_INIT;
	char text[PLATFORM_TEXT];

	oci_platform_host(&p);
	ck_assert_int_eq(oci_platform_parse(oci_platform_format(&p, text), &again, &err), 0);
	ck_assert_uint_eq(oci_platform_rank(&p, &again), 100);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("index");

	tcase_add_loop_test(tc, choose, 0, (int)ARRAY_SIZE(choices));
	tcase_add_loop_test(tc, parse_bad, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(tc, how_many);
	tcase_add_test(tc, others_are_left_out);
	tcase_add_loop_test(tc, select_name, 0, (int)ARRAY_SIZE(selections));
	tcase_add_test(tc, format);
	tcase_add_loop_test(tc, platform_text, 0, (int)ARRAY_SIZE(platforms));
	tcase_add_test(tc, host);
	return unit_run("index", tc);
}
