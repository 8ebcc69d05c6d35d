/* SPDX-License-Identifier: BSD-3-Clause */
/* check_manifest.c - what an image consists of (libimage/oci/manifest.h, media.h). */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/oci/manifest.h"
#include "tests/unit/unit.h"

#define HEX    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SUM    "sha256:" HEX
#define OCI    "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."
#define OCI_M  OCI "manifest.v1+json"
#define OCI_X  OCI "index.v1+json"
#define D_M    DOCKER "distribution.manifest.v2+json"
#define D_L    DOCKER "distribution.manifest.list.v2+json"

#define DESC(media, size) "{\"mediaType\":\"" media "\",\"digest\":\"" SUM "\",\"size\":" size "}"
#define CONFIG	 DESC(OCI "config.v1+json", "7")
#define D_CONFIG DESC(DOCKER "container.image.v1+json", "7")
#define GZIP	 DESC(OCI "layer.v1.tar+gzip", "10")
#define MANIFEST(media, config, layers) \
	"{\"schemaVersion\":2,\"mediaType\":\"" media "\",\"config\":" config ",\"layers\":[" layers "]}"
#define NAMELESS(config, layers) "{\"schemaVersion\":2,\"config\":" config ",\"layers\":[" layers "]}"

static const struct {
	const char *text, *content_type;
	enum oci_media media;
	size_t nlayer;
	enum oci_packing packing; /* of the first layer */
} good[] = {
	{ MANIFEST(OCI_M, CONFIG, GZIP), OCI_M, OCI_MEDIA_MANIFEST, 1, OCI_GZIP },
	{ MANIFEST(OCI_M, CONFIG, GZIP), NULL, OCI_MEDIA_MANIFEST, 1, OCI_GZIP },
	{ MANIFEST(OCI_M, CONFIG, GZIP), "", OCI_MEDIA_MANIFEST, 1, OCI_GZIP },
	{ MANIFEST(OCI_M, CONFIG, GZIP), "application/json", OCI_MEDIA_MANIFEST, 1, OCI_GZIP },
	{ MANIFEST(OCI_M, CONFIG, GZIP), OCI_M "; charset=utf-8", OCI_MEDIA_MANIFEST, 1, OCI_GZIP },
	{ MANIFEST(OCI_M, CONFIG, GZIP), "Application/Vnd.OCI.image.manifest.v1+json", OCI_MEDIA_MANIFEST, 1,
	  OCI_GZIP },
	{ NAMELESS(CONFIG, GZIP), OCI_M, OCI_MEDIA_MANIFEST, 1, OCI_GZIP },
	{ NAMELESS(CONFIG, GZIP), NULL, OCI_MEDIA_MANIFEST, 1, OCI_GZIP },
	{ MANIFEST(OCI_M, CONFIG, ""), OCI_M, OCI_MEDIA_MANIFEST, 0, OCI_PLAIN },
	{ MANIFEST(OCI_M, CONFIG, DESC(OCI "layer.v1.tar", "0")), OCI_M, OCI_MEDIA_MANIFEST, 1, OCI_PLAIN },
	{ MANIFEST(OCI_M, CONFIG, DESC(OCI "layer.v1.tar+zstd", "17592186044416")), OCI_M, OCI_MEDIA_MANIFEST, 1,
	  OCI_ZSTD },
	{ MANIFEST(OCI_M, CONFIG, GZIP "," GZIP "," GZIP), OCI_M, OCI_MEDIA_MANIFEST, 3, OCI_GZIP },
	{ MANIFEST(D_M, D_CONFIG, DESC(DOCKER "image.rootfs.diff.tar.gzip", "1")), D_M,
	  OCI_MEDIA_DOCKER_MANIFEST, 1, OCI_GZIP },
	{ MANIFEST(D_M, D_CONFIG, DESC(DOCKER "image.rootfs.diff.tar", "1")), D_M, OCI_MEDIA_DOCKER_MANIFEST, 1,
	  OCI_PLAIN },
	{ MANIFEST(D_M, D_CONFIG, DESC(DOCKER "image.rootfs.diff.tar.zstd", "1")), D_M,
	  OCI_MEDIA_DOCKER_MANIFEST, 1, OCI_ZSTD },
	/* what we know nothing of does not count, so nothing is fetched from there either */
	{ "{\"schemaVersion\":2,\"mediaType\":\"" OCI_M "\",\"x\":[{}],\"subject\":" CONFIG ",\"annotations\":{},"
	  "\"config\":" CONFIG ",\"layers\":[{\"mediaType\":\"" OCI "layer.v1.tar\",\"digest\":\"" SUM
	  "\",\"size\":1,\"urls\":[\"http://evil.example/\"],\"data\":\"eA==\"}]}",
	  OCI_M, OCI_MEDIA_MANIFEST, 1, OCI_PLAIN },
};

