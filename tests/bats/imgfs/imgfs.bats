#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# imgfs.bats - berth-imgfs serves what the kernel's squashfs driver serves, adds what the view
# needs, asks for nothing twice, and leaves nothing behind.
# Needs: root, /dev/fuse, mksquashfs; loop devices for the comparison with the kernel. No Slurm,
# so it lies beside the suite whose set-up starts a cluster: bats tests/bats/imgfs

load imgfs

setup_file() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -c /dev/fuse ] || skip "needs /dev/fuse"
	command -v mksquashfs >/dev/null || skip "needs mksquashfs"
	T=$(mktemp -d "${TMPDIR:-/tmp}/berth-imgfs.XXXXXX")
	export T
	mkdir "$T/mnt" "$T/kmnt" "$T/tree"
	odd_tree "$T/tree"
	mksquashfs "$T/tree" "$T/odd.sqfs" -comp zstd -noappend -quiet -no-progress
	mkdir -p "$T/small/etc" "$T/small/usr/run" "$T/small/home"
	echo "image's" >"$T/small/etc/hosts"
	ln -s ../run/resolv.conf "$T/small/etc/resolv.conf"
	ln -s usr/run "$T/small/run"; ln -s loop "$T/small/loop"
	mksquashfs "$T/small" "$T/small.sqfs" -comp gzip -noappend -quiet -no-progress
}

teardown_file() { [ -z "$T" ] || rm -rf "$T"; }
setup() { MOUNTS_BEFORE=$(</proc/self/mountinfo); }
teardown() { [ "$(</proc/self/mountinfo)" = "$MOUNTS_BEFORE" ]; }

same_as_kernel() { # same_as_kernel IMAGE [OFFSET]
	need losetup -f
	mount -t squashfs -o "ro,loop,offset=${2:-0}" "$1" "$T/kmnt" || skip "needs: a kernel with squashfs"
	listing "$T/kmnt" >"$T/kernel.txt"
	umount "$T/kmnt"
	export -f listing
	# shellcheck disable=SC2016
	in_image "$1" "$T/mnt" bash -c 'listing "$1"' _ "$T/mnt" >"$T/imgfs.txt"
	diff "$T/kernel.txt" "$T/imgfs.txt" >&2
	[ "$(wc -l <"$T/imgfs.txt")" -gt 40000 ]
}

@test "every file, attribute and byte as the kernel's driver shows them" {
	same_as_kernel "$T/odd.sqfs"
}

@test "the same with small blocks and without fragments" {
	mksquashfs "$T/tree" "$T/small-blocks.sqfs" -b 4096 -no-fragments -comp gzip -noappend -quiet -no-progress
	same_as_kernel "$T/small-blocks.sqfs"
	rm "$T/small-blocks.sqfs"
}

@test "uncompressed, in blocks of 1 MiB, with one worker" {
	mksquashfs "$T/tree" "$T/raw.sqfs" -b 1M -noI -noD -noF -noappend -quiet -no-progress
	same_as_kernel "$T/raw.sqfs"
	rm "$T/raw.sqfs"
}

@test "behind the launch line of Singularity 2.x" {
	{ printf '#!/usr/bin/env run-singularity\n'; cat "$T/small.sqfs"; } >"$T/old.simg"
	run in_image "$T/old.simg" "$T/mnt" cat "$T/mnt/etc/hosts"
	[ "$status" = 0 ] && [ "$output" = "image's" ]
	run "$IMGFS" --locate 9 9<"$T/old.simg"
	[ "$output" = "31 $(stat -c %s "$T/small.sqfs")" ]
}

@test "a SIF made by berth build, found at its partition" {
	[ -x "$BUILD/berth-image" ] || skip "needs: the berth-image program"
	mkdir -p "$T/rootfs"
	cp -a "$T/small/." "$T/rootfs"
	"$BUILD/berth-image" build --force "$T/a.sif" "$T/rootfs"
	run in_image "$T/a.sif" "$T/mnt" cat "$T/mnt/etc/hosts"
	echo "$output"
	[ "$status" = 0 ] && [ "$output" = "image's" ]
	run "$IMGFS" --locate 9 9<"$T/a.sif"
	[ "$status" = 0 ]
	[ "$(dd if="$T/a.sif" bs=1 skip="${output% *}" count=4 status=none)" = hsqs ]
}

