/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_script.c - plain scripts and what they leave; what is not plain, and where that shows. The
 * comparison with real shells is tests/bats/environment.bats.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "launcher/view/script.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "tests/unit/unit.h"

static void start(struct script_vars *vars)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(script_vars_set(vars, "H", "/home", true, &err), 0);
	ck_assert_int_eq(script_vars_set(vars, "EMPTY", "", false, &err), 0);
}

static const struct {
	const char *text, *value; /* of A, which must be exported */
} plain[] = {
	{ "export A=1", "1" },
	{ "A=1;export A", "1" },
	{ "export A;A=1", "1" },
	{ "export A='$H'", "$H" },
	{ "export A=\"$H/x\"", "/home/x" },
	{ "export A=${H}x", "/homex" },
	{ "export A=\"${NOT:-\"a \\\"b\\\"\"}\"", "a \"b\"" },
	{ "export A=\"${NOT:-\"{1,2}\"}\"", "{1,2}" },
	{ "export A=${EMPTY:-x}${EMPTY-y}", "x" },
	{ "export A=${H:+x}${EMPTY:+y}${EMPTY+z}", "xz" },
	{ "export A=${B:=x}$B", "xx" },
	{ "export A=1 # no", "1" },
	{ "# yes\n\n  export A=1\n#", "1" },
	{ "export A=a\\\nb", "ab" },
	{ "export A=\\a\\ \\$", "a $" },
	{ "if [ -z \"$NOT\" ]; then A=1; else A=2; fi; export A", "1" },
	{ "if [ -n \"$NOT\" ]; then x -y \"$@\"; . z; elif [ 1 = 1 ]; then A=3; fi; export A", "3" },
	{ "A=1 B=${A}2; export B A=$B", "12" },
	{ "export A=1 B; unset A; A=2; export A", "2" },
};

START_TEST(is_plain)
{
	cleanup(script_vars_done) struct script_vars vars = SCRIPT_VARS_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	struct script_odd odd = { 0 };
	const char *value;
	int rc;

	start(&vars);
	rc = script_run(plain[_i].text, strlen(plain[_i].text), &vars, &odd, &err);
	ck_assert_msg(rc == 1, "%s: %s", plain[_i].text, odd.what);
	value = script_vars_get(&vars, "A");
	ck_assert_ptr_nonnull(value);
	ck_assert_str_eq(value, plain[_i].value);
	for (size_t i = 0; i < vars.n; i++)
		if (strcmp(vars.v[i].name, "A") == 0)
			ck_assert(vars.v[i].exported && vars.v[i].assigned);
}
END_TEST

