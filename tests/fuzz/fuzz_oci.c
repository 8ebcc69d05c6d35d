/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_oci.c - any bytes as a document of a registry or an archive, or as the user's credentials.
 * The first byte says which. What is taken can be written, and read again as the same.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/view/script.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/build/singularity_d.h"
#include "libimage/oci/authfile.h"
#include "libimage/oci/docker_archive.h"
#include "libimage/oci/image_config.h"
#include "libimage/oci/json.h"
#include "libimage/oci/manifest.h"
#include "libimage/oci/token.h"
#include "libimage/ref/image_ref.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must_be(enum berth_code got, enum berth_code want)
{
	must(got == want);
}

static void try_json(const char *p, size_t n)
{
	cleanup(json_wipep) struct json *root = NULL, *again = NULL;
	cleanup_free char *first = NULL, *second = NULL;
	struct berth_err err = BERTH_ERR_INIT;
	size_t first_n, second_n;

	if (json_parse(p, n, &root, &err) < 0) {
		must_be(err.code, BERTH_EIMAGE);
		return;
	}
	must(json_write(root, &first, &first_n, &err) == 0);
	must(json_parse(first, first_n, &again, &err) == 0);
	must(json_write(again, &second, &second_n, &err) == 0);
	must(first_n == second_n && memcmp(first, second, first_n) == 0);
}

static void try_manifest(const char *p, size_t n, const char *type)
{
	cleanup(oci_manifest_done) struct oci_manifest m = { 0 }, again = { 0 };
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	enum oci_media kind;

	if (oci_manifest_parse(p, n, type, &m, &err) < 0) {
		must_be(err.code, BERTH_EIMAGE);
		return;
	}
	must(oci_document_kind(p, n, type, &kind, &err) == 0 && kind == m.media);
	must(m.nlayer <= OCI_LAYERS_MAX && digest_is_set(&m.config.digest));
	for (size_t i = 0; i < m.nlayer; i++)
		must(digest_is_set(&m.layer[i].digest) && m.layer[i].size <= OCI_BLOB_MAX);
	must(oci_manifest_format(&m, &text, &err) == 0);
	must(oci_manifest_parse(text.text, text.len, type, &again, &err) == 0);
	must(again.nlayer == m.nlayer && again.media == m.media);
}

static void try_index(const char *p, size_t n, const char *type)
{
	cleanup(oci_index_done) struct oci_index x = { 0 }, again = { 0 };
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	const struct oci_descriptor *d = NULL;
	struct berth_err err = BERTH_ERR_INIT;
	struct oci_platform want;
	struct oci_index some;

	if (oci_index_parse(p, n, type, &x, &err) < 0) {
		must_be(err.code, BERTH_EIMAGE);
		return;
	}
	oci_platform_host(&want);
	if (oci_index_choose(&x, &want, &d, &err) == 0)
		must(d >= x.manifest && d < x.manifest + x.n && digest_is_set(&d->digest) && !d->attestation);
	if (oci_index_select(&x, NULL, &some, &err) == 0)
		free(some.manifest);
	must(oci_index_format(&x, &text, &err) == 0);
	must(oci_index_parse(text.text, text.len, type, &again, &err) == 0 && again.n == x.n);
}

/* What arrives of the image's variables, where Berth follows the script without a shell. */
static void check_environment(const struct oci_config *c, const struct singularity_d *d)
{
	struct script_vars vars = SCRIPT_VARS_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	struct script_odd odd;

	if (script_run(d->docker_env.text, d->docker_env.len, &vars, &odd, &err) != 1) {
		script_vars_done(&vars);
		return;
	}
	for (size_t i = 0; i < vars.n; i++) {
		const char *value = vars.v[i].value, *want = NULL;
		size_t len = strlen(vars.v[i].name);

		for (size_t k = 0; k < c->env.n; k++)
			if (strncmp(c->env.v[k], vars.v[i].name, len) == 0 &&
			    (c->env.v[k][len] == '=' || c->env.v[k][len] == '\0'))
				want = c->env.v[k] + len + (c->env.v[k][len] == '=');
		if (vars.v[i].assigned)
			must(want && value && strcmp(value, want) == 0);
	}
	script_vars_done(&vars);
}

