#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# differential.bats - generated images, entry by entry and byte by byte as the kernel's driver
# shows them: compressors, block sizes, what mksquashfs may leave out, tar2sqfs, Apptainer.
# Needs: root, /dev/fuse, mksquashfs 4.5, tar2sqfs, python3; loop devices and the kernel's squashfs.

load imgfs

setup_file()
{
	imgfs_file
	need_kernel_squashfs
	python3 "$HARNESS/odd-tree.py" "$T/tree"
}

teardown_file() { imgfs_file_end; }
setup() { imgfs_before; }
teardown() { imgfs_after; }

# beside_kernel IMAGE KERNELS_IMAGE [OPTION...]: tree-diff of the kernel's mount of one and our
# mount of the other; the offset is found by our server.
beside_kernel()
{
	local at

	at=$("$IMGFS" --locate 9 9<"$2")
	# shellcheck disable=SC2016
	run in_image "$1" "$T/mnt" bash -c '
		mount -t squashfs -o "ro,loop,offset=$1" "$2" "$3" || exit 97
		exec python3 "$4" "${@:6}" "$3" "$5"' _ "${at% *}" "$2" "$T/kmnt" "$HARNESS/tree-diff.py" "$T/mnt" "${@:3}"
	[ "$status" -ne 97 ] || skip "hardware: this kernel does not mount ${2##*/}"
	[ "$status" -eq 0 ] || fail "not as the kernel shows it: ${1##*/}"
}

# same NAME [MKSQUASHFS OPTION...]: the odd tree as that image, in both mounts; nothing was left out.
same()
{
	squash "$T/tree" "$1" "${@:2}"
	beside_kernel "$T/$1.sqfs" "$T/$1.sqfs"
	[[ $output =~ ([0-9]+)\ entries,\ ([0-9]+)\ bytes ]]
	[ "${BASH_REMATCH[1]}" -gt 4000 ] && [ "${BASH_REMATCH[2]}" -gt 25000000 ]
	rm "$T/$1.sqfs"
}

@test "differential: gzip" {
	same gzip -comp gzip
	same gzip-4k -comp gzip -b 4K
	same gzip-64k -comp gzip -b 64K -Xcompression-level 1 -Xwindow-size 8
	same gzip-1m -comp gzip -b 1M -Xstrategy huffman_only,filtered
}

@test "differential: xz" {
	same xz -comp xz
	same xz-4k -comp xz -b 4K
	same xz-1m -comp xz -b 1M -Xdict-size 50%
	same xz-bcj -comp xz -Xbcj x86,arm,armthumb,powerpc,sparc,ia64 -b 64K
}

@test "differential: lz4" {
	same lz4 -comp lz4
	same lz4-4k -comp lz4 -b 4K
	same lz4-1m -comp lz4 -b 1M -Xhc
}

@test "differential: zstd" {
	same zstd -comp zstd
	same zstd-4k -comp zstd -b 4K
	same zstd-16k -comp zstd -b 16K -Xcompression-level 1
	same zstd-1m -comp zstd -b 1M -Xcompression-level 19
}

# The kernel has no driver for it, so the same tree in another image is what it must look like.
@test "differential: lzma" {
	squash "$T/tree" plain
	squash "$T/tree" lzma -comp lzma
	beside_kernel "$T/lzma.sqfs" "$T/plain.sqfs" --content
	squash "$T/tree" lzma-1m -comp lzma -b 1M
	beside_kernel "$T/lzma-1m.sqfs" "$T/plain.sqfs" --content
	rm "$T"/lzma*.sqfs "$T/plain.sqfs"
}

@test "differential: lzo is refused with a reason" {
	squash "$T/tree" lzo -comp lzo
	run in_image "$T/lzo.sqfs" "$T/mnt" true
	[ "$status" -eq 98 ] && [[ $output == *compress* ]] || fail "lzo"
	rm "$T/lzo.sqfs"
}

@test "differential: every block size" {
	local size

	for size in 8K 32K 256K 512K; do same "block-$size" -comp zstd -Xcompression-level 1 -b "$size"; done
}

@test "differential: nothing compressed, or only a part" {
	local part

	same raw -noI -noId -noD -noF -noX
	for part in -noI -noD -noF -noX -noId; do same "raw$part" "$part"; done
	same raw-4k -b 4K -noI -noD -noF -noX
	same raw-1m -b 1M -noD -noF
}

