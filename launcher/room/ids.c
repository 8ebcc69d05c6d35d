/* SPDX-License-Identifier: BSD-3-Clause */
/* ids.c - passwd and group of the room; see ids.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "launcher/room/ids.h"
#include "launcher/view/plan.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/str.h"

/* What the image has at 'path', in *ret_text (caller frees); none is as good as empty. */
static size_t read_image_file(int root_fd, const char *path, char **ret_text)
{
	cleanup_close int fd =
		fd_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	cleanup_free char *text = NULL;
	struct stat st;
	ssize_t n;

	*ret_text = NULL;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > IDS_BYTES_MAX)
		return 0;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return 0;
	n = fd_read_full(fd, text, (size_t)st.st_size);
	if (n < 0)
		return 0;
	*ret_text = take_ptr(&text);
	return (size_t)n;
}

int ids_write(int tmp_fd, const char *name, const char *text, size_t n, struct berth_err *err)
{
	cleanup_close int fd = openat(tmp_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	int ret;

	if (fd < 0 || fchmod(fd, 0644) < 0 || fd_write_full(fd, text, n) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot make the room's '%s'", name);
	ret = openat(tmp_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (ret < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot open the room's '%s'", name);
	return ret;
}

int ids_make(int root_fd, const char *path, const char *line, int tmp_fd, const char *name,
	     struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf out = STRBUF_INIT;
	cleanup_free char *text = NULL;
	size_t n = read_image_file(root_fd, path, &text);

	if (plan_merge_ids(text ? text : "", n, line, &out) < 0 || !strbuf_ok(&out))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot make '%s'", path);
	return ids_write(tmp_fd, name, out.text, out.len, err);
}
