/* SPDX-License-Identifier: BSD-3-Clause */
/* order.c - plugins after ours; see order.h. */
#include "config.h"

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>

#include "libimage/base/err.h"
#include "libimage/base/path.h"
#include "plugin/order.h"

static const char hook[] = "slurm_spank_task_init_privileged";

/* Does this library itself, not one that it needs, have the hook? */
static bool has_hook(const struct link_map *map)
{
	struct link_map *owner = NULL;
	bool found = false;
	Dl_info info;
	void *lib, *sym;

	if (!map->l_name || !map->l_name[0])
		return false;
	lib = dlopen(map->l_name, RTLD_LAZY | RTLD_NOLOAD | RTLD_LOCAL);
	if (!lib)
		return false;
	sym = dlsym(lib, hook);
	if (sym && dladdr1(sym, &info, (void **)&owner, RTLD_DL_LINKMAP))
		found = owner == map;
	(void)dlclose(lib);
	return found;
}

int order_check(struct berth_err *err)
{
	struct link_map *own = NULL;
	Dl_info info;

	/* The loader appends to its list, so what follows us was loaded after us. */
	if (!dladdr1((const void *)hook, &info, (void **)&own, RTLD_DL_LINKMAP) || !own)
		return berth_fail(err, BERTH_EBUG, 0, "the plugin cannot find itself");
	for (const struct link_map *m = own->l_next; m; m = m->l_next) {
		if (!has_hook(m))
			continue;
		berth_fail(err, BERTH_ECONFIG, 0,
			   "the SPANK plugin '%s' is listed after spank_berth.so", path_base(m->l_name));
		return berth_hint(err, "it would run as root inside the image: the administrator "
				       "must list spank_berth.so last in plugstack.conf");
	}
	return 0;
}
