/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_pin.c - any bytes as an image, and as a pin's text: both ways give the same pin. */
#include "config.h"

#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/pin.h"
#include "tests/fuzz/memfd.h"

static void as_text(const uint8_t *data, size_t n)
{
	cleanup_free char *text = strndup((const char *)data, n);
	struct berth_err err = BERTH_ERR_INIT;
	char again[PIN_TEXT_MAX];
	struct image_pin pin;

	if (!text)
		abort();
	if (image_pin_parse(text, &pin, &err) < 0)
		return;
	image_pin_format(&pin, again);
	if (strcmp(again, text) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct image_pin pin, again;
	char text[PIN_TEXT_MAX];

	as_text(data, n);
	if (image_pin_read(fuzz_file(data, n), &pin, &err) < 0) {
		if (err.code != BERTH_EIMAGE)
			abort();
		return 0;
	}
	image_pin_format(&pin, text);
	if (image_pin_parse(text, &again, &err) < 0 || image_pin_check(&pin, &again, "x", &err) < 0)
		abort();
	return 0;
}
