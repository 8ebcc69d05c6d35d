/* SPDX-License-Identifier: BSD-3-Clause */
/* publish.c - a step's wishes in the environment; see publish.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <slurm/spank.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/view/options.h"
#include "launcher/view/reference.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/path.h"
#include "libimage/base/pin.h"
#include "plugin/fetch.h"
#include "plugin/names.h"
#include "plugin/publish.h"
#include "plugin/takeover.h"
#include "plugin/values.h"

static int put(const char *name, const char *value, struct berth_err *err)
{
	if (setenv(name, value, 1) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot set %s", name);
	return 0;
}

static void unset_all(const char *prefix)
{
	char **e = environ;

	while (e && *e) {
		char name[128];
		size_t n = strcspn(*e, "=");

		if (!str_after(*e, prefix) || n >= sizeof(name)) {
			e++;
			continue;
		}
		memcpy(name, *e, n);
		name[n] = '\0';
		/* unsetenv() moves the rest down, so 'e' stands on the next one. */
		if (unsetenv(name) < 0)
			e++;
	}
}

void publish_forget(void)
{
	unset_all(VAR_PREFIX);
}

void publish_forget_copies(void)
{
	unset_all("_SLURM_SPANK_OPTION_berth_");
	/* SLURM: what the job's script finds; srun makes the above of it after the plugins' init. */
	unset_all("SLURM_SPANK__SLURM_SPANK_OPTION_berth_");
}

void publish_refusal(const struct berth_err *err)
{
	char text[BERTH_TEXT_MAX];

	str_escape(err->text, text, sizeof(text));
	(void)unsetenv(VAR_IMAGE);
	/* Without memory for it: the image's absence must not look like no wish at all. */
	if (setenv(VAR_REFUSE, text, 1) < 0)
		(void)putenv((char *)(size_t)(VAR_REFUSE "=out of memory"));
}

bool publish_is_bundle(const char *text)
{
	cleanup_free char *config = path_join(text, "config.json");

	return config && takeover_site_has_oci() && access(config, F_OK) == 0;
}

/* The image's path without links, or made absolute where it does not exist. */
static char *absolute_path(const char *text, bool *exists, struct berth_err *err)
{
	cleanup_free char *cwd = NULL;
	char *path = realpath(text, NULL);

	*exists = path != NULL;
	if (path)
		return path;
	if (errno != ENOENT && errno != ENOTDIR) {
		bool denied = errno == EACCES;

		(void)berth_fail(err, denied ? BERTH_EDENIED : BERTH_ENOTFOUND, errno,
				 "cannot open image '%.200s'", text);
		if (denied)
			(void)berth_hint(err, "you must be able to enter each directory above it");
		return NULL;
	}
	cwd = getcwd(NULL, 0);
	path = cwd ? path_join(cwd, text) : NULL;
	if (!path)
		(void)berth_fail(err, BERTH_ESYS, errno, "cannot resolve '%.200s'", text);
	else
		path_tidy(path);
	return path;
}

static int pin_image(const char *path, char out[PIN_TEXT_MAX], struct berth_err *err)
{
	/* O_NONBLOCK: a FIFO of that name must not stop srun. */
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct image_pin pin;

	if (fd < 0) {
		berth_fail(err, errno == ENOENT ? BERTH_ENOTFOUND : BERTH_EDENIED, errno,
			   "cannot open image '%.200s'", path);
		return berth_hint(err, "you must be able to read it: chmod, or ask its owner");
	}
	if (image_pin_read(fd, &pin, err) < 0)
		return berth_context(err, "image '%.160s'", path);
	image_pin_format(&pin, out);
	return 0;
}

static int publish_none(struct berth_err *err)
{
	(void)unsetenv(VAR_PIN);
	(void)unsetenv(VAR_REFUSE);
	return put(VAR_IMAGE, IMAGE_NONE, err);
}

int publish_image(const char *text, struct berth_err *err)
{
	cleanup(capture_end) struct capture got = CAPTURE_INIT;
	cleanup_free char *path = NULL;
	char pin[PIN_TEXT_MAX] = "";
	bool exists;

	if (strcmp(text, IMAGE_NONE) == 0)
		return publish_none(err);
	if (reference_is_fetched(text)) {
		if (fetch_image(text, &got, err) < 0)
			return -1;
		text = got.line;
	} else if (reference_refuse(text, err) < 0) {
		return -1;
	}
	path = absolute_path(text, &exists, err);
	if (!path || value_check("the image's path", path, err) < 0)
		return -1;
	if (exists && pin_image(path, pin, err) < 0)
		return -1;
	if (!exists) {
		char shown[1024];

		str_escape(path, shown, sizeof(shown));
		slurm_info("berth: warning: no image '%s' on this host; the nodes will look for it", shown);
	}
	(void)unsetenv(VAR_PIN);
	(void)unsetenv(VAR_REFUSE);
	if (put(VAR_IMAGE, path, err) < 0 || (pin[0] && put(VAR_PIN, pin, err) < 0))
		return -1;
	return 0;
}

