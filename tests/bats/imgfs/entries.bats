#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# entries.bats - what the view needs and the image lacks: at every depth, beside what is there, over
# links, in any number, listed and counted like the rest. The tree itself: tests/unit/check_tree.c.
# Needs: root, /dev/fuse, mksquashfs, python3.

load imgfs

setup_file()
{
	imgfs_file
	mkdir -p "$T/tree/usr/lib/deep/er" "$T/tree/etc" "$T/tree/many" "$T/tree/usr/run"
	echo "image's" | tee "$T/tree/etc/hosts" "$T/tree/usr/lib/deep/er/file" >/dev/null
	(cd "$T/tree/many" && seq -f 'entry-%.0f' 20000 | xargs touch)
	(
		cd "$T/tree" || exit
		ln -s usr/lib lib; ln -s /usr/run run; ln -s ../../../../etc up; ln -s lib/deep chain; ln -s chain/er chained
		ln -s nowhere dangling; ln -s loop loop; ln -s etc/hosts file-link; ln -s /proc/self/fd/1 etc/mtab
		mkfifo fifo
	)
	squash "$T/tree" image -comp zstd
}

teardown_file() { imgfs_file_end; }
setup() { imgfs_before; }
teardown() { imgfs_after; }

# with ENTRY... -- SCRIPT: the script in the mount, with those entries
with()
{
	local opt=()

	while [ "$1" != -- ]; do opt+=(-e "$1"); shift; done
	run in_image "${opt[@]}" "$T/image.sqfs" "$T/mnt" bash -ec 'cd "$1"; '"$2" _ "$T/mnt" "${@:3}"
}

