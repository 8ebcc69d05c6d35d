#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# vanish.bats - the image changes, ends, hangs or is gone while it is served; the server is killed
# while it is read from. Readers get an error, and nobody waits for ever.
# Needs: root, /dev/fuse, mksquashfs, python3; cc, libfuse 3 for tests/harness/fuse-stale.c.

load imgfs

setup_file()
{
	imgfs_file
	mkdir "$T/tree" "$T/stale"
	head -c 16M /dev/urandom >"$T/tree/random"
	seq 1 400000 >"$T/tree/text"
	mkdir "$T/tree/many"
	(cd "$T/tree/many" && seq -f 'file-%.0f' 3000 | xargs -I F sh -c 'echo F >F')
	echo small >"$T/tree/small"
	squash "$T/tree" packed -comp zstd
	squash "$T/tree" raw -noI -noId -noD -noF
}

teardown_file() { imgfs_file_end; }
setup() { imgfs_before; }
teardown() { imgfs_after; }

# LIMIT: 30 s where the server or a reader could wait for ever; nothing here takes 3.
# vanishing NAME SCRIPT [OPTION...]: a copy of that image, as $image; the server lives at the end
vanishing()
{
	undropped vanish_once "$@"
	grep -qx 'the server lives' <<<"$output" || fail "$1"
}

vanish_once()
{
	cp "$T/$1.sqfs" "$T/copy"
	# shellcheck disable=SC2016
	run timeout -k 1 30 "$IMGFS_MOUNT" -s "$IMGFS" "${@:3}" "$T/copy" "$T/mnt" bash -c '
		cd "$1"; image=$2; all() { find . -type f -exec cat {} + 2>&1 >/dev/null | sed "s/.*: //" | sort | uniq -c; }
		'"$2"'
		cd /; readlink /proc/$IMGFS_PID/exe >/dev/null && echo "the server lives"' _ "$T/mnt" "$T/copy"
	rm -f "$T/copy"
}

errors() { grep -qE '^ *[1-9][0-9]* Input/output error$' <<<"$output" || fail "nobody was told"; }

@test "vanish: a file cut short, to any length" {
	local kind size

	for kind in packed raw; do
		for size in 0 1 96 4096 1000000 15000001; do
			vanishing $kind 'cat small >/dev/null; truncate -s '$size' "$image"; all; cat small'
			errors
			# what was read before is the kernel's
			grep -qx small <<<"$output" || fail "$kind, $size: it is gone from the kernel's memory"
		done
	done
}

@test "vanish: a file overwritten, by zeros and by garbage" {
	local kind source

	for kind in packed raw; do
		for source in /dev/zero /dev/urandom; do
			vanishing $kind 'cat small >/dev/null
				dd if='$source' of="$image" bs=1M count=20 conv=notrunc status=none; all; ls -R >/dev/null; cat small'
			# what is stored as it is has no check sum, but its tables are damaged, too
			errors
			grep -qx small <<<"$output" || fail "$kind, $source"
		done
	done
}

