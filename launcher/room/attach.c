/* SPDX-License-Identifier: BSD-3-Clause */
/* attach.c - into the room of a running process; see attach.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "launcher/room/drop.h"
#include "launcher/room/attach.h"
#include "launcher/room/sys.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"

enum {
	STATUS_MAX = 1024 * 1024, /* LIMIT: 65,536 groups of ten digits, and forty other lines */
	ENV_MAX = 4 * 1024 * 1024, /* LIMIT: a quarter of the usual stack, which the kernel lets it have, is less */
};

static const struct {
	const char *file, *what;
	int type;
} spaces[SPACE_SPACES] = {
	[SPACE_USER] = { "ns/user", "user", CLONE_NEWUSER },
	[SPACE_MNT] = { "ns/mnt", "mount", CLONE_NEWNS },
	[SPACE_PID] = { "ns/pid", "pid", CLONE_NEWPID },
	[SPACE_IPC] = { "ns/ipc", "IPC", CLONE_NEWIPC },
	[SPACE_UTS] = { "ns/uts", "UTS", CLONE_NEWUTS },
	[SPACE_NET] = { "ns/net", "network", CLONE_NEWNET },
	[SPACE_CGROUP] = { "ns/cgroup", "cgroup", CLONE_NEWCGROUP },
};

void attach_target_done(struct attach_target *t)
{
	cleanup_close_fn(&t->proc);
	cleanup_close_fn(&t->root);
	cleanup_close_fn(&t->cwd);
	for (int i = 0; i < SPACE_SPACES; i++)
		cleanup_close_fn(&t->ns[i]);
	free(t->groups);
	t->groups = NULL;
	strlist_done(&t->env);
}

