/* SPDX-License-Identifier: BSD-3-Clause */
/* host.c - the order in which srun, sbatch and slurmstepd call a plugin; see host.h. */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/spank/host.h"
#include "tests/spank/watch.h"

struct registered {
	char *name;
	int has_arg, val;
	spank_opt_cb_f cb;
};
struct registered *host_option(const char *name);

static void *plugin;

/* Launchers that a case left stopped or waiting: its children, by pid. */
void host_end_children(void)
{
	FILE *f = fopen("/proc/thread-self/children", "re");
	int pid;

	while (f && fscanf(f, "%d", &pid) == 1) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	if (f)
		(void)fclose(f);
}

void fail_case(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("# ");
	vprintf(fmt, ap);
	printf("\n# the user saw: %s\n", host.log->text);
	va_end(ap);
	(void)fflush(stdout);
	host_end_children();
	_exit(1);
}

void host_load(void)
{
	plugin = dlopen(TEST_PLUGIN, RTLD_LAZY | RTLD_LOCAL);
	if (!plugin)
		fail_case("%s", dlerror());
}

void host_load_after(const char *path)
{
	if (!dlopen(path, RTLD_LAZY | RTLD_LOCAL))
		fail_case("%s", dlerror());
}

static int call(const char *name, unsigned int allow)
{
	int (*hook)(spank_t, int, char **);
	bool client = host.context == S_CTX_LOCAL || host.context == S_CTX_ALLOCATOR;
	struct watch before, after;
	const char *differs;
	char symbol[64];
	void *sym;
	int rc = 0;

	(void)snprintf(symbol, sizeof(symbol), "slurm_spank_%s", name);
	sym = dlsym(plugin, symbol);
	memcpy(&hook, &sym, sizeof(sym));
	watch_take(&before, client);
	if (hook)
		rc = hook(NULL, 0, NULL);
	watch_take(&after, client);
	differs = watch_differs(&before, &after, allow);
	if (differs)
		fail_case("%s changed its host, now: %.300s", name, differs);
	watch_done(&before);
	watch_done(&after);
	if (rc != 0 && host.context != S_CTX_LOCAL && host.context != S_CTX_ALLOCATOR)
		fail_case("%s returned %d: that drains a node", name, rc);
	return rc;
}

int host_hook(const char *name)
{
	return call(name, 0);
}

static int give_option(const char *text, int remote)
{
	const char *eq = strchr(text, '=');
	char name[80];
	const struct registered *o;

	(void)snprintf(name, sizeof(name), "%.*s", (int)(eq ? eq - text : (long)strlen(text)), text);
	o = host_option(name);
	if (!o)
		fail_case("option '%s' is not registered", name);
	if (o->has_arg != (eq != NULL))
		fail_case("option '%s': has_arg is %d", name, o->has_arg);
	return o->cb(o->val, eq ? eq + 1 : NULL, remote);
}

int host_client(enum spank_context context, const char *const *given)
{
	host.context = context;
	if (host_hook("init") != 0)
		return -1;
	for (; given && *given; given++)
		if (give_option(*given, 0) != 0)
			return -1;
	return host_hook("init_post_opt");
}

void host_setenv(const char *name, const char *value)
{
	enum spank_context was = host.context;

	host.context = S_CTX_REMOTE;
	if (value)
		(void)spank_setenv(NULL, name, value, 1);
	else
		(void)spank_unsetenv(NULL, name);
	host.context = was;
}

void host_carry_env(void)
{
	for (char **e = environ; *e; e++) {
		const char *eq = strchr(*e, '=');
		char name[128];

		if (strncmp(*e, "SLURM", 5) != 0 || !eq)
			continue;
		(void)snprintf(name, sizeof(name), "%.*s", (int)(eq - *e), *e);
		host_setenv(name, eq + 1);
	}
}

static void as_user(bool effective_only)
{
	gid_t groups[] = { host.gid };

	if (setgroups(1, groups) < 0)
		fail_case("setgroups: %s", strerror(errno));
	if (effective_only ? setegid(host.gid) < 0 || seteuid(host.uid) < 0
			   : setresgid(host.gid, host.gid, host.gid) < 0 ||
				     setresuid(host.uid, host.uid, host.uid) < 0)
		fail_case("cannot become the user: %s", strerror(errno));
}

static void as_root(void)
{
	if (seteuid(0) < 0 || setegid(0) < 0 || setgroups(0, NULL) < 0)
		fail_case("cannot become root again");
}

static const char *job_env(const char *name)
{
	size_t n = strlen(name);

	for (char **e = host.env; *e; e++)
		if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
			return *e + n + 1;
	return "";
}

/* With 'outlive': the first when all are inside, the others when its end was dealt with. */
static bool may_end(int localid)
{
	if (localid > 0)
		return host.log->ended > 0;
	for (uint32_t i = 1; i < host.ntasks; i++)
		if (!host.log->inside[i])
			return false;
	return true;
}

