/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_inspect.c - berth inspect [--json] FILE: what an image file holds; with other options, and
 * as run-help, what its author says about it (inspect_parts.h).
 *
 * Runs as:  the user. What the image says is escaped before it is shown.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/cancel.h"
#include "launcher/cli/cli.h"
#include "launcher/cli/fetch.h"
#include "launcher/cli/inspect_parts.h"
#include "launcher/cli/persona.h"
#include "launcher/view/reference.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/log.h"
#include "libimage/base/pin.h"
#include "libimage/base/str.h"
#include "libimage/sif/sif.h"
#include "libimage/squash/info.h"

enum { SHOWN_MAX = 4 * 128 + 1 }; /* LIMIT: the longest text of a descriptor, each byte escaped */

static const char *type_name(int32_t type)
{
	static const char *const names[] = {
		"deffile", "envvar", "labels", "partition", "signature", "json",
		"raw", "crypto", "sbom", "oci-index", "oci-blob",
	};

	return type >= SIF_DEFFILE && type <= SIF_OCI_BLOB ? names[type - SIF_DEFFILE] : "unknown";
}

static const char *fs_name(int32_t fs)
{
	static const char *const names[] = {
		"unknown", "squashfs", "ext3", "archive", "raw", "encrypted", "gocryptfs",
	};

	return fs >= SIF_FS_SQUASHFS && fs <= SIF_FS_GOCRYPTFS ? names[fs] : names[0];
}

static const char *part_name(int32_t part)
{
	static const char *const names[] = { "unknown", "system", "primary", "data", "overlay" };

	return part >= SIF_PART_SYSTEM && part <= SIF_PART_OVERLAY ? names[part] : names[0];
}

/* A JSON string of what may be any bytes: those that are not text come as \\xNN. */
static void json_text(struct strbuf *b, const char *text)
{
	char shown[SHOWN_MAX];

	str_escape(text, shown, sizeof(shown));
	strbuf_puts(b, "\"");
	for (const char *p = shown; *p; p++) {
		if (*p == '"' || *p == '\\')
			strbuf_puts(b, "\\");
		strbuf_add(b, p, 1);
	}
	strbuf_puts(b, "\"");
}

static void utc(int64_t when, char out[32])
{
	time_t t = (time_t)when;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(out, 32, "%" PRId64, when);
}

static void add_flags(struct strbuf *b, uint16_t flags, const char *quote, const char *between)
{
	const char *sep = "";

	for (unsigned int bit = 0; bit < 16; bit++) {
		if (!(flags & 1U << bit) || !squash_flag_name(bit))
			continue;
		strbuf_printf(b, "%s%s%s%s", sep, quote, squash_flag_name(bit), quote);
		sep = between;
	}
}

/* The squashfs at 'at'; one that cannot be read says why. */
static void add_squash(struct strbuf *b, bool json, int fd, uint64_t at)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct squash_head q;
	char when[32];

	if (squash_head_read(fd, at, &q, &err) < 0) {
		if (json) {
			strbuf_puts(b, "{\"error\":");
			json_text(b, err.text);
			strbuf_puts(b, "}");
		} else {
			strbuf_printf(b, "      damaged: %s\n", err.text);
		}
		return;
	}
	utc(q.mkfs_time, when);
	if (json) {
		strbuf_printf(b, "{\"offset\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"compressor\":\"%s\","
			      "\"block_size\":%" PRIu32 ",\"inodes\":%" PRIu32 ",\"fragments\":%" PRIu32
			      ",\"made\":\"%s\",\"flags\":[", at, q.bytes_used,
			      squash_compressor_name(q.compressor), q.block_size, q.inodes, q.fragments,
			      when);
		add_flags(b, q.flags, "\"", ",");
		strbuf_puts(b, "]}");
		return;
	}
	strbuf_printf(b, "      squashfs: %s, blocks of %" PRIu32 ", %" PRIu32 " inodes, %" PRIu64
		      " bytes, made %s\n      flags: ", squash_compressor_name(q.compressor),
		      q.block_size, q.inodes, q.bytes_used, when);
	add_flags(b, q.flags, "", " ");
	strbuf_puts(b, "\n");
}

