/* SPDX-License-Identifier: BSD-3-Clause */
/* members.c - the files of a layout of images; see members.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/build/members.h"
#include "libimage/build/scratch.h"
#include "libimage/layer/inflate.h"
#include "libimage/layer/tar.h"

enum {
	MEMBERS_MAX = 100000, /* LIMIT: an archive of 512 layers has some 2,000 */
	OPEN_MAX = 1100,      /* LIMIT: of a directory: 512 layers, their documents, and as many again */
	PIECE = 256 * 1024,
	LINKS_MAX = 4,	      /* LIMIT: "docker save" writes one where two layers are the same */
};

struct item {
	char *name, *target; /* 'target': it is a link to that member */
	uint64_t at, size;
	bool odd;	     /* with holes: its bytes are not in one piece */
};

struct members {
	int fd;		   /* the archive or the directory */
	bool archive;
	struct item *item; /* of an archive */
	size_t nitem, size;
	int *open;	   /* of a directory */
	size_t nopen;
};

struct members *members_close(struct members *m)
{
	if (!m)
		return NULL;
	for (size_t i = 0; i < m->nitem; i++) {
		free(m->item[i].name);
		free(m->item[i].target);
	}
	for (size_t i = 0; i < m->nopen; i++)
		cleanup_close_fn(&m->open[i]);
	free(m->item);
	free(m->open);
	cleanup_close_fn(&m->fd);
	free(m);
	return NULL;
}

static void members_closep(struct members **m)
{
	*m = members_close(*m);
}

static int fail_open(const char *path, struct berth_err *err)
{
	int sys = errno;

	return berth_fail(err, sys == ENOENT ? BERTH_ENOTFOUND : sys == EACCES ? BERTH_EDENIED
			  : sys == ENOTDIR ? BERTH_EUSAGE : BERTH_ESYS, sys, "cannot open '%s'", path);
}

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep the list of an archive's files");
}

/* ---- archives ---------------------------------------------------------------------------------- */

/* The archive, piece by piece, and where in it the piece lies. */
struct reader {
	int fd;
	uint64_t at, piece_at;
	size_t n;
	unsigned char *buf;
};