static void try_config(const char *p, size_t n)
{
	cleanup(oci_config_done) struct oci_config c = { 0 }, again = { 0 };
	cleanup(singularity_d_done) struct singularity_d d = { .n = 0 };
	cleanup(strbuf_done) struct strbuf first = STRBUF_INIT, second = STRBUF_INIT, inspect = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	struct singularity_d_source src = { .config = &c, .bootstrap = "docker", .from = "x", .arch = "amd64" };

	if (oci_config_parse(p, n, 1, &c, &err) < 0) {
		must_be(err.code, BERTH_EIMAGE);
		return;
	}
	must(oci_config_format(&c, &first, &err) == 0);
	must(oci_config_parse(first.text, first.len, 1, &again, &err) == 0);
	must(oci_config_format(&again, &second, &err) == 0);
	must(first.len == second.len && memcmp(first.text, second.text, first.len) == 0);
	must(singularity_d_make(&src, &d, &err) == 0 && d.n <= SINGULARITY_D_ENTRIES);
	must(singularity_d_inspect(&d, &inspect, &err) == 0);
	check_environment(&c, &d);
}

static void try_archive(const char *p, size_t n)
{
	cleanup(docker_archive_done) struct docker_archive a = { 0 };
	const struct docker_archive_image *image;
	struct berth_err err = BERTH_ERR_INIT;

	(void)oci_layout_check(p, n, &err);
	if (docker_archive_parse(p, n, &a, &err) < 0) {
		must_be(err.code, BERTH_EIMAGE);
		return;
	}
	for (size_t i = 0; i < a.n; i++) {
		must(a.image[i].config[0] != '/' && strncmp(a.image[i].config, "../", 3) != 0);
		for (size_t k = 0; k < a.image[i].tags.n; k++) {
			cleanup(image_ref_done) struct image_ref want = { 0 };

			if (image_ref_parse_name(a.image[i].tags.v[k], &want, &err) == 0)
				must(docker_archive_choose(&a, &want, &image, &err) == 0);
		}
	}
}

static void try_authfile(const char *p, size_t n)
{
	cleanup(authfile_freep) struct authfile *a = NULL;
	cleanup(credential_done) struct credential c = { 0 }, hub = { 0 }, answer = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	if (credential_parse(p, n, &answer, &err) < 0)
		must_be(err.code, BERTH_EDENIED);
	if (authfile_parse("f", p, n, &a, &err) < 0) {
		must_be(err.code, BERTH_ECONFIG);
		return;
	}
	if (authfile_find(a, "r.example", "a/b", &c, &err) < 0)
		must_be(err.code, BERTH_ECONFIG);
	must(!strchr(c.helper, '/'));
	if (authfile_find(a, REF_HUB_HOST, "library/x", &hub, &err) < 0)
		must_be(err.code, BERTH_ECONFIG);
	if (authfile_set(a, "r.example", "u", "p", &err) == 0)
		must(authfile_remove(a, "r.example") == 1);
}

static void try_token(const char *p, size_t n)
{
	cleanup(oci_token_done) struct oci_token t = { 0 };
	struct berth_err err = BERTH_ERR_INIT;
	char reason[200];

	oci_reason(p, n, reason, sizeof(reason));
	for (const char *r = reason; *r; r++)
		must((unsigned char)*r >= ' ' && *r != 0x7f);
	if (oci_token_parse(p, n, &t, &err) < 0)
		must_be(err.code, BERTH_ENET);
	else
		must(t.text[0] && !strpbrk(t.text, " \t\r\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const types[] = { NULL, "application/vnd.oci.image.index.v1+json",
					     "application/vnd.docker.distribution.manifest.v2+json" };
	const char *p = (const char *)data + 1;

	if (n == 0)
		return 0;
	n--;
	switch (data[0]) {
	case 'j': try_json(p, n); break;
	case 'm': try_manifest(p, n, types[0]); break;
	case 'd': try_manifest(p, n, types[2]); break;
	case 'x': try_index(p, n, types[0]); break;
	case 'i': try_index(p, n, types[1]); break;
	case 'c': try_config(p, n); break;
	case 'a': try_archive(p, n); break;
	case 'u': try_authfile(p, n); break;
	case 't': try_token(p, n); break;
	default: break;
	}
	return 0;
}
