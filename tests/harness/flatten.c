/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flatten.c - what layers come to, as a listing: one line for each name, in the order of a walk.
 *
 *   flatten [--quiet] [--keep-devices] [--top DIR] LAYER[=DIFF-ID]...     the topmost layer first
 *
 * KIND MODE UID:GID TIME[.NSEC] and, by kind, SIZE SHA256 of a file, MAJOR:MINOR of a device, the target of a
 * link in quotes; then the path, and the attributes NAME=HEX. Of a file with several names all but
 * the first are "= MODE ... as FIRST". --top: a directory "made up" above the layers, empty.
 */
#include "config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/str.h"
#include "libimage/layer/flat.h"
#include "libimage/ref/digest.h"
#include "libimage/ref/hasher.h"
#include "libimage/squash/scan.h"

struct sink {
	bool quiet;
	struct tree_node *node;
	struct hasher *hash;
	struct strlist sets; /* texts of attributes */
	size_t begun, dropped;
};

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, 0, "out of memory");
}

static int put_xattrs(void *arg, struct tree_node *node, const struct flat_xattr *v, size_t n, struct berth_err *err)
{
	struct sink *s = arg;
	struct strbuf text = STRBUF_INIT;

	(void)err;
	for (size_t i = 0; i < n; i++) {
		strbuf_printf(&text, " %s=", v[i].name);
		for (size_t k = 0; k < v[i].n; k++)
			strbuf_printf(&text, "%02x", ((const unsigned char *)v[i].value)[k]);
	}
	node->xattr = (uint32_t)s->sets.n;
	strlist_add(&s->sets, text.text);
	strbuf_done(&text);
	return 0;
}

static int begin(void *arg, struct tree_node *node, struct berth_err *err)
{
	struct sink *s = arg;

	s->node = node;
	s->begun++;
	if (s->quiet)
		return 0;
	s->hash = hasher_new("sha256");
	return s->hash ? 0 : no_memory(err);
}

static int data(void *arg, const void *buf, size_t n, struct berth_err *err)
{
	const struct sink *s = arg;

	(void)err;
	if (s->hash)
		hasher_add(s->hash, buf, n);
	return 0;
}

static int zeros(void *arg, uint64_t n, struct berth_err *err)
{
	static const char none[65536];

	while (n > 0) {
		size_t part = n < sizeof(none) ? (size_t)n : sizeof(none);

		if (data(arg, none, part, err) < 0)
			return -1;
		n -= part;
	}
	return 0;
}

static int end(void *arg, struct berth_err *err)
{
	struct sink *s = arg;
	struct digest *d;

	if (s->quiet)
		return 0;
	d = calloc(1, sizeof(*d));
	if (!d || hasher_end(s->hash, d) < 0)
		return no_memory(err);
	s->node->inode = (struct sqfs_inode_generic_t *)(void *)d;
	s->hash = hasher_free(s->hash);
	return 0;
}

static int settle(void *arg, struct berth_err *err)
{
	(void)arg;
	(void)err;
	return 0;
}

static void drop(void *arg, struct tree_node *node)
{
	struct sink *s = arg;

	s->dropped++;
	free(node->inode);
}

static char kind(mode_t mode)
{
	static const char kinds[] = "?pc?d?b?f?l?s???";

	return kinds[(mode & S_IFMT) >> 12];
}

static void show(const struct sink *s, const struct tree_node *node)
{
	char path[PATH_MAX], text[PATH_MAX * 2];

	tree_path(node, path, sizeof(path));
	if (node->same) {
		str_escape(path, text, sizeof(text));
		(void)printf("= %s as ", text);
		tree_path(node->same, path, sizeof(path));
		str_escape(path, text, sizeof(text));
		(void)puts(text);
		return;
	}
	(void)printf("%c %04o %u:%u %" PRId64, kind(node->st.st_mode), node->st.st_mode & 07777, node->st.st_uid,
		     node->st.st_gid, (int64_t)node->st.st_mtim.tv_sec);
	if (node->st.st_mtim.tv_nsec > 0)
		(void)printf(".%09ld", node->st.st_mtim.tv_nsec);
	if (S_ISREG(node->st.st_mode))
		(void)printf(" %" PRId64 " %s", (int64_t)node->st.st_size, digest_hex((const void *)node->inode));
	if (S_ISCHR(node->st.st_mode) || S_ISBLK(node->st.st_mode))
		(void)printf(" %u:%u", major(node->st.st_rdev), minor(node->st.st_rdev));
	if (node->target) {
		str_escape(node->target, text, sizeof(text));
		(void)printf(" '%s'", text);
	}
	str_escape(path, text, sizeof(text));
	(void)printf(" %s%s\n", text, node->xattr == UINT32_MAX ? "" : s->sets.v[node->xattr]);
}

