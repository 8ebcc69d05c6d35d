#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# security-pull.bats - hostile images, pulled: what tests/harness/odd-image.py makes is refused, with a reason, or
# becomes files of the image. Nothing of it gets out of it, on the way or later.
# T36, T39, T56, T57 and T60 of the list of attacks that other runtimes fell for; what of those and of
# T52, T55, T58 and T59 needs no image: security-registry.bats.
# Needs: root (to become ada), python3, zstd, unsquashfs.
load ../harness/common
load rooms
load pull

setup_file()
{
	need_login
	need_command python3 zstd unsquashfs strace
	rooms_make
	mkdir "$BATS_FILE_TMPDIR/bad"
	# a name that is the same for all tests: it stands in the layers
	VICTIM=$(mktemp -d "$CLUSTER_DIR/scratch/victim.XXXXXX")/victim
	export VICTIM
	chown "$CLUSTER_UID" "${VICTIM%/*}"
	python3 "$HARNESS/odd-image.py" "$BATS_FILE_TMPDIR/bad/files" "$VICTIM" >"$BATS_FILE_TMPDIR/names"
	badregistry_up "$BATS_FILE_TMPDIR/bad"
	echo "$BAD_PLAIN" >"$BATS_FILE_TMPDIR/host"
}

teardown_file()
{
	[ ! -d "$BATS_FILE_TMPDIR/bad" ] || registry_down "$BATS_FILE_TMPDIR/bad"
	[ -z "${VICTIM:-}" ] || rm -rf --one-file-system "${VICTIM%/*}"
}

setup()
{
	need_login
	rooms_load
	scratch_new
	pull_load
	FILES=docker://$(cat "$BATS_FILE_TMPDIR/host")/files
	echo intact >"$VICTIM"
	chown "$CLUSTER_UID" "$VICTIM"
	rooms_before
}

