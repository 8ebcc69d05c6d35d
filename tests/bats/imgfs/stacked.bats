#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# stacked.bats - several images one over the other: what overlayfs shows of the kernel's mounts of
# the same layers, for overlayfs's marks and for those of OCI layers.
# Needs: root, /dev/fuse, mksquashfs, python3; overlayfs, squashfs and loop devices of the kernel.

load imgfs

setup_file()
{
	local form

	imgfs_file
	need_kernel_squashfs
	grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || skip "hardware: this kernel has no overlayfs"
	for form in trusted user oci; do
		python3 "$HARNESS/layers.py" $form "$T/$form"
		squash "$T/$form/top" $form-top -comp gzip -b 64K
		squash "$T/$form/mid" $form-mid -comp zstd -b 1M -noI -no-fragments
		squash "$T/$form/base" $form-base -comp xz -b 4K
	done
	mkdir "$T/a" "$T/b" "$T/c"
}

teardown_file() { imgfs_file_end; }
setup() { imgfs_before; }
teardown() { imgfs_after; }

# in_stack FORM [OPTION...] -- CMD...: CMD with the three layers at $T/mnt
in_stack()
{
	local form=$1 opt=()

	shift
	while [ "$1" != -- ]; do opt+=("$1"); shift; done
	in_image "${opt[@]}" -i "$T/$form-mid.sqfs" -i "$T/$form-base.sqfs" "$T/$form-top.sqfs" "$T/mnt" "${@:2}"
}

# beside_overlayfs OURS KERNELS [MOUNT OPTION]: the kernel stacks its mounts of the layers KERNELS.
beside_overlayfs()
{
	# shellcheck disable=SC2016
	run in_stack "$1" -- bash -c '
		cd "$1" || exit
		mount -o ro,loop "$2-top.sqfs" a && mount -o ro,loop "$2-mid.sqfs" b && mount -o ro,loop "$2-base.sqfs" c &&
			mount -t overlay -o "ro,lowerdir=a:b:c$3" overlay kmnt || exit 97
		exec python3 "$4" --overlay kmnt mnt' _ "$T" "$2" "${3:-}" "$HARNESS/tree-diff.py"
	[ "$status" -ne 97 ] || skip "hardware: this kernel does not stack squashfs"
	[ "$status" -eq 0 ] || fail "$1 is not as the kernel shows $2"
	[[ $output =~ ([0-9]+)\ entries ]] && [ "${BASH_REMATCH[1]}" -gt 3000 ]
}

@test "stacked: whiteouts and opaque directories as overlayfs marks them" {
	beside_overlayfs trusted trusted
	beside_overlayfs user user ,userxattr
}

@test "stacked: whiteouts and opaque directories as OCI layers mark them" {
	beside_overlayfs oci trusted
}

