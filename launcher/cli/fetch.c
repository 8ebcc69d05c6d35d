/* SPDX-License-Identifier: BSD-3-Clause */
/* fetch.c - what the commands share that get images from registries; see fetch.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/cli/cache_store.h"
#include "launcher/cli/cancel.h"
#include "launcher/cli/cli.h"
#include "launcher/cli/epoch.h"
#include "launcher/cli/fetch.h"
#include "launcher/cli/progress.h"
#include "launcher/cli/secret.h"
#include "launcher/cli/setting.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/log.h"
#include "libimage/build/push.h"
#include "libimage/ref/image_ref.h"

enum { LABEL_DIGITS = 12 };

bool fetch_option(int letter, const char *value, struct fetch_options *o)
{
	if (letter == FETCH_ARCH || letter == FETCH_PLATFORM)
		o->platform = value;
	else if (letter == FETCH_AUTHFILE)
		o->authfile = value;
	else if (letter == FETCH_TMPDIR)
		o->tmpdir = value;
	else if (letter == FETCH_LOGIN)
		o->login = true;
	else if (letter == FETCH_DISABLE_CACHE)
		o->disable_cache = true;
	else if (letter == FETCH_NO_HTTPS)
		o->no_https = true;
	else
		return letter == FETCH_NOTHING;
	return true;
}

int fetch_refuse(const struct image_ref *ref, const char *text, struct berth_err *err)
{
	if (ref->scheme == REF_DOCKER || ref->scheme == REF_ORAS)
		return 0;
	berth_fail(err, BERTH_EUSAGE, 0, "'%.200s' is in no registry that pull reads", text);
	return berth_hint(err, ref->scheme == REF_PATH ? "the name of an image in a registry begins with docker://"
						       : "pull reads docker:// and oras://; build reads what is on disk");
}

/* ---- what is shown ----------------------------------------------------------------------------- */

static void show(void *arg, const struct pull_news *n)
{
	static const enum progress_state states[] = {
		[PULL_WAITING] = PROGRESS_WAITING, [PULL_COMING] = PROGRESS_COMING,
		[PULL_THERE] = PROGRESS_THERE, [PULL_DONE] = PROGRESS_DONE,
	};
	struct fetch *f = arg;
	char label[32];

	if (!f->progress)
		f->progress = progress_new(n->n, cli_global.quiet);
	/* of the digest: the algorithm and as much as people compare */
	(void)snprintf(label, sizeof(label), "%.*s", (int)strcspn(n->digest->text, ":") + 1 + LABEL_DIGITS,
		       n->digest->text);
	progress_set(f->progress, n->i, label, n->done, n->total, states[n->state]);
}

static void show_sif(void *arg, const struct digest *layer, uint64_t done, uint64_t total)
{
	const struct pull_news news = {
		.n = 1, .digest = layer, .done = done, .total = total, .state = done < total ? PULL_COMING : PULL_DONE,
	};

	show(arg, &news);
}

static void note(void *arg, const char *text)
{
	(void)arg;
	log_line(LOG_NOTE, "%s", text);
}

/* Ask who the user is; both stay until fetch_done(), which overwrites the password. */
static int ask_login(struct fetch *f, struct berth_err *err)
{
	f->user = calloc(1, SECRET_NAME_MAX + 1);
	f->password = calloc(1, SECRET_MAX + 1);
	if (!f->user || !f->password)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot ask who you are");
	if (secret_ask_name(f->user, err) < 0 || secret_ask("Password: ", f->password, err) < 0)
		return -1;
	f->access.opt.user = f->user;
	f->access.opt.password = f->password;
	return 0;
}

int fetch_sif(struct fetch *f, const struct image_ref *ref, int out_fd, struct pull_result *ret, struct berth_err *err)
{
	struct push_result res = { 0 };

	if (oras_fetch(ref, f->pull.registry, out_fd, show_sif, f, &res, err) < 0)
		return -1;
	ret->manifest = res.manifest;
	ret->bytes = ret->downloaded = res.bytes;
	return 0;
}

/* ---- open and close ---------------------------------------------------------------------------- */

int fetch_open(struct fetch *f, const struct image_ref *ref, const struct fetch_options *o, struct berth_err *err)
{
	const char *tmpdir = o->tmpdir ? o->tmpdir : setting("TMPDIR", NULL);
	bool anonymous = o->disable_cache || setting_on("DISABLE_CACHE", NULL);
	struct pull *p = &f->pull;

	p->ref = ref;
	p->opt.platform = o->platform ? o->platform : setting("PULL_ARCH", NULL);
	p->opt.image.squash.keep_devices = false;
	p->opt.news = show;
	p->opt.arg = f;
	/* where a store without a name is made */
	if (tmpdir && setenv("TMPDIR", tmpdir, 1) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot keep the name of a directory");
	if (epoch_read(&p->opt.image.squash.epoch, err) < 0)
		return -1;
	f->cancel_fd = cancel_watch(err);
	if (f->cancel_fd < 0)
		return -1;
	p->opt.cancel_fd = f->cancel_fd;
	if (registry_access_get(ref->host, o->authfile, o->no_https, &f->access, err) < 0 ||
	    cache_store_open(true, anonymous, &p->store, err) < 0)
		return -1;
	if ((o->login || setting_on("DOCKER_LOGIN", NULL)) && ask_login(f, err) < 0)
		return -1;
	f->access.opt.cancel_fd = f->cancel_fd;
	f->access.opt.note = note;
	f->access.opt.push = o->push;
	return registry_open(ref->host, ref->repo, &f->access.opt, &p->registry, err);
}

void fetch_done(struct fetch *f)
{
	f->progress = progress_end(f->progress);
	f->pull.registry = registry_close(f->pull.registry);
	f->pull.store = store_close(f->pull.store);
	registry_access_done(&f->access);
	memset(&f->access, 0, sizeof(f->access));
	if (f->password)
		explicit_bzero(f->password, SECRET_MAX);
	free(take_ptr(&f->password));
	free(take_ptr(&f->user));
	cleanup_close_fn(&f->cancel_fd);
}

/* What nobody keeps is nothing that others could open later. */
static int refuse_no_store(const char *text, const struct fetch_options *o, struct berth_err *err)
{
	if (!o->disable_cache && !setting_on("DISABLE_CACHE", NULL))
		return 0;
	berth_fail(err, BERTH_EUSAGE, 0, "'%.150s' is used from the store, which a variable DISABLE_CACHE keeps it "
		   "out of", text);
	return berth_hint(err, "unset it, or make a file: berth pull --disable-cache FILE.sif %.80s", text);
}

int fetch_check_path(const char *path, struct berth_err *err)
{
	if (path && !strchr(path, '\n'))
		return 0;
	return berth_fail(err, BERTH_EUSAGE, 0, "the name of the directory for images has a newline in it");
}

int fetch_to_store(const char *text, const struct fetch_options *o, int *ret_fd, char **ret_path,
		   struct berth_err *err)
{
	cleanup(image_ref_done) struct image_ref ref = { 0 };
	cleanup(fetch_done) struct fetch f = FETCH_INIT;
	struct pull_result res = { 0 };

	if (image_ref_parse(text, &ref, err) < 0 || fetch_refuse(&ref, text, err) < 0 ||
	    refuse_no_store(text, o, err) < 0 || fetch_open(&f, &ref, o, err) < 0)
		return -1;
	if (pull_to_store(&f.pull, ret_fd, ret_path, &res, err) < 0)
		return berth_context(err, "'%.150s'", text);
	return fetch_check_path(*ret_path, err);
}
