/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_oci_config.c - what an image says of itself (libimage/oci/image_config.h), and what is in an
 * archive of Docker's (docker_archive.h).
 */
#include "config.h"

#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/oci/docker_archive.h"
#include "libimage/oci/image_config.h"
#include "libimage/ref/image_ref.h"
#include "tests/unit/unit.h"

#define SUM "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" SUM "\"]}"

static const char full[] =
	"{\"created\":\"2024-02-29T12:30:45.123456789+01:00\",\"architecture\":\"arm64\",\"variant\":\"v8\","
	"\"os\":\"linux\",\"config\":{\"User\":\"1000:1000\",\"ExposedPorts\":{\"80/tcp\":{},\"22/tcp\":{}},"
	"\"Env\":[\"PATH=/bin\",\"A=b=c\",\"EMPTY=\",\"BARE\"],\"Entrypoint\":[\"/bin/e\",\"-x\"],"
	"\"Cmd\":[\"a b\",\"\"],\"Volumes\":{\"/data\":{}},\"WorkingDir\":\"/w\","
	"\"Labels\":{\"z\":\"1\",\"a\":\"2\\n\"},\"StopSignal\":\"SIGINT\",\"ArgsEscaped\":true,"
	"\"Healthcheck\":{\"Test\":[\"NONE\"]}},\"history\":[{\"created_by\":\"x\"}]," ROOTFS "}";

/* Ours: members in one order, sets sorted, what we know nothing of gone. */
static const char ours[] =
	"{\"created\":\"2024-02-29T11:30:45Z\",\"architecture\":\"arm64\",\"os\":\"linux\",\"config\":"
	"{\"Cmd\":[\"a b\",\"\"],\"Entrypoint\":[\"/bin/e\",\"-x\"],"
	"\"Env\":[\"PATH=/bin\",\"A=b=c\",\"EMPTY=\",\"BARE\"],\"Labels\":{\"a\":\"2\\n\",\"z\":\"1\"},"
	"\"User\":\"1000:1000\",\"Volumes\":{\"/data\":{}},\"WorkingDir\":\"/w\","
	"\"ExposedPorts\":{\"22/tcp\":{},\"80/tcp\":{}},\"StopSignal\":\"SIGINT\"}," ROOTFS "}";

START_TEST(parse_full)
{
	cleanup(oci_config_done) struct oci_config c = { 0 };
	cleanup(strbuf_done) struct strbuf out = STRBUF_INIT, run = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	char platform[PLATFORM_TEXT];

	ck_assert_msg(oci_config_parse(full, strlen(full), 1, &c, &err) == 0, "%s", err.text);
	ck_assert_str_eq(oci_platform_format(&c.platform, platform), "linux/arm64");
	ck_assert_int_eq(c.created_s, 1709206245);
	ck_assert_str_eq(c.created, "2024-02-29T12:30:45.123456789+01:00");
	ck_assert_uint_eq(c.env.n, 4);
	ck_assert_str_eq(c.env.v[3], "BARE");
	ck_assert_uint_eq(c.entrypoint.n, 2);
	ck_assert_uint_eq(c.cmd.n, 2);
	ck_assert_str_eq(c.cmd.v[1], "");
	ck_assert_str_eq(c.workdir, "/w");
	ck_assert_str_eq(c.user, "1000:1000");
	ck_assert_uint_eq(c.labels.n, 4);
	ck_assert_str_eq(c.labels.v[0], "a");
	ck_assert_str_eq(c.labels.v[1], "2\n");
	ck_assert_uint_eq(c.ndiff, 1);
	ck_assert_str_eq(c.diff_id[0].text, SUM);
	ck_assert_int_eq(oci_config_format(&c, &out, &err), 0);
	ck_assert_str_eq(out.text, ours);
	ck_assert_int_eq(oci_config_format_run(&c, &run, &err), 0);
	ck_assert_ptr_nonnull(strstr(ours, run.text));
}
END_TEST

START_TEST(parse_ours)
{
	cleanup(oci_config_done) struct oci_config c = { 0 };
	cleanup(strbuf_done) struct strbuf out = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(oci_config_parse(ours, strlen(ours), 1, &c, &err), 0);
	ck_assert_int_eq(oci_config_format(&c, &out, &err), 0);
	ck_assert_str_eq(out.text, ours);
}
END_TEST

