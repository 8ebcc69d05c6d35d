/* SPDX-License-Identifier: BSD-3-Clause */
/* build_target.c - what a build makes, by its words; see build_run.h. */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "launcher/cli/build_run.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/ref/image_ref.h"

static const struct {
	const char *format;
	enum target_kind kind;
} formats[] = {
	{ "sif", TARGET_SIF }, { "squashfs", TARGET_SQUASH }, { "sandbox", TARGET_DIR }, { "tar", TARGET_TAR },
	{ "oci", TARGET_OCI }, { "oci-archive", TARGET_OCI_ARCHIVE }, { "docker-archive", TARGET_DOCKER_ARCHIVE },
};

/* The ends of names that say of what form a file is. */
static const struct {
	const char *suffix;
	enum target_kind kind;
} suffixes[] = {
	{ ".sqfs", TARGET_SQUASH }, { ".squashfs", TARGET_SQUASH }, { ".sqsh", TARGET_SQUASH }, { ".tar", TARGET_TAR },
};

static int by_format(const char *format, enum target_kind *ret, struct berth_err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (strcmp(format, formats[i].format) == 0) {
			*ret = formats[i].kind;
			return 0;
		}
	berth_fail(err, BERTH_EUSAGE, 0, "there is no format '%.100s'", format);
	return berth_hint(err, "formats are sif, squashfs, sandbox, tar, oci, oci-archive and docker-archive");
}

static enum target_kind by_name(const char *path)
{
	size_t n = strlen(path);

	if (strcmp(path, "-") == 0)
		return TARGET_TAR;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t m = strlen(suffixes[i].suffix);

		if (n > m && strcasecmp(path + n - m, suffixes[i].suffix) == 0)
			return suffixes[i].kind;
	}
	return TARGET_SIF;
}

static int by_scheme(const struct image_ref *ref, const char *text, enum target_kind *ret, struct berth_err *err)
{
	if (ref->scheme == REF_PATH)
		*ret = by_name(ref->path);
	else if (ref->scheme == REF_OCI)
		*ret = TARGET_OCI;
	else if (ref->scheme == REF_OCI_ARCHIVE)
		*ret = TARGET_OCI_ARCHIVE;
	else if (ref->scheme == REF_DOCKER_ARCHIVE)
		*ret = TARGET_DOCKER_ARCHIVE;
	else {
		berth_fail(err, BERTH_EUSAGE, 0, "cannot build '%.200s'", text);
		return berth_hint(err, "what is made comes first, its source last; 'berth push' sends an image to a registry");
	}
	return 0;
}

int build_target(const struct build_words *w, struct image_ref *ret_ref, struct target *ret, struct berth_err *err)
{
	enum target_kind said = TARGET_SIF;

	*ret = (struct target){ .kind = TARGET_SIF };
	if (image_ref_parse(w->out, ret_ref, err) < 0 || by_scheme(ret_ref, w->out, &ret->kind, err) < 0)
		return -1;
	ret->path = ret_ref->path;
	ret->name = ret_ref->name;
	if (w->format) {
		if (by_format(w->format, &said, err) < 0)
			return -1;
		if (ret_ref->scheme != REF_PATH && said != ret->kind)
			return berth_fail(err, BERTH_EUSAGE, 0, "'%.200s' and --format %s do not agree", w->out, w->format);
		ret->kind = said;
	}
	if (w->sandbox) {
		if ((w->format || ret_ref->scheme != REF_PATH) && ret->kind != TARGET_DIR)
			return berth_fail(err, BERTH_EUSAGE, 0, "--sandbox makes a directory, and '%.200s' is to be something "
					  "else", w->out);
		ret->kind = TARGET_DIR;
	}
	if (strcmp(ret->path, "-") == 0 && ret->kind != TARGET_TAR) {
		berth_fail(err, BERTH_EUSAGE, 0, "only an archive of tar goes to standard output");
		return berth_hint(err, "name a file");
	}
	return 0;
}