@test "stacked: no mark is shown, none is found by its name" {
	local form

	for form in trusted oci; do
		# shellcheck disable=SC2016
		run in_stack $form -- bash -c 'cd "$1" && find . -name ".wh.*" -o -type c ! -name null
			for f in gone/file gone/.wh.file opaque/.wh..wh..opq opaque/old many/entry-0 many/.wh.entry-0 twice/one only-mid; do
				[ ! -e "$f" ] && [ ! -L "$f" ] || echo "$f"; done
			ls gone twice
			python3 -c "import os
for f in (\"opaque\", \"kinds/x\", \"new-and-opaque\", \".\"):
    try:
        print(*(n for n in os.listxattr(f) if \"overlay\" in n), end=\"\")
    except OSError as e:
        assert e.errno == 95, e  # EOPNOTSUPP: it knows none"' _ "$T/mnt"
		[ "$output" = $'gone:\nagain\nkept\nonly-mid\n\ntwice:' ] || fail "$form"
	done
}

# An image alone is what it is: names and devices that would be marks in a stack are its own.
@test "stacked: marks in a single image hide nothing" {
	# shellcheck disable=SC2016
	run in_image "$T/oci-mid.sqfs" "$T/mnt" bash -c 'ls -a "$1/twice" "$1/opaque"' _ "$T/mnt"
	[[ $output == *.wh.one* ]] && [[ $output == *.wh..wh..opq* ]] || fail "OCI"
	# shellcheck disable=SC2016
	run in_image "$T/trusted-mid.sqfs" "$T/mnt" bash -c 'stat -c %F,%t,%T "$1/twice/one"' _ "$T/mnt"
	[ "$output" = "character special file,0,0" ] || fail "overlay"
}

@test "stacked: the order of the images is the order of the layers" {
	# shellcheck disable=SC2016
	run in_image -i "$T/trusted-top.sqfs" -i "$T/trusted-mid.sqfs" "$T/trusted-base.sqfs" "$T/mnt" \
		bash -c 'cd "$1" && head -qn 1 etc/hosts etc/conf.d/b gone/file gone/dir/x etc/new only-top; stat -c %a modes' _ "$T/mnt"
	[ "$output" = "\
base: etc/hosts
base: etc/conf.d/b
base: gone/file
base: gone/dir/x
top: etc/new
top: only-top
700" ] || fail "upside down"
}

@test "stacked: inode numbers are one each, and the same in every mount" {
	local i

	for i in first second; do
		# shellcheck disable=SC2016
		run in_stack trusted -e d:/etc/new-dir/x -- bash -c '
			cd "$1" && find . -printf "%i %p\n" | sort >"$2"
			stat -c %i etc/hard only-base/hard file | uniq | wc -l' _ "$T/mnt" "$T/$i"
		[ "$status" -eq 0 ] && [ "$output" = 1 ] || fail "hard links"
	done
	cmp "$T/first" "$T/second"
	# names of one file share a number, and nothing else does
	[ "$(cut -d' ' -f1 "$T/first" | uniq -d | wc -l)" -eq 1 ]
}

@test "stacked: virtual entries over merged, hidden and opaque directories" {
	# shellcheck disable=SC2016
	run in_stack oci -e d:/etc/conf.d/sub/v -e f:/gone/file -e d:/gone/dir -e d:/opaque/old -e f:/twice/one \
		-e d:/only-mid/x -e f:/link -e f:/etc/hosts -e d:/kinds/link-over-dir/v -- bash -ec '
		cd "$1"
		[ -d etc/conf.d/sub/v ] && [ -f etc/conf.d/sub/c ] && [ -f etc/conf.d/sub/e ]
		[ -f gone/file ] && [ ! -s gone/file ] && [ -d gone/dir ] && [ -z "$(ls gone/dir)" ]
		[ -d opaque/old ] && [ -f opaque/new ] && [ -f opaque/keep/newest ]
		[ -f twice/one ] && [ ! -s twice/one ]
		[ -d only-mid/x ] && [ "$(ls only-mid)" = x ]
		[ -f link ] && [ ! -L link ]
		[ -s etc/hosts ]
		for d in . gone twice opaque etc only-mid; do ls -a "$d" | sort | uniq -d; done' _ "$T/mnt"
	[ "$status" -eq 0 ] && [ -z "$output" ] || fail "virtual entries"
}

@test "stacked: 128 images, and one more is refused" {
	local i opt=()

	for i in {1..128}; do
		rm -rf "$T/one"; mkdir -p "$T/one/shared/d$((i % 8))"
		echo "$i" | tee "$T/one/top" "$T/one/shared/f$i" >"$T/one/shared/d$((i % 8))/f$i"
		# each 16th takes away what the one below it brought
		[ $((i % 16)) -ne 0 ] || mknod "$T/one/shared/f$((i - 1))" c 0 0
		squash "$T/one" "n$i" -comp gzip
		[ "$i" -eq 128 ] || opt=(-i "$T/n$i.sqfs" "${opt[@]}")
	done
	# shellcheck disable=SC2016
	run in_image "${opt[@]}" "$T/n128.sqfs" "$T/mnt" bash -c '
		cd "$1" && cat top shared/f1 shared/f128 shared/d0/f8 && ls shared | wc -l && find . -type f | wc -l
		cat shared/f* shared/*/f* | sort -n | uniq -c | sed "s/^ *\([0-9]\) .*/\1/" | sort | uniq -c' _ "$T/mnt"
	[ "$status" -eq 0 ]
	# 120 of 128 files and eight directories; with "top" and those in the directories, 249 files
	[ "$(tr -s ' \n' ' ' <<<"$output")" = "128 1 128 8 128 249 8 1 120 2 " ] || fail "128 images"
	opt+=(-i "$T/n1.sqfs")
	run in_image "${opt[@]}" "$T/n128.sqfs" "$T/mnt" true
	[ "$status" -eq 2 ] || [ "$status" -eq 98 ] || fail "129 images"
	rm "$T"/n[0-9]*.sqfs
}

@test "stacked: a damaged layer is EIO for its own files and no other's" {
	cp "$T/trusted-base.sqfs" "$T/bad.sqfs"
	# the data and fragments of the lowest; its tables, which begin at the number at 64, stay whole
	dd if=/dev/zero of="$T/bad.sqfs" bs=1 seek=96 conv=notrunc status=none \
		count="$(($(od -An -tu8 -j64 -N8 "$T/bad.sqfs") - 96))"
	# shellcheck disable=SC2016
	run in_image -i "$T/trusted-mid.sqfs" -i "$T/bad.sqfs" "$T/trusted-top.sqfs" "$T/mnt" bash -c '
		cd "$1" && ls many | wc -l && cat only-top opaque/new etc/conf.d/d gone/again >/dev/null && echo fine
		cat etc/passwd many/* 2>&1 >/dev/null | tail -n 3; ls /proc/$IMGFS_PID/exe' _ "$T/mnt"
	[ "$status" -eq 0 ] && [[ $output == *fine* ]] || fail "the others"
	[[ $output == *"Input/output error"* ]] && [[ $output == *"berth-imgfs: the image is damaged"* ]] || fail "the damaged"
	rm "$T/bad.sqfs"
}

@test "stacked: what is no image is refused, in whatever place" {
	local place

	printf 'no image at all, of whatever kind, and long enough to be looked at%.0s' {1..4} >"$T/text"
	for place in 1 2 3; do
		set -- "$T/trusted-top.sqfs" "$T/trusted-mid.sqfs" "$T/trusted-base.sqfs"
		set -- "${@:1:place-1}" "$T/text" "${@:place+1}"
		run in_image -i "$2" -i "$3" "$1" "$T/mnt" true
		[ "$status" -eq 98 ] && [[ $output == *"neither SIF nor squashfs"* ]] || fail "place $place"
	done
}
