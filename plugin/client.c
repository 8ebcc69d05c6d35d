/* SPDX-License-Identifier: BSD-3-Clause */
/* client.c - the plugin in srun, sbatch and salloc; see client.h. */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/view/options.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "plugin/client.h"
#include "plugin/names.h"
#include "plugin/publish.h"
#include "plugin/takeover.h"
#include "plugin/values.h"

enum { OPT_IMAGE = 10000 }; /* beyond every row of the table */

static struct {
	char **setting; /* a row's lines as given to this command, or NULL */
	char *image;	/* --berth, or --container where it is ours */
	char *first;	/* what the first component of a heterogeneous command wants */
	bool failed;	/* a callback refused */
} given;

static int complain(const struct berth_err *err)
{
	char text[4 * BERTH_TEXT_MAX], hint[4 * BERTH_HINT_MAX];

	str_escape(err->text, text, sizeof(text));
	str_escape(err->hint, hint, sizeof(hint));
	slurm_error("berth: %s", text);
	if (hint[0])
		slurm_error("berth: hint: %s", hint);
	publish_refusal(err);
	return -1;
}

/* Of several the last counts, as with Slurm's options: sbatch's line overrules its script's. */
static int take_image(const char *text, struct berth_err *err)
{
	if (value_check("the image's name", text, err) < 0) {
		if (text[0] == '\0')
			berth_hint(err, "was it a variable that is not set? 'none' means no image");
		return -1;
	}
	free(given.image);
	given.image = strdup(text);
	return given.image ? 0 : berth_fail(err, BERTH_ESYS, errno, "cannot remember the image");
}

/* --container beside --berth: nobody can tell which one its author forgot. */
static int take_native(const char *text, struct berth_err *err)
{
	if (given.image && strcmp(given.image, text) != 0) {
		berth_fail(err, BERTH_EUSAGE, 0, "two images were named: --berth=%.80s and "
			   "--container=%.80s", given.image, text);
		return berth_hint(err, "the two options are the same: give one of them");
	}
	return take_image(text, err);
}

/* SLURM: sbatch parses its arguments twice, so the same line again is no second wish. */
static int take_setting(size_t i, const char *text, struct berth_err *err)
{
	cleanup(room_spec_done) struct room_spec scratch = ROOM_SPEC_INIT;
	cleanup(strbuf_done) struct strbuf all = STRBUF_INIT;

	if (!option_rows[i].arg)
		text = "1";
	if (option_rows[i].arg && value_check(option_rows[i].name, text, err) < 0)
		return -1;
	if (setting_apply(&option_rows[i], text, &scratch, err) < 0)
		return -1;
	if (setting_has(given.setting[i], text))
		return 0;
	if (given.setting[i])
		strbuf_printf(&all, "%s\n", given.setting[i]);
	strbuf_puts(&all, text);
	if (!strbuf_ok(&all))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "--container-%s", option_rows[i].name);
	free(given.setting[i]);
	given.setting[i] = take_ptr(&all.text);
	return 0;
}

static int on_option(int val, const char *arg, int remote)
{
	struct berth_err err = BERTH_ERR_INIT;
	int rc;

	/* SLURM: slurmstepd calls this too, up to twice; the environment brings it what counts. */
	if (remote)
		return 0;
	if (!given.setting || (val != OPT_IMAGE && (size_t)val >= option_count))
		return -1;
	if (val == OPT_IMAGE)
		rc = take_image(arg ? arg : "", &err);
	else
		rc = take_setting((size_t)val, arg ? arg : "", &err);
	if (rc == 0)
		return 0;
	given.failed = true;
	return complain(&err);
}

static int add_option(spank_t sp, const char *name, const char *arg, const char *help, int val)
{
	/* SLURM: the members are not const, but the table is copied. */
	struct spank_option opt = {
		.name = (char *)(size_t)name,
		.arginfo = (char *)(size_t)arg,
		.usage = (char *)(size_t)help,
		.has_arg = arg != NULL,
		.val = val,
		.cb = on_option,
	};

	return spank_option_register(sp, &opt) == ESPANK_SUCCESS ? 0 : -1;
}

int client_register(spank_t sp)
{
	int rc = 0;

	takeover_init();
	/* Before Slurm reads what it left there when the job was submitted. */
	publish_forget_copies();
	if (!given.setting)
		given.setting = calloc(option_count + 1, sizeof(*given.setting));
	if (!given.setting)
		return -1;
	rc |= add_option(sp, "berth", "IMAGE", "run the tasks in this image (as --container)",
			 OPT_IMAGE);
	/* SLURM: from 21.08 on this name is Slurm's; a plugin's is ignored, with an error line. */
	if (!takeover_native(sp))
		rc |= add_option(sp, "container", "IMAGE",
				 "run the tasks in this image; 'none': on the host", OPT_IMAGE);
	for (size_t i = 0; i < option_count; i++) {
		char name[SPANK_OPTION_MAXLEN];

		if (!(option_rows[i].faces & FACE_SLURM))
			continue;
		(void)snprintf(name, sizeof(name), "container-%s", option_rows[i].name);
		rc |= add_option(sp, name, option_rows[i].arg, option_rows[i].help, (int)i);
	}
	return rc;
}

