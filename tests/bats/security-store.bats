#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# security-store.bats - known holes of container runtimes, replayed against the store: others who look into
# it, write to it, or say where it is. Names: security.bash. Needs: root, cc, mksquashfs.
load security

setup_file()
{
	need_login
	rooms_make
	make -s -C "$BERTH_BUILD" tests/harness/store-driver >/dev/null
	cc -Os -o "$CLUSTER_DIR/scratch/swap" "$HARNESS/swap.c"
}

# store WORDS...: as ada, whatever the umask.
store() { run as_user sh -c 'umask 0; exec "$@"' _ "$SCRATCH/driver" "$@"; }

refused()
{
	store "$@" "$SCRATCH/input"
	[ "$status" -eq 1 ] || fail "not refused"
	[ "$(cat "$VICTIM")" = intact ]
}

@test "T42 a store is its user's alone, and is nowhere that another user chose" {
	local dir name other mode

	other=$SCRATCH/other
	mkdir -m 0755 "$other"
	echo layer >"$SCRATCH/input"
	cp "$BERTH_BUILD/tests/harness/store-driver" "$SCRATCH/driver"
	chmod 0755 "$SCRATCH" # others may come as far as this

	store "$SCRATCH/c/cache" pull "$SCRATCH/input"
	assert_success
	run find "$SCRATCH/c" \( -type d ! -perm 0700 \) -o \( -type f ! -perm 0600 \) -o ! -user "$CLUSTER_UID"
	assert_success ""
	# another user neither reads nor adds, and is refused as its user
	run setpriv --reuid=65534 --regid=65534 --clear-groups ls "$SCRATCH/c/cache"
	assert_failure
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$SCRATCH/driver" "$SCRATCH/c/cache" pull "$SCRATCH/input"
	assert_failure 1 'Permission denied'
	run env BERTH_CACHEDIR="$SCRATCH/c" "$BERTH_PREFIX/bin/berth" cache clean --force
	assert_failure 255 'is not yours' # root's neither

	# one that was made too open, or by somebody else
	for mode in 0701 0750 0770 0777; do
		chmod "$mode" "$SCRATCH/c/cache"
		refused "$SCRATCH/c/cache" pull
	done
	chmod 0700 "$SCRATCH/c/cache"
	mkdir -m 0777 "$SCRATCH/rooted"
	refused "$SCRATCH/rooted" pull
	refused "$SCRATCH/rooted/cache" pull # there anybody could exchange it
	[ -z "$(ls -A "$SCRATCH/rooted")" ]

	# names that others can guess in a directory that all may write to, made before: links to a directory of
	# ada's own, to one of theirs, to nothing, dangling into her home; and a directory
	mkdir -m 1777 "$SCRATCH/tmp"
	mkdir -m 0700 "$SCRATCH/hers"
	chown "$CLUSTER_UID" "$SCRATCH/hers"
	for name in "$SCRATCH/hers" "$DROP" /nowhere "$CLUSTER_DIR/home/ada/new"; do
		ln -sfn "$name" "$SCRATCH/tmp/berth-$CLUSTER_UID"
		chown -h 65534 "$SCRATCH/tmp/berth-$CLUSTER_UID"
		for dir in "$SCRATCH/tmp/berth-$CLUSTER_UID" "$SCRATCH/tmp/berth-$CLUSTER_UID/cache"; do
			refused "$dir" pull
			[ -z "$(ls -A "$SCRATCH/hers")$(ls -A "$DROP")" ] || fail "wrote to $name"
		done
	done
	rm "$SCRATCH/tmp/berth-$CLUSTER_UID"
	mkdir -m 0777 "$SCRATCH/tmp/berth-$CLUSTER_UID"
	chown 65534 "$SCRATCH/tmp/berth-$CLUSTER_UID"
	refused "$SCRATCH/tmp/berth-$CLUSTER_UID" pull
	refused "$SCRATCH/tmp/berth-$CLUSTER_UID/cache" pull
	# her own link, and root's, are her way
	ln -s hers "$SCRATCH/link"
	chown -h "$CLUSTER_UID" "$SCRATCH/link"
	store "$SCRATCH/link" pull "$SCRATCH/input"
	assert_success
}

@test "T42 what lies in a store is looked at, not followed" {
	local c=$SCRATCH/c/cache blob

	echo layer >"$SCRATCH/input"
	cp "$BERTH_BUILD/tests/harness/store-driver" "$SCRATCH/driver"
	store "$c" pull "$SCRATCH/input"
	assert_success
	blob=$(find "$c/blobs" -type f)
	# links, a FIFO, a directory where a file or a directory should be: no write goes through, nothing hangs
	for odd in link fifo dir; do
		rm -rf "$c"/images "$blob" "$c"/partial/* "$c"/locks/*
		case $odd in
		link) ln -s "$VICTIM" "$blob" ;;
		fifo) mkfifo "$blob" ;;
		dir) mkdir "$blob" ;;
		esac
		chown -h "$CLUSTER_UID" "$blob"
		refused "$c" blob
		rm -rf "$blob"
	done
	mkdir -m 0700 "$SCRATCH/hers"
	chown "$CLUSTER_UID" "$SCRATCH/hers"
	for odd in blobs images partial locks; do
		rm -rf "${c:?}/$odd"
		ln -s "$SCRATCH/hers" "$c/$odd"
		chown -h "$CLUSTER_UID" "$c/$odd"
		refused "$c" pull
		[ -z "$(ls -A "$SCRATCH/hers")" ] || fail "wrote through $odd"
		rm "$c/$odd"
	done
	run as_user env BERTH_CACHEDIR="$SCRATCH/c" berth cache verify
	assert_success
}
