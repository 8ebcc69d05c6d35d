/* SPDX-License-Identifier: BSD-3-Clause */
/* client_cases.c - the plugin in srun, sbatch and salloc: what becomes of the user's words. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/view/options.h"
#include "libimage/base/cleanup.h"
#include "plugin/names.h"
#include "tests/spank/host.h"

#define GIVEN(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const char *var(const char *name)
{
	return getenv(name) ? getenv(name) : "(unset)";
}

static void is(const char *name, const char *value)
{
	if (strcmp(var(name), value) != 0)
		fail_case("%s is '%s', expected '%s'", name, var(name), value);
}

static int srun(const char *const *options)
{
	return host_client(S_CTX_LOCAL, options);
}

/* The client said no, said what, and told the nodes. */
static void refused(int rc, const char *what)
{
	check(rc != 0);
	check(host.log->errors >= 1);
	if (!host_said(what))
		fail_case("'%s' was not said", what);
	check(getenv(VAR_REFUSE) && !getenv(VAR_IMAGE));
}

static char *image_path(void)
{
	static char path[200];
	unsigned char super[4096] = "hsqs";
	int fd = open("image.sqfs", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	check(fd >= 0 && write(fd, super, sizeof(super)) == sizeof(super) && close(fd) == 0);
	(void)snprintf(path, sizeof(path), "%s/image.sqfs", host.dir);
	return path;
}

static void takeover(void)
{
	const char *path = image_path();

	host.native = (char *)(size_t)"image.sqfs";
	(void)setenv(NATIVE_VAR, "image.sqfs", 1);
	check(srun(NULL) == 0);
	is(VAR_IMAGE, path);
	is(VAR_ORIGIN, "step");
	is(VAR_CWD, host.dir);
	is(NATIVE_VAR, "(unset)");
	check(strncmp(var(VAR_PIN), "squashfs:4096:", 14) == 0);
	check(!host.native && host.log->errors == 0);
	check(!getenv(VAR_MULTI));
}

static void takeover_sbatch(void)
{
	(void)image_path();
	(void)setenv(VAR_IMAGE, "/of/an/outer/job", 1);
	(void)setenv("SLURM_BERTH_BIND", "/outer", 1);
	host.native = (char *)(size_t)"image.sqfs";
	check(host_client(S_CTX_ALLOCATOR, NULL) == 0);
	check(strstr(var(VAR_IMAGE), "/image.sqfs") && !getenv("SLURM_BERTH_BIND") && !host.native);
}

static void nested_sbatch(void)
{
	(void)setenv(VAR_IMAGE, "/of/an/outer/job", 1);
	check(host_client(S_CTX_ALLOCATOR, NULL) == 0);
	is(VAR_IMAGE, "(unset)");
}

static void inherited(void)
{
	(void)setenv(VAR_IMAGE, "/job/image.sif", 1);
	(void)setenv(VAR_ORIGIN, "step", 1);
	check(srun(NULL) == 0);
	is(VAR_IMAGE, "/job/image.sif");
	is(VAR_ORIGIN, "job");
}

static void inherited_overridden(void)
{
	(void)image_path();
	(void)setenv(VAR_IMAGE, "/job/image.sif", 1);
	(void)setenv(VAR_PIN, "dir", 1);
	host.native = (char *)(size_t)"absent.sif";
	check(srun(NULL) == 0);
	check(strstr(var(VAR_IMAGE), "/absent.sif"));
	is(VAR_PIN, "(unset)");
	check(host_said("warning: no image") == 1);
}

static void none(void)
{
	(void)setenv(VAR_IMAGE, "/job/image.sif", 1);
	host.native = (char *)(size_t)"none";
	check(srun(NULL) == 0);
	is(VAR_IMAGE, "none");
}

static void no_image(void)
{
	check(srun(NULL) == 0);
	is(VAR_IMAGE, "(unset)");
	is(VAR_CWD, "(unset)");
}

static void alias(void) { (void)image_path(); check(srun(GIVEN("berth=image.sqfs")) == 0); is(VAR_IMAGE, image_path()); }

static void alias_and_native(void)
{
	(void)image_path();
	host.native = (char *)(size_t)"other.sif";
	refused(srun(GIVEN("berth=image.sqfs")), "two images");
	check(!host.native);
}

/* "#SBATCH --berth=A" and "sbatch --berth=B": Slurm hands over A, then B. */
static void alias_twice(void)
{
	(void)image_path();
	check(srun(GIVEN("berth=other.sif", "berth=image.sqfs")) == 0);
	is(VAR_IMAGE, image_path());
}

/* As in "salloc --berth=A", then "srun --berth=B" or "srun --container=B". */
static void no_copies(void)
{
	(void)image_path();
	(void)setenv("_SLURM_SPANK_OPTION_berth_berth", "image.sqfs", 1);
	(void)setenv("_SLURM_SPANK_OPTION_berth_container_bind", "/a", 1);
	(void)setenv("_SLURM_SPANK_OPTION_other_x", "1", 1);
	check(host_client(S_CTX_ALLOCATOR, GIVEN("berth=image.sqfs", "container-bind=/a")) == 0);
	is("_SLURM_SPANK_OPTION_berth_berth", "(unset)");
	is("_SLURM_SPANK_OPTION_berth_container_bind", "(unset)");
	is("_SLURM_SPANK_OPTION_other_x", "1");
	is(VAR_IMAGE, image_path());
}

static void old_slurm(void)
{
	host.major = "20";
	host.minor = "11";
	(void)image_path();
	check(srun(GIVEN("container=image.sqfs")) == 0);
	is(VAR_IMAGE, image_path());
}

static void old_slurm_variable(void)
{
	host.major = "20";
	host.minor = "11";
	(void)image_path();
	(void)setenv("SRUN_CONTAINER", "image.sqfs", 1);
	check(srun(NULL) == 0);
	is(VAR_IMAGE, image_path());
}

static void new_slurm(void)
{
	host.major = "26";
	host.minor = "5";
	(void)image_path();
	host.native = (char *)(size_t)"image.sqfs";
	check(srun(NULL) == 0);
	is(VAR_IMAGE, image_path());
}

static void settings(void)
{
	(void)image_path();
	host.native = (char *)(size_t)"image.sqfs";
	check(srun(GIVEN("container-bind=/a:/b", "container-bind=/c", "container-bind=/a:/b",
			 "container-pwd=/x", "container-env=K=v")) == 0);
	is("SLURM_BERTH_BIND", "/a:/b\n/c");
	is("SLURM_BERTH_PWD", "/x");
	is("SLURM_BERTH_ENV", "K=v");
}

static void setting_from_variable(void)
{
	(void)image_path();
	host.native = (char *)(size_t)"image.sqfs";
	(void)setenv("APPTAINER_BINDPATH", "/data", 1);
	(void)setenv("BERTH_VERBOSE", "yes", 1);
	check(srun(NULL) == 0);
	is("SLURM_BERTH_BIND", "/data");
	is("SLURM_BERTH_VERBOSE", "1");
}

/* What means nothing on a node does not go there. */
static void setting_without_slurm(void)
{
	(void)image_path();
	host.native = (char *)(size_t)"image.sqfs";
	(void)setenv("APPTAINER_NO_HOME", "1", 1);
	(void)setenv("BERTH_HOME", "relative", 1);
	check(srun(NULL) == 0);
	check(host_said("warning: APPTAINER_NO_HOME is for use without Slurm") == 1);
	check(host_said("warning: BERTH_HOME") == 1);
	is("SLURM_BERTH_NO_HOME", "(unset)");
	is("SLURM_BERTH_HOME", "(unset)");
}

static void setting_added(void)
{
	(void)setenv(VAR_IMAGE, "/job/image.sif", 1);
	(void)setenv("SLURM_BERTH_BIND", "/a\n/b", 1);
	(void)setenv("BERTH_BIND", "/was/read/by/sbatch", 1);
	check(srun(GIVEN("container-bind=/c")) == 0);
	is("SLURM_BERTH_BIND", "/a\n/b\n/c");
}

static void setting_added_to_variable(void)
{
	(void)setenv(VAR_IMAGE, "/job/image.sif", 1);
	(void)setenv("SINGULARITY_BIND", "/a,/b", 1);
	check(srun(GIVEN("container-bind=/c")) == 0);
	is("SLURM_BERTH_BIND", "/a,/b\n/c");
}

/* A step without a container is none of our business. */
static void bad_variable_unused(void)
{
	(void)setenv("SINGULARITY_BIND", "relative:/x", 1);
	check(srun(NULL) == 0 && host.log->errors == 0);
	is("SLURM_BERTH_BIND", "(unset)");
}

static void bad_variable_none(void)
{
	(void)setenv("BERTH_VERBOSE", "perhaps", 1);
	host.native = (char *)(size_t)"none";
	check(srun(NULL) == 0 && host.log->errors == 0);
}

static void bad_variable(void)
{
	(void)image_path();
	host.native = (char *)(size_t)"image.sqfs";
	(void)setenv("BERTH_BIND", "relative:/x", 1);
	refused(srun(NULL), "BERTH_BIND");
}

static void setting_without_image(void) { refused(srun(GIVEN("container-bind=/a")), "without --container"); }

static void setting_bad(void)
{
	host.native = (char *)(size_t)"none";
	refused(srun(GIVEN("container-bind=a:b")), "--container-bind");
}

static void bad_native(const char *value, const char *what)
{
	host.native = (char *)(size_t)value;
	(void)setenv(VAR_IMAGE, "/job/image.sif", 1);
	refused(srun(NULL), what);
	check(!host.native);
}

static void bad_empty(void) { bad_native("", "empty"); }
static void bad_newline(void) { bad_native("a\nb", "control character"); }
static void bad_escape(void) { bad_native("a\x1b[2J", "control character"); }
static void bad_docker(void) { bad_native("docker:ubuntu:22.04", "in a registry"); }
static void bad_oci(void) { bad_native("oci:dir:tag", "in an OCI layout"); }
static void bad_oras(void) { bad_native("oras://x/y", "in a registry"); }

static int component(const char *native)
{
	host.native = (char *)(size_t)native;
	return host_hook("init_post_opt");
}

/* Stands in for berth-image: a shell script, which is asked as "calls" then says. */
static void fake_fetch(const char *script)
{
	cleanup_close int fd = open("libexec/berth-image", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0755);

	check(fd >= 0 && dprintf(fd, "#!/bin/sh\nshift $(($# - 3))\necho \"$@\" >>calls\n%s\n", script) > 0);
}

/* It was asked so often, for this. */
static void asked(const char *what, int times)
{
	char line[200] = "";
	FILE *f = fopen("calls", "re");
	int n = 0;

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, what) != 0)
			fail_case("asked for '%s'", line);
		n++;
	}
	check(!f || fclose(f) == 0);
	check(n == times);
}

