/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_singularity_d.c - Docker's metadata as scripts (libimage/build/singularity_d.h), read by the
 * shells of this machine and by Berth without one.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "launcher/view/script.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/build/singularity_d.h"
#include "libimage/oci/image_config.h"
#include "libimage/oci/json.h"
#include "tests/unit/unit.h"

static struct oci_config config;
static struct singularity_d made;

/* Of the JSON that an image would have. */
static void make(const char *run)
{
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	struct singularity_d_source src = { .config = &config, .bootstrap = "docker", .from = "alpine:3.19",
					    .arch = "amd64", .built_s = 1795750458 };

	strbuf_printf(&text, "{\"config\":%s}", run);
	ck_assert_msg(oci_config_parse(text.text, text.len, 0, &config, &err) == 0, "%s", err.text);
	ck_assert_int_eq(singularity_d_make(&src, &made, &err), 0);
}

static void done(void)
{
	oci_config_done(&config);
	singularity_d_done(&made);
}

static const char *text_of(const char *path)
{
	for (size_t i = 0; i < made.n; i++)
		if (strcmp(made.v[i].path, path) == 0)
			return made.v[i].text;
	return NULL;
}

static const char *const shells[] = { "/bin/sh", "/bin/bash", "/bin/busybox" };

/* What 'shell' prints for 'script' with 'args'; its exit status. */
static int run_shell(const char *shell, const char *script, const char *const args[3], const char *env, char *out,
		     size_t size)
{
	const char *argv[] = { "sh", "-c", script, "sh", args[0], args[1], args[2], NULL };
	const char *envp[] = { "PATH=/usr/bin:/bin", "HOME=/home/u", env, NULL };
	ssize_t n;
	int fds[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)dup2(fds[1], STDOUT_FILENO);
		(void)close(fds[0]);
		(void)execve(shell, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
		_exit(127);
	}
	(void)close(fds[1]);
	n = fd_read_full(fds[0], out, size - 1);
	(void)close(fds[0]);
	ck_assert_int_ge((int)n, 0);
	out[n] = '\0';
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static const struct {
	const char *env; /* the JSON of a list */
	const char *name, *want; /* want NULL: not set */
	const char *user;	 /* set before: NAME=VALUE */
} variables[] = {
	{ "[\"A=b\"]", "A", "b", NULL },
	{ "[\"A=b=c\"]", "A", "b=c", NULL },
	{ "[\"A=/x:/y.z-1_2,3@4+5%6\"]", "A", "/x:/y.z-1_2,3@4+5%6", NULL },
	{ "[\"A=\"]", "A", "", NULL },
	{ "[\"A\"]", "A", "", NULL },
	{ "[\"A=a b\"]", "A", "a b", NULL },
	{ "[\"A= lead trail \"]", "A", " lead trail ", NULL },
	{ "[\"A=a\\\"b\"]", "A", "a\"b", NULL },
	{ "[\"A=it's\"]", "A", "it's", NULL },
	{ "[\"A='\"]", "A", "'", NULL },
	{ "[\"A=''\"]", "A", "''", NULL },
	{ "[\"A=$HOME\"]", "A", "$HOME", NULL },
	{ "[\"A=${HOME}\"]", "A", "${HOME}", NULL },
	{ "[\"A=$(echo x)\"]", "A", "$(echo x)", NULL },
	{ "[\"A=`echo x`\"]", "A", "`echo x`", NULL },
	{ "[\"A=a\\\\b\"]", "A", "a\\b", NULL },
	{ "[\"A=a\\\\\"]", "A", "a\\", NULL },
	{ "[\"A=a\\\\n\"]", "A", "a\\n", NULL },
	{ "[\"A=a\\nb\"]", "A", "a\nb", NULL },
	{ "[\"A=a\\tb\"]", "A", "a\tb", NULL },
	{ "[\"A=}\"]", "A", "}", NULL },
	{ "[\"A=a}b{c\"]", "A", "a}b{c", NULL },
	{ "[\"A=*?[x] ~ # ! ; & | < > ( )\"]", "A", "*?[x] ~ # ! ; & | < > ( )", NULL },
	{ "[\"A=~\"]", "A", "~", NULL },
	{ "[\"A=;exit 7\"]", "A", ";exit 7", NULL },
	{ "[\"A=\\\"; exit 7; \\\"\"]", "A", "\"; exit 7; \"", NULL },
	{ "[\"A='; exit 7; '\"]", "A", "'; exit 7; '", NULL },
	{ "[\"A=caf\xc3\xa9\"]", "A", "caf\xc3\xa9", NULL },
	{ "[\"_a1=x\"]", "_a1", "x", NULL },
	/* the last of its name counts */
	{ "[\"A=1\",\"A=2\"]", "A", "2", NULL },
	{ "[\"A=1\",\"A\"]", "A", "", NULL },
	{ "[\"A=1\",\"AB=2\"]", "A", "1", NULL },
	/* what the user sets counts more, but for PATH */
	{ "[\"A=b\"]", "A", "u", "A=u" },
	{ "[\"A=b c\"]", "A", "u v", "A=u v" },
	{ "[\"A=b c\"]", "A", "b c", "A=" },
	{ "[\"A\"]", "A", "u", "A=u" },
	{ "[\"PATH=/opt/bin:/bin\"]", "PATH", "/opt/bin:/bin", NULL },
	{ "[\"PATH=/opt/x y:/bin\"]", "PATH", "/opt/x y:/bin", NULL },
	{ "[\"PATH=$X\"]", "PATH", "$X", NULL },
	/* no variables of a shell */
	{ "[\"1A=x\"]", "A", NULL, NULL },
	{ "[\"=A\"]", "A", NULL, NULL },
	{ "[\"\"]", "A", NULL, NULL },
	{ "[\"A-B=x\"]", "A", NULL, NULL },
	{ "[\"A B=x\"]", "A", NULL, NULL },
	{ "[\"A;exit=x\"]", "A", NULL, NULL },
	{ "[\"A$(exit 7)=x\"]", "A", NULL, NULL },
	{ "[\"A\\n=x\"]", "A", NULL, NULL },
	{ "[\"caf\xc3\xa9=x\"]", "A", NULL, NULL },
};

/* Without a shell, as Berth starts such an image. */
static void check_plain(const char *script, const char *name, const char *want, const char *user)
{
	struct script_vars vars = SCRIPT_VARS_INIT;
	struct script_odd odd = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(script_vars_set(&vars, "PATH", "/usr/bin:/bin", true, &err), 0);
	if (user)
		ck_assert_int_eq(script_vars_set(&vars, name, strchr(user, '=') + 1, true, &err), 0);
	ck_assert_msg(script_run(script, strlen(script), &vars, &odd, &err) == 1, "line %u: %s", odd.line, odd.what);
	ck_assert_pstr_eq(script_vars_get(&vars, name), want);
	script_vars_done(&vars);
}

START_TEST(environment)
{
	static const char *const none[3] = { NULL, NULL, NULL };
	cleanup(strbuf_done) struct strbuf run = STRBUF_INIT, script = STRBUF_INIT;
	const char *text, *want = variables[_i].want;

	strbuf_printf(&run, "{\"Env\":%s}", variables[_i].env);
	make(run.text);
	text = text_of(".singularity.d/env/10-docker2singularity.sh");
	ck_assert_ptr_nonnull(text);
	check_plain(text, variables[_i].name, want, variables[_i].user);
	strbuf_printf(&script, "%s\nprintf '%%s' \"${%s-not set}\"", text, variables[_i].name);
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		char out[256];

		if (access(shells[i], X_OK) < 0)
			continue;
		ck_assert_int_eq(run_shell(shells[i], script.text, none, variables[_i].user, out, sizeof(out)), 0);
		ck_assert_msg(strcmp(out, want ? want : "not set") == 0, "%s: '%s'\n%s", shells[i], out, text);
	}
	done();
}
END_TEST

