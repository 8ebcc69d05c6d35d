#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# hostile.bats - images with one thing wrong each (tests/harness/badsquash.py): the server refuses
# them or serves what is right, says EIO for the rest and one line in the log, and stays small and
# alive. T35 and T39 name the scenarios, as in security.bash.
# Needs: root, /dev/fuse, mksquashfs, python3.

load imgfs

setup_file()
{
	imgfs_file
	python3 "$HARNESS/badsquash.py" "$T/bad"
	# what a job does with an image: list it, look at all, read all, ask for attributes
	cat >"$T/walk" <<-'END'
		cd "$1" || exit 3
		timeout 20 find . -printf '%y %p\n' 2>&1 | head -n 100000 >"$2/found"
		[ "${PIPESTATUS[0]}" -ne 124 ] || echo "find does not end"
		timeout 20 ls -lR . >/dev/null 2>"$2/told"
		timeout 20 find . -type f -exec head -c 3M {} + >/dev/null 2>>"$2/told" || true
		for i in first inner dir/inner link last absent; do cat "$i" >/dev/null 2>>"$2/told"; stat "$i" >/dev/null 2>>"$2/told"; done
		case $3 in good-xattr | xattrs-*) timeout 20 python3 "$2/ask" >>"$2/told" || echo "asking for attributes does not end" ;; esac
		grep -hE 'Input/output error|Too many levels|File system loop|Stale|Structure needs' "$2/found" "$2/told" | head -n 1 >"$2/verdict"
		awk '/^VmHWM:/ && $2 > 65536 { print "it has grown to " $2 " KiB" }' "/proc/$IMGFS_PID/status"
		readlink "/proc/$IMGFS_PID/exe" >/dev/null || echo "the server is dead"
	END
	cat >"$T/ask" <<-'END'
		import os
		def ask(what):
		    try:
		        print(what())
		    except OSError as e:
		        print(e)
		for f in ("x", "y", "first"):
		    ask(lambda: os.listxattr(f))
		    ask(lambda: [os.getxattr(f, n) for n in os.listxattr(f)])
		    for n in ("user.a", "user.none", "security.a", "user." + "n" * 250):
		        ask(lambda: os.getxattr(f, n))
	END
}

teardown_file() { imgfs_file_end; }
setup() { imgfs_before; }
teardown() { imgfs_after; }

# attack FILE NAME: sets VERDICT to refused, damage (somebody was told) or quiet
attack()
{
	local lines

	rm -f "$T/found" "$T/told"; : >"$T/verdict"
	# LIMIT: 5 s to refuse it; more than that only for a walk
	run timeout -k 1 70 "$IMGFS_MOUNT" -s "$IMGFS" "$1" "$T/mnt" bash "$T/walk" "$T/mnt" "$T" "$2"
	if [ "$status" -eq 98 ]; then
		[ -n "$output" ] || fail "$2: refused without a reason"
		[ ! -e "$T/found" ] || fail "$2: refused and mounted"
		VERDICT=refused
		return
	fi
	lines=$(grep '^berth-imgfs:' <<<"$output" || true)
	[ -z "$(grep -v '^berth-imgfs:' <<<"$output" || true)" ] || fail "$2"
	[ "$status" -eq 0 ] || fail "$2"
	[ "$(grep -c . <<<"$lines")" -le 21 ] || fail "$2: too many lines"
	[ -z "$(sort <<<"$lines" | uniq -d)" ] || fail "$2: the same line twice"
	VERDICT=quiet
	[ ! -s "$T/verdict" ] && [ -z "$lines" ] || VERDICT=damage
	# who was told EIO has the reason in the log
	! grep -q 'Input/output' "$T/verdict" || [ -n "$lines" ] || fail "$2: EIO, and no line in the log"
}

# group GROUP NAME...: attacks of that group; those named do no harm, so nobody need be told
group()
{
	local name f n=0

	for f in "$T/bad/$1"-*.sqfs; do
		name=$(basename "$f" .sqfs)
		attack "$f" "$name"
		n=$((n + 1))
		[[ " ${*:2} " = *" ${name#*-} "* ]] || [ "$VERDICT" != quiet ] || fail "$name: nobody was told"
	done
	[ "$n" -gt 5 ]
}

@test "T39 images that are right, to begin with" {
	local f

	for f in "$T"/bad/good-*.sqfs; do
		attack "$f" "$(basename "$f" .sqfs)"
		[ "$VERDICT" = quiet ] || fail "$f: $VERDICT"
	done
}

@test "T35 names that are paths, twice there, out of order, too long or none" {
	group names dir-and-link link-and-dir-out twice unsorted
	for f in "$T"/bad/names-*.sqfs; do
		attack "$f" "$(basename "$f" .sqfs)"
		[ ! -e "$T/found" ] || ! grep -qE 'passwd|escape|a/b|\./\.\.?(/|$)' "$T/found" || fail "${f##*/}: $(<"$T/found")"
	done
}

