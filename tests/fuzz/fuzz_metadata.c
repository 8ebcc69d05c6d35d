/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_metadata.c - any bytes as inspect-metadata.json: what it stands for is files of an image. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/cli/labels.h"
#include "launcher/cli/sif_metadata.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	cleanup(sif_metadata_done) struct sif_metadata m = SIF_METADATA_INIT;

	if (!sif_metadata_parse((const char *)data, n, &m)) {
		must(m.n == 0 && !m.complete);
		return 0;
	}
	for (size_t i = 0; i < m.n; i++) {
		cleanup(strlist_done) struct strlist labels = STRLIST_INIT;
		const char *path = m.v[i].path, *name = strrchr(path, '/');
		struct berth_err err = BERTH_ERR_INIT;

		must(str_after(path, "/.singularity.d/") || str_after(path, "/scif/apps/"));
		must(sif_metadata_find(&m, path) == &m.v[i].text);
		if (name && strcmp(name, "/labels.json") == 0)
			must(labels_parse(m.v[i].text.text, m.v[i].text.len, &labels, &err) == 0);
	}
	return 0;
}
