#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# cache.bats - the store of images and layers: whole whatever kills whom, got once by many, on a full disk,
# on a poor file system, and never cleaned of what is in use. `berth cache` shows it.
# tests/harness/store-driver does with a store what a pull does, without a registry.
# Needs: root (to become ada), strace, fuse3, cc, mksquashfs.
load ../harness/common
load rooms

setup_file()
{
	need_login
	need_command mksquashfs strace cc
	rooms_make
	make -s -C "$BERTH_BUILD" tests/harness/store-driver >/dev/null
	# shellcheck disable=SC2046
	cc -Os -o "$BATS_FILE_TMPDIR/fuse-plain" "$HARNESS/fuse-plain.c" $(pkg-config --cflags --libs fuse3)
}

setup()
{
	need_login
	rooms_load
	scratch_new
	rooms_before
	MOUNTED=
	# root's store, where a test is not about who it is
	export BERTH_CACHEDIR=$SCRATCH/c
	STORE=$BERTH_CACHEDIR/cache
	INPUT=$SCRATCH/input
	head -c 300000 /dev/urandom >"$INPUT"
	cp "$BERTH_BUILD/tests/harness/store-driver" "$SCRATCH/driver"
	DRIVER=$SCRATCH/driver
}

teardown()
{
	[ -z "$MOUNTED" ] || umount -l "$MOUNTED"
	# a room that still waits for its end
	[ ! -p "$SCRATCH/end" ] || timeout 2 sh -c ': >"$1"' _ "$SCRATCH/end" || true
	rooms_after
	scratch_remove
}

cache() { "$BERTH_PREFIX/bin/berth" cache "$@"; }

# files_of DIR: the files below, sorted, without a store's digests.
files_of() { (cd "$1" 2>/dev/null && find . -type f | sed -E 's/[0-9a-f]{64}/X/g; s,/[0-9a-f]{2}/,/xx/,' | sort); }

# What a pull of INPUT leaves.
whole() { printf '%s\n' ./blobs/sha256/xx/X ./images/X.json ./images/X.sif; }

# sound: nothing in the store is damaged, and nothing has a name but what is whole or is known to be part.
sound()
{
	run cache verify
	assert_success
	odd=$(files_of "$STORE" | grep -vE '^\./(blobs/sha256/xx/X|images/X\.(sif|json)|partial/sha256-X\..*|locks/(sha256-)?X)$') || true
	[ -z "$odd" ] || fail "odd files: $odd"
}

@test "killed at each system call that changes something, a pull leaves a sound store, and the next one succeeds" {
	local call count n killed=0

	# in memory: hundreds of fsync() take their time on a disk
	mkdir "$BERTH_CACHEDIR"
	mount -t tmpfs -o mode=0700 tmpfs "$BERTH_CACHEDIR"
	MOUNTED=$BERTH_CACHEDIR
	strace -o "$SCRATCH/trace" "$DRIVER" "$STORE" pull "$INPUT" >/dev/null
	while read -r count call; do
		for ((n = 1; n <= count; n++)); do
			rm -rf "$STORE"
			! strace -o /dev/null -e "inject=$call:signal=KILL:when=$n" "$DRIVER" "$STORE" pull "$INPUT" \
				>/dev/null 2>&1 || continue
			killed=$((killed + 1))
			sound
			run "$DRIVER" "$STORE" pull "$INPUT"
			assert_success
			# a lock that nobody came for again is all that may be left
			[ "$(files_of "$STORE" | grep -v '^./locks/')" = "$(whole)" ] || fail "after $call $n:" "$(files_of "$STORE")"
		done
	# what openat() makes is there at the next of these: a lock at flock(), a part at its first write
	done < <(sed -nE 's/^([a-z0-9_]+)\(.*/\1/p' "$SCRATCH/trace" |
		grep -E '^(mkdir(at)?|p?write(64)?|rename.*|link(at)?|unlink(at)?|flock|ftruncate|f(data)?sync|sync_.*|utimensat)$' |
		sort | uniq -c)
	echo "killed $killed times"
	[ $killed -gt 25 ] || fail "killed only $killed times"
	sound
	cache clean --force --type partial
	[ "$(files_of "$STORE")" = "$(whole)" ] || fail "$(files_of "$STORE")"
}