/* The child's half of _fork_all_tasks() and exec_task(). */
static void __attribute__((noreturn)) task(int localid)
{
	struct statfs sfs;
	int rc;

	host.localid = localid;
	(void)call("task_init_privileged", WATCH_LOSE_SOCKET | WATCH_ALLOW_MOVE);
	as_user(true);
	(void)!chdir("/");
	as_root();
	as_user(false);
	rc = call("task_init", WATCH_ALLOW_MOVE);
	host.log->inside[localid] = statfs("/sys/kernel", &sfs) == 0 && sfs.f_type == TMPFS_MAGIC;
	if (localid == 0) {
		(void)snprintf(host.log->path, sizeof(host.log->path), "%s", job_env("PATH"));
		(void)snprintf(host.log->var, sizeof(host.log->var), "%s", job_env("VAR"));
		(void)!getcwd(host.log->cwd, sizeof(host.log->cwd));
	}
	for (int ms = 0; host.outlive && !may_end(localid) && ms < 10000; ms++)
		(void)usleep(1000);
	_exit(rc == 0 ? 0 : 99);
}

/* slurmstepd's own socket and the PMIx directory beside it. */
static int listen_like_stepd(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/pmix.%u.%u", host.dir, host.job, host.step);
	(void)mkdir(path, 0700);
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%.80s/n1_%u.%u", host.dir, host.job, host.step);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 4) < 0)
		fail_case("cannot listen on %s", sa.sun_path);
	return fd;
}

/* The plugin sees a process with hardly a descriptor left; then the limit is back. */
static void post_opt(void)
{
	struct rlimit old, low;
	int probe;

	if (host.leave_fds < 0) {
		(void)call("init_post_opt", WATCH_ALLOW_SOCKET);
		return;
	}
	probe = dup(0);
	(void)close(probe);
	(void)getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	low.rlim_cur = (rlim_t)probe + 1 + (rlim_t)host.leave_fds; /* one for the watch itself */
	(void)setrlimit(RLIMIT_NOFILE, &low);
	(void)call("init_post_opt", WATCH_ALLOW_SOCKET);
	(void)setrlimit(RLIMIT_NOFILE, &old);
}

static double now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void run_tasks(struct task_result *ret)
{
	pid_t pids[TASKS_MAX];
	double began = now();

	for (uint32_t i = 0; i < host.ntasks; i++) {
		(void)fflush(stdout);
		pids[i] = fork();
		if (pids[i] == 0)
			task((int)i);
		if (pids[i] < 0)
			fail_case("fork");
	}
	(void)host_hook("task_post_fork");
	for (uint32_t i = 0; i < host.ntasks; i++) {
		int status;

		if (waitpid(pids[i], &status, 0) != pids[i] || !WIFEXITED(status))
			fail_case("task %u did not exit by itself", i);
		ret->status[i] = WEXITSTATUS(status);
		ret->inside[i] = host.log->inside[i];
		if (ret->status[i] == 1)
			fail_case("task %u: see above", i);
		host.ended = pids[i];
		host.ended_status = status;
		host.log->ends = i + 1;
		(void)call("task_exit", i + 1 == host.ntasks ? WATCH_LOSE_SOCKET : 0);
		host.log->ended = i + 1;
	}
	ret->seconds = now() - began;
}

static int given_remotely(void)
{
	/* SLURM: before 24.05 every option's callback is called twice in slurmstepd. */
	return host_option("berth") ? give_option("berth=x", 1) | give_option("berth=y", 1) : 0;
}

void host_step(struct task_result *ret)
{
	struct watch before, after;
	const char *differs;
	int sock;

	memset(ret, 0, sizeof(*ret));
	host.context = S_CTX_REMOTE;
	sock = listen_like_stepd();
	/* Before the first look: what the change of identity itself leaves (no dumps, no groups). */
	as_user(true);
	as_root();
	watch_take(&before, false);
	(void)host_hook("init");
	if (given_remotely() != 0)
		fail_case("a remote callback failed");
	post_opt();
	if (host.step == 0xfffffffcu) {
		(void)host_hook("task_post_fork");
	} else {
		as_user(true);
		(void)host_hook("user_init");
		as_root();
		run_tasks(ret);
	}
	(void)call("exit", WATCH_LOSE_SOCKET);
	watch_take(&after, false);
	differs = watch_differs(&before, &after, 0);
	if (differs)
		fail_case("the step left its host changed: %.300s", differs);
	watch_done(&before);
	watch_done(&after);
	(void)close(sock);
}

int host_said(const char *needle)
{
	int n = 0;

	for (const char *p = host.log->text; (p = strstr(p, needle)); p++)
		n++;
	return n;
}
