/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd_completion.c - berth completion bash|zsh|fish: from the tables of commands and options. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "launcher/cli/absent.h"
#include "launcher/cli/cli.h"
#include "launcher/cli/flags.h"
#include "launcher/cli/persona.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

struct word {
	const char *name;
	char letter;
	const char *arg, *help;
};

static const struct word globals[] = {
	{ "verbose", 'v', NULL, "say what happens and how long it takes" },
	{ "debug", 'd', NULL, "the same" },
	{ "quiet", 'q', NULL, "print errors only" },
	{ "silent", 's', NULL, "the same" },
	{ "nocolor", 0, NULL, "nothing: there is no color" },
	{ "help", 'h', NULL, "print help" },
	{ "version", 0, NULL, "print the version" },
};

typedef void (*put_word)(const char *command, const struct word *w);

/* What follows some commands before anything else. */
static const struct {
	const char *command, *words;
	bool files; /* files follow these */
} verbs[] = {
	{ "completion", "bash zsh fish", false },
	{ "config", "show", false },
	{ "registry", "login logout list", false },
	{ "cache", "list info clean verify path", false },
	{ "sif", "list header info dump new add del setprim", true },
};

static const char *verbs_of(const char *command)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(verbs[i].command, command) == 0)
			return verbs[i].words;
	return NULL;
}

static bool enters(const char *command)
{
	return strcmp(command, "exec") == 0 || strcmp(command, "run") == 0 || strcmp(command, "shell") == 0;
}

/* Each option of 'command'. */
static void each_option(const char *command, put_word put)
{
	static const struct word help = { "help", 'h', NULL, "print help" };

	for (size_t i = 0; i < flag_local_count; i++) {
		const struct flag_local *l = &flag_locals[i];

		if (strcmp(l->command, command) == 0)
			put(command, &(struct word){ l->name, l->letter, l->arg, l->help });
	}
	for (size_t i = 0; enters(command) && i < option_count; i++) {
		const struct option_row *o = &option_rows[i];

		if (!(o->faces & FACE_CLI))
			continue;
		put(command, &(struct word){ o->name, o->letter, o->arg, o->help });
		if (o->also)
			put(command, &(struct word){ o->also, 0, o->arg, o->help });
	}
	put(command, &help);
}

/* 'text' between single quotes, with what has a meaning in 'special' after a backslash. */
static void put_quoted(const char *text, const char *special)
{
	for (const char *p = text; *p; p++) {
		if (*p == '\'') {
			(void)fputs("'\\''", stdout);
			continue;
		}
		if (strchr(special, *p))
			(void)putchar('\\');
		(void)putchar(*p);
	}
}

static void bash_word(const char *command, const struct word *w)
{
	(void)command;
	if (w->letter)
		(void)printf(" -%c", w->letter);
	(void)printf(" --%s", w->name);
}

static void bash_with_arg(const char *command, const struct word *w)
{
	if (w->arg)
		bash_word(command, w);
}

