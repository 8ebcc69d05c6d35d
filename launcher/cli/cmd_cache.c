/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_cache.c - berth cache list|info|clean|verify|path: what the caller's store holds, and less of it.
 *
 * Options and first lines are Apptainer's, for its users' scripts.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/cache_store.h"
#include "launcher/cli/cache_types.h"
#include "launcher/cli/cli.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/log.h"
#include "libimage/base/num.h"
#include "libimage/base/str.h"
#include "libimage/oci/json.h"
#include "libimage/store/store.h"

enum { DAYS_MAX = 36500, DAY_S = 86400 }; /* LIMIT: days; a hundred years */
enum { OPT_KEEP = 256, OPT_REMOVE };

struct wish {
	struct cache_types types;
	int64_t idle_s;
	uint64_t keep;
	bool verbose, json, dry_run, force, remove, help;
};

/* ---- list ---------------------------------------------------------------------------------- */

struct listing {
	const struct wish *w;
	struct strbuf text; /* lines, or JSON */
	struct json_out json;
	uint64_t images, image_bytes, blobs, blob_bytes, rest_bytes, in_use;
};

static void listing_done(struct listing *l)
{
	strbuf_done(&l->text);
}

static void put_date(int64_t when, char out[32])
{
	time_t t = (time_t)when;
	struct tm tm;

	if (!localtime_r(&t, &tm) || strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		(void)snprintf(out, 32, "%" PRId64, when);
}

static void list_json(struct listing *l, const struct store_entry *e)
{
	struct json_out *o = &l->json;

	json_open(o, '{');
	json_member(o, "type", cache_type_of(e));
	json_member(o, "name", e->name);
	json_member(o, "source", e->meta.source);
	if (e->kind == STORE_IMAGE)
		json_member(o, "manifest", e->meta.manifest.text);
	json_key(o, "bytes");
	json_put_u64(o, e->bytes);
	json_key(o, "created");
	json_put_u64(o, e->made > 0 ? (uint64_t)e->made : 0);
	json_key(o, "used");
	json_put_u64(o, e->used > 0 ? (uint64_t)e->used : 0);
	json_key(o, "in_use");
	json_put_word(o, e->in_use ? "true" : "false");
	json_close(o, '}');
}

static int list_one(void *arg, const struct store_entry *e, struct berth_err *err)
{
	struct listing *l = arg;
	char made[32], used[32], size[32], name[256];

	(void)err;
	if (!cache_types_have(&l->w->types, e))
		return 0;
	l->in_use += e->in_use;
	if (e->kind == STORE_IMAGE) {
		l->images++;
		l->image_bytes += e->bytes;
	} else if (e->kind == STORE_BLOB) {
		l->blobs++;
		l->blob_bytes += e->bytes;
	} else {
		l->rest_bytes += e->bytes;
	}
	if (l->w->json) {
		list_json(l, e);
		return 0;
	}
	put_date(e->made, made);
	put_date(e->used, used);
	cache_size_text(e->bytes, size);
	str_escape(e->meta.source && e->meta.source[0] ? e->meta.source : e->name, name, sizeof(name));
	strbuf_printf(&l->text, "%-40.40s %-20s %-20s %12s  %s%s\n", name, made, used, size, cache_type_of(e),
		      e->in_use ? ", in use" : "");
	return 0;
}

static int list(struct store *s, struct wish *w, struct berth_err *err)
{
	cleanup(listing_done) struct listing l = { .w = w, .json = { .indent = "\t" } };
	char images[32], blobs[32], total[32];

	l.json.text = &l.text;
	if (w->json) {
		json_open(&l.json, '{');
		json_member(&l.json, "path", store_path(s));
		json_key(&l.json, "entries");
		json_open(&l.json, '[');
	}
	if (store_list(s, list_one, &l, err) < 0)
		return -1;
	if (w->json) {
		json_close(&l.json, ']');
		json_key(&l.json, "bytes");
		json_put_u64(&l.json, l.image_bytes + l.blob_bytes + l.rest_bytes);
		json_close(&l.json, '}');
		strbuf_puts(&l.text, "\n");
	}
	if (!strbuf_ok(&l.text))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot list the store");
	if (w->verbose && !w->json)
		(void)printf("%-40s %-20s %-20s %12s  %s\n", "NAME", "DATE CREATED", "LAST USED", "SIZE",
			     "TYPE");
	if ((w->verbose || w->json) && l.text.text)
		(void)fputs(l.text.text, stdout);
	if (w->json)
		return 0;
	cache_size_text(l.image_bytes, images);
	cache_size_text(l.blob_bytes, blobs);
	cache_size_text(l.image_bytes + l.blob_bytes + l.rest_bytes, total);
	(void)printf("%sThere are %" PRIu64 " container file(s) using %s and %" PRIu64
		     " oci blob file(s) using %s of "
		     "space\nTotal space used: %s\n",
		     w->verbose ? "\n" : "", l.images, images, l.blobs, blobs, total);
	return 0;
}

/* ---- info ---------------------------------------------------------------------------------- */

static uint64_t free_bytes(const struct store *s)
{
	struct statvfs v;

	if (!store_exists(s) || statvfs(store_path(s), &v) < 0)
		return 0;
	return (uint64_t)v.f_bavail * v.f_frsize;
}

static int info_json(struct store *s, const struct listing *l, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct json_out o = { .text = &text, .indent = "\t" };
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ "images", l->images },	 { "image_bytes", l->image_bytes }, { "blobs", l->blobs },
		{ "blob_bytes", l->blob_bytes }, { "other_bytes", l->rest_bytes },  { "in_use", l->in_use },
		{ "limit", store_limit(s) },	 { "free_bytes", free_bytes(s) },
	};

	json_open(&o, '{');
	json_member(&o, "path", store_path(s));
	json_key(&o, "exists");
	json_put_word(&o, store_exists(s) ? "true" : "false");
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		json_key(&o, numbers[i].name);
		json_put_u64(&o, numbers[i].value);
	}
	json_key(&o, "locks");
	json_put_word(&o, store_has_locks(s) ? "true" : "false");
	json_close(&o, '}');
	strbuf_puts(&text, "\n");
	if (!strbuf_ok(&text))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot describe the store");
	(void)fputs(text.text, stdout);
	return 0;
}

