/* SPDX-License-Identifier: BSD-3-Clause */
/* pull.c - an image of a registry becomes a SIF file; see pull.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/output.h"
#include "libimage/build/copy.h"
#include "libimage/build/pull.h"
#include "libimage/oci/image_config.h"
#include "libimage/oci/manifest.h"
#include "libimage/oci/platform.h"
#include "libimage/ref/image_ref.h"

enum {
	CONFIG_BYTES_MAX = 4 << 20, /* LIMIT: of JSON; usual ones have some KiB */
	INDEX_DEPTH_MAX = 2,	    /* LIMIT: an index in an index occurs, no more */
	LAYER_NAME_SIZE = 96,
	LOOK_BYTES = 1 << 20,	    /* how many bytes come between two looks at the converter */
};

/* A layer on its way. */
struct coming {
	struct pulling *pull;
	size_t i;
	struct store_blob *blob;
	struct growth_reader reader;
	uint64_t done, looked;
	bool whole; /* was there */
};

struct pulling {
	const struct pull *p;
	struct registry_doc doc;   /* the manifest */
	struct oci_manifest manifest;
	struct strbuf config;
	struct oci_platform want;
	char *platform;		   /* the same as text */
	struct coming *coming;
	size_t ncoming;
	struct convert_layer *layer;
	char (*name)[LAYER_NAME_SIZE]; /* of the layers, for messages */
	struct cell cell;
	uint64_t downloaded;
};

static void pulling_done(struct pulling *g)
{
	cell_done(&g->cell);
	for (size_t i = 0; i < g->ncoming; i++)
		(void)store_blob_drop(g->coming[i].blob);
	free(g->coming);
	free(g->layer);
	free(g->name);
	free(g->platform);
	strbuf_done(&g->config);
	oci_manifest_done(&g->manifest);
	registry_doc_done(&g->doc);
}

/* ---- documents --------------------------------------------------------------------------------- */

