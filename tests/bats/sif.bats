#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# sif.bats - berth sif: what it shows of SIF files, and what is in them after it changed them.
# Needs: root (to become ada), mksquashfs, python3, script, setsid.
load ../harness/common
load rooms

setup_file() { need_login; need_command mksquashfs python3; rooms_make; }

setup()
{
	need_login
	rooms_load
	scratch_new
	rooms_before
	cd "$SCRATCH" || return
	ARCH=$(as_user berth sif info 3 "$ROOM_SIF" | awk '/Architecture:/ { print $2 }')
	[ -n "$ARCH" ]
	echo hello >hello
	PARTITION=(--datatype 4 --partfs 1 --partarch "$ARCH")
}

teardown()
{
	rooms_after
	scratch_remove
}

# sif VERB ARG...: at a time that does not change, and here.
sif() { as_user env -C "$SCRATCH" SOURCE_DATE_EPOCH=1000000000 berth sif "$@"; }

# A file with an object of each type, t.sif.
make_each()
{
	sif new t.sif
	sif add t.sif hello --datatype 1 --groupid 1 --filename def
	sif add t.sif hello --datatype 2
	sif add --datatype 3 --link 1 t.sif hello
	sif add t.sif hello --datatype 4 --parttype 4 --partfs 2 --partarch 4 --groupid 7
	sif add t.sif hello --datatype 5 --signhash 2 --signentity 433FE984155206BD962725E20E8713472A879943 --link 4026531843
	sif add t.sif hello --datatype 6 --filename $'a\033[2J"\\' --groupid 3
	sif add t.sif hello --datatype 7 --alignment 512 --groupid 3
	sif add t.sif hello --datatype 8 --groupid 3
	sif add t.sif hello --datatype 9 --sbomformat spdx-json --groupid 3
	sif add t.sif hello --datatype 10 --groupid 3
	sif add t.sif hello --datatype 11 --groupid 3
}

@test "list, header and info show what siftool shows" {
	make_each
	run sif list t.sif
	assert_success "------------------------------------------------------------------------------
ID   |GROUP   |LINK    |SIF POSITION (start-end)  |TYPE
------------------------------------------------------------------------------
1    |1       |NONE    |32176-32182               |Def.FILE
2    |NONE    |NONE    |32182-32188               |Env.Vars
3    |NONE    |1       |32188-32194               |JSON.Labels
4    |7       |NONE    |32768-32774               |FS (Ext3/Overlay/arm64)
5    |NONE    |3   (G) |32774-32780               |Signature (SHA-384)
6    |3       |NONE    |32780-32786               |JSON.Generic
7    |3       |NONE    |33280-33286               |Generic/Raw
8    |3       |NONE    |33286-33292               |Cryptographic Message (Unknown/Unknown)
9    |3       |NONE    |33292-33298               |SBOM (spdx-json)
10   |3       |NONE    |33298-33304               |OCI.RootIndex
11   |3       |NONE    |33304-33310               |OCI.Blob"
	run sif header t.sif
	assert_success "Version:            01
Created At:         2001-09-09 01:46:40 +0000 UTC
Modified At:        2001-09-09 01:46:40 +0000 UTC
Descriptors Free:   37
Descriptors Total:  48
Descriptors Offset: 4096
Descriptors Size:   27 KiB
Data Offset:        32176
Data Size:          1 KiB"
	run sif info 5 t.sif
	assert_success "  Data Type:    Signature
  ID:           5
  Group ID:     NONE
  Linked ID:    3 (G)
  Offset:       32774
  Size:         6
  Created At:   2001-09-09 01:46:40 +0000 UTC
  Modified At:  2001-09-09 01:46:40 +0000 UTC
  Hash Type:    SHA-384
  Entity:       433FE984155206BD962725E20E8713472A879943"
	run sif info 6 t.sif
	assert_success
	# shellcheck disable=SC1003
	grep -qxF '  Name:         a\x1b[2J"\' <<<"$output" || fail "a name that drives a terminal"
	run sif info 11 t.sif
	assert_output "  Digest:       sha256:$(sha256sum <hello | cut -d' ' -f1)\$"
	run sif header "$ROOM_SIF"
	assert_output '^Launch Script:        #!/usr/bin/env run-singularity$'
	assert_output "^Primary Architecture: $ARCH\$"
	# The same again gives the same bytes.
	cp t.sif first.sif && rm t.sif
	make_each
	cmp t.sif first.sif
}