static void add_object(struct strbuf *b, bool json, int fd, const struct sif_object *o, bool first)
{
	char name[SHOWN_MAX];
	bool part = o->type == SIF_PARTITION;

	if (json) {
		strbuf_printf(b, "%s{\"id\":%" PRIu32 ",\"type\":\"%s\",\"name\":", first ? "" : ",",
			      o->id, type_name(o->type));
		json_text(b, o->name);
		strbuf_printf(b, ",\"group\":%" PRIu32 ",\"offset\":%" PRIu64 ",\"size\":%" PRIu64,
			      o->group, o->offset, o->size);
		if (part)
			strbuf_printf(b, ",\"arch\":\"%s\",\"filesystem\":\"%s\",\"role\":\"%s\"",
				      sif_arch_name(o->arch), fs_name(o->fs), part_name(o->part));
		if (part && o->fs == SIF_FS_SQUASHFS) {
			strbuf_puts(b, ",\"squashfs\":");
			add_squash(b, true, fd, o->offset);
		}
		strbuf_puts(b, "}");
		return;
	}
	str_escape(o->name, name, sizeof(name));
	if (first)
		strbuf_printf(b, "%4s  %-10s %12s %14s  %-8s %s\n", "ID", "TYPE", "OFFSET", "SIZE", "ARCH",
			      "NAME");
	strbuf_printf(b, "%4" PRIu32 "  %-10s %12" PRIu64 " %14" PRIu64 "  %-8s %s\n", o->id,
		      type_name(o->type), o->offset, o->size, part ? sif_arch_name(o->arch) : "-",
		      name[0] ? name : "-");
	if (part)
		strbuf_printf(b, "      %s partition\n", part_name(o->part));
	if (part && o->fs == SIF_FS_SQUASHFS)
		add_squash(b, false, fd, o->offset);
	else if (part)
		strbuf_printf(b, "      file system: %s\n", fs_name(o->fs));
}

static int add_sif(struct strbuf *b, bool json, int fd, struct berth_err *err)
{
	struct berth_err why = BERTH_ERR_INIT;
	struct sif_object o;
	bool first = true, runs;
	struct sif s;

	if (sif_open(fd, &s, err) < 0)
		return -1;
	if (json)
		strbuf_puts(b, ",\"objects\":[");
	for (uint32_t i = 0; i < s.slots; i++) {
		int rc = sif_object_get(&s, i, &o, err);

		if (rc < 0)
			return -1;
		if (rc == 0)
			continue;
		add_object(b, json, fd, &o, first);
		first = false;
	}
	runs = sif_find_root(&s, &o, &why) == 0;
	if (!json) {
		strbuf_printf(b, "runs here: %s%s\n", runs ? "yes" : "no: ", runs ? "" : why.text);
		return 0;
	}
	strbuf_printf(b, "],\"runs_here\":%s", runs ? "true" : "false");
	if (!runs) {
		strbuf_puts(b, ",\"why_not\":");
		json_text(b, why.text);
	}
	return 0;
}

static int describe(struct strbuf *b, bool json, const char *path, struct berth_err *err)
{
	cleanup_close int fd = fd_open_user(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	static const char *const kinds[] = { "unknown", "directory", "sif", "squashfs" };
	char pin_text[PIN_TEXT_MAX], shown[1024], first[2];
	struct image_pin pin;

	if (fd < 0) {
		enum berth_code code = errno == ENOENT || errno == ENOTDIR ? BERTH_ENOTFOUND : BERTH_EDENIED;

		berth_fail(err, code, errno, "cannot open '%s'", path);
		return berth_hint(err, code == BERTH_ENOTFOUND ? "check the path" : "you must be able to read it");
	}
	if (image_pin_read(fd, &pin, err) < 0)
		return berth_context(err, "'%s'", path);
	image_pin_format(&pin, pin_text);
	if (json) {
		strbuf_puts(b, "{\"file\":");
		json_text(b, path);
		strbuf_printf(b, ",\"kind\":\"%s\",\"size\":%" PRIu64 ",\"pin\":\"%s\"", kinds[pin.kind],
			      pin.size, pin_text);
	} else {
		str_escape(path, shown, sizeof(shown));
		strbuf_printf(b, "file: %s\nkind: %s\nsize: %" PRIu64 "\npin:  %s\n", shown,
			      kinds[pin.kind], pin.size, pin_text);
	}
	if (pin.kind == IMAGE_SIF && add_sif(b, json, fd, err) < 0)
		return berth_context(err, "'%s'", path);
	if (pin.kind == IMAGE_SQUASHFS) {
		if (fd_pread_full(fd, first, sizeof(first), 0) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot read '%s'", path);
		if (json)
			strbuf_puts(b, ",\"squashfs\":");
		add_squash(b, json, fd, first[0] == '#' ? SQUASH_LAUNCH_BYTES : 0);
	}
	if (json)
		strbuf_puts(b, "}\n");
	return strbuf_ok(b) ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot show '%s'", path);
}

enum { OPT_APP = 256, OPT_APPS };

/* What the options of inspect and run-help ask for. */
struct wish {
	unsigned int parts;
	bool json, help;
	const char *app;
};

static int parse(int argc, char **argv, struct wish *ret, struct berth_err *err)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },	   { "help", no_argument, NULL, 'h' },
		{ "labels", no_argument, NULL, 'l' },	   { "deffile", no_argument, NULL, 'd' },
		{ "environment", no_argument, NULL, 'e' }, { "helpfile", no_argument, NULL, 'H' },
		{ "runscript", no_argument, NULL, 'r' },   { "startscript", no_argument, NULL, 's' },
		{ "test", no_argument, NULL, 't' },	   { "all", no_argument, NULL, 'a' },
		{ "list-apps", no_argument, NULL, OPT_APPS }, { "app", required_argument, NULL, OPT_APP },
		{ NULL, 0, NULL, 0 },
	};
	static const struct {
		int option;
		unsigned int parts;
	} parts[] = {
		{ 'l', PART_LABELS }, { 'd', PART_DEFFILE }, { 'e', PART_ENVIRONMENT }, { 'H', PART_HELP },
		{ 'r', PART_RUNSCRIPT }, { 's', PART_STARTSCRIPT }, { 't', PART_TEST }, { 'a', PART_ALL },
		{ OPT_APPS, PART_APPS },
	};
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:jhldeHrsta", longs, NULL)) != -1) {
		if (c == ':')
			return berth_fail(err, BERTH_EUSAGE, 0, "%s needs an argument", argv[optind - 1]);
		if (c == '?')
			return absent_getopt(argv[0], argv, err);
		ret->json |= c == 'j' || c == 'a'; /* --all is JSON for others too */
		ret->help |= c == 'h';
		if (c == OPT_APP)
			ret->app = optarg;
		for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
			if (parts[i].option == c)
				ret->parts |= parts[i].parts;
	}
	if (!ret->help && argc - optind != 1)
		return berth_fail(err, BERTH_EUSAGE, 0, "%s takes one image", argv[0]);
	return 0;
}

