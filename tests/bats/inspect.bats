#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# inspect.bats - what berth inspect and run-help show of what an image's author says about it, from
# an image that nobody enters or mounts.
# Needs: root (to become ada), mksquashfs, python3.
load ../harness/common
load rooms

setup_file() { need_login; need_command mksquashfs; rooms_make; }

setup()
{
	need_login
	rooms_load
	scratch_new
	chmod 0755 "$SCRATCH"
	rooms_before
	IMAGE=$SCRATCH/root
	mkdir -p "$IMAGE/.singularity.d/env" "$IMAGE/scif/apps/foo/scif/env" "$IMAGE/scif/apps/none"
	cd "$IMAGE/.singularity.d" || return
	printf '#!/bin/sh\necho run\n\n' >runscript
	printf '{"b": "two\\n\\u00fc", "a": "1"}\n' >labels.json
	printf 'Bootstrap: scratch\n' >Singularity
	printf '#!/bin/sh\n' >startscript
	printf '#!/bin/sh\nexit 0\n' >./test
	printf 'How to use it:\n\tso\n' >runscript.help
	printf 'export A=1\n' >env/90-environment.sh
	printf 'export PATH="/x"\n' >env/10-docker2singularity.sh
	printf 'no\n' | tee env/01-base.sh env/99-base.sh env/readme >/dev/null
	printf 'foo help\n' >"$IMAGE/scif/apps/foo/scif/runscript.help"
	printf '{"app": "label"}' >"$IMAGE/scif/apps/foo/scif/labels.json"
	chmod -R a+rX "$IMAGE"
	make_files
	as_user berth -q build "$SCRATCH/built.sif" "$IMAGE"
}

# A squashfs file, and a SIF file that has nothing beside it, as others make them.
make_files()
{
	mksquashfs "$IMAGE" "$SCRATCH/image.sqfs" -all-root -quiet -no-progress -noappend >/dev/null
	chmod 0644 "$SCRATCH/image.sqfs"
	as_user berth sif new -F "$SCRATCH/image.sif"
	as_user berth sif add "$SCRATCH/image.sif" "$SCRATCH/image.sqfs" --groupid 1 \
		--datatype 4 --parttype 2 --partfs 1 --partarch "$(dpkg --print-architecture | sed s/ppc64el/ppc64le/)"
}

teardown()
{
	rooms_after
	scratch_remove
}

# shows TEXT COMMAND...: every form of the image gives that.
shows()
{
	local want=$1 image

	shift
	for image in "$IMAGE" "$SCRATCH/image.sif" "$SCRATCH/image.sqfs"; do
		run as_user berth "$@" "$image"
		assert_success "$want"
	done
}

@test "each part, of every kind of image" {
	shows $'#!/bin/sh\necho run' inspect --runscript
	shows $'#!/bin/sh\necho run' inspect -r
	shows $'a: 1\nb: two\nü' inspect -l
	shows 'Bootstrap: scratch' inspect -d
	shows '#!/bin/sh' inspect --startscript
	shows $'#!/bin/sh\nexit 0' inspect -t
	shows $'How to use it:\n\tso' inspect -H
	shows $'How to use it:\n\tso' run-help
	shows $'=== /.singularity.d/env/10-docker2singularity.sh ===\nexport PATH="/x"\n
=== /.singularity.d/env/90-environment.sh ===\nexport A=1' inspect -e
	shows foo inspect --list-apps
	shows 'foo help' inspect --app foo -H
	shows 'foo help' run-help --app=foo
	shows 'app: label' inspect --app foo
	shows $'Bootstrap: scratch\na: 1\nb: two\nü' inspect -ld
}

@test "JSON as Apptainer prints it" {
	shows $'{\n\t"data": {\n\t\t"attributes": {\n\t\t\t"labels": {\n\t\t\t\t"a": "1",\n\t\t\t\t"b": "two\\nü"
\t\t\t},\n\t\t\t"runscript": "#!/bin/sh\\necho run"\n\t\t}\n\t},\n\t"type": "container"\n}' inspect -rl --json
	run as_user berth inspect --all "$SCRATCH/image.sif"
	assert_success
	python3 -c 'import json, sys
a = json.loads(sys.argv[1])["data"]["attributes"]
assert list(a) == ["apps", "environment", "labels", "runscript", "test", "helpfile", "deffile", "startscript"], list(a)
assert a["apps"] == {"foo": {"labels": {"app": "label"}, "helpfile": "foo help"}}, a["apps"]
assert a["environment"]["/.singularity.d/env/90-environment.sh"] == "export A=1"
' "$output"
	# shellcheck disable=SC1003
	printf '\377\033[2J"\\' >"$IMAGE/.singularity.d/runscript"
	run as_user berth inspect -rj "$IMAGE"
	assert_success
	python3 -c 'import json, sys
assert json.loads(sys.argv[1])["data"]["attributes"]["runscript"] == "\ufffd\x1b[2J\"\\"' "$output"
}