static void put_bash(const char *me)
{
	(void)printf("# bash completion of %s: made by '%s completion bash'\n"
		     "_%s()\n{\n"
		     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} command='' words='' args='' verbs='' said='' i=1\n\n"
		     "\tCOMPREPLY=()\n"
		     "\twhile ((i < COMP_CWORD)) && [[ ${COMP_WORDS[i]} == -* ]]; do ((i++)); done\n"
		     "\t((i == COMP_CWORD)) || command=${COMP_WORDS[i]}\n"
		     "\tcase $command in\n", me, me, me);
	(void)printf("\t'' | help) words='");
	for (size_t i = 0; i < command_count; i++)
		(void)printf("%s%s", i > 0 ? " " : "", commands[i].name);
	(void)printf("'\n\t\t[[ $command != help && $cur == -* ]] && words='");
	for (size_t i = 0; i < ARRAY_SIZE(globals); i++)
		bash_word("", &globals[i]);
	(void)printf("' ;;\n");
	for (size_t i = 0; i < command_count; i++) {
		const char *name = commands[i].name;

		if (strcmp(name, "help") == 0)
			continue;
		(void)printf("\t%s)\n\t\twords='", name);
		each_option(name, bash_word);
		if (verbs_of(name))
			(void)printf("'\n\t\tverbs='%s", verbs_of(name));
		(void)printf("'\n\t\targs='");
		each_option(name, bash_with_arg);
		(void)printf(" ' ;;\n");
	}
	/* COMP_WORDBREAKS makes three words of --bind=/x. */
	(void)printf("\tesac\n"
		     "\t[[ -z $command ]] || for ((i++; i < COMP_CWORD; i++)); do\n"
		     "\t\t[[ ${COMP_WORDS[i]} == -* || $verbs ]] || return # the image: what follows is the program's\n"
		     "\t\t[[ ${COMP_WORDS[i]} == -* ]] || said=yes\n"
		     "\t\t[[ \" $args\" == *\" ${COMP_WORDS[i]} \"* ]] || continue\n"
		     "\t\t((i++))\n"
		     "\t\t[[ ${COMP_WORDS[i]} != = ]] || ((i++))\n"
		     "\t\t((i < COMP_CWORD)) || return # an argument: a file\n"
		     "\tdone\n"
		     "\t[[ -z $verbs || $said || $cur == -* ]] || words=$verbs verbs=now\n"
		     "\tcase $command,$verbs,$cur in ,,* | help,,* | *,now,* | *,*,-*)\n"
		     "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\") ;;\n"
		     "\tesac\n}\n"
		     "complete -o default -o bashdefault -F _%s %s\n", me, me);
}

static void zsh_word(const char *command, const struct word *w)
{
	static const char special[] = "[]:\\";

	(void)command;
	if (w->letter) {
		(void)printf(" \\\n\t\t\t'-%c%s[", w->letter, w->arg ? "+" : "");
		put_quoted(w->help, special);
		(void)printf("]%s'", w->arg ? ":argument:_files" : "");
	}
	(void)printf(" \\\n\t\t\t'--%s%s[", w->name, w->arg ? "=" : "");
	put_quoted(w->help, special);
	(void)printf("]%s'", w->arg ? ":argument:_files" : "");
}

static void put_zsh(const char *me)
{
	(void)printf("#compdef %s\n# made by '%s completion zsh'\n\nlocal curcontext=$curcontext state line\n"
		     "local -a commands\n\ncommands=(\n", me, me);
	for (size_t i = 0; i < command_count; i++) {
		(void)printf("\t'%s:", commands[i].name);
		put_quoted(commands[i].summary, ":\\");
		(void)printf("'\n");
	}
	(void)printf(")\n_arguments -C -A '-*'");
	for (size_t i = 0; i < ARRAY_SIZE(globals); i++)
		zsh_word("", &globals[i]);
	(void)printf(" \\\n\t\t\t'1:command:->command' '*::argument:->argument'\n"
		     "case $state in\n"
		     "command) _describe command commands ;;\n"
		     "argument)\n\tcase $words[1] in\n"
		     "\thelp) _describe command commands ;;\n");
	for (size_t i = 0; i < command_count; i++) {
		const char *name = commands[i].name;

		if (strcmp(name, "help") == 0)
			continue;
		(void)printf("\t%s)\n\t\t_arguments -S", name);
		each_option(name, zsh_word);
		if (verbs_of(name))
			(void)printf(" \\\n\t\t\t'1:command:(%s)' '*:file:_files' ;;\n", verbs_of(name));
		else /* "(-)": no option after the image, what follows is the program's */
			(void)printf(" \\\n\t\t\t'(-)1:file:_files' '*:file:_files' ;;\n");
	}
	(void)printf("\tesac ;;\nesac\n");
}