@test "32 processes that want one blob download it once, and 32 that want one image make it once" {
	local i pids=()

	for i in $(seq 32); do
		"$DRIVER" "$STORE" blob "$INPUT" "$SCRATCH/counts" >"$SCRATCH/out.$i" 2>&1 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	run cat "$SCRATCH"/out.*
	assert_lines 1 '^got 300000 of 300000$'
	assert_lines 31 '^there$'
	[ "$(wc -l <"$SCRATCH/counts")" = 1 ]
	pids=()
	for i in $(seq 32); do
		"$DRIVER" "$STORE" pull "$INPUT" >"$SCRATCH/out.$i" 2>&1 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	run cat "$SCRATCH"/out.*
	assert_lines 32 "^$STORE/images/.*\\.sif$"
	assert_lines 1 '^there$' # one looked for the blob, and so made the image
	sound
	[ "$(files_of "$STORE")" = "$(whole)" ] || fail "$(files_of "$STORE")"
}

part_is_there() { [ "$(stat -c %s "$STORE"/partial/* 2>/dev/null)" = 196608 ]; }

@test "who waits says for whom, and takes over where that one was when it is killed" {
	local pid

	# stopped in the middle: the first call says who it is, three put 65536 bytes each
	strace -f -o /dev/null -e inject=pwrite64:signal=STOP:when=4 "$DRIVER" "$STORE" blob "$INPUT" >/dev/null 2>&1 3>&- &
	pid=$!
	eventually 20 part_is_there
	"$DRIVER" "$STORE" blob "$INPUT" >"$SCRATCH/out" 2>&1 3>&- &
	eventually 20 grep -q '^waiting for process [0-9]' "$SCRATCH/out"
	kill -KILL "$(sed -nE 's/^waiting for process ([0-9]+).*/\1/p' "$SCRATCH/out")"
	wait "$pid" || true
	wait $!
	run cat "$SCRATCH/out"
	assert_output '^got 103392 of 300000$'
	sound
}

@test "a full disk is an error at every write, and leaves nothing" {
	local size failed=0 n

	mkdir -p "$STORE"
	chmod 0700 "$STORE"
	MOUNTED=$STORE
	for size in $(seq 4 44 680); do
		mount -t tmpfs -o "size=${size}k,mode=0700" tmpfs "$STORE"
		run "$DRIVER" "$STORE" pull "$INPUT"
		if [ "$status" -eq 0 ]; then
			umount "$STORE"
			break
		fi
		failed=$((failed + 1))
		assert_output 'No space left'
		n=$(files_of "$STORE")
		# the blob may have fitted and only the image not: that is whole
		[ -z "$n" ] || [ "$n" = ./blobs/sha256/xx/X ] || fail "left with $size KiB: $n"
		sound
		umount "$STORE"
	done
	MOUNTED=
	[ $failed -gt 5 ] || fail "failed only $failed times"
	[ "$status" -eq 0 ] || fail "never succeeded"
}

@test "without unnamed files, hard links and flock a store stays sound, and nothing is cleaned that may be in use" {
	local i pids=()

	need_command fusermount3
	mkdir -m 0700 "$SCRATCH/behind" "$SCRATCH/m"
	"$BATS_FILE_TMPDIR/fuse-plain" "$SCRATCH/m" -o "dir=$SCRATCH/behind,allow_other" 3>&-
	MOUNTED=$SCRATCH/m
	# files on their way to a name, too
	make -s -C "$BERTH_BUILD" tests/unit/check_output >/dev/null
	TMPDIR=$SCRATCH/m "$BERTH_BUILD/tests/unit/check_output" || fail "check_output"
	export BERTH_CACHEDIR=$SCRATCH/m/c
	STORE=$BERTH_CACHEDIR/cache
	for i in $(seq 8); do
		"$DRIVER" "$STORE" pull "$INPUT" >"$SCRATCH/out.$i" 2>&1 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || fail "$(cat "$SCRATCH"/out.*)"; done
	sound
	[ "$(files_of "$STORE")" = "$(whole)" ] || fail "$(files_of "$STORE")"
	run cache info
	assert_output '^locks: +no'
	run cache clean --force
	assert_success
	assert_output 'stay that may be in use'
	[ "$(files_of "$STORE")" = "$(whole)" ] || fail "$(files_of "$STORE")"
	find "$STORE" -type f -exec touch -d '40 days ago' {} +
	run cache clean --force
	assert_output 'removed 2 files'
	[ -z "$(files_of "$STORE")" ] || fail "$(files_of "$STORE")"
	fusermount3 -u "$SCRATCH/m"
	MOUNTED=
}

