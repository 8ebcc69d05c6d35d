/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_sif.c - berth sif VERB: look into a SIF file and change it, as siftool does.
 *
 * Runs as:  the user, in berth-image. What the file says is escaped before it is shown.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/cli.h"
#include "launcher/cli/cmd_sif.h"
#include "launcher/cli/nearest.h"
#include "launcher/cli/sif_show.h"
#include "launcher/cli/status.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/num.h"

enum { COPY_BYTES = 128 * 1024 };

static int open_sif(const char *path, struct sif *ret, struct berth_err *err)
{
	int fd = fd_open_user(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		enum berth_code code = errno == ENOENT || errno == ENOTDIR ? BERTH_ENOTFOUND : BERTH_EDENIED;

		berth_fail(err, code, errno, "cannot open '%s'", path);
		return berth_hint(err, code == BERTH_ENOTFOUND ? "check the path" : "you must be able to read it");
	}
	if (sif_open(fd, ret, err) == 0)
		return fd;
	(void)close(fd);
	return berth_context(err, "'%s'", path);
}

int sif_id(const char *text, uint32_t *ret, struct berth_err *err)
{
	uint64_t v;

	if (num_parse_u64(text, UINT32_MAX, &v) < 0 || v == 0) {
		berth_fail(err, BERTH_EUSAGE, 0, "'%.100s' is no number of an object", text);
		return berth_hint(err, "'sif list' has them; the number comes before the file");
	}
	*ret = (uint32_t)v;
	return 0;
}

static int put(const struct strbuf *b, struct berth_err *err)
{
	if (!strbuf_ok(b))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot show the file");
	(void)fwrite(b->text ? b->text : "", 1, b->len, stdout);
	return 0;
}

static int do_list(const struct sif_wish *w, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf b = STRBUF_INIT;
	struct sif s;
	cleanup_close int fd = open_sif(w->word[0], &s, err);

	if (fd < 0)
		return -1;
	if (sif_show_list(&b, &s, w->json, err) < 0)
		return berth_context(err, "'%s'", w->word[0]);
	return put(&b, err);
}

static int do_header(const struct sif_wish *w, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf b = STRBUF_INIT;
	struct sif s;
	cleanup_close int fd = open_sif(w->word[0], &s, err);

	if (fd < 0)
		return -1;
	sif_show_header(&b, &s, w->json);
	return put(&b, err);
}

static int do_info(const struct sif_wish *w, struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf b = STRBUF_INIT;
	struct sif_object o;
	struct sif s;
	cleanup_close int fd = open_sif(w->word[1], &s, err);
	uint32_t id;

	if (fd < 0 || sif_id(w->word[0], &id, err) < 0)
		return -1;
	if (sif_object_find(&s, id, &o, NULL, err) < 0)
		return berth_context(err, "'%s'", w->word[1]);
	sif_show_object(&b, &o, w->json);
	if (w->json)
		strbuf_puts(&b, "\n");
	return put(&b, err);
}

/* Is there a byte that would do something to a terminal? */
static bool drives_terminal(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((p[i] < ' ' && p[i] != '\n' && p[i] != '\t') || p[i] == 0x7f || (p[i] & 0xe0) == 0x80)
			return true;
	return false;
}

static int do_dump(const struct sif_wish *w, struct berth_err *err)
{
	cleanup_free unsigned char *buf = malloc(COPY_BYTES);
	bool terminal = isatty(STDOUT_FILENO);
	struct sif_object o;
	struct sif s;
	cleanup_close int fd = open_sif(w->word[1], &s, err);
	uint32_t id;

	if (fd < 0 || sif_id(w->word[0], &id, err) < 0)
		return -1;
	if (!buf)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read '%s'", w->word[1]);
	if (sif_object_find(&s, id, &o, NULL, err) < 0)
		return berth_context(err, "'%s'", w->word[1]);
	for (uint64_t done = 0; done < o.size;) {
		size_t n = o.size - done < COPY_BYTES ? (size_t)(o.size - done) : COPY_BYTES;

		if (fd_pread_full(fd, buf, n, (off_t)(o.offset + done)) < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot read '%s'", w->word[1]);
		if (terminal && drives_terminal(buf, n)) {
			berth_fail(err, BERTH_EUSAGE, 0, "object %" PRIu32 " is no text for a terminal", id);
			return berth_hint(err, "send it to a file or a program");
		}
		if (fwrite(buf, 1, n, stdout) != n)
			return 0; /* cli_flush() says why */
		done += n;
	}
	return 0;
}

static const struct verb {
	const char *name;
	int (*run)(const struct sif_wish *w, struct berth_err *err);
	int words;
	const char *needs;
} verbs[] = {
	{ "list", do_list, 1, "the file" },
	{ "header", do_header, 1, "the file" },
	{ "info", do_info, 2, "the number of an object and the file" },
	{ "dump", do_dump, 2, "the number of an object and the file" },
	{ "new", sif_cmd_new, 1, "the file to make" },
	{ "add", sif_cmd_add, 2, "the SIF file and the file to put into it" },
	{ "del", sif_cmd_del, 2, "the number of an object and the file" },
	{ "setprim", sif_cmd_setprim, 2, "the number of an object and the file" },
};

static const struct option longs[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ "force", no_argument, NULL, 'F' },
	{ "zero", no_argument, NULL, 'z' },
	{ "compact", no_argument, NULL, 'c' },
	{ "datatype", required_argument, NULL, 'o' },
	{ "parttype", required_argument, NULL, 'o' },
	{ "partfs", required_argument, NULL, 'o' },
	{ "partarch", required_argument, NULL, 'o' },
	{ "signhash", required_argument, NULL, 'o' },
	{ "signentity", required_argument, NULL, 'o' },
	{ "sbomformat", required_argument, NULL, 'o' },
	{ "groupid", required_argument, NULL, 'o' },
	{ "link", required_argument, NULL, 'o' },
	{ "alignment", required_argument, NULL, 'o' },
	{ "filename", required_argument, NULL, 'o' },
	{ NULL, 0, NULL, 0 },
};

