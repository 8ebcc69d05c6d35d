/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * names.c - who the caller is, by name; see names.h.
 *
 * Local entries are read without the name service: its set-up is a tenth of a start on a directory
 * image, and every usual nsswitch.conf asks "files" first. fgetpwent(3) seeks twice a line.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/cli/names.h"
#include "launcher/view/plan.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/path.h"

enum {
	FILE_MAX = 16 * 1024 * 1024, /* LIMIT: 200,000 users; beyond that the name service is asked */
	FIELD_NAME = 0,
	FIELD_HOME = 5, /* of passwd(5) */
};

/* The line of 'id' in the file 'path', as a new string; NULL: none. */
static char *line_of(const char *path, unsigned long id)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	cleanup_free char *text = NULL;
	const char *line;
	struct stat st;
	ssize_t n;
	size_t len;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		return NULL;
	text = malloc((size_t)st.st_size + 1);
	n = text ? fd_read_full(fd, text, (size_t)st.st_size) : -1;
	len = n > 0 ? plan_find_id(text, (size_t)n, id, &line) : 0;
	return len > 0 ? strndup(line, len) : NULL;
}

/* Field 'n' of a line as a new string; NULL: there is none, or it is empty. */
static char *field(const char *line, int n)
{
	for (; n > 0 && line; n--) {
		line = strchr(line, ':');
		line += line ? 1 : 0;
	}
	return line && line[0] != ':' && line[0] != '\0' ? strndup(line, strcspn(line, ":")) : NULL;
}

static char *copy(const char *text) { return text && text[0] ? strdup(text) : NULL; }

/* The name and home (may be NULL) of a uid; NULL: it has none. */
static char *user_of(uid_t uid, char **ret_home)
{
	cleanup_free char *line = line_of("/etc/passwd", uid);
	const struct passwd *pw;

	if (line) {
		*ret_home = field(line, FIELD_HOME);
		return field(line, FIELD_NAME);
	}
	pw = getpwuid(uid);
	*ret_home = pw ? copy(pw->pw_dir) : NULL;
	return pw ? copy(pw->pw_name) : NULL;
}

static char *group_of(gid_t gid)
{
	cleanup_free char *line = line_of("/etc/group", gid);
	const struct group *gr;

	if (line)
		return field(line, FIELD_NAME);
	gr = getgrgid(gid);
	return gr ? copy(gr->gr_name) : NULL;
}

/* Root's home is "/root", as the image has it; what is shown there is the caller's, where he has one. */
static int roots_home(struct room_spec *spec, char **home, struct berth_err *err)
{
	spec->home = strdup("/root");
	if (!spec->home)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep the home directory");
	if (access(*home, F_OK) < 0)
		spec->no_mount |= NO_MOUNT_HOME;
	else if (!spec->contain)
		spec->home_source = take_ptr(home);
	return 0;
}

int names_fill(struct room_spec *spec, struct berth_err *err)
{
	cleanup_free char *home = NULL;

	spec->user = user_of(spec->uid, &home);
	spec->group = group_of(spec->gid);
	if (!spec->user && !home)
		home = copy(getenv("HOME"));
	if (spec->home || !home || !path_is_target(home))
		return 0;
	if (spec->fakeroot && spec->uid != 0)
		return roots_home(spec, &home, err);
	spec->home = take_ptr(&home);
	return 0;
}
