/* SPDX-License-Identifier: BSD-3-Clause */
/* step_cases.c - the plugin in slurmstepd: refusals first, and one message per node. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/spank/host.h"

static struct task_result ran;

/* A step of 'ntasks' whose launcher behaves as 'mode' says. */
static void step_with(const char *mode, uint32_t ntasks)
{
	char image[160];

	(void)snprintf(image, sizeof(image), "/img/%s", mode);
	host_setenv("SLURM_BERTH_IMAGE", image);
	host_setenv("SLURM_BERTH_ORIGIN", "step");
	host.ntasks = ntasks;
	host_step(&ran);
}

static void all_exit(int status, bool inside)
{
	for (uint32_t i = 0; i < host.ntasks; i++)
		if (ran.status[i] != status || ran.inside[i] != inside)
			fail_case("task %u: status %d (expected %d), inside %d", i, ran.status[i], status,
				  ran.inside[i]);
}

/* No task ran, the user was told once, and told 'what'. */
static void refused(int status, const char *what)
{
	all_exit(status, false);
	if (host.log->errors != 1 || host_said(what) != 1)
		fail_case("%d errors, '%s' %d times", host.log->errors, what, host_said(what));
}

static void on_the_host(void)
{
	all_exit(0, false);
	check(host.log->errors == 0);
}

static void plain_step(void) { host.ntasks = 4; host_step(&ran); on_the_host(); }

static void joins(void)
{
	step_with("good", 1);
	all_exit(0, true);
	check(host.log->errors == 0 && host.log->infos == 0);
	check(strncmp(host.log->path, "/usr/local/sbin:", 16) == 0);
}

static void joins_many(void) { step_with("good", 32); all_exit(0, true); check(host.log->errors == 0); }
static void pmix(void) { step_with("pmix", 2); all_exit(0, true); }

static void settings_arrive(void)
{
	host_setenv("SLURM_BERTH_BIND", "/usr:/u1\n/etc:/e1:ro");
	host_setenv("SLURM_BERTH_ENV", "A=b");
	host_setenv("SLURM_BERTH_PWD", "/usr");
	host_setenv("SLURM_BERTH_USER_NAME", "ada");
	host_setenv("SLURM_BERTH_USER_HOME", "/root");
	host_setenv("SLURM_BERTH_HOME", "relative"); /* no setting of a step */
	step_with("binds", 1);
	all_exit(0, true);
	check(strcmp(host.log->cwd, "/usr") == 0);
}

static void variables_are_expanded(void)
{
	host_setenv("SLURM_BERTH_ENV", "VAR=$HOME/x");
	host_setenv("SLURM_BERTH_USER_HOME", "/root");
	step_with("good", 1);
	all_exit(0, true);
	check(strcmp(host.log->var, "/root/x") == 0);
}

static void variables_as_they_stand(void)
{
	host_setenv("SLURM_BERTH_ENV", "VAR=$HOME/x");
	host_setenv("SLURM_BERTH_NO_EVAL", "1");
	step_with("good", 1);
	all_exit(0, true);
	check(strcmp(host.log->var, "$HOME/x") == 0);
}

static void variables_see_no_host(void)
{
	host_setenv("LANG", "xx_YY.UTF-8");
	host_setenv("SINGULARITYENV_VAR", "${LANG-none}");
	step_with("good", 1);
	all_exit(0, true);
	check(strcmp(host.log->var, "none") == 0);
}

static void bad_timeout(void)
{
	host_setenv("SLURM_BERTH_RUNSCRIPT_TIMEOUT", "soon");
	step_with("good", 4);
	refused(125, "is no time");
}

static void verbose_once(void)
{
	host_setenv("SLURM_BERTH_VERBOSE", "1");
	step_with("good", 8);
	all_exit(0, true);
	check(host.log->infos == 1 && host_said("room 1.00 ms\\x1b[2J") == 1);
}

static void launcher_missing(void)
{
	check(unlink("libexec/berth-launcher") == 0);
	step_with("good", 8);
	refused(125, "cannot start");
}

static void launcher_not_executable(void)
{
	check(unlink("libexec/berth-launcher") == 0 && symlink("/etc/passwd", "libexec/berth-launcher") == 0);
	step_with("good", 2);
	refused(125, "cannot start");
}

