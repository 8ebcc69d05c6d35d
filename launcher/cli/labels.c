/* SPDX-License-Identifier: BSD-3-Clause */
/* labels.c - read labels.json; see labels.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/cli/json_text.h"
#include "launcher/cli/labels.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

enum { LABELS_MAX = 4096 }; /* LIMIT: builders write some ten */

static bool object(struct json_reader *r, struct strlist *ret)
{
	bool more;

	if (!json_take(r, '{'))
		return false;
	if (!json_take(r, '}')) {
		do {
			if (ret->n >= (size_t)LABELS_MAX * 2 || !json_string(r, ret) || !json_take(r, ':') || !json_string(r, ret))
				return false;
			more = json_take(r, ',');
		} while (more);
		if (!json_take(r, '}'))
			return false;
	}
	json_skip_space(r);
	return r->p == r->end;
}

struct label {
	const char *name, *value;
	size_t at;
};

static int by_name(const void *a, const void *b)
{
	const struct label *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c != 0 ? c : x->at < y->at ? -1 : 1;
}

int labels_parse(const char *text, size_t n, struct strlist *ret, struct berth_err *err)
{
	cleanup(strlist_done) struct strlist all = STRLIST_INIT;
	struct json_reader r = { text, text + n };
	cleanup_free struct label *labels = NULL;
	size_t count;

	if (!object(&r, &all))
		return berth_fail(err, BERTH_EIMAGE, 0, "the labels are no JSON object of strings, at byte %zu",
				  (size_t)(r.p - text));
	count = all.n / 2;
	labels = calloc(count + 1, sizeof(*labels));
	if (!labels || !strlist_ok(&all))
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the labels");
	for (size_t i = 0; i < count; i++)
		labels[i] = (struct label){ all.v[2 * i], all.v[2 * i + 1], i };
	qsort(labels, count, sizeof(*labels), by_name);
	for (size_t i = 0; i < count; i++) {
		if (i + 1 < count && strcmp(labels[i].name, labels[i + 1].name) == 0)
			continue;
		strlist_add(ret, labels[i].name);
		strlist_add(ret, labels[i].value);
	}
	return strlist_ok(ret) ? 0 : berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read the labels");
}