#define P "\"/usr/bin/printf\",\"<%s>\""

static const struct {
	const char *run;
	const char *args[3];
	const char *want, *want_exact; /* want_exact: with SINGULARITY_NO_EVAL; NULL: the same */
	int status;
} runs[] = {
	{ "{\"Entrypoint\":[" P ",\"x\"]}", { NULL }, "<x>", NULL, 0 },
	{ "{\"Entrypoint\":[" P ",\"x\"]}", { "a", "b c", "" }, "<x><a><b c><>", NULL, 0 },
	{ "{\"Entrypoint\":[" P "],\"Cmd\":[\"c\",\"d e\"]}", { NULL }, "<c><d e>", NULL, 0 },
	{ "{\"Entrypoint\":[" P "],\"Cmd\":[\"c\",\"d e\"]}", { "a" }, "<a>", NULL, 0 },
	{ "{\"Cmd\":[" P ",\"c\"]}", { NULL }, "<c>", NULL, 0 },
	{ "{\"Cmd\":[" P ",\"c\"]}", { "/usr/bin/printf", "[%s]", "a" }, "[a]", NULL, 0 },
	{ "{\"Cmd\":[\"-x\"]}", { "/usr/bin/printf", "-%s-", "-a" }, "--a-", NULL, 0 },
	{ "{}", { "/usr/bin/printf", "[%s]", "a" }, "[a]", NULL, 0 },
	{ "{}", { NULL }, "", NULL, 1 },
	/* an image's words are taken as they are, always */
	{ "{\"Entrypoint\":[" P ",\"$HOME\",\"`echo x`\",\"$(echo x)\",\"q\\\"q\",\"it's\",\"b\\\\s\",\"\"]}", { NULL },
	  "<$HOME><`echo x`><$(echo x)><q\"q><it's><b\\s><>", NULL, 0 },
	{ "{\"Entrypoint\":[" P "],\"Cmd\":[\"a\\nb\",\" ; exit 7\",\"* ~ #\",\"'; exit 7; '\",\"\\\"; exit 7; \\\"\"]}",
	  { NULL }, "<a\nb>< ; exit 7><* ~ #><'; exit 7; '><\"; exit 7; \">", NULL, 0 },
	/* arguments are read once more, as Apptainer does, or not */
	{ "{\"Entrypoint\":[" P "]}", { "$HOME", "\\$HOME", "it's" }, "</home/u><$HOME><it's>",
	  "<$HOME><\\$HOME><it's>", 0 },
	{ "{\"Entrypoint\":[" P "]}", { "*", "a;b", " x" }, "<*><a;b>< x>", NULL, 0 },
};

