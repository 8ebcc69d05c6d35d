#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# security-images.bats - known holes of container runtimes, replayed: what concerns images and FUSE.
# Attributes of an image, file systems that are no images, mounts of others, many rooms at once.
# Names that are paths and malformed images: tests/bats/imgfs/hostile.bats.
# Needs: root, cc, mksquashfs, python3; mke2fs for T37.
load security

# A room that stays: PID is its program's. hold U|P IMAGE
hold()
{
	room "$1" "$2" sleep 300 >/dev/null 2>&1 3>&- &
	BACKGROUND=$!
	eventually 10 pgrep -u "$CLUSTER_UID" -x sleep >/dev/null
	PID=$(pgrep -u "$CLUSTER_UID" -x sleep)
}

let_go()
{
	kill -9 "$PID"
	wait "$BACKGROUND" || true
}

# into U|P CMD...: CMD as the room's user, with the room's files below /proc/$PID/root
into()
{
	case $1 in
	U) PATH=/usr/bin:/bin nsenter --user="/proc/$PID/ns/user" -S "$CLUSTER_UID" -G "$CLUSTER_UID" "${@:2}" ;;
	P) PATH=/usr/bin:/bin setpriv --reuid="$CLUSTER_UID" --regid="$CLUSTER_UID" --clear-groups "${@:2}" ;;
	esac
}

@test "T24 attributes that mean something to the kernel are not shown; the user's are" {
	local mode image

	image=$(hostile_image)
	cp "$ROOM_DIR/usr/bin/sleep" "$image/sleep"
	cp -a "$ROOM_DIR/lib" "$ROOM_DIR/lib64" "$ROOM_DIR/usr" "$image/" 2>/dev/null || true
	mkdir "$image/dir"
	python3 - "$image" <<-'END'
		import os, sys
		for f in ("sleep", "probe", "dir", "."):
		    f = os.path.join(sys.argv[1], f)
		    os.setxattr(f, "user.kept", b"1")
		    for name in ("trusted.overlay.opaque", "trusted.overlay.redirect", "security.selinux", "security.ima"):
		        os.setxattr(f, name, b"y")
		os.setxattr(os.path.join(sys.argv[1], "probe"), "security.capability", bytes.fromhex("0100000280000000") + bytes(12))
	END
	as_images "$image" >/dev/null
	for mode in U P; do
		run room "$mode" "$image.sqfs" /probe
		ran
		hold "$mode" "$image.sqfs"
		run into "$mode" python3 - "/proc/$PID/root" <<-'END'
			import os, sys
			for f in ("sleep", "probe", "dir", "."):
			    f = os.path.join(sys.argv[1], f)
			    print(*os.listxattr(f), os.getxattr(f, "user.kept"))
			    for name in ("trusted.overlay.opaque", "security.selinux", "security.capability", "security.ima"):
			        try:
			            print(name, os.getxattr(f, name))
			        except OSError as e:
			            assert e.errno in (61, 95, 1), e  # ENODATA, EOPNOTSUPP, EPERM
		END
		let_go
		assert_success "$(printf "user.kept b'1'\n%.0s" {1..4})"
		# with all of root's rights on the host there is no more to be seen
		[ "$mode" = P ] || continue
		hold P "$image.sqfs"
		run python3 -c 'import os, sys; print(*os.listxattr(sys.argv[1]))' "/proc/$PID/root/probe"
		let_go
		assert_success user.kept
	done
}

@test "T37 a file system of another kind is no image, and the kernel is not asked to try" {
	local mode kind

	need_command mke2fs
	truncate -s 4M "$SCRATCH/ext"
	mke2fs -q -F -d "$ROOM_DIR/usr/only-in-image" "$SCRATCH/ext" >&2
	{ head -c 1024 /dev/zero; printf '\342\341\365\340'; head -c 8000 /dev/zero; } >"$SCRATCH/erofs"
	{ printf '#!/usr/bin/env run-singularity\n'; cat "$SCRATCH/ext"; } >"$SCRATCH/old"
	chmod 0644 "$SCRATCH/ext" "$SCRATCH/erofs" "$SCRATCH/old"
	for mode in U P; do
		for kind in ext erofs old; do
			OUTSIDE="timeout 20" run room "$mode" "$SCRATCH/$kind" /probe
			assert_failure "$(refusal "$mode")"
			[ "$status" -ne 124 ]
			refute_output PROBE
		done
	done
}

# fuse_options U|P IMAGE: the root's line of mountinfo is what it always is
fuse_options()
{
	run room "$1" "$2" cat /proc/self/mountinfo
	assert_success
	[ "$(awk '$5 == "/" { print $4, $6, $(NF - 2), $(NF - 1), $NF }' <<<"$output")" = \
		"/ ro,nosuid,nodev,relatime fuse.berth berth ro,user_id=$CLUSTER_UID,group_id=$CLUSTER_UID,default_permissions,allow_other" ] ||
		fail "other options for $2"
	mounts_safe
}

