/* SPDX-License-Identifier: BSD-3-Clause */
/* flags.c - the flags of exec, run, shell and test; see flags.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/flags.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

const struct flag_local flag_locals[] = {
	{ "shell", "shell", 's', "PATH", "run this shell of the image" },
	{ "build", "force", 'F', NULL, "replace OUT where it exists" },
	{ "build", "sandbox", 's', NULL, "make a directory" },
	{ "build", "format", 0, "FORMAT", "sif, squashfs, sandbox, tar, oci, oci-archive or docker-archive" },
	{ "build", "mksquashfs-args", 0, "TEXT", "compress by -comp zstd|gzip, -Xcompression-level N; anew where it is" },
	{ "build", "fix-perms", 0, NULL, "of a directory: let its owner read, write and enter everything" },
	{ "build", "keep-owner", 0, NULL, "keep the owners of the files; for root only" },
	{ "build", "keep-devices", 0, NULL, "of a directory: make device nodes in it; for root only" },
	{ "build", "notest", 'T', NULL, "means nothing: there is no test" },
	{ "build", "arch", 0, "ARCH", "for this machine, as amd64 or arm64, not for this one here" },
	{ "build", "platform", 0, "OS/ARCH[/VARIANT]", "the same, in full: linux/arm/v7" },
	{ "build", "disable-cache", 0, NULL, "neither take from the store nor keep there what is downloaded" },
	{ "build", "no-https", 0, NULL, "this registry has no TLS" },
	{ "build", "authfile", 0, "FILE", "take logins from there, not from Docker's file" },
	{ "build", "docker-login", 0, NULL, "ask at the terminal who you are to the registry" },
	{ "build", "tmpdir", 0, "DIR", "what is only needed meanwhile lies there" },
	{ "push", "zstd", 0, NULL, "docker://: compress by zstd, which old runtimes do not read, not by gzip" },
	{ "push", "no-https", 0, NULL, "this registry has no TLS" },
	{ "push", "authfile", 0, "FILE", "take logins from there, not from Docker's file" },
	{ "push", "docker-login", 0, NULL, "ask for a name and a password" },
	{ "push", "tmpdir", 0, "DIR", "what is only needed meanwhile lies there" },
	{ "import", "force", 'F', NULL, "replace IMAGE where it exists" },
	{ "import", "tmpdir", 0, "DIR", "what is only needed meanwhile lies there" },
	{ "export", "force", 'F', NULL, "replace TAR where it exists" },
	{ "export", "tmpdir", 0, "DIR", "what is only needed meanwhile lies there" },
	{ "inspect", "labels", 'l', NULL, "show the image's labels" },
	{ "inspect", "runscript", 'r', NULL, "show what 'berth run' starts" },
	{ "inspect", "environment", 'e', NULL, "show the scripts that set variables" },
	{ "inspect", "deffile", 'd', NULL, "show the definition that the image was made of" },
	{ "inspect", "startscript", 's', NULL, "show what an instance would start" },
	{ "inspect", "test", 't', NULL, "show what 'berth test' starts" },
	{ "inspect", "helpfile", 'H', NULL, "show what 'berth run-help' prints" },
	{ "inspect", "list-apps", 0, NULL, "list the SCIF apps" },
	{ "inspect", "all", 'a', NULL, "all of these, as JSON" },
	{ "inspect", "app", 0, "NAME", "of this app, not of the image" },
	{ "inspect", "json", 'j', NULL, "write JSON" },
	{ "pull", "force", 'F', NULL, "replace IMAGE.sif where it exists" },
	{ "pull", "name", 0, "IMAGE.sif", "the same as naming it first" },
	{ "pull", "dir", 0, "DIR", "make it there" },
	{ "pull", "json", 'j', NULL, "say in JSON, on standard output, what was made" },
	{ "pull", "docker-login", 0, NULL, "ask at the terminal who you are to the registry" },
	{ "pull", "arch", 0, "ARCH", "for this machine, as amd64 or arm64, not for this one here" },
	{ "pull", "platform", 0, "OS/ARCH[/VARIANT]", "the same, in full: linux/arm/v7" },
	{ "pull", "disable-cache", 0, NULL, "neither take from the store nor keep there what is downloaded" },
	{ "pull", "no-https", 0, NULL, "this registry has no TLS" },
	{ "pull", "authfile", 0, "FILE", "take logins from there, not from Docker's file" },
	{ "pull", "tmpdir", 0, "DIR", "with --disable-cache: what is downloaded lies there meanwhile" },
	{ "cache", "type", 'T', "TYPE", "list, clean: of this kind only, such as image or blob" },
	{ "cache", "verbose", 'v', NULL, "list: each entry, with its size and when it was used" },
	{ "cache", "days", 'D', "DAYS", "clean: what was not used for so long" },
	{ "cache", "keep", 0, "SIZE", "clean: until so much is left, as 20G; the least recently used go" },
	{ "cache", "dry-run", 'n', NULL, "clean: only say what would be removed" },
	{ "cache", "force", 'f', NULL, "clean: do not ask" },
	{ "cache", "remove", 0, NULL, "verify: remove what is damaged" },
	{ "cache", "json", 'j', NULL, "list, info, verify: write JSON" },
	{ "doctor", "json", 'j', NULL, "write a JSON array of what was found" },
	{ "sif", "json", 'j', NULL, "list, header, info: write JSON" },
	{ "sif", "force", 'F', NULL, "new: replace a file that exists" },
	{ "sif", "zero", 0, NULL, "del: overwrite the bytes, which stay in the file else" },
	{ "sif", "compact", 0, NULL, "del: shorten the file where nothing is left at its end" },
	{ "sif", "datatype", 0, "NUMBER", "add: 1 definition, 2 variables, 3 labels, 4 partition, 5 signature, "
					  "6 JSON, 7 any, 8 crypto message, 9 SBOM, 10 OCI index, 11 OCI blob" },
	{ "sif", "filename", 0, "NAME", "add: the object's name" },
	{ "sif", "groupid", 0, "NUMBER", "add: the object's group; 0, as without: none" },
	{ "sif", "link", 0, "NUMBER", "add: the object that it belongs to" },
	{ "sif", "alignment", 0, "BYTES", "add: where it may begin; 4096 for partitions, else 1" },
	{ "sif", "parttype", 0, "NUMBER", "add, of a partition: 1 system, 2 primary system, 3 data, 4 overlay" },
	{ "sif", "partfs", 0, "NUMBER", "add, of a partition: 1 squashfs, 2 ext3, 3 archive, 4 raw" },
	{ "sif", "partarch", 0, "ARCH", "add, of a partition: amd64, arm64 ..., or Apptainer's number" },
	{ "sif", "sbomformat", 0, "NAME", "add, of an SBOM: spdx-json, cyclonedx-json ..." },
	{ "sif", "signhash", 0, "NUMBER", "add, of a signature: 1 SHA256, 2 SHA384, 3 SHA512" },
	{ "sif", "signentity", 0, "FINGERPRINT", "add, of a signature: who made it" },
	{ "registry", "username", 'u', "NAME", "login: you, there" },
	{ "registry", "password-stdin", 0, NULL, "login: read the password from standard input" },
	{ "registry", "authfile", 0, "FILE", "keep logins there, not in Docker's file" },
	{ "registry", "no-https", 0, NULL, "login: this registry has no TLS" },
	{ "run-help", "app", 0, "NAME", "of this app, not of the image" },
};
const size_t flag_local_count = ARRAY_SIZE(flag_locals);

struct parser {
	int argc, at; /* argv[at] is being looked at */
	char **argv;
	struct room_spec *spec;
	struct flags *flags;
};