@test "vanish: a file overwritten while it is read, again and again" {
	local kind

	for kind in packed raw; do
		vanishing $kind '
			(while :; do dd if=/dev/urandom of="$image" bs=4096 seek=$((RANDOM % 4500)) count=1 conv=notrunc status=none
				dd if=/dev/zero of="$image" bs=4096 seek=$((RANDOM % 4500)) count=9 conv=notrunc status=none; done) & w=$!
			for i in 1 2 3; do cat random text many/* >/dev/null 2>&1 & cat many/* text random >/dev/null 2>&1 & ls -lR >/dev/null 2>&1; done
			sleep 1; kill $w; wait 2>/dev/null'
	done
}

@test "vanish: a file that was removed or replaced is served on, every byte" {
	vanishing packed 'rm "$image"; cat text many/* | sha256sum; cmp random '"$T/tree/random"' && echo whole'
	grep -qx whole <<<"$output" || fail "removed"
	[ "$(grep -c "$(cat "$T/tree/text" "$T"/tree/many/* | sha256sum)" <<<"$output")" -eq 1 ] || fail "removed: text"
	vanishing raw 'mv '"$T/tree/small"' "$image" && cmp random '"$T/tree/random"' && cmp text '"$T/tree/text"' && echo whole'
	echo small >"$T/tree/small"
	grep -qx whole <<<"$output" || fail "replaced"
}

@test "vanish: a file that grows is what it was" {
	vanishing packed 'cat small; head -c 1M /dev/urandom >>"$image"; all; cmp random '"$T/tree/random"' && echo whole'
	grep -qx whole <<<"$output" || fail "grown"
}

# stale KIND direct|cached SCRIPT: the image comes from fuse-stale; "now WORD" changes how it behaves
stale()
{
	local kind=$1 cache=$2 program

	need command -v cc pkg-config
	need pkg-config --exists fuse3
	# shellcheck disable=SC2046
	program=$(compiled fuse-stale $(pkg-config --cflags --libs fuse3))
	# shellcheck disable=SC2016
	undropped run timeout -k 1 50 unshare -m bash -c '
		mount --make-rprivate /
		T=$1
		"$2" "$4" "$T/$3.sqfs" "$T/stale" -f & fs=$!
		until [ -e "$T/stale/image" ]; do kill -0 $fs || exit; sleep 0.02; done
		now() { echo "$1" >"$T/stale/control"; }
		all() { find . -type f -exec cat {} + 2>&1 >/dev/null | sed "s/.*: //" | sort | uniq -c; }
		export -f now all; export T fs
		"$5" -s "$6" -w 4 "$T/stale/image" "$T/mnt" bash -c "cd $T/mnt; $7"
		umount -l "$T/stale"; kill $fs; wait' _ "$T" "$program" "$kind" "$cache" "$IMGFS_MOUNT" "$IMGFS" "$3
			readlink /proc/\$IMGFS_PID/exe >/dev/null && echo 'the server lives'"
	[ "${4:-}" = gone ] || grep -qx 'the server lives' <<<"$output" || fail "$kind, $cache"
}

@test "vanish: a stale handle and an I/O error are EIO, and only while they last" {
	local kind cache error

	for kind in packed raw; do
		for cache in direct cached; do
			for error in estale eio empty; do
				# KERNEL: a cached file that was read short is that short from then on
				[ $cache-$error != cached-empty ] || continue
				stale $kind $cache 'cat small >/dev/null; find . >/dev/null; now '$error'; all; cat small >/dev/null && echo kept
					now ok; cmp random $T/tree/random && cmp text $T/tree/text && diff -r many $T/tree/many && echo whole'
				errors
				grep -qx kept <<<"$output" || fail "$kind $cache $error: what was read before"
				grep -qx whole <<<"$output" || fail "$kind $cache $error: it does not come back"
			done
		done
	done
}

@test "vanish: reads that are cut short are gone on with" {
	local kind

	for kind in packed raw; do
		stale $kind direct 'now half; cmp random $T/tree/random && cmp text $T/tree/text && diff -r many $T/tree/many && echo whole'
		grep -qx whole <<<"$output" || fail "$kind"
	done
}

@test "vanish: while it hangs, readers wait; what is known is there; then all goes on" {
	local kind

	for kind in packed raw; do
		stale $kind direct '
			cat small many/file-7 >/dev/null; ls many >/dev/null
			now hang
			for i in 1 2 3 4 5 6; do cmp random $T/tree/random & cmps="$cmps $!"; done
			head -c 1 text >/dev/null & reader=$!
			sleep 0.3
			cat small many/file-7; ls many | wc -l
			kill -9 $reader
			kill -0 $cmps && echo waiting
			now ok
			for p in $cmps; do wait $p || exit; done; echo "all whole"'
		grep -qx 'all whole' <<<"$output" || fail "$kind: it did not go on"
		grep -qx small <<<"$output" && grep -qx file-7 <<<"$output" && grep -qx 3000 <<<"$output" || fail "$kind: what is known"
		grep -qx waiting <<<"$output" || fail "$kind: it did not hang"
	done
}

@test "vanish: the file system under it ends: EIO" {
	stale packed direct 'cat small; kill -9 $fs; sleep 0.1; all; cat small'
	errors
	[ "$(grep -cx small <<<"$output")" -eq 2 ] || fail "what was read before"
}

@test "vanish: a server killed while it hangs is gone when the hang is" {
	stale packed direct 'now hang; cat random >/dev/null & sleep 0.2; kill -9 $IMGFS_PID; now ok; wait; cat text' gone
	grep -q 'not connected' <<<"$output" || fail "readers"
}

# Eight readers at work, others with pages mapped, one with a directory open, when it is killed.
@test "vanish: a killed server: ENOTCONN for readers, SIGBUS for absent pages, and no wait" {
	local kind round

	for kind in packed raw; do
		for round in 1 3; do
			# shellcheck disable=SC2016
			run timeout -k 1 20 "$IMGFS_MOUNT" -s "$IMGFS" -w 3 "$T/$kind.sqfs" "$T/mnt" bash -c '
				cd "$1"
				for i in 1 2 3 4 5 6 7 8; do (while dd if=random iflag=nocache of=/dev/null bs=1M status=none; do :; done) 2>"$2/told-$i" & done
				cat >"$2/map.py" <<-END
					import mmap, os, sys, time
					fd = os.open("random", os.O_RDONLY)
					m = mmap.mmap(fd, 0, mmap.MAP_PRIVATE, mmap.PROT_READ)
					os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
					print(m[5], file=open(sys.argv[1] + ".ready", "w"), flush=True)
					while not os.path.exists(sys.argv[1] + ".go"):
					    time.sleep(0.01)
					print(m[5] == open(sys.argv[2], "rb").read(6)[5], flush=True)
					for i in range(len(m) - 1, 0, -4096):
					    m[i]
				END
				python3 "$2/map.py" "$2/map" "$3" >"$2/mapped" & map=$!
				until [ -e "$2/map.ready" ]; do sleep 0.01; done
				exec 7<random 8<many
				sleep 0.0'$round'
				kill -9 $IMGFS_PID
				# 10 s, and then it hangs
				for i in $(seq 500); do [ "$(jobs -rp | wc -l)" -le 1 ] && break; sleep 0.02; done
				jobs -rp | wc -l
				touch "$2/map.go"
				wait $map; echo "map $?"
				wait; stat absent; ls /proc/self/fd/8/x; exit 0' _ "$T/mnt" "$T" "$T/tree/random"
			[ "$status" -eq 0 ] && [ "${lines[0]}" = 1 ] || fail "$kind: readers hang"
			# the page that was there is there; all others cannot come any more, unless the readers had them all
			grep -qx True "$T/mapped" || fail "$kind: a page that was present"
			grep -qE '^map (135|0)$' <<<"$output" || fail "$kind: the mapped pages"
			grep -q 'not connected' "$T/told-1" || fail "$kind: a reader was told: $(cat "$T/told-1")"
			[ "$(grep -c 'not connected' <<<"$output")" -ge 1 ] || fail "$kind: later calls"
			rm -f "$T"/map* "$T"/told*
		done
	done
}

@test "vanish: an absent page of a killed server's file is SIGBUS" {
	# shellcheck disable=SC2016
	run timeout -k 1 20 "$IMGFS_MOUNT" -s "$IMGFS" "$T/packed.sqfs" "$T/mnt" python3 -c '
import mmap, os, signal, sys
fd = os.open(sys.argv[1] + "/random", os.O_RDONLY)
m = mmap.mmap(fd, 0, mmap.MAP_PRIVATE, mmap.PROT_READ)
m.madvise(mmap.MADV_RANDOM)
m[0]
os.kill(int(os.environ["IMGFS_PID"]), signal.SIGKILL)
m[0]
print("present", flush=True)
m[len(m) - 1]
print("absent", flush=True)' "$T/mnt"
	[ "$status" -eq 135 ] && grep -qx present <<<"$output" || fail "no SIGBUS"
	[[ $output != *absent* ]]
}