static int info(struct store *s, struct wish *w, struct berth_err *err)
{
	const struct wish all = { 0 };
	cleanup(listing_done) struct listing l = { .w = &all };
	char size[32];

	if (store_list(s, list_one, &l, err) < 0)
		return -1;
	if (w->json)
		return info_json(s, &l, err);
	(void)printf("store:   %s%s\n", store_path(s), store_exists(s) ? "" : " (not there yet)");
	cache_size_text(l.image_bytes, size);
	(void)printf("images:  %" PRIu64 ", %s\n", l.images, size);
	cache_size_text(l.blob_bytes, size);
	(void)printf("blobs:   %" PRIu64 ", %s\n", l.blobs, size);
	cache_size_text(l.rest_bytes, size);
	(void)printf("other:   %s (parts of downloads, and what a kill left)\nin use:  %" PRIu64 "\n", size,
		     l.in_use);
	cache_size_text(store_limit(s), size);
	(void)printf("limit:   %s\n", store_limit(s) > 0 ? size : "none");
	if (!store_exists(s))
		return 0;
	cache_size_text(free_bytes(s), size);
	(void)printf("free:    %s on that file system\nlocks:   %s\n", size,
		     store_has_locks(s) ? "yes"
					: "no: what is in use is not known, and two may download the same");
	return 0;
}

/* ---- clean --------------------------------------------------------------------------------- */

static bool pick(void *arg, const struct store_entry *e)
{
	const struct wish *w = arg;

	return cache_types_have(&w->types, e);
}

