#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# sid.sh - a Debian sid that has Apptainer, and commands run in it, beside the same ones of Berth.
#
#   sid.sh make [--cache DIR]              print a root directory, made once: some 20 s of mmdebstrap
#   sid.sh inside ROOT DIR ID:ID CMD...    run CMD there (as root, in namespaces of its own)
#
# The file is also a library: in_sid runs a command on the login host of the tests' cluster as
# cluster_run does, same user, directory and, but for PATH, environment, with the programs of sid.
#
# What is the login host's there: /dev, /sys, /tmp, /var/tmp, the accounts, /etc/hosts, resolv.conf and
# localtime, the host name, the network, and the cluster's directory at the same path. /proc is
# new, for the process ids are: whatever is left running ends with the command. All else is a
# throw-away layer over ROOT, which stays as it was made. By pivot_root: in a plain chroot the
# kernel refuses to make the user namespaces that Apptainer asks for.
#
# sid moves: what uses this must not depend on a release. Needs: root, mmdebstrap, a Debian mirror,
# overlayfs.

SID_SELF=$(readlink -f "${BASH_SOURCE[0]}")
# What it recommends beside these is for ext3 and encrypted images.
SID_PACKAGES=apptainer,squashfs-tools,squashfuse,fuse-overlayfs

sid_die() { echo "sid: $*" >&2; return 1; }

# A week at most: then sid is another one.
sid_key()
{
	{
		dpkg --print-architecture
		declare -f sid_make
		echo "$SID_PACKAGES"
		echo $(($(date +%s) / 604800))
	} | sha256sum | cut -c1-12
}

# sid_make [--cache DIR]: print the root; where it was made, say on standard error with what.
sid_make()
{
	local cache=${IMAGE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/berth-test} root work lock f

	if [ "${1:-}" = --cache ]; then cache=$2; fi
	mkdir -p "$cache" || return
	root=$cache/sid-$(sid_key) || return
	# Two suites at once: one makes it, the other waits.
	exec {lock}>"$cache/sid.lock" && flock "$lock" || return
	if [ ! -d "$root" ]; then
		command -v mmdebstrap >/dev/null || sid_die "mmdebstrap is missing" || return
		find "$cache" -maxdepth 1 -name 'sid-*' -mtime +30 -exec rm -rf --one-file-system {} +
		work=$(mktemp -d "$cache/new-XXXXXX") || return
		# The date: of a mirror that stands still, and of a machine whose clock does not; what
		# is signed is what Debian made all the same.
		if ! mmdebstrap --mode=root --variant=essential --include="$SID_PACKAGES" \
			--aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Retries "3"' \
			--dpkgopt='path-exclude=/usr/share/man/*' \
			--dpkgopt='path-exclude=/usr/share/doc/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			sid "$work/root" >"$work/log" 2>&1 {lock}>&-; then
			tail -n 15 "$work/log" >&2
			rm -rf --one-file-system "$work"
			sid_die "mmdebstrap failed"
			return
		fi
		for f in hosts resolv.conf localtime; do
			rm -f "$work/root/etc/$f" && : >"$work/root/etc/$f" || return
		done
		chmod 0755 "$work/root"
		mv "$work/root" "$root" && rm -rf --one-file-system "$work"
		echo "made $root: $(sed -n '/^Package: apptainer$/,/^$/s/^Version: /Apptainer /p' \
			"$root/var/lib/dpkg/status")" >&2
	fi
	exec {lock}>&-
	echo "$root"
}

# sid_inside ROOT DIR UID:GID CMD...: in a new mount and process namespace.
sid_inside()
{
	local root=$1 dir=$2 ids=$3 top=$1/mnt f cwd=$PWD

	shift 3
	mount -t tmpfs -o mode=0755 sid "$top" && mkdir "$top/upper" "$top/work" "$top/root" &&
		mount -t overlay -o "lowerdir=$root,upperdir=$top/upper,workdir=$top/work" sid "$top/root" || return
	root=$top/root
	for f in dev sys; do mount --rbind "/$f" "$root/$f" || return; done
	for f in tmp var/tmp; do mount --bind "/$f" "$root/$f" || return; done
	for f in passwd group hosts resolv.conf localtime; do
		[ ! -e "/etc/$f" ] || mount --bind "/etc/$f" "$root/etc/$f" || return
	done
	if [ ! -e "$root$dir" ]; then
		mkdir -p "$root$dir" && mount --bind "$dir" "$root$dir" || return
	fi
	mount -t proc proc "$root/proc" || return
	cd "$root" && pivot_root . mnt && umount -l mnt || return
	cd "$cwd" || return
	exec setpriv --reuid="${ids%:*}" --regid="${ids#*:}" --init-groups -- "$@"
}

# in_sid [-u root] CMD...: as ada, in her home. SID_ROOT is what sid_make printed.
in_sid()
{
	local user=ada ids

	if [ "${1:-}" = -u ]; then
		user=$2
		shift 2
	fi
	ids=$(awk -F: -v u="$user" '$1 == u { print $3 ":" $4 }' "$CLUSTER_DIR/etc/passwd")
	# shellcheck disable=SC2016
	cluster_run -u root unshare --mount --propagation private --pid --fork --kill-child \
		bash "$SID_SELF" inside "$SID_ROOT" "$CLUSTER_DIR" "$ids" \
		bash -c 'IFS=: read -r USER _ _ _ _ HOME _ < <(getent passwd "$(id -u)")
			export USER HOME LOGNAME=$USER PATH=/usr/bin:/bin:/usr/sbin:/sbin
			cd && exec "$@"' bash "$@" 3>&-
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	verb=${1:-}
	[ $# -eq 0 ] || shift
	case $verb in
	make) sid_make "$@" ;;
	inside) sid_inside "$@" ;;
	*) sed -n '/^#   sid.sh/s/^# *//p' "$SID_SELF" >&2; exit 1 ;;
	esac
fi