START_TEST(runscript)
{
	const char *text, *exact = runs[_i].want_exact ? runs[_i].want_exact : runs[_i].want;
	char out[256];

	make(runs[_i].run);
	text = text_of(".singularity.d/runscript");
	/* by this line Apptainer knows such a script */
	ck_assert_ptr_nonnull(strstr(text, "\neval \"set ${SINGULARITY_OCI_RUN}\"\n"));
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		if (access(shells[i], X_OK) < 0)
			continue;
		ck_assert_int_eq(run_shell(shells[i], text, runs[_i].args, NULL, out, sizeof(out)), runs[_i].status);
		ck_assert_msg(strcmp(out, runs[_i].want) == 0, "%s: '%s'\n%s", shells[i], out, text);
		ck_assert_int_eq(run_shell(shells[i], text, runs[_i].args, "SINGULARITY_NO_EVAL=1", out, sizeof(out)),
				 runs[_i].status);
		ck_assert_msg(strcmp(out, exact) == 0, "%s: '%s'\n%s", shells[i], out, text);
	}
	done();
}
END_TEST

/* The words of Apptainer 1.4.5, where it gets them right. */
START_TEST(as_apptainer)
{
	make("{\"Env\":[\"PATH=/usr/bin:/bin\",\"A=b=c\",\"E=\",\"B\"],\"Entrypoint\":[\"/bin/e\",\"a b\",\"$x\"],"
	     "\"Cmd\":[\"it's\"]}");
	ck_assert_str_eq(text_of(".singularity.d/env/10-docker2singularity.sh"),
			 "#!/bin/sh\n"
			 "export PATH=\"/usr/bin:/bin\"\n"
			 "export A=\"${A:-\"b=c\"}\"\n"
			 "export E=\"${E:-\"\"}\"\n"
			 "export B=\"${B:-}\"\n");
	ck_assert_ptr_nonnull(strstr(text_of(".singularity.d/runscript"),
				     "#!/bin/sh\n"
				     "OCI_ENTRYPOINT='\"/bin/e\" \"a b\" \"\\$x\"'\n"
				     "OCI_CMD='\"it'\"'\"'s\"'\n"));
	ck_assert_str_eq(text_of(".singularity.d/Singularity"), "bootstrap: docker\nfrom: alpine:3.19\n\n");
	done();
}
END_TEST

