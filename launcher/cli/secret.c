/* SPDX-License-Identifier: BSD-3-Clause */
/* secret.c - a password from whoever calls; see secret.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "launcher/cli/secret.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"

enum { CTRL_C = 3, CTRL_D = 4, BACKSPACE = 8, CTRL_U = 21, DELETE = 127 };

/* A line, key by key. Signals of keys are off meanwhile: a Ctrl-C must not leave the terminal mute. */
static int read_keys(int fd, char *out, struct berth_err *err)
{
	size_t n = 0;

	for (;;) {
		unsigned char key;
		ssize_t got = read(fd, &key, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot read from the terminal");
		if (got == 0 || key == CTRL_C || (key == CTRL_D && n == 0))
			return berth_fail(err, BERTH_EUSAGE, 0, "no password was typed");
		if (key == '\n' || key == '\r')
			break;
		if (key == CTRL_U)
			n = 0;
		else if (key == BACKSPACE || key == DELETE)
			n -= n > 0;
		else if (n < SECRET_MAX)
			out[n++] = (char)key;
		else
			return berth_fail(err, BERTH_EUSAGE, 0, "the password is too long");
	}
	out[n] = '\0';
	return n > 0 ? 0 : berth_fail(err, BERTH_EUSAGE, 0, "no password was typed");
}

int secret_ask(const char *prompt, char *out, struct berth_err *err)
{
	cleanup_close int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios was, now;
	int rc;

	if (fd < 0 || tcgetattr(fd, &was) < 0) {
		berth_fail(err, BERTH_EUSAGE, 0, "there is no terminal to ask for the password");
		return berth_hint(err, "--password-stdin reads it from standard input");
	}
	now = was;
	now.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ISIG | ICANON);
	now.c_cc[VMIN] = 1;
	now.c_cc[VTIME] = 0;
	if (tcsetattr(fd, TCSAFLUSH, &now) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot ask on the terminal");
	rc = fd_write_full(fd, prompt, strlen(prompt)) < 0
		     ? berth_fail(err, BERTH_ESYS, errno, "cannot ask on the terminal")
		     : read_keys(fd, out, err);
	(void)tcsetattr(fd, TCSAFLUSH, &was);
	(void)fd_write_full(fd, "\n", 1);
	return rc;
}

int secret_ask_name(char *out, struct berth_err *err)
{
	out[0] = '\0';
	if (isatty(STDIN_FILENO)) {
		(void)fputs("Username: ", stderr);
		if (fgets(out, SECRET_NAME_MAX + 1, stdin))
			out[strcspn(out, "\r\n")] = '\0';
	}
	if (out[0] != '\0')
		return 0;
	berth_fail(err, BERTH_EUSAGE, 0, "who logs in is not said");
	return berth_hint(err, "'registry login --username' takes the name");
}

int secret_read(char *out, struct berth_err *err)
{
	ssize_t n = fd_read_full(STDIN_FILENO, out, SECRET_MAX + 1);

	if (n < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read standard input");
	if (n > SECRET_MAX)
		return berth_fail(err, BERTH_EUSAGE, 0, "the password on standard input is too long");
	n -= n > 0 && out[n - 1] == '\n';
	n -= n > 0 && out[n - 1] == '\r';
	out[n] = '\0';
	if (n == 0)
		return berth_fail(err, BERTH_EUSAGE, 0, "there is no password on standard input");
	if (strlen(out) != (size_t)n)
		return berth_fail(err, BERTH_EUSAGE, 0, "the password on standard input has a zero byte in it");
	return 0;
}
