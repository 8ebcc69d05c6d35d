#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# overlay.bats - --overlay, --writable-tmpfs and --writable: what is written goes where it was said
# and nowhere else. Needs: root (to become ada), mksquashfs.
load ../harness/common
load rooms

setup_file()
{
	need_login
	need_command mksquashfs
	need_filesystem overlay
	rooms_make
}

setup()
{
	need_login
	rooms_load
	scratch_new
	# what root owns, nobody but root of a room could write to
	OWN=$SCRATCH/own
	as_user cp -r "$ROOM_DIR" "$OWN"
	as_user mkdir "$SCRATCH/rw" "$SCRATCH/ro"
	rooms_before
}

teardown()
{
	rooms_after
	scratch_remove
}

in_room() { run as_user berth exec "${@:1:$#-2}" "${@: -2:1}" sh -c "${*: -1}"; }

@test "overlay: without one, the image is read-only" {
	local IMAGE

	for IMAGE in "$OWN" "$ROOM_SIF"; do
		in_room "$IMAGE" 'echo x >/usr/new'
		[ "$status" -ne 0 ]
		assert_output "read-only"
	done
}

@test "writable-tmpfs: files are made, changed and removed, and the image stays" {
	local before IMAGE

	before=$(find "$OWN" | sort | sha256sum; sha256sum "$ROOM_SIF")
	for IMAGE in "$OWN" "$ROOM_SIF"; do
		in_room -f --writable-tmpfs "$IMAGE" 'set -e; echo new >/usr/new; cat /usr/new; echo more >>/etc/os-release
			tail -n 1 /etc/os-release; rm -r /usr/only-in-image; mkdir /usr/only-in-image; ls /usr/only-in-image
			[ ! -e /usr/only-in-image/data ]; mkdir -p /a/b/c; touch /a/b/c/d'
		assert_success $'new\nmore'
		in_room -f --writable-tmpfs "$IMAGE" '[ ! -e /usr/new ] && [ -e /usr/only-in-image/data ]'
		assert_success
	done
	[ "$(find "$OWN" | sort | sha256sum; sha256sum "$ROOM_SIF")" = "$before" ] || fail "the image changed"
}

@test "writable-tmpfs: a size is a limit" {
	in_room -f --writable-tmpfs-size 1M "$ROOM_SIF" 'head -c 3000000 /dev/zero >/big; wc -c </big'
	assert_success
	assert_output 'no space left'
	assert_output '^1048576$'
	in_room -f --writable-tmpfs "$ROOM_SIF" 'head -c 3000000 /dev/zero >/big; wc -c </big'
	assert_success 3000000
	run as_user berth exec --writable-tmpfs-size 1Q "$ROOM_SIF" true
	[ "$status" -eq 1 ]
}

@test "overlay: a directory keeps what is written, for the next room" {
	local IMAGE

	for IMAGE in "$OWN" "$ROOM_SIF"; do
		as_user mkdir "$SCRATCH/keep"
		in_room -f --overlay "$SCRATCH/keep" "$IMAGE" 'echo kept >/usr/new; rm /berth-image'
		assert_success
		[ "$(cat "$SCRATCH/keep/upper/usr/new")" = kept ]
		[ "$(stat -c %u "$SCRATCH/keep/upper/usr/new")" = "$CLUSTER_UID" ]
		in_room -f -o "$SCRATCH/keep" "$IMAGE" 'cat /usr/new; ls /berth-image 2>/dev/null || echo gone'
		assert_success $'kept\ngone'
		in_room -f -o "$SCRATCH/keep:ro" "$IMAGE" 'cat /usr/new; echo x >/usr/new || echo refused'
		assert_output '^kept$'
		assert_output '^refused$'
		in_room "$IMAGE" 'ls /berth-image'
		assert_success /berth-image
		as_root rm -r "$SCRATCH/keep"
	done
}