/* SLURM: before 21.08 the input variables of --container are not read by Slurm. */
static const char *input_variable(spank_t sp)
{
	bool local = spank_context() == S_CTX_LOCAL;

	if (takeover_native(sp))
		return NULL;
	if (local)
		return getenv("SRUN_CONTAINER");
	return getenv(strcmp(program_invocation_short_name, "salloc") == 0 ? "SALLOC_CONTAINER"
									   : "SBATCH_CONTAINER");
}

/* One text for all that this component asked for, to compare components by. */
static int wish_text(struct strbuf *out, struct berth_err *err)
{
	strbuf_printf(out, "%s", given.image ? given.image : "");
	for (size_t i = 0; i < option_count; i++)
		strbuf_printf(out, "\t%s", given.setting[i] ? given.setting[i] : "");
	return strbuf_ok(out) ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot remember the options");
}

/*
 * SLURM: init_post_opt is called once per component of "srun A : B", but all of them share one
 * environment, so two wishes cannot be carried.
 */
static int same_for_all_components(struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf wish = STRBUF_INIT;

	if (wish_text(&wish, err) < 0)
		return -1;
	if (!given.first) {
		given.first = take_ptr(&wish.text);
		return 0;
	}
	if (strcmp(given.first, wish.text) == 0)
		return 0;
	berth_fail(err, BERTH_EUSAGE, 0,
		   "the components of a heterogeneous job ask for different containers");
	return berth_hint(err, "give every component the same --container and --container-* options, "
			       "or start them as separate steps; if there is one only, plugstack.conf has "
			       "two spank_berth.so");
}

static bool any_setting(void)
{
	for (size_t i = 0; i < option_count; i++)
		if (given.setting[i])
			return true;
	return false;
}

static bool wants_image(void)
{
	const char *image = given.image ? given.image : getenv(VAR_IMAGE);

	return image && strcmp(image, IMAGE_NONE) != 0;
}

static void forget_component(void)
{
	for (size_t i = 0; given.setting && i < option_count; i++) {
		free(given.setting[i]);
		given.setting[i] = NULL;
	}
	free(given.image);
	given.image = NULL;
}

static int collect_image(spank_t sp, struct berth_err *err)
{
	const char *native = takeover_native(sp) ? takeover_value() : NULL;

	if (native) {
		if (publish_is_bundle(native)) {
			given.image = strdup(IMAGE_NONE);
			return given.image ? 0 : berth_fail(err, BERTH_ESYS, errno, "cannot remember");
		}
		takeover_clear();
		return take_native(native, err);
	}
	if (!given.image && input_variable(sp))
		return take_image(input_variable(sp), err);
	return 0;
}

static int post_opt(spank_t sp, struct berth_err *err)
{
	bool local = spank_context() == S_CTX_LOCAL;
	bool again = given.first != NULL;

	if (given.failed)
		return berth_fail(err, BERTH_EUSAGE, 0, "an option was refused");
	/* A job submitted from within a job starts afresh. */
	if (!local && !again)
		publish_forget();
	/* And what it has just left there for others. */
	publish_forget_copies();
	if (collect_image(sp, err) < 0 || same_for_all_components(err) < 0)
		return -1;
	if (local && any_setting() && !given.image && !getenv(VAR_IMAGE)) {
		berth_fail(err, BERTH_EUSAGE, 0, "--container-* options without --container");
		return berth_hint(err, "name the image: --container=IMAGE");
	}
	/* A second component has asked for the same: once is enough. */
	for (size_t i = 0; !again && i < option_count; i++)
		if (publish_setting(&option_rows[i], given.setting[i], wants_image(), err) < 0)
			return -1;
	if (given.image && !again && publish_image(given.image, err) < 0)
		return -1;
	/* The second component has the first's variables before it, but inherited nothing. */
	if (local && publish_step(given.image || again, err) < 0)
		return -1;
	return 0;
}

int client_post_opt(spank_t sp)
{
	struct berth_err err = BERTH_ERR_INIT;
	int rc;

	if (!given.setting)
		return -1;
	rc = post_opt(sp, &err);
	forget_component();
	return rc < 0 ? complain(&err) : 0;
}

void client_done(void)
{
	forget_component();
	free(given.setting);
	free(given.first);
	memset(&given, 0, sizeof(given));
}