/* Each sets A before, which must be forgotten. */
static const struct {
	const char *text;
	unsigned int line;
} not_plain[] = {
	{ "ls", 1 }, { "\n\nls", 3 }, { "B=1 ls", 1 }, { "export", 1 }, { "export -p", 1 }, { "export 1=2", 1 },
	{ "export A-B=1", 1 }, { "export $H", 1 }, { "export \"A=1\"", 1 }, { "unset -f x", 1 }, { "unset 'x'", 1 },
	{ "B=$(ls)", 1 }, { "B=`ls`", 1 }, { "B=\"$(ls)\"", 1 }, { "B=\"`ls`\"", 1 }, { "B=$((1))", 1 }, { "B=$[1]", 1 },
	{ "B=$1", 1 }, { "B=$@", 1 }, { "B=$$", 1 }, { "B=$?", 1 }, { "B=$#", 1 }, { "B=$-", 1 }, { "B=$!", 1 },
	{ "B=$'x'", 1 }, { "B=$\"x\"", 1 }, { "B=${", 1 }, { "B=${}", 1 }, { "B=${H", 1 }, { "B=${H:}", 1 }, { "B=${#H}", 1 },
	{ "B=${H%x}", 1 }, { "B=${H/x/y}", 1 }, { "B=${H:?x}", 1 }, { "B=${H:0:1}", 1 }, { "B=${!H}", 1 }, { "B=${H[0]}", 1 },
	{ "B=${NOT:-x", 1 }, { "B=\"${NOT:-x", 1 }, { "B=\"${NOT:-'x'}\"", 1 }, { "B=\"${NOT:-x\"y\"}\"", 1 },
	{ "B=\"${NOT:-\"x\"y}\"", 1 }, { "B=\"${NOT:-\"\\n\"}\"", 1 }, { "B=\"${NOT:-\"x}\"", 1 }, { "B=${NOT:-`x`}", 1 },
	{ "B=${NOT:-~}", 1 }, { "B=${NOT:-{x}", 1 }, { "B=${NOT:-x\ny}", 1 },
	{ "B=~", 1 }, { "B=/x:~", 1 }, { "export B={a,b}", 1 }, { "B=(a)", 1 }, { "B=a&", 1 }, { "B=a|b", 1 }, { "B=a>b", 1 },
	{ "B=a<b", 1 }, { "B+=a", 1 }, { "B[0]=a", 1 }, { "B='x", 1 }, { "B=\"x", 1 }, { "B=x\\", 1 }, { "B=\"x\\", 1 },
	{ "B=$H\\\nX", 1 }, { "B=\x01", 1 }, { "B='\x7f'\x7f", 1 }, { ";", 1 }, { "B=1;;", 1 }, { "B=1; ;", 1 },
	{ "IFS=x", 1 }, { "B=$IFS", 1 }, { "UID=1", 1 }, { "B=$RANDOM", 1 }, { "B=$BASH_VERSION", 1 }, { "PWD=/", 1 },
	{ "B=$TERM", 1 }, { "B=$SHELL", 1 }, { "unset _", 1 }, { "B=${PPID:-1}", 1 },
	{ "if", 1 }, { "if [ 1 ]", 1 }, { "if [ 1 ]; then", 1 }, { "if [ 1 ]; then B=1", 1 }, { "if [ 1 ]; then fi", 1 },
	{ "if [ 1 ]; then B=1; else fi", 1 }, { "if [ 1 ]; then B=1; fi x", 1 }, { "if [ 1 ]; B=1; fi", 1 },
	{ "if ls; then B=1; fi", 1 }, { "if [ -f /x ]; then B=1; fi", 1 }, { "if [ 1; then B=1; fi", 1 },
	{ "if [ 1 ] x; then B=1; fi", 1 }, { "if [ ]; then B=1; fi", 1 }, { "if [ 1 = 1 -a 2 ]; then B=1; fi", 1 },
	{ "if [ $NOT ]; then B=1; fi", 1 }, { "if [ * ]; then B=1; fi", 1 }, { "if [ 1 == 1 ]; then B=1; fi", 1 },
	{ "if [ 1 -eq 1 ]; then B=1; fi", 1 }, { "if [ ! -n x ]; then B=1; fi", 1 }, { "if [ 1 ] && [ 2 ]; then B=1; fi", 1 },
	{ "if [[ 1 ]]; then B=1; fi", 1 }, { "if [ \"\" ]; then for x in y; do z; done; fi", 1 },
	{ "if [ \"\" ]; then x <<E\nfi\nE\nfi", 1 }, { "if [ \"\" ]; then case x in y) ;; esac; fi", 1 },
	{ "if [ \"\" ]; then echo `fi`; fi", 1 }, { "else", 1 }, { "fi", 1 }, { "then", 1 }, { "for x in y; do :; done", 1 },
	{ "while :; do :; done", 1 }, { "case x in x) ;; esac", 1 }, { "f() { :; }", 1 }, { "{ B=1; }", 1 }, { "(B=1)", 1 },
	{ "! true", 1 }, { "time true", 1 }, { "set -a", 1 }, { ". /x", 1 }, { "exit", 1 }, { "return", 1 }, { "readonly B=1", 1 },
	{ "local B=1", 1 }, { "alias x=y", 1 }, { "[ 1 ]", 1 }, { "test 1", 1 }, { "\rB=1", 1 }, { "'export' B=1", 1 },
};

START_TEST(is_not_plain)
{
	cleanup(script_vars_done) struct script_vars vars = SCRIPT_VARS_INIT;
	cleanup_free char *text = NULL;
	struct berth_err err = BERTH_ERR_INIT;
	struct script_odd odd = { 0 };
	size_t before;

	start(&vars);
	before = vars.n;
	ck_assert_int_gt(asprintf(&text, "export A=1; H=2; %s", not_plain[_i].text), 0);
	ck_assert_msg(script_run(text, strlen(text), &vars, &odd, &err) == 0, "plain: %s", text);
	ck_assert_int_eq(err.code, BERTH_OK);
	ck_assert_ptr_nonnull(odd.what);
	ck_assert_uint_ge(odd.line, not_plain[_i].line);
	ck_assert_uint_eq(vars.n, before);
	ck_assert_str_eq(script_vars_get(&vars, "H"), "/home");
	ck_assert_ptr_null(script_vars_get(&vars, "A"));
}
END_TEST

