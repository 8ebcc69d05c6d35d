#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# pull-apptainer.bats - one image of a registry, pulled by berth and by Apptainer: the files hold the same tree, and
# both run both files with the same result.
# Needs: root (to become ada), a Debian mirror, mmdebstrap, docker-registry, skopeo, unsquashfs, python3.
load ../harness/common
load rooms
load pull
# shellcheck source=tests/harness/sid.sh
. "$HARNESS/sid.sh"

# config NAME JSON: an image, always of the same layers
config() { oci_image layout "$1" --arch "$(dpkg --print-architecture)" --config "$2" base top >/dev/null; }

setup_file()
{
	need_login
	need_command mmdebstrap docker-registry skopeo unsquashfs python3
	rooms_make
	SID_ROOT=$(sid_make)
	export SID_ROOT
	echo "# beside $(in_sid apptainer --version)" >&3
	cd "$BATS_FILE_TMPDIR" || return
	local name

	mkdir plain top
	cp -a "$CLUSTER_DIR/scratch/rooms/root" base
	rm -rf base/.singularity.d
	mkdir -p top/opt/d base/gone base/srv/work
	echo low >base/gone/file
	echo low >base/opt-file
	echo top >top/opt-file
	echo x >top/opt/d/x
	ln top/opt/d/x top/opt/d/y
	ln -s ../d/x top/opt/d/l
	: >top/.wh.gone
	chmod 0750 top/opt/d
	chmod 0640 top/opt/d/x
	config all '{"Env": ["PATH=/usr/bin:/bin", "A=1", "B=two words"], "Entrypoint": ["echo", "entry"],
		"Cmd": ["c d", "e"], "WorkingDir": "/srv/work", "Labels": {"maker": "me", "other": "x=y"}, "User": "1000"}'
	config cmd '{"Env": ["PATH=/bin", "A=2"], "Cmd": ["sh", "-c", "echo cmd; echo end"]}'
	config entry '{"Entrypoint": ["echo", "only"]}'
	config none '{"Env": ["A=3"]}'
	registry_up plain
	for name in all cmd entry none; do registry_fill plain "oci:layout:$name" "x/$name:1" || return; done
	chmod -R a+rX .
}

teardown_file() { [ ! -d "$BATS_FILE_TMPDIR/plain" ] || registry_down "$BATS_FILE_TMPDIR/plain"; }

setup()
{
	need_login
	rooms_load
	scratch_new
	pull_load
	chmod 0755 "$SCRATCH"
	HOST=$(cat "$BATS_FILE_TMPDIR/plain/host")
	rooms_before
}

teardown()
{
	rooms_after
	scratch_remove
}

# both in the home of the test; stdin is not theirs
# shellcheck disable=SC2153 # pull_load() sets WORK
theirs() { in_sid env -C "$WORK" HOME="$HOME_DIR" apptainer -q "$@" </dev/null; }
ours() { as_ada berth -q "$@" </dev/null; }

# both_pull NAME: a.sif is Apptainer's, b.sif berth's
both_pull()
{
	theirs pull --force --no-https a.sif "docker://$HOST/x/$1:1" >"$SCRATCH/log" 2>&1 || fail "$(cat "$SCRATCH/log")"
	ours pull --force --no-https b.sif "docker://$HOST/x/$1:1"
}

# same VERB FILE WORD...: all four say and end the same. FILE is where the file's name stands.
same()
{
	local who file say first='' words

	for who in theirs ours; do
		for file in a.sif b.sif; do
			words=("${@/FILE/$file}")
			say=$($who "${words[@]}" 2>&1 && echo "status 0" || echo "status $?")
			[ "$first" ] || first=$say
			[ "$say" = "$first" ] || { diff <(echo "$first") <(echo "$say") >&2; fail "$who ${words[*]}: not the same"; }
		done
	done
}

# without what each adds of its own, and of what the tests' directory gets from the host
listing()
{
	root_of "$1" "$SCRATCH/list.sqfs"
	# of directories the size is squashfs's own; of those that a runtime adds, all is
	unsquashfs -lln "$SCRATCH/list.sqfs" | awk '/squashfs-root/ && !/squashfs-root\/\.singularity\.d\// {
		if ($1 ~ /^d/) $3 = "-"
		$4 = $5 = ""
		print }' | sort
}

@test "the same tree" {
	both_pull all
	listing a.sif >"$SCRATCH/a"
	listing b.sif >"$SCRATCH/b"
	[ "$(wc -l <"$SCRATCH/b")" -gt 40 ]
	diff "$SCRATCH/a" "$SCRATCH/b" || fail "Apptainer's (<) and berth's (>) tree differ"
	root_of a.sif "$SCRATCH/a.sqfs"
	root_of b.sif "$SCRATCH/b.sqfs"
	unsquashfs -q -n -d "$SCRATCH/ra" "$SCRATCH/a.sqfs" >/dev/null
	unsquashfs -q -n -d "$SCRATCH/rb" "$SCRATCH/b.sqfs" >/dev/null
	run diff -r --no-dereference -x .singularity.d "$SCRATCH/ra" "$SCRATCH/rb"
	assert_success ''
	# what is one file is one file
	[ "$(stat -c %h "$SCRATCH/rb/opt/d/x")" = 2 ]
	run diff <(cd "$SCRATCH/ra" && find .singularity.d | sort) <(cd "$SCRATCH/rb" && find .singularity.d | sort)
	assert_success ''
}

@test "the same environment, directory, entry point, command and arguments" {
	local name

	for name in all cmd entry none; do
		both_pull "$name"
		# shellcheck disable=SC2016
		same exec FILE sh -c 'echo "$A|$B|$PATH"; pwd'
		# one that says nothing of what to run is answered with variables by Apptainer
		if [ "$name" != none ]; then
			same run FILE
			same run FILE echo 'x y' z
		fi
		same exec --env A=9 FILE sh -c 'echo "$A"'
		same exec --cleanenv FILE sh -c 'env | grep -E "^(A|B|PATH|LD_LIBRARY_PATH)=" | sort'
	done
}

@test "the same labels" {
	local who file name

	both_pull all
	for who in theirs ours; do
		for file in a b; do
			$who inspect --labels $file.sif | grep -vE 'build-date|version|^$' | sort >"$SCRATCH/$who.$file"
		done
	done
	grep -q '^maker: me$' "$SCRATCH/theirs.a"
	for name in theirs.b ours.a ours.b; do
		diff "$SCRATCH/theirs.a" "$SCRATCH/$name" || fail "$name differs"
	done
	# what each says of the other's file is the same, to the byte
	for file in a b; do
		for words in --labels --runscript --deffile --environment; do
			diff <(theirs inspect $words $file.sif) <(ours inspect $words $file.sif) || fail "inspect $words $file.sif"
		done
		# as JSON, in which Go writes '&' in another way
		diff <(theirs inspect --all $file.sif | python3 -m json.tool) \
			<(ours inspect --all $file.sif | python3 -m json.tool) ||
			fail "inspect --all $file.sif"
	done
	theirs sif list b.sif | grep -q 'FS (Squashfs/\*System'
}
