# SPDX-License-Identifier: BSD-3-Clause
# imgfs.bash - what the suites of this directory share: programs, a scope of a test's own, images,
# comparisons with the kernel.
#
#   imgfs_file      in setup_file: needs root and FUSE; makes $T with mnt/ and kmnt/ and copies the
#                   programs there, so that what runs from $T is this suite's
#   imgfs_file_end  in teardown_file
#   imgfs_before    in setup; imgfs_after in teardown: of mounts, loop devices and processes that
#                   have to do with $T there are as many as before, within 10 s
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

HARNESS=$BATS_TEST_DIRNAME/../../harness

imgfs_file()
{
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -c /dev/fuse ] || skip "hardware: this machine has no /dev/fuse"
	need command -v mksquashfs python3
	T=$(mktemp -d "${TMPDIR:-/tmp}/berth-imgfs.XXXXXX")
	chmod 0755 "$T"
	mkdir "$T/mnt" "$T/kmnt" "$T/bin"
	[ ! -e "$BUILD/Makefile" ] || make -s -C "$BUILD" tests/harness/imgfs-mount tests/harness/imgfs-count >/dev/null
	install -m 0755 "$BUILD/tests/harness/imgfs-count" "$T/bin/"
	install -m 0755 "$IMGFS_MOUNT" "$T/bin/imgfs-mount"
	install -m 0711 "$IMGFS" "$T/bin/berth-imgfs"
	export T IMGFS_MOUNT=$T/bin/imgfs-mount IMGFS=$T/bin/berth-imgfs
	export BERTH_IMGFS_MOUNT=$IMGFS_MOUNT BERTH_IMGFS=$IMGFS # the tests load this file again
}

imgfs_file_end() { [ -z "${T:-}" ] || rm -rf --one-file-system "$T"; }

# A test program of one file: compiled NAME [CFLAG...] prints its path.
compiled()
{
	[ -x "$T/bin/$1" ] || cc -O1 -D_GNU_SOURCE -o "$T/bin/$1" "$HARNESS/$1.c" "${@:2}" >&2 || return
	echo "$T/bin/$1"
}

# The kernel's squashfs, for a comparison.
need_kernel_squashfs()
{
	grep -qw squashfs /proc/filesystems || modprobe squashfs 2>/dev/null ||
		skip "hardware: this kernel has no squashfs"
	[ -e /dev/loop-control ] || skip "hardware: this machine has no loop devices"
}

# What this suite has on the machine, as text; a zombie is somebody else's to reap.
imgfs_state()
{
	local pid

	echo "== mounts"; grep -F "$T" /proc/self/mountinfo || true
	echo "== loop devices"; losetup -n -O BACK-FILE 2>/dev/null | grep -F "$T" || true
	echo "== processes"
	{
		find /proc/[0-9]*/exe -maxdepth 0 -lname "$T/*" 2>/dev/null || true
		grep -lF "$T/" /proc/[0-9]*/mountinfo 2>/dev/null || true
	} | cut -d/ -f3 | sort -un | while read -r pid; do
		# gone meanwhile: nothing to say
		{ tr '\0' ' ' <"/proc/$pid/cmdline" && echo; } 2>/dev/null || true
	done
}

imgfs_before() { imgfs_state >"$BATS_TEST_TMPDIR/before"; }

# LIMIT: 10 s, the time a room may take to go away; what is gone at once takes none.
imgfs_after()
{
	local end=$((SECONDS + 10))

	while :; do
		imgfs_state >"$BATS_TEST_TMPDIR/after"
		cmp -s "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" && return
		[ $SECONDS -lt $end ] || break
		sleep 0.05
	done
	echo "left behind (<: before, >: after 10 s):" >&2
	diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" >&2
	return 1
}

# undropped CMD...: CMD (a "run"), again if meanwhile the kernel's caches were dropped or short of
# memory: what was read before is not known any more then, and that is no fault of ours.
undropped()
{
	local before

	for _ in {1..20}; do
		before=$(grep -E '^(drop_|pgsteal_)' /proc/vmstat || true)
		"$@"
		[ "$(grep -E '^(drop_|pgsteal_)' /proc/vmstat || true)" != "$before" ] || break
	done
}

# eventually SECONDS CMD...: CMD succeeds before that.
eventually()
{
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.02
	done
}

fail()
{
	printf '%s\n' "$@" "status: ${status:-}" "output (at most 60 lines):" >&2
	head -n 60 <<<"${output:-}" >&2
	return 1
}

# squash TREE NAME [OPTION...]: makes $T/NAME.sqfs
squash()
{
	mksquashfs "$1" "$T/$2.sqfs" -noappend -quiet -no-progress -processors 2 "${@:3}" >&2
}

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
