# SPDX-License-Identifier: BSD-3-Clause
# imgfs.bash - what imgfs.bats needs: programs, a tree with everything odd in it, listings.
# shellcheck shell=bash

BUILD=${BERTH_BUILD:-$BATS_TEST_DIRNAME/../../../build}
IMGFS_MOUNT=${BERTH_IMGFS_MOUNT:-$BUILD/tests/harness/imgfs-mount}
IMGFS=${BERTH_IMGFS:-$BUILD/berth-imgfs}

# A skip names what is missing; BERTH_MUST_RUN=1 makes it a failure.
need() {
	if ! "$@" >/dev/null 2>&1; then
		[ "${BERTH_MUST_RUN:-0}" = 0 ] || return 1
		skip "needs: $*"
	fi
}

# in_image [OPTION...] IMAGE DIR CMD...: run CMD with IMAGE mounted at DIR
in_image() { "$IMGFS_MOUNT" -s "$IMGFS" "$@"; }

# odd_tree DIR: links, fragments, sparse and large files, long names, devices, owners
odd_tree() {
	local d=$1 long i
	long=$(printf 'n%.0s' {1..255})
	mkdir -p "$d/sub/deep/er" "$d/empty" "$d/many" "$d/$long"
	echo hello >"$d/hello"
	ln "$d/hello" "$d/sub/hard"
	ln -s hello "$d/link"; ln -s /etc/passwd "$d/abs"; ln -s nowhere "$d/dangling"
	ln -s "$(printf 'x/%.0s' {1..500})" "$d/longlink"
	echo long >"$d/$long/$long"
	head -c 1000000 /dev/urandom >"$d/random"
	head -c 131072 /dev/urandom >"$d/oneblock"
	seq 1 200000 >"$d/text"
	for i in {1..300}; do seq "$i" $((i * 7 % 900 + i)) >"$d/sub/frag$i"; done
	truncate -s 5M "$d/zeros"
	truncate -s 4500M "$d/sparse"
	echo middle | dd of="$d/sparse" bs=1 seek=4400M conv=notrunc status=none
	(cd "$d/many" && seq -f 'entry-with-a-name-%.0f' 1 20000 | xargs touch)
	: >"$d/zero-bytes"
	mkfifo "$d/fifo"
	mknod "$d/null" c 1 3; mknod "$d/loop" b 259 123456
	chown 1234:4321 "$d/hello" "$d/sub/deep"; chown -h 77:88 "$d/link"
	chmod 4755 "$d/oneblock"; chmod 1777 "$d/empty"; chmod 0700 "$d/sub/deep/er"; chmod 0 "$d/zeros"
	touch -d @1 "$d/text"; touch -d @4000000000 "$d/random"
}

# listing DIR: every attribute of every file, and the sum of all bytes
listing() (
	cd "$1" || exit 1
	find . -printf '%P|%y|%i|%m|%n|%U|%G|%s|%b|%T@|%l|%D\n' | sed 's/|[0-9]*$//' | sort
	find . -type c -o -type b | sort | xargs stat -c '%n %t %T'
	find . -type f ! -name sparse -print0 | sort -z | xargs -0 sha256sum
	tail -c 200M sparse | sha256sum
	head -c 3M sparse | sha256sum
)
