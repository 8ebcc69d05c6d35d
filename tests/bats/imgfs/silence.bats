#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# silence.bats - what was read once costs no request again, and a start costs the same for any image:
# counted by the server (berth-imgfs --stats; tests/harness/imgfs-count.c).
# Needs: root, /dev/fuse, mksquashfs, python3.

load imgfs

# KERNEL: statfs is asked each time and never cached; GNU find asks for it. It is counted apart.

setup_file()
{
	imgfs_file
	python3 "$HARNESS/odd-tree.py" "$T/tree"
	rm -r "$T/tree/attributes"
	cp "$(command -v ls)" "$T/tree/program"
	squash "$T/tree" plain -comp zstd
	# with attributes: questions for them are requests, and only those
	mkdir "$T/few"
	cp -r "$T/tree/owners" "$T/few/"
	python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.a", b"b")' "$T/few/owners/first"
	squash "$T/few" attributes -comp zstd
	python3 "$HARNESS/layers.py" oci "$T/layers"
	squash "$T/layers/top" top; squash "$T/layers/mid" mid; squash "$T/layers/base" base
}

teardown_file() { imgfs_file_end; }
setup() { imgfs_before; }
teardown() { imgfs_after; }

# counted SCRIPT OPTION... IMAGE: the script in the mount. "count CMD..." in it shows what CMD costs;
# "get NAME" is that number of the last count. "quiet none|statfs|attributes CMD...": it costs no
# request, or none but such; counted again if meanwhile the kernel's caches were dropped or short
# of memory, for what was read before is not known any more then.
counted()
{
	local script=$1

	shift
	run in_image "$@" "$T/mnt" bash -ec '
		cd "$2"
		count() { "$T/bin/imgfs-count" . "$@" 2>"$T/costs" >"$T/out"; }
		get() { awk -v n="$1" "\$1 == n { s = \$2 } END { print s + 0 }" "$T/costs"; }
		walk="$T/bin/imgfs-count --walk"
		reclaimed() { grep -E "^(drop_|pgsteal_)" /proc/vmstat || true; }
		quiet() {
			local what=$1 before allowed; shift
			for _ in {1..100}; do
				before=$(reclaimed) allowed=0
				count "$@"
				[ "$what" = none ] || allowed=$(get statfs)
				[ "$what" != attributes ] || allowed=$((allowed + $(get op22) + $(get op23)))
				[ "$(get requests)" != "$allowed" ] || return 0
				[ "$(reclaimed)" != "$before" ] || break
			done
			echo "$*:"; cat "$T/costs"; exit 1
		}
		'"$script" _ "$T" "$T/mnt"
	[ "$status" -eq 0 ] || fail "it asks"
}

@test "silence: a second walk that reads everything asks nothing" {
	counted '
		count $walk .
		[ "$(get requests)" -gt 1000 ]
		cp "$T/out" "$T/first"
		for i in 1 2 3; do quiet none $walk .; done
		cmp "$T/first" "$T/out"
		[ "$(cut -d" " -f1 "$T/out")" -gt 4000 ]' "$T/plain.sqfs"
}

@test "silence: find and cat ask for nothing but find's statfs" {
	counted '
		all() { find . -xdev -printf "%i %T@ %s %l\n" >/dev/null; find . -xdev -type f -exec cat {} + >/dev/null; }
		export -f all
		count bash -c all
		[ "$(get requests)" -gt "$(get statfs)" ]
		quiet statfs bash -c all
		[ "$(get statfs)" -le 4 ]' "$T/plain.sqfs"
}