START_TEST(labels)
{
	make("{\"Labels\":{\"z\":\"1\\n\\u001b\",\"a\":\"\\\"\",\"org.label-schema.build-arch\":\"theirs\"}}");
	ck_assert_str_eq(text_of(".singularity.d/labels.json"),
			 "{\n"
			 "\t\"a\": \"\\\"\",\n"
			 "\t\"org.label-schema.build-arch\": \"amd64\",\n"
			 "\t\"org.label-schema.build-date\": \"Friday_27_November_2026_3:34:18_UTC\",\n"
			 "\t\"org.label-schema.schema-version\": \"1.0\",\n"
			 "\t\"org.label-schema.usage.berth.version\": \"" PACKAGE_VERSION "\",\n"
			 "\t\"org.label-schema.usage.singularity.deffile.bootstrap\": \"docker\",\n"
			 "\t\"org.label-schema.usage.singularity.deffile.from\": \"alpine:3.19\",\n"
			 "\t\"z\": \"1\\n\\u001b\"\n"
			 "}");
	done();
}
END_TEST

START_TEST(inspect)
{
	cleanup(strbuf_done) struct strbuf text = STRBUF_INIT;
	cleanup(json_freep) struct json *root = NULL;
	struct berth_err err = BERTH_ERR_INIT;
	const struct json *data, *attributes, *env, *label_set;
	const char *s;

	make("{\"Env\":[\"A=b\"],\"Cmd\":[\"x\"],\"Labels\":{\"a\":\"1\"}}");
	ck_assert_int_eq(singularity_d_inspect(&made, &text, &err), 0);
	ck_assert_ptr_null(strchr(text.text, '\n'));
	ck_assert_int_eq(json_parse(text.text, text.len, &root, &err), 0);
	ck_assert_int_eq(json_get_string(root, "type", &s, &err), 0);
	ck_assert_str_eq(s, "container");
	ck_assert_int_eq(json_get_object(root, "data", &data, &err), 0);
	ck_assert_int_eq(json_get_object(data, "attributes", &attributes, &err), 0);
	ck_assert_int_eq(json_get_string(attributes, "deffile", &s, &err), 0);
	ck_assert_str_eq(s, "bootstrap: docker\nfrom: alpine:3.19");
	ck_assert_int_eq(json_get_string(attributes, "startscript", &s, &err), 0);
	ck_assert_str_eq(s, "#!/bin/sh");
	ck_assert_int_eq(json_get_object(attributes, "environment", &env, &err), 0);
	ck_assert_int_eq(json_get_string(env, "/.singularity.d/env/10-docker2singularity.sh", &s, &err), 0);
	ck_assert_str_eq(s, "#!/bin/sh\nexport A=\"${A:-\"b\"}\"");
	ck_assert_int_eq(json_get_object(attributes, "labels", &label_set, &err), 0);
	ck_assert_int_eq(json_get_string(label_set, "a", &s, &err), 0);
	ck_assert_str_eq(s, "1");
	done();
}
END_TEST

static const char *parent_kind(const char *path, size_t before)
{
	size_t n = (size_t)(strrchr(path, '/') - path);

	for (size_t i = 0; i < before; i++)
		if (strlen(made.v[i].path) == n && strncmp(made.v[i].path, path, n) == 0)
			return made.v[i].kind == SINGULARITY_D_DIR ? "directory" : "file";
	return "missing";
}

