/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * imgfs_wire.h - what a launcher and berth-imgfs say to each other.
 *
 * berth-imgfs is started with one SOCK_SEQPACKET socket as descriptor IMGFS_CONTROL_FD (all
 * others but 0-2 closed) and, there, receives exactly one packet:
 *
 *   launcher -> server   struct imgfs_start
 *                        descriptors: image..., entries, fuse, clone of fuse...
 *                        (nsource + 1 + nfuse)
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
 *
 * Several sources are stacked, the topmost first: a name of an upper one hides that of a lower
 * one, directories of one path are merged, and whiteouts take names away: overlayfs's (a character
 * device 0:0; "trusted.overlay.opaque" or "user.overlay.opaque" on a directory) and those of OCI
 * layers (".wh.NAME", ".wh..wh..opq").
 *
 * Statistics are asked for over any descriptor of the served file system, one that was opened for
 * reading: ioctl(fd, IMGFS_IOC_STATS, &stats).
 */
#ifndef BERTH_IMGFS_WIRE_H
#define BERTH_IMGFS_WIRE_H

#include <stdint.h>
#include <sys/ioctl.h>

#include "libimage/base/err.h"

enum {
	IMGFS_CONTROL_FD = 3,
	IMGFS_MAGIC = 0x42494632,	     /* "BIF2": changes with the layout */
	IMGFS_FUSE_MAX = 16,		     /* LIMIT: workers; more do not read faster */
	IMGFS_SOURCES_MAX = 128,	     /* LIMIT: Docker's images have up to 127 layers */
	IMGFS_ENTRIES_MAX = 8 * 1024 * 1024, /* LIMIT: bytes of 'entries'; 10,000 binds fit twice */
};

/* Where the squashfs lies in an image file, bytes; size 0: the server finds it (SIF, squashfs). */
struct imgfs_source {
	uint64_t offset, size;
};

struct imgfs_start {
	uint32_t magic;
	uint32_t nsource;     /* 1 to IMGFS_SOURCES_MAX */
	uint32_t nfuse;	      /* 1 to IMGFS_FUSE_MAX: one worker each */
	uint32_t pad;
	uint64_t cache_bytes; /* block cache limit; 0: the server's default */
	struct imgfs_source source[IMGFS_SOURCES_MAX];
};

struct imgfs_reply {
	uint32_t magic;
	uint32_t pad;
	uint64_t offset, size; /* where the topmost squashfs lies in its file, bytes */
	struct berth_err err;  /* code BERTH_OK: the server serves */
};

/* What the server counts from its start on. Read without a lock: each number by itself is right. */
struct imgfs_stats {
	uint64_t requests;    /* that an answer is written for; those for statistics not counted */
	uint64_t forgets;     /* the kernel let go of nodes: no answer */
	uint64_t op[64];      /* of both by FUSE's number of the operation (linux/fuse.h); 63: others */
	uint64_t read_bytes;  /* of files, handed to the kernel */
	uint64_t raw_bytes;   /* of those, out of the image's pages without a copy by the server */
	uint64_t image_reads; /* system calls that read the image */
	uint64_t image_bytes;
	uint64_t unpacked;    /* blocks decompressed, of data and of metadata */
	uint64_t cache_hits, cache_misses;
	uint64_t lock_takes;  /* of the caches' locks */
	uint64_t lock_waits;  /* of those, how often another thread held it */
	uint64_t load_waits;  /* for a block that another thread was decompressing */
	uint64_t damages;     /* answers of EIO */
	uint64_t workers;
	uint64_t sources;
};

#define IMGFS_IOC_STATS _IOR('B', 0x46, struct imgfs_stats)

#endif
