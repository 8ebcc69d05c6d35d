/* SPDX-License-Identifier: BSD-3-Clause */
/* takeover.c - Slurm's own --container option; see takeover.h. */
#include "config.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libimage/base/num.h"
#include "plugin/names.h"
#include "plugin/takeover.h"

typedef char *(*option_get_f)(void *opt, const char *name);
typedef bool (*option_reset_f)(void *opt, const char *name);

/* SLURM: SLURM_CONTAINER is set by the client between init and init_post_opt. */
static bool inherited_native;

bool takeover_native(spank_t sp)
{
	char *major = NULL, *minor = NULL;
	uint64_t maj, min;

	if (spank_get_item(sp, S_SLURM_VERSION_MAJOR, &major) != ESPANK_SUCCESS || !major ||
	    spank_get_item(sp, S_SLURM_VERSION_MINOR, &minor) != ESPANK_SUCCESS || !minor)
		return true;
	/* SLURM: minor is "05" or "5", so a leading zero is no mistake here. */
	if (minor[0] == '0' && minor[1])
		minor++;
	if (num_parse_u64(major, 1000, &maj) < 0 || num_parse_u64(minor, 99, &min) < 0)
		return true;
	return maj * 100 + min >= 2108;
}

void takeover_init(void)
{
	inherited_native = getenv(NATIVE_VAR) != NULL;
}

/*
 * The command's parsed options. The symbol must be the main program's: a library that
 * happens to export the name "opt" is not what we are looking for.
 */
static void *main_opt(void)
{
	struct link_map *main_map = NULL, *opt_map = NULL;
	void *self = dlopen(NULL, RTLD_LAZY | RTLD_LOCAL);
	void *opt = NULL;
	Dl_info info;

	if (!self)
		return NULL;
	opt = dlsym(self, "opt");
	if (opt && (dlinfo(self, RTLD_DI_LINKMAP, &main_map) < 0 ||
		    !dladdr1(opt, &info, (void **)&opt_map, RTLD_DL_LINKMAP) || opt_map != main_map))
		opt = NULL;
	(void)dlclose(self);
	return opt;
}

/* ISO C has no cast from an object pointer to a function pointer; POSIX has dlsym. */
static void find_function(const char *name, void *ret)
{
	void *sym = dlsym(RTLD_DEFAULT, name);

	memcpy(ret, &sym, sizeof(sym));
}

const char *takeover_option(const char *name)
{
	void *opt = main_opt();
	option_get_f get;

	find_function("slurm_option_get", &get);
	/* SLURM: the string is from xmalloc; xfree is not exported to plugins, so it is leaked. */
	return opt && get ? get(opt, name) : NULL;
}

const char *takeover_value(void)
{
	option_get_f get;

	find_function("slurm_option_get", &get);
	if (get && main_opt())
		return takeover_option("container");
	/* A client without these symbols: what it exported is what its user typed, unless it
	 * was there before. The native value then stays set. */
	return inherited_native ? NULL : getenv(NATIVE_VAR);
}

void takeover_clear(void)
{
	void *opt = main_opt();
	option_reset_f reset;

	find_function("slurm_option_reset", &reset);
	if (!opt || !reset)
		return;
	(void)reset(opt, "container");
	(void)unsetenv(NATIVE_VAR);
}

bool takeover_site_has_oci(void)
{
	/* Debian's and the usual place; of configless nodes; SLURM_CONF names any other. */
	static const char *const dirs[] = { "/etc/slurm", "/run/slurm/conf" };
	const char *conf = getenv("SLURM_CONF"), *slash = conf ? strrchr(conf, '/') : NULL;
	char path[PATH_MAX];

	if (slash) {
		int n = snprintf(path, sizeof(path), "%.*s/oci.conf", (int)(slash - conf), conf);

		return n > 0 && (size_t)n < sizeof(path) && access(path, F_OK) == 0;
	}
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/oci.conf", dirs[i]);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}