static void dies_early(void) { step_with("die-early", 8); refused(125, "berth-launcher ended"); }
static void dies_at_join(void) { step_with("die-at-join", 8); refused(125, "berth-launcher ended"); }

static void dies_at_second(void)
{
	int in = 0;

	step_with("die-at-second", 8);
	for (int i = 0; i < 8; i++) {
		check(ran.status[i] == (ran.inside[i] ? 0 : 125));
		in += ran.inside[i];
	}
	check(in == 1 && host.log->errors == 1);
}

static void silent(void)
{
	step_with("silent", 8);
	refused(125, "no answer within");
	check(ran.seconds < 4 * PLUGIN_WAIT_MS / 1000.0);
}

static void stopped(void)
{
	/* More joins than a socket's queue takes, so that some wait in sendmsg(). */
	step_with("stopped", 200);
	all_exit(125, false);
	check(host.log->errors == 1 && ran.seconds < 4 * PLUGIN_WAIT_MS / 1000.0);
}

static void wrong_magic(void) { step_with("magic", 4); refused(125, "another version"); }
static void short_answer(void) { step_with("short", 4); refused(125, "wrong size"); }
static void no_fd(void) { step_with("no-fd", 4); refused(125, "0 descriptors"); }
static void two_fds(void) { step_with("two-fds", 4); refused(125, "2 descriptors"); }
static void wrong_fd(void) { step_with("wrong-fd", 4); refused(125, "cannot enter the room"); }

static void error_answer(void)
{
	step_with("error", 8);
	refused(125, "the image is \\x1b[31mred\\x0a%s%n (paint it)");
	check(!strchr(host.log->text, '\x1b'));
}

static void unterminated(void) { step_with("unterminated", 2); refused(125, "x (y"); }

static void no_program(void)
{
	host.argv[0] = (char *)(size_t)"no-such-program";
	step_with("good", 8);
	for (int i = 0; i < 8; i++)
		check(ran.status[i] == 127);
	check(host.log->errors == 1 && host_said("no-such-program") == 1);
}

static void not_executable(void)
{
	host.argv[0] = (char *)(size_t)"/etc/passwd";
	step_with("good", 2);
	check(ran.status[0] == 126 && ran.status[1] == 126 && host.log->errors == 1);
}

static void multi_prog(void)
{
	host.argv[0] = (char *)(size_t)"no-such-program";
	host_setenv("SLURM_BERTH_MULTI", "1");
	step_with("good", 2);
	all_exit(0, true);
}

/* srun --bcast: slurmstepd itself adds the file's name, later. */
static void bcast(void)
{
	host.argv[0] = (char *)(size_t)"/tmp/";
	step_with("good", 2);
	all_exit(0, true);
}

static void no_pwd(void)
{
	host_setenv("SLURM_BERTH_PWD", "/no/such/place");
	step_with("good", 4);
	for (int i = 0; i < 4; i++)
		check(ran.status[i] == 125);
	check(host.log->errors == 1 && host_said("/no/such/place") == 1);
}

static void no_cwd(void)
{
	host_setenv("SLURM_BERTH_CWD", "/no/such/place");
	host_setenv("SLURM_BERTH_USER_HOME", "/usr");
	step_with("good", 1);
	all_exit(0, true);
	check(strcmp(host.log->cwd, "/usr") == 0);
}

static void client_missing(void)
{
	host_setenv("SLURM_CONTAINER", "/img/good");
	host.ntasks = 4;
	host_step(&ran);
	refused(125, "did not see it");
}

static void client_missing_batch(void)
{
	host_setenv("SLURM_CONTAINER", "/img/good");
	host.step = 0xfffffffbu;
	host_step(&ran);
	refused(125, "did not see it");
}

static void site_has_oci(void)
{
	FILE *f = fopen("oci.conf", "we");
	char conf[160];

	check(f && fclose(f) == 0);
	(void)snprintf(conf, sizeof(conf), "%s/slurm.conf", host.dir);
	(void)setenv("SLURM_CONF", conf, 1);
	host_setenv("SLURM_CONTAINER", "/bundle");
	host_step(&ran);
	on_the_host();
}

static void client_refused(void)
{
	host_setenv("SLURM_BERTH_REFUSE", "two images were named");
	host.ntasks = 4;
	host_step(&ran);
	refused(125, "two images were named");
}