/* Which verbs have the option. */
static bool has_option(const char *verb, int c)
{
	static const struct {
		int option;
		const char *verbs[3];
	} of[] = {
		{ 'j', { "list", "header", "info" } },
		{ 'F', { "new" } },
		{ 'z', { "del" } },
		{ 'c', { "del" } },
		{ 'o', { "add" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(of); i++)
		for (size_t k = 0; of[i].option == c && k < ARRAY_SIZE(of[i].verbs); k++)
			if (of[i].verbs[k] && strcmp(of[i].verbs[k], verb) == 0)
				return true;
	return c == 'h';
}

static int parse(const struct verb *verb, int argc, char **argv, struct sif_wish *w, struct berth_err *err)
{
	int c, at;

	optind = 0;
	opterr = 0;
	/* Options may follow the words, as in the examples of Apptainer's manual. */
	while ((c = getopt_long(argc, argv, ":hjF", longs, &at)) != -1) {
		if (c == ':')
			return berth_fail(err, BERTH_EUSAGE, 0, "%s needs an argument", argv[optind - 1]);
		if (c == '?')
			return absent_getopt("sif", argv, err);
		if (!has_option(verb->name, c))
			return berth_fail(err, BERTH_EUSAGE, 0, "sif %s has no option '%s'", verb->name,
					  argv[optind - 1]);
		w->help |= c == 'h';
		w->json |= c == 'j';
		w->force |= c == 'F';
		w->zero |= c == 'z';
		w->compact |= c == 'c';
		if (c == 'o' && sif_add_option(w, longs[at].name, optarg, err) < 0)
			return -1;
	}
	if (w->help)
		return 0;
	if (argc - optind != verb->words)
		return berth_fail(err, BERTH_EUSAGE, 0, "sif %s takes %s", verb->name, verb->needs);
	for (int i = 0; i < verb->words; i++)
		w->word[i] = argv[optind + i];
	return verb->run == sif_cmd_add ? sif_add_check(w, err) : 0;
}

static int unknown_verb(const char *word, struct berth_err *err)
{
	struct nearest near = { .word = word };

	if (word[0] == '-')
		return absent_option("sif", word, err);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		nearest_look(&near, verbs[i].name);
	if (near.found)
		return berth_fail(err, BERTH_EUSAGE, 0, "unknown command 'sif %.100s': did you mean '%s'?", word,
				  near.found);
	return berth_fail(err, BERTH_EUSAGE, 0, "unknown command 'sif %.100s'", word);
}

int cmd_sif(int argc, char **argv)
{
	char berth_word[] = "berth", help_word[] = "help", sif_word[] = "sif";
	char *help_argv[] = { berth_word, help_word, sif_word, NULL };
	struct berth_err err = BERTH_ERR_INIT;
	const struct verb *verb = NULL;
	struct sif_wish w = { 0 };

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return cmd_help(3, help_argv);
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++)
		if (strcmp(verbs[i].name, argv[1]) == 0)
			verb = &verbs[i];
	if (argc < 2)
		berth_fail(&err, BERTH_EUSAGE, 0, "sif takes a word that says what to do, and a file");
	else if (!verb)
		(void)unknown_verb(argv[1], &err);
	if (!verb || parse(verb, argc - 1, argv + 1, &w, &err) < 0)
		return cli_fail("sif", &err);
	if (w.help)
		return cmd_help(3, help_argv);
	if (verb->run(&w, &err) < 0)
		return cli_fail("sif", &err);
	return cli_flush();
}