@test "the same as JSON" {
	make_each
	sif list --json t.sif >list.json
	sif info -j 5 t.sif >info.json
	sif header -j t.sif >header.json
	python3 - <<-'EOF'
		import json
		o = json.load(open("list.json"))
		assert [x["id"] for x in o] == list(range(1, 12)), o
		assert o[0] == {"type": "Def.FILE", "id": 1, "group": 1, "offset": 32176, "size": 6,
		                "created": 1000000000, "modified": 1000000000, "name": "def"}, o[0]
		assert o[5]["name"] == "a\x1b[2J\"\\" and o[2]["linked_id"] == 1 and o[3]["partition"] == "Overlay", o
		assert o[4] == json.load(open("info.json")) and o[4]["linked_group"] == 3 and "group" not in o[4], o[4]
		h = json.load(open("header.json"))
		assert h["descriptors_free"] == 37 and h["data_size"] == 1134 and "id" not in h, h
	EOF
	run sif new e.sif
	run sif list -j e.sif
	assert_success '[]'
}

@test "dump gives the bytes, and a terminal only text" {
	make_each
	head -c 300000 /dev/urandom >any
	sif add t.sif any --datatype 7
	sif dump 12 t.sif | cmp - any
	run sif dump 1 t.sif
	assert_success hello
	need_command script
	run as_user env -C "$SCRATCH" script -qec 'berth sif dump 1 t.sif' /dev/null
	assert_success
	assert_output '^hello'
	printf 'a\033[2J' >esc
	sif add t.sif esc --datatype 7
	run as_user env -C "$SCRATCH" script -qec 'berth sif dump 13 t.sif' /dev/null
	assert_failure 1 'no text for a terminal'
	[[ $output != *$'\033'* ]] || fail "it was shown"
}

@test "an image of parts runs; another partition becomes the one that runs" {
	mksquashfs "$ROOM_DIR" second.sqfs -all-root -quiet -no-progress -p 'second f 644 0 0 echo here' >/dev/null
	chmod 0644 second.sqfs
	sif new i.sif
	sif add i.sif "$ROOM_SQUASHFS" "${PARTITION[@]}" --parttype 2 --groupid 1
	sif add i.sif second.sqfs "${PARTITION[@]}" --parttype 1 --groupid 1
	run as_user berth exec "$SCRATCH/i.sif" test -e /second
	assert_failure 1
	run sif add i.sif second.sqfs "${PARTITION[@]}" --parttype 2
	assert_failure 1 'primary system partition already'
	sif setprim 2 i.sif
	run as_user berth exec "$SCRATCH/i.sif" cat /second
	assert_success here
	run sif list i.sif
	assert_output '^1 .*Squashfs/System/'
	assert_output '^2 .*Squashfs/\*System/'
	sif del 2 i.sif
	run as_user berth exec "$SCRATCH/i.sif" true
	assert_failure 255 'no system partition'
	sif setprim 1 i.sif
	run as_user berth exec "$SCRATCH/i.sif" test -e /second
	assert_failure 1
	run as_user berth exec "$SCRATCH/i.sif" true
	assert_success ''
}

@test "deleted bytes stay, are overwritten or given back" {
	local size

	sif new d.sif
	for _ in 1 2 3; do sif add d.sif hello --datatype 7; done
	size=$(stat -c %s d.sif)
	sif del 1 d.sif
	[ "$(grep -c hello d.sif)" = 3 ] && [ "$(stat -c %s d.sif)" = "$size" ] || fail "more than the entry is gone"
	sif del --zero 2 d.sif
	[ "$(grep -ao hello d.sif | wc -l)" = 2 ] || fail "the bytes are there, or more are gone"
	sif del --compact 3 d.sif
	[ "$(stat -c %s d.sif)" = 32176 ] || fail "the file is no shorter"
	run sif list d.sif
	assert_lines 0 '^[0-9]'
	sif add d.sif hello --datatype 7
	run sif dump 1 d.sif
	assert_success hello
}

