/* SPDX-License-Identifier: BSD-3-Clause */
/* path.c - rules about the text of paths; see path.h. */
#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/path.h"
#include "libimage/base/str.h"

void path_tidy(char *path)
{
	bool absolute = path[0] == '/';
	char *out = path, *in = path;

	while (*in) {
		size_t n;

		while (*in == '/')
			in++;
		n = strcspn(in, "/");
		if (n > 0 && !(n == 1 && in[0] == '.')) {
			if (absolute || out != path)
				*out++ = '/';
			memmove(out, in, n);
			out += n;
		}
		in += n;
	}
	if (out == path)
		*out++ = absolute ? '/' : '.';
	*out = '\0';
}

bool path_is_target(const char *path)
{
	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		return false;
	for (const char *p = path; *p;) {
		size_t n;

		while (*p == '/')
			p++;
		n = strcspn(p, "/");
		if (n > NAME_MAX || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n;
	}
	return true;
}

bool path_is_below(const char *path, const char *base)
{
	size_t n = strlen(base);

	if (strcmp(base, "/") == 0)
		return path[0] == '/';
	return strncmp(path, base, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

bool path_is_stored(const char *path)
{
	static const char dir[] = "/images/", ending[] = ".sif";
	const size_t hex = 64, n = strlen(path), tail = strlen(dir) + hex + strlen(ending);
	const char *name;

	if (n < tail)
		return false;
	name = str_after(path + n - tail, dir);
	return name && strspn(name, "0123456789abcdef") == hex && strcmp(name + hex, ending) == 0;
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return !slash || slash[1] == '\0' ? path : slash + 1;
}

char *path_join(const char *dir, const char *name)
{
	char *out = NULL;

	if (name[0] == '/')
		return strdup(name);
	if (asprintf(&out, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name) < 0)
		return NULL;
	return out;
}

char *path_from(const char *cwd, const char *path)
{
	char *dir = strdup(cwd), *out = NULL;

	while (dir && path[0] != '/') {
		size_t n = strcspn(path, "/");

		if (n > 2 || n == 0 || strncmp(path, "..", n) != 0)
			break;
		if (n == 2) {
			char *slash = strrchr(dir, '/');

			slash[slash == dir ? 1 : 0] = '\0';
		}
		path += n;
		path += strspn(path, "/");
	}
	if (dir)
		out = path_join(dir, path);
	free(dir);
	if (out)
		path_tidy(out);
	return out;
}
