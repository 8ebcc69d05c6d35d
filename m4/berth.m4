# SPDX-License-Identifier: BSD-3-Clause
# berth.m4 - the questions configure.ac asks, one macro each.

# BERTH_ARG_ENABLE(NAME, HELP): --enable-NAME, default no, conditional ENABLE_NAME
AC_DEFUN([BERTH_ARG_ENABLE], [
  AC_ARG_ENABLE([$1], [AS_HELP_STRING([--enable-$1], [$2])], [], [enable_$1=no])
  AM_CONDITIONAL(m4_toupper([ENABLE_$1]), [test "x$enable_$1" = xyes])
])

# BERTH_CHECK_SLURM: spank.h, for the plugin; --without-slurm builds the rest
AC_DEFUN([BERTH_CHECK_SLURM], [
  AC_ARG_WITH([slurm], [AS_HELP_STRING([--without-slurm], [do not build spank_berth.so])], [], [with_slurm=check])
  have_slurm=no
  AS_IF([test "x$with_slurm" != xno], [
    AC_CHECK_HEADER([slurm/spank.h], [have_slurm=yes], [], [AC_INCLUDES_DEFAULT])
    AS_IF([test "x$with_slurm" = xyes && test "x$have_slurm" = xno],
          [AC_MSG_ERROR([slurm/spank.h not found; install libslurm-dev or slurm-devel])])
  ])
  AM_CONDITIONAL([HAVE_SLURM], [test "x$have_slurm" = xyes])
])

# BERTH_ADD_FLAG(VAR, FLAG): append FLAG to VAR if the compiler takes it
AC_DEFUN([BERTH_ADD_FLAG], [
  AC_MSG_CHECKING([whether $CC accepts $2])
  berth_save_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS -Werror $2"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
    [AC_MSG_RESULT([yes]); $1="[$]$1 $2"], [AC_MSG_RESULT([no])])
  CFLAGS=$berth_save_CFLAGS
])

AC_DEFUN([BERTH_WARNINGS], [
  WARN_CFLAGS=
  m4_foreach_w([flag], [-Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wswitch-enum -Wmissing-prototypes
    -Wstrict-prototypes -Wcast-qual -Wpointer-arith -Wwrite-strings -Wundef -Wredundant-decls
    -Wnested-externs -Wold-style-definition -Wnull-dereference -Wlogical-op -Wduplicated-cond
    -Wduplicated-branches -Wimplicit-fallthrough -Wdate-time],
    [BERTH_ADD_FLAG([WARN_CFLAGS], flag)])
  AS_IF([test "x$enable_werror" = xyes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
  AC_SUBST([WARN_CFLAGS])
])

# Hardening, or the sanitizers instead of it (they do not go with _FORTIFY_SOURCE).
AC_DEFUN([BERTH_HARDENING], [
  HARD_CPPFLAGS= HARD_CFLAGS= HARD_LDFLAGS= PIE_CFLAGS= PIE_LDFLAGS=
  AS_IF([test "x$enable_sanitizers" = xyes || test "x$enable_fuzzing" = xyes], [
    HARD_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g"
    HARD_LDFLAGS="-fsanitize=address,undefined"
    AS_IF([test "x$enable_fuzzing" = xyes], [HARD_CFLAGS="$HARD_CFLAGS -fsanitize=fuzzer-no-link"])
  ], [
    HARD_CPPFLAGS="-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"
    m4_foreach_w([flag], [-fstack-protector-strong -fstack-clash-protection -fcf-protection],
      [BERTH_ADD_FLAG([HARD_CFLAGS], flag)])
    dnl one by one: a loop variable would be cut at its commas
    BERTH_ADD_FLAG([HARD_LDFLAGS], [-Wl,-z,relro])
    BERTH_ADD_FLAG([HARD_LDFLAGS], [-Wl,-z,now])
    BERTH_ADD_FLAG([HARD_LDFLAGS], [-Wl,-z,noexecstack])
  ])
  AC_SUBST([HARD_CPPFLAGS]) AC_SUBST([HARD_CFLAGS]) AC_SUBST([HARD_LDFLAGS])
])

# BERTH_STATIC_SERVER: is berth-imgfs a static program? It starts with every image, and its
# shared libraries would cost two thirds of that. Sanitizers need the shared ones.
AC_DEFUN([BERTH_STATIC_SERVER], [
  AC_ARG_ENABLE([static-server], [AS_HELP_STRING([--disable-static-server],
    [link berth-imgfs with shared libraries; its start takes twice as long])], [], [enable_static_server=check])
  SERVER_LDFLAGS=-pie
  AS_IF([test "x$enable_sanitizers" = xyes || test "x$enable_fuzzing" = xyes], [enable_static_server=no])
  AS_IF([test "x$enable_static_server" != xno], [
    AC_MSG_CHECKING([for static libraries for berth-imgfs])
    berth_save_LIBS=$LIBS berth_save_LDFLAGS=$LDFLAGS berth_save_CFLAGS=$CFLAGS
    LIBS="$UNPACK_LIBS -lpthread" LDFLAGS="$LDFLAGS -static-pie" CFLAGS="$CFLAGS -fPIE"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[
        #include <pthread.h>
        #include <zstd.h>
        #include <libdeflate.h>
        #include <lz4.h>
        #include <lzma.h>]],
      [[return !ZSTD_createDCtx() || !libdeflate_alloc_decompressor() || LZ4_versionNumber() < 1 ||
        lzma_version_number() < 1 || pthread_self() == 0;]])],
      [AC_MSG_RESULT([yes]); SERVER_LDFLAGS=-static-pie],
      [AC_MSG_RESULT([no])
       AS_IF([test "x$enable_static_server" = xyes],
             [AC_MSG_ERROR([no static libraries for berth-imgfs; install them or leave --enable-static-server out])])])
    LIBS=$berth_save_LIBS LDFLAGS=$berth_save_LDFLAGS CFLAGS=$berth_save_CFLAGS
  ])
  AC_SUBST([SERVER_LDFLAGS])
])