@test "T46 mount options are always the same, whatever the image is called" {
	local mode name

	for name in 'allow_other,dev,suid' 'a,\,dev,suid' 'back\slash' 'fd=0,rootmode=0,user_id=0' '-o suid' ',' '\054dev' \
		$'line\nfeed' "$(printf 'n%.0s' {1..255})"; do
		cp "$ROOM_SQUASHFS" "$SCRATCH/$name"
		for mode in U P; do fuse_options "$mode" "$SCRATCH/$name"; done
		rm "$SCRATCH/$name"
	done
	# 10 KiB of options are no name of anything
	for mode in U P; do
		run room "$mode" "$SCRATCH/$(printf 'dev,%.0s' {1..2560})" /probe
		assert_failure
		contained
	done
	# nor do variables that others read change them
	for mode in U P; do
		OUTSIDE="env FUSE_OPTIONS=dev,suid MOUNT_OPTIONS=suid LIBMOUNT_FSTAB=$SCRATCH/fstab FUSERMOUNT=/bin/false" \
			fuse_options "$mode" "$ROOM_SQUASHFS"
	done
}

@test "T27 T46 a room's mounts cannot be taken away, nor given other options, from inside" {
	local mode image i

	cc -static -Os -D_GNU_SOURCE -o "$SCRATCH/detach" "$HARNESS/detach.c"
	image=$(hostile_image)
	cp "$SCRATCH/detach" "$image/detach"
	for i in $(as_images "$image"); do
		for mode in U P; do
			run room "$mode" "$i" /detach
			refute_output '^did '
			assert_output '^(tried as root|no namespace)'
		done
	done
	# and the program itself can: else it would show nothing
	run unshare -m "$SCRATCH/detach"
	assert_output '^did '
}

# neighbour CMD...: as a user whose number begins with ada's
neighbour()
{
	setpriv --reuid="${CLUSTER_UID}0" --regid="${CLUSTER_UID}0" --clear-groups "$@"
}

@test "T46 nor by another user, by a user whose number begins alike, or by the user outside" {
	local mode server dev who

	need_command fusermount3
	[ "${CLUSTER_UID}0" -lt 4294967295 ] || skip "hardware: ada's number is too long for a neighbour's"
	for mode in U P; do
		hold "$mode" "$ROOM_SQUASHFS"
		server=$(pgrep -u "$CLUSTER_UID" -x berth-imgfs)
		# nothing of it is in the host's table, where others unmount
		run grep -F fuse.berth /proc/self/mountinfo
		assert_failure
		for who in neighbour "setpriv --reuid=65534 --regid=65534 --clear-groups" as_user; do
			for dev in "/proc/$PID/root" "/proc/$PID/root/usr" "/proc/$PID/cwd" /; do
				run $who timeout 10 fusermount3 -u -z "$dev"
				assert_failure
				run $who timeout 10 umount -l "$dev"
				assert_failure
			done
		done
		for who in neighbour "setpriv --reuid=65534 --regid=65534 --clear-groups"; do
			for sig in KILL STOP USR1; do
				run $who kill -$sig "$server"
				assert_failure
			done
			run $who ls "/proc/$PID/root/" "/proc/$server/fd" "/proc/$server/root/"
			assert_failure
			refute_output only-in-image
		done
		# the kernel's switch for a connection is its user's
		dev=$(awk '$5 == "/" { split($3, d, ":"); print d[2] }' "/proc/$PID/mountinfo")
		if mountpoint -q /sys/fs/fuse/connections && [ -d "/sys/fs/fuse/connections/$dev" ]; then
			run neighbour sh -c "echo 1 >/sys/fs/fuse/connections/$dev/abort"
			assert_failure
		fi
		run into "$mode" head -c 1 "/proc/$PID/root/usr/only-in-image/data"
		assert_success
		let_go
	done
}

@test "T47 500 rooms at once over 16 images: each has its own, and no loop device is left" {
	local i

	mkdir "$SCRATCH/one"
	for i in {0..15}; do
		cp -a "$ROOM_DIR/lib" "$ROOM_DIR/lib64" "$ROOM_DIR/usr" "$ROOM_DIR/bin" "$SCRATCH/one/" 2>/dev/null || true
		echo "marker $i" >"$SCRATCH/one/marker"
		mksquashfs "$SCRATCH/one" "$SCRATCH/image-$i" -quiet -no-progress -comp gzip -Xcompression-level 1 >/dev/null
		chmod 0644 "$SCRATCH/image-$i"
	done
	stat -c '%n %u %g %a' /dev/loop* >"$SCRATCH/nodes" 2>/dev/null || true
	# "@": no part of the names in it, which are partly random
	# shellcheck disable=SC2016
	run as_user sh -c 'seq 0 499 | xargs -P 64 -I @ sh -c '\''echo "$((@ % 16)) $(berth exec '"$SCRATCH"'/image-$((@ % 16)) cat /marker)"'\'''
	assert_success
	[ "$(grep -cE '^([0-9]+) marker \1$' <<<"$output")" -eq 500 ] || fail "not each its own: $(grep -vE '^([0-9]+) marker \1$' <<<"$output" | head -n 5)"
	# shellcheck disable=SC2016
	run as_root sh -c 'seq 0 95 | xargs -P 16 -I @ sh -c '\''echo "$((@ % 16)) $('"$STEP_DRIVER"' --uid '"$CLUSTER_UID"' '"$SCRATCH"'/image-$((@ % 16)) cat /marker 2>/dev/null)"'\'''
	assert_success
	[ "$(grep -cE '^([0-9]+) marker \1$' <<<"$output")" -eq 96 ] || fail "under slurmstepd"
	run losetup -n -O BACK-FILE
	refute_output "$SCRATCH"
	stat -c '%n %u %g %a' /dev/loop* 2>/dev/null | cmp - "$SCRATCH/nodes"
}
