/* SPDX-License-Identifier: BSD-3-Clause */
/* check_image_ref.c - what an image is called: every accepted spelling, and the refused ones. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/ref/image_ref.h"
#include "tests/unit/unit.h"

#define HUB "registry-1.docker.io"
#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SUM "sha256:" HEX
#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16

static const struct {
	const char *text, *host, *repo, *tag, *digest, *format, *file;
} names[] = {
	{ "docker://alpine", HUB, "library/alpine", "latest", "", "docker://docker.io/library/alpine:latest",
	  "alpine_latest.sif" },
	{ "docker://alpine:3.19", HUB, "library/alpine", "3.19", "", "docker://docker.io/library/alpine:3.19",
	  "alpine_3.19.sif" },
	{ "docker://docker.io/alpine", HUB, "library/alpine", "latest", "",
	  "docker://docker.io/library/alpine:latest", "alpine_latest.sif" },
	{ "docker://docker.io/library/alpine", HUB, "library/alpine", "latest", "",
	  "docker://docker.io/library/alpine:latest", "alpine_latest.sif" },
	{ "docker://index.docker.io/alpine", HUB, "library/alpine", "latest", "",
	  "docker://docker.io/library/alpine:latest", "alpine_latest.sif" },
	{ "docker://" HUB "/alpine", HUB, "library/alpine", "latest", "",
	  "docker://docker.io/library/alpine:latest", "alpine_latest.sif" },
	{ "docker://user/img", HUB, "user/img", "latest", "", "docker://docker.io/user/img:latest",
	  "img_latest.sif" },
	{ "docker://user/a/b:1", HUB, "user/a/b", "1", "", "docker://docker.io/user/a/b:1", "b_1.sif" },
	{ "docker://host:5000/a/b/c", "host:5000", "a/b/c", "latest", "", "docker://host:5000/a/b/c:latest",
	  "c_latest.sif" },
	{ "docker://host:5000/a:v1.0-rc.1_x", "host:5000", "a", "v1.0-rc.1_x", "",
	  "docker://host:5000/a:v1.0-rc.1_x", "a_v1.0-rc.1_x.sif" },
	{ "docker://localhost/x", "localhost", "x", "latest", "", "docker://localhost/x:latest", "x_latest.sif" },
	{ "docker://localhost:5000/x", "localhost:5000", "x", "latest", "", "docker://localhost:5000/x:latest",
	  "x_latest.sif" },
	{ "docker://localhost:5000", HUB, "library/localhost", "5000", "",
	  "docker://docker.io/library/localhost:5000", "localhost_5000.sif" }, /* as Docker reads it */
	{ "docker://[::1]:5000/x:1", "[::1]:5000", "x", "1", "", "docker://[::1]:5000/x:1", "x_1.sif" },
	{ "docker://[fe80::1]/x", "[fe80::1]", "x", "latest", "", "docker://[fe80::1]/x:latest", "x_latest.sif" },
	{ "docker://quay.io/a/b", "quay.io", "a/b", "latest", "", "docker://quay.io/a/b:latest", "b_latest.sif" },
	{ "docker://192.0.2.7:443/x", "192.0.2.7:443", "x", "latest", "", "docker://192.0.2.7:443/x:latest",
	  "x_latest.sif" },
	{ "docker://Host/x", "Host", "x", "latest", "", "docker://Host/x:latest", "x_latest.sif" },
	{ "docker://alpine@" SUM, HUB, "library/alpine", NULL, SUM, "docker://docker.io/library/alpine@" SUM,
	  "alpine@sha256_" HEX ".sif" },
	{ "docker://r.example/x:1@" SUM, "r.example", "x", "1", SUM, "docker://r.example/x:1@" SUM, "x_1.sif" },
	{ "docker://r.example/a-b/c_d/e__f/g.h/i---j", "r.example", "a-b/c_d/e__f/g.h/i---j", "latest", "",
	  "docker://r.example/a-b/c_d/e__f/g.h/i---j:latest", "i---j_latest.sif" },
	{ "docker://x:_1", HUB, "library/x", "_1", "", "docker://docker.io/library/x:_1", "x__1.sif" },
	{ "docker://1/2", HUB, "1/2", "latest", "", "docker://docker.io/1/2:latest", "2_latest.sif" },
	{ "oras://r.example/x:1", "r.example", "x", "1", "", "oras://r.example/x:1", "x_1.sif" },
	{ "oras://localhost/x", "localhost", "x", "latest", "", "oras://localhost/x:latest", "x_latest.sif" },
	{ "oras://docker.io/me/x", HUB, "me/x", "latest", "", "oras://docker.io/me/x:latest", "x_latest.sif" },
	{ "docker-daemon:alpine:3", HUB, "library/alpine", "3", "", "docker-daemon:docker.io/library/alpine:3",
	  "alpine_3.sif" },
};

