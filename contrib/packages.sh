# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034
#
# packages.sh - the Debian and Ubuntu packages that Berth's build, cluster and tests need, and
# how they are installed without any service being started. Sourced by quickstart and check.

PACKAGES_BUILD="autoconf automake libtool make gcc libc6-dev pkg-config xz-utils
	libsquashfs-dev libzstd-dev libdeflate-dev liblz4-dev liblzma-dev libslurm-dev
	libssl-dev libjson-c-dev libcurl4-openssl-dev libisal-dev libext2fs-dev"
PACKAGES_CLUSTER="munge slurmctld slurmd slurm-client libpmix2 libpmi2-0 util-linux mount procps"
PACKAGES_IMAGE="mmdebstrap mpich libmpich-dev openmpi-bin libopenmpi-dev"
PACKAGES_TEST="check bats cppcheck shellcheck mandoc clang llvm squashfs-tools squashfs-tools-ng
	libclang-rt-dev python3 strace gdb file fuse3 libfuse3-dev libcap2-bin uidmap crun tmux e2fsprogs
	docker-registry skopeo umoci openssl iproute2 zsh fish"

# packages_missing NAME...: those that are not installed.
packages_missing()
{
	local p state

	for p; do
		state=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) || true
		[ "$state" = installed ] || echo "$p"
	done
}

# packages_install NAME...: what is missing, by apt. Elsewhere: say what is needed and go on,
# since it may be there under other names.
packages_install()
{
	local missing policy=/usr/sbin/policy-rc.d rc=0

	if ! command -v apt-get >/dev/null; then
		echo "This is neither Debian nor Ubuntu. Needed, by their Debian names:" >&2
		echo "  $*" | fmt -w 80 >&2
		return 0
	fi
	mapfile -t missing < <(packages_missing "$@")
	[ ${#missing[@]} -gt 0 ] || return 0
	echo "installing ${missing[*]}"
	# 101: services that a package brings are not started. A site's own policy stays.
	if [ -e "$policy" ]; then
		policy=
	else
		printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 0755 "$policy"
	fi
	{
		apt-get update -q -o Acquire::Retries=3 &&
			DEBIAN_FRONTEND=noninteractive apt-get install -y -q -o Dpkg::Use-Pty=0 \
				-o Acquire::Retries=3 --no-install-recommends "${missing[@]}"
	} </dev/null || rc=$?
	[ -z "$policy" ] || rm -f "$policy"
	return "$rc"
}

# tree_copy SRC DST: the sources as they are, without what a build in SRC may have left.
tree_copy()
{
	local list

	mkdir -p "$2"
	if list=$(cd "$1" && git -c safe.directory='*' ls-files -co --exclude-standard 2>/dev/null) &&
		[ -n "$list" ]; then
		(cd "$1" && while IFS= read -r f; do [ ! -e "$f" ] || printf '%s\0' "$f"; done <<<"$list" |
			tar -c --null --no-recursion -T -) | tar -x -C "$2" --no-same-owner
	else
		tar -c -C "$1" --exclude=./.git --exclude=./build --exclude=./autom4te.cache \
			--exclude=./config.status --exclude=./Makefile --exclude='*.o' --exclude='*.lo' . |
			tar -x -C "$2" --no-same-owner
	fi
}