static void list(const struct sink *s, const struct tree_node *dir)
{
	show(s, dir);
	for (size_t i = 0; i < dir->nchild; i++) {
		if (S_ISDIR(dir->child[i]->st.st_mode))
			list(s, dir->child[i]);
		else
			show(s, dir->child[i]);
	}
}

static ssize_t read_file(void *arg, void *buf, size_t n, struct berth_err *err)
{
	ssize_t got = read(*(int *)arg, buf, n);

	return got < 0 ? berth_fail(err, BERTH_ESYS, 0, "cannot read the layer") : got;
}

static int rewind_file(void *arg, struct berth_err *err)
{
	return lseek(*(int *)arg, 0, SEEK_SET) < 0 ? berth_fail(err, BERTH_ESYS, 0, "cannot read it again") : 0;
}

static int one_layer(struct flat *f, char *path, struct berth_err *err)
{
	char *text = strstr(path, "=sha256:");
	cleanup_close int fd = -1;
	struct digest diff_id;
	struct flat_blob blob = { .source = { .arg = &fd, .read = read_file }, .packing = FLAT_ANY,
				  .again = rewind_file, .name = path };

	if (text) {
		*text++ = '\0';
		if (digest_parse(text, &diff_id, err) < 0)
			return -1;
		blob.diff_id = &diff_id;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return berth_fail(err, BERTH_ENOTFOUND, 0, "cannot open '%s'", path);
	return flat_layer(f, &blob, err);
}

static int flatten(struct flat *f, const char *top, char **layers, struct tree *t, struct berth_err *err)
{
	struct flat_entry e = { .path = top, .st = { .st_mode = S_IFDIR | 0700 } };

	if (top && flat_add(f, &e, err) < 0)
		return -1;
	for (; *layers; layers++)
		if (one_layer(f, *layers, err) < 0)
			return -1;
	return flat_finish(f, t, err);
}

static void tell(const struct sink *s, const struct flat *f)
{
	struct flat_counts c;
	struct rusage u;

	flat_counts(f, &c);
	(void)getrusage(RUSAGE_SELF, &u);
	(void)fprintf(stderr, "%" PRIu64 " entries, %" PRIu64 " bytes, %" PRIu64 " hidden, %" PRIu64 " devices and %"
		      PRIu64 " attributes left out, %zu files, %zu dropped\n", c.entries, c.bytes, c.hidden, c.devices,
		      c.xattrs, s->begun, s->dropped);
	(void)fprintf(stderr, "%.2f s user, %.2f s system, %ld MiB\n",
		      (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6,
		      (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6, u.ru_maxrss / 1024);
}

int main(int argc, char **argv)
{
	struct sink s = { 0 };
	const struct flat_sink sink = { .arg = &s, .xattrs = put_xattrs, .begin = begin, .data = data, .zeros = zeros,
					.end = end, .settle = settle, .drop = drop };
	struct flat_limits limits = FLAT_LIMITS_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	const char *top = NULL;
	struct flat *f = NULL;
	struct tree t = { 0 };
	int i = 1, rc;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--quiet") == 0)
			s.quiet = true;
		else if (strcmp(argv[i], "--keep-devices") == 0)
			limits.keep_devices = true;
		else if (strcmp(argv[i], "--top") == 0 && i + 1 < argc)
			top = argv[++i];
		else
			return 2;
	}
	rc = flat_new(&sink, &limits, &f, &err);
	if (rc == 0)
		rc = flatten(f, top, argv + i, &t, &err);
	if (rc < 0)
		(void)fprintf(stderr, "flatten: %s\n", err.text);
	else if (!s.quiet)
		list(&s, t.root);
	if (rc == 0)
		tell(&s, f);
	hasher_free(s.hash);
	flat_free(f);
	tree_done(&t, free);
	strlist_done(&s.sets);
	return rc < 0 ? 1 : 0;
}