static void say_removed(void *arg, const struct store_entry *e)
{
	const struct wish *w = arg;
	char name[256], size[32];

	cache_size_text(e->bytes, size);
	str_escape(e->meta.source && e->meta.source[0] ? e->meta.source : e->name, name, sizeof(name));
	log_line(w->dry_run ? LOG_NOTE : LOG_DETAIL, "%s %s '%s', %s",
		 w->dry_run ? "would remove" : "removing", cache_type_of(e), name, size);
}

/* Does the caller mean it? */
static bool confirmed(void)
{
	char answer[16] = "";

	(void)printf(
	    "This will delete everything in your cache (containers from all sources and OCI blobs).\n"
	    "Hint: You can see exactly what would be deleted by canceling and using the --dry-run option.\n"
	    "Do you want to continue? [y/N] ");
	(void)fflush(stdout);
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	answer[strcspn(answer, "\n")] = '\0';
	return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
}

static int clean(struct store *s, struct wish *w, struct berth_err *err)
{
	struct store_prune p = {
		.kinds = STORE_ALL,
		.idle_s = w->idle_s,
		.keep_bytes = w->keep,
		.dry_run = w->dry_run,
		.pick = pick,
		.removed = say_removed,
		.arg = w,
	};
	struct store_pruned done;
	char size[32];

	if (!w->force && !w->dry_run && !confirmed()) {
		log_line(LOG_NOTE, "nothing was removed");
		return 0;
	}
	if (store_prune(s, &p, &done, err) < 0)
		return -1;
	cache_size_text(done.bytes, size);
	log_line(LOG_NOTE, "%s %" PRIu64 " files, %s", w->dry_run ? "would remove" : "removed", done.files,
		 size);
	if (done.in_use > 0)
		log_line(LOG_NOTE, "%" PRIu64 " in use stay", done.in_use);
	if (done.locked > 0)
		log_line(LOG_NOTE,
			 "%" PRIu64 " stay that may be in use: this file system has no locks that would tell",
			 done.locked);
	return 0;
}

/* ---- verify -------------------------------------------------------------------------------- */

struct damage {
	struct json_out json;
	bool as_json;
	uint64_t n;
};

static void say_bad(void *arg, const struct store_entry *e, const char *why)
{
	struct damage *d = arg;
	char name[256];

	d->n++;
	if (d->as_json) {
		json_open(&d->json, '{');
		json_member(&d->json, "type", cache_type_of(e));
		json_member(&d->json, "name", e->name);
		json_member(&d->json, "why", why);
		json_close(&d->json, '}');
		return;
	}
	str_escape(e->name, name, sizeof(name));
	(void)printf("damaged: %s %s: %s\n", cache_type_of(e), name, why);
}

static int verify(struct store *s, struct wish *w, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct damage d = { .json = { .text = &text, .indent = "\t" }, .as_json = w->json };
	uint64_t checked = 0;

	json_open(&d.json, '{');
	json_key(&d.json, "damaged");
	json_open(&d.json, '[');
	if (store_verify(s, w->remove, say_bad, &d, &checked, err) < 0)
		return -1;
	json_close(&d.json, ']');
	json_key(&d.json, "checked");
	json_put_u64(&d.json, checked);
	json_close(&d.json, '}');
	if (!strbuf_ok(&text))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot describe the store");
	if (w->json)
		(void)printf("%s\n", text.text);
	else
		(void)printf("%" PRIu64 " files checked, %" PRIu64 " damaged%s\n", checked, d.n,
			     d.n > 0 && w->remove ? " and removed" : "");
	if (d.n == 0 || w->remove)
		return 0;
	berth_fail(err, BERTH_EIMAGE, 0, "the store '%s' has damaged files", store_path(s));
	return berth_hint(
	    err, "'berth cache verify --remove' removes them; they are downloaded anew when they are "
		 "needed");
}

/* ---- the command --------------------------------------------------------------------------- */

static int show_path(struct store *s, struct wish *w, struct berth_err *err)
{
	(void)w;
	(void)err;
	(void)printf("%s\n", store_path(s));
	return 0;
}