@test "entries: at every depth, also below directories that exist" {
	with d:/a d:/usr/a d:/usr/lib/a d:/usr/lib/deep/a d:/usr/lib/deep/er/a f:/usr/lib/deep/er/b d:/x/1/2/3/4/5/6/7/8/9 \
		f:/usr/lib/deep/er/new/new/new -- '
		for d in a usr/a usr/lib/a usr/lib/deep/a usr/lib/deep/er/a x/1/2/3/4/5/6/7/8/9; do
			[ -d "$d" ] && [ -z "$(ls -A "$d")" ] && [ "$(ls "$d/.." | grep -cx "${d##*/}")" = 1 ] || echo "$d"; done
		ls usr/lib/deep/er; cat usr/lib/deep/er/b usr/lib/deep/er/new/new/new usr/lib/deep/er/file'
	[ "$output" = $'a\nb\nfile\nnew\nimage\'s' ] || fail "entries"
}

@test "entries: a path through links ends inside the image, and links that lead nowhere are hidden" {
	with d:/lib/v d:/run/munge f:/up/resolv.conf d:/chained/v f:/dangling d:/loop/x f:/file-link d:/fifo f:/etc/mtab f:/run/f -- '
		[ -L lib ] && [ -d usr/lib/v ] && [ -L run ] && [ -d usr/run/munge ] && [ -f usr/run/f ]
		[ -f etc/resolv.conf ] && [ -L up ] && [ -d usr/lib/deep/er/v ] && [ -L chained ]
		[ -f dangling ] && [ ! -L dangling ] && [ -d loop/x ] && [ ! -L loop ]
		[ -L file-link ] && [ "$(cat file-link)" = "image'"'"'s" ]
		[ -d fifo ] && [ -f etc/mtab ] && [ ! -L etc/mtab ] && [ ! -s etc/mtab ]
		for d in . etc usr usr/lib usr/run usr/lib/deep usr/lib/deep/er loop; do ls -a "$d" | sort | uniq -d; done'
	[ "$status" -eq 0 ] && [ -z "$output" ] || fail "entries"
}

@test "entries: numbers, kinds and link counts of readdir and of stat agree, one each, in every mount" {
	local i

	for i in first second; do
		with d:/usr/lib/v/w f:/many/between d:/many/dirs d:/etc/a f:/etc/b -- '
			python3 - >"$2" <<-END
				import os
				def walk(d):
				    with os.scandir(d) as it:
				        for e in it:
				            st = e.stat(follow_symlinks=False)
				            assert e.inode() == st.st_ino, e.path
				            assert e.is_dir(follow_symlinks=False) == (st.st_mode & 0o170000 == 0o040000), e.path
				            print(st.st_ino, e.path)
				            if e.is_dir(follow_symlinks=False):
				                walk(e.path)
				    dirs = sum(e.is_dir(follow_symlinks=False) for e in os.scandir(d))
				    assert os.stat(d).st_nlink == 2 + dirs, d
				walk(".")
			END
			stat -c "%a %s %h" usr/lib/v many/between' "$T/$i"
		[ "$output" = $'755 0 3\n644 0 1' ] || fail "looks"
	done
	sort "$T/first" | cmp - <(sort "$T/second")
	[ "$(wc -l <"$T/first")" -gt 20000 ]
	[ -z "$(cut -d' ' -f1 "$T/first" | sort | uniq -d)" ]
}

@test "entries: a listing read in small parts, from anywhere and twice, has each name once" {
	with f:/many/aaa f:/many/entry-5x d:/many/zzz f:/many/entry-20001 -- '
		python3 - <<-END
			import ctypes, os
			libc = ctypes.CDLL(None, use_errno=True)
			libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
			libc.telldir.restype = ctypes.c_long
			libc.readdir.argtypes = libc.telldir.argtypes = libc.rewinddir.argtypes = [ctypes.c_void_p]
			libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]
			d = libc.opendir(b"many")
			def names():
			    while True:
			        at = libc.telldir(d)
			        e = libc.readdir(d)
			        if not e:
			            return
			        yield at, ctypes.string_at(e + 19)
			once = list(names())
			libc.rewinddir(d)
			assert once == list(names())
			assert len({n for _, n in once}) == len(once) == 20006, len(once)
			for i in list(range(0, len(once), 997)) + list(range(len(once) - 6, len(once))):
			    libc.seekdir(d, once[i][0])
			    assert next(names())[1] == once[i][1], i
			print("fine")
		END'
	[ "$output" = fine ] || fail "listing"
}

@test "entries: nothing can be written, and each can be bound over" {
	with d:/v/w f:/etc/file -- '
		for c in "touch v/x" "mkdir v/x" "rm etc/file" "rmdir v/w" "mv v w" "ln etc/file etc/x" "chmod 777 v" "truncate -s 1 etc/file"; do
			! $c 2>/dev/null || echo "$c"; done
		mount --bind /proc v/w; mount --bind /proc/version etc/file
		[ -e v/w/self ] && grep -q Linux etc/file
		umount v/w; umount etc/file; [ -z "$(ls -A v/w)" ] && [ ! -s etc/file ]'
	[ "$status" -eq 0 ] && [ -z "$output" ] || fail "a change"
}

@test "entries: 10,000 in one view" {
	local opt

	# not in a loop: bats traces each command
	mapfile -t opt < <(awk 'BEGIN { for (i = 0; i < 10000; i++) print "-e\nd:/binds/" i % 100 "/at-" i; print "-e\nf:/many/last" }')
	# shellcheck disable=SC2016
	run in_image "${opt[@]}" "$T/image.sqfs" "$T/mnt" bash -ec 'cd "$1"
		ls -a binds/* | grep -c "^at-"; find binds -type d | wc -l; ls many | wc -l; stat -c %h binds binds/7
		for i in 0 1 77 5000 9999; do [ -d "binds/$((i % 100))/at-$i" ] || echo "no $i"; done
		[ ! -e binds/0/at-1 ] && [ ! -e binds/0/at-10000 ]' _ "$T/mnt"
	[ "$output" = $'10000\n10101\n20001\n102\n102' ] || fail "10,000"
}

@test "entries: a list that is wrong is refused as a whole" {
	local e

	for e in "d:relative" "f:/" "d:/a/../b" "x:/a" "f:/etc/hosts/x/../y"; do
		run in_image -e "d:/good" -e "$e" "$T/image.sqfs" "$T/mnt" true
		[ "$status" -eq 98 ] || fail "$e"
	done
	run in_image -e f:/a/b -e d:/a/b "$T/image.sqfs" "$T/mnt" true
	[ "$status" -eq 98 ] && [[ $output == *"as a file and as a directory"* ]] || fail "both kinds"
	run in_image -e "d:/$(printf 'n%.0s' {1..256})" "$T/image.sqfs" "$T/mnt" true
	[ "$status" -eq 98 ] || fail "a name of 256 bytes"
}
