/* SPDX-License-Identifier: BSD-3-Clause */
/* basis.c - what an image is made of; see basis.h. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/path.h"
#include "libimage/base/pin.h"
#include "libimage/build/ext.h"
#include "libimage/build/basis.h"
#include "libimage/build/basis_layout.h"
#include "libimage/ref/image_ref.h"
#include "libimage/sif/sif.h"

enum {
	HEAD_BYTES = 4096,
	MAGIC_BYTES = 4,
	TAR_MAGIC_AT = 257,
	CONFIG_BYTES_MAX = 4 << 20, /* LIMIT: of JSON */
};

void basis_done(struct basis *o)
{
	free(o->path);
	cleanup_close_fn(&o->fd);
	o->members = members_close(o->members);
	free(o->layer);
	free(o->layer_name);
	free(o->from);
	oci_config_done(&o->config);
	*o = (struct basis)BASIS_INIT;
}

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep what an image is made of");
}

/* ---- SIF --------------------------------------------------------------------------------------- */

/* What it says of itself, as Apptainer's pull and ours leave it there: the part "config" of the image's config. */
static int read_run_config(struct basis *o, const struct sif_object *obj, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf whole = STRBUF_INIT;
	cleanup_free char *text = NULL;
	struct berth_err odd = BERTH_ERR_INIT;

	if (obj->size > CONFIG_BYTES_MAX)
		return 0;
	text = malloc((size_t)obj->size + 1);
	if (!text)
		return no_memory(err);
	if (fd_pread_full(o->fd, text, (size_t)obj->size, (off_t)obj->offset) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read the image");
	strbuf_printf(&whole, "{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":",
		      o->arch[0] ? sif_arch_name(o->arch) : "");
	strbuf_add(&whole, text, (size_t)obj->size);
	strbuf_puts(&whole, ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
	if (!strbuf_ok(&whole))
		return no_memory(err);
	/* one that is odd counts as none: the file system is what matters */
	o->has_config = oci_config_parse(whole.text, whole.len, 0, &o->config, &odd) == 0;
	return 0;
}

static int read_sif(struct basis *o, struct berth_err *err)
{
	struct sif_object obj, config = { .type = 0 };
	unsigned int roots = 0;
	struct sif sif;

	if (sif_open(o->fd, &sif, err) < 0)
		return -1;
	o->sif = true;
	for (uint32_t i = 0; i < sif.slots; i++) {
		int rc = sif_object_get(&sif, i, &obj, err);

		if (rc < 0)
			return -1;
		if (rc == 0)
			continue;
		if (obj.type == SIF_JSON && strcmp(obj.name, "oci-config.json") == 0)
			config = obj;
		if (obj.type != SIF_PARTITION || obj.part != SIF_PART_PRIMARY)
			continue;
		roots++;
		o->kind = obj.fs == SIF_FS_SQUASHFS ? BASIS_SQUASH : obj.fs == SIF_FS_EXT3 ? BASIS_EXT : BASIS_NONE;
		o->at = obj.offset;
		o->size = obj.size;
		memcpy(o->arch, obj.arch, sizeof(o->arch));
	}
	if (roots != 1 || o->kind == BASIS_NONE)
		return berth_fail(err, BERTH_EIMAGE, 0, roots == 1 ? "the SIF file's root is encrypted, or of an unknown kind"
				  : roots == 0 ? "the SIF file has no root file system" : "the SIF file has several roots");
	return config.type == SIF_JSON ? read_run_config(o, &config, err) : 0;
}

/* ---- other files ------------------------------------------------------------------------------- */

static int layer_of_tar(struct basis *o, bool pipe, struct berth_err *err)
{
	o->layer = calloc(1, sizeof(*o->layer));
	if (!o->layer)
		return no_memory(err);
	o->layer[0] = (struct convert_layer){
		.fd = o->fd, .size = o->file_size, .packing = FLAT_ANY, .name = "the archive", .pipe = pipe,
	};
	o->nlayer = 1;
	o->kind = BASIS_LAYERS;
	return 0;
}

/* "Bootstrap: docker", after comments and blank lines: what Apptainer builds from. */
static bool is_recipe(const char *head)
{
	static const char word[] = "bootstrap";
	const char *p = head;

	for (;;) {
		p += strspn(p, " \t\r\n");
		if (*p != '#')
			break;
		p += strcspn(p, "\n");
	}
	if (strncasecmp(p, word, strlen(word)) != 0)
		return false;
	p += strlen(word);
	return p[strspn(p, " \t")] == ':';
}

static int fail_recipe(const struct basis *o, struct berth_err *err)
{
	berth_fail(err, BERTH_EUSAGE, 0, "'%.200s' is a definition file: this version builds from images, not from recipes",
		   o->path);
	return berth_hint(err, "let 'apptainer build' make a SIF file of it, or build with podman and name docker-archive:");
}

static bool has_suffix(const char *path, const char *suffix)
{
	size_t n = strlen(path), m = strlen(suffix);

	return n > m && strcasecmp(path + n - m, suffix) == 0;
}

/* FORMAT: the first bytes of what is often taken for an archive of tar. */
static const char *other_packing(const unsigned char *head)
{
	if (memcmp(head, "\xfd" "7zXZ", 5) == 0)
		return "xz -dc";
	return memcmp(head, "BZh", 3) == 0 ? "bzip2 -dc" : NULL;
}

static int fail_kind(const struct basis *o, const unsigned char *head, struct berth_err *err)
{
	const char *tool = other_packing(head);

	if (is_recipe((const char *)head) || has_suffix(o->path, ".def"))
		return fail_recipe(o, err);
	berth_fail(err, BERTH_EUSAGE, 0, "'%.200s' is nothing that an image is made of", o->path);
	if (tool)
		return berth_hint(err, "it is packed in a way that is not read; unpack it: %s FILE | berth build IMAGE.sif -",
				  tool);
	return berth_hint(err, "images are made of SIF and squashfs files, directories, archives of tar, and ext3 images of "
			       "Singularity 2.x");
}

static bool is_tar(const unsigned char *head)
{
	return memcmp(head + TAR_MAGIC_AT, "ustar", 5) == 0 || (head[0] == 0x1f && head[1] == 0x8b) ||
	       memcmp(head, "\x28\xb5\x2f\xfd", MAGIC_BYTES) == 0;
}

/* A regular file, by its first bytes. */
static int look_at_file(struct basis *o, struct berth_err *err)
{
	static const char launch[] = "#!/usr/bin/env run-singularity\n";
	unsigned char head[HEAD_BYTES + 1] = { 0 };
	uint64_t at = 0;
	size_t n = o->file_size < HEAD_BYTES ? (size_t)o->file_size : HEAD_BYTES;

	if (fd_pread_full(o->fd, head, n, 0) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read '%s'", o->path);
	if (memcmp(head + 32, "SIF_MAGIC", 10) == 0)
		return read_sif(o, err) < 0 ? berth_context(err, "'%s'", o->path) : 0;
	/* what Singularity 2.x put before a file system */
	if (memcmp(head, launch, SQUASH_LAUNCH_BYTES) == 0)
		at = SQUASH_LAUNCH_BYTES;
	o->at = at;
	o->size = o->file_size > at ? o->file_size - at : 0;
	if (memcmp(head + at, "hsqs", MAGIC_BYTES) == 0)
		o->kind = BASIS_SQUASH;
	else if (ext_is(o->fd, at))
		o->kind = BASIS_EXT;
	else if (is_tar(head) || (has_suffix(o->path, ".tar") && n >= 512))
		return layer_of_tar(o, false, err);
	else
		return fail_kind(o, head, err);
	return 0;
}

int basis_open_file(int fd, const char *path, struct basis *ret, struct berth_err *err)
{
	struct stat st;

	ret->fd = fd;
	ret->path = strdup(path);
	if (!ret->path)
		return no_memory(err);
	if (fstat(fd, &st) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot look at '%s'", path);
	if (S_ISDIR(st.st_mode)) {
		ret->kind = BASIS_DIR;
		return 0;
	}
	ret->file_size = (uint64_t)st.st_size;
	if (S_ISREG(st.st_mode))
		return look_at_file(ret, err);
	if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
		return layer_of_tar(ret, true, err);
	berth_fail(err, BERTH_EUSAGE, 0, "'%s' is neither a file nor a directory", path);
	return berth_hint(err, "\"-\" is standard input, for an archive of tar through a pipe");
}

static int open_path(const char *path, struct basis *ret, struct berth_err *err)
{
	bool input = strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0;
	int fd = input ? fcntl(0, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : fd_open_user(path, O_RDONLY | O_NOCTTY);
	int sys = errno;

	if (fd < 0)
		return berth_fail(err, sys == ENOENT ? BERTH_ENOTFOUND : sys == EACCES ? BERTH_EDENIED : BERTH_ESYS, sys,
				  "cannot open the source '%s'", path);
	return basis_open_file(fd, input ? "standard input" : path, ret, err);
}

/* ---- by scheme --------------------------------------------------------------------------------- */

static int open_layout(const struct image_ref *ref, const struct basis_options *opt, struct basis *ret,
		       struct berth_err *err)
{
	int rc = ref->scheme == REF_OCI ? members_open_dir(ref->path, &ret->members, err)
					: members_open_archive(ref->path, opt->scratch, &ret->members, err);

	ret->kind = BASIS_LAYERS;
	ret->path = strdup(ref->path);
	if (!ret->path)
		return no_memory(err);
	if (rc < 0)
		return -1;
	rc = ref->scheme == REF_DOCKER_ARCHIVE ? basis_docker(ref, opt, ret, err) : basis_oci(ref, opt, ret, err);
	return rc < 0 ? berth_context(err, "'%.150s'", ref->path) : 0;
}

int basis_open(const struct image_ref *ref, const struct basis_options *opt, struct basis *ret,
		struct berth_err *err)
{
	switch (ref->scheme) {
	case REF_PATH:
		return open_path(ref->path, ret, err);
	case REF_OCI:
	case REF_OCI_ARCHIVE:
	case REF_DOCKER_ARCHIVE:
		return open_layout(ref, opt, ret, err);
	case REF_DOCKER_DAEMON:
		berth_fail(err, BERTH_EUSAGE, 0, "this version does not ask Docker's daemon");
		return berth_hint(err, "docker save IMAGE | berth build OUT.sif docker-archive:-");
	case REF_LIBRARY:
	case REF_SHUB:
		berth_fail(err, BERTH_EUSAGE, 0, "this version reads no library:// and no shub://");
		return berth_hint(err, "let 'apptainer pull' make a SIF file of it");
	case REF_HTTP:
		berth_fail(err, BERTH_EUSAGE, 0, "this version downloads no single files");
		return berth_hint(err, "get it with curl, and name the file");
	case REF_DOCKER:
	case REF_ORAS:
	case REF_SCHEMES:
	default:
		return berth_fail(err, BERTH_EBUG, 0, "a registry's image is not opened here");
	}
}