static void none(void)
{
	host_setenv("SLURM_BERTH_IMAGE", "none");
	host_setenv("SLURM_CONTAINER", "/img/good");
	host_step(&ran);
	on_the_host();
}

static void batch(void) { host.step = 0xfffffffbu; step_with("good", 1); on_the_host(); }
static void interactive(void) { host.step = 0xfffffffau; step_with("good", 1); on_the_host(); }
static void external(void) { host.step = 0xfffffffcu; step_with("good", 1); on_the_host(); }

static void mpi_daemon(void)
{
	host.argv[0] = (char *)(size_t)"/usr/bin/orted";
	host_setenv("SLURM_BERTH_IMAGE", "/img/good");
	host_setenv("SLURM_BERTH_ORIGIN", "job");
	host_step(&ran);
	on_the_host();
}

static void mpi_daemon_named(void)
{
	host.argv[0] = (char *)(size_t)"/nowhere/orted";
	step_with("good", 1);
	check(ran.status[0] == 127); /* so it looked */
}

static void bad_image(const char *image, const char *what)
{
	host_setenv("SLURM_BERTH_IMAGE", image);
	host.ntasks = 2;
	host_step(&ran);
	refused(125, what);
}

static void relative_image(void) { bad_image("img.sif", "not an absolute path"); }
static void empty_image(void) { bad_image("", "is empty"); }
static void newline_image(void) { bad_image("/img/a\nb", "control character"); }

static void huge_image(void)
{
	static char big[1024 * 1024];

	memset(big, '/', sizeof(big) - 1);
	bad_image(big, "at most 4096");
}

static void percent_image(void)
{
	check(unlink("libexec/berth-launcher") == 0);
	bad_image("/img/%s%n%s", "cannot start");
}

static void bad_pin(void)
{
	host_setenv("SLURM_BERTH_PIN", "sif:-1:zz");
	step_with("good", 2);
	all_exit(125, false);
	check(host.log->errors == 1 && host_said("SLURM_BERTH_PIN") == 1);
}

static void bad_bind(void)
{
	host_setenv("SLURM_BERTH_BIND", "relative:/x");
	step_with("good", 2);
	refused(125, "--container-bind");
}

static void odd_names(void)
{
	/* They would break a line of passwd; the room does without them. */
	host_setenv("SLURM_BERTH_USER_NAME", "a:b");
	host_setenv("SLURM_BERTH_USER_HOME", "relative");
	host_setenv("SLURM_BERTH_CWD", "/a\nb");
	step_with("good", 1);
	all_exit(0, true);
}

static void item_fails(unsigned int item)
{
	host.fail_item = 1u << item;
	step_with("good", 2);
	refused(125, "Slurm does not tell");
}

static void item_env(void) { item_fails(S_JOB_ENV); }
static void item_uid(void) { item_fails(S_JOB_UID); }
static void item_gid(void) { item_fails(S_JOB_GID); }
static void item_job(void) { item_fails(S_JOB_ID); }
static void item_step(void) { item_fails(S_JOB_STEPID); }
static void item_groups(void) { item_fails(S_JOB_SUPPLEMENTARY_GIDS); }
static void item_tasks(void) { item_fails(S_JOB_LOCAL_TASK_COUNT); }

static void order_wrong(void)
{
	host_load_after(TEST_INTRUDER);
	step_with("good", 4);
	refused(125, "listed after spank_berth.so");
}

static void order_harmless(void)
{
	host_load_after(TEST_HARMLESS);
	step_with("good", 1);
	all_exit(0, true);
}

/* Whatever the number that is left, the task joins or is refused, and nothing leaks. */
static void few_descriptors(int leave)
{
	host.leave_fds = leave;
	step_with("good", 2);
	if (ran.inside[0]) {
		all_exit(0, true);
		return;
	}
	all_exit(125, false);
	check(host.log->errors == 1);
}

static void emfile0(void) { few_descriptors(0); check(!ran.inside[0]); }
static void emfile1(void) { few_descriptors(1); check(!ran.inside[0]); }
static void emfile2(void) { few_descriptors(2); }
static void emfile3(void) { few_descriptors(3); }

#define DIED "the image server on"

/* All tasks ran, and what the user was told of the server's end is 'said' lines. */
static void death_said(int said)
{
	all_exit(0, true);
	if (host.log->errors != said || host_said(DIED) != said)
		fail_case("%d errors, '%s' %d times, not %d", host.log->errors, DIED, host_said(DIED), said);
}