#define PRINT "echo \"$PWD/image.sqfs\"; "

/* It waits until the file has been opened, or the case would take for ever. */
static void docker(void)
{
	(void)image_path();
	fake_fetch(PRINT "exec cat");
	host.native = (char *)(size_t)"docker://host:5000/a/b:1";
	check(srun(NULL) == 0 && !host.native);
	is(VAR_IMAGE, image_path());
	is(VAR_ORIGIN, "step");
	check(strncmp(var(VAR_PIN), "squashfs:4096:", 14) == 0);
	check(host.log->errors == 0);
	asked("resolve -- docker://host:5000/a/b:1", 1);
}

static void docker_sbatch(void)
{
	(void)image_path();
	fake_fetch(PRINT);
	(void)setenv(VAR_IMAGE, "/of/an/outer/job", 1);
	host.native = (char *)(size_t)"docker://x";
	check(host_client(S_CTX_ALLOCATOR, NULL) == 0);
	is(VAR_IMAGE, image_path());
}

/* What a job's srun inherits is the file. */
static void docker_inherited(void)
{
	fake_fetch(PRINT);
	(void)setenv(VAR_IMAGE, "/home/u/.berth/cache/images/x.sif", 1);
	check(srun(NULL) == 0);
	is(VAR_IMAGE, "/home/u/.berth/cache/images/x.sif");
	asked("", 0);
}