/* One flag that was found: a row of the common table, or one of this subcommand. */
struct found {
	const struct option_row *row;
	const struct flag_local *local;
	bool help;
};

static bool find(const struct parser *p, const char *name, char letter, struct found *ret)
{
	*ret = (struct found){ .row = name ? option_by_name(name) : option_by_letter(letter) };
	if (ret->row && (ret->row->faces & FACE_CLI))
		return true;
	ret->row = NULL;
	for (size_t i = 0; i < flag_local_count; i++) {
		const struct flag_local *l = &flag_locals[i];

		if (strcmp(l->command, p->argv[0]) != 0)
			continue;
		if (name ? strcmp(l->name, name) == 0 : l->letter == letter) {
			ret->local = l;
			return true;
		}
	}
	ret->help = name ? strcmp(name, "help") == 0 : letter == 'h';
	return ret->help;
}

static bool takes_arg(const struct found *f)
{
	return (f->local && f->local->arg) || (f->row && f->row->arg);
}

/* 'shown' is the flag as the user wrote it, "--bind" or "-B". */
static int apply(struct parser *p, const struct found *f, const char *shown, const char *arg,
		 struct berth_err *err)
{
	if (f->help) {
		p->flags->help = true;
		return 0;
	}
	if (f->local) {
		if (!arg || arg[0] == '\0')
			return berth_fail(err, BERTH_EUSAGE, 0, "%s: the argument is empty", shown);
		p->flags->shell = arg;
		return 0;
	}
	if (f->row->set(p->spec, arg, err) < 0)
		return berth_context(err, "%s", shown);
	return 0;
}