START_TEST(parse_good)
{
	cleanup(oci_manifest_done) struct oci_manifest m = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(oci_manifest_parse(good[_i].text, strlen(good[_i].text), good[_i].content_type, &m, &err) == 0,
		      "%s: %s", good[_i].text, err.text);
	ck_assert_int_eq(m.media, good[_i].media);
	ck_assert_uint_eq(m.nlayer, good[_i].nlayer);
	ck_assert_uint_eq(m.config.size, 7);
	ck_assert_str_eq(m.config.digest.text, SUM);
	ck_assert(!oci_manifest_is_sif(&m));
	if (m.nlayer > 0)
		ck_assert_int_eq(oci_media_packing(m.layer[0].media), good[_i].packing);
}
END_TEST

static const struct {
	const char *text, *content_type, *want; /* a part of the text or the hint; NULL: whatever */
} bad[] = {
	/* T57, CVE-2021-41190: two words, or two forms */
	{ MANIFEST(OCI_M, CONFIG, GZIP), D_M, "something else than it calls itself" },
	{ MANIFEST(D_M, D_CONFIG, GZIP), OCI_M, "something else than it calls itself" },
	{ MANIFEST(OCI_X, CONFIG, GZIP), OCI_M, "something else than it calls itself" },
	{ MANIFEST(OCI_M, CONFIG, GZIP), OCI_X, "something else than it calls itself" },
	{ MANIFEST(OCI_M, CONFIG, GZIP), DOCKER "distribution.manifest.v1+json", "something else" },
	{ MANIFEST(OCI_X, CONFIG, GZIP), NULL, "form of something else" },
	{ NAMELESS(CONFIG, GZIP), OCI_X, "form of something else" },
	{ "{\"schemaVersion\":2,\"manifests\":[]}", OCI_M, "form of something else" },
	{ "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", OCI_M, "at once" },
	{ "{\"schemaVersion\":2,\"manifests\":[],\"config\":" CONFIG "}", NULL, "at once" },
	{ "{\"schemaVersion\":2,\"manifests\":null,\"config\":" CONFIG ",\"layers\":[" GZIP "]}", OCI_M, "at once" },
	{ "{\"schemaVersion\":2,\"manifests\":[]}", OCI_X, "a list of images stands" },
	{ "{\"schemaVersion\":2,\"manifests\":[]}", NULL, "a list of images stands" },
	{ "{\"schemaVersion\":2,\"fsLayers\":[],\"config\":" CONFIG ",\"layers\":[]}", OCI_M, "schema 1" },
	{ "{\"schemaVersion\":2,\"config\":" CONFIG ",\"config\":" CONFIG ",\"layers\":[]}", OCI_M, "key twice" },
	{ "{\"schemaVersion\":2,\"layers\":[" GZIP "],\"config\":" CONFIG ",\"l\\u0061yers\":[]}", OCI_M, "key twice" },
	{ NAMELESS(CONFIG, GZIP), "text/html", "'text/html'" },
	{ NAMELESS(CONFIG, GZIP), OCI "config.v1+json", "config.v1+json" },
	{ NAMELESS(CONFIG, GZIP), OCI_M "x", NULL },
	{ NAMELESS(CONFIG, GZIP), "x\033[2J", "x\\x1b[2J" },
	{ MANIFEST("text/html", CONFIG, GZIP), NULL, "'text/html'" },
	{ MANIFEST("application/json", CONFIG, GZIP), OCI_M, "'application/json'" },
	{ "{\"schemaVersion\":2,\"mediaType\":7,\"config\":" CONFIG ",\"layers\":[]}", OCI_M, "'mediaType'" },
	/* versions */
	{ "{\"schemaVersion\":1,\"fsLayers\":[],\"history\":[]}", DOCKER "distribution.manifest.v1+json", "push the image" },
	{ "{\"schemaVersion\":1,\"fsLayers\":[]}", DOCKER "distribution.manifest.v1+prettyjws", "push the image" },
	{ "{\"schemaVersion\":1,\"config\":" CONFIG ",\"layers\":[]}", OCI_M, "push the image" },
	{ MANIFEST(DOCKER "distribution.manifest.v1+json", CONFIG, GZIP), NULL, "push the image" },
	{ "{\"config\":" CONFIG ",\"layers\":[]}", OCI_M, "schemaVersion" },
	{ "{\"schemaVersion\":3,\"config\":" CONFIG ",\"layers\":[]}", OCI_M, "schemaVersion" },
	{ "{\"schemaVersion\":\"2\",\"config\":" CONFIG ",\"layers\":[]}", OCI_M, "schemaVersion" },
	{ "{\"schemaVersion\":2.0,\"config\":" CONFIG ",\"layers\":[]}", OCI_M, "schemaVersion" },
	/* forms */
	{ "[]", OCI_M, "no object" },
	{ "{}", OCI_M, NULL },
	{ "", OCI_M, NULL },
	{ "{\"schemaVersion\":2}", OCI_M, "form of something else" },
	{ "{\"schemaVersion\":2,\"config\":" CONFIG "}", OCI_M, "no list of layers" },
	{ "{\"schemaVersion\":2,\"layers\":[" GZIP "]}", OCI_M, "config" },
	{ "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":null}", OCI_M, "no list of layers" },
	{ "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":{}}", OCI_M, "'layers'" },
	{ "{\"schemaVersion\":2,\"config\":[],\"layers\":[]}", OCI_M, "'config'" },
	{ NAMELESS(CONFIG, "null"), OCI_M, "no object" },
	{ NAMELESS(CONFIG, "7"), OCI_M, "no object" },
	{ NAMELESS(CONFIG, "\"" SUM "\""), OCI_M, "no object" },
	/* descriptors */
	{ NAMELESS(CONFIG, "{\"digest\":\"" SUM "\",\"size\":1}"), OCI_M, "no media type" },
	{ NAMELESS(CONFIG, "{\"mediaType\":\"" OCI "layer.v1.tar\",\"size\":1}"), OCI_M, "no digest" },
	{ NAMELESS(CONFIG, "{\"mediaType\":\"" OCI "layer.v1.tar\",\"digest\":\"" SUM "\"}"), OCI_M, "no size" },
	{ NAMELESS(CONFIG, DESC(OCI "layer.v1.tar", "-1")), OCI_M, "'size'" },
	{ NAMELESS(CONFIG, DESC(OCI "layer.v1.tar", "1.5")), OCI_M, "'size'" },
	{ NAMELESS(CONFIG, DESC(OCI "layer.v1.tar", "1e3")), OCI_M, "'size'" },
	{ NAMELESS(CONFIG, DESC(OCI "layer.v1.tar", "\"1\"")), OCI_M, "'size'" },
	{ NAMELESS(CONFIG, DESC(OCI "layer.v1.tar", "17592186044417")), OCI_M, "'size'" },
	{ NAMELESS(CONFIG, DESC(OCI "layer.v1.tar", "18446744073709551616")), OCI_M, "'size'" },
	{ NAMELESS(CONFIG, DESC(OCI "layer.v1.tar", "99999999999999999999999999")), OCI_M, "'size'" },
	{ NAMELESS(DESC(OCI "config.v1+json", "4194305"), GZIP), OCI_M, "larger than 4 MiB" },
	{ NAMELESS(CONFIG, "{\"mediaType\":\"" OCI "layer.v1.tar\",\"digest\":\"sha256:../../x\",\"size\":1}"), OCI_M,
	  "no digest" },
	{ NAMELESS(CONFIG, "{\"mediaType\":\"" OCI "layer.v1.tar\",\"digest\":7,\"size\":1}"), OCI_M, "'digest'" },
	{ NAMELESS("{\"mediaType\":\"" OCI "config.v1+json\",\"digest\":\"sha256:00\",\"size\":1}", GZIP), OCI_M,
	  "no digest" },
	/* kinds of layers */
	{ NAMELESS(CONFIG, DESC(OCI "layer.nondistributable.v1.tar+gzip", "1")), OCI_M, "nondistributable" },
	{ NAMELESS(CONFIG, GZIP "," DESC(DOCKER "image.rootfs.foreign.diff.tar.gzip", "1")), OCI_M,
	  "fetches none from elsewhere" },
	{ NAMELESS(CONFIG, DESC("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "1")), OCI_M, "helm" },
	{ NAMELESS(CONFIG, DESC("application/vnd.in-toto+json", "1")), OCI_M, "in-toto" },
	{ NAMELESS(CONFIG, DESC("x\\u001b[2J", "1")), OCI_M, "x\\x1b[2J" },
	{ NAMELESS(CONFIG, DESC("", "1")), OCI_M, NULL },
	{ NAMELESS(CONFIG, CONFIG), OCI_M, "not an image" },
	{ NAMELESS(CONFIG, DESC(OCI_M, "1")), OCI_M, "not an image" },
	{ NAMELESS(GZIP, GZIP), OCI_M, "not an image" },
	{ NAMELESS(DESC("application/vnd.oci.empty.v1+json", "2"), GZIP), OCI_M, "not an image" },
	{ NAMELESS(CONFIG, GZIP "," DESC("application/vnd.sylabs.sif.layer.v1.sif", "1")), OCI_M, "other layers" },
};

START_TEST(parse_bad)
{
	struct oci_manifest m = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(oci_manifest_parse(bad[_i].text, strlen(bad[_i].text), bad[_i].content_type, &m, &err) == -1,
		      "%s", bad[_i].text);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	ck_assert_msg(!bad[_i].want || strstr(err.text, bad[_i].want) || strstr(err.hint, bad[_i].want), "%s: %s",
		      bad[_i].text, err.text);
	ck_assert_ptr_null(m.layer);
}
END_TEST

static int parse_layers(size_t n)
{
	cleanup(oci_manifest_done) struct oci_manifest m = { 0 };
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	strbuf_puts(&text, "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[");
	for (size_t i = 0; i < n; i++)
		strbuf_printf(&text, "%s" GZIP, i > 0 ? "," : "");
	strbuf_puts(&text, "]}");
	return oci_manifest_parse(text.text, text.len, OCI_M, &m, &err);
}

START_TEST(how_many)
{
	ck_assert_int_eq(parse_layers(OCI_LAYERS_MAX), 0);
	ck_assert_int_eq(parse_layers(OCI_LAYERS_MAX + 1), -1);
}
END_TEST

static const char *const sifs[] = {
	NAMELESS(DESC("application/vnd.sylabs.sif.config.v1+json", "2"),
		 DESC("application/vnd.sylabs.sif.layer.v1.sif", "9")),
	NAMELESS(DESC("application/vnd.oci.empty.v1+json", "2"), DESC("application/vnd.sylabs.sif.layer.v1.sif", "9")),
	NAMELESS(DESC("application/vnd.sylabs.sif.config.v1", "2"), DESC("appliciation/vnd.sylabs.sif.layer.tar", "9")),
	NAMELESS(CONFIG, DESC("application/vnd.sylabs.sif.layer.v1.sif", "9")),
};

START_TEST(sif)
{
	cleanup(oci_manifest_done) struct oci_manifest m = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(oci_manifest_parse(sifs[_i], strlen(sifs[_i]), OCI_M, &m, &err) == 0, "%s", err.text);
	ck_assert(oci_manifest_is_sif(&m));
	ck_assert_uint_eq(m.layer[0].size, 9);
}
END_TEST

/* What we write is what we read, and the same again. */
START_TEST(format)
{
	static const char want[] = MANIFEST(OCI_M, CONFIG, GZIP "," DESC(OCI "layer.v1.tar+zstd", "17592186044416"));
	cleanup(oci_manifest_done) struct oci_manifest m = { 0 };
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(oci_manifest_parse(want, strlen(want), OCI_M, &m, &err), 0);
	ck_assert_int_eq(oci_manifest_format(&m, &text, &err), 0);
	ck_assert_str_eq(text.text, want);
}
END_TEST

START_TEST(document_kind)
{
	struct berth_err err = BERTH_ERR_INIT;
	enum oci_media media = OCI_MEDIA_NONE;
	static const char manifest[] = NAMELESS(CONFIG, GZIP), index[] = "{\"schemaVersion\":2,\"manifests\":[]}";

	ck_assert_int_eq(oci_document_kind(manifest, strlen(manifest), OCI_M, &media, &err), 0);
	ck_assert_int_eq(media, OCI_MEDIA_MANIFEST);
	ck_assert_int_eq(oci_document_kind(index, strlen(index), OCI_X, &media, &err), 0);
	ck_assert_int_eq(media, OCI_MEDIA_INDEX);
	ck_assert_int_eq(oci_document_kind(index, strlen(index), D_L, &media, &err), 0);
	ck_assert_int_eq(media, OCI_MEDIA_DOCKER_LIST);
	ck_assert_int_eq(oci_document_kind(index, strlen(index), NULL, &media, &err), 0);
	ck_assert_int_eq(media, OCI_MEDIA_INDEX);
	ck_assert_int_eq(oci_document_kind(index, strlen(index), OCI_M, &media, &err), -1);
}
END_TEST

START_TEST(media)
{
	for (int m = OCI_MEDIA_JSON; m < OCI_MEDIAS; m++) {
		ck_assert_str_ne(oci_media_text((enum oci_media)m), "");
		ck_assert_int_eq(oci_media_find(oci_media_text((enum oci_media)m)), m);
	}
	ck_assert_int_eq(oci_media_find(NULL), OCI_MEDIA_NONE);
	ck_assert_int_eq(oci_media_find(" \t"), OCI_MEDIA_NONE);
	ck_assert_int_eq(oci_media_find(" ; x"), OCI_MEDIA_NONE);
	ck_assert_int_eq(oci_media_find("application/vnd.oci.image.manifest.v1"), OCI_MEDIA_OTHER);
	ck_assert_int_eq(oci_media_find("application/vnd.oci.image.manifest.v1+json,x"), OCI_MEDIA_OTHER);
	ck_assert_str_eq(oci_media_text(OCI_MEDIA_OTHER), "");
	ck_assert_ptr_null(strstr(oci_media_accept(), "v1+prettyjws"));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("manifest");

	tcase_add_loop_test(tc, parse_good, 0, (int)ARRAY_SIZE(good));
	tcase_add_loop_test(tc, parse_bad, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(tc, how_many);
	tcase_add_loop_test(tc, sif, 0, (int)ARRAY_SIZE(sifs));
	tcase_add_test(tc, format);
	tcase_add_test(tc, document_kind);
	tcase_add_test(tc, media);
	return unit_run("manifest", tc);
}