@test "T35 a link and a directory of one name: what is read lies in the image" {
	for f in names-dir-and-link names-link-and-dir-out; do
		# shellcheck disable=SC2016
		run in_image "$T/bad/$f.sqfs" "$T/mnt" bash -c 'cd "$1"; for i in 1 2 3; do stat -c %F x; ls x; done 2>&1 | sort -u; ls -a | sort | uniq -c' _ "$T/mnt"
		[ "$status" -eq 0 ] || fail "$f"
		# one of the two, always the same
		[ "$(grep -cE '^(directory|symbolic link)$' <<<"$output")" -eq 1 ] || fail "$f: both"
	done
}

@test "T35 directories in themselves, in each other and in two places" {
	group loops directory-twice links many-paths parent
}

@test "T39 entries and inodes of the wrong kind" {
	group kinds mode
}

@test "T39 counts and lengths that cannot be" {
	group counts inodes inodes-0 fragments-without links inode-numbers dir-size-1 index-place run-of-more
}

@test "T39 tables outside, in each other, swapped, cut short" {
	# where an attribute table lies matters to who asks for attributes
	group tables fragment-is-id xattr-{0,95,end,far,is-id,is-inode,last,sign}
}

@test "T39 blocks that grow, shrink, overlap or are none" {
	group blocks overlap
}

@test "T39 files of 2^63 bytes, fragments elsewhere" {
	group files sparse-ones fragment-itself
}

@test "T39 attributes without end, elsewhere, or none" {
	group xattrs type twice names-100000 count-100000 size sets pairs-in-super elsewhere-itself offset
}

@test "T39 bits of a good image, turned one by one, and pieces exchanged" {
	local seed

	python3 "$HARNESS/odd-tree.py" --files 300 "$T/tree"
	head -c 300000 /dev/urandom >"$T/tree/random"
	squash "$T/tree" good -comp zstd -b 16K
	for seed in {1..40}; do
		python3 -c '
import random, sys
rng, data = random.Random(int(sys.argv[1])), bytearray(open(sys.argv[2], "rb").read())
meta = int.from_bytes(data[64:72], "little")  # most of it behind the files, where the tables are
for _ in range(rng.choice((1, 1, 3, 20))):
    at = rng.randrange(meta, len(data)) if rng.random() < .7 else rng.randrange(96 if rng.random() < .8 else 0, len(data))
    if rng.random() < .5:
        data[at] ^= 1 << rng.randrange(8)
    else:
        n, source = rng.randrange(1, 64), rng.randrange(len(data) - 64)
        data[at:at + n] = data[source:source + n]
open(sys.argv[3], "wb").write(data)' "$seed" "$T/good.sqfs" "$T/turned"
		attack "$T/turned" "seed-$seed"
	done
}

@test "T39 a container file whose table is wrong is refused with a reason" {
	gzip -dc "$BATS_TEST_DIRNAME/../../data/apptainer-1.4.5.sif.gz" >"$T/good.sif"
	python3 - "$T/good.sif" "$T" <<-'END'
		import struct, sys
		good, out = open(sys.argv[1], "rb").read(), sys.argv[2]
		# header: the numbers behind launch line, magic, version, architecture, uuid and two times
		free, total, at, size, data, length = range(96 - 16, 96 - 16 + 8 * 6, 8)
		def make(name, *changes):
		    b = bytearray(good)
		    for pos, fmt, value in changes:
		        struct.pack_into(fmt, b, pos, value)
		    open(f"{out}/sif-{name}", "wb").write(b)
		table = struct.unpack_from("<q", good, at)[0]
		# the third descriptor is the file system's: type, used, id, group, link, offset, size, ...
		fs = table + 2 * 585
		offset, length_at = fs + 17, fs + 25
		assert struct.unpack_from("<q", good, offset)[0] == 36864, "not the layout that is meant"
		for what, value in (("far", 1 << 40), ("most", (1 << 63) - 1), ("less", -1), ("in-header", 0)):
		    make(f"offset-{what}", (offset, "<q", value))
		    make(f"table-{what}", (at, "<q", value))
		for what, value in (("far", 1 << 40), ("most", (1 << 63) - 1), ("less", -1), ("none", 0)):
		    make(f"size-{what}", (length_at, "<q", value))
		for what, value in (("many", 1 << 40), ("less", -1)):
		    make(f"total-{what}", (total, "<q", value))
		open(f"{out}/sif-cut-header", "wb").write(good[:100])
		open(f"{out}/sif-cut-table", "wb").write(good[:table + 700])
		open(f"{out}/sif-cut-image", "wb").write(good[:37000])
	END
	attack "$T/good.sif" good
	[ "$VERDICT" = quiet ]
	for f in "$T"/sif-*; do
		attack "$f" "${f##*/}"
		[ "$VERDICT" = refused ] || fail "${f##*/}: $VERDICT"
	done
}
