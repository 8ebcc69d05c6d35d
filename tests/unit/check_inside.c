/* SPDX-License-Identifier: BSD-3-Clause */
/* check_inside.c - who wins: the host, the image's scripts, the user. */
#include "config.h"

#include <string.h>

#include "launcher/view/inside.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "tests/unit/unit.h"

static char image[] = "/i/x.sif", home[] = "/home/u";

static const struct {
	const char *host[3], *script, *env[3], *name, *value; /* script NULL: none; value NULL: not set */
} rows[] = {
	{ { "A=host" }, NULL, { NULL }, "A", "host" },
	{ { "A=host" }, "export A=img", { NULL }, "A", "img" },
	{ { "A=host" }, "A=img", { NULL }, "A", "host" },
	{ { "A=host" }, "export A=", { NULL }, "A", NULL },
	{ { NULL }, "export A=", { NULL }, "A", "" },
	{ { "GCONV_PATH=host" }, "export GCONV_PATH=", { NULL }, "GCONV_PATH", "" },
	{ { "A=host" }, "export A=img; unset A", { NULL }, "A", "host" },
	{ { "A=host" }, "export A=img", { "A=user" }, "A", "user" },
	{ { "A=host", "BERTHENV_A=user" }, "export A=img", { NULL }, "A", "user" },
	{ { "A=host" }, "export A=img", { "B=<$A>" }, "B", "<img>" },
	{ { "A=host" }, NULL, { "B=<$A>" }, "B", "<>" },
	{ { NULL }, NULL, { "A=1", "B=$A" }, "B", "1" },
	{ { NULL }, "export HOME=/img", { NULL }, "HOME", "/img" },
	{ { "HOME=/host" }, "HOME=/img", { NULL }, "HOME", "/img" },
	{ { "HOME=/host" }, "export HOME=\"${HOME:-\"/img\"}\"", { NULL }, "HOME", "/home/u" },
	{ { "HOME=/host" }, "export A=1", { NULL }, "HOME", "/home/u" },
	{ { NULL }, NULL, { "B=$HOME" }, "B", "/home/u" },
	{ { NULL }, "export A=$APPTAINER_NAME", { NULL }, "A", "x.sif" },
	{ { NULL }, "export APPTAINER_CONTAINER=fake", { NULL }, "APPTAINER_CONTAINER", "/i/x.sif" },
	{ { "USER_PATH=x" }, NULL, { NULL }, "USER_PATH", "x" },
	{ { "PATH=/host" }, NULL, { NULL }, "PATH", ENV_DEFAULT_PATH },
	{ { "PATH=/host" }, "export PATH=/img", { NULL }, "PATH", "/img" },
	{ { NULL }, "PATH=", { NULL }, "PATH", ENV_DEFAULT_PATH },
	{ { NULL }, "PATH=/img", { "PREPEND_PATH=/a", "APPEND_PATH=/z" }, "PATH", "/a:/img:/z" },
	{ { NULL }, "PATH=/img", { "PATH=/u:$PATH" }, "PATH", "/u:/img" },
	{ { "LD_LIBRARY_PATH=/host" }, NULL, { NULL }, "LD_LIBRARY_PATH", NULL },
	{ { "LD_LIBRARY_PATH=/host" }, "export LD_LIBRARY_PATH=/img", { NULL }, "LD_LIBRARY_PATH", "/img" },
	{ { NULL }, NULL, { "LD_LIBRARY_PATH=/u" }, "LD_LIBRARY_PATH", "/u" },
	{ { NULL }, ":", { "LD_LIBRARY_PATH=/u" }, "LD_LIBRARY_PATH", "/u:/.singularity.d/libs" },
	{ { NULL }, "export LD_LIBRARY_PATH=/img", { "PREPEND_LD_LIBRARY_PATH=/a" }, "LD_LIBRARY_PATH", "/a:/img" },
	{ { NULL }, "export LD_PRELOAD=/img.so", { NULL }, "LD_PRELOAD", "/img.so" },
	{ { "LD_PRELOAD=/host.so" }, ":", { NULL }, "LD_PRELOAD", NULL },
	{ { NULL }, NULL, { NULL }, "PS1", "Berth> " },
	{ { "PS1=host" }, NULL, { NULL }, "PS1", "host" },
	{ { "PS1=host" }, "export PS1=img", { NULL }, "PS1", "img" },
	{ { "PS1=host" }, "if [ -z \"${PS1:-}\" ]; then PS1=other; fi; export PS1", { NULL }, "PS1", "Berth> " },
	{ { "PS1=host" }, "PS1=img", { NULL }, "PS1", "host" },
	{ { NULL }, NULL, { NULL }, "PROMPT_COMMAND", "PS1=\"Berth> \"; unset PROMPT_COMMAND" },
	{ { NULL }, "if [ -z \"${PS1:-}\" ]; then PS1=other; fi; export PS1", { NULL }, "PS1", "Berth> " },
	{ { NULL }, NULL, { "PS1=it's" }, "PROMPT_COMMAND", "PS1=\"it's\"; unset PROMPT_COMMAND" },
	{ { NULL }, NULL, { "PS1=it's\"" }, "PROMPT_COMMAND", "PS1='it'\\''s\"'; unset PROMPT_COMMAND" },
	{ { "PS1=a\\w" }, NULL, { NULL }, "PROMPT_COMMAND", "PS1='a\\w'; unset PROMPT_COMMAND" },
	{ { "PS1=$(id)" }, NULL, { NULL }, "PROMPT_COMMAND", "PS1='$(id)'; unset PROMPT_COMMAND" },
	{ { "PS1=`id`" }, NULL, { NULL }, "PROMPT_COMMAND", "PS1='`id`'; unset PROMPT_COMMAND" },
	{ { "PROMPT_COMMAND=x" }, NULL, { NULL }, "PROMPT_COMMAND",
	  "x; PROMPT_COMMAND=\"${PROMPT_COMMAND%%; PROMPT_COMMAND=*}\"; PS1=\"Berth> \"" },
	{ { NULL }, NULL, { NULL }, "APPTAINER_BIND", "" },
	{ { NULL }, NULL, { NULL }, "SINGULARITY_BIND", "" },
	{ { NULL }, NULL, { NULL }, "BERTH_BIND", NULL },
	{ { NULL }, NULL, { NULL }, "APPTAINER_APPNAME", "" },
	{ { NULL }, NULL, { NULL }, "SINGULARITY_APPNAME", NULL },
	{ { "LANG=host" }, "export LANG=img", { NULL }, "LANG", "img" },
	{ { NULL }, NULL, { NULL }, "APPTAINER_COMMAND", "exec" },
	{ { NULL }, NULL, { NULL }, "APPTAINER_ENVIRONMENT", "/.singularity.d/env/91-environment.sh" },
	{ { NULL }, ":", { NULL }, "SINGULARITY_ENVIRONMENT", "/.singularity.d/env/91-environment.sh" },
	{ { NULL }, NULL, { NULL }, "SINGULARITY_NO_EVAL", NULL },
};