@test "differential: fragments for none and for all" {
	same no-fragments -no-fragments
	same no-fragments-4k -no-fragments -b 4K -noD
	same tails -always-use-fragments # tail packing
	same tails-4k -always-use-fragments -b 4K
	same tails-1m -always-use-fragments -b 1M -comp zstd
}

@test "differential: without export table, attributes, sparse blocks, shared blocks, padding" {
	same no-exports -no-exports
	same no-xattrs -no-xattrs
	same not-sparse -no-sparse
	same not-shared -no-duplicates
	same all-of-it -no-exports -no-xattrs -no-sparse -no-duplicates -no-fragments -noI -noId -noD -noF -noX
	# a loop device ends with a whole sector
	squash "$T/tree" no-pad -nopad
	cp "$T/no-pad.sqfs" "$T/padded.sqfs"
	truncate -s %4096 "$T/padded.sqfs"
	[ "$(stat -c %s "$T/no-pad.sqfs")" -ne "$(stat -c %s "$T/padded.sqfs")" ]
	beside_kernel "$T/no-pad.sqfs" "$T/padded.sqfs"
	rm "$T"/*pad*.sqfs
}

@test "differential: set ids and modes for all" {
	same all-root -all-root
	same forced -force-uid 4294967294 -force-gid 3 -root-mode 0711
}

@test "differential: a file of more than 4 GiB" {
	python3 "$HARNESS/odd-tree.py" --large "$T/large"
	squash "$T/large" large -comp zstd
	beside_kernel "$T/large.sqfs" "$T/large.sqfs"
	rm -r "$T"/large*
}

@test "differential: a directory of more than 100,000 entries" {
	python3 "$HARNESS/odd-tree.py" --entries 100003 "$T/entries"
	squash "$T/entries" entries -comp zstd
	beside_kernel "$T/entries.sqfs" "$T/entries.sqfs"
	[[ $output == "100005 entries"* ]]
	# one name is found without all others being looked at, from the first to the last
	# shellcheck disable=SC2016
	run in_image "$T/entries.sqfs" "$T/mnt" bash -c 'cd "$1/many" && for i in 0 1 9 99999 100002 50000; do
		[ -f "an-entry-of-a-large-directory-$i" ] || exit; done; ! [ -e an-entry-of-a-large-directory-100003 ]' _ "$T/mnt"
	[ "$status" -eq 0 ] || fail "a name is missing"
	rm -r "$T"/entries*
}

@test "differential: made by tar2sqfs" {
	local comp

	need command -v tar2sqfs
	# sockets do not go into tar archives
	tar -C "$T/tree" --xattrs --xattrs-include='user.*' --exclude='./kinds/socket*' -c . >"$T/tree.tar" 2>/dev/null
	for comp in gzip xz lz4 zstd; do
		tar2sqfs -q -f -c "$comp" "$T/tar.sqfs" <"$T/tree.tar" >&2
		beside_kernel "$T/tar.sqfs" "$T/tar.sqfs"
	done
	tar2sqfs -q -f -e -x -T -b 4096 "$T/tar.sqfs" <"$T/tree.tar" >&2 # export table, no attributes, no tail packing
	beside_kernel "$T/tar.sqfs" "$T/tar.sqfs"
	rm "$T"/tar.sqfs "$T/tree.tar"
}

@test "differential: made by Apptainer 1.4.5" {
	gzip -dc "$BATS_TEST_DIRNAME/../../data/apptainer-1.4.5.sif.gz" >"$T/apptainer.sif"
	beside_kernel "$T/apptainer.sif" "$T/apptainer.sif"
	run in_image "$T/apptainer.sif" "$T/mnt" "$T/mnt/usr/hi"
	[ "$status" -eq 0 ] && [ "$output" = hi ] || fail "its program"
	rm "$T/apptainer.sif"
}

@test "differential: made by berth build" {
	need test -x "$BUILD/berth-image"
	"$BUILD/berth-image" build "$T/berth.sif" "$T/tree" >&2
	beside_kernel "$T/berth.sif" "$T/berth.sif"
	rm "$T/berth.sif"
}
