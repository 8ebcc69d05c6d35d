/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_labels.c - any bytes as labels.json: what is read can be written, and read again. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/cli/json_text.h"
#include "launcher/cli/labels.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	cleanup(strlist_done) struct strlist labels = STRLIST_INIT, again = STRLIST_INIT;
	cleanup(strbuf_done) struct strbuf out = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	if (labels_parse((const char *)data, n, &labels, &err) < 0) {
		if (err.code != BERTH_EIMAGE)
			abort();
		return 0;
	}
	for (size_t i = 0; i < labels.n; i++) {
		strbuf_puts(&out, i == 0 ? "{" : i % 2 == 0 ? "," : ":");
		json_text_string(&out, labels.v[i], strlen(labels.v[i]));
	}
	strbuf_puts(&out, labels.n == 0 ? "{}" : "}");
	if (labels_parse(out.text, out.len, &again, &err) < 0 || again.n != labels.n)
		abort();
	for (size_t i = 0; i < labels.n; i++)
		if (strcmp(labels.v[i], again.v[i]) != 0)
			abort();
	return 0;
}
