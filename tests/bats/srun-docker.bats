#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# srun-docker.bats - --container=docker://NAME: got once where the job is submitted; the nodes, and what
# inherits it, open the file only. Ctrl-C ends it, and so does the end of srun.
# Needs: root, Slurm, docker-registry, skopeo, python3.
# bats file_tags=slurm
load ../harness/common
# shellcheck source=tests/harness/registry.sh
. "$HARNESS/registry.sh"

setup_file()
{
	need_cluster
	need_command docker-registry skopeo python3
	mkdir "$BATS_FILE_TMPDIR/registry" "$BATS_FILE_TMPDIR/bad"
	registry_up "$BATS_FILE_TMPDIR/registry"
	badregistry_up "$BATS_FILE_TMPDIR/bad"
	echo "$BAD_PLAIN" >"$BATS_FILE_TMPDIR/bad/host"
	oci_image "$BATS_FILE_TMPDIR/oci" tiny "$(image_dir)" >/dev/null
	registry_fill "$BATS_FILE_TMPDIR/registry" "oci:$BATS_FILE_TMPDIR/oci:tiny" tools/tiny:1
}

teardown_file()
{
	registry_down "$BATS_FILE_TMPDIR/registry"
	registry_down "$BATS_FILE_TMPDIR/bad"
}

setup()
{
	need_cluster
	need_command docker-registry skopeo python3
	scratch_new
	DIR=$BATS_FILE_TMPDIR/registry
	TINY=docker://$(cat "$DIR/host")/tools/tiny:1
	SLOW=docker://$(cat "$BATS_FILE_TMPDIR/bad/host")/slow:1
	registry_log "$DIR" | wc -l >"$BATS_TEST_TMPDIR/asked"
	snapshot_take
}

teardown()
{
	snapshot_same
	[ -z "${OWN_TMP:-}" ] || rm -rf "$OWN_TMP"
	scratch_remove
}

as_puller() { as_user env BERTH_NO_HTTPS=1 BERTH_CACHEDIR="$SCRATCH/c" "$@"; }

# asked_once: one request for the manifest since the test began, and so none from a node or a step.
asked_once()
{
	local n

	n=$(registry_log "$DIR" | tail -n "+$(($(<"$BATS_TEST_TMPDIR/asked") + 1))" | grep -c 'GET .*/manifests/') || true
	[ "$n" -eq 1 ] || fail "$n requests for the manifest"
}

getting() { pgrep -u "$CLUSTER_UID" -f ' resolve -- docker://' >/dev/null; }

@test "srun gets the image once, shows how far it is, and both nodes run it" {
	run as_puller srun -N2 -n4 --container="$TINY" sh -c 'cat /etc/os-release; echo "from $APPTAINER_CONTAINER"'
	assert_success
	assert_lines 4 'Berth test image'
	assert_lines 4 "from $SCRATCH/c/cache/images/[0-9a-f]{64}\.sif\$"
	assert_lines 1 'sha256:[0-9a-f]{12} .*done$'
	asked_once
}

@test "the components of a heterogeneous step share what was got" {
	run as_puller srun -N1 -n1 --container="$TINY" cat /etc/os-release : -N1 -n1 --container="$TINY" cat /etc/os-release
	assert_success
	assert_lines 2 'Berth test image'
	asked_once
}

@test "an array of jobs: got by sbatch, and its steps inherit the file" {
	cat >"$SCRATCH/job" <<-EOF
		#!/bin/sh
		#SBATCH --container=$TINY
		#SBATCH --array=1-2 -N2 --output=$SCRATCH/out.%a
		srun -n2 cat /etc/os-release
		srun -n1 --container=none sh -c 'grep -q "Berth test" /etc/os-release; echo "on the host: \$?"'
		srun -n2 sh -c 'echo "from \$APPTAINER_CONTAINER"'
	EOF
	chmod 0755 "$SCRATCH"
	run as_puller sbatch --wait "$SCRATCH/job"
	assert_success
	asked_once
	for i in 1 2; do
		output=$(<"$SCRATCH/out.$i")
		assert_lines 2 'Berth test image'
		assert_lines 1 'on the host: 1'
		assert_lines 2 "from $SCRATCH/c/cache/images/"
	done
}

@test "salloc gets it, and each srun in it has it" {
	run as_puller salloc -N1 --berth="$TINY" sh -c 'srun -n1 cat /etc/os-release; srun -n1 cat /etc/os-release'
	assert_success
	assert_lines 2 'Berth test image'
	asked_once
}

@test "what cannot be got is refused before anything is asked of Slurm, and no task runs" {
	local tool

	printf '#!/bin/sh\ntouch %s/ran\n' "$SCRATCH" >"$SCRATCH/job"
	chmod 0755 "$SCRATCH" "$SCRATCH/job"
	for tool in srun sbatch salloc; do
		run as_puller "$tool" -N1 --berth="${TINY%:1}:2" "$SCRATCH/job"
		assert_failure
		assert_output "tools/tiny:2.* was not got from its registry"
	done
	run as_puller env BERTH_DISABLE_CACHE=1 srun --container="$TINY" touch "$SCRATCH/ran"
	assert_failure
	assert_output 'used from the store'
	run as_puller srun --container=oras://x/y:1 touch "$SCRATCH/ran"
	assert_failure
	assert_output 'in a registry'
	[ ! -e "$SCRATCH/ran" ]
	[ -z "$(as_root squeue -h)" ]
}

@test "a store that the nodes do not see: the error says so, and what to do" {
	OWN_TMP=$(mktemp -d /tmp/berth-docker.XXXXXX) # the nodes have a /tmp of their own
	chown "$CLUSTER_UID:$CLUSTER_UID" "$OWN_TMP"
	run as_user env BERTH_NO_HTTPS=1 BERTH_CACHEDIR="$OWN_TMP" srun -N1 --container="$TINY" touch "$SCRATCH/ran"
	assert_failure 125
	assert_output 'BERTH_CACHEDIR'
	[ ! -e "$SCRATCH/ran" ]
}

@test "Ctrl-C ends it, with srun and with nothing left" {
	# timeout sends the signal to the whole group, as a terminal does
	run as_puller timeout --signal=INT 3 srun --container="$SLOW" touch "$SCRATCH/ran"
	assert_failure
	eventually 20 sh -c "! pgrep -u $CLUSTER_UID -f ' resolve -- docker://' >/dev/null"
	[ ! -e "$SCRATCH/ran" ]
	[ -z "$(as_root squeue -h)" ]
}

@test "srun is killed: berth-image ends with it" {
	local p

	as_puller srun --container="$SLOW" touch "$SCRATCH/ran" >"$SCRATCH/log" 2>&1 3>&- &
	eventually 30 getting
	p=$(pgrep -u "$CLUSTER_UID" -x srun)
	# shellcheck disable=SC2086
	kill -9 $p
	wait || true
	eventually 20 sh -c "! pgrep -u $CLUSTER_UID -f ' resolve -- docker://' >/dev/null"
	[ ! -e "$SCRATCH/ran" ]
}