/* Every beginning of a script is dealt with, and a NUL in it. */
START_TEST(beginnings)
{
	static const char text[] = "if [ -n \"${A:-\"x\"}\" ]; then export B='y' C=\"${D:=z\\}}\\\\\" # e\nfi\nunset B\n";
	struct berth_err err = BERTH_ERR_INIT;
	struct script_odd odd;

	for (size_t n = 0; n < sizeof(text); n++) {
		cleanup(script_vars_done) struct script_vars vars = SCRIPT_VARS_INIT;
		cleanup_free char *copy = malloc(n + 1);

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, text, n);
		ck_assert_int_ge(script_run(copy, n, &vars, &odd, &err), 0);
	}
	ck_assert_int_eq(script_run("A=1\0B=1", 7, &(struct script_vars)SCRIPT_VARS_INIT, &odd, &err), 0);
}
END_TEST

/* 'left', a number and 'right' repeated 'n' times in one script: refused, and soon. */
static void refuse(const char *first, const char *left, const char *right, size_t n, const char *why)
{
	cleanup(script_vars_done) struct script_vars vars = SCRIPT_VARS_INIT;
	cleanup(strbuf_done) struct strbuf s = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	struct script_odd odd = { 0 };

	strbuf_puts(&s, first);
	for (size_t i = 0; i < n; i++)
		strbuf_printf(&s, "%s%zu%s", left, i, right);
	ck_assert(strbuf_ok(&s));
	ck_assert_int_eq(script_run(s.text, s.len, &vars, &odd, &err), 0);
	ck_assert_str_eq(odd.what, why);
}

START_TEST(limits)
{
	static const char eight[] = "A=xxxxxxxx\nA=$A$A$A$A$A$A$A$A\nA=$A$A$A$A$A$A$A$A\nA=$A$A$A$A$A$A$A$A\n";

	refuse("A=xxxxxxxx\n", "A=$A$A #", "\n", 30, "a value that is too long");
	refuse(eight, "B", "=$A$A$A$A\n", 2000, "a value that is too long");
	refuse("", "B", "=\n", SCRIPT_VARS_MAX + 1, "too many variables");
	refuse("A=", "${B", ":-", 3000, "too many levels");
	refuse("", "if [ ", " ]; then ", 3000, "too many levels");
	refuse("", "# ", " 0123456789012345678901234567890123456789\n", 10000, "a text that is too long");
}
END_TEST

static const struct {
	const char *text, *out; /* NULL: not without a shell */
} values[] = {
	{ "", "" }, { "plain", "plain" }, { "$H", "/home" }, { "${H}/x", "/home/x" }, { "<$NOT>", "<>" },
	{ "\\$H", "$H" }, { "\\\\", "\\" }, { "\\n", "\\n" }, { "x\\", "x\\" }, { "\\`", "`" }, { "say \"hi\"", "say \"hi\"" },
	{ "\\\"", "\"" }, { "it's", "it's" }, { "a b * ~ {x,y} ; & | < > ( ) #", "a b * ~ {x,y} ; & | < > ( ) #" },
	{ "${NOT:-d e}", "d e" }, { "${H:+x}", "x" }, { "$", "$" }, { "5$ %", "5$ %" }, { "two\nlines", "two\nlines" },
	{ "$(ls)", NULL }, { "`ls`", NULL }, { "$((1))", NULL }, { "${", NULL }, { "${H", NULL }, { "${H%x}", NULL },
	{ "$1", NULL }, { "${NOT:-'x'}", NULL }, { "$IFS", NULL }, { "\x01", NULL },
};

START_TEST(expand)
{
	cleanup(script_vars_done) struct script_vars vars = SCRIPT_VARS_INIT;
	cleanup(strbuf_done) struct strbuf out = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	int rc;

	start(&vars);
	rc = script_expand(values[_i].text, &vars, &out, &err);
	ck_assert_msg(rc == (values[_i].out != NULL), "'%s'", values[_i].text);
	if (values[_i].out)
		ck_assert_str_eq(out.text, values[_i].out);
	else
		ck_assert_uint_eq(out.len, 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("script");

	tcase_add_loop_test(tc, is_plain, 0, ARRAY_SIZE(plain));
	tcase_add_loop_test(tc, is_not_plain, 0, ARRAY_SIZE(not_plain));
	tcase_add_test(tc, beginnings);
	tcase_add_test(tc, limits);
	tcase_add_loop_test(tc, expand, 0, ARRAY_SIZE(values));
	return unit_run("script", tc);
}