START_TEST(who_wins)
{
	struct room_spec spec = { .image = image, .home = home };
	cleanup(script_vars_done) struct script_vars vars = SCRIPT_VARS_INIT;
	cleanup(strlist_done) struct strlist out = STRLIST_INIT, literal = STRLIST_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	struct script_odd odd;
	const char *got;

	for (size_t i = 0; rows[_i].env[i]; i++)
		strlist_add(&spec.env, rows[_i].env[i]);
	ck_assert_int_eq(inside_vars(&spec, &vars, &err), 0);
	if (rows[_i].script)
		ck_assert_int_eq(script_run(rows[_i].script, strlen(rows[_i].script), &vars, &odd, &err), 1);
	ck_assert_int_eq(inside_env(rows[_i].host, &spec, "exec", &vars, rows[_i].script != NULL, &out, &literal, &err), 0);
	got = env_host_value((const char *const *)out.v, rows[_i].name);
	if (rows[_i].value) {
		ck_assert_msg(got != NULL, "%s is not set", rows[_i].name);
		ck_assert_str_eq(got, rows[_i].value);
	} else {
		ck_assert_msg(!got, "%s=%s", rows[_i].name, got);
	}
	ck_assert_uint_eq(literal.n, 0);
	strlist_done(&spec.env);
}
END_TEST

