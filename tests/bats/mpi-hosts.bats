#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# mpi-hosts.bats - mpirun berth exec on two hosts: one room a host, never one for both; the job ends as
# a whole, and leaves nothing on either.
# Needs: root, MPICH and Open MPI, mmdebstrap and a Debian mirror, python3, iproute2.
load ../harness/common
load rooms
load hosts

setup_file()
{
	need_login
	need_command mksquashfs mmdebstrap mpicc.mpich mpicc.openmpi mpirun.mpich mpirun.openmpi python3 ip
	rooms_make
	image_mpi_sif >/dev/null
	hosts_make
}

teardown_file() { hosts_end; }

setup()
{
	need_login
	need_command mpirun.mpich mpirun.openmpi python3 ip
	rooms_load
	hosts_load
	scratch_new
	MPI=$CLUSTER_DIR/home/ada/mpi.sif
	AGENT="$HARNESS/host.py on $HOSTS"
	rooms_before
	hosts_before
}

teardown()
{
	hosts_after
	rooms_after
	scratch_remove
}

# As ada, from host a; 64 ranks at most.
hydra()
{
	printf '#!/bin/sh\nexec %s "$@"\n' "$AGENT" >"$SCRATCH/rsh"
	chmod 0755 "$SCRATCH/rsh"
	on_host a timeout "${LIMIT:-200}" mpirun.mpich -launcher rsh -launcher-exec "$SCRATCH/rsh" -hosts a:32,b:32 "$@"
}

# MPICH 4.0 over UCX 1.13 hangs in MPI_Finalize in a tenth of all runs on two hosts, in a container or not
# (a rank flushes to one that waits for the launcher already): then once more.
hydra_mpi()
{
	local tries

	for tries in 1 2 3 4 5; do
		LIMIT=20 hydra "$@" >"$SCRATCH/try.$tries" 2>&1 && break
		[ $? -eq 124 ] || break
	done
	cat "$SCRATCH/try.$tries"
	! grep -q 'BAD TERMINATION' "$SCRATCH/try.$tries"
}

ompi() { on_host a timeout 200 mpirun.openmpi --mca plm_rsh_agent "$AGENT" --host a:32,b:32 --map-by slot --bind-to none "$@"; }

# Each rank goes on when all have come, so that no room has ended before another begins.
# meet COUNT: a shell's words for it.
meet() { echo "touch \$(mktemp -u $SCRATCH/here.XXXXXXXX); until [ \$(ls $SCRATCH | grep -c here) -ge $1 ]; do sleep 0.05; done"; }

WHERE='echo "on $(hostname) $(readlink /proc/self/ns/mnt) $(readlink /proc/self/ns/user)"'

# rooms_on HOST COUNT RANKS: of the last output.
rooms_on()
{
	local n

	assert_lines "$3" "^on $1 mnt:\[[0-9]+\] user:\[[0-9]+\]$"
	for what in mnt user; do
		n=$(grep "^on $1 " <<<"$output" | grep -o "$what:[^ ]*" | sort -u | wc -l)
		[ "$n" -eq "$2" ] || fail "expected $2 rooms on $1, found $n $what namespaces"
	done
}

# None is on both hosts.
rooms_apart()
{
	local odd

	odd=$(grep '^on ' <<<"$output" | tr ' ' '\n' | grep ':' | sort -u | wc -l)
	[ "$odd" -eq $((2 * $1)) ] || fail "$odd namespaces of $1 rooms"
}

# two_and_two LAUNCHER SUFFIX-OF-PROGRAMS IMAGE LAUNCHER-WORD...
two_and_two()
{
	local launcher=$1 suffix=$2 image=$3

	run "$launcher" -np 4 "${@:4}" berth exec "$image" "mpi-hello$suffix"
	assert_success
	assert_lines 2 '^rank [0-3] of 4 on a: Berth test image'
	assert_lines 2 '^rank [0-3] of 4 on b: Berth test image'
	assert_output '^the sum is 6$'
	run "$launcher" -np 4 "${@:4}" berth exec "$image" "mpi-cma$suffix"
	assert_success
	assert_output '^process_vm_readv between 4 ranks works on 2 nodes$'
	rm -f "$SCRATCH"/here.*
	run "$launcher" -np 4 "${@:4}" berth exec -B "$SCRATCH" "$image" sh -c "$WHERE; $(meet 4)"
	assert_success
	rooms_on a 1 2
	rooms_on b 1 2
	rooms_apart 2
}

@test "MPICH: four ranks on two hosts meet, share one room a host, and read each other's memory in it" {
	two_and_two hydra_mpi '' "$MPI" -ppn 2
}

@test "Open MPI: four ranks on two hosts meet, share one room a host, and read each other's memory in it" {
	two_and_two ompi -ompi "$MPI" --map-by ppr:2:node
}

@test "64 ranks, 32 a host, on two processors" {
	run on_host a taskset -c 0,1 timeout 200 mpirun.openmpi --mca plm_rsh_agent "$AGENT" --mca mpi_yield_when_idle 1 \
		--host a:32,b:32 --bind-to none -np 64 berth exec "$MPI" mpi-cma-ompi
	assert_success
	assert_output '^process_vm_readv between 64 ranks works on 2 nodes$'
}