@test "who changes a signed file is told" {
	make_each # object 5 signs group 3
	run sif add t.sif hello --datatype 7
	assert_success
	assert_output 'object 12 is in no group.*--groupid'
	run sif add t.sif hello --datatype 7 --groupid 9
	assert_output 'group 9 is not'
	run sif add t.sif hello --datatype 7 --groupid 3
	assert_output 'group 3 is signed: its signatures no longer verify'
	run sif del 6 t.sif
	assert_output 'group 3 is signed: its signatures no longer verify'
	run sif del 1 t.sif
	assert_success ''
	run sif del 5 t.sif
	assert_success ''
	run sif del 7 t.sif
	assert_success ''
}

@test "two at once: one waits, and both are in it" {
	local end=$((SECONDS + 60)) pid

	sif new l.sif
	mkfifo hold && chmod 0666 hold
	flock l.sif -c 'read -r _ <hold' &
	pid=$!
	while flock -n l.sif true; do [ $SECONDS -lt $end ] || fail "no lock"; sleep 0.05; done
	sif add l.sif hello --datatype 7 >out 2>&1 &
	while ! grep -q 'waiting for another process' out; do [ $SECONDS -lt $end ] || fail "no word"; sleep 0.05; done
	run sif list l.sif # who reads does not wait
	assert_lines 0 '^[0-9]'
	echo >hold
	wait "$pid"
	wait
	run sif list l.sif
	assert_lines 1 '^[0-9]'
	for _ in 1 2 3 4 5 6; do sif add l.sif hello --datatype 7 2>/dev/null & done
	wait
	run sif list l.sif
	assert_lines 7 '^[0-9]'
}

@test "who is killed while adding leaves the file as it was" {
	local end=$((SECONDS + 60)) pid

	sif new k.sif
	sif add k.sif hello --datatype 7
	mkfifo slow && chown --reference=. slow
	# its own process: the shell that starts it on the login host lives on
	as_user env -C "$SCRATCH" bash -c 'echo $$ >pid; exec berth sif add k.sif slow --datatype 7' &
	exec 9>slow
	head -c 200000 /dev/zero >&9
	while [ "$(stat -c %s k.sif)" -lt 100000 ]; do [ $SECONDS -lt $end ] || fail "nothing written"; sleep 0.05; done
	pid=$(cat pid)
	as_user kill -9 "$pid"
	exec 9>&-
	wait || true
	run sif list k.sif
	assert_success
	assert_lines 1 '^[0-9]'
	sif add k.sif hello --datatype 7
	run sif dump 2 k.sif
	assert_success hello
}

@test "what would not end, and what may not become larger, leaves the file as it was" {
	make_each
	ln t.sif same.sif
	cp t.sif before.sif
	run sif add t.sif same.sif --datatype 6
	assert_failure 1 'is the file itself'
	cmp t.sif before.sif
	head -c 200000 /dev/zero >large
	run sif add t.sif large --datatype 6
	assert_success
	cp before.sif t.sif
	run as_user env -C "$SCRATCH" bash -c 'ulimit -f 100 && berth sif add t.sif large --datatype 6'
	assert_failure 255 'File too large'
	assert_output 'ulimit -f'
	cmp t.sif before.sif
}

