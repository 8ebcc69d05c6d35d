/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_script.c - any bytes as an environment script, and as a value to expand: bounded, and a
 * script that is not plain leaves no trace.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/view/script.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void set(struct script_vars *vars, const char *name, const char *value)
{
	struct berth_err err = BERTH_ERR_INIT;

	if (script_vars_set(vars, name, value, true, &err) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	cleanup(script_vars_done) struct script_vars vars = SCRIPT_VARS_INIT;
	cleanup(strbuf_done) struct strbuf out = STRBUF_INIT;
	cleanup_free char *value = strndup((const char *)data, n);
	struct berth_err err = BERTH_ERR_INIT;
	struct script_odd odd = { 0 };
	int rc;

	set(&vars, "PATH", "/bin");
	set(&vars, "HOME", "/home/x y");
	rc = script_run((const char *)data, n, &vars, &odd, &err);
	if (rc < 0 || (rc == 0 && (vars.n != 2 || !odd.what || odd.line == 0 ||
				   strcmp(script_vars_get(&vars, "PATH"), "/bin") != 0)))
		abort();
	for (size_t i = 0; i < vars.n; i++) {
		const struct script_var *v = &vars.v[i];

		if (v->name[0] == '\0' || strpbrk(v->name, "= \n") ||
		    (v->value && strlen(v->value) >= SCRIPT_VALUE_MAX))
			abort();
	}
	if (!value || script_expand(value, &vars, &out, &err) < 0 || out.len >= SCRIPT_VALUE_MAX)
		abort();
	return 0;
}