@test "an image that each host has a copy of, in its own /tmp" {
	local host

	for host in a b; do on_host "$host" cp "$ROOM_SIF" /tmp/own.sif; done
	run hydra -np 4 -ppn 2 berth exec -B "$SCRATCH" /tmp/own.sif sh -c "$WHERE; $(meet 4)"
	assert_success
	rooms_on a 1 2
	rooms_on b 1 2
	rooms_apart 2
	# one that only the first has: a rank of the other says so
	on_host b rm /tmp/own.sif
	run hydra -np 4 -ppn 2 berth exec /tmp/own.sif true
	assert_failure 255 "image '/tmp/own.sif'"
	run ompi -np 4 --map-by ppr:2:node berth exec /tmp/own.sif sleep 600
	assert_failure 255 "image '/tmp/own.sif'"
	on_host a rm /tmp/own.sif
}

@test "--no-join, and BERTH_JOIN=0 from the first host: a room for each rank" {
	run hydra -np 4 -ppn 2 berth exec --no-join -B "$SCRATCH" "$ROOM_SIF" sh -c "$WHERE; $(meet 4)"
	assert_success
	rooms_on a 2 2
	rooms_on b 2 2
	rooms_apart 4
	rm -f "$SCRATCH"/here.*
	run ompi -np 4 --map-by ppr:2:node -x BERTH_JOIN=0 berth exec -B "$SCRATCH" "$ROOM_SIF" sh -c "$WHERE; $(meet 4)"
	assert_success
	rooms_on a 2 2
	rooms_on b 2 2
	rooms_apart 4
}

# One rank of the other host fails when all have started. Hydra ends the others only where a signal was
# the end of it; Open MPI always.
fails() { echo "$(meet 4); if [ \$(hostname) = b ] && mkdir $SCRATCH/first 2>/dev/null; then $1; fi; $2"; }

@test "a rank of the other host that fails ends the job, with its status" {
	run hydra -np 4 -ppn 2 berth exec -B "$SCRATCH" "$ROOM_SIF" sh -c "$(fails 'exit 7' true)"
	assert_failure 7
	rm -rf "$SCRATCH"/{here.*,first}
	run hydra -np 4 -ppn 2 berth exec -B "$SCRATCH" "$ROOM_SIF" sh -c "$(fails 'kill -KILL $$' 'exec sleep 600')"
	# the number that Hydra itself ends with is not always that
	assert_failure
	assert_output 'EXIT CODE: 9$'
	hosts_after
	rm -rf "$SCRATCH"/{here.*,first}
	run ompi -np 4 --map-by ppr:2:node berth exec -B "$SCRATCH" "$ROOM_SIF" sh -c "$(fails 'exit 7' 'exec sleep 600')"
	assert_failure 7
}

# killed LAUNCHER SUFFIX: kill -9 of mpirun while three ranks are in MPI_Init or behind and one waits.
killed()
{
	local launcher=$1 suffix=$2 p

	"$launcher" -np 4 "${@:3}" berth exec -B "$SCRATCH" "$MPI" sh -c "$(meet 4)
		if [ \$(hostname) = b ] && mkdir $SCRATCH/one; then touch $SCRATCH/all; exec sleep 600; fi
		exec mpi-hello$suffix" >"$SCRATCH/out" 2>&1 &
	launcher=$!
	eventually 100 test -e "$SCRATCH/all"
	[ "$(host_state a | grep -c berth-room)" -eq 1 ] && [ "$(host_state b | grep -c berth-room)" -eq 1 ]
	for p in $(host_processes a); do
		case $(cat "/proc/$p/comm") in mpirun.*) kill -KILL "$p" ;; esac
	done
	wait "$launcher" && fail "mpirun was not killed"
	hosts_after
}

@test "kill -9 of mpirun: no process, mount, name or namespace is left on either host" {
	killed hydra '' -ppn 2
	rm -rf "$SCRATCH"/{here.*,one,all}
	killed ompi -ompi --map-by ppr:2:node
}

# As Slurm's job_container/tmpfs has it: a private /tmp, and the host's network, names of sockets
# included. All else is the same here: the user, the image, the job, the process that started them.
@test "two mount namespaces of one user on one host: a room each, with the /tmp of each" {
	run env BERTH_PREFIX="$BERTH_PREFIX" nsenter -t "$(host_pid a)" -m -u -i -n -p -- bash -c '
		for tmp in one two one two; do
			[ -d "$0/$tmp" ] || { mkdir -p "$0/$tmp"; chmod 1777 "$0/$tmp"; echo "$tmp" >"$0/$tmp/mine"; }
		done
		for tmp in one two; do
			unshare --mount sh -c "mount --bind \"\$1/\$2\" /tmp; shift 2
				exec setpriv --reuid=\$1 --regid=\$1 --clear-groups env -i PATH=\"$BERTH_PREFIX/bin:/usr/bin:/bin\" MPI_LOCALNRANKS=4 PMI_JOBID=same sh -c \"\$2 & \$2; wait\"" \
				sh "$0" "$tmp" "$1" "$2" &
		done
		wait' "$SCRATCH" "$CLUSTER_UID" "berth exec -B $SCRATCH $ROOM_SIF sh -c '$WHERE | sed \"s/^on a/on \$(cat /tmp/mine)/\"; $(meet 4)'"
	assert_success
	rooms_on one 1 2
	rooms_on two 1 2
	rooms_apart 2
}