@test "entries that the image lacks appear, where they are wanted and nowhere else" {
	# shellcheck disable=SC2016
	run in_image -e d:/gpfs/project/x -e f:/etc/resolv.conf -e f:/etc/hosts -e d:/run/munge \
		-e d:/home -e f:/loop -e d:/gpfs/project "$T/small.sqfs" "$T/mnt" bash -ec '
		cd "$1"
		[ -d gpfs/project/x ] && [ -d usr/run/munge ] && [ -L run ]
		[ -f etc/resolv.conf ] && [ ! -L etc/resolv.conf ] && [ ! -s etc/resolv.conf ]
		[ "$(cat etc/hosts)" = "image'\''s" ]
		[ -f loop ] && [ ! -L loop ]
		ls -a . etc gpfs gpfs/project/.. usr/run
		[ "$(stat -c %h gpfs)" = 3 ]
		[ "$(find . | wc -l)" = "$(find . -printf "%i\n" | sort -u | wc -l)" ]
		mount --bind /proc gpfs/project/x && [ -e gpfs/project/x/self ] && umount gpfs/project/x
		! touch gpfs/y 2>/dev/null
	' _ "$T/mnt"
	echo "$output"
	[ "$status" = 0 ]
	[ "$(grep -cx resolv.conf <<<"$output")" = 1 ]
	[ "$(grep -cx gpfs <<<"$output")" = 1 ]
}

@test "a path asked for as file and as directory is refused" {
	run in_image -e d:/a/b -e f:/a "$T/small.sqfs" "$T/mnt" true
	[ "$status" = 98 ]
	[[ "$output" = *"as a file and as a directory"* ]]
}

