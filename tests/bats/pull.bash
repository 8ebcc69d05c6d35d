# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# pull.bash - what pull.bats, pull-faults.bats and security-pull.bats share: berth pull as ada, in a
# directory of the test's, with a home and a store that are empty.

# shellcheck source=tests/harness/registry.sh
. "$HARNESS/registry.sh"

# In setup, after scratch_new.
pull_load()
{
	HOME_DIR=$SCRATCH/home
	STORE=$HOME_DIR/.berth/cache
	WORK=$SCRATCH/work
	mkdir "$HOME_DIR" "$WORK"
	chown "$CLUSTER_UID:$CLUSTER_UID" "$HOME_DIR" "$WORK"
}

# as_ada CMD...: where the test's files are made. Empty variables are as none.
as_ada() { as_user env -C "$WORK" HOME="$HOME_DIR" "$@"; }

# pull WORD...: from registries on this machine, which have no TLS
pull() { as_ada timeout 100 berth pull --no-https "$@"; }

# root_of SIF OUT: its root file system, as a squashfs file
root_of()
{
	local id

	id=$(as_ada berth sif list "$1" | awk '/FS \(Squashfs/ { print $1 }')
	as_ada berth sif dump "$id" "$1" >"$2"
}

# tree_of SIF: kinds, modes, owners, sizes, times and names in it, but for what pull adds to all
tree_of()
{
	root_of "$1" "$SCRATCH/tree.sqfs"
	unsquashfs -lln "$SCRATCH/tree.sqfs" |
		grep -vE ' squashfs-root/?(\.singularity\.d|singularity$|\.(exec|run|shell|test)$|environment$|$)'
}

# files_of DIR: what lies in it, links as such
files_of() { (cd "$1" 2>/dev/null && find . -mindepth 1 | sort) || true; }

# store_blobs: what was downloaded whole, and store_parts: what is to be gone on with
store_blobs() { find "$STORE/blobs" -type f 2>/dev/null | wc -l; }
store_parts() { find "$STORE/partial" -type f 2>/dev/null | wc -l; }

# store_sound: all in it is what it should be, and nothing else is there
store_sound()
{
	local odd

	[ -d "$STORE" ] || return 0
	run as_ada berth cache verify
	assert_success
	odd=$(cd "$STORE" && find . -type f | sed -E 's/[0-9a-f]{64}/X/' | grep -vE \
		'^\./(blobs/sha256/../X|images/X\.(sif|json)|partial/sha256-X\..*|locks/(sha256-)?X)$') || true
	[ -z "$odd" ] || fail "odd files in the store: $odd"
}

# gets REPO: blobs that the registry in that directory was asked for since gets_from_now REPO
gets()
{
	registry_log "$1" | tail -n "+$(($(cat "$1/seen" 2>/dev/null || echo 0) + 1))" | grep -c '^GET .*/blobs/' || true
}

gets_from_now() { registry_log "$1" | wc -l >"$1/seen"; }