@test "an image that berth built says what it was made of, and inspect reads nothing else of it" {
	local own all wrong

	own=$(as_user berth inspect -l "$IMAGE")
	run as_user berth inspect -l "$SCRATCH/built.sif"
	assert_success
	[ "$(grep -v '^org\.' <<<"$output")" = "$own" ] || fail "other labels than the directory's"
	assert_output '^org\.label-schema\.usage\.singularity\.deffile\.bootstrap: localimage$'
	assert_output "^org\.label-schema\.usage\.singularity\.deffile\.from: $IMAGE\$"
	run as_user berth inspect -d "$SCRATCH/built.sif"
	assert_success $'bootstrap: localimage\nfrom: '"$IMAGE"
	run as_user berth sif list "$SCRATCH/built.sif"
	[ "$(awk -F'|' '/^[0-9]/ { print $1 $2 $5 }' <<<"$output" | tr -d ' ' | sed 's,/[a-z0-9]*),),')" = \
		$'11Def.FILE\n21JSON.Generic\n31FS(Squashfs/*System)' ] || fail "other objects, or in another order"
	all=$(as_user berth inspect --all "$SCRATCH/built.sif")
	[ "$(as_user berth inspect --all "$IMAGE" | grep -v '"b": "two\|"deffile"')" = \
		"$(grep -v '"org\.\|"b": "two\|"deffile"' <<<"$all")" ] || fail "the rest is not the directory's"
	as_user berth sif dump 2 "$SCRATCH/built.sif" | python3 -c 'import json, sys
assert json.load(sys.stdin) == json.loads(sys.argv[1])' "$all"
	# The file system is damaged, and nobody looks; so is what inspect reads, and the other is looked into.
	cp "$SCRATCH/built.sif" "$SCRATCH/other.sif"
	python3 - "$SCRATCH/built.sif" "$SCRATCH/other.sif" <<-'EOF'
		import struct, sys
		for name, slot, new in (sys.argv[1], 2, b"xxxx"), (sys.argv[2], 1, b"[" + b" " * 3):
		    with open(name, "r+b") as f:
		        f.seek(4096 + 585 * slot + 17)
		        f.seek(struct.unpack("<q", f.read(8))[0])
		        f.write(new)
	EOF
	run as_user berth inspect --all "$SCRATCH/built.sif"
	assert_success "$all"
	run as_user berth run-help --app foo "$SCRATCH/built.sif"
	assert_success 'foo help'
	run as_user berth inspect -l "$SCRATCH/other.sif"
	assert_success
	assert_output 'inspect-metadata.json is none'
	[ "$(tail -n +2 <<<"$output")" = "$own" ] || fail "not the labels of its file system"
	run as_user berth inspect -d "$SCRATCH/other.sif"
	assert_output 'from: ' # that of the object
	for wrong in --runscript --app=foo; do
		run as_user berth inspect "$wrong" "$SCRATCH/built.sif"
		assert_success
	done
	run as_user berth inspect --app none -r "$SCRATCH/built.sif"
	assert_failure 255 "no app 'none'"
}

@test "what is not there is left out; nothing of it drives a terminal" {
	rm "$IMAGE"/.singularity.d/{runscript,runscript.help,labels.json}
	run as_user berth inspect -r -l -H "$IMAGE"
	assert_success ''
	run as_user berth run-help "$IMAGE"
	assert_success
	assert_output 'has no help'
	printf 'a\033[2Jb\0c\n' >"$IMAGE/.singularity.d/runscript"
	run as_user berth inspect -r "$IMAGE"
	assert_success 'a\x1b[2Jb\x00c'
}

@test "links stay inside the image, and lead to nothing endless" {
	cd "$IMAGE/.singularity.d" || return
	echo outside >"$SCRATCH/secret"
	chmod 0644 "$SCRATCH/secret"
	ln -sf "../../../../../../../$SCRATCH/secret" runscript
	ln -sf test2 test && ln -sf test test2
	ln -sf /etc/../.singularity.d/./env/../Singularity startscript
	ln -sf /usr Singularity.d
	mkdir "$IMAGE/etc"
	rm runscript.help && mkfifo runscript.help
	make_files
	shows '' inspect -r
	shows '' inspect -t
	shows '' inspect -H
	shows 'Bootstrap: scratch' inspect -s
}

@test "refused: labels that are none, files that are too large, apps and images that are not there" {
	printf '{"a": 1}' >"$IMAGE/.singularity.d/labels.json"
	head -c 1048577 /dev/zero >"$IMAGE/.singularity.d/test"
	as_user berth -q build -F "$SCRATCH/image.sif" "$IMAGE" # it can be made all the same
	for IMAGE in "$IMAGE" "$SCRATCH/image.sif"; do
		run as_user berth inspect -l "$IMAGE"
		assert_failure 255 'no JSON object of strings'
		run as_user berth inspect -t "$IMAGE"
		assert_failure 255 'larger than 1 MiB'
		run as_user berth inspect --app bar -r "$IMAGE"
		assert_failure 255 "no app 'bar'"
		run as_user berth inspect --app ../../etc -r "$IMAGE"
		assert_failure 255 'no app'
	done
	run as_user berth inspect -r "$SCRATCH/nothing"
	assert_failure 255 'check the path'
	run as_user berth inspect --app
	assert_failure 1 'needs an argument'
	run as_user berth inspect -x "$IMAGE"
	assert_failure 1 'unknown option'
	run as_user berth run-help -r "$IMAGE"
	assert_failure 1 'no such option'
	head -c 3000 "$SCRATCH/image.sif" >"$SCRATCH/short.sif"
	run as_user berth inspect -r "$SCRATCH/short.sif"
	assert_failure 255
}
