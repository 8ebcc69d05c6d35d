/* SPDX-License-Identifier: BSD-3-Clause */
/* docker_archive.c - what is in an archive of Docker's; see docker_archive.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/oci/docker_archive.h"
#include "libimage/oci/json.h"
#include "libimage/oci/manifest.h"
#include "libimage/ref/image_ref.h"

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep what is in an archive");
}

/* A name below the archive's top: "abc/layer.tar". */
static int check_member(const char *name, struct berth_err *err)
{
	const char *at = name;

	for (;;) {
		size_t n = strcspn(at, "/");

		/* "", "." and ".." */
		if ((n <= 2 && strncmp(at, "..", n) == 0) || strlen(name) > OCI_MEMBER_MAX)
			return berth_fail(err, BERTH_EIMAGE, 0,
					  "the archive's manifest names a file outside of it");
		if (at[n] == '\0')
			return 0;
		at += n + 1;
	}
}

static int read_members(const struct json *arr, struct strlist *ret, bool files, struct berth_err *err)
{
	for (size_t i = 0; i < json_count(arr); i++) {
		const char *text = json_text(json_at(arr, i));

		if (!text)
			return berth_fail(err, BERTH_EIMAGE, 0,
					  "the archive's manifest lists what is no string");
		if (files && check_member(text, err) < 0)
			return -1;
		strlist_add(ret, text);
	}
	return strlist_ok(ret) ? 0 : no_memory(err);
}

static int read_image(const struct json *obj, struct docker_archive_image *image, struct berth_err *err)
{
	const struct json *layers, *tags;
	const char *config;

	if (json_get_string(obj, "Config", &config, err) < 0 ||
	    json_get_array(obj, "Layers", &layers, err) < 0 ||
	    json_get_array(obj, "RepoTags", &tags, err) < 0)
		return -1;
	if (!config || !layers)
		return berth_fail(err, BERTH_EIMAGE, 0, "the archive's manifest has no %s",
				  config ? "layers" : "config");
	if (json_count(layers) > OCI_LAYERS_MAX || json_count(tags) > OCI_INDEX_MAX)
		return berth_fail(err, BERTH_EIMAGE, 0, "the archive's manifest has too many layers or tags");
	if (check_member(config, err) < 0)
		return -1;
	image->config = strdup(config);
	if (!image->config)
		return no_memory(err);
	return read_members(layers, &image->layers, true, err) < 0 ||
	       read_members(tags, &image->tags, false, err) < 0 ? -1 : 0;
}

int docker_archive_parse(const void *bytes, size_t n, struct docker_archive *ret, struct berth_err *err)
{
	cleanup(json_freep) struct json *root = NULL;
	cleanup(docker_archive_done) struct docker_archive a = { 0 };
	size_t count;

	if (json_parse(bytes, n, &root, err) < 0)
		return -1;
	count = json_count(root);
	if (!json_is_array(root) || count == 0 || count > OCI_INDEX_MAX)
		return berth_fail(err, BERTH_EIMAGE, 0, "the archive's manifest is no list of images");
	a.image = calloc(count, sizeof(*a.image));
	if (!a.image)
		return no_memory(err);
	while (a.n < count) {
		struct docker_archive_image *image = &a.image[a.n++];

		if (read_image(json_at(root, a.n - 1), image, err) < 0)
			return -1;
	}
	*ret = a;
	a = (struct docker_archive){ 0 };
	return 0;
}

void docker_archive_done(struct docker_archive *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free(a->image[i].config);
		strlist_done(&a->image[i].layers);
		strlist_done(&a->image[i].tags);
	}
	free(a->image);
	*a = (struct docker_archive){ 0 };
}

static bool has_tag(const struct docker_archive_image *image, const struct image_ref *want)
{
	for (size_t i = 0; i < image->tags.n; i++) {
		cleanup(image_ref_done) struct image_ref tag = { 0 };
		struct berth_err ignored = BERTH_ERR_INIT;

		if (image_ref_parse_name(image->tags.v[i], &tag, &ignored) == 0 &&
		    image_ref_same_name(&tag, want))
			return true;
	}
	return false;
}

static int list_tags(const struct docker_archive *a, struct berth_err *err)
{
	char there[150] = ""; /* the rest of a hint is for its words */
	size_t at = 0;

	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < a->image[i].tags.n; k++) {
			char shown[80]; /* of a name and a tag */
			int n;

			str_escape(a->image[i].tags.v[k], shown, sizeof(shown));
			n = snprintf(there + at, sizeof(there) - at, "%s%s", at > 0 ? ", " : "", shown);
			if (n < 0 || (size_t)n >= sizeof(there) - at) {
				there[at] = '\0';
				return berth_hint(err, "there are: %s ...", there);
			}
			at += (size_t)n;
		}
	return at > 0 ? berth_hint(err, "there are: %s", there) : -1;
}

int docker_archive_choose(const struct docker_archive *a, const struct image_ref *want,
			  const struct docker_archive_image **ret, struct berth_err *err)
{
	if (!want && a->n == 1) {
		*ret = &a->image[0];
		return 0;
	}
	for (size_t i = 0; i < a->n && want; i++)
		if (has_tag(&a->image[i], want)) {
			*ret = &a->image[i];
			return 0;
		}
	berth_fail(err, want ? BERTH_ENOTFOUND : BERTH_EUSAGE, 0, "the archive has %s",
		   want ? "no image of that name" : "several images");
	return list_tags(a, err);
}

int oci_layout_check(const void *bytes, size_t n, struct berth_err *err)
{
	cleanup(json_freep) struct json *root = NULL;
	const char *version;

	if (json_parse(bytes, n, &root, err) < 0 ||
	    json_get_string(root, "imageLayoutVersion", &version, err) < 0)
		return berth_context(err, "oci-layout");
	if (!version || strcmp(version, "1.0.0") != 0)
		return berth_fail(err, BERTH_EIMAGE, 0,
				  "the OCI layout is of a version that Berth does not know");
	return 0;
}
