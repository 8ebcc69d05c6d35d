/* SPDX-License-Identifier: BSD-3-Clause */
/* options.c - the table of settings and what each means; see options.h. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "launcher/view/options.h"
#include "launcher/view/set_view.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/num.h"
#include "libimage/base/path.h"

static int set_bind(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	return bind_parse_list_at(arg, spec->cwd, &spec->binds, err);
}

static int set_pwd(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	char *pwd;

	if (arg[0] != '/' || strlen(arg) >= PATH_MAX) {
		berth_fail(err, BERTH_EUSAGE, 0, "'%.200s' is not an absolute path", arg);
		return berth_hint(err, "name a directory as it is called inside the image");
	}
	pwd = strdup(arg);
	if (!pwd)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep '%.200s'", arg);
	path_tidy(pwd);
	free(spec->pwd);
	spec->pwd = pwd;
	return 0;
}

/* "NAME=VALUE" with a name that a shell could hold. */
static int check_pair(const char *pair, struct berth_err *err)
{
	size_t n = strcspn(pair, "=");
	size_t good = strspn(pair, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

	if (pair[n] != '=') {
		berth_fail(err, BERTH_EUSAGE, 0, "'%.100s' is not NAME=VALUE", pair);
		return berth_hint(err, "a comma in a value is written with a backslash before it");
	}
	if (n == 0 || good < n || (pair[0] >= '0' && pair[0] <= '9'))
		return berth_fail(err, BERTH_EUSAGE, 0, "'%.*s' cannot be the name of a variable",
				  n < 100 ? (int)n : 100, pair);
	if (n == 4 && memcmp(pair, "HOME", 4) == 0) {
		berth_fail(err, BERTH_EUSAGE, 0, "HOME cannot be set");
		return berth_hint(err, "it is always the home directory that is bound");
	}
	return 0;
}

/* "A=B,C=D"; a backslash before a comma makes it part of the value. */
static int set_env(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	cleanup_free char *pair = malloc(strlen(arg) + 1);
	size_t n = 0;

	if (!pair)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep a variable");
	for (const char *p = arg;; p++) {
		if (p[0] == '\\' && p[1] == ',') {
			pair[n++] = *++p;
			continue;
		}
		if (*p != '\0' && *p != ',') {
			pair[n++] = *p;
			continue;
		}
		pair[n] = '\0';
		if (check_pair(pair, err) < 0)
			return -1;
		strlist_add(&spec->env, pair);
		n = 0;
		if (*p == '\0')
			break;
	}
	if (!strlist_ok(&spec->env))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep a variable");
	return 0;
}

static int set_join(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	(void)arg;
	(void)err;
	spec->share = SHARE_ALWAYS;
	return 0;
}

static int set_no_join(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	(void)arg;
	(void)err;
	spec->share = SHARE_NEVER;
	return 0;
}

/* One file; its name may hold a comma. */
static int set_env_file(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	if (arg[0] == '\0')
		return berth_fail(err, BERTH_EUSAGE, 0, "the name of the file is empty");
	strlist_add(&spec->env_files, arg);
	return strlist_ok(&spec->env_files) ? 0
		: berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep '%.200s'", arg);
}

static int set_no_eval(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	(void)arg;
	(void)err;
	spec->no_eval = true;
	return 0;
}

/* A name that is one component of a path, and can stand in a script. */
static int set_app(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	size_t good = strspn(arg, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
	char *app;

	if (good == 0 || arg[good] != '\0' || good > NAME_MAX || arg[0] == '.')
		return berth_fail(err, BERTH_EUSAGE, 0, "'%.100s' cannot be the name of an app", arg);
	app = strdup(arg);
	if (!app)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep '%.200s'", arg);
	free(spec->app);
	spec->app = app;
	return 0;
}

enum { EVAL_S_MAX = 24 * 3600 }; /* LIMIT: a day; a start that takes longer has another fault */

/* Seconds: "90", "90s"; or minutes: "2m". */
static int set_timeout(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	size_t n = strspn(arg, "0123456789");
	bool minutes = strcmp(arg + n, "m") == 0;
	uint64_t value;
	char digits[8];

	if (n > 0 && n < sizeof(digits) && (arg[n] == '\0' || minutes || strcmp(arg + n, "s") == 0)) {
		memcpy(digits, arg, n);
		digits[n] = '\0';
		if (num_parse_u64(digits, EVAL_S_MAX / (minutes ? 60 : 1), &value) == 0 && value > 0) {
			spec->eval_s = (unsigned int)value * (minutes ? 60 : 1);
			return 0;
		}
	}
	berth_fail(err, BERTH_EUSAGE, 0, "'%.100s' is no time", arg);
	return berth_hint(err, "give seconds, as 90 or 90s, or minutes, as 2m");
}

static int set_verbose(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	(void)arg;
	(void)err;
	spec->verbose = true;
	spec->quiet = false;
	return 0;
}

static int set_quiet(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	(void)arg;
	(void)err;
	spec->quiet = true;
	spec->verbose = false;
	return 0;
}

/* A row that turns one thing on. */
#define SWITCH(name, on) \
	static int set_##name(struct room_spec *spec, const char *arg, struct berth_err *err) \
	{ \
		(void)arg; \
		(void)err; \
		on; \
		return 0; \
	}

SWITCH(pid, spec->pid = true)
SWITCH(no_pid, spec->pid = false)
SWITCH(no_init, spec->no_init = true)
SWITCH(no_umask, spec->no_umask = true)
SWITCH(ipc, spec->ipc = true)
SWITCH(uts, spec->uts = true)
SWITCH(net, spec->net = true)
SWITCH(writable, spec->writable = true)
SWITCH(writable_tmpfs, spec->writable_tmpfs = true)
SWITCH(nv, spec->gpu |= GPU_NVIDIA)
SWITCH(no_nv, spec->gpu &= ~(unsigned int)GPU_NVIDIA)
SWITCH(rocm, spec->gpu |= GPU_AMD)
SWITCH(no_rocm, spec->gpu &= ~(unsigned int)GPU_AMD)
SWITCH(no_https, spec->no_https = true)
SWITCH(disable_cache, spec->disable_cache = true)
SWITCH(keep_locale, spec->keep_locale = true)
SWITCH(userns, spec->userns = true)
SWITCH(fakeroot, spec->fakeroot = true)

static int set_overlay(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	return overlay_parse_list(arg, spec->cwd, &spec->overlays, err);
}

/* "512M": bytes, or with K, M, G or T, powers of 1024. */
static int set_tmpfs_size(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	static const char unit[] = "KMGT";
	size_t n = strspn(arg, "0123456789");
	const char *u = arg[n] ? strchr(unit, arg[n] & ~0x20) : NULL;
	cleanup_free char *digits = strndup(arg, n);
	uint64_t v = 0;

	if (!digits)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep a size");
	if ((arg[n] && (!u || arg[n + 1])) || num_parse_u64(digits, UINT64_MAX >> 1, &v) < 0 || v == 0 ||
	    num_mul_u64(v, u ? (uint64_t)1024 << (10 * (u - unit)) : 1, &v) < 0) {
		berth_fail(err, BERTH_EUSAGE, 0, "'%.50s' is no size", arg);
		return berth_hint(err, "a number of bytes, or with K, M, G or T behind it: 512M");
	}
	spec->tmpfs_bytes = v;
	spec->writable_tmpfs = true;
	return 0;
}

static int set_authfile(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	char *name;

	if (arg[0] == '\0')
		return berth_fail(err, BERTH_EUSAGE, 0, "the name of the file is empty");
	name = strdup(arg);
	if (!name)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep '%.200s'", arg);
	free(spec->authfile);
	spec->authfile = name;
	return 0;
}

/* What hostname(7) allows, and the kernel keeps. */
static int set_hostname(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	size_t n = strlen(arg);
	char *name;

	if (n == 0 || n > HOST_NAME_MAX || arg[0] == '-' || arg[0] == '.' ||
	    strspn(arg, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") < n) {
		berth_fail(err, BERTH_EUSAGE, 0, "'%.100s' is no host name", arg);
		return berth_hint(err, "letters, digits, '-' and '.', %d at most", HOST_NAME_MAX);
	}
	name = strdup(arg);
	if (!name)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep the host name");
	free(spec->hostname);
	spec->hostname = name;
	spec->uts = true;
	return 0;
}

static int set_network(struct room_spec *spec, const char *arg, struct berth_err *err)
{
	if (strcmp(arg, "none") != 0) {
		berth_fail(err, BERTH_EUSAGE, 0, "there is no network '%.100s'", arg);
		return berth_hint(err, "'none' is a network of its own with a loopback; without the option it is "
				       "the host's");
	}
	spec->net = true;
	return 0;
}

#define FACE_ALL (FACE_CLI | FACE_SLURM | FACE_ENV)
#define FACE_HERE (FACE_CLI | FACE_ENV) /* without Slurm, where each start is a room of its own */

/* name, also, letter, argument, help, variable, also, faces, meaning */
const struct option_row option_rows[] = {
	{ "bind", NULL, 'B', "SRC[:DST[:ro]],...", "show these host paths inside", "BIND", "BINDPATH",
	  FACE_ALL, set_bind },
	{ "pwd", "cwd", 0, "DIR", "start in this directory, as it is called inside", "PWD", NULL,
	  FACE_ALL, set_pwd },
	{ "env", NULL, 0, "NAME=VALUE,...", "set these variables inside", "ENV", NULL,
	  FACE_ALL, set_env },
	{ "overlay", NULL, 'o', "PATH[:ro],...", "layers over the image: directories and image files", "OVERLAY",
	  "OVERLAYIMAGE", FACE_HERE, set_overlay },
	{ "writable-tmpfs", NULL, 0, NULL, "what is written to the image lies in memory, and is lost",
	  "WRITABLE_TMPFS", NULL, FACE_HERE, set_writable_tmpfs },
	{ "writable-tmpfs-size", NULL, 0, "SIZE", "the same, with SIZE (512M) at most; else half of the memory",
	  "WRITABLE_TMPFS_SIZE", NULL, FACE_HERE, set_tmpfs_size },
	{ "writable", NULL, 'w', NULL, "write to the image itself, a directory", "WRITABLE", NULL,
	  FACE_HERE, set_writable },
	{ "fakeroot", NULL, 'f', NULL, "be root inside, with your own rights outside", "FAKEROOT", NULL,
	  FACE_HERE, set_fakeroot },
	{ "userns", NULL, 'u', NULL, "make a user namespace for root, too; others always have one", "USERNS",
	  "UNSHARE_USERNS", FACE_HERE, set_userns },
	{ "add-caps", NULL, 0, "CAP,...", "root keeps these capabilities", "ADD_CAPS", NULL, FACE_HERE, set_add_caps },
	{ "drop-caps", NULL, 0, "CAP,...", "of what root would keep, not these", "DROP_CAPS", NULL, FACE_HERE,
	  set_drop_caps },
	{ "keep-privs", NULL, 0, NULL, "root keeps all capabilities", "KEEP_PRIVS", NULL, FACE_HERE, set_keep_privs },
	{ "no-privs", NULL, 0, NULL, "keep none; so it is without", "NO_PRIVS", NULL, FACE_HERE, set_no_privs },
	{ "security", NULL, 0, "uid:N,gid:N[:N...]", "root becomes this user, or group, inside", "SECURITY", NULL,
	  FACE_HERE, set_security },
	{ "pid", NULL, 'p', NULL, "number its processes apart; they end with the program", "PID", "UNSHARE_PID",
	  FACE_HERE, set_pid },
	{ "no-pid", NULL, 0, NULL, "undo --pid", "NO_PID", NULL, FACE_HERE, set_no_pid },
	{ "no-init", "noinit", 0, NULL, "with --pid: the program is process 1 and reaps what it leaves", "NO_INIT",
	  "NOSHIMINIT", FACE_HERE, set_no_init },
	{ "ipc", NULL, 'i', NULL, "System V and POSIX message queues and memory of its own", "IPC", "UNSHARE_IPC",
	  FACE_HERE, set_ipc },
	{ "uts", NULL, 0, NULL, "a host name of its own", "UTS", NULL, FACE_HERE, set_uts },
	{ "hostname", NULL, 0, "NAME", "this host name, with --uts", "HOSTNAME", NULL, FACE_HERE, set_hostname },
	{ "net", NULL, 'n', NULL, "no network but a loopback of its own", "NET", "UNSHARE_NET", FACE_HERE, set_net },
	{ "network", NULL, 0, "none", "the same as --net", "NETWORK", NULL, FACE_HERE, set_network },
	{ "dns", NULL, 0, "ADDRESS,...", "ask these name servers", "DNS", NULL, FACE_HERE, set_dns },
	{ "mount", NULL, 0, "type=bind,source=SRC,destination=DST[,ro]", "a bind, as a line of CSV", "MOUNT", NULL,
	  FACE_HERE, set_mount },
	{ "contain", NULL, 'c', NULL, "a small /dev; /tmp, /var/tmp and the home are empty", "CONTAIN", NULL,
	  FACE_HERE, set_contain },
	{ "containall", NULL, 'C', NULL, "the same, --cleanenv, --pid and --ipc", "CONTAINALL", NULL,
	  FACE_HERE, set_containall },
	{ "compat", NULL, 0, NULL, "the same, --writable-tmpfs, --no-init, --no-umask and --no-eval", "COMPAT", NULL,
	  FACE_HERE, set_compat },
	{ "cleanenv", NULL, 'e', NULL, "next to nothing of this environment", "CLEANENV", NULL,
	  FACE_HERE, set_cleanenv },
	{ "workdir", NULL, 'W', "DIR", "keep what is empty with -c or -S below DIR", "WORKDIR", NULL,
	  FACE_HERE, set_workdir },
	{ "scratch", NULL, 'S', "DIR,...", "an empty directory at DIR inside", "SCRATCH", "SCRATCHDIR",
	  FACE_HERE, set_scratch },
	{ "no-home", NULL, 0, NULL, "do not show the home", "NO_HOME", NULL,
	  FACE_HERE, set_no_home },
	{ "home", NULL, 'H', "SRC[:DST]", "show this directory as the home", "HOME", NULL,
	  FACE_HERE, set_home },
	{ "no-mount", NULL, 0, "WHAT,...", "leave these mounts out", "NO_MOUNT", NULL,
	  FACE_HERE, set_no_mount },
	{ "join", "sharens", 0, NULL, "one room with all that the same job starts here", "JOIN", "SHARENS",
	  FACE_CLI | FACE_ENV, set_join },
	{ "no-join", NULL, 0, NULL, "a room of its own for each rank", "NO_JOIN", NULL,
	  FACE_CLI | FACE_ENV, set_no_join },
	{ "nv", NULL, 0, NULL, "NVIDIA's devices, which are always there; see the manual", "NV", NULL, FACE_HERE, set_nv },
	{ "no-nv", NULL, 0, NULL, "undo --nv", "NO_NV", "NV_OFF", FACE_HERE, set_no_nv },
	{ "rocm", NULL, 0, NULL, "AMD's devices, which are always there; see the manual", "ROCM", NULL,
	  FACE_HERE, set_rocm },
	{ "no-rocm", NULL, 0, NULL, "undo --rocm", "NO_ROCM", "ROCM_OFF", FACE_HERE, set_no_rocm },
	{ "keep-locale", NULL, 0, NULL, "leave LANG and LC_* alone, though the image lacks the locale",
	  "KEEP_LOCALE", NULL, FACE_ALL, set_keep_locale },
	{ "no-env", NULL, 0, "NAME,...", "leave these variables of the caller's outside", "NO_ENV", "NOENV",
	  FACE_ALL, set_no_env },
	{ "env-file", NULL, 0, "FILE", "set what this shell script sets, inside", "ENV_FILE", NULL,
	  FACE_HERE, set_env_file },
	{ "no-umask", NULL, 0, NULL, "the umask is 0022, not the caller's", "NO_UMASK", NULL,
	  FACE_HERE, set_no_umask },
	{ "no-eval", NULL, 0, NULL, "take $ in the values of variables as it stands", "NO_EVAL", NULL,
	  FACE_ALL, set_no_eval },
	{ "app", NULL, 0, "NAME", "of the image's SCIF apps take this one", "APP", "APPNAME",
	  FACE_HERE, set_app },
	{ "runscript-timeout", NULL, 0, "TIME", "the image's environment scripts may take so long",
	  "RUNSCRIPT_TIMEOUT", NULL, FACE_ALL, set_timeout },
	{ "no-https", "nohttps", 0, NULL, "docker://: this registry has no TLS", "NO_HTTPS", "NOHTTPS",
	  FACE_HERE | FACE_FETCH, set_no_https },
	{ "authfile", NULL, 0, "FILE", "docker://: take logins from there, not from Docker's file", "AUTHFILE",
	  "AUTH_FILE", FACE_HERE | FACE_FETCH, set_authfile },
	{ "disable-cache", NULL, 0, NULL, "docker://: run a file that is gone afterwards, not one of the store", "DISABLE_CACHE", NULL,
	  FACE_HERE | FACE_FETCH, set_disable_cache },
	{ "verbose", NULL, 'v', NULL, "say what happens and how long it takes", "VERBOSE", NULL,
	  FACE_CLI | FACE_ENV | FACE_STEP, set_verbose },
	{ "quiet", NULL, 'q', NULL, "print errors only", "QUIET", NULL,
	  FACE_CLI | FACE_ENV | FACE_STEP, set_quiet },
};
const size_t option_count = ARRAY_SIZE(option_rows);

const struct option_row *option_by_name(const char *name)
{
	for (size_t i = 0; i < option_count; i++)
		if (strcmp(option_rows[i].name, name) == 0 ||
		    (option_rows[i].also && strcmp(option_rows[i].also, name) == 0))
			return &option_rows[i];
	return NULL;
}

const struct option_row *option_by_letter(char letter)
{
	for (size_t i = 0; letter != 0 && i < option_count; i++)
		if (option_rows[i].letter == letter)
			return &option_rows[i];
	return NULL;
}

/* The value of "PREFIX_NAME" in 'env', or NULL where it is not set or empty. */
static const char *find(const char *const *env, const char *prefix, const char *name)
{
	for (size_t i = 0; env[i]; i++) {
		const char *rest = str_after(env[i], prefix);

		rest = rest ? str_after(rest, name) : NULL;
		if (rest && rest[0] == '=')
			return rest[1] != '\0' ? rest + 1 : NULL;
	}
	return NULL;
}

/* Returns 1, 0, or -1 for what is neither. */
static int parse_bool(const char *text)
{
	static const char *const yes[] = { "1", "yes", "true", "on" };
	static const char *const no[] = { "0", "no", "false", "off" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcasecmp(text, yes[i]) == 0)
			return 1;
		if (strcasecmp(text, no[i]) == 0)
			return 0;
	}
	return -1;
}

/* "join" and "no-join": the variable of the first, where it says no, is the second. */
static const struct option_row *opposite(const struct option_row *row)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "no-%s", row->name);
	return option_by_name(name);
}

static int set_from(const struct option_row *row, const char *value, struct room_spec *spec,
		    struct berth_err *err)
{
	int on;

	if (row->arg)
		return row->set(spec, value, err);
	on = parse_bool(value);
	if (on < 0)
		return berth_fail(err, BERTH_EUSAGE, 0, "'%.100s' is neither yes nor no", value);
	if (!on)
		row = opposite(row);
	return row ? row->set(spec, NULL, err) : 0;
}

int options_from_env(const char *const *env, struct room_spec *spec, struct berth_err *err)
{
	static const char *const prefix[] = { "BERTH_", "APPTAINER_", "SINGULARITY_" };

	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_rows[i];

		if (!(row->faces & FACE_ENV))
			continue;
		for (size_t p = 0; p < ARRAY_SIZE(prefix); p++) {
			const char *name = row->env, *value = find(env, prefix[p], name);

			if (!value && row->env_also) {
				name = row->env_also;
				value = find(env, prefix[p], name);
			}
			if (!value)
				continue;
			if (set_from(row, value, spec, err) < 0)
				return berth_context(err, "%s%s", prefix[p], name);
			break;
		}
	}
	return 0;
}