/* The first of BERTH_X, APPTAINER_X, SINGULARITY_X that is set and not empty. */
static const char *users_variable(const struct option_row *row, char name[64])
{
	static const char *const prefixes[] = { "BERTH_", "APPTAINER_", "SINGULARITY_" };

	for (size_t i = 0; row->faces & FACE_ENV && i < 2 * ARRAY_SIZE(prefixes); i++) {
		const char *base = i % 2 ? row->env_also : row->env, *value;

		if (!base)
			continue;
		(void)snprintf(name, 64, "%s%s", prefixes[i / 2], base);
		value = getenv(name);
		if (value && value[0])
			return value;
	}
	return NULL;
}

/*
 * What 'row' makes of the user's variables, as lines that the node will take. The table itself
 * reads them, so that a word for "yes" means the same here and without Slurm.
 */
static int users_lines(const struct option_row *row, const char **ret, struct berth_err *err)
{
	cleanup(room_spec_done) struct room_spec scratch = ROOM_SPEC_INIT;
	char name[64], pair[96 + 16];
	const char *const env[] = { pair, NULL };
	const char *value = users_variable(row, name);

	*ret = value;
	if (!value)
		return 0;
	if (row->arg)
		return setting_apply(row, value, &scratch, err) < 0 ? berth_context(err, "%s", name) : 0;
	(void)snprintf(pair, sizeof(pair), "%s=%.16s", name, value);
	if (options_from_env(env, &scratch, err) < 0)
		return -1;
	*ret = scratch.verbose || scratch.quiet || scratch.no_eval || scratch.keep_locale ? "1" : NULL;
	return 0;
}

int publish_setting(const struct option_row *row, const char *lines, bool image, struct berth_err *err)
{
	cleanup(room_spec_done) struct room_spec scratch = ROOM_SPEC_INIT;
	cleanup(strbuf_done) struct strbuf all = STRBUF_INIT;
	const char *before;
	char var[64];

	/* berth-image has read it itself. */
	if (row->faces & FACE_FETCH)
		return 0;
	if (!(row->faces & FACE_STEPS)) {
		if (image && users_variable(row, var))
			slurm_info("berth: warning: %s is for use without Slurm, and ignored", var);
		return 0;
	}
	(void)snprintf(var, sizeof(var), VAR_PREFIX "%s", row->env);
	before = getenv(var);
	if (!before && image && users_lines(row, &before, err) < 0)
		return -1;
	strbuf_printf(&all, "%s%s%s", before ? before : "", before && lines ? "\n" : "",
		      lines ? lines : "");
	if (!strbuf_ok(&all))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep --container-%s", row->name);
	if (all.len == 0)
		return 0;
	if (before && lines && setting_apply(row, all.text, &scratch, err) < 0)
		return -1;
	return put(var, all.text, err);
}

static int put_where(struct berth_err *err)
{
	cleanup_free char *here = getcwd(NULL, 0), *cwd = NULL;
	const char *chdir_to = takeover_option("chdir");

	if (!here)
		return 0; /* it was removed under the user's feet; Slurm says so itself */
	cwd = path_join(here, chdir_to && chdir_to[0] ? chdir_to : here);
	if (!cwd)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep the working directory");
	path_tidy(cwd);
	/* A name that cannot travel is no reason to refuse: the task then starts at home. */
	if (value_check("the working directory", cwd, err) == 0)
		return put(VAR_CWD, cwd, err);
	memset(err, 0, sizeof(*err));
	(void)unsetenv(VAR_CWD);
	return 0;
}

static int put_who(struct berth_err *err)
{
	/* NSS is asked here, as the user, and never in slurmstepd. */
	const struct passwd *pw = getpwuid(getuid());
	const struct group *gr = getgrgid(getgid());
	const char *home = getenv("HOME");

	if ((!home || home[0] != '/') && pw)
		home = pw->pw_dir;
	if (home && home[0] == '/' && put(VAR_HOME, home, err) < 0)
		return -1;
	if (gr && put(VAR_GROUP, gr->gr_name, err) < 0)
		return -1;
	return pw ? put(VAR_USER, pw->pw_name, err) : 0;
}

int publish_step(bool named, struct berth_err *err)
{
	const char *image = getenv(VAR_IMAGE), *multi = takeover_option("multi-prog");

	if (!image || strcmp(image, IMAGE_NONE) == 0)
		return 0;
	/* Where the options cannot be seen, let Slurm itself find out that a program is missing. */
	if (!multi || strcmp(multi, "set") == 0) {
		if (put(VAR_MULTI, "1", err) < 0)
			return -1;
	} else {
		(void)unsetenv(VAR_MULTI);
	}
	if (put(VAR_ORIGIN, named ? "step" : "job", err) < 0 || put_where(err) < 0)
		return -1;
	return put_who(err);
}