@test "open and opendir are asked once; nothing is asked of a warm tree" {
	need command -v strace
	# shellcheck disable=SC2016
	run in_image -w 1 "$T/odd.sqfs" "$T/mnt" bash -ec '
		warm() { find "$1/sub" -printf "%i %T@\n" >/dev/null; cat "$1"/sub/frag* >/dev/null; readlink "$1/link" >/dev/null
			[ ! -e "$1/absent" ]; }
		warm "$1"; warm "$1"
		strace -f -o "$2" -e trace=read,writev,pread64 -p "$IMGFS_PID" 2>/dev/null & s=$!
		for i in {1..50}; do grep -q "TracerPid:	[1-9]" "/proc/$IMGFS_PID/status" && break; sleep 0.1; done
		grep -q "TracerPid:	[1-9]" "/proc/$IMGFS_PID/status"
		warm "$1"
		kill "$s"; wait "$s" || true
	' _ "$T/mnt" "$T/strace.txt"
	echo "$output"
	[ "$status" = 0 ]
	run cat "$T/strace.txt"
	echo "$output"
	# find asks for statfs (opcode 17) each time; nothing else may come
	[ "$(grep -c 'writev(' <<<"$output")" = "$(grep -c '"[^"]*\\0\\0\\0\\21\\0\\0\\0' <<<"$output")" ]
}

@test "a killed server means ENOTCONN at once, not a hang" {
	# shellcheck disable=SC2016
	run timeout 10 "$IMGFS_MOUNT" -s "$IMGFS" "$T/odd.sqfs" "$T/mnt" bash -c '
		exec 8<"$1/random"
		kill -9 "$IMGFS_PID"; sleep 0.2
		stat "$1/text"; head -c 1 <&8; ls "$1"; exit 7' _ "$T/mnt"
	[ "$status" = 7 ]
	[ "$(grep -c 'Transport endpoint is not connected' <<<"$output")" -ge 2 ]
}

@test "the server ends with the last process, and ignores signals before" {
	# shellcheck disable=SC2016
	run in_image "$T/small.sqfs" "$T/mnt" bash -ec '
		for s in HUP INT TERM USR1 USR2 PIPE TSTP ALRM 34 64; do kill -$s "$IMGFS_PID"; done
		[ "$(cat "$1/etc/hosts")" = "image'\''s" ]; echo "$IMGFS_PID"' _ "$T/mnt"
	[ "$status" = 0 ]
	for _ in {1..50}; do
		[ -e "/proc/$output/exe" ] || break
		sleep 0.1
	done
	run readlink "/proc/$output/exe" # a zombie where nobody reaps, nothing else
	[ "$status" != 0 ]
}

@test "only the server holds the fuse descriptors; it has no rights" {
	# shellcheck disable=SC2016
	run in_image -w 4 -u 65534 "$T/small.sqfs" "$T/mnt" bash -ec '
		[ "$(find /proc/$IMGFS_PID/fd -lname /dev/fuse | wc -l)" = 4 ]
		[ "$(find /proc/$IMGFS_PID/fd -lname "socket:*" | wc -l)" = 0 ]
		[ "$(find /proc/self/fd /proc/$$/fd -lname /dev/fuse | wc -l)" = 0 ]
		grep -E "^(Cap|NoNew|Seccomp:|Uid)" /proc/$IMGFS_PID/status
		cat "$1/etc/hosts"' _ "$T/mnt"
	echo "$output"
	[ "$status" = 0 ]
	[ "$(grep -c '^Cap.*0000000000000000$' <<<"$output")" -ge 4 ]
	grep -q '^NoNewPrivs:	1' <<<"$output"
	# the sanitizers' own system calls cannot be foreseen: no filter there
	ldd "$IMGFS" | grep -q libasan || grep -q '^Seccomp:	2' <<<"$output"
	# where it may, it also leaves the file system
	# shellcheck disable=SC2016
	run in_image "$T/small.sqfs" "$T/mnt" bash -c 'readlink /proc/$IMGFS_PID/root; ls /proc/$IMGFS_PID/root/etc'
	echo "$output"
	[[ "$output" != "/"$'\n'* ]]
	grep -q "root/etc': No such file" <<<"$output"
}

@test "a damaged image gives EIO and a line in the log, and the server lives on" {
	cp "$T/odd.sqfs" "$T/bad.sqfs"
	# behind the random files, which are stored as they are and have no check sum
	dd if=/dev/zero of="$T/bad.sqfs" bs=1000 seek=1140 count=60 conv=notrunc status=none
	# shellcheck disable=SC2016
	run in_image "$T/bad.sqfs" "$T/mnt" bash -c '
		cat "$1"/random "$1"/text "$1"/sub/frag* "$1"/oneblock >/dev/null
		cat "$1/link" && ls /proc/$IMGFS_PID/exe' _ "$T/mnt"
	echo "$output"
	[ "$status" = 0 ]
	grep -q 'Input/output error' <<<"$output"
	grep -q 'berth-imgfs: the image is damaged' <<<"$output"
}

@test "a file cut short under the server gives EIO" {
	cp "$T/odd.sqfs" "$T/cut.sqfs"
	# shellcheck disable=SC2016
	run in_image "$T/cut.sqfs" "$T/mnt" bash -c '
		truncate -s 4096 "$2"; cat "$1/random" >/dev/null; ls /proc/$IMGFS_PID/exe' _ "$T/mnt" "$T/cut.sqfs"
	echo "$output"
	[ "$status" = 0 ]
	grep -q 'Input/output error' <<<"$output"
}

@test "what is no image, or a cut one, is refused with a reason" {
	head -c 60000 "$T/small.sqfs" | head -c 300 >"$T/short.sqfs"
	run in_image "$T/short.sqfs" "$T/mnt" true
	[ "$status" = 98 ] && [[ "$output" = *"cut short"* ]]
	echo "no image at all, whatever its length may be, and this is long enough to be looked at: 128 bytes
	are read of the beginning at least" >"$T/text.sqfs"
	run in_image "$T/text.sqfs" "$T/mnt" true
	[ "$status" = 98 ] && [[ "$output" = *"neither SIF nor squashfs"* ]]
	run "$IMGFS" --locate 9 9<"$T/text.sqfs"
	[ "$status" = 1 ]
	run "$IMGFS"
	[ "$status" = 2 ]
}
