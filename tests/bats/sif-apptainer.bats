#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# sif-apptainer.bats - SIF files go both ways: what berth made or changed is listed, inspected, run, signed
# and verified by Apptainer, and what Apptainer made or changed by berth, with the same words.
# Needs: root (to become ada), a Debian mirror, mmdebstrap, mksquashfs, python3, docker-registry.
load ../harness/common
load rooms
# shellcheck source=tests/harness/sid.sh
. "$HARNESS/sid.sh"
# shellcheck source=tests/harness/registry.sh
. "$HARNESS/registry.sh"

setup_file()
{
	need_login
	need_command mmdebstrap mksquashfs python3 docker-registry
	rooms_make
	SID_ROOT=$(sid_make)
	export SID_ROOT
	echo "# beside $(in_sid apptainer --version)" >&3
}

setup()
{
	need_login
	rooms_load
	scratch_new
	chmod 0755 "$SCRATCH"
	rooms_before
	cd "$SCRATCH" || return
	echo hello >hello
	# This machine's, as the format has it.
	ARCH=$(python3 -c 'import sys; f = open(sys.argv[1], "rb"); f.seek(45); print(f.read(2).decode())' "$ROOM_SIF")
}

teardown()
{
	rooms_after
	scratch_remove
}

theirs() { in_sid env -C "$SCRATCH" apptainer -q "$@"; }
ours() { as_user env -C "$SCRATCH" berth "$@"; }

# same WORD...: both say the same and end the same way.
same()
{
	local them us status

	them=$(theirs "$@" 2>&1) && status=0 || status=$?
	us=$(ours "$@" 2>&1) && status="$status 0" || status="$status $?"
	[ "${status% *}" = "${status#* }" ] || fail "$*: statuses $status: $us"
	[ "$them" = "$us" ] || { diff <(echo "$them") <(echo "$us") >&2; fail "$*: not the same"; }
}

# same_file FILE: header, list and each object.
same_file()
{
	local id

	same sif header "$1"
	same sif list "$1"
	for id in $(ours sif list "$1" | awk '/^[0-9]/ { print $1 }'); do same sif info "$id" "$1"; done
}

make_root()
{
	local d=root/.singularity.d app=root/scif/apps/foo/scif

	cp -a "$ROOM_DIR" root
	mkdir -p $d/env $app/env root/scif/apps/bar/scif
	printf '#!/bin/sh\necho run "$@"\n' >$d/runscript
	printf '#!/bin/sh\nexit 3\n' >$d/test
	printf '{"own": "label \\u00fc", "other": "x"}\n' >$d/labels.json
	printf 'How to use it\n' >$d/runscript.help
	printf 'export A=1\n' >$d/env/90-environment.sh
	printf 'export PATH="/bin"\n' >$d/env/10-docker2singularity.sh
	printf '{"app": "label"}' >$app/labels.json
	printf 'foo help\n' >$app/runscript.help
	printf '#!/bin/sh\necho foo\n' >$app/runscript
	printf 'export B=1\n' >$app/env/90-environment.sh
	chmod 0755 $d/runscript $d/test $app/runscript
	chown -R --reference=. root
}

@test "an image that berth built" {
	local words

	make_root
	ours -q build b.sif root
	same_file b.sif
	while read -r words; do
		# shellcheck disable=SC2086
		same inspect $words b.sif
	done <<-'EOF'
		-l
		-d
		-e
		-r
		-t
		-s
		-H
		--list-apps
		--all
		-l -r -j
		-d -l -e
		--app foo -l
		--app foo -r -H -j
	EOF
	run theirs exec b.sif cat /berth-image
	assert_success ''
	run theirs run b.sif a b
	assert_success 'run a b'
	[ "$(theirs sif dump 1 b.sif)" = "$(printf 'bootstrap: localimage\nfrom: root\n\n')" ] || fail "another definition"
}

@test "an image that Apptainer built" {
	local words

	make_root
	theirs build a.sif root >log 2>&1 || fail "$(cat log)"
	same_file a.sif
	while read -r words; do
		# shellcheck disable=SC2086
		same inspect $words a.sif
	done <<-'EOF'
		-l
		-d
		-e
		-r
		-t
		-s
		-H
		--list-apps
		--all
		-l -r -j
		--app foo -l
		--app foo -r -H -j
		--app bar -r -j
	EOF
	theirs sif dump 2 a.sif >theirs.json
	ours sif dump 2 a.sif | cmp - theirs.json
	run ours run a.sif a b
	assert_success 'run a b'
}

