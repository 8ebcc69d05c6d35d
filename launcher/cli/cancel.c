/* SPDX-License-Identifier: BSD-3-Clause */
/* cancel.c - Ctrl-C while an image is made; see cancel.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "launcher/cli/cancel.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
static int pipe_in = -1;
static volatile sig_atomic_t came;

static void take(int signal)
{
	int saved = errno;

	came = signal;
	(void)!write(pipe_in, "", 1);
	errno = saved;
}

int cancel_watch(struct berth_err *err)
{
	struct sigaction act = { .sa_handler = take }, old;
	int p[2];

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot watch for signals");
	pipe_in = p[1];
	(void)sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void)sigaction(signals[i], &act, NULL);
	return p[0];
}

void cancel_end(void)
{
	if (came == 0)
		return;
	(void)signal(came, SIG_DFL);
	(void)raise(came);
}
