/* SPDX-License-Identifier: BSD-3-Clause */
/* hash.c - the digest of a file; see store_i.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>

#include "libimage/base/cleanup.h"
#include "libimage/ref/hasher.h"
#include "libimage/store/store_i.h"

int store_hash(int fd, uint64_t bytes, struct hasher *h, struct berth_err *err)
{
	cleanup_free void *buf = malloc(STORE_READ_BYTES);
	uint64_t at = 0;

	if (!buf)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the store");
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	while (at < bytes) {
		ssize_t n =
		    pread(fd, buf, bytes - at < STORE_READ_BYTES ? (size_t)(bytes - at) : STORE_READ_BYTES,
			  (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return berth_fail(err, BERTH_ESYS, errno, "cannot read the store");
		if (n == 0)
			break;
		hasher_add(h, buf, (size_t)n);
		at += (uint64_t)n;
	}
	return 0;
}

int store_hash_whole(int fd, const char *algorithm, struct digest *ret, struct berth_err *err)
{
	cleanup(hasher_freep) struct hasher *h = hasher_new(algorithm);

	if (!h)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot hash the store");
	if (store_hash(fd, UINT64_MAX, h, err) < 0)
		return -1;
	return hasher_end(h, ret) < 0 ? berth_fail(err, BERTH_ESYS, ENOMEM, "cannot hash the store") : 0;
}