/* The file to look at, and what keeps it there where it is the store's. */
struct looked {
	const char *path;
	char *own;
	int fd;
};

static void looked_done(struct looked *l)
{
	free(l->own);
	cleanup_close_fn(&l->fd);
}

static int find(const char *image, struct looked *ret, struct berth_err *err)
{
	const struct fetch_options o = { 0 };

	ret->path = image;
	if (!reference_is_fetched(image))
		return 0;
	if (fetch_to_store(image, &o, &ret->fd, &ret->own, err) < 0) {
		cancel_end();
		return -1;
	}
	ret->path = ret->own;
	return 0;
}

static int explain(char *command)
{
	char berth_word[] = "berth", help_word[] = "help";
	char *help_argv[] = { berth_word, help_word, command, NULL };

	return cmd_help(3, help_argv);
}

int cmd_inspect(int argc, char **argv)
{
	cleanup(strbuf_done) struct strbuf b = STRBUF_INIT;
	cleanup(looked_done) struct looked image = { .fd = -1 };
	struct berth_err err = BERTH_ERR_INIT;
	struct wish w = { 0 };
	int rc;

	if (parse(argc, argv, &w, &err) < 0)
		return cli_fail(argv[0], &err);
	if (w.help)
		return explain(argv[0]);
	/* Of an app the labels are what others show; who calls us by their names means that of images, too. */
	if ((w.app || persona()->marks) && !w.parts)
		w.parts = PART_LABELS;
	/* As there: all is all, not all of one app. */
	if ((w.parts & PART_ALL) == PART_ALL)
		w.app = NULL;
	rc = find(argv[optind], &image, &err);
	if (rc == 0)
		rc = w.parts ? inspect_parts(image.path, w.app, w.parts, w.json, &b, &err)
			     : describe(&b, w.json, image.path, &err);
	if (rc < 0)
		return cli_fail(argv[0], &err);
	(void)fwrite(b.text ? b.text : "", 1, b.len, stdout);
	return cli_flush();
}

int cmd_run_help(int argc, char **argv)
{
	cleanup(strbuf_done) struct strbuf b = STRBUF_INIT;
	cleanup(looked_done) struct looked image = { .fd = -1 };
	struct berth_err err = BERTH_ERR_INIT;
	struct wish w = { 0 };

	if (parse(argc, argv, &w, &err) < 0)
		return cli_fail(argv[0], &err);
	if (w.help)
		return explain(argv[0]);
	if (w.parts || w.json) {
		berth_fail(&err, BERTH_EUSAGE, 0, "run-help has no such option");
		return cli_fail(argv[0], &err);
	}
	if (find(argv[optind], &image, &err) < 0 ||
	    inspect_parts(image.path, w.app, PART_HELP, false, &b, &err) < 0)
		return cli_fail(argv[0], &err);
	if (b.len == 0)
		log_line(LOG_NOTE, "the image has no help");
	(void)fwrite(b.text ? b.text : "", 1, b.len, stdout);
	return cli_flush();
}