static const struct {
	const char *text;
	size_t nlayer;
} small[] = {
	{ "{}", 0 },
	{ "{" ROOTFS "}", 1 },
	{ "{\"config\":null," ROOTFS "}", 1 },
	{ "{\"config\":{\"Env\":null,\"Cmd\":null,\"Entrypoint\":[],\"Labels\":null,\"User\":\"\"}," ROOTFS "}", 1 },
	{ "{\"created\":\"yesterday\"}", 0 },
	{ "{\"created\":\"0001-01-01T00:00:00Z\"}", 0 },
	{ "{\"rootfs\":{\"diff_ids\":[]}}", 0 },
	{ "{\"rootfs\":null,\"x\":[[]]}", 0 },
};

START_TEST(parse_small)
{
	cleanup(oci_config_done) struct oci_config c = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(oci_config_parse(small[_i].text, strlen(small[_i].text), small[_i].nlayer, &c, &err) == 0, "%s",
		      err.text);
	ck_assert_uint_eq(c.entrypoint.n + c.cmd.n + c.env.n + c.labels.n, 0);
	ck_assert_ptr_null(c.user);
	ck_assert_int_lt(c.created_s, 0);
}
END_TEST

static const struct {
	const char *text;
	size_t nlayer;
} bad[] = {
	{ "", 0 },
	{ "[]", 0 },
	{ "{" ROOTFS "}", 0 },
	{ "{" ROOTFS "}", 2 },
	{ "{}", 1 },
	{ "{\"rootfs\":[]}", 0 },
	{ "{\"rootfs\":{\"diff_ids\":\"" SUM "\"}}", 1 },
	{ "{\"rootfs\":{\"diff_ids\":[7]}}", 1 },
	{ "{\"rootfs\":{\"diff_ids\":[null]}}", 1 },
	{ "{\"rootfs\":{\"diff_ids\":[\"sha256:x\"]}}", 1 },
	{ "{\"rootfs\":{\"diff_ids\":[\"" SUM "\\n\"]}}", 1 },
	{ "{\"os\":7}", 0 },
	{ "{\"os\":\"li nux\"}", 0 },
	{ "{\"architecture\":\"amd64;\"}", 0 },
	{ "{\"variant\":[]}", 0 },
	{ "{\"created\":7}", 0 },
	{ "{\"config\":[]}", 0 },
	{ "{\"config\":\"x\"}", 0 },
	{ "{\"config\":{},\"config\":{}}", 0 },
	{ "{\"config\":{\"Env\":{}}}", 0 },
	{ "{\"config\":{\"Env\":\"A=b\"}}", 0 },
	{ "{\"config\":{\"Env\":[7]}}", 0 },
	{ "{\"config\":{\"Env\":[null]}}", 0 },
	{ "{\"config\":{\"Env\":[\"A=b\\u0000c\"]}}", 0 },
	{ "{\"config\":{\"Entrypoint\":\"sh\"}}", 0 },
	{ "{\"config\":{\"Cmd\":[[\"sh\"]]}}", 0 },
	{ "{\"config\":{\"Cmd\":[\"a\",true]}}", 0 },
	{ "{\"config\":{\"Labels\":[]}}", 0 },
	{ "{\"config\":{\"Labels\":{\"a\":1}}}", 0 },
	{ "{\"config\":{\"Labels\":{\"a\":null}}}", 0 },
	{ "{\"config\":{\"Labels\":{\"a\":\"1\",\"a\":\"2\"}}}", 0 },
	{ "{\"config\":{\"ExposedPorts\":[\"80\"]}}", 0 },
	{ "{\"config\":{\"Volumes\":\"/x\"}}", 0 },
	{ "{\"config\":{\"WorkingDir\":[\"/\"]}}", 0 },
	{ "{\"config\":{\"User\":0}}", 0 },
	{ "{\"config\":{\"StopSignal\":9}}", 0 },
};

START_TEST(parse_bad)
{
	struct oci_config c = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(oci_config_parse(bad[_i].text, strlen(bad[_i].text), bad[_i].nlayer, &c, &err) == -1, "%s",
		      bad[_i].text);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_ptr_null(c.diff_id);
}
END_TEST

