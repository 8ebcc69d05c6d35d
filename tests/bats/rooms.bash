# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# rooms.bash - images for exec.bats and security.bats, one root directory in three forms, and
# what a room must look like.
#
#   ROOM_DIR, ROOM_SQUASHFS, ROOM_SIF    the same root: tools, /probe, a runscript, odd links
#   STEP_DRIVER                          plays slurmstepd (tests/harness/step-driver.c)

# rooms_make: in setup_file; made once a run of bats.
rooms_make()
{
	local base=$CLUSTER_DIR/scratch/rooms root

	(
		umask 022
		exec 8>"$CLUSTER_DIR/scratch/rooms.lock" && flock 8 || exit
		[ ! -d "$base" ] || exit 0
		root=$base.new/root
		mkdir -p "$root" && image_tiny "$root" >/dev/null || exit
		cc -static -Os -o "$root/probe" "$HARNESS/probe.c" || exit
		mkdir -p "$root/.singularity.d" "$root/usr/only-in-image/sub" "$root/usr/only-in-image/bound"
		printf '#!/bin/sh\nprintf "runscript: "; for a; do printf "%%s," "$a"; done; echo\n' \
			>"$root/.singularity.d/runscript"
		chmod 0755 "$root/.singularity.d/runscript"
		head -c 200000 /dev/urandom >"$root/usr/only-in-image/data"
		touch "$root/berth-image"
		ln -s /nowhere/at/all "$root/dangling"
		ln -s /usr/only-in-image "$root/to-usr"
		mksquashfs "$root" "$base.new/room.sqfs" -all-root -quiet -no-progress >/dev/null || exit
		chmod 0644 "$base.new/room.sqfs"
		mv "$base.new" "$base"
	) || return
	image_sif room "$base/root" >/dev/null
}

# shellcheck disable=SC2034
rooms_load()
{
	ROOM_DIR=$CLUSTER_DIR/scratch/rooms/root
	ROOM_SQUASHFS=$CLUSTER_DIR/scratch/rooms/room.sqfs
	ROOM_SIF=$CLUSTER_DIR/home/ada/room.sif
	[ -e "$ROOM_SIF" ] && [ -e "$ROOM_SQUASHFS" ]
}

# probe_of UID GID "GROUPS": what /probe says of a task without rights in the image.
probe_of()
{
	local none=0000000000000000

	echo "PROBE uid $1 $1 $1 $1 gid $2 $2 $2 $2 groups $3 caps $none $none $none $none $none nnp 1 root IMAGE"
}

# mounts_fine: the last output is the mountinfo of a room as it must be.
mounts_fine()
{
	local odd

	# shellcheck disable=SC2154
	[ "$(awk '$5 == "/"' <<<"$output" | wc -l)" = 1 ] || fail "not one root"
	odd=$(awk '$5 == "/" && $6 !~ /(^|,)ro(,|$)/' <<<"$output")
	[ -z "$odd" ] || fail "a writable root: $odd"
	odd=$(awk '$6 !~ /(^|,)nosuid(,|$)/' <<<"$output")
	[ -z "$odd" ] || fail "without nosuid: $odd"
	odd=$(awk '$6 !~ /(^|,)nodev(,|$)/ && $5 != "/dev" && $5 !~ "^/dev/pts"' <<<"$output" |
		while read -r line; do
			# a device node that the test host has bound into /dev is a device
			[ -c "$(awk '{ print $5 }' <<<"$line")" ] || echo "$line"
		done)
	[ -z "$odd" ] || fail "without nodev: $odd"
	# what the room's own table has: the image, what is below the view's directories, files of /etc
	odd=$(awk '$5 !~ "^/$|^/(proc|sys|dev|tmp|var/tmp|home|root|etc)(/|$)"' <<<"$output" | grep -vF " $CLUSTER_DIR")
	[ -z "$odd" ] || fail "a mount that is not of the view: $odd"
	odd=$(grep -E ' (shared|master):[0-9]+ ' <<<"$output" | grep -E 'shared:')
	[ -z "$odd" ] || fail "a shared mount: $odd"
}
