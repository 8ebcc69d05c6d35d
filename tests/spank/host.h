/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host.h - a stand-in for srun, sbatch and slurmstepd: the SPANK functions that a plugin calls,
 * the order in which Slurm calls a plugin, and a watch over what the plugin does to its host.
 *
 * Each case runs in a process of its own, so that none inherits another's state.
 */
#ifndef BERTH_TEST_HOST_H
#define BERTH_TEST_HOST_H

#include <slurm/spank.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LOG_BYTES = 65536, ENV_MAX_VARS = 256, OPTIONS_MAX = 64, TASKS_MAX = 256 };

/* What every process of a case may look at: text printed, and by how many calls. */
struct shared_log {
	volatile int errors, infos;
	char text[LOG_BYTES];
	volatile bool inside[TASKS_MAX];
	volatile uint32_t ends, ended;	/* calls of task_exit that began, and that are over */
	volatile uint32_t said_at;	/* which of these ends the last error came with */
	char path[256];			/* PATH of task 0 as its program would see it */
	char cwd[256];
	char var[256];			/* and its variable VAR */
};

struct host {
	enum spank_context context;
	const char *major, *minor;	/* of the Slurm that is played */
	uint32_t job, step, ntasks;
	uid_t uid;
	gid_t gid;
	char *env[ENV_MAX_VARS];	/* the job's */
	char *argv[8];
	int argc;
	int localid;
	pid_t ended;			/* of the task that task_exit is called for */
	int ended_status;		/* as wait() has it */
	bool outlive;			/* the first task ends first, and the others later */
	bool seem_killed;		/* tell the plugin that every task ended by SIGKILL */
	unsigned int fail_item;		/* 1 << S_x: spank_get_item refuses it */
	char *native;			/* what the user gave to Slurm's own --container */
	char *multi_prog;		/* "set" or "unset" */
	struct shared_log *log;
	int leave_fds;			/* >= 0: RLIMIT_NOFILE leaves so many during init_post_opt */
	char dir[128];			/* a fresh directory, the process stands in it */
};

extern struct host host;

/* Load the plugin, as 'required PATH' would; by default the tests' own build. */
void host_load(void);
/* Another plugin behind it, as a further line of plugstack.conf. */
void host_load_after(const char *path);

/* Call one hook by name ("init"); the watch must find nothing changed. */
int host_hook(const char *name);

/* srun or sbatch: init, options ("NAME", "NAME=VALUE"...), init_post_opt. Returns its status. */
int host_client(enum spank_context context, const char *const *options);
/* The environment of this process becomes the job's, as Slurm carries it with --export=NONE. */
void host_carry_env(void);
void host_setenv(const char *name, const char *value);

struct task_result {
	int status[TASKS_MAX]; /* exit status; 0: the program would have been started */
	bool inside[TASKS_MAX];
	double seconds;
};

/* slurmstepd: init, init_post_opt, user_init, the tasks, task_exit, exit. */
void host_step(struct task_result *ret);

/* How often 'needle' stands in what the user saw. */
int host_said(const char *needle);

/* Kill what this process started and is still there. */
void host_end_children(void);

/* In a case: fail it, with a reason. */
void fail_case(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
#define check(cond) \
	do { \
		if (!(cond)) \
			fail_case("%s:%d: %s", __FILE__, __LINE__, #cond); \
	} while (0)

struct test_case {
	const char *name;
	void (*run)(void);
};
extern const struct test_case client_cases[], step_cases[];

#endif
