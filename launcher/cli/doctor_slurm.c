/* SPDX-License-Identifier: BSD-3-Clause */
/* doctor_slurm.c - is the plugin in plugstack.conf as it must be? See doctor.h. */
#include "config.h"
#include "paths.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "launcher/cli/doctor.h"
#include "launcher/cli/doctor_text.h"
#include "libimage/base/cleanup.h"

enum { INCLUDE_DEPTH_MAX = 8 }; /* LIMIT: files that include each other in a circle */

#define LINE "required " BERTH_PLUGINDIR "/spank_berth.so"
#define ADD  "the last line of plugstack.conf, on every host where jobs are submitted or run:\n" LINE

struct stack {
	struct findings *f;
	bool found, optional, missing;
	char path[PATH_MAX];  /* of ours */
	char after[PATH_MAX]; /* what follows ours; "": nothing */
};

static void read_stack(struct stack *s, const char *file, int depth);

static void read_line(struct stack *s, const char *line, const char *file, int depth)
{
	char path[PATH_MAX];
	enum plug_kind kind = text_plug_line(line, path, sizeof(path));
	glob_t found = { 0 };

	if (kind == PLUG_NONE)
		return;
	if (kind == PLUG_BAD) {
		finding_warn(s->f, NULL, "'%s' has a line that Slurm does not know: %s", file, line);
		return;
	}
	if (kind == PLUG_INCLUDE) {
		if (depth < INCLUDE_DEPTH_MAX && glob(path, 0, NULL, &found) == 0)
			for (size_t i = 0; i < found.gl_pathc; i++)
				read_stack(s, found.gl_pathv[i], depth + 1);
		globfree(&found);
		return;
	}
	if (!text_is_ours(path)) {
		if (s->found && s->after[0] == '\0')
			(void)snprintf(s->after, sizeof(s->after), "%s", path);
		return;
	}
	s->found = true;
	s->after[0] = '\0';
	s->optional = kind == PLUG_OPTIONAL;
	/* Without a slash Slurm looks in its PluginDir, which only Slurm knows. */
	s->missing = strchr(path, '/') && access(path, R_OK) < 0;
	(void)snprintf(s->path, sizeof(s->path), "%s", path);
}

static void read_stack(struct stack *s, const char *file, int depth)
{
	cleanup_free char *text = doctor_read(file);
	char *save = NULL;

	if (!text) {
		finding_warn(s->f, NULL, "'%s': %s", file, strerror(errno));
		return;
	}
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		read_line(s, line, file, depth);
}

/* slurm.conf of this host into 'out'; false: there is none. */
static bool find_conf(char *out, size_t size)
{
	static const char *const usual[] = {
		"/etc/slurm/slurm.conf", "/etc/slurm-llnl/slurm.conf", "/run/slurm/conf/slurm.conf",
		"/var/spool/slurmd/conf-cache/slurm.conf", "/usr/local/etc/slurm.conf", "/opt/slurm/etc/slurm.conf",
	};
	const char *set = getenv("SLURM_CONF");

	if (set && set[0] != '\0') {
		(void)snprintf(out, size, "%s", set);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (access(usual[i], F_OK) == 0) {
			(void)snprintf(out, size, "%s", usual[i]);
			return true;
		}
	return false;
}

/* The file 'name' beside 'conf'. */
static bool beside(const char *conf, const char *name, char *out, size_t size)
{
	const char *slash = strrchr(conf, '/');
	int n = snprintf(out, size, "%.*s/%s", slash ? (int)(slash - conf) : 1, slash ? conf : ".", name);

	return n > 0 && (size_t)n < size;
}

static void judge(struct findings *f, const struct stack *s, const char *file)
{
	if (!s->found) {
		finding_warn(f, ADD, "'%s' does not have spank_berth.so: srun --container is not Berth's here", file);
		return;
	}
	if (s->optional)
		finding_fail(f, LINE, "'%s' has spank_berth.so as 'optional': a node where it cannot be loaded would run "
				      "tasks on the host", file);
	if (s->after[0] != '\0')
		finding_fail(f, "make spank_berth.so the last line", "'%s' comes after spank_berth.so: it would run as "
			     "root inside of users' images, so no container is started", s->after);
	if (s->missing)
		finding_fail(f, "install Berth there, built for this Slurm, or correct the line; until then no srun "
				"starts", "'%s' is not there, or cannot be read", s->path);
	if (access(BERTH_LIBEXEC "/berth-launcher", X_OK) < 0)
		finding_fail(f, "install Berth whole on every node", "'%s' cannot be executed",
			     BERTH_LIBEXEC "/berth-launcher");
	else if (!s->optional && s->after[0] == '\0' && !s->missing)
		finding_ok(f, "'%s' has spank_berth.so, last and required", file);
}

void doctor_slurm(struct findings *f, const char *image)
{
	char conf[PATH_MAX], file[PATH_MAX], oci[PATH_MAX];
	cleanup_free char *text = NULL;
	struct stack stack = { .f = f };

	(void)image;
	if (!find_conf(conf, sizeof(conf))) {
		finding_ok(f, "no slurm.conf is on this host; berth alone needs none");
		return;
	}
	text = doctor_read(conf);
	if (!text) {
		finding_warn(f, NULL, "'%s': %s", conf, strerror(errno));
		return;
	}
	if (!text_slurm_key(text, "PlugStackConfig", file, sizeof(file)) &&
	    !beside(conf, "plugstack.conf", file, sizeof(file)))
		return;
	if (access(file, F_OK) < 0) {
		finding_warn(f, ADD, "there is no '%s': srun --container is not Berth's here", file);
		return;
	}
	read_stack(&stack, file, 0);
	judge(f, &stack, file);
	if (beside(conf, "oci.conf", oci, sizeof(oci)) && access(oci, F_OK) == 0)
		finding_warn(f, "use --berth=IMAGE where it must be Berth, and remove oci.conf if nobody uses it",
			     "'%s' sets up Slurm's own containers: with --container a directory that is an OCI bundle "
			     "stays Slurm's", oci);
}