teardown()
{
	rooms_after
	[ "$(<"$VICTIM")" = intact ] || fail "a file of the host was written"
	[ "$(ls "${VICTIM%/*}")" = victim ] || fail "a file was made beside it"
	[ ! -e /tmp/escaped ] || fail "/tmp/escaped"
	scratch_remove
}

# refuses NAME REGEX: with that reason; and nothing is left but what was downloaded.
refuses()
{
	run pull out.sif "$FILES:$1"
	assert_failure 255 "$2"
	# a text of one or two lines and a hint, that is no terminal's order
	refute_output $'[\x01-\x09\x0b-\x1f\x7f]'
	[ -z "$(files_of "$WORK")" ] || fail "$1 left:" "$(files_of "$WORK")"
	echo "$1" >>"$BATS_FILE_TMPDIR/refused"
}

# each BEGIN: of a table NAME REGEX on standard input, that has all images whose names begin so.
each()
{
	local name reason

	while read -r name reason; do refuses "$1-$name" "$reason"; done
	# 'makes' is for those that are not in the table
	diff <(grep "^$1-" "$BATS_FILE_TMPDIR/names" | sort) <(grep "^$1-" "$BATS_FILE_TMPDIR/refused" | sort) ||
		fail "images that were not tried"
}

# makes NAME: an image, which is $WORK/out.sif, its listing $TREE
makes()
{
	run pull -F out.sif "$FILES:$1"
	assert_success
	TREE=$(tree_of out.sif)
	# as the files of all these images: nothing is lost
	grep -q ' squashfs-root/usr/bin/tool$' <<<"$TREE" || fail "$TREE"
}

# has TYPE-AND-MODE SIZE NAME [TARGET]
has()
{
	grep -qE "^$1 0/0 +$2 .* squashfs-root/$3${4:+ -> $4}\$" <<<"$TREE" || fail "no $1 $2 $3 in:" "$TREE"
}

@test "T36 layers whose names lead out, that replace the root, link to what they must not, or are no tar" {
	each tar <<-'END'
		dotdot leads upwards
		dotdot-within leads upwards
		dotdot-target leads upwards
		dotdot-whiteout leads upwards
		whiteout-dotdot takes nothing away
		whiteout-dot takes nothing away
		whiteout-nothing takes nothing away
		below-whiteout below a whiteout
		root-link replaces the root
		root-link-slash replaces the root
		root-link-empty replaces the root
		root-file replaces the root
		hard-link-out hard link to .*, which is not there
		hard-link-directory hard link to the directory
		hard-link-self hard link to itself
		through-loop leads in circles
		long-name goes|long
		deep goes|deep
		cut ends in the middle
		checksum checksum
		size-negative wrong size
		unknown-type unknown type
	END
	store_sound
}

@test "T36 absolute names, and files below links that lead out, are the image's" {
	makes good-absolute
	has -rw-r--r-- 13 "${VICTIM#/}"
	has -rw-r--r-- 13 etc/absolute
	for name in good-two-steps good-two-layers; do
		makes $name
		has -rw-r--r-- 1 "${VICTIM#/}"
		has -rw-r--r-- 1 escaped
		has lrwxrwxrwx '[0-9]+' out "${VICTIM%/*}"
	done
	makes good-written-through
	has -rw-r--r-- 1 l
	has -rw-r--r-- 1 m
	# what a room then does with such names
	run as_ada berth exec out.sif cat /m
	[ "$(<"$VICTIM")" = intact ]
}

@test "T36 device nodes, set-user-ID, capabilities and overlay marks do nothing; odd names are names" {
	makes good-devices
	assert_output 'left out 2 device nodes'
	! grep -E '^[bc]' <<<"$TREE" || fail "device nodes"
	makes good-setuid
	has -rwsr-sr-x '[0-9]+' usr/bin/su
	run unsquashfs -d "$SCRATCH/x" "$SCRATCH/tree.sqfs" usr/bin/cap
	assert_success
	run python3 -c 'import os, sys; print(*os.listxattr(sys.argv[1]))' "$SCRATCH/x/usr/bin/cap"
	assert_success user.kept
	makes good-names
	has -rw-r--r-- 1 -rf
	has -rw-r--r-- 1 esc.*
	run bash -c 'unsquashfs -lln "$1" | grep -c "^-.* squashfs-root/new"' _ "$SCRATCH/tree.sqfs"
	assert_success 1
}

@test "T56 bytes that are not what the manifest or the config says" {
	each blob <<-'END'
		diff-id not what the image says
		size-less bytes, not the
		size-more bytes, not the
		config-size bytes, not the
		cut cut short
		crc damaged
		not-gzip not compressed
		not-zstd damaged
		bomb more than 1000 times
	END
	# as large, of another digest; and it is not kept
	FILES=${FILES}wrong refuses good-setuid 'sent something else'
	store_sound
	# there is the right one
	makes good-setuid
}

@test "T57 documents that are two things at once, or none, and layers that are elsewhere" {
	each doc <<-'END'
		foreign registries do not hold
		foreign-docker registries do not hold
		layer-unknown not an image
		digest-path no digest
		digest-weak no digest
		size-negative size
		size-huge size
		schema1 schema 1
		both a manifest and an index at once
		no-type does not say what kind
		config-of-others config is of 2 layers, the manifest of 1
		config-is-index not an image
		config-large config is larger
		many-layers layers, more than
		indexes indexes lead to each other
		duplicate-key a key twice
		deep too many levels
	END
	[ "$(store_parts)" = 0 ] || fail "something of a layer was kept"
}

@test "T39 T60 a bomb costs neither disk nor memory" {
	# a file of 64 MiB at most, and 4 GB of addresses, of which most is what threads reserve
	run as_ada bash -c 'ulimit -f 65536 -v 4000000 && exec berth pull --no-https out.sif "$1"' _ "$FILES:blob-bomb"
	assert_failure 255 'more than 1000 times'
	assert_output 'it may be made to fill your disk'
}

@test "T36 what an image says of itself is text" {
	local evil

	makes good-config-text
	evil=$'$(touch /tmp/escaped)`touch /tmp/escaped`\';touch /tmp/escaped;"\n#'
	run as_ada berth inspect out.sif
	assert_success
	refute_output $'\x1b'
	cp -a "$ROOM_DIR" "$SCRATCH/room"
	# its environment, over files that can run
	unsquashfs -q -n -f -d "$SCRATCH/room" "$SCRATCH/tree.sqfs" .singularity.d >/dev/null
	chmod -R a+rX "$SCRATCH/room"
	run as_ada berth exec "$SCRATCH/room" sh -c 'printf "%s" "$EVIL"'
	assert_success "$evil"
	[ ! -e /tmp/escaped ]
	run as_ada berth inspect --labels --json out.sif
	assert_success
	python3 -c 'import json, sys
sys.exit(json.loads(sys.argv[1])["data"]["attributes"]["labels"]["evil"] != sys.argv[2])' "$output" "$evil" ||
		fail "another label"
}

@test "T36 who converts can open nothing, and no file but the image is made" {
	run as_ada strace -f -qq -o "$WORK/trace" \
		-e trace=seccomp,open,openat,creat,mkdir,mkdirat,mknod,mknodat,link,linkat,symlink,symlinkat,execve \
		berth pull --no-https out.sif "$FILES:good-two-layers"
	assert_success
	# after the filter that shuts the converter in
	run awk '/seccomp\(/ { shut[$1] = 1; next } shut[$1]' "$WORK/trace"
	refute_output 'open|creat|mk|link'
	grep -q 'seccomp(SECCOMP_SET_MODE_FILTER' "$WORK/trace"
	run grep -E '(creat|mknod|mknodat|symlink|symlinkat)\(' "$WORK/trace"
	assert_failure 1
}