static void server_dead(void) { step_with("server-dead", 1); death_said(1); }
static void server_zombie(void) { step_with("server-zombie", 1); death_said(1); }
static void server_leaving(void) { step_with("server-leaving", 2); death_said(1); }
static void server_dead_many(void) { step_with("server-dead", 32); death_said(1); }
static void server_alive(void) { step_with("server-alive", 4); death_said(0); }
static void server_dead_unheld(void) { step_with("server-dead-unheld", 4); death_said(0); }
static void server_dead_other_hold(void) { step_with("server-dead-other-hold", 4); death_said(0); }

/* The first task's end tells, not the last's: the others may run for hours yet. */
static void server_dead_early(void)
{
	host.outlive = true;
	step_with("server-dead", 3);
	death_said(1);
	check(host.log->said_at < 3);
}

static void server_killed_with_tasks(void)
{
	host.seem_killed = true;
	step_with("server-dead", 4);
	death_said(0);
}

static void server_dead_no_status(void)
{
	host.fail_item = 1u << S_TASK_EXIT_STATUS;
	step_with("server-dead", 2);
	death_said(0);
}

static void other_context(enum spank_context context)
{
	static const char *const hooks[] = {
		"init", "init_post_opt", "job_prolog", "job_epilog", "slurmd_exit", "task_init_privileged",
		"task_init", "exit",
	};

	(void)setenv("SLURM_BERTH_IMAGE", "/img/good", 1);
	host_setenv("SLURM_BERTH_IMAGE", "/img/good");
	host.context = context;
	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++)
		check(host_hook(hooks[i]) == 0);
	check(host.log->errors == 0);
}

static void in_slurmd(void) { other_context(S_CTX_SLURMD); }
static void in_prolog(void) { other_context(S_CTX_JOB_SCRIPT); }
static void in_error(void) { other_context(S_CTX_ERROR); }

static void two_steps(void)
{
	/* No step daemon runs two, but nothing of the first may be left for it. */
	step_with("die-at-join", 2);
	refused(125, "berth-launcher ended");
	(void)unlink("n1_7.0");
	step_with("good", 2);
	all_exit(0, true);
}

#define CASE(f) { #f, f }
const struct test_case step_cases[] = {
	CASE(plain_step), CASE(joins), CASE(joins_many), CASE(pmix), CASE(settings_arrive),
	CASE(variables_are_expanded), CASE(variables_as_they_stand), CASE(variables_see_no_host), CASE(bad_timeout),
	CASE(verbose_once), CASE(launcher_missing), CASE(launcher_not_executable), CASE(dies_early),
	CASE(dies_at_join), CASE(dies_at_second), CASE(silent), CASE(stopped), CASE(wrong_magic),
	CASE(short_answer), CASE(no_fd), CASE(two_fds), CASE(wrong_fd), CASE(error_answer),
	CASE(unterminated), CASE(no_program), CASE(not_executable), CASE(multi_prog), CASE(bcast), CASE(no_pwd),
	CASE(no_cwd), CASE(client_missing), CASE(client_missing_batch), CASE(site_has_oci),
	CASE(client_refused), CASE(none), CASE(batch), CASE(interactive), CASE(external),
	CASE(mpi_daemon), CASE(mpi_daemon_named), CASE(relative_image), CASE(empty_image),
	CASE(newline_image), CASE(huge_image), CASE(percent_image), CASE(bad_pin), CASE(bad_bind),
	CASE(odd_names), CASE(item_env), CASE(item_uid), CASE(item_gid), CASE(item_job),
	CASE(item_step), CASE(item_groups), CASE(item_tasks), CASE(order_wrong), CASE(order_harmless),
	CASE(emfile0), CASE(emfile1), CASE(emfile2), CASE(emfile3), CASE(in_slurmd), CASE(in_prolog),
	CASE(in_error), CASE(two_steps), CASE(server_dead), CASE(server_zombie), CASE(server_leaving),
	CASE(server_dead_many), CASE(server_alive), CASE(server_dead_unheld), CASE(server_dead_other_hold),
	CASE(server_dead_early), CASE(server_killed_with_tasks), CASE(server_dead_no_status), { 0 },
};
