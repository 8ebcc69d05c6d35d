#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# srun-mpi.bats - MPI jobs in containers: Slurm's PMI outside, the image's MPI library inside.
# Needs: root, Slurm with mpi/pmi2 and mpi/pmix, mmdebstrap and a Debian mirror for the image.
load ../harness/common

setup_file() { need_cluster; need_command mmdebstrap mpicc.mpich mpicc.openmpi; image_mpi_sif >/dev/null; }
setup()      { need_cluster; IMAGE=$CLUSTER_DIR/home/ada/mpi.sif; snapshot_take; }
teardown()   { snapshot_same; }

hello() # MPI PROGRAM
{
	run as_user timeout 60 srun -N2 -n4 --mpi="$1" --container="$IMAGE" "$2"
	assert_success
	assert_lines 4 '^rank [0-3] of 4 on n[12]: Berth test image'
	assert_output ' on n1:'
	assert_output ' on n2:'
}

# A library without its PMI starts as four jobs of one rank: "of 4" shows that it is not so.
@test "MPICH over PMI2, two nodes" { hello pmi2 mpi-hello; }
@test "Open MPI over PMIx, two nodes" { hello pmix mpi-hello-ompi; }

pingpong() # NODES MPI PROGRAM
{
	run as_user timeout 90 srun -N"$1" -n2 --mpi="$2" --container="$IMAGE" "$3" 10
	assert_success
	assert_lines 4 '^[0-9]+ bytes: [0-9.]+ us, [0-9.]+ MB/s$'
	assert_output '^content ok$'
}

@test "MPICH ping-pong between two nodes" { pingpong 2 pmi2 mpi-pingpong; }
@test "MPICH ping-pong within a node" { pingpong 1 pmi2 mpi-pingpong; }
@test "Open MPI ping-pong between two nodes" { pingpong 2 pmix mpi-pingpong-ompi; }
@test "Open MPI ping-pong within a node" { pingpong 1 pmix mpi-pingpong-ompi; }

@test "MPICH: ranks of a node read each other's memory (CMA)" {
	run as_user timeout 60 srun -N1 -n4 --mpi=pmi2 --container="$IMAGE" mpi-cma
	assert_success
	assert_output 'process_vm_readv between 4 ranks works'
}

@test "Open MPI: ranks of a node read each other's memory (CMA)" {
	run as_user timeout 60 srun -N1 -n4 --mpi=pmix --container="$IMAGE" mpi-cma-ompi
	assert_success
	assert_output 'process_vm_readv between 4 ranks works'
}

@test "the MPI root as a directory image, both libraries" {
	local root

	root=$(image_mpi ${IMAGE_CACHE:+--cache "$IMAGE_CACHE"})
	# seen by the nodes and by ada
	[ -d "$CLUSTER_DIR/scratch/images/mpi" ] || {
		mkdir -p "$CLUSTER_DIR/scratch/images"
		cp -a --reflink=auto "$root" "$CLUSTER_DIR/scratch/images/mpi"
		# What the view puts there must exist in a directory with so many neighbours.
		touch "$CLUSTER_DIR"/scratch/images/mpi/etc/{hosts,resolv.conf,localtime}
	}
	IMAGE=$CLUSTER_DIR/scratch/images/mpi
	hello pmi2 mpi-hello
	hello pmix mpi-hello-ompi
}

@test "two MPI jobs at once do not meet" {
	local first second

	as_user timeout 90 srun -N2 -n4 --mpi=pmix --container="$IMAGE" mpi-hello-ompi >"$BATS_TEST_TMPDIR/a" 3>&- &
	first=$!
	as_user timeout 90 srun -N2 -n4 --mpi=pmix --container="$IMAGE" mpi-hello-ompi >"$BATS_TEST_TMPDIR/b" 3>&- &
	second=$!
	wait "$first"
	wait "$second"
	[ "$(grep -c 'of 4 on' "$BATS_TEST_TMPDIR/a")" -eq 4 ]
	[ "$(grep -c 'of 4 on' "$BATS_TEST_TMPDIR/b")" -eq 4 ]
}
