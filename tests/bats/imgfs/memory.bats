#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# memory.bats - the server's resident memory: 16 MiB and the cache at most, after everything of an
# image of 100,000 files was read by many; and after 10^6 requests what it was after 10^5.
# Needs: root, /dev/fuse, mksquashfs, tar2sqfs, python3.

load imgfs

setup_file()
{
	imgfs_file
	need command -v tar2sqfs
	python3 "$HARNESS/odd-tree.py" --tar 100000 | tar2sqfs -q -f -c zstd -X level=3 "$T/files.sqfs" >&2
}

teardown_file() { imgfs_file_end; }
setup() { imgfs_before; }
teardown() { imgfs_after; }

# The sanitizers keep what was freed.
need_plain() { ! ldd "$IMGFS" 2>/dev/null | grep -q libasan || skip "hardware: measured without sanitizers only"; }

# after_reading_all CACHE_MIB|0 WORKERS IMAGE: prints VmHWM in KiB
after_reading_all()
{
	local opt=()

	[ "$1" = 0 ] || opt=(-c $(($1 << 20)))
	# shellcheck disable=SC2016
	run in_image "${opt[@]}" -w "$2" "$3" "$T/mnt" bash -c '
		for d in "$1" "$1" "$1"/*[02468] "$1"/*[13579]; do "$2" --walk "$d" & done >"$3"
		wait
		grep -E "^(VmHWM|Rss.*):" /proc/$IMGFS_PID/status' _ "$T/mnt" "$T/bin/imgfs-count" "$T/walked"
	[ "$status" -eq 0 ] || fail "it was not read"
	echo "$output, $(sort -n "$T/walked" | tail -n 1)" >&2
	sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' <<<"$output" | head -n 1
}

@test "memory: 16 MiB and the cache, after twelve readers of 100,000 files" {
	local cache workers got

	need_plain
	while read -r cache workers; do
		got=$(after_reading_all "$cache" "$workers" "$T/files.sqfs")
		echo "cache $cache MiB, $workers workers: $got KiB" >&2
		# LIMIT: the default is 8 MiB
		[ "$got" -le $(((16 + (cache ? cache : 8)) * 1024)) ] || fail "it is larger"
	done <<<$'0 1\n0 4\n1 16\n64 4'
	grep -q '^101010 entries, 27766895 bytes$' "$T/walked" || fail "not everything was read"
}

@test "memory: blocks of 1 MiB, every compressor, and blocks that are stored as they are" {
	local comp got

	need_plain
	mkdir "$T/tree"
	seq 1 1000000 >"$T/tree/text"
	head -c 10M /dev/urandom >"$T/tree/random"
	for comp in "-comp gzip" "-comp xz" "-comp lz4" "-comp zstd" "-comp lzma" "-noD -noI -noF"; do
		# shellcheck disable=SC2086
		squash "$T/tree" large -b 1M $comp
		got=$(after_reading_all 0 4 "$T/large.sqfs")
		echo "$comp: $got KiB" >&2
		[ "$got" -le $(((16 + 8) * 1024)) ] || fail "it is larger: $comp"
	done
	rm -r "$T/tree"
}

@test "memory: nothing grows with 10^6 requests" {
	need_plain
	mkdir "$T/tree"
	head -c 16M /dev/urandom >"$T/tree/random"
	python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.some", b"value")' "$T/tree/random"
	squash "$T/tree" random -comp zstd -b 64K
	# shellcheck disable=SC2016
	run in_image -w 2 "$T/random.sqfs" "$T/mnt" bash -c '
		rss() { awk "/^VmRSS:/ { print \$2 }" /proc/$IMGFS_PID/status; }
		ask() { "$2/bin/imgfs-count" --ask 280000 $((3 * $1 * 1000000)) "$3/random" & "$2/bin/imgfs-count" --ask 280000 $((7 * $1 * 1000000)) "$3/random"; wait; }
		"$1/bin/imgfs-count" --ask 100000 1 "$2/random" && first=$(rss)
		for i in 1 2; do ask $i "$1" "$2"; done
		requests=$("$3" --stats 9 9<"$2" | sed -n "s/^requests //p")
		echo "$first $(rss) $requests"
		"$3" --stats 9 9<"$2"' _ "$T" "$T/mnt" "$IMGFS"
	[ "$status" -eq 0 ] || fail "asking"
	read -r first last requests <<<"$(grep -E '^[0-9]+ [0-9]+ [0-9]+$' <<<"$output")"
	echo "$first KiB, then $last KiB after $requests requests" >&2
	[ "$requests" -ge 1000000 ] || fail "too few requests reach it"
	# LIMIT: what an allocator may round up to, once
	[ "$last" -le $((first + 512)) ] || fail "it grows"
}
