# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# rooms.bash - images for exec.bats and security*.bats, one root directory in three forms, and
# what a room must look like.
#
#   ROOM_DIR, ROOM_SQUASHFS, ROOM_SIF    the same root: tools, /probe, a runscript, odd links
#   STEP_DRIVER                          plays slurmstepd (tests/harness/step-driver.c)

# A build directory, for programs that are not installed.
BERTH_BUILD=${BERTH_BUILD:-$HARNESS/../../build}

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
	image_sif room "$base/root" >/dev/null || return
	make -s -C "$BERTH_BUILD" tests/harness/step-driver >/dev/null
}

# shellcheck disable=SC2034
rooms_load()
{
	STEP_DRIVER=$BERTH_BUILD/tests/harness/step-driver
	ROOM_DIR=$CLUSTER_DIR/scratch/rooms/root
	ROOM_SQUASHFS=$CLUSTER_DIR/scratch/rooms/room.sqfs
	ROOM_SIF=$CLUSTER_DIR/home/ada/room.sif
	[ -e "$ROOM_SIF" ] && [ -e "$ROOM_SQUASHFS" ]
}

# What berth could leave on this machine, as text; snapshot() of common.bash knows nodes too.
rooms_state()
{
	echo "== mounts"
	cut -d' ' -f3- /proc/self/mountinfo | sort
	cut -d' ' -f3- "/proc/$(cluster_pid login)/mountinfo" | sort
	echo "== loop devices"
	losetup -n -O NAME,BACK-FILE 2>/dev/null | grep -F "$CLUSTER_DIR" || true
	echo "== files"
	find /run /tmp /dev/shm -xdev -uid "$CLUSTER_UID" 2>/dev/null | sort
	find "$ROOM_DIR" | sha256sum
	echo "== processes"
	{
		ps -o stat=,comm= -u "$CLUSTER_UID"
		# shellcheck disable=SC2009
		ps -e -o stat=,args= | grep -F "$BERTH_PREFIX/libexec/berth/" | grep -vF grep
	} | grep -v '^Z' | sort || true
}

rooms_before() { rooms_state >"$BATS_TEST_TMPDIR/before"; }

# rooms_after: the same again, within 2 s.
rooms_after()
{
	local end=$((SECONDS + 3))

	while :; do
		rooms_state >"$BATS_TEST_TMPDIR/after"
		cmp -s "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" && return
		[ $SECONDS -lt $end ] || break
		sleep 0.1
	done
	diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" >&2
	return 1
}

# probe_of UID GID "GROUPS": what /probe says of a task without rights in the image.
probe_of()
{
	local none=0000000000000000

	echo "PROBE uid $1 $1 $1 $1 gid $2 $2 $2 $2 groups $3 caps $none $none $none $none $none nnp 1 root IMAGE"
}

# mounts_safe: the last output is the mountinfo of a room, and no mount has more rights than it must.
mounts_safe()
{
	local odd

	# shellcheck disable=SC2154
	output=$(grep -E '^[0-9]+ [0-9]+ ' <<<"$output") # not what the stand-in says at its end
	[ "$(awk '$5 == "/"' <<<"$output" | wc -l)" = 1 ] || fail "not one root"
	odd=$(awk '$5 == "/" && $6 !~ /(^|,)ro(,|$)/' <<<"$output")
	[ -z "$odd" ] || fail "a writable root: $odd"
	odd=$(awk '$6 !~ /(^|,)nosuid(,|$)/' <<<"$output")
	[ -z "$odd" ] || fail "without nosuid: $odd"
	# /dev itself, pts, nodes that the test host has bound there, and what lies under another mount
	odd=$(awk 'NR == FNR { over[$2 " " $5]; next }
		$6 !~ /(^|,)nodev(,|$)/ && $5 !~ "^/dev($|/pts|/fuse$)" && !(($1 " " $5) in over)' \
		<(echo "$output") <(echo "$output"))
	[ -z "$odd" ] || fail "without nodev: $odd"
	odd=$(awk '/ shared:[0-9]+ /' <<<"$output")
	[ -z "$odd" ] || fail "a shared mount: $odd"
}

# mounts_fine: and there is nothing but the image and what the view shows.
mounts_fine()
{
	local odd

	mounts_safe
	odd=$(awk -v dir="$CLUSTER_DIR" '$5 !~ "^/$|^/(proc|sys|dev|tmp|var/tmp|home|root|etc)(/|$)" &&
		index($5, dir) != 1' <<<"$output")
	[ -z "$odd" ] || fail "a mount that is not of the view: $odd"
}

# room_image NAME: print a copy of the tiny root with the scripts that standard input has, one behind
# each line "--- NAME.sh"; links make it cheap.
room_image()
{
	local root=$SCRATCH/$1

	cp -al "$ROOM_DIR" "$root"
	rm -rf "$root/.singularity.d"
	mkdir -p "$root/.singularity.d/env"
	awk -v d="$root/.singularity.d/env/" '/^--- / { f = d $2; printf "" >f; next } { print >f }'
	chmod -R a+rX "$root/.singularity.d"
	echo "$root"
}