/* The text of a file of the process, NUL-terminated (caller frees); *ret_n its length. */
static char *read_file(int proc, const char *name, size_t max, size_t *ret_n)
{
	cleanup_close int fd = openat(proc, name, O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = fd < 0 ? NULL : malloc(max + 1);
	ssize_t n;

	if (!text)
		return NULL;
	n = fd_read_full(fd, text, max);
	if (n < 0)
		return NULL;
	text[n] = '\0';
	*ret_n = (size_t)n;
	return take_ptr(&text);
}

/* The four equal ids of "NAME:\tR\tE\tS\tF"; -1: no such line, or a process between two users. */
static int parse_ids(const char *text, const char *name, unsigned int *ret)
{
	unsigned int id[4];
	const char *p = strstr(text, name);

	if (!p || sscanf(p + strlen(name), "%u %u %u %u", &id[0], &id[1], &id[2], &id[3]) != 4 || id[0] != id[1] ||
	    id[0] != id[2] || id[0] != id[3])
		return -1;
	*ret = id[0];
	return 0;
}

int attach_parse_status(const char *text, struct attach_target *ret)
{
	unsigned int uid = 0, gid = 0;
	const char *p = strstr(text, "\nGroups:");
	cleanup_free gid_t *groups = NULL;
	size_t n = 0;
	char *end;

	if (!p || parse_ids(text, "\nUid:", &uid) < 0 || parse_ids(text, "\nGid:", &gid) < 0)
		return -1;
	p += strlen("\nGroups:");
	groups = calloc(strcspn(p, "\n") / 2 + 1, sizeof(*groups));
	if (!groups)
		return -1;
	for (p += strspn(p, " \t"); *p >= '0' && *p <= '9'; p = end + strspn(end, " \t"))
		groups[n++] = (gid_t)strtoul(p, &end, 10);
	ret->uid = uid;
	ret->gid = gid;
	ret->groups = take_ptr(&groups);
	ret->ngroups = n;
	return 0;
}

static int denied(pid_t pid, struct berth_err *err)
{
	int sys = errno;

	if (sys == ESRCH || sys == ENOENT)
		return berth_fail(err, BERTH_ENOTFOUND, 0, "there is no process %d", pid);
	berth_fail(err, BERTH_EDENIED, sys, "cannot look at process %d", pid);
	return berth_hint(err, "it must be yours, and started by berth from where you are, not inside of a container");
}

static int open_proc(pid_t pid, struct attach_target *t, struct berth_err *err)
{
	cleanup_free char *text = NULL;
	struct statfs fs;
	char path[32];
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d", pid);
	t->pid = pid;
	t->proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->proc < 0)
		return denied(pid, err);
	if (fstatfs(t->proc, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return berth_fail(err, BERTH_EDENIED, 0, "'/proc' is not a proc file system");
	text = read_file(t->proc, "status", STATUS_MAX, &n);
	if (!text)
		return denied(pid, err);
	if (attach_parse_status(text, t) < 0)
		return berth_fail(err, BERTH_EDENIED, 0, "process %d changes its user", pid);
	if (geteuid() != 0 && t->uid != geteuid()) {
		berth_fail(err, BERTH_EDENIED, 0, "process %d is of the user %u", pid, t->uid);
		return berth_hint(err, "only that user, and root, can enter where it is");
	}
	return 0;
}

static int open_spaces(struct attach_target *t, struct berth_err *err)
{
	for (int i = 0; i < SPACE_SPACES; i++) {
		char own[32];
		struct stat a, b;

		(void)snprintf(own, sizeof(own), "/proc/self/%s", spaces[i].file);
		t->ns[i] = openat(t->proc, spaces[i].file, O_RDONLY | O_CLOEXEC);
		if (t->ns[i] < 0)
			return denied(t->pid, err);
		if (fstat(t->ns[i], &a) == 0 && stat(own, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
			cleanup_close_fn(&t->ns[i]);
	}
	t->root = openat(t->proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (t->root < 0)
		return denied(t->pid, err);
	t->cwd = openat(t->proc, "cwd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

static int read_env(struct attach_target *t, struct berth_err *err)
{
	cleanup_free char *text = NULL;
	size_t n = 0;

	text = read_file(t->proc, "environ", ENV_MAX, &n);
	if (!text)
		return denied(t->pid, err);
	for (char *p = text; p < text + n; p += strlen(p) + 1)
		strlist_add(&t->env, p);
	return strlist_ok(&t->env) ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep the environment");
}

/* Berth says so in the environment; a program may have cleared that, but not what its root is. */
static bool is_room(const struct attach_target *t)
{
	struct statfs fs;
	size_t n = 0;

	for (size_t i = 0; i < t->env.n; i++)
		if (str_after(t->env.v[i], "BERTH_CONTAINER="))
			return true;
	if (fstatfs(t->root, &fs) == 0 && fs.f_type == FUSE_SUPER_MAGIC) {
		cleanup_free char *text = read_file(t->proc, "mountinfo", STATUS_MAX, &n);

		return text && strstr(text, " / / ") && strstr(text, " - fuse.berth berth ");
	}
	return false;
}

int attach_open(pid_t pid, struct attach_target *ret, struct berth_err *err)
{
	cleanup(attach_target_done) struct attach_target t = ATTACH_TARGET_INIT;

	if (open_proc(pid, &t, err) < 0 || open_spaces(&t, err) < 0 || read_env(&t, err) < 0)
		return -1;
	if (!is_room(&t)) {
		berth_fail(err, BERTH_EUSAGE, 0, "process %d is not in a container that berth made", pid);
		return berth_hint(err, "name the number of the program that berth became, as ps shows it");
	}
	if (t.ns[SPACE_MNT] < 0)
		return berth_fail(err, BERTH_EUSAGE, 0, "process %d is where this one is already", pid);
	*ret = t;
	t = (struct attach_target)ATTACH_TARGET_INIT;
	return 0;
}

/* PRIV: into namespaces that were opened as who we are; the kernel asks for rights in each of them. */
static int enter_space(const struct attach_target *t, enum attach_space i, struct berth_err *err)
{
	if (t->ns[i] < 0 || setns(t->ns[i], spaces[i].type) == 0)
		return 0;
	berth_fail(err, BERTH_EDENIED, errno, "cannot enter the %s namespace of process %d", spaces[i].what, t->pid);
	if (i == SPACE_MNT && t->ns[SPACE_USER] < 0)
		return berth_hint(err, "root made this container, or Slurm: enter as root, or with srun --overlap "
				       "--jobid=JOB --container=IMAGE");
	return berth_hint(err, "it must have been started from where you are, not inside of another container");
}

/*
 * PRIV: keys (a Kerberos ticket, say) are had by who has the session's keyring, whatever his uid: root's
 * does not go along.
 */
static int leave_keys(struct berth_err *err)
{
	/* KERNEL: ENOSYS without keys; EPERM by a filter of another container's, which the program has, too. */
	if (sys_new_session_keyring() >= 0 || errno == ENOSYS || errno == EPERM)
		return 0;
	return berth_fail(err, BERTH_ESYS, errno, "cannot leave the keys of this session behind");
}

/*
 * PRIV: root becomes the user of the process before it enters a user namespace, which that user
 * owns and may enter; without one it needs its rights up to the mount namespace. Between that and
 * the drop nothing is looked up by name: root and directory are descriptors. Descriptors that root
 * has open do not go along.
 */
int attach_enter(struct attach_target *t, bool *ret_fork, struct berth_err *err)
{
	const bool other = geteuid() == 0 && t->uid != 0;
	const bool userns = t->ns[SPACE_USER] >= 0;

	*ret_fork = t->ns[SPACE_PID] >= 0;
	if (other && sys_close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot shut the open files");
	if (other && userns && drop_to(t->uid, t->gid, t->groups, t->ngroups, err) < 0)
		return -1;
	for (int i = 0; i < SPACE_SPACES; i++)
		if (enter_space(t, (enum attach_space)i, err) < 0)
			return -1;
	/* KERNEL: setns() goes to the root of the namespace, which a chroot of the process may have left. */
	if (fchdir(t->root) < 0 || chroot(".") < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot enter the root of process %d", t->pid);
	if (other && !userns) {
		if (drop_to(t->uid, t->gid, t->groups, t->ngroups, err) < 0)
			return -1;
	} else if (drop_caps(err) < 0) {
		return -1;
	}
	if (other && leave_keys(err) < 0)
		return -1;
	/* As the user: root could go where he cannot. */
	if (t->cwd >= 0 && fchdir(t->cwd) == 0)
		return 0;
	return chdir("/") == 0 ? 0 : berth_fail(err, BERTH_ESYS, errno, "cannot go to '/'");
}