@test "files of Singularity 3 and SingularityCE, and of nobody and never" {
	local form code

	code=$(python3 -c 'import sys; f = open(sys.argv[1], "rb"); f.seek(45); print(f.read(2).decode())' "$ROOM_SIF")
	for form in v1 ce zero; do
		python3 "$HARNESS/sif-old.py" $form "$ROOM_SQUASHFS" "$code" $form.sif
		run as_user berth exec "$SCRATCH/$form.sif" cat /etc/passwd
		assert_success
	done
	run sif list v1.sif
	assert_output '^1    \|1       \|NONE    \|32768-32804               \|Def.FILE$'
	assert_output '^2    \|1       \|NONE    \|36864-[0-9]+ +\|FS \(Squashfs/\*System/'
	assert_output '^3    \|1       \|2       \|[0-9-]+ +\|Signature \(SHA-384\)$'
	run sif info 3 v1.sif
	assert_output '  Name:         part-signature$'
	run sif list ce.sif
	assert_output '^5    \|NONE    \|1   \(G\) \|'
	run as_user berth inspect -ld "$SCRATCH/ce.sif"
	assert_success $'bootstrap: docker\nfrom: alpine:3.10\norg.label-schema.usage.singularity.version: 4.5.1'
	run as_user berth inspect -d "$SCRATCH/v1.sif"
	assert_success $'bootstrap: docker\nfrom: alpine:3.10'
	run sif header zero.sif
	[[ $output != *Launch* && $output != *ID:* && $output != *At:* ]] || fail "what is not there is shown"
	run sif info 1 zero.sif
	assert_success
	assert_lines 0 'At:'
	# They are changed as any other.
	chmod 0666 v1.sif
	sif add v1.sif hello --datatype 7
	sif del 3 v1.sif
	run as_user berth exec "$SCRATCH/v1.sif" true
	assert_success ''
}

@test "refused, with a reason" {
	local words want file

	make_each
	mkdir dir
	echo hello >other && chmod 0666 other
	cp t.sif before.sif
	cp t.sif read-only.sif && chmod 0444 read-only.sif
	head -c 20000 t.sif >short.sif
	while IFS='|' read -r words want; do
		[ -n "$words" ] || continue
		# shellcheck disable=SC2086
		run sif $words
		assert_failure "${want%% *}" "${want#* }"
	done <<-'EOF'
		nothing|1 unknown command
		lst t.sif|1 did you mean .list.
		list|1 sif list takes the file
		list a b|1 sif list takes the file
		list none|255 check the path
		list hello|255 not a SIF file
		list dir|255 not a SIF file
		list short.sif|255 outside the file
		list --zero t.sif|1 sif list has no option
		list --jsn t.sif|1 did you mean
		info x t.sif|1 no number of an object
		info 0 t.sif|1 no number of an object
		info 99 t.sif|255 has no object 99
		info t.sif 1|255 check the path
		dump 99 t.sif|255 has no object 99
		del 99 t.sif|255 has no object 99
		del --json 1 t.sif|1 has no option
		del 1 read-only.sif|255 you must be able to write
		setprim 1 t.sif|1 no system partition
		setprim 4 t.sif|1 no system partition
		new t.sif|255 --force replaces it
		new dir -F|1 .
		add t.sif hello|1 needs --datatype
		add t.sif --datatype 7|1 takes the SIF file
		add t.sif none --datatype 7|255 cannot open
		add t.sif dir --datatype 7|1 is no file
		add other hello --datatype 7|255 not a SIF file
		add t.sif hello --datatype 0|1 from 1 to 11
		add t.sif hello --datatype 12|1 from 1 to 11
		add t.sif hello --datatype x|1 from 1 to 11
		add t.sif hello --datatype 4|1 needs --parttype
		add t.sif hello --datatype 4 --parttype 3 --partfs 1|1 needs --partarch
		add t.sif hello --datatype 4 --parttype 3 --partfs 1 --partarch vax|1 --partarch is
		add t.sif hello --datatype 4 --parttype 5|1 from 1 to 4
		add t.sif hello --datatype 7 --partfs 1|1 goes with --datatype 4
		add t.sif hello --datatype 5 --signhash 1|1 needs --signentity
		add t.sif hello --datatype 5 --signhash 1 --signentity 12|1 fingerprint of 40 digits
		add t.sif hello --datatype 9|1 needs --sbomformat
		add t.sif hello --datatype 9 --sbomformat x|1 knows no
		add t.sif hello --datatype 7 --link 268435456|1 --link is an object, or a group
		add t.sif hello --datatype 7 --groupid 268435456|1 --groupid is a number
		add t.sif hello --datatype|1 needs an argument
	EOF
	run sif add t.sif hello --datatype 7 --filename "$(printf 'n%.0s' {1..129})"
	assert_failure 1 'at most 128 bytes'
	for file in t.sif read-only.sif; do cmp "$file" before.sif; done
	run as_user berth sif --help
	assert_success
	assert_output '--datatype NUMBER'
}
