/* SPDX-License-Identifier: BSD-3-Clause */
/* mend.c - limits and how to raise them; see mend.h. */
#include "config.h"

#include <errno.h>

#include "launcher/cli/mend.h"
#include "libimage/base/err.h"

void mend_limits(struct berth_err *err)
{
	switch (err->sys) {
	case EMFILE:
		(void)berth_hint(err, "this process may not open more files: 'ulimit -n' shows the limit, "
				      "'ulimit -n 1024' raises it");
		break;
	case ENFILE:
		(void)berth_hint(err, "the whole host may not open more files: the administrator raises sysctl "
				      "fs.file-max");
		break;
	case EAGAIN:
		if (err->hint[0] == '\0')
			(void)berth_hint(err, "no more processes are allowed: 'ulimit -u' shows your limit, the "
					      "job's or session's cgroup may have a lower one");
		break;
	case ENOSPC:
		if (err->hint[0] == '\0')
			(void)berth_hint(err, "a file system, or a limit of the kernel, is full; see 'berth doctor'");
		break;
	case EFBIG:
		if (err->hint[0] == '\0')
			(void)berth_hint(err, "files may not become that large: 'ulimit -f' shows your limit");
		break;
	default:
		break;
	}
}
