/* SPDX-License-Identifier: BSD-3-Clause */
/* build_metadata.c - definition and labels of an image that is made; see build_metadata.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "launcher/cli/build_metadata.h"
#include "launcher/cli/inspect_parts.h"
#include "launcher/cli/sif_metadata.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/log.h"
#include "libimage/sif/sif.h"

void build_metadata_done(struct build_metadata *m)
{
	strbuf_done(&m->definition);
	strbuf_done(&m->inspect);
	m->n = 0;
}

/* In words, as Apptainer writes it: Sunday_9_September_2001_1:46:40_UTC. */
static void add_date(struct strlist *labels, int64_t epoch)
{
	time_t t = (time_t)epoch;
	char day[32], month[32], text[128];
	struct tm tm;

	if (epoch < 0 || !gmtime_r(&t, &tm) || strftime(day, sizeof(day), "%A", &tm) == 0 ||
	    strftime(month, sizeof(month), "%B", &tm) == 0)
		return;
	(void)snprintf(text, sizeof(text), "%s_%d_%s_%d_%d:%d:%d_UTC", day, tm.tm_mday, month, tm.tm_year + 1900,
		       tm.tm_hour, tm.tm_min, tm.tm_sec);
	strlist_add(labels, "org.label-schema.build-date");
	strlist_add(labels, text);
}

static void add_label(struct strlist *labels, const char *name, const char *value)
{
	strlist_add(labels, name);
	strlist_add(labels, value);
}

/* Sorted by name, as inspect_built() wants them. */
static void add_labels(struct strlist *labels, const char *dir, const char *arch, int64_t epoch)
{
	add_label(labels, "org.label-schema.build-arch", sif_arch_name(arch));
	add_date(labels, epoch);
	add_label(labels, "org.label-schema.schema-version", "1.0");
	add_label(labels, "org.label-schema.usage.berth.version", PACKAGE_VERSION);
	add_label(labels, "org.label-schema.usage.singularity.deffile.bootstrap", "localimage");
	add_label(labels, "org.label-schema.usage.singularity.deffile.from", dir);
}

int build_metadata(const char *dir, int64_t epoch, struct build_metadata *ret, struct berth_err *err)
{
	cleanup(strlist_done) struct strlist labels = STRLIST_INIT;
	cleanup_close int fd = fd_open_user(dir, O_RDONLY | O_DIRECTORY);
	struct berth_err why = BERTH_ERR_INIT;
	struct inspect_built built = { 0 };
	char shown[PATH_MAX];

	if (fd < 0)
		return 0; /* who makes the image will say so */
	str_escape(dir, shown, sizeof(shown)); /* a name with a line end would be another line of the definition */
	strbuf_printf(&ret->definition, "bootstrap: localimage\nfrom: %s\n\n", shown);
	add_labels(&labels, shown, build_arch(fd), epoch);
	if (!strbuf_ok(&ret->definition) || !strlist_ok(&labels))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot make the image");
	ret->v[ret->n++] = (struct build_object){
		.type = SIF_DEFFILE, .bytes = ret->definition.text, .n = ret->definition.len,
	};
	built.definition = ret->definition.text;
	built.labels = &labels;
	if (inspect_built(dir, &built, &ret->inspect, &why) < 0) {
		log_line(LOG_WARN, "'inspect' will not show what the image's author says: %s", why.text);
		return 0;
	}
	ret->v[ret->n++] = (struct build_object){
		.type = SIF_JSON, .name = SIF_METADATA_NAME, .bytes = ret->inspect.text, .n = ret->inspect.len,
	};
	return 0;
}