/* The next word as the argument of the flag 'shown', or NULL and *err. */
static const char *next_word(struct parser *p, const char *shown, struct berth_err *err)
{
	if (p->at + 1 >= p->argc) {
		berth_fail(err, BERTH_EUSAGE, 0, "%s needs an argument", shown);
		return NULL;
	}
	return p->argv[++p->at];
}

static int parse_long(struct parser *p, const char *word, struct berth_err *err)
{
	const char *eq = strchr(word, '='), *arg = eq ? eq + 1 : NULL;
	cleanup_free char *shown = eq ? strndup(word, (size_t)(eq - word)) : strdup(word);
	struct found f;

	if (!shown)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the command line");
	if (!find(p, shown + 2, 0, &f))
		return absent_option(p->argv[0], shown, err);
	if (!takes_arg(&f)) {
		if (arg)
			return berth_fail(err, BERTH_EUSAGE, 0, "%s takes no argument", shown);
		return apply(p, &f, shown, NULL, err);
	}
	if (!arg)
		arg = next_word(p, shown, err);
	return arg ? apply(p, &f, shown, arg, err) : -1;
}

static int parse_letters(struct parser *p, const char *word, struct berth_err *err)
{
	for (const char *c = word + 1; *c && !p->flags->help; c++) {
		const char shown[] = { '-', *c, '\0' };
		const char *arg = NULL;
		struct found f;

		if (!find(p, NULL, *c, &f))
			return absent_option(p->argv[0], shown, err);
		if (!takes_arg(&f)) {
			if (apply(p, &f, shown, NULL, err) < 0)
				return -1;
			continue;
		}
		arg = c[1] != '\0' ? c + 1 : next_word(p, shown, err);
		return arg ? apply(p, &f, shown, arg, err) : -1;
	}
	return 0;
}

int flags_parse(int argc, char **argv, struct room_spec *spec, struct flags *ret, struct berth_err *err)
{
	struct parser p = { .argc = argc, .at = 1, .argv = argv, .spec = spec, .flags = ret };

	*ret = (struct flags){ 0 };
	for (; p.at < argc && !ret->help; p.at++) {
		const char *word = argv[p.at];

		if (word[0] != '-' || word[1] == '\0')
			break;
		if (strcmp(word, "--") == 0) {
			p.at++;
			break;
		}
		if ((word[1] == '-' ? parse_long(&p, word, err) : parse_letters(&p, word, err)) < 0)
			return -1;
	}
	ret->first = p.at;
	return 0;
}
