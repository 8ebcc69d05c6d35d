# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154
#
# security.bash - what the security*.bats share: rooms in both modes, images with odd roots,
# names that are exchanged while they are looked at, and what must be untouched afterwards.
#
# Mode U is berth exec as an ordinary user; mode P is berth-launcher as root, with a stand-in for
# slurmstepd. T01 and so on name the scenarios: known holes of container runtimes. A refusal is as
# good as a right result; a file, a mount or a process outside of the room never is.
load ../harness/common
load rooms

setup_file()
{
	need_login
	need_command mksquashfs cc
	rooms_make
	cc -Os -o "$CLUSTER_DIR/scratch/swap" "$HARNESS/swap.c"
}

setup()
{
	need_login
	rooms_load
	SWAP=$CLUSTER_DIR/scratch/swap
	scratch_new
	# what nobody may reach, and what nobody may write to
	SECRET=$SCRATCH/secret DROP=$SCRATCH/drop VICTIM=$SCRATCH/victim
	mkdir -m 0700 "$SECRET"
	echo "the flag" >"$SECRET/exists"
	mkdir -m 0755 "$DROP"
	echo intact >"$VICTIM"
	rooms_before
	BACKGROUND=
}

teardown()
{
	# nobody but this test runs as that uid
	[ -z "$BACKGROUND" ] || pkill -9 -u "$CLUSTER_UID" -x 'swap|sleep' || true
	rooms_after
	[ -z "$(ls -A "$DROP")" ] || fail "something was made in a directory of the host"
	[ "$(<"$VICTIM")" = intact ] || fail "a file of the host was written"
	scratch_remove
}

# room U|P [--bind SPEC]... IMAGE CMD...: run it. OUTSIDE: a program before it ("env -i", "prlimit ...").
room()
{
	local mode=$1

	shift
	# shellcheck disable=SC2086
	if [ "$mode" = U ]; then
		as_user ${OUTSIDE:-} berth exec "$@"
	else
		as_root ${OUTSIDE:-} "$STEP_DRIVER" --uid "$CLUSTER_UID" --user ada \
			--home "$CLUSTER_DIR/home/ada" "$@"
	fi
}

refusal() { if [ "$1" = U ]; then echo 255; else echo 125; fi; }

# contained: the last run ended well in the image with no rights, or was refused before it began.
contained()
{
	if grep -q PROBE <<<"$output"; then
		grep -qE "^PROBE uid( $CLUSTER_UID){4} gid( $CLUSTER_UID){4} groups.* caps( 0{16}){5} nnp 1 root IMAGE" \
			<<<"$output" || fail "more rights than asked, or not in the image"
	else
		[ "$status" -ne 0 ] || fail "neither run nor refused"
	fi
}

# ran: and it did run.
ran() { assert_success; contained; grep -q PROBE <<<"$output" || fail "it did not run"; }

# hostile_image: prints a directory that is an image of nothing but /probe, to be changed.
hostile_image()
{
	local dir=$SCRATCH/${1:-image}

	mkdir "$dir"
	cp "$ROOM_DIR/probe" "$dir/"
	touch "$dir/berth-image"
	echo "$dir"
}

# as_images DIR: the same as a squashfs; prints both.
as_images()
{
	mksquashfs "$1" "$1.sqfs" -quiet -no-progress >/dev/null
	chmod 0644 "$1.sqfs"
	echo "$1 $1.sqfs"
}

# swap A B: exchange them until the test ends.
swap()
{
	as_user "$SWAP" "$1" "$2" &
	BACKGROUND="$BACKGROUND $!"
}

# swapped CMD...: CMD twenty times against the swapper, at most 4 s.
swapped()
{
	local n end=$((SECONDS + 4))

	for ((n = 0; n < 20 && SECONDS < end; n++)); do "$@"; done
	[ "$n" -gt 3 ]
}

try_inside() { run room "$@"; contained; }

try_mounts()
{
	run room "$@" cat /proc/self/mountinfo
	[ "$status" -ne 0 ] || mounts_safe
}