static const struct part {
	const char *name, *letters; /* of the options that it takes */
	int (*run)(struct store *s, struct wish *w, struct berth_err *err);
} parts[] = {
	{ "list", "Tvj", list },    { "info", "j", info },     { "clean", "TDnfk", clean },
	{ "verify", "jr", verify }, { "path", "", show_path },
};

static int take_option(struct wish *w, int c, struct berth_err *err)
{
	uint64_t v;

	w->verbose |= c == 'v';
	w->json |= c == 'j';
	w->dry_run |= c == 'n';
	w->force |= c == 'f';
	w->remove |= c == OPT_REMOVE;
	w->help |= c == 'h';
	if (c == 'T')
		return cache_types_parse(optarg, &w->types, err);
	if (c == 'D') {
		if (num_parse_u64(optarg, DAYS_MAX, &v) < 0)
			return berth_fail(err, BERTH_EUSAGE, 0, "--days: '%.100s' is not a number of days",
					  optarg);
		w->idle_s = (int64_t)v * DAY_S;
	}
	if (c == OPT_KEEP && (num_parse_size(optarg, INT64_MAX, &w->keep) < 0 || w->keep == 0))
		return berth_fail(err, BERTH_EUSAGE, 0, "--keep: '%.100s' is no size, as 500M or 20G",
				  optarg);
	return 0;
}

static int parse(const struct part *p, int argc, char **argv, struct wish *w, struct berth_err *err)
{
	static const struct option longs[] = {
		{ "type", required_argument, NULL, 'T' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "json", no_argument, NULL, 'j' },
		{ "days", required_argument, NULL, 'D' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "force", no_argument, NULL, 'f' },
		{ "keep", required_argument, NULL, OPT_KEEP },
		{ "remove", no_argument, NULL, OPT_REMOVE },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:T:vjD:nfh", longs, NULL)) != -1) {
		int letter = c == OPT_KEEP ? 'k' : c == OPT_REMOVE ? 'r' : c;

		if (c == ':')
			return berth_fail(err, BERTH_EUSAGE, 0, "%s needs an argument", argv[optind - 1]);
		if (c == '?')
			return absent_getopt("cache", argv, err);
		if (c != 'h' && !strchr(p->letters, letter))
			return berth_fail(err, BERTH_EUSAGE, 0, "cache %s has no such option", p->name);
		if (take_option(w, c, err) < 0)
			return -1;
	}
	if (!w->help && optind < argc)
		return berth_fail(err, BERTH_EUSAGE, 0, "cache %s takes no word '%.100s'", p->name,
				  argv[optind]);
	return 0;
}

static int explain(void)
{
	char berth_word[] = "berth", help_word[] = "help", command[] = "cache";
	char *help_argv[] = { berth_word, help_word, command, NULL };

	return cmd_help(3, help_argv);
}

static int run(int argc, char **argv, bool *ret_help, struct berth_err *err)
{
	cleanup(store_closep) struct store *s = NULL;
	struct wish w = { 0 };
	const struct part *p = NULL;

	*ret_help = argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0);
	if (*ret_help)
		return 0;
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(parts); i++)
		if (strcmp(argv[1], parts[i].name) == 0)
			p = &parts[i];
	if (!p)
		return berth_fail(err, BERTH_EUSAGE, 0,
				  "cache has the commands list, info, clean, verify and path");
	w.verbose = cli_global.verbose;
	if (parse(p, argc - 1, argv + 1, &w, err) < 0)
		return -1;
	*ret_help = w.help;
	if (w.help)
		return 0;
	return cache_store_open(false, false, &s, err) < 0 ? -1 : p->run(s, &w, err);
}

int cmd_cache(int argc, char **argv)
{
	struct berth_err err = BERTH_ERR_INIT;
	bool help = false;
	int rc = run(argc, argv, &help, &err);

	if (rc == 0)
		return help ? explain() : cli_flush();
	(void)fflush(stdout);
	return cli_fail("cache", &err);
}
