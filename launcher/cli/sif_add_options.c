/* SPDX-License-Identifier: BSD-3-Clause */
/* sif_add_options.c - the options of berth sif add: numbers and names, as siftool has them; see cmd_sif.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "launcher/cli/cmd_sif.h"
#include "launcher/cli/sif_show.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/num.h"
#include "libimage/sif/edit.h"

/* Options whose value is a number, which are of one type of object only (0: of all). */
static const struct number {
	const char *name;
	uint32_t least, most;
	int32_t type;
	size_t field; /* of struct sif_wish; 32 bits */
} numbers[] = {
	{ "datatype", 1, SIF_OCI_BLOB - SIF_DEFFILE + 1, 0, offsetof(struct sif_wish, o.type) },
	{ "parttype", SIF_PART_SYSTEM, SIF_PART_OVERLAY, SIF_PARTITION, offsetof(struct sif_wish, o.part) },
	{ "partfs", SIF_FS_SQUASHFS, SIF_FS_GOCRYPTFS, SIF_PARTITION, offsetof(struct sif_wish, o.fs) },
	{ "signhash", SIF_HASH_SHA256, SIF_HASH_BLAKE2B, SIF_SIGNATURE, offsetof(struct sif_wish, o.hash) },
	{ "groupid", 0, 0x0fffffff, 0, offsetof(struct sif_wish, o.group) },
	{ "link", 0, UINT32_MAX, 0, offsetof(struct sif_wish, o.link) },
	{ "alignment", 0, SIF_ALIGN_MAX, 0, offsetof(struct sif_wish, align) },
};

static int take_number(struct sif_wish *w, const struct number *n, const char *value, struct berth_err *err)
{
	uint64_t v;
	uint32_t v32;

	if (num_parse_u64(value, n->most, &v) < 0 || v < n->least)
		return berth_fail(err, BERTH_EUSAGE, 0, "--%s is a number from %" PRIu32 " to %" PRIu32 ", not '%.100s'",
				  n->name, n->least, n->most, value);
	v32 = (uint32_t)v;
	if (n->field == offsetof(struct sif_wish, o.type))
		v32 += SIF_DEFFILE - 1;
	/* A link to a group is written as in the file: with the topmost four bits. */
	if (n->field == offsetof(struct sif_wish, o.link) && v32 >> 28) {
		if (v32 >> 28 != 0xf)
			return berth_fail(err, BERTH_EUSAGE, 0, "--link is an object, or a group with the bits 0xf0000000, "
								"not '%.100s'", value);
		w->o.link_is_group = true;
		v32 &= 0x0fffffff;
	}
	memcpy((char *)w + n->field, &v32, sizeof(v32));
	return 0;
}

/* The number that Apptainer's help lists, or Go's name. */
static int take_arch(struct sif_wish *w, const char *value, struct berth_err *err)
{
	const char *code = sif_arch_code(value);
	char digits[3] = "";
	uint64_t v;

	if (!code && num_parse_u64(value, 99, &v) == 0) {
		digits[0] = (char)('0' + v / 10);
		digits[1] = (char)('0' + v % 10);
		code = strcmp(sif_arch_name(digits), "unknown") == 0 ? NULL : digits;
	}
	if (!code)
		return berth_fail(err, BERTH_EUSAGE, 0, "--partarch is a number from 1 to 13 or a name as amd64, not "
							"'%.100s'", value);
	memcpy(w->o.arch, code, 2);
	return 0;
}

static int take_entity(struct sif_wish *w, const char *value, struct berth_err *err)
{
	static const char digits[] = "0123456789ABCDEFabcdef";

	if (strlen(value) != 2 * SIF_ENTITY_BYTES || value[strspn(value, digits)] != '\0')
		return berth_fail(err, BERTH_EUSAGE, 0, "--signentity is a fingerprint of 40 digits, not '%.100s'", value);
	for (size_t i = 0; i < SIF_ENTITY_BYTES; i++) {
		unsigned int byte = 0;

		(void)sscanf(value + 2 * i, "%2x", &byte);
		w->o.entity[i] = (uint8_t)byte;
	}
	return 0;
}

int sif_add_option(struct sif_wish *w, const char *name, const char *value, struct berth_err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (strcmp(numbers[i].name, name) == 0)
			return take_number(w, &numbers[i], value, err);
	if (strcmp(name, "partarch") == 0)
		return take_arch(w, value, err);
	if (strcmp(name, "signentity") == 0)
		return take_entity(w, value, err);
	if (strcmp(name, "sbomformat") == 0) {
		w->o.sbom = sif_sbom_code(value);
		return w->o.sbom ? 0 : berth_fail(err, BERTH_EUSAGE, 0, "--sbomformat knows no '%.100s'", value);
	}
	if (strlen(value) >= sizeof(w->o.name))
		return berth_fail(err, BERTH_EUSAGE, 0, "--filename has at most %zu bytes", sizeof(w->o.name) - 1);
	(void)snprintf(w->o.name, sizeof(w->o.name), "%s", value);
	return 0;
}

/* An option that the type needs, or that it has not. */
static int check_option(const struct sif_wish *w, const char *name, int32_t type, bool given, struct berth_err *err)
{
	if (w->o.type == type && !given)
		return berth_fail(err, BERTH_EUSAGE, 0, "--datatype %d needs --%s", type - SIF_DEFFILE + 1, name);
	if (w->o.type != type && given)
		return berth_fail(err, BERTH_EUSAGE, 0, "--%s goes with --datatype %d", name, type - SIF_DEFFILE + 1);
	return 0;
}

int sif_add_check(const struct sif_wish *w, struct berth_err *err)
{
	static const uint8_t nobody[SIF_ENTITY_BYTES];

	if (w->o.type == 0) {
		berth_fail(err, BERTH_EUSAGE, 0, "sif add needs --datatype");
		return berth_hint(err, "1 definition, 2 variables, 3 labels, 4 partition, 5 signature, 6 JSON, 7 any, "
				       "8 crypto message, 9 SBOM, 10 OCI index, 11 OCI blob");
	}
	if (check_option(w, "parttype", SIF_PARTITION, w->o.part != 0, err) < 0 ||
	    check_option(w, "partfs", SIF_PARTITION, w->o.fs != 0, err) < 0 ||
	    check_option(w, "partarch", SIF_PARTITION, w->o.arch[0] != '\0', err) < 0 ||
	    check_option(w, "signhash", SIF_SIGNATURE, w->o.hash != 0, err) < 0 ||
	    check_option(w, "sbomformat", SIF_SBOM, w->o.sbom != 0, err) < 0)
		return -1;
	return check_option(w, "signentity", SIF_SIGNATURE, memcmp(w->o.entity, nobody, sizeof(nobody)) != 0, err);
}
