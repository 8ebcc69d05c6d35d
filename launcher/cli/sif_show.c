/* SPDX-License-Identifier: BSD-3-Clause */
/* sif_show.c - SIF files as text and JSON; see sif_show.h. */
#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "launcher/cli/json_text.h"
#include "launcher/cli/sif_show.h"
#include "libimage/base/cleanup.h"

enum {
	SHOWN_MAX = 4 * 128 + 1, /* LIMIT: the longest text of a descriptor, each byte escaped */
	ROWS_MAX = 20, /* LIMIT: what the longest of them has, and two more */
};

/* Where the clock of who wrote it began: the zero of Go's times, year 1. */
static const int64_t NO_TIME = -62135596800;

/* Keys and values, which are shown below each other. A row's value is a number or a text. */
struct rows {
	size_t n;
	struct {
		const char *key, *json;
		char value[SHOWN_MAX];
		bool bare; /* in JSON: no string */
	} v[ROWS_MAX];
};

__attribute__((format(printf, 5, 6)))
static void add(struct rows *r, bool bare, const char *key, const char *json, const char *fmt, ...)
{
	va_list ap;

	if (r->n == ROWS_MAX)
		return;
	r->v[r->n].key = key;
	r->v[r->n].json = json;
	r->v[r->n].bare = bare;
	va_start(ap, fmt);
	(void)vsnprintf(r->v[r->n].value, SHOWN_MAX, fmt, ap);
	va_end(ap);
	r->n++;
}

static void put_rows(struct strbuf *out, const struct rows *r, bool json, int indent, int gap)
{
	size_t width = 0;
	bool first = true;

	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].key && strlen(r->v[i].key) > width)
			width = strlen(r->v[i].key);
	if (json)
		strbuf_puts(out, "{");
	for (size_t i = 0; i < r->n; i++) {
		const char *value = r->v[i].value;

		if (!json && r->v[i].key)
			strbuf_printf(out, "%*s%s:%*s%s\n", indent, "", r->v[i].key,
				      (int)(width - strlen(r->v[i].key)) + gap, "", value);
		if (!json || !r->v[i].json)
			continue;
		strbuf_printf(out, "%s\"%s\":", first ? "" : ",", r->v[i].json);
		first = false;
		if (r->v[i].bare)
			strbuf_puts(out, value);
		else
			json_text_string(out, value, strlen(value));
	}
	if (json)
		strbuf_puts(out, "}");
}

/* The word for a code; 'names' begins with the word for all others. */
static const char *word(const char *const *names, size_t n, int64_t code)
{
	return code > 0 && code < (int64_t)n ? names[code] : names[0];
}
#define WORD(names, code) word(names, ARRAY_SIZE(names), code)

static const char *const fs_names[] = {
	"Unknown fs-type", "Squashfs", "Ext3", "Archive", "Raw", "Encrypted squashfs", "Gocryptfs squashfs",
};
static const char *const part_names[] = { "Unknown part-type", "System", "*System", "Data", "Overlay" };
static const char *const hash_names[] = {
	"Unknown hash-type", "SHA-256", "SHA-384", "SHA-512", "BLAKE2s-256", "BLAKE2b-256",
};
static const char *const sbom_names[] = {
	"unknown format", "cyclonedx-json", "cyclonedx-xml", "github-json", "spdx-json", "spdx-rdf",
	"spdx-tag-value", "spdx-yaml", "syft-json",
};
static const char *const format_names[] = { "Unknown", "OpenPGP", "PEM" };

static const char *type_name(int32_t type)
{
	static const char *const names[] = {
		"Unknown data-type", "Def.FILE", "Env.Vars", "JSON.Labels", "FS", "Signature", "JSON.Generic",
		"Generic/Raw", "Cryptographic Message", "SBOM", "OCI.RootIndex", "OCI.Blob",
	};

	return WORD(names, (int64_t)type - SIF_DEFFILE + 1);
}

static const char *message_name(int32_t message)
{
	return message == SIF_CRYPT_CLEAR_SIGN ? "Clear Signature"
	       : message == SIF_CRYPT_RSA_OAEP ? "RSA-OAEP" : "Unknown";
}