/* All of the file 'fd', at most 'max' bytes. */
static int read_all(int fd, size_t max, struct strbuf *ret, struct berth_err *err)
{
	char buf[16384];
	ssize_t n;

	while ((n = fd_read_full(fd, buf, sizeof(buf))) > 0) {
		strbuf_add(ret, buf, (size_t)n);
		if (ret->len > max)
			return berth_fail(err, BERTH_EIMAGE, 0, "a document of the store has more than %zu bytes", max);
	}
	if (n < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read the store");
	return strbuf_ok(ret) ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the store");
}

/* Put a small blob into the store. That it cannot be kept there is no reason to fail. */
static void keep(struct store *s, const struct digest *d, const struct strbuf *bytes)
{
	struct berth_err ignored = BERTH_ERR_INIT;
	struct store_blob *b = NULL;

	if (store_blob_begin(s, d, bytes->len, &b, &ignored) == 0) {
		store_blob_restart(b);
		if (store_blob_add(b, bytes->text, bytes->len, &ignored) == 0)
			(void)store_blob_finish(b, &ignored);
	}
	(void)store_blob_drop(b);
}

/* The document of the digest 'd', from the store if it is there: then its type is what it says of itself. */
static int get_by_digest(struct pulling *g, const struct digest *d, struct registry_doc *ret, struct berth_err *err)
{
	cleanup_close int fd = -1;
	int found = store_blob_find(g->p->store, d, STORE_SIZE_UNKNOWN, &fd, err);

	if (found < 0)
		return -1;
	if (found > 0) {
		ret->digest = *d;
		return read_all(fd, CONFIG_BYTES_MAX, &ret->bytes, err);
	}
	if (registry_manifest(g->p->registry, d->text, ret, err) < 0)
		return -1;
	keep(g->p->store, d, &ret->bytes);
	return 0;
}

/* Of an index the entry for the platform that is wanted; it may lead to another index, once. */
static int step_down(struct pulling *g, struct berth_err *err)
{
	const struct oci_descriptor *chosen;
	struct registry_doc doc = { 0 };
	struct oci_index index = { 0 };
	int rc = -1;

	if (oci_index_parse(g->doc.bytes.text, g->doc.bytes.len, g->doc.type, &index, err) == 0 &&
	    oci_index_choose(&index, &g->want, &chosen, err) == 0)
		rc = get_by_digest(g, &chosen->digest, &doc, err);
	oci_index_done(&index);
	if (rc < 0) {
		registry_doc_done(&doc);
		return -1;
	}
	registry_doc_done(&g->doc);
	g->doc = doc;
	return 0;
}

static int read_manifest(struct pulling *g, struct berth_err *err)
{
	if (oci_manifest_parse(g->doc.bytes.text, g->doc.bytes.len, g->doc.type, &g->manifest, err) < 0)
		return -1;
	if (!oci_manifest_is_sif(&g->manifest))
		return 0;
	berth_fail(err, BERTH_EUSAGE, 0, "that is a SIF file in a registry, not an image of layers");
	return berth_hint(err, "its name begins with oras://");
}

static int get_manifest(struct pulling *g, struct berth_err *err)
{
	const struct image_ref *ref = g->p->ref;
	enum oci_media media;

	if ((ref->digest.text[0] != '\0' ? get_by_digest(g, &ref->digest, &g->doc, err)
					 : registry_manifest(g->p->registry, ref->tag, &g->doc, err)) < 0)
		return -1;
	for (int depth = 0; depth <= INDEX_DEPTH_MAX; depth++) {
		if (oci_document_kind(g->doc.bytes.text, g->doc.bytes.len, g->doc.type, &media, err) < 0)
			return -1;
		if (oci_media_kind(media) == OCI_KIND_MANIFEST)
			return read_manifest(g, err);
		if (step_down(g, err) < 0)
			return -1;
	}
	return berth_fail(err, BERTH_EIMAGE, 0, "the image's indexes lead to each other and to no image");
}

static int get_config(struct pulling *g, struct berth_err *err)
{
	const struct oci_descriptor *d = &g->manifest.config;
	cleanup_close int fd = -1;
	int found = store_blob_find(g->p->store, &d->digest, d->size, &fd, err);

	if (found < 0)
		return -1;
	if (found > 0)
		return read_all(fd, CONFIG_BYTES_MAX, &g->config, err);
	if (registry_small_blob(g->p->registry, &d->digest, d->size, CONFIG_BYTES_MAX, &g->config, err) < 0)
		return -1;
	keep(g->p->store, &d->digest, &g->config);
	return 0;
}

/* ---- layers ------------------------------------------------------------------------------------ */

static void say(const struct coming *c, enum pull_state state)
{
	const struct pulling *g = c->pull;
	const struct pull_news news = {
		.i = c->i, .n = g->ncoming, .digest = &g->manifest.layer[c->i].digest,
		.done = c->done, .total = g->manifest.layer[c->i].size, .state = state,
	};

	if (g->p->opt.news)
		g->p->opt.news(g->p->opt.arg, &news);
}

/* The converter has given up: what still comes is of no use now, and why it did is what counts. */
static int converter_left(struct berth_err *err)
{
	return berth_fail(err, BERTH_EIMAGE, 0, "the converter ended early");
}

static int come(void *arg, const void *bytes, size_t n, struct berth_err *err)
{
	struct coming *c = arg;

	if (store_blob_add(c->blob, bytes, n, err) < 0)
		return -1;
	c->done += n;
	c->pull->downloaded += n;
	say(c, PULL_COMING);
	if (c->done - c->looked < LOOK_BYTES)
		return 0;
	c->looked = c->done;
	return cell_ended(&c->pull->cell) ? converter_left(err) : 0;
}

static int come_again(void *arg, struct berth_err *err)
{
	struct coming *c = arg;

	(void)err;
	store_blob_restart(c->blob);
	c->done = c->looked = 0;
	return 0;
}

static int come_end(void *arg, struct berth_err *err)
{
	struct coming *c = arg;

	if (store_blob_finish(c->blob, err) < 0)
		return -1;
	say(c, PULL_DONE);
	return 0;
}

/* Take the layers' places in the store; those that are not there are ours to get. */
static int begin_layers(struct pulling *g, const struct oci_config *config, struct berth_err *err)
{
	size_t n = g->manifest.nlayer;
	cleanup_free struct store_want *want = calloc(n + 1, sizeof(*want));
	cleanup_free struct store_blob **blob = calloc(n + 1, sizeof(struct store_blob *));

	g->coming = calloc(n + 1, sizeof(*g->coming));
	g->layer = calloc(n + 1, sizeof(*g->layer));
	g->name = calloc(n + 1, sizeof(*g->name));
	if (!want || !blob || !g->coming || !g->layer || !g->name)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep the list of layers");
	for (size_t i = 0; i < n; i++) {
		want[i].digest = g->manifest.layer[i].digest;
		want[i].size = g->manifest.layer[i].size;
	}
	if (store_blobs_begin(g->p->store, want, n, blob, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct coming *c = &g->coming[i];

		*c = (struct coming){ .pull = g, .i = i, .blob = blob[i], .whole = store_blob_is_whole(blob[i]) };
		g->ncoming = i + 1;
	}
	for (size_t i = 0; i < n; i++) {
		struct coming *c = &g->coming[i];

		(void)store_blob_source(c->blob, &c->reader);
		c->done = c->looked = store_blob_have(c->blob);
		(void)snprintf(g->name[i], sizeof(g->name[i]), "layer %zu of %zu (%.19s)", i + 1, n,
			       want[i].digest.text);
		g->layer[i] = (struct convert_layer){
			.fd = c->reader.fd, .at = c->reader.at, .size = want[i].size,
			.growth = c->whole ? NULL : c->reader.g,
			.packing = layered_packing(g->manifest.layer[i].media),
			.diff_id = &config->diff_id[i], .name = g->name[i],
		};
		say(c, c->whole ? PULL_THERE : PULL_WAITING);
	}
	return 0;
}

/* The topmost first: that is the order in which they are converted. One that is there twice comes once. */
static int fetch_layers(struct pulling *g, struct berth_err *err)
{
	cleanup_free struct registry_job *job = calloc(g->ncoming + 1, sizeof(*job));
	size_t n = 0;

	if (!job)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot fetch layers");
	for (size_t i = g->ncoming; i-- > 0;) {
		struct coming *c = &g->coming[i];
		bool twice = false;

		for (size_t k = i + 1; k < g->ncoming; k++)
			twice = twice || g->coming[k].blob == c->blob;
		if (c->whole || twice)
			continue;
		job[n++] = (struct registry_job){
			.digest = g->manifest.layer[i].digest, .size = g->manifest.layer[i].size, .have = c->done,
			.data = come, .restart = come_again, .end = come_end, .arg = c,
		};
	}
	return n == 0 ? 0 : registry_fetch(g->p->registry, job, n, err);
}

static void image_drop(struct store_image **i)
{
	*i = store_image_drop(*i);
}

/* ---- the image --------------------------------------------------------------------------------- */

/* A manifest that was not chosen out of an index may be for any machine. */
static int check_platform(const struct pulling *g, const struct oci_platform *have, struct berth_err *err)
{
	char text[PLATFORM_TEXT];

	if (have->architecture[0] == '\0' || oci_platform_rank(&g->want, have) > 0)
		return 0;
	berth_fail(err, BERTH_ENOTFOUND, 0, "the image is for %s, not for %s", oci_platform_format(have, text),
		   g->platform);
	return berth_hint(err, "--arch %s takes it all the same; it runs on such a machine", have->architecture);
}

/* Start the converter on what has come of the layers. */
static int start(struct pulling *g, int out_fd, const char *from, struct berth_err *err)
{
	struct oci_config config = { 0 };
	struct layered image = { .bootstrap = "docker", .from = from, .config = &config };
	int rc;

	if (get_config(g, err) < 0 ||
	    oci_config_parse(g->config.text, g->config.len, g->manifest.nlayer, &config, err) < 0)
		return -1;
	rc = check_platform(g, &config.platform, err);
	if (rc == 0)
		rc = begin_layers(g, &config, err);
	image.layer = g->layer;
	image.nlayer = g->ncoming;
	if (rc == 0)
		rc = layered_start(&g->cell, &image, out_fd, &g->p->opt.image, err);
	oci_config_done(&config);
	return rc;
}

/* The download failed, or the converter did, whose peer then knows no more than that. */
static int failed(struct pulling *g, const struct berth_err *net, struct pull_result *ret, struct berth_err *err)
{
	bool converter = cell_ended(&g->cell);

	for (size_t i = 0; i < g->ncoming; i++)
		g->coming[i].blob = store_blob_drop(g->coming[i].blob);
	/* It hears that a download has failed before we are told why. */
	if (converter && layered_end(&g->cell, -1, &ret->made, err) < 0 && err->code != BERTH_ENET)
		return -1;
	*err = *net;
	return -1;
}

static int make(struct pulling *g, int out_fd, const char *from, struct pull_result *ret, struct berth_err *err)
{
	struct berth_err net = BERTH_ERR_INIT;

	if (start(g, out_fd, from, err) < 0)
		return -1;
	if (fetch_layers(g, &net) < 0)
		return failed(g, &net, ret, err);
	if (layered_end(&g->cell, g->p->opt.cancel_fd, &ret->made, err) < 0)
		return -1;
	ret->bytes = ret->made.bytes;
	ret->downloaded = g->downloaded;
	return 0;
}

/* By which name the store knows the image. */
static int find_key(const struct pulling *g, char ret[STORE_KEY_SIZE], struct berth_err *err)
{
	char how[LAYERED_HOW_SIZE];

	layered_how(&g->p->opt.image, how);
	return store_image_key(&g->doc.digest, g->platform, how, ret, err);
}

/* What the user called it: for the definition file, "alpine:3.19"; and whole, for the store. */
static int names(const struct pulling *g, char **ret_whole, const char **ret_from, struct berth_err *err)
{
	const char *from;

	*ret_whole = image_ref_format(g->p->ref);
	if (!*ret_whole)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep the image's name");
	from = strstr(*ret_whole, "://");
	*ret_from = from ? from + 3 : *ret_whole;
	return 0;
}

/* The manifest, the platform and the key. */
static int find(struct pulling *g, char key[STORE_KEY_SIZE], struct berth_err *err)
{
	char text[PLATFORM_TEXT];

	if (!g->p->opt.platform)
		oci_platform_host(&g->want);
	else if (oci_platform_parse(g->p->opt.platform, &g->want, err) < 0)
		return -1;
	g->platform = strdup(oci_platform_format(&g->want, text));
	if (!g->platform)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep the platform");
	if (get_manifest(g, err) < 0)
		return -1;
	return find_key(g, key, err);
}

int pull_to_file(const struct pull *p, const char *out, bool force, struct pull_result *ret,
		 struct berth_err *err)
{
	cleanup(pulling_done) struct pulling g = { .p = p, .cell = CELL_INIT };
	cleanup(output_close) struct output o = OUTPUT_INIT;
	cleanup_free char *whole = NULL, *path = NULL;
	cleanup_close int fd = -1;
	char key[STORE_KEY_SIZE];
	const char *from;
	int found;

	if (output_open(&o, out, 0755, force, err) < 0 || names(&g, &whole, &from, err) < 0 ||
	    find(&g, key, err) < 0)
		return -1;
	found = store_image_find(p->store, key, &fd, &path, err);
	if (found < 0)
		return -1;
	if (found > 0) {
		struct stat st;

		if (fstat(fd, &st) < 0 || copy_file(fd, o.fd, out, err) < 0)
			return -1;
		ret->there = true;
		ret->bytes = (uint64_t)st.st_size;
	} else if (make(&g, o.fd, from, ret, err) < 0) {
		return -1;
	}
	ret->manifest = g.doc.digest;
	return output_publish(&o, force, err);
}

int pull_to_store(const struct pull *p, int *ret_fd, char **ret_path, struct pull_result *ret,
		  struct berth_err *err)
{
	cleanup(pulling_done) struct pulling g = { .p = p, .cell = CELL_INIT };
	cleanup(image_drop) struct store_image *image = NULL;
	cleanup_free char *whole = NULL, *path = NULL;
	struct store_meta meta = { 0 };
	char key[STORE_KEY_SIZE];
	const char *from;
	int rc;

	if (names(&g, &whole, &from, err) < 0 || find(&g, key, err) < 0)
		return -1;
	rc = store_image_begin(p->store, key, &image, err);
	if (rc < 0)
		return -1;
	ret->there = rc > 0;
	ret->manifest = g.doc.digest;
	if (!ret->there) {
		meta.source = whole;
		meta.platform = g.platform;
		meta.manifest = g.doc.digest;
		if (make(&g, store_image_output(image)->fd, from, ret, err) < 0 ||
		    store_image_publish(image, &meta, err) < 0)
			return -1;
	}
	if (store_image_path(image)) {
		path = strdup(store_image_path(image));
		if (!path)
			return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep the image's path");
	}
	/* The lock is the open file's, which this is another descriptor of. */
	*ret_fd = fcntl(store_image_fd(image), F_DUPFD_CLOEXEC, 0);
	if (*ret_fd < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot keep the image open");
	*ret_path = take_ptr(&path);
	return 0;
}
