/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * singularity_d_text.c - the scripts of /.singularity.d that are the same in each image.
 *
 * They are for POSIX shells, busybox's among them, and for the one that is built into Apptainer.
 * Names of variables and files are an interface: images, users and other runtimes know them.
 * Those in env/ are written so that Berth can follow them without a shell.
 */
#include "config.h"

#include "libimage/build/singularity_d_text.h"

#define HEAD "#!/bin/sh\n"

/* Kept for runtimes of Singularity 2: those of today do this themselves. */
#define SOURCE_ALL                                     \
	"for script in /.singularity.d/env/*.sh; do\n" \
	"    if [ -f \"$script\" ]; then\n"            \
	"        . \"$script\"\n"                      \
	"    fi\n"                                     \
	"done\n\n"

/* 'what' of the SCIF app that was asked for, where one was. */
#define APP_OR(what, none)                                                              \
	"if [ -n \"${SINGULARITY_APPNAME:-}\" ]; then\n"                                \
	"    for app in \"$SINGULARITY_APPNAME\" singularity; do\n"                     \
	"        if [ -x \"/scif/apps/$app/scif/" what "\" ]; then\n"                   \
	"            exec \"/scif/apps/$app/scif/" what "\" \"$@\"\n"                   \
	"        fi\n"                                                                  \
	"    done\n"                                                                    \
	"    echo \"The app '$SINGULARITY_APPNAME' has no " what "\" >&2\n"             \
	"    exit 1\n"                                                                  \
	"fi\n"                                                                          \
	"if [ -x /.singularity.d/" what " ]; then\n"                                    \
	"    exec /.singularity.d/" what " \"$@\"\n"                                    \
	"fi\n" none

const char singularity_d_exec[] = HEAD SOURCE_ALL "exec \"$@\"\n";

const char singularity_d_run[] = HEAD SOURCE_ALL APP_OR("runscript", "exec /bin/sh \"$@\"\n");

const char singularity_d_test[] = HEAD SOURCE_ALL APP_OR("test", "exit 0\n");

const char singularity_d_shell[] =
	HEAD SOURCE_ALL
	"if [ -n \"${SINGULARITY_SHELL:-}\" ] && [ -x \"$SINGULARITY_SHELL\" ]; then\n"
	"    exec \"$SINGULARITY_SHELL\" \"$@\"\n"
	"fi\n"
	"if [ -x /bin/bash ]; then\n"
	"    SHELL=/bin/bash\n"
	"    export SHELL\n"
	"    exec /bin/bash --norc \"$@\"\n"
	"fi\n"
	"SHELL=/bin/sh\n"
	"export SHELL\n"
	"exec /bin/sh \"$@\"\n";

const char singularity_d_start[] =
	HEAD
	"# The instance's first process waits for this\n"
	"kill -CONT 1\n\n" SOURCE_ALL
	"if [ -x /.singularity.d/startscript ]; then\n"
	"    exec /.singularity.d/startscript\n"
	"fi\n";

const char singularity_d_base[] = HEAD;

const char singularity_d_environment[] = HEAD "# The environment of this image: export NAME=VALUE\n";

/* 'then' with 'path' below the app's directory or, where that has none, the one of all apps. */
#define OF_APP(test, path, then)                                        \
	"    if [ " test " \"$SCIF_APPROOT/" path "\" ]; then\n"        \
	"        " then("$SCIF_APPROOT/" path)                          \
	"    elif [ " test " \"/scif/apps/singularity/" path "\" ]; then\n" \
	"        " then("/scif/apps/singularity/" path)                 \
	"    fi\n"
#define TO_PATH(path)	 "PATH=\"" path ":$PATH\"\n"
#define TO_LIBRARY(path) "LD_LIBRARY_PATH=\"" path ":${LD_LIBRARY_PATH:-}\"\n"
#define SOURCE(path)	 ". \"" path "\"\n"