START_TEST(tree)
{
	static const char *const must[] = {
		".singularity.d/actions/exec", ".singularity.d/actions/run", ".singularity.d/actions/shell",
		".singularity.d/actions/start", ".singularity.d/actions/test", ".singularity.d/env/01-base.sh",
		".singularity.d/env/90-environment.sh", ".singularity.d/env/94-appsbase.sh",
		".singularity.d/env/95-apps.sh", ".singularity.d/env/99-base.sh",
		".singularity.d/env/99-runtimevars.sh", ".singularity.d/startscript", "etc/hosts", "etc/resolv.conf",
		".exec", ".run", ".shell", ".test", "environment", "singularity",
	};

	make("{}");
	ck_assert_uint_le(made.n, SINGULARITY_D_ENTRIES);
	for (size_t i = 0; i < ARRAY_SIZE(must); i++)
		ck_assert_msg(text_of(must[i]) != NULL, "%s", must[i]);
	for (size_t i = 0; i < made.n; i++) {
		ck_assert_int_ne(made.v[i].path[0], '/');
		if (strchr(made.v[i].path, '/'))
			ck_assert_str_eq(parent_kind(made.v[i].path, i), "directory");
		ck_assert(!made.v[i].text == (made.v[i].kind == SINGULARITY_D_DIR));
		if (made.v[i].kind == SINGULARITY_D_LINK)
			ck_assert_msg(text_of(made.v[i].text) != NULL, "%s", made.v[i].text);
		ck_assert_uint_eq(made.v[i].len, made.v[i].text ? strlen(made.v[i].text) : 0);
	}
	done();
}
END_TEST

/* All the scripts of the environment are followed without a shell. */
START_TEST(plain)
{
	struct script_vars vars = SCRIPT_VARS_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	make("{\"Env\":[\"LD_LIBRARY_PATH=/opt/lib\",\"PATH=/opt/bin\"]}");
	ck_assert_int_eq(script_vars_set(&vars, "SING_USER_DEFINED_PREPEND_PATH", "/u", true, &err), 0);
	for (size_t i = 0; i < made.n; i++) {
		struct script_odd odd = { 0 };

		if (strncmp(made.v[i].path, ".singularity.d/env/", 19) != 0)
			continue;
		ck_assert_msg(script_run(made.v[i].text, made.v[i].len, &vars, &odd, &err) == 1, "%s:%u: %s",
			      made.v[i].path, odd.line, odd.what);
	}
	ck_assert_str_eq(script_vars_get(&vars, "LD_LIBRARY_PATH"), "/opt/lib:/.singularity.d/libs");
	ck_assert_str_eq(script_vars_get(&vars, "PATH"), "/u:/opt/bin");
	ck_assert_ptr_null(script_vars_get(&vars, "SING_USER_DEFINED_PREPEND_PATH"));
	script_vars_done(&vars);
	done();
}
END_TEST

START_TEST(no_docker)
{
	struct singularity_d_source src = { .bootstrap = "localimage", .from = "dir", .arch = "arm64", .built_s = -1 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(singularity_d_make(&src, &made, &err), 0);
	ck_assert_ptr_null(text_of(".singularity.d/env/10-docker2singularity.sh"));
	ck_assert_ptr_nonnull(text_of(".singularity.d/runscript"));
	ck_assert_ptr_null(strstr(text_of(".singularity.d/labels.json"), "build-date"));
	singularity_d_done(&made);
}
END_TEST

/* Every script is one for the shells there are. */
START_TEST(syntax)
{
	static const char *const none[3] = { NULL, NULL, NULL };

	make("{\"Cmd\":[\"x\"]}");
	for (size_t i = 0; i < made.n; i++) {
		cleanup(strbuf_done) struct strbuf script = STRBUF_INIT;

		if (made.v[i].kind != SINGULARITY_D_FILE || made.v[i].mode != 0755)
			continue;
		strbuf_printf(&script, "if false; then\n:\n%s\nfi", made.v[i].text);
		for (size_t k = 0; k < ARRAY_SIZE(shells); k++) {
			char out[16];

			if (access(shells[k], X_OK) == 0)
				ck_assert_msg(run_shell(shells[k], script.text, none, NULL, out, sizeof(out)) == 0,
					      "%s: %s", shells[k], made.v[i].path);
		}
	}
	done();
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("singularity_d"), *words = tcase_create("words");

	tcase_add_loop_test(words, environment, 0, (int)ARRAY_SIZE(variables));
	tcase_add_loop_test(words, runscript, 0, (int)ARRAY_SIZE(runs));
	tcase_add_test(tc, as_apptainer);
	tcase_add_test(tc, labels);
	tcase_add_test(tc, inspect);
	tcase_add_test(tc, tree);
	tcase_add_test(tc, plain);
	tcase_add_test(tc, no_docker);
	tcase_add_test(tc, syntax);
	return unit_run_two("singularity_d", tc, words);
}
