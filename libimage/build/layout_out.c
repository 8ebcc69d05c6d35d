/* SPDX-License-Identifier: BSD-3-Clause */
/* layout_out.c - an image of one layer is written; see layout_out.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/output.h"
#include "libimage/build/layout_out.h"
#include "libimage/build/new_dir.h"
#include "libimage/build/scratch.h"
#include "libimage/layer/tar_put.h"
#include "libimage/oci/docker_archive.h"
#include "libimage/oci/json.h"

/* Where files go: into a directory, or an archive. */
struct shelf {
	int dir_fd;	    /* -1: an archive */
	int out_fd;
	struct tar_put tar;
	int64_t when;
};

/* What a file of a layout holds: bytes, or a whole file. */
struct content {
	const void *bytes;
	int fd; /* counts if 'bytes' is NULL */
	uint64_t size;
};

static int put_out(void *arg, const void *bytes, size_t n, struct berth_err *err)
{
	const struct shelf *s = arg;

	if (fd_write_full(s->out_fd, bytes, n) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot write the archive");
	return 0;
}

static int put_file(const struct shelf *s, const char *name, const struct content *c, struct berth_err *err)
{
	cleanup_close int fd = openat(s->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);

	if (fd < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make '%s' of the layout", name);
	if (!c->bytes)
		return scratch_copy(c->fd, 0, c->size, fd, err);
	if (fd_write_full(fd, c->bytes, (size_t)c->size) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot write '%s' of the layout", name);
	return 0;
}

static int put_member(struct shelf *s, const char *name, const struct content *c, struct berth_err *err)
{
	const struct flat_entry e = {
		.path = name,
		.st = { .st_mode = S_IFREG | 0644, .st_size = (off_t)c->size, .st_mtim.tv_sec = s->when },
	};
	static const char zeros[1024];
	size_t fill = (size_t)(-c->size & 511);

	if (tar_put_entry(&s->tar, &e, err) < 0)
		return -1;
	if (c->bytes)
		return tar_put_data(&s->tar, c->bytes, (size_t)c->size, err);
	/* The file goes there by itself, in large pieces; what tar_put_data() would have done is done here. */
	if (scratch_copy(c->fd, 0, c->size, s->out_fd, err) < 0 || put_out(s, zeros, fill, err) < 0)
		return -1;
	s->tar.left = 0;
	return 0;
}

static int put(struct shelf *s, const char *name, const struct content *c, struct berth_err *err)
{
	return s->dir_fd >= 0 ? put_file(s, name, c, err) : put_member(s, name, c, err);
}

static int put_text(struct shelf *s, const char *name, const struct strbuf *text, struct berth_err *err)
{
	const struct content c = { .bytes = text->text, .fd = -1, .size = text->len };

	return put(s, name, &c, err);
}

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot write an image");
}

/* ---- OCI --------------------------------------------------------------------------------------- */

static void blob_name(const struct digest *d, char out[OCI_MEMBER_MAX])
{
	(void)snprintf(out, OCI_MEMBER_MAX, "blobs/sha256/%s", digest_hex(d));
}

static int put_oci(struct shelf *s, const struct image_parts *p, const struct oci_platform *platform,
		   const char *name, struct berth_err *err)
{
	static const char layout[] = OCI_LAYOUT_TEXT;
	const struct content layer = { .fd = p->layer_fd, .size = p->layer.size };
	const struct content head = { .bytes = layout, .fd = -1, .size = sizeof(layout) - 1 };
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct oci_descriptor self = p->self;
	const struct oci_index index = { .media = OCI_MEDIA_INDEX, .manifest = &self, .n = 1 };
	char blob[OCI_MEMBER_MAX];

	self.platform = *platform;
	self.name = (char *)(uintptr_t)name;
	if (s->dir_fd >= 0 && (mkdirat(s->dir_fd, "blobs", 0777) < 0 || mkdirat(s->dir_fd, "blobs/sha256", 0777) < 0))
		return berth_fail(err, BERTH_ESYS, errno, "cannot make the layout's directories");
	if (oci_index_format(&index, &text, err) < 0 || put(s, "oci-layout", &head, err) < 0 ||
	    put_text(s, "index.json", &text, err) < 0)
		return -1;
	blob_name(&p->self.digest, blob);
	if (put_text(s, blob, &p->text, err) < 0)
		return -1;
	blob_name(&p->manifest.config.digest, blob);
	if (put_text(s, blob, &p->config_text, err) < 0)
		return -1;
	blob_name(&p->layer.digest, blob);
	return put(s, blob, &layer, err);
}

/* ---- Docker ------------------------------------------------------------------------------------ */

static int put_docker(struct shelf *s, const struct image_parts *p, const char *name, struct berth_err *err)
{
	const struct content layer = { .fd = p->layer_fd, .size = p->layer.size };
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT, tag = STRBUF_INIT;
	struct json_out o = { .text = &text };
	char config[OCI_MEMBER_MAX], tar[OCI_MEMBER_MAX];

	(void)snprintf(config, sizeof(config), "%s.json", digest_hex(&p->manifest.config.digest));
	(void)snprintf(tar, sizeof(tar), "%s.tar", digest_hex(&p->diff));
	json_open(&o, '[');
	json_open(&o, '{');
	json_member(&o, "Config", config);
	json_key(&o, "RepoTags");
	json_open(&o, '[');
	if (name) {
		const char *slash = strrchr(name, '/');

		/* 'docker load' takes no name without a tag */
		strbuf_printf(&tag, "%s%s", name, strchr(slash ? slash : name, ':') ? "" : ":latest");
		json_put_string(&o, strbuf_ok(&tag) ? tag.text : "");
	}
	json_close(&o, ']');
	json_key(&o, "Layers");
	json_open(&o, '[');
	json_put_string(&o, tar);
	json_close(&o, ']');
	json_close(&o, '}');
	json_close(&o, ']');
	if (!strbuf_ok(&text))
		return no_memory(err);
	if (put_text(s, config, &p->config_text, err) < 0 || put(s, tar, &layer, err) < 0)
		return -1;
	return put_text(s, "manifest.json", &text, err);
}

/* ---- where to ---------------------------------------------------------------------------------- */

static int to_dir(const struct image_parts *p, const struct basis *o, const struct target *t,
		  const struct make_options *opt, struct berth_err *err)
{
	cleanup(new_dir_done) struct new_dir d = NEW_DIR_INIT;
	struct shelf s = { .out_fd = -1 };
	mode_t mask = umask(0);

	(void)umask(mask);
	if (new_dir_open(&d, t->path, opt->force, err) < 0)
		return -1;
	s.dir_fd = d.fd;
	if (put_oci(&s, p, &o->config.platform, t->name, err) < 0)
		return -1;
	if (fchmod(d.fd, 0777 & ~mask) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make '%s'", t->path);
	return new_dir_publish(&d, opt->force, err);
}

static int to_archive(const struct image_parts *p, const struct basis *o, const struct target *t,
		      const struct make_options *opt, struct make_result *res, struct berth_err *err)
{
	cleanup(output_close) struct output out = OUTPUT_INIT;
	struct shelf s = { .dir_fd = -1, .when = opt->squash.epoch > 0 ? opt->squash.epoch : 0 };
	struct stat st;
	int rc;

	if (output_open(&out, t->path, 0666, opt->force, err) < 0)
		return -1;
	s.out_fd = out.fd;
	s.tar.sink = (struct pack_sink){ .arg = &s, .put = put_out };
	rc = t->kind == TARGET_DOCKER_ARCHIVE ? put_docker(&s, p, t->name, err)
					      : put_oci(&s, p, &o->config.platform, t->name, err);
	if (rc < 0 || tar_put_end(&s.tar, err) < 0)
		return -1;
	if (fstat(out.fd, &st) == 0)
		res->bytes = (uint64_t)st.st_size;
	return output_publish(&out, opt->force, err);
}

int layout_out(struct basis *o, const struct region *r, const struct target *t, const struct make_options *opt,
	       struct make_result *res, struct berth_err *err)
{
	cleanup(image_parts_done) struct image_parts p = IMAGE_PARTS_INIT;
	struct make_options own = *opt;

	if (t->kind == TARGET_DOCKER_ARCHIVE)
		own.layer = FLAT_PLAIN;
	if (image_parts_make(o, r, &own, &p, err) < 0)
		return -1;
	res->entries = p.entries;
	res->left_out += p.left_out;
	return t->kind == TARGET_OCI ? to_dir(&p, o, t, opt, err) : to_archive(&p, o, t, opt, res, err);
}