int32_t sif_sbom_code(const char *name)
{
	for (int32_t i = 1; i < (int32_t)ARRAY_SIZE(sbom_names); i++)
		if (strcmp(sbom_names[i], name) == 0)
			return i;
	return 0;
}

static void add_time(struct rows *r, const char *key, const char *json, int64_t when)
{
	time_t t = (time_t)when;
	char text[64];
	struct tm tm;

	if (when == NO_TIME)
		return;
	if (!gmtime_r(&t, &tm) || strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S +0000 UTC", &tm) == 0)
		(void)snprintf(text, sizeof(text), "%" PRId64, when);
	add(r, false, key, NULL, "%s", text);
	add(r, true, NULL, json, "%" PRId64, when);
}

/* As siftool: whole units. */
static void add_size(struct rows *r, const char *key, const char *json, uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double left = (double)bytes;
	size_t unit = 0;

	for (; left >= 1024; left /= 1024)
		unit++;
	add(r, false, key, NULL, "%.0f %s", left, units[unit]);
	add(r, true, NULL, json, "%" PRIu64, bytes);
}

void sif_show_header(struct strbuf *out, const struct sif *s, bool json)
{
	static const uint8_t none[16];
	char launch[SHOWN_MAX], line[sizeof(s->launch)], id[37];
	struct rows r = { 0 };
	size_t at = 0;

	(void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(s->launch, "\n"), s->launch);
	str_escape(line, launch, sizeof(launch));
	if (launch[0]) {
		add(&r, false, "Launch Script", NULL, "%s", launch);
		add(&r, false, NULL, "launch", "%s", line);
	}
	add(&r, false, "Version", "version", "01");
	if (strcmp(sif_arch_name(s->arch), "unknown") != 0)
		add(&r, false, "Primary Architecture", "arch", "%s", sif_arch_name(s->arch));
	for (size_t i = 0; i < sizeof(s->uuid); i++)
		at += (size_t)snprintf(id + at, sizeof(id) - at, "%s%02x",
				       i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", s->uuid[i]);
	if (memcmp(s->uuid, none, sizeof(none)) != 0)
		add(&r, false, "ID", "id", "%s", id);
	add_time(&r, "Created At", "created", s->ctime);
	add_time(&r, "Modified At", "modified", s->mtime);
	add(&r, true, "Descriptors Free", "descriptors_free", "%" PRIu64, s->said_free);
	add(&r, true, "Descriptors Total", "descriptors", "%" PRIu32, s->slots);
	add(&r, true, "Descriptors Offset", "descriptors_offset", "%" PRIu64, s->table);
	add_size(&r, "Descriptors Size", "descriptors_size", s->said_table_bytes);
	add(&r, true, "Data Offset", "data_offset", "%" PRIu64, s->data);
	add_size(&r, "Data Size", "data_size", s->said_data_bytes);
	put_rows(out, &r, json, 0, 1);
	if (json)
		strbuf_puts(out, "\n");
}

static void add_extra(struct rows *r, const struct sif_object *o)
{
	static const uint8_t nobody[SIF_ENTITY_BYTES];
	char hex[2 * SIF_ENTITY_BYTES + 1];

	switch (o->type) {
	case SIF_PARTITION:
		add(r, false, "Filesystem Type", "filesystem", "%s", WORD(fs_names, o->fs));
		add(r, false, "Partition Type", "partition", "%s", WORD(part_names, o->part));
		add(r, false, "Architecture", "arch", "%s", sif_arch_name(o->arch));
		break;
	case SIF_SIGNATURE:
		add(r, false, "Hash Type", "hash", "%s", WORD(hash_names, o->hash));
		for (size_t i = 0; i < sizeof(o->entity); i++)
			(void)snprintf(hex + 2 * i, 3, "%02X", o->entity[i]);
		if (memcmp(o->entity, nobody, sizeof(nobody)) != 0)
			add(r, false, "Entity", "entity", "%s", hex);
		break;
	case SIF_CRYPTO:
		add(r, false, "Format Type", "format", "%s", WORD(format_names, o->format));
		add(r, false, "Message Type", "message", "%s", message_name(o->message));
		break;
	case SIF_SBOM:
		add(r, false, "Format", "format", "%s", WORD(sbom_names, o->sbom));
		break;
	case SIF_OCI_INDEX:
	case SIF_OCI_BLOB:
		add(r, false, "Digest", "digest", "%s", o->digest[0] ? o->digest : "malformed");
		break;
	default: /* no more is known */
		break;
	}
}

void sif_show_object(struct strbuf *out, const struct sif_object *o, bool json)
{
	struct rows r = { 0 };
	char name[SHOWN_MAX];

	add(&r, false, "Data Type", "type", "%s", type_name(o->type));
	add(&r, true, "ID", "id", "%" PRIu32, o->id);
	if (o->group)
		add(&r, true, "Group ID", "group", "%" PRIu32, o->group);
	else
		add(&r, false, "Group ID", NULL, "NONE");
	if (o->link)
		add(&r, false, "Linked ID", NULL, "%" PRIu32 "%s", o->link, o->link_is_group ? " (G)" : "");
	else
		add(&r, false, "Linked ID", NULL, "NONE");
	if (o->link)
		add(&r, true, NULL, o->link_is_group ? "linked_group" : "linked_id", "%" PRIu32, o->link);
	add(&r, true, "Offset", "offset", "%" PRIu64, o->offset);
	add(&r, true, "Size", "size", "%" PRIu64, o->size);
	add_time(&r, "Created At", "created", o->ctime);
	add_time(&r, "Modified At", "modified", o->mtime);
	str_escape(o->name, name, sizeof(name));
	if (name[0]) {
		add(&r, false, "Name", NULL, "%s", name);
		add(&r, false, NULL, "name", "%s", o->name);
	}
	add_extra(&r, o);
	put_rows(out, &r, json, 2, 2);
}

static void add_line(struct strbuf *out, const struct sif_object *o)
{
	char group[16] = "NONE", link[24] = "NONE", place[48];

	if (o->group)
		(void)snprintf(group, sizeof(group), "%" PRIu32, o->group);
	if (o->link)
		(void)snprintf(link, sizeof(link), o->link_is_group ? "%-3" PRIu32 " (G)" : "%" PRIu32, o->link);
	(void)snprintf(place, sizeof(place), "%" PRIu64 "-%" PRIu64, o->offset, o->offset + o->size);
	strbuf_printf(out, "%-4" PRIu32 " |%-7s |%-7s |%-25s |%s", o->id, group, link, place, type_name(o->type));
	if (o->type == SIF_PARTITION)
		strbuf_printf(out, " (%s/%s/%s)", WORD(fs_names, o->fs), WORD(part_names, o->part),
			      sif_arch_name(o->arch));
	else if (o->type == SIF_SIGNATURE)
		strbuf_printf(out, " (%s)", WORD(hash_names, o->hash));
	else if (o->type == SIF_CRYPTO)
		strbuf_printf(out, " (%s/%s)", WORD(format_names, o->format), message_name(o->message));
	else if (o->type == SIF_SBOM)
		strbuf_printf(out, " (%s)", WORD(sbom_names, o->sbom));
	strbuf_puts(out, "\n");
}

int sif_show_list(struct strbuf *out, const struct sif *s, bool json, struct berth_err *err)
{
	static const char rule[] =
		"------------------------------------------------------------------------------\n";
	bool first = true;

	if (json)
		strbuf_puts(out, "[");
	else
		strbuf_printf(out, "%sID   |GROUP   |LINK    |SIF POSITION (start-end)  |TYPE\n%s", rule, rule);
	for (uint32_t i = 0; i < s->slots; i++) {
		struct sif_object o;
		int rc = sif_object_get(s, i, &o, err);

		if (rc < 0)
			return -1;
		if (rc == 0)
			continue;
		if (json) {
			strbuf_puts(out, first ? "\n" : ",\n");
			sif_show_object(out, &o, true);
		} else {
			add_line(out, &o);
		}
		first = false;
	}
	if (json)
		strbuf_puts(out, first ? "]\n" : "\n]\n");
	return 0;
}
