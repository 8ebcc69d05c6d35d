/* SPDX-License-Identifier: BSD-3-Clause */
/* check_metadata.c - inspect-metadata.json: which files it stands for, and what is none (launcher/cli/sif_metadata.h). */
#include "config.h"

#include <string.h>

#include "launcher/cli/sif_metadata.h"
#include "libimage/base/cleanup.h"
#include "tests/unit/unit.h"

#define ATTRIBUTES(a) "{\"data\":{\"attributes\":{" a "}},\"type\":\"container\"}"
#define SING "/.singularity.d/"

static const struct {
	const char *text, *out; /* "path=text;" each, in order; NULL: refused */
} rows[] = {
	{ ATTRIBUTES(""), "" }, { "{}", "" }, { " { \"type\" : \"x\" } ", "" }, { "null", "" }, { "\"text\"", "" },
	{ ATTRIBUTES("\"runscript\":\"r\",\"startscript\":\"s\",\"test\":\"t\",\"helpfile\":\"h\",\"deffile\":\"d\""),
	  SING "runscript=r;" SING "startscript=s;" SING "test=t;" SING "runscript.help=h;" SING "Singularity=d;" },
	{ ATTRIBUTES("\"runscript\":\"a\\nb\""), SING "runscript=a\nb;" },
	{ ATTRIBUTES("\"runscript\":\"1\",\"runscript\":\"2\""), SING "runscript=2;" },
	{ ATTRIBUTES("\"labels\":{\"b\":\"2\",\"a\":\"\\\"\"}"), SING "labels.json={\"b\":\"2\",\"a\":\"\\\"\"};" },
	{ ATTRIBUTES("\"labels\":null,\"apps\":null"), "" }, { ATTRIBUTES("\"labels\":{}"), "" },
	{ ATTRIBUTES("\"environment\":{\"/.singularity.d/env/90-environment.sh\":\"E\"}"),
	  SING "env/90-environment.sh=E;" },
	{ ATTRIBUTES("\"environment\":{\"/etc/shadow\":\"E\",\"/.singularity.d/env/../x\":\"E\",\"/.singularity.denv/x\":\"\"}"), "" },
	{ ATTRIBUTES("\"apps\":{\"foo\":{\"runscript\":\"r\",\"labels\":{\"a\":\"1\"},"
		     "\"environment\":{\"/scif/apps/foo/scif/env/90-environment.sh\":\"E\"}},\"bar\":{}}"),
	  "/scif/apps/foo/scif/.=;/scif/apps/foo/scif/runscript=r;/scif/apps/foo/scif/labels.json={\"a\":\"1\"};"
	  "/scif/apps/foo/scif/env/90-environment.sh=E;/scif/apps/bar/scif/.=;" },
	{ ATTRIBUTES("\"apps\":{\"../x\":{\"runscript\":\"r\"}}"), "" },
	{ ATTRIBUTES("\"new\":\"x\",\"other\":{\"a\":{\"b\":\"c\"}}"), "" },
	{ "{\"data\":{\"runscript\":\"x\"},\"runscript\":\"x\"}", "" }, { "{\"other\":{\"attributes\":{\"runscript\":\"x\"}}}", "" },
	{ "", NULL }, { "{", NULL }, { "}", NULL }, { "[]", NULL }, { "1", NULL }, { "nul", NULL }, { "{}x", NULL }, { "{}{}", NULL },
	{ ATTRIBUTES("\"runscript\":1"), NULL }, { ATTRIBUTES("\"runscript\":[]"), NULL }, { ATTRIBUTES("\"runscript\":true"), NULL },
	{ ATTRIBUTES("\"runscript\""), NULL }, { ATTRIBUTES("\"runscript\":"), NULL }, { ATTRIBUTES(","), NULL },
	{ ATTRIBUTES("\"runscript\":\"a\","), NULL }, { ATTRIBUTES("\"runscript\":\"\\u0000\""), NULL },
	{ ATTRIBUTES("\"runscript\":\"a\" \"b\":\"c\""), NULL }, { ATTRIBUTES("\"runscript\":\"\xff\""), NULL },
	{ "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":\"\"}}}}}}}}}", NULL },
};

START_TEST(parse)
{
	cleanup(sif_metadata_done) struct sif_metadata m = SIF_METADATA_INIT;
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	size_t n = strlen(rows[_i].text);
	cleanup_free char *copy = malloc(n + 1); /* no byte more to read than there is */

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, rows[_i].text, n);
	if (!rows[_i].out) {
		ck_assert_msg(!sif_metadata_parse(copy, n, &m), "%s", rows[_i].text);
		ck_assert(!m.complete && m.n == 0);
		return;
	}
	ck_assert_msg(sif_metadata_parse(copy, n, &m), "%s", rows[_i].text);
	ck_assert(m.complete);
	strbuf_puts(&text, "");
	for (size_t i = 0; i < m.n; i++)
		strbuf_printf(&text, "%s=%s;", m.v[i].path, m.v[i].text.text ? m.v[i].text.text : "");
	ck_assert_str_eq(text.text, rows[_i].out);
}
END_TEST

START_TEST(directories)
{
	static const char text[] = ATTRIBUTES("\"apps\":{\"a\":{\"runscript\":\"r\",\"test\":\"t\"},\"b\":{}},\"test\":\"t\"");
	cleanup(sif_metadata_done) struct sif_metadata m = SIF_METADATA_INIT;
	cleanup(strlist_done) struct strlist apps = STRLIST_INIT, none = STRLIST_INIT;

	ck_assert(sif_metadata_parse(text, sizeof(text) - 1, &m));
	ck_assert_int_eq(sif_metadata_list(&m, "/scif/apps", &apps), 1);
	ck_assert_uint_eq(apps.n, 2);
	ck_assert_str_eq(apps.v[0], "a");
	ck_assert_str_eq(apps.v[1], "b");
	ck_assert_int_eq(sif_metadata_list(&m, "/scif/app", &none), 0);
	ck_assert_int_eq(sif_metadata_list(&m, "/scif/apps/c/scif", &none), 0);
	ck_assert_int_eq(sif_metadata_list(&m, "/.singularity.d/test", &none), 0);
	ck_assert_uint_eq(none.n, 0);
	ck_assert_int_eq(sif_metadata_list(&m, "/scif/apps/b/scif", &none), 1);
	ck_assert_ptr_null(sif_metadata_find(&m, "/.singularity.d/runscript"));
	ck_assert_str_eq(sif_metadata_find(&m, "/.singularity.d/test")->text, "t");
}
END_TEST

START_TEST(too_many)
{
	cleanup(sif_metadata_done) struct sif_metadata m = SIF_METADATA_INIT;
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;

	strbuf_puts(&text, "{\"data\":{\"attributes\":{\"apps\":{\"x\":{}");
	for (int i = 0; i < 4096; i++)
		strbuf_printf(&text, ",\"%d\":{}", i);
	strbuf_puts(&text, "}}}}");
	ck_assert(!sif_metadata_parse(text.text, text.len, &m));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("metadata");

	tcase_add_loop_test(tc, parse, 0, ARRAY_SIZE(rows));
	tcase_add_test(tc, directories);
	tcase_add_test(tc, too_many);
	return unit_run("metadata", tc);
}