static void check_format(const struct image_ref *ref, const char *format, const char *file)
{
	cleanup_free char *text = image_ref_format(ref), *name = image_ref_default_name(ref);
	cleanup(image_ref_done) struct image_ref again = { 0 };
	cleanup_free char *text_again = NULL;
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_str_eq(text, format);
	ck_assert_str_eq(name, file);
	ck_assert_msg(image_ref_parse(text, &again, &err) == 0, "%s", err.text);
	text_again = image_ref_format(&again);
	ck_assert_str_eq(text_again, text);
	ck_assert_int_eq(again.scheme, ref->scheme);
}

START_TEST(parse_names)
{
	cleanup(image_ref_done) struct image_ref ref = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(image_ref_parse(names[_i].text, &ref, &err) == 0, "%s", err.text);
	ck_assert_str_eq(ref.host, names[_i].host);
	ck_assert_str_eq(ref.repo, names[_i].repo);
	ck_assert_pstr_eq(ref.tag, names[_i].tag);
	ck_assert_str_eq(ref.digest.text, names[_i].digest);
	ck_assert_ptr_null(ref.path);
	check_format(&ref, names[_i].format, names[_i].file);
}
END_TEST

static const struct {
	const char *text;
	enum ref_scheme scheme;
	const char *path, *name, *file;
} paths[] = {
	{ "x.sif", REF_PATH, "x.sif", NULL, "x.sif" },
	{ "/a/b", REF_PATH, "/a/b", NULL, "b" },
	{ "./docker://x", REF_PATH, "./docker://x", NULL, "x" },
	{ "../x", REF_PATH, "../x", NULL, "x" },
	{ "a/docker:b", REF_PATH, "a/docker:b", NULL, "docker:b" },
	{ "/a://b", REF_PATH, "/a://b", NULL, "b" },
	{ "x:y", REF_PATH, "x:y", NULL, "x:y" },
	{ "C:\\x", REF_PATH, "C:\\x", NULL, "C:\\x" },
	{ "a b", REF_PATH, "a b", NULL, "a b" },
	{ "a\nb", REF_PATH, "a\nb", NULL, "a\nb" },
	{ "ocix", REF_PATH, "ocix", NULL, "ocix" },
	{ "dockers/x", REF_PATH, "dockers/x", NULL, "x" },
	{ "..", REF_PATH, "..", NULL, "image.sif" },
	{ "oci:dir", REF_OCI, "dir", NULL, "dir_latest.sif" },
	{ "oci:/a/dir:name", REF_OCI, "/a/dir", "name", "dir_name.sif" },
	{ "oci:dir:a/b:1", REF_OCI, "dir", "a/b:1", "dir_b:1.sif" },
	{ "oci:a b", REF_OCI, "a b", NULL, "a b_latest.sif" },
	{ "oci-archive:f.tar", REF_OCI_ARCHIVE, "f.tar", NULL, "f.tar_latest.sif" },
	{ "oci-archive:/d/f.tar:v1", REF_OCI_ARCHIVE, "/d/f.tar", "v1", "f.tar_v1.sif" },
	{ "docker-archive:f.tar", REF_DOCKER_ARCHIVE, "f.tar", NULL, "f.tar_latest.sif" },
	{ "docker-archive:f.tar:alpine:3", REF_DOCKER_ARCHIVE, "f.tar", "alpine:3", "f.tar_3.sif" },
	{ "library://user/coll/x:1", REF_LIBRARY, "user/coll/x:1", NULL, "x_1.sif" },
	{ "library://x", REF_LIBRARY, "x", NULL, "x_latest.sif" },
	{ "shub://user/x", REF_SHUB, "user/x", NULL, "x_latest.sif" },
	{ "https://h.example/d/x.sif", REF_HTTP, "https://h.example/d/x.sif", NULL, "x.sif" },
	{ "http://h.example:80/x.sif?a=/b", REF_HTTP, "http://h.example:80/x.sif?a=/b", NULL, "x.sif" },
	{ "https://h.example/..", REF_HTTP, "https://h.example/..", NULL, "image.sif" },
};

