/* SPDX-License-Identifier: BSD-3-Clause */
/* epoch.c - SOURCE_DATE_EPOCH; see epoch.h. */
#include "config.h"

#include <stdlib.h>

#include "launcher/cli/epoch.h"
#include "libimage/base/err.h"
#include "libimage/base/num.h"

int epoch_read(int64_t *ret, struct berth_err *err)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	uint64_t v;

	*ret = -1;
	if (!text || text[0] == '\0')
		return 0;
	if (num_parse_u64(text, UINT32_MAX, &v) < 0)
		return berth_fail(err, BERTH_EUSAGE, 0,
				  "SOURCE_DATE_EPOCH is '%s', not seconds since 1970", text);
	*ret = (int64_t)v;
	return 0;
}