@test "silence: ls -lR of an image without attributes, and the kernel is told so once" {
	counted '
		count ls -lR .
		[ "$(get op22)" -le 1 ] && [ "$(get op23)" -le 1 ] || { cat "$T/costs"; exit 1; }
		quiet statfs ls -lR .
		attributes="
import os
for d, _, names in os.walk(\".\"):
    for n in names:
        try:
            assert os.listxattr(os.path.join(d, n), follow_symlinks=False) == []
        except OSError as e:
            assert e.errno == 95, e  # EOPNOTSUPP: it knows none"
		python3 -c "$attributes"
		quiet none python3 -c "$attributes"' "$T/plain.sqfs"
}

@test "silence: an image with security.* only counts as one without" {
	mkdir -p "$T/secure"; echo x >"$T/secure/file"
	python3 -c 'import os, sys; os.setxattr(sys.argv[1], "security.other", b"b")' "$T/secure/file"
	squash "$T/secure" secure
	counted '
		ls -lR . >/dev/null
		quiet statfs ls -lR .' "$T/secure.sqfs"
}

@test "silence: with attributes, only questions for them are asked" {
	counted '
		count $walk .
		quiet none $walk .
		ls -lR . >/dev/null
		quiet attributes ls -lR .
		[ "$(get op22)" -gt 0 ] || [ "$(get op23)" -gt 0 ]' "$T/attributes.sqfs"
}

@test "silence: absent names, links, programs, mapped files, and files opened again" {
	counted '
		some() { for n in a b c/d; do [ ! -e "names/no-$n" ]; done; readlink kinds/link-60 >/dev/null
			./program -d / >/dev/null; head -c 5 sizes/half >/dev/null; cmp sizes/half sizes/half; test -w sizes/half || true; }
		export -f some
		count bash -c some; [ "$(get requests)" -gt 0 ]
		quiet none bash -c some
		count "$T/bin/imgfs-count" --map holes/middle; [ "$(get requests)" -gt 0 ]
		quiet none "$T/bin/imgfs-count" --map holes/middle
		quiet none cat holes/middle' "$T/plain.sqfs"
}

@test "silence: virtual entries and stacks, too" {
	counted '
		count $walk .; [ "$(get requests)" -gt 0 ]
		quiet none $walk .
		some() { cat etc/new-file; ls -d new/dir gone/file; [ ! -e gone/again/x ]; [ ! -e new/dir/x ]; }
		export -f some
		count bash -c some; [ "$(get requests)" -gt 0 ]
		quiet none bash -c some' -e d:/new/dir -e f:/etc/new-file -e f:/gone/file -i "$T/mid.sqfs" -i "$T/base.sqfs" "$T/top.sqfs"
}

@test "silence: an idle server does not wake" {
	# shellcheck disable=SC2016
	counted '
		$walk . >/dev/null
		woken() { cat /proc/$IMGFS_PID/task/*/status | grep ctxt_switches; cut -d" " -f14,15 /proc/$IMGFS_PID/stat; }
		sleep 0.3; a=$(woken); sleep 1; [ "$a" = "$(woken)" ] || { echo "it wakes"; exit 1; }' -w 4 "$T/plain.sqfs"
}

# The kernel wakes the worker that slept longest, so all that sleep there take turns. Reader and server
# have a CPU each: on one, who wakes the reader is off it before it can say that it waits again.
@test "silence: one reader wakes few of sixteen workers, before and after many readers" {
	# shellcheck disable=SC2016
	counted '
		woken() { grep -H ^voluntary /proc/$IMGFS_PID/task/*/status | sort; }
		few() {
			woken >"$T/woken-1"
			count python3 -c "import os; [os.statvfs(\".\") for i in range(3200)]"
			woken >"$T/woken-2"
			[ "$(get statfs)" -ge 3200 ] || { cat "$T/costs"; exit 1; }
			n=$(join "$T/woken-1" "$T/woken-2" | awk "\$3 - \$2 > 100" | wc -l)
			[ "$n" -ge 1 ] && [ "$n" -le 4 ] || { echo "$n workers were woken"; exit 1; }
		}
		cpus=($(python3 -c "import os; print(*sorted(os.sched_getaffinity(0)))"))
		pin() { taskset -acp "${cpus[0]}" $IMGFS_PID; taskset -cp "${cpus[-1]}" $$; } >/dev/null
		pin; few
		for d in ./*; do for i in 1 2 3; do find "$d" -type f -exec cat {} + >/dev/null & done; done; wait
		pin; few' -w 16 "$T/plain.sqfs"
}

# first_byte IMAGE [OPTION...]: requests and reads of the image until a byte of its first file is
# there, of one directory below the root.
first_byte()
{
	undropped run in_image "${@:2}" "$1" "$T/mnt" bash -ec '
		head -c 1 "$1/zz-first/program" >/dev/null
		"$2" --stats 9 9<"$1" | grep -E "^(requests|image_reads|unpacked|op_)"' _ "$T/mnt" "$IMGFS"
	[ "$status" -eq 0 ] || fail "no statistics"
	echo "$output"
}

@test "silence: until the first byte, 50,000 files cost what 50 cost" {
	local n kind

	for n in 50 50000; do
		python3 "$HARNESS/odd-tree.py" --files $n "$T/files-$n"
		mkdir "$T/files-$n/zz-first"
		head -c 131072 "$T/tree/program" >"$T/files-$n/zz-first/program"
		squash "$T/files-$n" "files-$n" -comp zstd -no-xattrs
		first_byte "$T/files-$n.sqfs" >"$T/costs-$n"
		# mount points that the image lacks are looked for, each by itself
		first_byte "$T/files-$n.sqfs" -e d:/zz-first/a -e f:/zz-first/b -e d:/c >"$T/binds-$n"
	done
	for kind in costs binds; do
		diff "$T/$kind-50" "$T/$kind-50000" >&2
		cat "$T/$kind-50" >&2
		# the root, its directory, the file and its bytes: no more than a handful each
		[ "$(awk '$1 == "requests" { print $2 }' "$T/$kind-50")" -le 8 ]
		[ "$(awk '$1 == "image_reads" { print $2 }' "$T/$kind-50")" -le 40 ]
	done
	[ "$(stat -c %s "$T/files-50000.sqfs")" -gt $((8 * $(stat -c %s "$T/files-50.sqfs"))) ]
	rm -rf "$T"/files-*
}

@test "silence: --stats tells every number of a descriptor, and of nothing else" {
	run in_image "$T/plain.sqfs" "$T/mnt" bash -c 'cat "$1/sizes/half" >/dev/null; "$2" --stats 9 9<"$1/sizes/half"' _ "$T/mnt" "$IMGFS"
	[ "$status" -eq 0 ] || fail "of a file"
	for n in requests forgets read_bytes raw_bytes image_reads image_bytes unpacked cache_hits cache_misses lock_takes \
		lock_waits load_waits damages workers sources; do
		grep -qE "^$n [0-9]+$" <<<"$output" || fail "no $n"
	done
	grep -qx 'read_bytes 270000' <<<"$output" || fail "270000 bytes were read"
	grep -qx 'damages 0' <<<"$output" && grep -qx 'sources 1' <<<"$output"
	run "$IMGFS" --stats 9 9<"$T"
	[ "$status" -eq 1 ] && [ -n "$output" ] || fail "of another file system"
	run "$IMGFS" --stats 9 9<&-
	[ "$status" -eq 1 ] || fail "of no descriptor"
	for n in -1 x "" 99999999999; do
		run "$IMGFS" --stats "$n"
		[ "$status" -eq 2 ] || fail "'$n'"
	done
}
