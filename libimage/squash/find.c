/* SPDX-License-Identifier: BSD-3-Clause */
/* find.c - what a path leads to within a scanned tree; see scan.h. */
#include "config.h"

#include <limits.h>
#include <string.h>

#include "libimage/squash/scan.h"

/* LIMIT: links on the way, as many as the kernel follows; bytes, a path and a link's target */
enum { FIND_LINKS_MAX = 40, FIND_TEXT_MAX = 2 * PATH_MAX };

static struct tree_node *child_of(const struct tree_node *dir, const char *name)
{
	size_t lo = 0, hi = dir->nchild;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = strcmp(name, dir->child[mid]->name);

		if (order == 0)
			return dir->child[mid]->same ? dir->child[mid]->same : dir->child[mid];
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

/* Put 'target' and a slash before 'rest', which lies somewhere in 'todo'. */
static bool prepend(char *todo, const char *rest, const char *target)
{
	size_t n = strlen(target), left = strlen(rest) + 1;

	if (n + 1 + left > FIND_TEXT_MAX)
		return false;
	memmove(todo + n + 1, rest, left);
	memcpy(todo, target, n);
	todo[n] = '/';
	return true;
}

struct tree_node *tree_find(const struct tree *t, struct tree_node *from, const char *path)
{
	char todo[FIND_TEXT_MAX] = "", name[NAME_MAX + 1];
	struct tree_node *at = from && path[0] != '/' ? from : t->root;
	unsigned int links = 0;

	if (strlen(path) >= sizeof(todo))
		return NULL;
	memcpy(todo, path, strlen(path) + 1);
	for (const char *p = todo + strspn(todo, "/"); *p != '\0'; p += strspn(p, "/")) {
		size_t n = strcspn(p, "/");
		struct tree_node *next;

		if (n >= sizeof(name) || !S_ISDIR(at->st.st_mode))
			return NULL;
		memcpy(name, p, n);
		name[n] = '\0';
		p += n;
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			at = at->parent ? at->parent : at;
			continue;
		}
		next = child_of(at, name);
		if (!next)
			return NULL;
		if (!S_ISLNK(next->st.st_mode)) {
			at = next;
			continue;
		}
		if (++links > FIND_LINKS_MAX || !next->target || !prepend(todo, p, next->target))
			return NULL;
		at = next->target[0] == '/' ? t->root : at;
		p = todo;
	}
	return at;
}
