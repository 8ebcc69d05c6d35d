#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# security-races.bats - what is looked at and what is used are one: files, directories and bind
# sources that are exchanged meanwhile.
# Needs: root, cc, mksquashfs.
load security

@test "T14 a directory image whose directories are exchanged for links to the host" {
	local mode image

	image=$SCRATCH/image
	cp -a "$ROOM_DIR" "$image"
	mkdir -p "$image/d/old" "$image/mnt"
	ln -s "$DROP" "$image/link"
	chown -Rh "$CLUSTER_UID" "$image"
	swap "$image/d" "$image/link"
	for mode in U P; do
		swapped try_inside "$mode" --bind "$VICTIM:/d/x/y" --bind "$SCRATCH/src:/d/old" "$image" /probe
		swapped try_inside "$mode" --bind "$VICTIM:/d/new" "$image" /probe
		swapped try_mounts "$mode" --bind "$SCRATCH:/d/old" "$image"
	done
}

@test "T15 bind sources that are not the user's to reach" {
	local mode source

	ln -s "$SECRET" "$SCRATCH/to-secret"
	ln -s "$SECRET/exists" "$SCRATCH/to-flag"
	for mode in U P; do
		for source in "$SECRET/exists" "$SCRATCH/to-secret/exists" "$SCRATCH/to-flag" "/proc/1/root$SECRET/exists" \
			/proc/1/root /proc/1/cwd /proc/self/fd/0 /proc/self/root /proc/self/cwd /proc/self/ns/mnt; do
			run room "$mode" --bind "$source:/mnt/x" "$ROOM_DIR" cat /mnt/x
			assert_failure
			refute_output 'the flag'
		done
		# root's own directory may be bound, for it can be looked up, and stays closed
		run room "$mode" --bind "$SECRET:/mnt/x" "$ROOM_DIR" sh -c 'ls /mnt/x || cat /mnt/x/exists'
		assert_failure
		refute_output 'the flag|^exists'
	done
	# a directory of the user's that is exchanged for a link to root's
	mkdir "$SCRATCH/mine"
	echo mine >"$SCRATCH/mine/exists"
	chown -R "$CLUSTER_UID" "$SCRATCH/mine"
	swap "$SCRATCH/mine" "$SCRATCH/to-secret"
	try_source()
	{
		run room "$1" --bind "$SCRATCH/mine:/mnt/x" "$ROOM_DIR" cat /mnt/x/exists
		refute_output 'the flag'
	}
	for mode in U P; do swapped try_source "$mode"; done
}

@test "T16 an image that is exchanged after it was looked at" {
	local mode image other

	other=$(hostile_image other)
	rm "$other/berth-image"
	mksquashfs "$other" "$SECRET/image.sqfs" -quiet -no-progress >/dev/null
	chmod 0600 "$SECRET/image.sqfs"
	cp "$ROOM_SQUASHFS" "$SCRATCH/image.sqfs"
	ln -s "$SECRET/image.sqfs" "$SCRATCH/link.sqfs"
	chown -h "$CLUSTER_UID" "$SCRATCH/image.sqfs" "$SCRATCH/link.sqfs"
	swap "$SCRATCH/image.sqfs" "$SCRATCH/link.sqfs"
	for mode in U P; do swapped try_inside "$mode" "$SCRATCH/image.sqfs" /probe; done
	# an image file against a directory, and against noise of the same length
	cp "$ROOM_SQUASHFS" "$SCRATCH/a"
	mkdir "$SCRATCH/b"
	head -c "$(stat -c %s "$ROOM_SQUASHFS")" /dev/urandom >"$SCRATCH/noise"
	cp "$ROOM_SQUASHFS" "$SCRATCH/c"
	chown "$CLUSTER_UID" "$SCRATCH"/[abc] "$SCRATCH/noise"
	swap "$SCRATCH/a" "$SCRATCH/b"
	swap "$SCRATCH/c" "$SCRATCH/noise"
	for mode in U P; do
		swapped try_inside "$mode" "$SCRATCH/a" /probe
		swapped try_inside "$mode" "$SCRATCH/c" /probe
	done
}