@test "overlay: images and directories stack, the first topmost" {
	local IMAGE

	as_user sh -c "cd $SCRATCH && mkdir -p top/upper mid low && echo top >top/upper/which && echo mid >mid/which &&
		echo low >low/which && echo mid >mid/only-mid && echo low >low/only-low &&
		mksquashfs mid mid.sqfs -quiet -no-progress >/dev/null && mksquashfs low low.sqfs -quiet -no-progress >/dev/null"
	for IMAGE in "$OWN" "$ROOM_SIF"; do
		in_room -o "$SCRATCH/top:ro,$SCRATCH/mid.sqfs" -o "$SCRATCH/low.sqfs" "$IMAGE" \
			'cat /which /only-mid /only-low; ls -d /usr/only-in-image; echo x >/x || echo refused'
		assert_output '^top$'
		assert_output '^mid$'
		assert_output '^low$'
		assert_output '^refused$'
		in_room -o "$SCRATCH/mid.sqfs" -o "$SCRATCH/rw" "$IMAGE" 'cat /which; echo x >/which && cat /which'
		assert_success $'mid\nx'
		as_root rm -r "$SCRATCH/rw"; as_user mkdir "$SCRATCH/rw"
	done
	# relative, by variable
	run as_user sh -c "cd $SCRATCH && APPTAINER_OVERLAY=mid.sqfs,low:ro berth exec $ROOM_SIF cat /which /only-low"
	assert_success $'mid\nlow'
}

@test "overlay: binds go to places that the image lacks" {
	local IMAGE

	for IMAGE in "$OWN" "$ROOM_SIF"; do
		in_room -o "$SCRATCH/ro:ro" -B "$ROOM_DIR/etc:/not/there/yet" -B "$ROOM_DIR/etc/os-release:/not/here" "$IMAGE" \
			'cat /not/there/yet/os-release /not/here; touch /not/x || echo refused'
		assert_lines 2 'Berth test image'
		assert_output '^refused$'
	done
}

@test "overlay: what cannot be is refused with a reason" {
	run as_user berth exec -o "$SCRATCH/none" "$ROOM_SIF" true
	[ "$status" -eq 255 ]; assert_output "cannot open overlay '$SCRATCH/none'"
	run as_user berth exec -o "$SCRATCH/rw,$SCRATCH/ro" "$ROOM_SIF" true
	[ "$status" -eq 1 ]; assert_output "only one can be"
	echo text >"$SCRATCH/text"
	run as_user berth exec -o "$SCRATCH/text" "$ROOM_SIF" true
	[ "$status" -eq 255 ]; assert_output "overlay '$SCRATCH/text'"
	mkdir "$SCRATCH/roots"
	run as_user berth exec -o "$SCRATCH/roots" "$ROOM_SIF" true
	[ "$status" -eq 255 ]; assert_output "yours to write to"
	run as_user berth exec -w "$ROOM_SIF" true
	[ "$status" -eq 255 ]; assert_output "never written to"
	run as_user berth exec -w "$ROOM_DIR" true
	[ "$status" -eq 255 ]; assert_output "cannot write to image"
	run as_user berth exec -w -o "$SCRATCH/ro" "$OWN" true
	[ "$status" -eq 1 ]
}

@test "writable: a directory image is written to" {
	in_room --writable "$OWN" 'echo in >/usr/new; id -un'
	assert_success ada
	[ "$(cat "$OWN/usr/new")" = in ]
	# as its root: the image's own files of users, and owners that are kept
	in_room -f -w "$OWN" 'echo "x:x:5:5::/:/bin/sh" >>/etc/passwd; id -u'
	assert_success 0
	grep -q '^x:x:5' "$OWN/etc/passwd"
	[ "$(stat -c %u "$OWN/etc/passwd")" = "$CLUSTER_UID" ]
	# a mount point that is not there is not made
	in_room -w -B "$ROOM_DIR/etc:/not/there" "$OWN" true
	[ "$status" -eq 255 ]; assert_output "make this mount point"
	[ ! -e "$OWN/not" ]
}

@test "overlay: a server for each layer, and none is left; kill -9 of one is that layer's end" {
	local pid

	as_user sh -c "cd $SCRATCH && mkdir l && echo l >l/layer && mksquashfs l l.sqfs -quiet -no-progress >/dev/null"
	as_user berth exec -o "$SCRATCH/l.sqfs" -o "$SCRATCH/rw" "$ROOM_SIF" sh -c 'cat /layer; sleep 1000' \
		>"$SCRATCH/out" 3>&- &
	pid=$!
	eventually 10 grep -q l "$SCRATCH/out"
	[ "$(pgrep -u "$CLUSTER_UID" -x berth-imgfs -r S,R,D | wc -l)" = 2 ]
	pkill -u "$CLUSTER_UID" -9 -x sleep
	wait "$pid" || true
	eventually 10 sh -c "! pgrep -u $CLUSTER_UID -x berth-imgfs -r S,R,D"
}
