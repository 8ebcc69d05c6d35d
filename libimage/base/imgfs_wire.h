/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * imgfs_wire.h - what a launcher and berth-imgfs say to each other.
 *
 * berth-imgfs is started with one SOCK_SEQPACKET socket as descriptor IMGFS_CONTROL_FD (all
 * others but 0-2 closed) and, there, receives exactly one packet:
 *
 *   launcher -> server   struct imgfs_start
 *                        descriptors: image, entries, fuse, clone of fuse...   (2 + nfuse)
 *   server -> launcher   struct imgfs_reply, once the image's superblock and root were read
 *
 * then both close the socket. The launcher's side holds the deadline, for both; a closed socket
 * without a packet is a failure. The launcher has mounted 'fuse' before it sends it and keeps
 * no copy, so the server is the only holder: when it dies, readers get ENOTCONN at once.
 *
 * 'entries' is a sealed memfd of records, one after the other, of what the view needs and the
 * image may lack. Each is a kind letter, an absolute path without "..", and a NUL:
 *   'd' directory    'f' empty file to bind on
 * Where the path resolves within the image to something of that kind, nothing is added.
 */
#ifndef BERTH_IMGFS_WIRE_H
#define BERTH_IMGFS_WIRE_H

#include <stdint.h>

#include "libimage/base/err.h"

enum {
	IMGFS_CONTROL_FD = 3,
	IMGFS_MAGIC = 0x42494631,	     /* "BIF1": changes with the layout */
	IMGFS_FUSE_MAX = 16,		     /* LIMIT: workers; more do not read faster */
	IMGFS_ENTRIES_MAX = 8 * 1024 * 1024, /* LIMIT: bytes of 'entries'; 10,000 binds fit twice */
};

struct imgfs_start {
	uint32_t magic;
	uint32_t nfuse;	      /* 1 to IMGFS_FUSE_MAX: one worker each */
	uint64_t cache_bytes; /* block cache limit; 0: the server's default */
};

struct imgfs_reply {
	uint32_t magic;
	uint32_t pad;
	uint64_t offset, size; /* where the squashfs lies in the image file, bytes */
	struct berth_err err;  /* code BERTH_OK: the server serves */
};

#endif