START_TEST(parse_paths)
{
	cleanup(image_ref_done) struct image_ref ref = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(image_ref_parse(paths[_i].text, &ref, &err) == 0, "%s", err.text);
	ck_assert_int_eq(ref.scheme, paths[_i].scheme);
	ck_assert_str_eq(ref.path, paths[_i].path);
	ck_assert_pstr_eq(ref.name, paths[_i].name);
	check_format(&ref, paths[_i].text, paths[_i].file);
}
END_TEST

static const char *const bad[] = {
	"",
	"docker://",
	"docker:",
	"docker:alpine",
	"docker:/alpine",
	"docker:///alpine",
	"library:x",
	"http:x",
	"oci:",
	"oci::name",
	"oci:dir:",
	"oci:dir:na\nme",
	"oci:d\033[2Jir",
	"oci-archive:",
	"oci-archive:f:" A64 A64 A64 A64,
	"docker-archive:",
	"docker-archive:f.tar:",
	"docker-archive:f.tar:Alpine",
	"docker-archive:f.tar:@0",
	"docker-archive::alpine",
	"ftp://x/y",
	"instance://x",
	"dockerx://x",
	"http://",
	"https:///x",
	"https://?x",
	"https://h/a b",
	"https://h/\r\nHost:x",
	"https://h/<x>",
	"oras://x",
	"oras://user/x",
	"oras://r.example/",
	"oras://",
	/* repositories */
	"docker:///",
	"docker://a//b",
	"docker://a/",
	"docker://r.example/",
	"docker://../x",
	"docker://a/../b",
	"docker://a/./b",
	"docker://r.example/../x",
	"docker://r.example/x/..",
	"docker://r.example/.x",
	"docker://r.example/x.",
	"docker://r.example/-x",
	"docker://r.example/x-",
	"docker://r.example/_x",
	"docker://r.example/x_",
	"docker://r.example/x___y",
	"docker://r.example/x..y",
	"docker://r.example/x._y",
	"docker://r.example/X",
	"docker://ALPINE",
	"docker://a/B",
	"docker://r.example/x y",
	"docker://r.example/x%2fy",
	"docker://r.example/x?y",
	"docker://r.example/x#y",
	"docker://r.example/x\\y",
	"docker://r.example/caf\xc3\xa9",
	"docker://alpine\n",
	"docker://al\tpine",
	"docker://\x7f",
	"docker://r.example/" A64 A64 A64 A64,
	/* tags */
	"docker://alpine:",
	"docker://alpine:.x",
	"docker://alpine:-x",
	"docker://alpine:a/b",
	"docker://alpine:a b",
	"docker://alpine:a+b",
	"docker://alpine:1:2",
	"docker://alpine:" A64 A64 "a",
	"docker://alpine:../../x",
	/* digests */
	"docker://alpine@",
	"docker://alpine@latest",
	"docker://alpine@sha256:",
	"docker://alpine@sha256:0123",
	"docker://alpine@" SUM "0",
	"docker://alpine@" SUM "@" SUM,
	"docker://alpine@" SUM ":1",
	"docker://alpine@sha1:0123456789abcdef0123456789abcdef01234567",
	"docker://alpine@sha256:../../../../../../../../../../../../../../../../../../../../../x",
	"docker://@" SUM,
	"docker://user:password@r.example/x",
	/* hosts */
	"docker://host:/x",
	"docker://host:0/x",
	"docker://host:65536/x",
	"docker://host:05/x",
	"docker://host:80a/x",
	"docker://host:-1/x",
	"docker://a:b:1/x",
	"docker://-host.example/x",
	"docker://host-.example/x",
	"docker://host..example/x",
	"docker://.example/x",
	"docker://host./x",
	"docker://ho_st.example/x",
	"docker://ho%73t.example/x",
	"docker://host.example:80@evil/x",
	"docker://[::1/x",
	"docker://[]/x",
	"docker://[::1]5000/x",
	"docker://[::1]:/x",
	"docker://[::g]/x",
	"docker://[fe80::1%eth0]/x",
	"docker://::1/x",
	"docker://caf\xc3\xa9.example/x",
};

