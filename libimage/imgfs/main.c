/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - berth-imgfs: serve one image to one mount, from the first packet to the last reader.
 *
 * Runs as:  the user who owns the job, never root under Slurm; started by a launcher with a
 *           control socket as descriptor 3 (libimage/base/imgfs_wire.h).
 * Promise:  nothing of the image is looked at before privileges are gone and the system-call
 *           filter is in place; no signal but KILL and STOP has an effect; the process ends
 *           with the last mount of its connection.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/log.h"
#include "libimage/base/msg.h"
#include "libimage/base/num.h"
#include "libimage/imgfs/imgfs.h"

enum {
	/* LIMIT: none of its own. The guard (launcher/room/server.h) knows the site's limit and when it begins: with the
	 * step's first task, which may come much later than the server. It kills us in time. */
	START_WAIT_MS = -1,
};

static const char usage[] =
	"usage: berth-imgfs               serve an image; started by Berth, descriptor 3 is its socket\n"
	"       berth-imgfs --locate FD   print \"OFFSET SIZE\" of the squashfs in an open image\n"
	"       berth-imgfs --stats FD    print what the server of an open file of an image has counted\n"
	"       berth-imgfs --version | --help\n";

/* Descriptors 0 to 2 must be something, or a later open would become standard error. */
static int fill_stdio(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return -1;
	} while (fd <= STDERR_FILENO);
	(void)close(fd);
	return 0;
}

/* Keep standard error as the log. A reader of the job's output must not wait for the server. */
static int leave_stdio(void)
{
	cleanup_close int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
		return -1;
	return 0;
}

static int locate(const char *arg)
{
	struct berth_err err = BERTH_ERR_INIT;
	uint64_t fd, offset, size;
	struct imgfs fs = { 0 };

	if (num_parse_u64(arg, INT32_MAX, &fd) < 0) {
		log_line(LOG_ERROR, "'%s' is not a descriptor", arg);
		return 2;
	}
	/* squash_open() looks at the superblock, so that the kernel does not get a bad one. */
	if (image_locate((int)fd, &offset, &size, &err) < 0 ||
	    squash_open((int)fd, offset, size, &fs.squash[0], &err) < 0) {
		log_err(&err);
		return 1;
	}
	squash_close(fs.squash[0]);
	return printf("%" PRIu64 " %" PRIu64 "\n", offset, size) < 0 || fflush(stdout) != 0;
}

static int check_start(const struct imgfs_start *req, const struct msg_fds *fds, struct berth_err *err)
{
	if (req->magic != IMGFS_MAGIC || req->nsource < 1 || req->nsource > IMGFS_SOURCES_MAX ||
	    req->nfuse < 1 || req->nfuse > IMGFS_FUSE_MAX || fds->n != (int)(req->nsource + 1 + req->nfuse))
		return berth_fail(err, BERTH_EBUG, 0, "the launcher is of another version");
	return 0;
}

/* Everything that can fail. Leaves the image open and the first worker ready. */
static int start(struct imgfs *fs, struct berth_err *err)
{
	static struct imgfs_start req;
	static struct msg_fds fds; /* the images' stay open for good */
	int rc;

	/* All that need not know the image goes before it comes: the room waits from then on. */
	if (sandbox_drop(err) < 0 || sandbox_close(err) < 0)
		return -1;
	rc = msg_recv(IMGFS_CONTROL_FD, &req, sizeof(req), &fds, START_WAIT_MS, err);
	if (rc == 0)
		return berth_fail(err, BERTH_ENET, 0, "the launcher is gone");
	if (rc < 0)
		return berth_context(err, "no start from the launcher");
	if (check_start(&req, &fds, err) < 0)
		return -1;
	if (req.cache_bytes == 0)
		req.cache_bytes = CACHE_DEFAULT;
	if (req.cache_bytes > CACHE_MAX)
		req.cache_bytes = CACHE_MAX;
	if (sandbox_limit(req.nfuse, req.nsource, req.cache_bytes, err) < 0)
		return -1;
	for (uint32_t i = 0; i < req.nfuse; i++) /* a read must wait, however the launcher opened it */
		(void)fcntl(fds.fd[req.nsource + 1 + i], F_SETFL, 0);
	if (image_load(fs, &req, fds.fd, fds.fd[req.nsource], err) < 0)
		return -1;
	(void)close(fds.fd[req.nsource]);
	return workers_prepare(fs, fds.fd + req.nsource + 1, req.nfuse, err);
}

static int run(void)
{
	static struct imgfs fs;
	struct imgfs_reply reply = { .magic = IMGFS_MAGIC, .err = BERTH_ERR_INIT };
	struct berth_err err = BERTH_ERR_INIT;
	struct stat st;

	if (fstat(IMGFS_CONTROL_FD, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		log_line(LOG_ERROR, "descriptor %d is no socket: berth starts this program", IMGFS_CONTROL_FD);
		return 2;
	}
	(void)syscall(SYS_close_range, IMGFS_CONTROL_FD + 1, ~0u, 0);
	if (leave_stdio() < 0) {
		log_line(LOG_ERROR, "cannot open /dev/null");
		return 1;
	}
	if (start(&fs, &reply.err) == 0) {
		reply.offset = fs.offset;
		reply.size = fs.size;
	}
	if (msg_send(IMGFS_CONTROL_FD, &reply, sizeof(reply), NULL, &err) < 0 || reply.err.code != BERTH_OK)
		return 1;
	(void)close(IMGFS_CONTROL_FD);
	serve();
}

int main(int argc, char **argv)
{
	if (fill_stdio() < 0)
		return 1;
	log_init("berth-imgfs", LOG_NOTE);
	(void)umask(077);
	if (argc == 3 && strcmp(argv[1], "--locate") == 0)
		return locate(argv[2]);
	if (argc == 3 && strcmp(argv[1], "--stats") == 0)
		return stats_print(argv[2]);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("berth-imgfs %s\n", PACKAGE_VERSION) < 0;
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return fputs(usage, stdout) < 0;
	if (argc > 1) {
		(void)fputs(usage, stderr);
		return 2;
	}
	/*
	 * PRIV: before the control socket is read. Another process of the user's, in another job
	 * maybe, could take the FUSE descriptors from there; then the kernel would wait for it and
	 * not for this process, which can be killed with the job. The program is installed without
	 * read permission for others, so under Slurm not even its first instructions are traced.
	 */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return 1;
	sandbox_signals();
	_exit(run());
}