@test "each change by either is what the other would have made" {
	local who file n=0

	mksquashfs "$ROOM_DIR" r.sqfs -all-root -quiet -no-progress >/dev/null
	chmod 0644 r.sqfs
	change()
	{
		local partition=(--datatype 4 --partfs 1 --partarch $((10#$ARCH))) t

		"$1" sif new "$2"
		for t in 1 2 3 6 7 8 10 11; do "$1" sif add "$2" hello --datatype "$t" --filename "n$t"; done
		"$1" sif add "$2" hello --datatype 9 --sbomformat cyclonedx-xml --groupid 3
		"$1" sif add "$2" hello --datatype 5 --signentity 433FE984155206BD962725E20E8713472A879943 --signhash 3 --link 1
		"$1" sif add "$2" r.sqfs "${partition[@]}" --parttype 2 --groupid 1
		"$1" sif add "$2" r.sqfs "${partition[@]}" --parttype 1 --groupid 1 --alignment 8192
		"$1" sif del 3 "$2"
		"$1" sif setprim 12 "$2"
		"$1" sif add "$2" hello --datatype 7 --link 4
		"$1" sif del 2 "$2"
	} 2>/dev/null
	change theirs a.sif
	change ours b.sif
	# But for names and times, which are random and not the same, they are the same bytes.
	python3 - <<-'EOF'
		import struct
		def plain(name):
		    b = bytearray(open(name, "rb").read())
		    b[48:80] = bytes(32)
		    for slot in range(48):
		        at = 4096 + 585 * slot + 41
		        b[at:at + 16] = bytes(16)
		    return bytes(b)
		a, b = plain("a.sif"), plain("b.sif")
		assert len(a) == len(b), (len(a), len(b))
		assert a == b, [i for i in range(len(a)) if a[i] != b[i]][:20]
	EOF
	for file in a.sif b.sif; do
		same_file "$file"
		for who in ours theirs; do
			run $who exec "$file" cat /berth-image
			assert_success ''
			n=$((n + 1))
		done
	done
	[ $n = 4 ]
	ours sif new c.sif && theirs sif add c.sif hello --datatype 7
	ours sif add c.sif hello --datatype 1 && theirs sif del 1 c.sif
	ours sif del --zero --compact 2 c.sif && theirs sif add c.sif hello --datatype 2
	same_file c.sif
	run ours sif dump 1 c.sif
	assert_success hello
}

# verifies STATUS FILE [OPTION...]
verifies()
{
	local want=$1 file=$2

	shift 2
	run in_sid env -C "$SCRATCH" APPTAINER_KEYSDIR="$SCRATCH/keys" apptainer verify --local "$@" "$file"
	[ "$status" = "$want" ] || fail "verify $* $file: status $status, not $want"
}

@test "signed by Apptainer: what a change of berth does to it" {
	local f

	make_root
	ours -q build b.sif root
	keyed() { in_sid env -C "$SCRATCH" APPTAINER_KEYSDIR="$SCRATCH/keys" apptainer "$@"; }
	keyed key newpair --name test --email test@example.org --comment none --password '' --bit-length 2048 >log 2>&1 ||
		fail "$(cat log)"
	verifies 255 b.sif
	keyed sign b.sif >log 2>&1 || fail "$(cat log)"
	verifies 0 b.sif
	same_file b.sif
	run ours exec b.sif true
	assert_success ''
	for f in none other same gone unsigned prim; do cp b.sif $f.sif && chown --reference=. $f.sif; done
	# In no group: Apptainer wants none of it, though what was signed is as it was.
	run ours sif add none.sif hello --datatype 7
	assert_output 'in no group.*--groupid'
	verifies 255 none.sif --group-id 1
	assert_output 'not associated'
	ours sif del 5 none.sif
	verifies 0 none.sif
	# In another group: the signed one must be named.
	run ours sif add other.sif hello --datatype 7 --groupid 2
	assert_output 'group 2 is not.*--group-id'
	verifies 255 other.sif
	verifies 0 other.sif --group-id 1
	ours sif del --compact 5 other.sif # and away again
	verifies 0 other.sif
	# In the signed group, or out of it.
	run ours sif add same.sif hello --datatype 7 --groupid 1
	assert_output 'no longer verify'
	verifies 255 same.sif --group-id 1
	run ours sif del 1 gone.sif
	assert_output 'no longer verify'
	verifies 255 gone.sif --group-id 1
	# The signature itself.
	run ours sif del 4 unsigned.sif
	assert_success ''
	verifies 255 unsigned.sif
	assert_output 'signature not found'
	run ours sif setprim 3 prim.sif # it is
	assert_success ''
	verifies 0 prim.sif
	# One of parts that berth put together.
	mksquashfs "$ROOM_DIR" r.sqfs -all-root -quiet -no-progress >/dev/null
	chmod 0644 r.sqfs
	ours sif new p.sif
	ours sif add p.sif r.sqfs --datatype 4 --parttype 2 --partfs 1 --partarch $((10#$ARCH)) --groupid 1
	keyed sign p.sif >log 2>&1 || fail "$(cat log)"
	verifies 0 p.sif
}

@test "files of older writers, and of no time" {
	local form

	for form in v1 ce zero; do
		python3 "$HARNESS/sif-old.py" $form "$ROOM_SQUASHFS" "$ARCH" $form.sif
		chmod 0644 $form.sif
		same_file $form.sif
	done
	same inspect -l ce.sif
	same inspect -d ce.sif
}

@test "SIF files go through a registry from either to the other, and images that were built run there" {
	registry_up "$(mkdir "$SCRATCH/reg" && echo "$SCRATCH/reg")"
	mkdir "$SCRATCH/work"
	chown "$CLUSTER_UID" "$SCRATCH/work"
	cp "$ROOM_SIF" work/a.sif
	chmod 0644 work/a.sif
	ours -q push --no-https work/a.sif "oras://$REGISTRY/x/ours:1"
	theirs pull --no-https work/b.sif "oras://$REGISTRY/x/ours:1"
	cmp work/a.sif work/b.sif
	theirs push -U --no-https work/a.sif "oras://$REGISTRY/x/theirs:1"
	ours -q pull --no-https work/c.sif "oras://$REGISTRY/x/theirs:1"
	cmp work/a.sif work/c.sif
	# from a directory through an archive of OCI and back
	ours -q build oci-archive:work/d.tar work/a.sif
	ours -q build work/e.sif oci-archive:work/d.tar
	ours -q build -s work/f.dir work/e.sif
	for image in work/e.sif work/f.dir; do
		run theirs run "$image" a b
		assert_success "runscript: a,b,"
		run ours run "$image" a b
		assert_success "runscript: a,b,"
	done
	registry_down "$SCRATCH/reg"
}