START_TEST(not_evaluated)
{
	static const char *const none[] = { NULL };
	struct room_spec spec = { .image = image };
	struct berth_err err = BERTH_ERR_INIT;

	strlist_add(&spec.env, "A=$(ls) $HOME \\$");
	for (int no_eval = 0; no_eval < 2; no_eval++) {
		cleanup(script_vars_done) struct script_vars vars = SCRIPT_VARS_INIT;
		cleanup(strlist_done) struct strlist out = STRLIST_INIT, literal = STRLIST_INIT;

		spec.no_eval = no_eval;
		ck_assert_int_eq(inside_vars(&spec, &vars, &err), 0);
		ck_assert_int_eq(inside_env(none, &spec, "exec", &vars, false, &out, &literal, &err), 0);
		ck_assert_str_eq(env_host_value((const char *const *)out.v, "A"), "$(ls) $HOME \\$");
		ck_assert_uint_eq(literal.n, no_eval ? 0 : 1);
	}
	strlist_done(&spec.env);
}
END_TEST

static const struct {
	const char *before, *after;
} paths[] = {
	{ "/x", "/x:" ENV_DEFAULT_PATH },
	{ "", ENV_DEFAULT_PATH },
	{ ENV_DEFAULT_PATH, ENV_DEFAULT_PATH },
	{ "/bin:/usr/bin", "/bin:/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin" },
	{ "/binx:/usr/bin/", "/binx:/usr/bin/:" ENV_DEFAULT_PATH },
};

START_TEST(fix_path)
{
	cleanup(script_vars_done) struct script_vars vars = SCRIPT_VARS_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(script_vars_set(&vars, "PATH", paths[_i].before, true, &err), 0);
	ck_assert_int_eq(inside_fix_path(&vars, &err), 0);
	ck_assert_str_eq(script_vars_get(&vars, "PATH"), paths[_i].after);
}
END_TEST

/* --cleanenv: the image's variables are there, and its language wins over the plain one. */
START_TEST(clean)
{
	static const char *const host[] = { "A=host", "LANG=host", "B=host", NULL };
	static const char script[] = "export A=img LANG=img";
	struct room_spec spec = { .image = image, .cleanenv = true };

	for (int scripts = 0; scripts < 2; scripts++) {
		cleanup(script_vars_done) struct script_vars vars = SCRIPT_VARS_INIT;
		cleanup(strlist_done) struct strlist out = STRLIST_INIT, literal = STRLIST_INIT;
		struct berth_err err = BERTH_ERR_INIT;
		struct script_odd odd;

		ck_assert_int_eq(inside_vars(&spec, &vars, &err), 0);
		ck_assert_int_eq(script_run(script, strlen(script), &vars, &odd, &err), 1);
		ck_assert_int_eq(inside_env(host, &spec, "exec", &vars, scripts, &out, &literal, &err), 0);
		ck_assert_str_eq(env_host_value((const char *const *)out.v, "LANG"), scripts ? "img" : "C");
		ck_assert_ptr_null(env_host_value((const char *const *)out.v, "B"));
		ck_assert_int_eq(env_host_value((const char *const *)out.v, "A") != NULL, scripts);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("inside");

	tcase_add_loop_test(tc, who_wins, 0, ARRAY_SIZE(rows));
	tcase_add_test(tc, not_evaluated);
	tcase_add_test(tc, clean);
	tcase_add_loop_test(tc, fix_path, 0, ARRAY_SIZE(paths));
	return unit_run("inside", tc);
}