START_TEST(parse_bad)
{
	cleanup(image_ref_done) struct image_ref ref = { 0 };
	struct berth_err err = BERTH_ERR_INIT;
	int rc = image_ref_parse(bad[_i], &ref, &err);

	ck_assert_msg(rc == -1, "'%s'", bad[_i]);
	ck_assert_int_eq(err.code, BERTH_EUSAGE);
	ck_assert_ptr_null(ref.host);
	ck_assert_ptr_null(ref.path);
	for (const char *p = err.text; *p; p++)
		ck_assert_msg((unsigned char)*p >= ' ' && *p != 0x7f, "a control character in an error text");
}
END_TEST

START_TEST(too_long)
{
	struct image_ref ref = { 0 };
	struct berth_err err = BERTH_ERR_INIT;
	char text[8192];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(image_ref_parse(text, &ref, &err), -1);
	memcpy(text, "oci:", 4);
	ck_assert_int_eq(image_ref_parse(text, &ref, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EUSAGE);
}
END_TEST

static const struct {
	const char *a, *b;
	bool same;
} pairs[] = {
	{ "alpine", "docker.io/library/alpine:latest", true },
	{ "alpine:3", "index.docker.io/alpine:3", true },
	{ "x@" SUM, "x:1@" SUM, true },
	{ "alpine", "alpine:3", false },
	{ "alpine", "user/alpine", false },
	{ "alpine", "r.example/library/alpine", false },
	{ "x:1", "x:1@" SUM, false },
};

START_TEST(same_name)
{
	cleanup(image_ref_done) struct image_ref a = { 0 }, b = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(image_ref_parse_name(pairs[_i].a, &a, &err), 0);
	ck_assert_int_eq(image_ref_parse_name(pairs[_i].b, &b, &err), 0);
	ck_assert(image_ref_same_name(&a, &b) == pairs[_i].same);
	ck_assert(image_ref_same_name(&b, &a) == pairs[_i].same);
}
END_TEST

START_TEST(names_only)
{
	static const char *const rows[] = { "", "docker://alpine", "/x", "./x", "x.sif/", "oci:dir:x", "A" };
	struct image_ref ref = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ck_assert_msg(image_ref_parse_name(rows[i], &ref, &err) == -1, "%s", rows[i]);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("image_ref");

	tcase_add_loop_test(tc, parse_names, 0, (int)ARRAY_SIZE(names));
	tcase_add_loop_test(tc, parse_paths, 0, (int)ARRAY_SIZE(paths));
	tcase_add_loop_test(tc, parse_bad, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(tc, too_long);
	tcase_add_loop_test(tc, same_name, 0, (int)ARRAY_SIZE(pairs));
	tcase_add_test(tc, names_only);
	return unit_run("image_ref", tc);
}