START_TEST(too_many_words)
{
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	cleanup(oci_config_done) struct oci_config c = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	strbuf_puts(&text, "{\"config\":{\"Cmd\":[\"x\"");
	for (int i = 1; i < CONFIG_WORDS_MAX; i++)
		strbuf_puts(&text, ",\"x\"");
	strbuf_puts(&text, "]}}");
	ck_assert_int_eq(oci_config_parse(text.text, text.len, 0, &c, &err), 0);
	text.len -= 3;
	strbuf_puts(&text, ",\"x\"]}}");
	ck_assert_int_eq(oci_config_parse(text.text, text.len, 0, &c, &err), -1);
}
END_TEST

static const struct {
	const char *text, *utc; /* NULL: no time */
	int64_t s;
} times[] = {
	{ "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", 0 },
	{ "2000-02-29T23:59:59Z", "2000-02-29T23:59:59Z", 951868799 },
	{ "2024-12-31T23:59:60Z", "2025-01-01T00:00:00Z", 1735689600 },
	{ "2024-03-01t00:00:00.5z", "2024-03-01T00:00:00Z", 1709251200 },
	{ "2024-03-01 00:00:00+00:00", "2024-03-01T00:00:00Z", 1709251200 },
	{ "2024-03-01T00:00:00-11:30", "2024-03-01T11:30:00Z", 1709292600 },
	{ "1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z", -1 },
	{ "1900-03-01T00:00:00Z", "1900-03-01T00:00:00Z", -2203891200 },
	{ "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", -62135596800 },
	{ "9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", 253402300799 },
	{ "", NULL, 0 },
	{ "2024", NULL, 0 },
	{ "2024-03-01", NULL, 0 },
	{ "2024-03-01T00:00:00", NULL, 0 },
	{ "2024-03-01T00:00Z", NULL, 0 },
	{ "2024-03-01T00:00:00.Z", NULL, 0 },
	{ "2024-03-01T00:00:00ZZ", NULL, 0 },
	{ "2024-03-01T00:00:00+0100", NULL, 0 },
	{ "2024-03-01T00:00:00+24:00", NULL, 0 },
	{ "2024-03-01T00:00:00+01:60", NULL, 0 },
	{ "2024-03-01T24:00:00Z", NULL, 0 },
	{ "2024-03-01T00:60:00Z", NULL, 0 },
	{ "2024-03-01T00:00:61Z", NULL, 0 },
	{ "2024-00-01T00:00:00Z", NULL, 0 },
	{ "2024-13-01T00:00:00Z", NULL, 0 },
	{ "2024-03-00T00:00:00Z", NULL, 0 },
	{ "2024-04-31T00:00:00Z", NULL, 0 },
	{ "2023-02-29T00:00:00Z", NULL, 0 },
	{ "1900-02-29T00:00:00Z", NULL, 0 },
	{ "24-03-01T00:00:00Z", NULL, 0 },
	{ "+2024-03-01T00:00:00Z", NULL, 0 },
	{ " 2024-03-01T00:00:00Z", NULL, 0 },
	{ "2024-3-1T0:0:0Z", NULL, 0 },
	{ "2024-03-01T-1:00:00Z", NULL, 0 },
};

START_TEST(time_text)
{
	char out[OCI_TIME_SIZE];
	int64_t s = 77;
	int rc = oci_time_parse(times[_i].text, &s);

	ck_assert_int_eq(rc, times[_i].utc ? 0 : -1);
	ck_assert_int_eq(s, times[_i].utc ? times[_i].s : 77);
	if (times[_i].utc)
		ck_assert_str_eq(oci_time_format(s, out), times[_i].utc);
}
END_TEST

#define IMAGE(config, layers, tags) \
	"{\"Config\":\"" config "\",\"RepoTags\":" tags ",\"Layers\":[" layers "]}"

static const char two[] = "[" IMAGE("a.json", "\"1/layer.tar\",\"2/layer.tar\"", "[\"alpine:3.19\",\"x:1\"]") ","
			      IMAGE("blobs/sha256/b", "", "[\"docker.io/library/busybox:latest\"]") "]";

