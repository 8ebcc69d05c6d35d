/* SPDX-License-Identifier: BSD-3-Clause */
/* singularity_d_text.h - the scripts of /.singularity.d that are the same in each image. */
#ifndef BERTH_SINGULARITY_D_TEXT_H
#define BERTH_SINGULARITY_D_TEXT_H

extern const char singularity_d_exec[], singularity_d_run[], singularity_d_shell[], singularity_d_start[],
	singularity_d_test[];
extern const char singularity_d_base[], singularity_d_environment[], singularity_d_apps[],
    singularity_d_last[], singularity_d_runtime[];
extern const char singularity_d_startscript[], singularity_d_no_runscript[];

/* What follows OCI_ENTRYPOINT and OCI_CMD, and the words of both as exact arguments, in a runscript. */
extern const char singularity_d_evaluate[];

#endif