static void docker_het(void)
{
	(void)image_path();
	fake_fetch(PRINT);
	host.native = (char *)(size_t)"docker://x";
	check(srun(NULL) == 0 && component("docker://x") == 0);
	is(VAR_IMAGE, image_path());
	is(VAR_ORIGIN, "step");
	asked("resolve -- docker://x", 1);
}

/*
 * Nobody waits for children there; and what srun has blocked must not keep Ctrl-C from it. Awk, since a
 * shell sets its signals right itself.
 */
static void docker_odd_signals(void)
{
	cleanup_close int fd = open("libexec/berth-image", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
	sigset_t set;

	check(fd >= 0 && dprintf(fd, "#!/usr/bin/awk -f\nBEGIN {\n"
				 "while ((getline line < \"/proc/self/status\") > 0)\n"
				 "if (line ~ /^SigBlk:.*[1-9a-f]/) exit 255\n"
				 "print \"%s\"; exit }\n", image_path()) > 0);
	cleanup_close_fn(&fd);
	host.native = (char *)(size_t)"docker://x";
	check(signal(SIGCHLD, SIG_IGN) != SIG_ERR && signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	check(sigemptyset(&set) == 0 && sigaddset(&set, SIGINT) == 0 && sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	check(srun(NULL) == 0);
	is(VAR_IMAGE, image_path());
}

static void bad_fetch(const char *script, const char *what)
{
	(void)image_path();
	if (script)
		fake_fetch(script);
	bad_native("docker://x", what);
}

static void docker_absent(void) { bad_fetch(NULL, "cannot start"); }
static void docker_refused(void) { bad_fetch("exit 255", "'docker://x' was not got from its registry"); }
static void docker_interrupted(void) { bad_fetch("kill -INT $$", "'docker://x' was not got: signal 2"); }
static void docker_half_line(void) { bad_fetch("printf /half", "something else than a line"); }
static void docker_two_lines(void) { bad_fetch("printf '/a\\n/b\\n'", "something else than a line"); }
static void docker_empty_line(void) { bad_fetch("echo", "something else than a line"); }
static void docker_endless(void) { bad_fetch("exec yes | tr -d '\\n'", "something else than a line"); }
static void docker_escape(void) { bad_fetch("printf '/\\033[2J\\n'", "control character"); }
static void docker_no_image(void) { bad_fetch("seq 9999 >bad; echo $PWD/bad", "neither SIF nor"); }

/* Three are left, for two pipes. */
static void docker_few_descriptors(void)
{
	struct rlimit was, low;
	int next = dup(0);

	check(next >= 0 && close(next) == 0 && getrlimit(RLIMIT_NOFILE, &was) == 0);
	fake_fetch(PRINT);
	low = was;
	low.rlim_cur = (rlim_t)next + 3;
	check(setrlimit(RLIMIT_NOFILE, &low) == 0);
	bad_native("docker://x", "cannot start");
	check(setrlimit(RLIMIT_NOFILE, &was) == 0);
	asked("", 0);
}

static void bad_long(void)
{
	static char big[1024 * 1024];

	memset(big, 'a', sizeof(big) - 1);
	bad_native(big, "at most 4096");
}

static void bad_fifo(void)
{
	check(mkfifo("fifo", 0644) == 0);
	bad_native("fifo", "neither a file nor a directory");
}

static void bad_text_file(void)
{
	FILE *f = fopen("bad", "we");

	for (int i = 0; f && i < 100; i++)
		(void)fputs("just text, ", f);
	check(f && fclose(f) == 0);
	bad_native("bad", "neither SIF nor squashfs");
}

static void bad_unreadable(void)
{
	(void)image_path();
	check(chmod("image.sqfs", 0) == 0);
	if (geteuid() == 0)
		check(seteuid(2001) == 0);
	bad_native("image.sqfs", "cannot open image");
	/* The leak checker attaches to this process, and a change of ids has forbidden that. */
	check(seteuid(getuid()) == 0 && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
}

static void format_text(void)
{
	host.native = (char *)(size_t)"%s%n%s.sif";
	check(srun(NULL) == 0);
	check(host_said("%s%n%s.sif") == 1);
}

static void multi_prog(void)
{
	(void)image_path();
	host.native = (char *)(size_t)"image.sqfs";
	host.multi_prog = (char *)(size_t)"set";
	check(srun(NULL) == 0);
	is(VAR_MULTI, "1");
}

static void het_same(void)
{
	(void)image_path();
	host.native = (char *)(size_t)"image.sqfs";
	check(srun(NULL) == 0 && component("image.sqfs") == 0);
	is(VAR_ORIGIN, "step");
}

static void het_other(void)
{
	(void)image_path();
	host.native = (char *)(size_t)"image.sqfs";
	check(srun(NULL) == 0);
	refused(component("other.sif"), "components");
}

static void het_half(void)
{
	(void)image_path();
	host.native = (char *)(size_t)"image.sqfs";
	check(srun(NULL) == 0);
	refused(component(NULL), "components");
}

static void oci_bundle(void)
{
	FILE *f = fopen("oci.conf", "we"), *g = fopen("config.json", "we");
	char conf[200];

	check(f && g && fclose(f) == 0 && fclose(g) == 0);
	(void)snprintf(conf, sizeof(conf), "%s/slurm.conf", host.dir);
	(void)setenv("SLURM_CONF", conf, 1);
	host.native = host.dir;
	check(srun(NULL) == 0);
	check(host.native == host.dir);
	is(VAR_IMAGE, "none");
}

static void names_apart(void)
{
	static const char *const own[] = {
		VAR_IMAGE, VAR_PIN, VAR_ORIGIN, VAR_CWD, VAR_HOME, VAR_USER, VAR_GROUP, VAR_MULTI, VAR_REFUSE,
	};

	for (size_t i = 0; i < option_count; i++)
		for (size_t j = 0; j < sizeof(own) / sizeof(own[0]); j++)
			check(strcmp(own[j] + strlen(VAR_PREFIX), option_rows[i].env) != 0);
}

static void end_to_end(void)
{
	struct task_result ran;

	if (geteuid() != 0)
		return;
	host.native = (char *)(size_t)"/img/good";
	host.ntasks = 4;
	check(srun(GIVEN("container-pwd=/usr")) == 0);
	check(host_hook("local_user_init") == 0 && host_hook("exit") == 0);
	host_carry_env();
	host_step(&ran);
	for (int i = 0; i < 4; i++)
		check(ran.status[i] == 0 && ran.inside[i]);
	check(strcmp(host.log->cwd, "/usr") == 0);
}

static void refused_end_to_end(void)
{
	struct task_result ran;

	/* 'optional' in plugstack.conf: Slurm goes on although the client refused. */
	if (geteuid() != 0)
		return;
	host.native = (char *)(size_t)"docker://x";
	check(srun(NULL) != 0 && host_hook("exit") == 0);
	host_carry_env();
	host.log->errors = 0;
	host_step(&ran);
	check(ran.status[0] == 125 && host.log->errors == 1);
}

#define CASE(f) { #f, f }
const struct test_case client_cases[] = {
	CASE(takeover), CASE(takeover_sbatch), CASE(nested_sbatch), CASE(inherited),
	CASE(inherited_overridden), CASE(none), CASE(no_image), CASE(alias), CASE(alias_and_native),
	CASE(alias_twice), CASE(no_copies), CASE(setting_added), CASE(setting_added_to_variable),
	CASE(bad_variable_unused), CASE(bad_variable_none),
	CASE(old_slurm), CASE(old_slurm_variable), CASE(new_slurm), CASE(settings),
	CASE(setting_from_variable), CASE(setting_without_slurm), CASE(bad_variable), CASE(setting_without_image), CASE(setting_bad),
	CASE(bad_empty), CASE(bad_newline), CASE(bad_escape), CASE(bad_docker), CASE(bad_oci),
	CASE(bad_oras), CASE(bad_long), CASE(bad_fifo), CASE(bad_text_file), CASE(bad_unreadable),
	CASE(format_text), CASE(multi_prog), CASE(het_same), CASE(het_other), CASE(het_half),
	CASE(docker), CASE(docker_sbatch), CASE(docker_inherited), CASE(docker_het), CASE(docker_odd_signals),
	CASE(docker_absent), CASE(docker_refused), CASE(docker_interrupted), CASE(docker_half_line),
	CASE(docker_two_lines), CASE(docker_empty_line), CASE(docker_endless), CASE(docker_escape),
	CASE(docker_no_image), CASE(docker_few_descriptors),
	CASE(oci_bundle), CASE(names_apart), CASE(end_to_end), CASE(refused_end_to_end), { 0 },
};