static ssize_t more(void *arg, const unsigned char **ret, struct berth_err *err)
{
	struct reader *r = arg;
	ssize_t n;

	do
		n = pread(r->fd, r->buf, PIECE, (off_t)r->at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read the archive");
	r->piece_at = r->at;
	r->at += (uint64_t)n;
	r->n = (size_t)n;
	*ret = r->buf;
	return n;
}

/* "./a//b" and "a/b" are one name. Names with ".." are nothing that a document names. */
static char *plain_name(const char *name)
{
	char *out = malloc(strlen(name) + 1), *to = out;

	if (!out)
		return NULL;
	for (const char *p = name; *p != '\0';) {
		size_t n = strcspn(p, "/");

		if (n > 0 && !(n == 1 && p[0] == '.')) {
			if (to != out)
				*to++ = '/';
			memcpy(to, p, n);
			to += n;
		}
		p += n + (p[n] == '/');
	}
	*to = '\0';
	return out;
}

/* What the link 'name' to 'target' leads to: from its own directory, and for each "../" one up. */
static char *link_name(const char *name, const char *target)
{
	cleanup_free char *joined = malloc(strlen(name) + strlen(target) + 2);
	size_t n = strrchr(name, '/') ? (size_t)(strrchr(name, '/') - name) : 0;

	if (!joined)
		return NULL;
	memcpy(joined, name, n);
	while (str_after(target, "../")) {
		target += 3;
		while (n > 0 && joined[--n] != '/')
			;
	}
	joined[n] = '/';
	memcpy(joined + n + 1, target, strlen(target) + 1);
	return plain_name(joined);
}

static int add_item(struct members *m, const struct flat_entry *e, struct berth_err *err)
{
	struct item *item;

	if (m->nitem == MEMBERS_MAX)
		return berth_fail(err, BERTH_EIMAGE, 0, "the archive has more than %d files", MEMBERS_MAX);
	if (m->nitem == m->size) {
		size_t size = m->size ? 2 * m->size : 64;
		struct item *v = reallocarray(m->item, size, sizeof(*v));

		if (!v)
			return no_memory(err);
		m->item = v;
		m->size = size;
	}
	item = &m->item[m->nitem];
	*item = (struct item){ .name = plain_name(e->path) };
	if (!item->name)
		return no_memory(err);
	m->nitem++;
	if (e->link || S_ISLNK(e->st.st_mode)) {
		item->target = e->link ? plain_name(e->link) : link_name(item->name, e->target);
		return item->target ? 0 : no_memory(err);
	}
	item->size = (uint64_t)e->st.st_size;
	return 0;
}

/* Where the bytes of the file lie that was listed last: where the first of them was read. */
static int find_bytes(struct members *m, struct tar *t, const struct reader *r, struct berth_err *err)
{
	struct item *item = &m->item[m->nitem - 1];
	const unsigned char *p;
	uint64_t zeros;
	size_t n;
	int rc = tar_data(t, &p, &n, &zeros, err);

	if (rc <= 0)
		return rc;
	item->odd = n == 0 || p < r->buf || p >= r->buf + r->n;
	item->at = item->odd ? 0 : r->piece_at + (uint64_t)(p - r->buf);
	return 0;
}

static int list_archive(struct members *m, struct berth_err *err)
{
	cleanup_free unsigned char *buf = malloc(PIECE);
	struct reader r = { .fd = m->fd, .buf = buf };
	const struct tar_input in = { .arg = &r, .more = more };
	struct tar *t = buf ? tar_new(&in) : NULL;
	struct flat_entry e;
	int rc;

	if (!t)
		return no_memory(err);
	while ((rc = tar_next(t, &e, err)) > 0) {
		if (!e.link && !S_ISREG(e.st.st_mode) && !S_ISLNK(e.st.st_mode))
			continue;
		rc = add_item(m, &e, err);
		if (rc == 0 && m->item[m->nitem - 1].size > 0)
			rc = find_bytes(m, t, &r, err);
		if (rc < 0)
			break;
	}
	(void)tar_free(t);
	return rc;
}

static ssize_t read_on(void *arg, void *buf, size_t n, struct berth_err *err)
{
	const int *fd = arg;
	ssize_t got;

	do
		got = read(*fd, buf, n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? berth_fail(err, BERTH_ESYS, errno, "cannot read the archive") : got;
}

/* Make a plain file of what is packed or comes through a pipe. */
static int spool(struct members *m, const char *scratch, struct berth_err *err)
{
	cleanup_close int to = scratch_open(scratch, err);
	cleanup_free char *buf = malloc(PIECE);
	const struct source source = { .arg = &m->fd, .read = read_on };
	struct inflate *z = NULL;
	ssize_t n;

	if (to < 0)
		return -1;
	if (!buf)
		return no_memory(err);
	if (inflate_new(&source, FLAT_ANY, &z, err) < 0)
		return -1;
	while ((n = inflate_read(z, buf, PIECE, err)) > 0)
		if (fd_write_full(to, buf, (size_t)n) < 0) {
			n = berth_fail(err, BERTH_ESYS, errno, "cannot keep the archive in a temporary file");
			break;
		}
	(void)inflate_free(z);
	if (n < 0)
		return -1;
	cleanup_close_fn(&m->fd);
	m->fd = take_fd(&to);
	return 0;
}

/* Does it begin as what is packed does? FORMAT: RFC 1952; RFC 8878. */
static bool is_packed(int fd)
{
	unsigned char head[4] = { 0 };

	return fd_pread_full(fd, head, sizeof(head), 0) == 0 &&
	       ((head[0] == 0x1f && head[1] == 0x8b) ||
		(head[0] == 0x28 && head[1] == 0xb5 && head[2] == 0x2f && head[3] == 0xfd));
}

static struct members *members_new(const char *path, int flags, bool archive, struct berth_err *err)
{
	cleanup(members_closep) struct members *m = calloc(1, sizeof(*m));

	if (!m) {
		no_memory(err);
		return NULL;
	}
	m->archive = archive;
	m->fd = strcmp(path, "-") == 0 ? fcntl(0, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
				       : open(path, flags | O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (m->fd < 0) {
		fail_open(path, err);
		return NULL;
	}
	return take_ptr(&m);
}

int members_open_archive(const char *path, const char *scratch, struct members **ret, struct berth_err *err)
{
	cleanup(members_closep) struct members *m = members_new(path, 0, true, err);
	struct stat st;

	if (!m)
		return -1;
	if (fstat(m->fd, &st) < 0)
		return fail_open(path, err);
	if (S_ISDIR(st.st_mode)) {
		berth_fail(err, BERTH_EUSAGE, 0, "'%s' is a directory, not an archive", path);
		return berth_hint(err, "oci:DIR names a layout in a directory");
	}
	if ((!S_ISREG(st.st_mode) || is_packed(m->fd)) && spool(m, scratch, err) < 0)
		return -1;
	if (list_archive(m, err) < 0)
		return berth_context(err, "'%s'", path);
	*ret = take_ptr(&m);
	return 0;
}

/* ---- directories ------------------------------------------------------------------------------- */

int members_open_dir(const char *path, struct members **ret, struct berth_err *err)
{
	cleanup(members_closep) struct members *m = members_new(path, O_DIRECTORY, false, err);

	if (!m)
		return -1;
	m->open = calloc(OPEN_MAX, sizeof(*m->open));
	if (!m->open)
		return no_memory(err);
	*ret = take_ptr(&m);
	return 0;
}

static int open_member(struct members *m, const char *name, struct member *ret, struct berth_err *err)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	struct stat st;
	int fd;

	if (m->nopen == OPEN_MAX)
		return berth_fail(err, BERTH_EIMAGE, 0, "the layout names more than %d files", OPEN_MAX);
	fd = (int)syscall(SYS_openat2, m->fd, name, &how, sizeof(how));
	if (fd < 0)
		return berth_fail(err, errno == EACCES ? BERTH_EDENIED : BERTH_EIMAGE, errno, "cannot open '%s' of the "
				  "layout", name);
	m->open[m->nopen++] = fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return berth_fail(err, BERTH_EIMAGE, 0, "'%s' of the layout is no file", name);
	*ret = (struct member){ .fd = fd, .size = (uint64_t)st.st_size };
	return 0;
}

/* ---- both -------------------------------------------------------------------------------------- */

/* The last of that name counts, as when the archive is unpacked. */
static const struct item *find_item(const struct members *m, const char *name)
{
	for (size_t i = m->nitem; i-- > 0;)
		if (strcmp(m->item[i].name, name) == 0)
			return &m->item[i];
	return NULL;
}

int members_find(struct members *m, const char *name, struct member *ret, struct berth_err *err)
{
	const struct item *item;

	if (!m->archive)
		return open_member(m, name, ret, err);
	item = find_item(m, name);
	for (int i = 0; item && item->target && i < LINKS_MAX; i++)
		item = find_item(m, item->target);
	if (!item || item->target)
		return berth_fail(err, BERTH_EIMAGE, 0, "the archive has no file '%.200s'", name);
	if (item->odd)
		return berth_fail(err, BERTH_EIMAGE, 0, "'%.200s' has holes in the archive", name);
	*ret = (struct member){ .fd = m->fd, .at = item->at, .size = item->size };
	return 0;
}

int members_read(struct members *m, const char *name, size_t max, struct strbuf *ret, struct berth_err *err)
{
	cleanup_free char *buf = NULL;
	struct member one;

	if (members_find(m, name, &one, err) < 0)
		return -1;
	if (one.size > max)
		return berth_fail(err, BERTH_EIMAGE, 0, "'%.200s' has more than %zu bytes", name, max);
	buf = malloc((size_t)one.size + 1);
	if (!buf)
		return no_memory(err);
	if (fd_pread_full(one.fd, buf, (size_t)one.size, (off_t)one.at) < 0)
		return berth_fail(err, errno == ENODATA ? BERTH_EIMAGE : BERTH_ESYS, errno, "cannot read '%.200s'", name);
	strbuf_add(ret, buf, (size_t)one.size);
	return strbuf_ok(ret) ? 0 : no_memory(err);
}
