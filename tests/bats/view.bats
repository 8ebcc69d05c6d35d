#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# view.bats - the options of berth exec, run and shell that change what is seen inside: binds, the
# home, what is left out, what is empty. Nothing of it is seen by the host, and nothing is left.
# Needs: root (to become ada), mksquashfs.
load ../harness/common
load rooms

setup_file() { need_login; need_command mksquashfs; rooms_make; }

setup()
{
	need_login
	rooms_load
	scratch_new
	rooms_before
}

teardown()
{
	rooms_after
	scratch_remove
}

# every STATUS CMD...: CMD as ada, with IMAGE set to each kind in turn, ends with STATUS.
every()
{
	local want=$1 IMAGE

	shift
	for IMAGE in "$ROOM_DIR" "$ROOM_SQUASHFS" "$ROOM_SIF"; do
		run as_user env IMAGE="$IMAGE" "$@"
		[ "$status" -eq "$want" ] || fail "$IMAGE: expected status $want"
	done
}

# refused STATUS REGEX ARG...: berth exec ARG... IMAGE does not run its program.
refused()
{
	local want=$1 regex=$2

	shift 2
	run as_user berth exec "$@" "$ROOM_DIR" touch "$SCRATCH/ran"
	assert_failure "$want" "$regex"
	[ ! -e "$SCRATCH/ran" ] || fail "it ran"
}

# ---- binds ---------------------------------------------------------------------------------

@test "bind sources are relative to the working directory, on the command line and in variables" {
	mkdir -p "$SCRATCH/work/data" "$SCRATCH/beside"
	echo data >"$SCRATCH/work/data/file"
	echo beside >"$SCRATCH/beside/file"
	chown -R "$CLUSTER_UID" "$SCRATCH"
	# shellcheck disable=SC2016
	every 0 sh -ec 'cd '"$SCRATCH"'/work
		berth exec -B data:/data "$IMAGE" cat /data/file
		berth exec -B ../beside:/data,data:/other "$IMAGE" cat /data/file /other/file
		berth exec -B ./data/file:/one "$IMAGE" cat /one
		BERTH_BIND=data:/data berth exec "$IMAGE" cat /data/file
		APPTAINER_BIND=data:/data berth exec "$IMAGE" cat /data/file
		SINGULARITY_BINDPATH=data:/data berth exec "$IMAGE" cat /data/file'
	assert_success "$(printf 'data\nbeside\ndata\ndata\ndata\ndata\ndata')"
	refused 255 "cannot bind '$CLUSTER_DIR/home/ada/none'" -B none:/data
	refused 1 "bind target 'data' is not absolute" -B "$SCRATCH:data"
}

@test "a variable's binds come after the command line's, and do not cover them" {
	mkdir -p "$SCRATCH/a" "$SCRATCH/b/sub" "$SCRATCH/c"
	echo a >"$SCRATCH/a/file"
	echo b >"$SCRATCH/b/file"
	echo c >"$SCRATCH/c/file"
	chown -R "$CLUSTER_UID" "$SCRATCH"
	# shellcheck disable=SC2016
	every 0 sh -ec 'cd '"$SCRATCH"'
		BERTH_BIND=a:/data berth exec -B b:/data "$IMAGE" cat /data/file
		BERTH_BIND=c:/data/sub berth exec -B b:/data "$IMAGE" cat /data/sub/file'
	assert_success "$(printf 'b\nc')"
}
