/* SPDX-License-Identifier: BSD-3-Clause */
/* basis_layout.h - images of layers that lie on disk, for basis.c. */
#ifndef BERTH_BASIS_LAYOUT_H
#define BERTH_BASIS_LAYOUT_H

#include "libimage/build/basis.h"

/* 'ret->members' is open. Layers, config, from. 'ref': which image. Fails: as basis_open(). */
int basis_oci(const struct image_ref *ref, const struct basis_options *opt, struct basis *ret,
	       struct berth_err *err);
int basis_docker(const struct image_ref *ref, const struct basis_options *opt, struct basis *ret,
		  struct berth_err *err);

#endif
