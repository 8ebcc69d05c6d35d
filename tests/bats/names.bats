#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# names.bats - berth under the names of other runtimes, and ./img.sif by itself.
# Needs: root, mksquashfs.
load ../harness/common
load rooms

setup_file() { need_login; need_command mksquashfs; rooms_make; }

# The links that --enable-compat-links installs, in a directory of the test's own.
setup()
{
	local name

	need_login
	rooms_load
	scratch_new
	for name in apptainer singularity run-singularity; do ln -s "$BERTH_PREFIX/bin/berth" "$SCRATCH/$name"; done
	rooms_before
}

teardown()
{
	rooms_after
	scratch_remove
}

# as NAME ARG...: called by that name.
as() { local name=$1; shift; as_user "$SCRATCH/$name" "$@"; }

@test "messages begin as Apptainer's do, and the statuses are the same" {
	local name

	for name in apptainer singularity; do
		run as "$name" exec "$SCRATCH/none.sif" true
		assert_failure 255
		[ "${lines[0]%%\'*}" = "FATAL:   cannot open image " ] || fail "not FATAL"
		[ "${lines[1]%%:*}" = INFO ] || fail "no hint"
		run as "$name" exec --nosuch "$ROOM_SIF" true
		assert_failure 1 '^FATAL:   unknown option'
		run as "$name"
		assert_failure 1 "^INFO:    hint: see: $name help"
		run as "$name" inspect "$SCRATCH/none.sif" # another program of ours
		assert_failure 255 '^FATAL:   cannot open'
		mkdir -p "$SCRATCH/gone"
		run as_user bash -c "cd $SCRATCH/gone && rmdir $SCRATCH/gone && $SCRATCH/$name -q exec $ROOM_SIF true"
		assert_success ''
	done
	run as_user berth exec "$SCRATCH/none.sif" true
	assert_failure 255 '^berth: cannot open'
	refute_output FATAL
}

@test "programs run, with the exit status and the prompt" {
	run as singularity exec "$ROOM_SIF" sh -c 'cat /etc/os-release; exit 3'
	assert_failure 3 'Berth test image'
	# a shell that is not at a terminal forgets PS1, but had it
	run bash -c 'echo "tr \\\\0 \\\\n </proc/\$\$/environ" | '"$HARNESS/cluster.sh run $SCRATCH/apptainer shell $ROOM_SIF"
	assert_success
	assert_output '^PS1=Apptainer> $'
	run bash -c 'echo "tr \\\\0 \\\\n </proc/\$\$/environ" | '"$HARNESS/cluster.sh run $SCRATCH/singularity shell $ROOM_SIF"
	assert_output '^PS1=Singularity> $'
}

@test "the version is a line that tools read" {
	local name

	for name in apptainer singularity; do
		run as "$name" --version
		assert_success
		[[ $output =~ ^apptainer\ version\ [0-9]+\.[0-9]+\.[0-9]+\+berth\.[0-9.]+$ ]] || fail "odd"
		run as "$name" version
		assert_success
		[[ $output =~ ^[0-9]+\.[0-9]+\.[0-9]+\+berth\.[0-9.]+$ ]] || fail "odd"
	done
	run as_user berth --version
	assert_success
	[[ $output =~ ^berth\ [0-9.]+$ ]] || fail "odd"
}

@test "flags before the command, and MESSAGELEVEL" {
	local flag

	for flag in -d --debug -v --verbose; do
		run as_user berth "$flag" exec "$ROOM_DIR" true
		assert_success
		assert_output 'total .* ms'
	done
	for flag in -s --silent -q --quiet --nocolor; do
		run as_user berth "$flag" exec "$ROOM_DIR" true
		assert_success ''
	done
	run as apptainer --nocolor -c /etc/other.conf exec "$ROOM_DIR" true
	assert_success
	assert_output '^WARNING: -c is left out'
	run as apptainer --config=/etc/other.conf exec "$ROOM_DIR" true
	assert_success
	assert_output '^WARNING: --config=/etc/other.conf is left out'
	run as_user env APPTAINER_MESSAGELEVEL=5 berth exec "$ROOM_DIR" true
	assert_output 'total .* ms'
	run as_user env BERTH_MESSAGELEVEL=1 APPTAINER_MESSAGELEVEL=5 berth exec "$ROOM_DIR" true
	assert_success ''
	run as_user env SINGULARITY_MESSAGELEVEL=-3 berth -v exec "$ROOM_DIR" true
	assert_output 'total .* ms'
	for flag in 6 -5 x 1x -; do
		run as_user env BERTH_MESSAGELEVEL="$flag" berth exec "$ROOM_DIR" true
		assert_failure 1 'BERTH_MESSAGELEVEL'
	done
	run as_user berth --build-config exec "$ROOM_DIR" true
	assert_failure 1 "no option '--build-config'"
}

@test "./img.sif runs what its author chose, with the arguments" {
	as_user cp "$ROOM_SIF" "$SCRATCH/own.sif"
	as_user chmod 0755 "$SCRATCH/own.sif"
	run as_user env PATH="$SCRATCH:$PATH" sh -c "cd $SCRATCH && ./own.sif one 'two words' --bind -v"
	assert_success 'runscript: one,two words,--bind,-v,'
	run as_user env PATH="$SCRATCH:$PATH" "$SCRATCH/own.sif"
	assert_success 'runscript: '
	run as_user env PATH="$SCRATCH:$PATH" SINGULARITY_MESSAGELEVEL=9 "$SCRATCH/own.sif"
	assert_failure 1 '^FATAL: '
	run as run-singularity
	assert_failure 1 '^FATAL:   run: no image given'
}

@test "what was meant" {
	run as_user berth exec --bnd /x "$ROOM_DIR" true
	assert_failure 1 "unknown option '--bnd': did you mean '--bind'\\?"
	run as_user berth exce "$ROOM_DIR" true
	assert_failure 1 "unknown command 'exce': did you mean 'exec'\\?"
	run as_user berth help exce
	assert_failure 1 "did you mean 'exec'"
	run as_user berth inspect --jsn "$ROOM_SIF"
	assert_failure 1 "did you mean '--json'"
}
