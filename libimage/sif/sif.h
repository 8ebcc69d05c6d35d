/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sif.h - the Singularity Image Format: find what is in a file, and write one.
 *
 * Runs as:  the user; the reader inside berth-imgfs's sandbox too, so it allocates nothing.
 * Uses:     libimage/base.
 * Promise:  nothing of the file is believed: every number is checked against the file's size
 *           and the format's limits before it is used, unknown object types are skipped.
 * Source:   the format's global header (128 bytes at 0) and descriptors (585 bytes each,
 *           packed, little endian).
 */
#ifndef BERTH_SIF_H
#define BERTH_SIF_H

#include <stdbool.h>
#include <stdint.h>

struct berth_err;

enum sif_type {
	SIF_DEFFILE = 0x4001, SIF_ENVVAR, SIF_LABELS, SIF_PARTITION, SIF_SIGNATURE, SIF_JSON,
	SIF_RAW, SIF_CRYPTO, SIF_SBOM, SIF_OCI_INDEX, SIF_OCI_BLOB,
};
enum sif_fs { SIF_FS_SQUASHFS = 1, SIF_FS_EXT3, SIF_FS_ARCHIVE, SIF_FS_RAW, SIF_FS_CRYPT, SIF_FS_GOCRYPTFS };
enum sif_part { SIF_PART_SYSTEM = 1, SIF_PART_PRIMARY, SIF_PART_DATA, SIF_PART_OVERLAY };
enum sif_hash { SIF_HASH_SHA256 = 1, SIF_HASH_SHA384, SIF_HASH_SHA512, SIF_HASH_BLAKE2S, SIF_HASH_BLAKE2B };
enum sif_sbom {
	SIF_SBOM_CYCLONEDX_JSON = 1, SIF_SBOM_CYCLONEDX_XML, SIF_SBOM_GITHUB_JSON, SIF_SBOM_SPDX_JSON,
	SIF_SBOM_SPDX_RDF, SIF_SBOM_SPDX_TAG_VALUE, SIF_SBOM_SPDX_YAML, SIF_SBOM_SYFT_JSON,
};
enum sif_crypt_format { SIF_CRYPT_OPENPGP = 1, SIF_CRYPT_PEM };
enum sif_crypt_message { SIF_CRYPT_CLEAR_SIGN = 0x100, SIF_CRYPT_RSA_OAEP = 0x200 };

enum {
	SIF_ENTITY_BYTES = 20, /* a PGP fingerprint */
	SIF_DIGEST_MAX = 72,   /* LIMIT: bytes; "sha256:", 64 digits and a NUL */
};

struct sif_object {
	uint32_t id;
	uint32_t group;	    /* without the mask; 0: none */
	uint32_t link;	    /* id, or group where link_is_group; 0: none */
	bool link_is_group;
	int32_t type;	    /* enum sif_type; others may occur */
	uint64_t offset, size;
	uint64_t padded;    /* size and the gap before it, as the writer has it */
	int64_t ctime, mtime;
	int64_t uid, gid;   /* of who made it, in old files; else 0 */
	char name[129];
	/* What only objects of one type have; 0 and "" in all others. */
	int32_t fs, part;   /* of a partition: enum sif_fs, enum sif_part */
	char arch[3];	    /* of a partition: "02" */
	int32_t hash;	    /* of a signature: enum sif_hash */
	uint8_t entity[SIF_ENTITY_BYTES]; /* of a signature: who signed; zeros: it does not say */
	int32_t format, message; /* of a crypto message: enum sif_crypt_format, sif_crypt_message */
	int32_t sbom;	    /* enum sif_sbom */
	char digest[SIF_DIGEST_MAX]; /* of an OCI index or blob, as it claims; "" where that is malformed */
};

enum {
	SIF_KEEP = 48, /* LIMIT: slots of the table that every SIF in use has; more are read one by one */
	SIF_KEEP_BYTES = 585, /* of a slot */
};

struct sif {
	int fd; /* the caller's */
	uint64_t file_size, table;
	uint32_t slots, used;
	uint64_t said_free, said_table_bytes, data, said_data_bytes; /* the header's: 'said' ones are only shown */
	char launch[33], arch[3];
	uint8_t uuid[16];
	int64_t ctime, mtime;
	uint32_t kept; /* the first slots, as they were when it was opened: private */
	uint8_t keep[SIF_KEEP * SIF_KEEP_BYTES];
};

/* Read and check the header. Fails: BERTH_EIMAGE, BERTH_ESYS. */
int sif_open(int fd, struct sif *ret, struct berth_err *err);

/*
 * The object in table slot 'slot' (0 to slots - 1). Returns 1, 0 if the slot is free, or -1 and
 * *err: BERTH_EIMAGE if it lies outside the file or inside header or table.
 */
int sif_object_get(const struct sif *s, uint32_t slot, struct sif_object *ret, struct berth_err *err);

/*
 * The object 'id', and its slot in *slot (NULL: not asked for).
 * Fails: BERTH_ENOTFOUND; BERTH_EIMAGE two have that id, or as sif_object_get().
 */
int sif_object_find(const struct sif *s, uint32_t id, struct sif_object *ret, uint32_t *slot, struct berth_err *err);

/* Does it cover 'o': is 'sig' a signature that is linked to it or to its group? */
bool sif_signs(const struct sif_object *sig, const struct sif_object *o);

/*
 * The one primary system partition, checked: squashfs, for this machine or of unknown
 * architecture, overlapping no other object.
 * Fails: BERTH_EIMAGE: none, two, not squashfs (says which), another architecture (says which).
 */
int sif_find_root(const struct sif *s, struct sif_object *ret, struct berth_err *err);

/* "02" -> "amd64"; "unknown" for others. The code of a name, NULL for others. And this machine's code. */
const char *sif_arch_name(const char arch[3]);
const char *sif_arch_code(const char *name);
const char *sif_arch_host(void);

/*
 * Write header and table for 'n' objects whose data the caller puts at the offsets that
 * sif_layout() gave. 'arch' is a code such as sif_arch_host()'s. Reproducible: no uuid, and
 * both times are 'when' (0 says none).
 */
struct sif_new_object {
	int32_t type, fs, part;
	const char *name;
	uint64_t size;	 /* bytes of data */
	uint64_t offset; /* set by sif_layout(); partitions at multiples of 4096 */
};
int sif_layout(struct sif_new_object *objects, uint32_t n, struct berth_err *err);
int sif_write_header(int fd, const struct sif_new_object *objects, uint32_t n, const char *arch,
		     int64_t when, struct berth_err *err);

#endif
