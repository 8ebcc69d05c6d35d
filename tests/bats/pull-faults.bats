#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# pull-faults.bats - berth pull that is interrupted, killed, run 32 times at once, cut off, or out of disk: then there
# is the whole image or none, the store is sound, and the next pull goes on where it stopped.
# The store alone, killed at each of its system calls: cache.bats.
# Needs: root (to become ada), docker-registry, skopeo, strace, python3.
load ../harness/common
load rooms
load pull

# x/y:1 in a registry, and the same, files:y, in one that can break off: three layers of 250,000 random bytes.
setup_file()
{
	need_login
	need_command docker-registry skopeo strace python3
	rooms_make
	cd "$BATS_FILE_TMPDIR" || return
	local name

	mkdir plain bad bad/files one two three
	for name in one two three; do head -c 250000 /dev/urandom >$name/$name; done
	oci_image layout y --arch "$(dpkg --print-architecture)" one two three:none >digest
	registry_up plain
	registry_fill plain oci:layout:y x/y:1
	cp layout/blobs/sha256/* bad/files
	cp "layout/blobs/sha256/$(sed 's/.*://' digest)" bad/files/y
	badregistry_up bad
	echo "$BAD_PLAIN" >bad/host
	chmod -R a+rX .
}

teardown_file()
{
	for name in plain bad; do [ ! -d "$BATS_FILE_TMPDIR/$name" ] || registry_down "$BATS_FILE_TMPDIR/$name"; done
}

setup()
{
	need_login
	rooms_load
	scratch_new
	pull_load
	GOOD=docker://$(cat "$BATS_FILE_TMPDIR/plain/host")/x/y:1
	BAD=docker://$(cat "$BATS_FILE_TMPDIR/bad/host")
	rm -f "$BATS_FILE_TMPDIR/bad/go"
	MOUNTED=
	gets_from_now "$BATS_FILE_TMPDIR/plain"
	rooms_before
}

teardown()
{
	: >"$BATS_FILE_TMPDIR/bad/go"
	[ -z "$MOUNTED" ] || as_root umount "$MOUNTED"
	rooms_after
	scratch_remove
}

# range_asked: how often the bad registry was asked for the rest of a blob only
range_asked() { grep -c '"range": "bytes=[1-9]' "$BATS_FILE_TMPDIR/bad/requests" || true; }

# whole SIF: all of the image is in it
whole()
{
	local name

	root_of "$1" "$SCRATCH/whole.sqfs"
	for name in one two three; do
		unsquashfs -cat "$SCRATCH/whole.sqfs" $name | cmp - "$BATS_FILE_TMPDIR/$name/$name" || fail "$1: another $name"
	done
}

@test "32 pulls of one image download each layer once" {
	local i pids=() odd

	for i in {1..32}; do
		pull "$i.sif" "$GOOD" >"$SCRATCH/log.$i" 2>&1 &
		pids+=($!)
	done
	for i in {1..32}; do
		wait "${pids[i - 1]}" || fail "$(cat "$SCRATCH/log.$i")"
	done
	# the config is small, and may be asked for by several
	odd=$(python3 -c 'import json, sys
m = json.load(open(sys.argv[1]))
print(*[l["digest"] for l in m["layers"]], sep="\n")' "$BATS_FILE_TMPDIR/bad/files/y")
	[ "$(wc -l <<<"$odd")" = 3 ]
	odd=$(registry_log "$BATS_FILE_TMPDIR/plain" | grep '^GET' | grep -F "$odd" | sort | uniq -c |
		grep -cv '^ *1 ') || true
	[ "$odd" = 0 ] || fail "layers were downloaded more than once" "$(registry_log "$BATS_FILE_TMPDIR/plain")"
	whole 1.sif
	[ "$(sha256sum "$WORK"/*.sif | cut -c1-64 | sort -u | wc -l)" = 1 ] || fail "they differ"
	store_sound
	[ "$(store_parts)" = 0 ]
}

# half_way: wait until the bad registry holds, and some of a layer lies in the store
half_way() { [ -n "$(find "$STORE/partial" -type f -size +100k 2>/dev/null)" ]; }

# find_puller: PID is ada's berth-image that has started the converter
find_puller()
{
	for PID in $(pgrep -u "$CLUSTER_UID" -x berth-image); do
		! pgrep -P "$PID" >/dev/null || return 0
	done
	return 1
}

@test "Ctrl-C, other signals and kill -9 in the middle leave a part, and the next pull goes on there" {
	local signal job before

	for signal in INT TERM HUP KILL; do
		rm -rf "$STORE"
		rm -f "$BATS_FILE_TMPDIR/bad/go"
		pull out.sif "$BAD/fileshold:y" >"$SCRATCH/log" 2>&1 &
		job=$!
		eventually 60 half_way
		find_puller
		kill "-$signal" "$PID"
		status=0
		wait $job || status=$?
		[ "$status" = $((128 + $(kill -l $signal))) ] || fail "$signal: status $status" "$(cat "$SCRATCH/log")"
		eventually 20 sh -c '! pgrep -u "$1" berth-image' _ "$CLUSTER_UID" || fail "$signal: a process is left"
		[ -z "$(files_of "$WORK")" ] || fail "$signal left:" "$(files_of "$WORK")"
		store_sound
		[ "$(store_parts)" -ge 1 ] || fail "$signal: nothing is left of it"
		before=$(range_asked)
		: >"$BATS_FILE_TMPDIR/bad/go"
		run pull out.sif "$BAD/fileshold:y"
		assert_success
		[ "$(range_asked)" -gt "$before" ] || fail "$signal: it began again"
		whole out.sif
		[ "$(store_parts)" = 0 ] || fail "parts are left"
		rm "$WORK/out.sif"
	done
}

@test "a converter that is killed is an error, and leaves what was downloaded" {
	local job ended

	pull out.sif "$BAD/fileshold:y" >"$SCRATCH/log" 2>&1 &
	job=$!
	eventually 60 half_way
	find_puller
	kill -KILL "$(pgrep -P "$PID")"
	: >"$BATS_FILE_TMPDIR/bad/go"
	ended=0
	wait $job || ended=$?
	[ $ended = 255 ] || fail "status $ended"
	run cat "$SCRATCH/log"
	assert_output 'the converter was killed'
	[ ! -e "$WORK/out.sif" ] || fail "there is an image"
	store_sound
	run pull out.sif "$BAD/fileshold:y"
	assert_success
	whole out.sif
}

# Each as many times as there are places in the table below.
@test "interrupted or killed at system calls, a pull leaves an image or none, and nothing else" {
	local call n last signal hit=0 sum

	as_ada strace -f -qq -o "$SCRATCH/home/trace" berth -q pull --no-https ref.sif "$GOOD"
	sum=$(sha256sum <"$WORK/ref.sif")
	rm "$WORK/ref.sif"
	for call in openat pwrite64 fdatasync linkat ftruncate flock poll sendto recvfrom clone3; do
		# in which thread or process it is most often called
		last=$(awk -v c="$call(" 'index($2, c) == 1 { n[$1]++ } END { for (p in n) if (n[p] > m) m = n[p]; print m + 0 }' \
			"$SCRATCH/home/trace")
		[ "$last" -gt 0 ] || continue
		for signal in KILL INT; do
			# KILL at the first place, INT at the last one
			[ $signal = KILL ] && n=$(((last + 2) / 3)) || n=$last
			rm -rf "$STORE" "$WORK/out.sif"
			run as_ada timeout 100 strace -f -qq -o /dev/null -e "inject=$call:signal=$signal:when=$n" \
				berth -q pull --no-https out.sif "$GOOD"
			[ "$status" = 0 ] || hit=$((hit + 1))
			if [ -e "$WORK/out.sif" ]; then
				[ "$(sha256sum <"$WORK/out.sif")" = "$sum" ] || fail "$signal at $call $n: another image"
			elif [ "$status" = 0 ]; then
				fail "$signal at $call $n: nothing was made"
			fi
			rm -f "$WORK/out.sif"
			[ -z "$(files_of "$WORK")" ] || fail "$signal at $call $n left:" "$(files_of "$WORK")"
			eventually 20 sh -c '! pgrep -u "$1" berth-image' _ "$CLUSTER_UID" || fail "$signal at $call $n: a process is left"
			store_sound
			run as_ada timeout 100 berth -q pull -F --no-https out.sif "$GOOD"
			assert_success ''
			[ "$(sha256sum <"$WORK/out.sif")" = "$sum" ] || fail "$signal at $call $n: another image after it"
		done
	done
	echo "hit $hit times"
	[ $hit -ge 10 ] || fail "interrupted only $hit times"
}

@test "a connection that breaks again and again" {
	run pull out.sif "$BAD/filesbreak:y"
	assert_success
	[ "$(range_asked)" -ge 6 ] || fail "it began again"
	whole out.sif
	store_sound
}

@test "a full disk: of the store, and of the image" {
	local size failed=0

	for size in 100 400 700 1000; do
		as_root mount -t tmpfs -o "size=${size}k,mode=0700,uid=$CLUSTER_UID" tmpfs "$HOME_DIR"
		MOUNTED=$HOME_DIR
		run pull out.sif "$GOOD"
		if [ "$status" != 0 ]; then
			failed=$((failed + 1))
			assert_output 'No space left'
			[ -z "$(files_of "$WORK")" ] || fail "left: $(files_of "$WORK")"
		fi
		run as_ada berth cache verify
		assert_success
		as_root umount "$HOME_DIR"
		MOUNTED=
	done
	[ $failed = 3 ] || fail "failed $failed times"
	rm "$WORK/out.sif"
	for size in 100 400 700; do
		as_root mount -t tmpfs -o "size=${size}k,mode=0700,uid=$CLUSTER_UID" tmpfs "$WORK"
		MOUNTED=$WORK
		run pull out.sif "$GOOD"
		assert_failure 255 'No space left'
		run as_ada ls -A
		assert_success ''
		store_sound
		as_root umount "$WORK"
		MOUNTED=
	done
	run pull out.sif "$GOOD"
	assert_success
	whole out.sif
}

@test "without a store nothing is left either" {
	local job

	as_ada mkdir tmp
	pull --disable-cache --tmpdir tmp out.sif "$BAD/fileshold:y" >"$SCRATCH/log" 2>&1 &
	job=$!
	eventually 60 grep -q '"path": "/v2/fileshold/blobs' "$BATS_FILE_TMPDIR/bad/requests"
	eventually 60 find_puller
	kill -KILL "$PID"
	wait $job || true
	[ "$(files_of "$WORK")" = ./tmp ] || fail "$(files_of "$WORK")"
	[ ! -e "$STORE" ]
}
