/* SPDX-License-Identifier: BSD-3-Clause */
/* extra.c - the part of a descriptor that means something else for each type of object; see format.h. */
#include "config.h"

#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/num.h"
#include "libimage/base/str.h"
#include "libimage/sif/format.h"
#include "libimage/sif/sif.h"

/* "sha256:" and 64 digits, then a NUL; nothing else is kept, for it may be used as a name. */
static void read_digest(const unsigned char *d, char out[SIF_DIGEST_MAX])
{
	char text[SIF_DIGEST_MAX];
	const char *digits;

	memcpy(text, d + SIF_D_DIGEST, sizeof(text));
	if (text[SIF_DIGEST_MAX - 1] != '\0' || strlen(text) != SIF_DIGEST_MAX - 1)
		return;
	digits = str_after(text, "sha256:");
	if (digits && digits[strspn(digits, "0123456789abcdef")] == '\0')
		memcpy(out, text, sizeof(text));
}

void sif_extra_read(const unsigned char *d, struct sif_object *o)
{
	switch (o->type) {
	case SIF_PARTITION:
		o->fs = (int32_t)num_le32(d + SIF_D_FS);
		o->part = (int32_t)num_le32(d + SIF_D_PART);
		memcpy(o->arch, d + SIF_D_ARCH, 2);
		break;
	case SIF_SIGNATURE:
		o->hash = (int32_t)num_le32(d + SIF_D_HASH);
		memcpy(o->entity, d + SIF_D_ENTITY, sizeof(o->entity));
		break;
	case SIF_CRYPTO:
		o->format = (int32_t)num_le32(d + SIF_D_FORMAT);
		o->message = (int32_t)num_le32(d + SIF_D_MESSAGE);
		break;
	case SIF_SBOM:
		o->sbom = (int32_t)num_le32(d + SIF_D_SBOM);
		break;
	case SIF_OCI_INDEX:
	case SIF_OCI_BLOB:
		read_digest(d, o->digest);
		break;
	default: /* text, or anything: no more is known of it */
		break;
	}
}

void sif_extra_write(const struct sif_object *o, unsigned char *d)
{
	switch (o->type) {
	case SIF_PARTITION:
		num_put_le32(d + SIF_D_FS, (uint32_t)o->fs);
		num_put_le32(d + SIF_D_PART, (uint32_t)o->part);
		memcpy(d + SIF_D_ARCH, o->arch, sizeof(o->arch));
		break;
	case SIF_SIGNATURE:
		num_put_le32(d + SIF_D_HASH, (uint32_t)o->hash);
		memcpy(d + SIF_D_ENTITY, o->entity, sizeof(o->entity));
		break;
	case SIF_CRYPTO:
		num_put_le32(d + SIF_D_FORMAT, (uint32_t)o->format);
		num_put_le32(d + SIF_D_MESSAGE, (uint32_t)o->message);
		break;
	case SIF_SBOM:
		num_put_le32(d + SIF_D_SBOM, (uint32_t)o->sbom);
		break;
	case SIF_OCI_INDEX:
	case SIF_OCI_BLOB:
		memcpy(d + SIF_D_DIGEST, o->digest, sizeof(o->digest));
		break;
	default: /* nothing */
		break;
	}
}