/* SCIF: the app's programs, libraries and environment. */
const char singularity_d_apps[] =
	HEAD
	"if [ -n \"${SINGULARITY_APPNAME:-}\" ]; then\n"
	"    SCIF_APPS=/scif/apps\n"
	"    SCIF_APPROOT=\"/scif/apps/$SINGULARITY_APPNAME\"\n"
	"    export SINGULARITY_APPNAME SCIF_APPS SCIF_APPROOT\n"
	"    if [ ! -d \"$SCIF_APPROOT\" ]; then\n"
	"        echo \"There is no app '$SINGULARITY_APPNAME' in this image\"\n"
	"        exit 1\n"
	"    fi\n"
	"    PATH=\"$SCIF_APPROOT:/scif/apps/singularity:$PATH\"\n"
	OF_APP("-d", "bin", TO_PATH)
	OF_APP("-d", "lib", TO_LIBRARY)
	"    if [ -n \"${LD_LIBRARY_PATH:-}\" ]; then\n"
	"        export LD_LIBRARY_PATH\n"
	"    fi\n"
	OF_APP("-f", "scif/env/01-base.sh", SOURCE)
	OF_APP("-f", "scif/env/90-environment.sh", SOURCE)
	"    export PATH\n"
	"fi\n";

const char singularity_d_last[] =
	HEAD
	"if [ -z \"${LD_LIBRARY_PATH:-}\" ]; then\n"
	"    LD_LIBRARY_PATH=\"/.singularity.d/libs\"\n"
	"else\n"
	"    LD_LIBRARY_PATH=\"$LD_LIBRARY_PATH:/.singularity.d/libs\"\n"
	"fi\n"
	"# Berth has set its own before this; Apptainer has not\n"
	"if [ -z \"${PS1:-}\" ]; then\n"
	"    PS1=\"Apptainer> \"\n"
	"fi\n"
	"export LD_LIBRARY_PATH PS1\n";

const char singularity_d_runtime[] =
	HEAD
	"if [ -n \"${SING_USER_DEFINED_PREPEND_PATH:-}\" ]; then\n"
	"    PATH=\"$SING_USER_DEFINED_PREPEND_PATH:$PATH\"\n"
	"fi\n"
	"if [ -n \"${SING_USER_DEFINED_APPEND_PATH:-}\" ]; then\n"
	"    PATH=\"$PATH:$SING_USER_DEFINED_APPEND_PATH\"\n"
	"fi\n"
	"if [ -n \"${SING_USER_DEFINED_PATH:-}\" ]; then\n"
	"    PATH=\"$SING_USER_DEFINED_PATH\"\n"
	"fi\n"
	"unset SING_USER_DEFINED_PREPEND_PATH SING_USER_DEFINED_APPEND_PATH SING_USER_DEFINED_PATH\n"
	"export PATH\n";

const char singularity_d_startscript[] = HEAD;

const char singularity_d_no_runscript[] = HEAD "echo \"This image has no runscript\"\n";

/*
 * As Apptainer has it, arguments are read by the shell a second time: $X in one is replaced. The
 * line with 'eval' is by which it knows such a runscript. "--" keeps a first word with a dash from
 * being an option of 'set', and 'set' from listing all variables where there is no word.
 */
const char singularity_d_evaluate[] =
	"# Else the shell reads them once more, as Apptainer does: $X in an argument is replaced\n"
	"CMDLINE_ARGS=\"\"\n"
	"for arg in \"$@\"; do\n"
	"    CMDLINE_ARGS=\"${CMDLINE_ARGS} \\\"$arg\\\"\"\n"
	"done\n"
	"if [ $# -gt 0 ]; then\n"
	"    SINGULARITY_OCI_RUN=\"-- ${OCI_ENTRYPOINT} ${CMDLINE_ARGS}\"\n"
	"else\n"
	"    SINGULARITY_OCI_RUN=\"-- ${OCI_ENTRYPOINT} ${OCI_CMD}\"\n"
	"fi\n"
	"eval \"set ${SINGULARITY_OCI_RUN}\"\n"
	"exec \"$@\"\n";
