/* SPDX-License-Identifier: BSD-3-Clause */
/* ns.c - IPC, host name and network of a room; see ns.h. */
#include "config.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "launcher/room/ns.h"
#include "launcher/view/spec.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

int ns_flags(const struct room_spec *spec)
{
	return (spec->ipc ? CLONE_NEWIPC : 0) | (spec->uts ? CLONE_NEWUTS : 0) | (spec->net ? CLONE_NEWNET : 0);
}

/* PRIV: of the new network namespace, which is ours and has no other device. */
static int loopback_up(struct berth_err *err)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { .ifr_flags = IFF_UP | IFF_RUNNING };

	(void)snprintf(req.ifr_name, sizeof(req.ifr_name), "lo");
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &req) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot bring the new network's loopback up");
	return 0;
}

int ns_set_up(const struct room_spec *spec, struct berth_err *err)
{
	/* PRIV: in the new UTS namespace (options.c sets 'uts' with it); the host's name stays. */
	if (spec->uts && spec->hostname && sethostname(spec->hostname, strlen(spec->hostname)) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot set the host name '%s'", spec->hostname);
	return spec->net ? loopback_up(err) : 0;
}
