/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * names.h - what srun's half and slurmstepd's half of the plugin call things.
 *
 * Every variable starts with SLURM, because only such names survive --export=NONE. The
 * settings of the option table travel beside these as SLURM_BERTH_<row's variable>; a test
 * keeps the two sets of names apart.
 */
#ifndef BERTH_NAMES_H
#define BERTH_NAMES_H

#define VAR_PREFIX "SLURM_BERTH_"
#define VAR_IMAGE  VAR_PREFIX "IMAGE"	  /* absolute path, or "none" */
#define VAR_PIN	   VAR_PREFIX "PIN"	  /* image_pin_format(); absent: not pinned */
#define VAR_ORIGIN VAR_PREFIX "ORIGIN"	  /* "step": this srun named it; "job": inherited */
#define VAR_CWD	   VAR_PREFIX "CWD"	  /* where the step starts */
#define VAR_HOME   VAR_PREFIX "USER_HOME"
#define VAR_USER   VAR_PREFIX "USER_NAME"
#define VAR_GROUP  VAR_PREFIX "GROUP_NAME"
#define VAR_MULTI  VAR_PREFIX "MULTI"	  /* "1": argv[0] is no program (--multi-prog) */
#define VAR_REFUSE VAR_PREFIX "REFUSE"	  /* why the client refused; the node refuses too */

#define NATIVE_VAR "SLURM_CONTAINER"	  /* Slurm's own, set by clients since 21.08 */
#define IMAGE_NONE "none"

enum {
	VALUE_MAX = 4096,	 /* LIMIT: bytes of one option; PATH_MAX, as the paths in it */
	SETTING_MAX = 64 * 1024, /* LIMIT: bytes of one variable; the kernel's is 128 KiB */
};

/* The numbers Slurm gives to steps that are not made by srun, in every release since 20.11. */
#define STEP_ID_INTERACTIVE 0xfffffffau
#define STEP_ID_BATCH	    0xfffffffbu
#define STEP_ID_EXTERN	    0xfffffffcu

#endif