/* The name of the function of the script that says whether words of 'command' are to come. */
static void fish_test(const char *command)
{
	const char *me = persona()->name;

	(void)printf("__%s_at_%s", me, command[0] ? command : "command");
}

static void fish_text(const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '\'' || *p == '\\')
			(void)putchar('\\');
		(void)putchar(*p);
	}
}

static void fish_word(const char *command, const struct word *w)
{
	(void)printf("complete -c %s -n ", persona()->name);
	fish_test(command);
	(void)printf(" -l %s", w->name);
	if (w->letter)
		(void)printf(" -s %c", w->letter);
	(void)printf("%s -d '", w->arg ? " -r" : "");
	fish_text(w->help);
	(void)printf("'\n");
}

/* As bash has it: after the image all is the program's, and no word of a command's is offered. */
static void fish_head(const char *me)
{
	(void)printf("# fish completion of %s: made by '%s completion fish'\n"
		     "function __%s_at\n"
		     "\tset -l command $argv[1]\n"
		     "\tset -l args $argv[2..-1]\n"
		     "\tset -l words (commandline -opc)\n"
		     "\tset -e words[1]\n"
		     "\twhile set -q words[1]; and string match -q -- '-*' $words[1]\n"
		     "\t\tset -e words[1]\n"
		     "\tend\n"
		     "\tif test \"$command\" = ''\n"
		     "\t\tnot set -q words[1]\n"
		     "\t\treturn\n"
		     "\tend\n"
		     "\ttest \"$words[1]\" = $command; or return 1\n"
		     "\tset -e words[1]\n"
		     "\twhile set -q words[1]\n"
		     "\t\tstring match -q -- '-*' $words[1]; or return 1\n"
		     "\t\tif contains -- $words[1] $args; and set -q words[2]\n"
		     "\t\t\tset -e words[1]\n"
		     "\t\tend\n"
		     "\t\tset -e words[1]\n"
		     "\tend\n"
		     "end\n", me, me, me);
	(void)printf("function __%s_at_command\n\t__%s_at ''\nend\n", me, me);
	for (size_t i = 0; i < command_count; i++) {
		(void)printf("function ");
		fish_test(commands[i].name);
		(void)printf("\n\t__%s_at %s", me, commands[i].name);
		each_option(commands[i].name, bash_with_arg);
		(void)printf("\nend\n");
	}
}

/* The commands, after nothing or after help. */
static void fish_commands(const char *me, const char *after)
{
	for (size_t i = 0; i < command_count; i++) {
		(void)printf("complete -c %s -n ", me);
		fish_test(after);
		(void)printf(" -f -a %s -d '", commands[i].name);
		fish_text(commands[i].summary);
		(void)printf("'\n");
	}
}

static void put_fish(const char *me)
{
	fish_head(me);
	for (size_t i = 0; i < ARRAY_SIZE(globals); i++)
		fish_word("", &globals[i]);
	fish_commands(me, "");
	fish_commands(me, "help");
	for (size_t i = 0; i < command_count; i++)
		each_option(commands[i].name, fish_word);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		(void)printf("complete -c %s -n ", me);
		fish_test(verbs[i].command);
		(void)printf("%s -a '%s'\n", verbs[i].files ? "" : " -f", verbs[i].words);
	}
}

int cmd_completion(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*put)(const char *me);
	} shells[] = { { "bash", put_bash }, { "zsh", put_zsh }, { "fish", put_fish } };
	struct berth_err err = BERTH_ERR_INIT;

	if (argc == 2 && argv[1][0] == '-') {
		(void)absent_option("completion", argv[1], &err);
		return cli_fail("completion", &err);
	}
	for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(shells); i++) {
		if (strcmp(shells[i].name, argv[1]) != 0)
			continue;
		shells[i].put(persona()->name);
		return cli_flush();
	}
	berth_fail(&err, BERTH_EUSAGE, 0, "completion takes the name of a shell: bash, zsh or fish");
	return cli_fail("completion", &err);
}
