/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_sif.c - any bytes as a SIF file: what is found must lie in the file. */
#include "config.h"

#include "libimage/base/err.h"
#include "libimage/sif/sif.h"
#include "tests/fuzz/memfd.h"

static void must(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct sif_object o;
	struct sif s;

	if (sif_open(fuzz_file(data, n), &s, &err) < 0) {
		must(err.code == BERTH_EIMAGE);
		return 0;
	}
	must(s.used <= s.slots);
	for (uint32_t i = 0; i < s.slots; i++) {
		int rc = sif_object_get(&s, i, &o, &err);

		must(rc >= 0 || err.code == BERTH_EIMAGE);
		must(rc <= 0 || (o.offset <= n && o.size <= n - o.offset && o.id != 0));
	}
	if (sif_find_root(&s, &o, &err) == 0)
		must(o.size > 0 && o.offset >= 128 && o.offset < n && o.size <= n - o.offset &&
		     o.fs == SIF_FS_SQUASHFS);
	else
		must(err.code == BERTH_EIMAGE && err.text[0] != '\0');
	return 0;
}