static const struct {
	const char *archive, *want, *config; /* config NULL: refused */
	enum berth_code code;
} archives[] = {
	{ two, "alpine:3.19", "a.json", BERTH_OK },
	{ two, "docker.io/alpine:3.19", "a.json", BERTH_OK },
	{ two, "x:1", "a.json", BERTH_OK },
	{ two, "busybox", "blobs/sha256/b", BERTH_OK },
	{ "[" IMAGE("a.json", "", "null") "]", NULL, "a.json", BERTH_OK },
	{ two, NULL, NULL, BERTH_EUSAGE },
	{ two, "alpine", NULL, BERTH_ENOTFOUND },
	{ two, "r.example/alpine:3.19", NULL, BERTH_ENOTFOUND },
	{ two, "user/alpine:3.19", NULL, BERTH_ENOTFOUND },
	{ "[" IMAGE("a.json", "", "null") "]", "x", NULL, BERTH_ENOTFOUND },
	{ "[" IMAGE("a.json", "", "[\"A B\"]") "]", "x", NULL, BERTH_ENOTFOUND },
};

START_TEST(archive)
{
	cleanup(docker_archive_done) struct docker_archive a = { 0 };
	cleanup(image_ref_done) struct image_ref want = { 0 };
	const struct docker_archive_image *image = NULL;
	struct berth_err err = BERTH_ERR_INIT;
	int rc;

	ck_assert_msg(docker_archive_parse(archives[_i].archive, strlen(archives[_i].archive), &a, &err) == 0, "%s",
		      err.text);
	if (archives[_i].want)
		ck_assert_int_eq(image_ref_parse_name(archives[_i].want, &want, &err), 0);
	rc = docker_archive_choose(&a, archives[_i].want ? &want : NULL, &image, &err);
	ck_assert_int_eq(rc, archives[_i].config ? 0 : -1);
	ck_assert_int_eq(err.code, archives[_i].code);
	if (rc == 0)
		ck_assert_str_eq(image->config, archives[_i].config);
}
END_TEST

static const char *const bad_archives[] = {
	"{}",
	"[]",
	"[null]",
	"[{}]",
	"[{\"Config\":\"a\"}]",
	"[{\"Layers\":[]}]",
	"[" IMAGE("", "", "[]") "]",
	"[" IMAGE("/etc/passwd", "", "[]") "]",
	"[" IMAGE("../a", "", "[]") "]",
	"[" IMAGE("a/../../b", "", "[]") "]",
	"[" IMAGE("a/./b", "", "[]") "]",
	"[" IMAGE("a//b", "", "[]") "]",
	"[" IMAGE("a/", "", "[]") "]",
	"[" IMAGE("..", "", "[]") "]",
	"[" IMAGE("a", "\"../x\"", "[]") "]",
	"[" IMAGE("a", "\"/x\"", "[]") "]",
	"[" IMAGE("a", "7", "[]") "]",
	"[" IMAGE("a", "null", "[]") "]",
	"[" IMAGE("a", "", "\"x\"") "]",
	"[" IMAGE("a", "", "[7]") "]",
	"[{\"Config\":7,\"Layers\":[]}]",
	"[{\"Config\":\"a\",\"Layers\":\"x\"}]",
};

START_TEST(archive_bad)
{
	struct docker_archive a = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(docker_archive_parse(bad_archives[_i], strlen(bad_archives[_i]), &a, &err) == -1, "%s",
		      bad_archives[_i]);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_ptr_null(a.image);
}
END_TEST

START_TEST(layout)
{
	static const char *const rows[] = { "{}", "[]", "", "{\"imageLayoutVersion\":\"2.0.0\"}",
					    "{\"imageLayoutVersion\":1}" };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(oci_layout_check(OCI_LAYOUT_TEXT, strlen(OCI_LAYOUT_TEXT), &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ck_assert_int_eq(oci_layout_check(rows[i], strlen(rows[i]), &err), -1);
		ck_assert_int_eq(err.code, BERTH_EIMAGE);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("config"), *files = tcase_create("archive");

	tcase_add_test(tc, parse_full);
	tcase_add_test(tc, parse_ours);
	tcase_add_loop_test(tc, parse_small, 0, (int)ARRAY_SIZE(small));
	tcase_add_loop_test(tc, parse_bad, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(tc, too_many_words);
	tcase_add_loop_test(tc, time_text, 0, (int)ARRAY_SIZE(times));
	tcase_add_loop_test(files, archive, 0, (int)ARRAY_SIZE(archives));
	tcase_add_loop_test(files, archive_bad, 0, (int)ARRAY_SIZE(bad_archives));
	tcase_add_test(files, layout);
	return unit_run_two("oci_config", tc, files);
}
