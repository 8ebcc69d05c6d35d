#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# image.sh - the root directories that tests and contrib/quickstart turn into images.
#
#   image.sh mpi [--cache DIR]    print a directory: Debian with MPICH, Open MPI and three programs
#   image.sh tiny DIR             make DIR: a shell, a few tools and what they link with; a second
#
# The MPI root takes mmdebstrap some 20 s and is kept in the cache, under a name made of all that
# went into it, so that it is made again when something changes. Default cache:
# ${XDG_CACHE_HOME:-$HOME/.cache}/berth-test. PRETTY_NAME in both is not the machine's, so that
# inside and outside look different.
#
# Needs: mpi: root, mmdebstrap, a Debian mirror, mpicc.mpich, mpicc.openmpi; tiny: bash, ldd.

IMAGE_HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# LIMIT: the release whose MPI libraries match what mpicc of the build host links with.
IMAGE_SUITES="bookworm trixie jammy noble"
IMAGE_TINY_TOOLS="sh bash cat id ls env pwd true false sleep readlink stat head tail kill uname
	hostname sort uniq wc dd mkdir rm touch test echo printf mktemp nproc taskset ps tty grep
	sed tr cut basename dirname cmp sha256sum seq chmod mknod findmnt"

image_die() { echo "image: $*" >&2; return 1; }

image_suite()
{
	local suite

	# shellcheck source=/dev/null
	suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	case " $IMAGE_SUITES " in *" $suite "*) echo "$suite" ;; *) echo bookworm ;; esac
}

image_key()
{
	{
		image_suite
		dpkg --print-architecture
		mpicc.mpich -show
		mpicc.openmpi -show
		cat "$IMAGE_HERE"/mpi-*.c "$IMAGE_HERE/image.sh"
	} | sha256sum | cut -c1-12
}

# image_brand ROOT: its /etc/os-release names no system that the machine could be.
image_brand()
{
	mkdir -p "$1/etc"
	rm -f "$1/etc/os-release"
	printf '%s\n' "PRETTY_NAME=\"Berth test image ($2)\"" 'ID=berth-test' "VERSION_ID=\"1\"" \
		>"$1/etc/os-release"
}

image_mpi_programs()
{
	local root=$1 name

	for name in hello pingpong cma; do
		mpicc.mpich -O2 -Wall -o "$root/usr/bin/mpi-$name" "$IMAGE_HERE/mpi-$name.c" &&
			mpicc.openmpi -O2 -Wall -o "$root/usr/bin/mpi-$name-ompi" "$IMAGE_HERE/mpi-$name.c" ||
			return
	done
}

image_mpi()
{
	local cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/berth-test root work lock components=main

	if [ "${1:-}" = --cache ]; then cache=$2; fi
	mkdir -p "$cache" || return
	root=$cache/mpi-$(image_key) || return
	# Two suites at once: one makes it, the other waits.
	exec {lock}>"$cache/lock" && flock "$lock" || return
	if [ ! -d "$root" ]; then
		case $(image_suite) in jammy | noble) components=main,universe ;; esac
		command -v mmdebstrap >/dev/null || image_die "mmdebstrap is missing" || return
		work=$(mktemp -d "$cache/new-XXXXXX") || return
		if ! mmdebstrap --mode=root --variant=essential --components=$components \
			--include=mpich,openmpi-bin \
			--dpkgopt='path-exclude=/usr/share/man/*' \
			--dpkgopt='path-exclude=/usr/share/doc/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			"$(image_suite)" "$work/root" >"$work/log" 2>&1 {lock}>&-; then
			tail -n 15 "$work/log" >&2
			rm -rf --one-file-system "$work"
			image_die "mmdebstrap failed"
			return
		fi
		if ! image_mpi_programs "$work/root"; then
			rm -rf --one-file-system "$work"
			return 1
		fi
		image_brand "$work/root" "$(image_suite), MPICH and Open MPI"
		chmod 0755 "$work/root"
		mv "$work/root" "$root" && rm -rf --one-file-system "$work"
	fi
	exec {lock}>&-
	echo "$root"
}

# image_copy ROOT FILE...: with the libraries each of them links with.
image_copy()
{
	local root=$1 file lib

	shift
	for file; do
		mkdir -p "$root$(dirname "$file")"
		[ -e "$root$file" ] || cp -L "$file" "$root$file"
		for lib in $(ldd "$file" 2>/dev/null | grep -o '/[^ )]*'); do
			mkdir -p "$root$(dirname "$lib")"
			[ -e "$root$lib" ] || cp -L "$lib" "$root$lib"
		done
	done
}

image_tiny()
{
	local root=$1 tool path d

	mkdir -p "$root"/{etc,usr/bin,usr/sbin,usr/lib,usr/lib64,proc,sys,dev,tmp,var/tmp,root,home} || return
	for d in bin sbin lib lib64; do
		if [ -L "/$d" ]; then ln -sfn "usr/$d" "$root/$d"; else mkdir -p "$root/$d"; fi
	done
	for tool in $IMAGE_TINY_TOOLS; do
		path=$(PATH=/usr/bin:/bin type -P "$tool") || continue
		image_copy "$root" "$path"
	done
	# Before glibc 2.34 names are looked up by a library of its own, which nothing links with.
	for path in /lib/*/libnss_files.so.2 /lib64/libnss_files.so.2; do
		[ ! -e "$path" ] || image_copy "$root" "$path"
	done
	image_brand "$root" tiny
	echo "root:x:0:0:root:/root:/bin/sh" >"$root/etc/passwd"
	echo "root:x:0:" >"$root/etc/group"
	chmod 1777 "$root/tmp" "$root/var/tmp"
	chmod 0755 "$root"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	verb=${1:-}
	[ $# -eq 0 ] || shift
	case $verb in
	mpi) image_mpi "$@" ;;
	tiny) image_tiny "$@" ;;
	*) sed -n '/^#   image.sh/s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 1 ;;
	esac
fi