@test "an image that a room runs from is in use until the room ends" {
	local image store=$SCRATCH/ada

	image=$(as_user "$DRIVER" "$store/cache" image "$ROOM_SIF")
	mkfifo -m 0666 "$SCRATCH/end"
	as_user berth exec -B "$SCRATCH/end:/end" "$image" sh -c 'echo up; cat /end; ls /usr/only-in-image' \
		>"$SCRATCH/out" 2>&1 3>&- &
	eventually 30 grep -q up "$SCRATCH/out"
	run as_user env BERTH_CACHEDIR="$store" berth cache list -v
	assert_output 'image, in use$'
	run as_user env BERTH_CACHEDIR="$store" berth cache clean --force
	assert_success
	assert_output '1 in use stay'
	[ -e "$image" ]
	run as_user env BERTH_CACHEDIR="$store" BERTH_CACHE_MAX=1K "$DRIVER" "$store/cache" blob "$INPUT"
	assert_success
	[ -e "$image" ]
	echo >"$SCRATCH/end"
	wait $!
	rm "$SCRATCH/end"
	grep -q data "$SCRATCH/out"
	# the server ends a moment after the room
	eventually 10 sh -c '! pgrep -u "$1" -x berth-imgfs >/dev/null' _ "$CLUSTER_UID"
	run as_user env BERTH_CACHEDIR="$store" berth cache clean --force
	assert_output 'removed 2 files'
	[ ! -e "$image" ]
}

@test "cache list, info, clean and verify say what there is, as lines and as JSON" {
	local image

	run cache list
	assert_success
	assert_output '^There are 0 container file\(s\) using 0.00 KiB and 0 oci blob file\(s\) using 0.00 KiB of space$'
	run cache path
	assert_success "$STORE"
	[ ! -e "$BERTH_CACHEDIR" ] || fail "looking made a store"
	image=$("$DRIVER" "$STORE" pull "$INPUT" | tail -n 1)
	run cache list
	assert_output '^There are 1 container file\(s\) using 292.97 KiB and 1 oci blob file\(s\) using 292.97 KiB of space$'
	assert_output '^Total space used: 585.94 KiB$'
	run cache list -v -T blob
	assert_lines 1 'blob$'
	refute_output 'image$'
	run cache list --verbose --type=oci-tmp,net
	refute_output 'image$' # it is of another source
	cache list --json | python3 -c 'import json, sys
d = json.load(sys.stdin)
assert d["bytes"] == 600000 and len(d["entries"]) == 2, d
i = [e for e in d["entries"] if e["type"] == "image"][0]
assert i["source"].startswith("test://") and i["bytes"] == 300000 and not i["in_use"] and i["created"] > 1e9, d'
	cache info --json | python3 -c 'import json, sys
d = json.load(sys.stdin)
assert d["exists"] and d["images"] == d["blobs"] == 1 and d["limit"] == 0 and d["locks"] and d["free_bytes"] > 0, d'
	run env BERTH_CACHE_MAX=20G "$BERTH_PREFIX/bin/berth" cache info
	assert_output '^limit: +20.00 GiB$'
	run cache clean --dry-run
	assert_output 'would remove 2 files, 585.94 KiB'
	run cache clean --days 1 --force
	assert_output 'removed 0 files'
	run cache clean </dev/null
	assert_success
	assert_output '^Do you want to continue. .y/N. '
	[ -e "$image" ] || fail "removed without a word"
	run cache clean --type blob <<<y
	assert_output 'removed 1 files'
	[ -e "$image" ]
	printf x >>"$image"
	run cache verify
	assert_failure 255 "damaged: image .*: it has 300001 bytes and had 300000"
	cache verify --json | python3 -c 'import json, sys
d = json.load(sys.stdin)
assert d["checked"] == 1 and d["damaged"][0]["type"] == "image", d' || true
	run cache verify --remove
	assert_success
	[ ! -e "$image" ]
	run cache verify
	assert_success '0 files checked, 0 damaged'
}

@test "cache refuses what it does not know" {
	local words

	for words in '' 'lst' 'list x' 'list --days 1' 'clean --days -1' 'clean --days 1.5' 'clean --keep 0' \
		'clean --keep 20GB' 'clean -T' 'clean -T bogus' 'clean -T blob,' 'verify --force' 'path --json' 'info -v' \
		'clean --json' 'list --limit'; do
		# shellcheck disable=SC2086
		run cache $words
		assert_failure 1 'berth help cache|hint'
	done
	run env BERTH_CACHE_MAX=lots "$BERTH_PREFIX/bin/berth" cache list
	assert_failure 1 'BERTH_CACHE_MAX'
	run env BERTH_CACHEDIR=relative "$BERTH_PREFIX/bin/berth" cache path
	assert_failure 1 'no absolute path'
	run env -u BERTH_CACHEDIR -u HOME "$BERTH_PREFIX/bin/berth" cache path
	assert_failure 255 'HOME is not set'
	run env -u BERTH_CACHEDIR APPTAINER_CACHEDIR="$SCRATCH/a" "$BERTH_PREFIX/bin/berth" cache path
	assert_success "$SCRATCH/a/cache"
}
