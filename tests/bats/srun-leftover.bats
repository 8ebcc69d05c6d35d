#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# srun-leftover.bats - when a step is over, however it ended, nothing of it is left: mounts, loop
# devices, processes, files, cgroups, drained nodes (snapshot in ../harness/common.bash).
# Needs: root, Slurm. STEPS=N: how many consecutive steps (500).
load ../harness/common

STEPS=${STEPS:-500}

setup_file()
{
	need_cluster
	image_tiny_sif >/dev/null
	# what the first job of a node makes for good: its cgroups' parents
	as_user srun -N2 -n2 true
}

setup()    { need_cluster; scratch_new; IMAGE=$(image_tiny_sif); DIR=$(image_dir); snapshot_take; }
teardown() { scavenge; scratch_remove; }

# The pids of COMM on NODE.
node_pids()
{
	local pid

	for pid in $(cluster_pids "$1"); do
		if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ]; then echo "$pid"; fi
	done
	return 0
}

# count_is N NODE COMM
count_is() { [ "$(node_pids "$2" "$3" | wc -l)" -eq "$1" ]; }

# After a failed test or a killed slurmstepd: end what is left, so that the next test starts clean.
scavenge()
{
	local pid dir

	as_root scancel --user=ada 2>/dev/null || true
	eventually 3 sh -c "! $HARNESS/cluster.sh run -u root squeue -h | grep -q ." || true
	for pid in $(cluster_pids_of_user); do kill -9 "$pid" 2>/dev/null || true; done
	while read -r dir; do
		find "$dir" -depth -type d -path '*/job_*' -exec rmdir {} + 2>/dev/null || true
	done <"$CLUSTER_DIR/cgroups"
	for dir in n1 n2; do
		find "$CLUSTER_DIR/spool/$dir" -name "${dir}_*" -delete
		find "$CLUSTER_DIR/spool/$dir" -depth -name 'pmix.*' -exec rm -rf {} +
	done
}

# begin ARG...: a step in the background; its srun is PID, its output in SCRATCH/out.
begin()
{
	: >"$SCRATCH/out"
	as_user timeout 90 srun "$@" >"$SCRATCH/out" 2>&1 3>&- &
	PID=$!
}

end() { status=0; wait "$PID" || status=$?; output=$(<"$SCRATCH/out"); }

@test "normal end: one node, two nodes, SIF and directory" {
	as_user srun -N1 --container="$IMAGE" true
	as_user srun -N2 -n8 --container="$IMAGE" true
	as_user srun -N2 -n8 --container="$DIR" true
	snapshot_same
}

@test "a program that fails" {
	run as_user srun -N2 -n4 --container="$IMAGE" false
	assert_failure 1
	snapshot_same
}

@test "scancel" {
	begin -N2 --ntasks-per-node=2 --container="$IMAGE" sleep 60
	eventually 10 count_is 2 n1 sleep
	as_user scancel --user=ada
	end
	assert_failure
	snapshot_same "" 5
}

@test "scancel of a batch job with a step" {
	local id

	id=$(as_user sbatch --parsable -N2 -n4 -o "$SCRATCH/out" --container="$IMAGE" --wrap="srun sleep 60")
	eventually 10 count_is 1 n2 berth-imgfs
	as_user scancel "$id"
	snapshot_same "" 5
}

@test "the user's interrupt" {
	begin -N2 --ntasks-per-node=2 --container="$IMAGE" sleep 60
	eventually 10 count_is 2 n1 sleep
	kill -INT "$(pgrep -u "$CLUSTER_UID" -x srun | head -n 1)"
	sleep 0.2
	kill -INT "$(pgrep -u "$CLUSTER_UID" -x srun | head -n 1)" 2>/dev/null || true
	end
	assert_failure
	snapshot_same "" 5
}

@test "a time limit that is reached leaves nothing either: KILL by Slurm" {
	begin -N1 -n2 -w n1 --container="$IMAGE" sleep 60
	eventually 10 count_is 2 n1 sleep
	as_user scancel --signal=KILL --user=ada
	end
	assert_failure
	snapshot_same "" 5
}

@test "the launcher is gone once the tasks run" {
	begin -N1 -n4 -w n1 --container="$IMAGE" sleep 60
	eventually 10 count_is 4 n1 sleep
	eventually 2 count_is 0 n1 berth-launcher
	count_is 1 n1 berth-imgfs
	as_user scancel --user=ada
	end
	snapshot_same "" 5
}

# killed_early COMM: SIGKILL to COMM on n1 at several moments after it was first seen.
killed_early()
{
	local delay pid tries

	for delay in 0 0.001 0.002 0.005 0.01 0.02 0.05; do
		begin -N2 -n4 --kill-on-bad-exit=1 --container="$IMAGE" true
		pid=
		for tries in {1..300}; do
			pid=$(node_pids n1 "$1" | head -n 1)
			[ -z "$pid" ] || break
			kill -0 "$PID" 2>/dev/null || break
		done
		if [ -n "$pid" ]; then
			sleep "$delay"
			kill -9 "$pid" 2>/dev/null || true
		fi
		end
		[ "$status" -ne 124 ] || fail "$1 killed after $delay s ($tries looks): srun hangs"
		snapshot_same "" 5 || fail "$1 killed after $delay s"
	done
}

@test "kill -9 of the launcher" { killed_early berth-launcher; }
@test "kill -9 of the image server while it starts" { killed_early berth-imgfs; }

@test "kill -9 of the image server in a running step: the reader gets an error, not a hang" {
	# by a name that was not asked for before: what was read once needs no server
	begin -N1 -w n1 --container="$IMAGE" sh -c \
		'i=0; while cat "/no-$i" 2>&1 | grep -q "No such"; do i=$((i + 1)); sleep 0.1; done; exit 9'
	eventually 10 count_is 1 n1 berth-imgfs
	eventually 10 sh -c "pgrep -u $CLUSTER_UID -x sleep"
	kill -9 "$(node_pids n1 berth-imgfs)"
	end
	assert_failure
	[ "$status" -ne 124 ] || fail "the step hangs"
	snapshot_same "" 5
}

@test "kill -9 of a task" {
	begin -N2 --ntasks-per-node=2 --kill-on-bad-exit=1 --container="$IMAGE" sleep 60
	eventually 10 count_is 2 n1 sleep
	kill -9 "$(node_pids n1 sleep | head -n 1)"
	end
	assert_failure
	snapshot_same "" 5
}

@test "kill -9 of all tasks" {
	begin -N1 -n4 -w n1 --container="$IMAGE" sleep 60
	eventually 10 count_is 4 n1 sleep
	# shellcheck disable=SC2046
	kill -9 $(node_pids n1 sleep)
	end
	assert_failure
	snapshot_same "" 5
}

# Ids differ from step to step; what kind of thing is left does not.
nameless() { sed -E 's/(job_|step_|task_|n[12]_)[0-9]+(\.[0-9]+)?/\1N/g; s/berth-[A-Za-z0-9]+-[0-9]+/CLUSTER/g'; }

# left_by_stepd DELAY ARG...: what SIGKILL to slurmstepd DELAY s after its start leaves of a step.
left_by_stepd()
{
	local delay=$1 pid='' tries

	shift
	snapshot_take "$BATS_TEST_TMPDIR/before"
	begin -N1 -n2 -w n1 "$@" sleep 1.5
	for tries in {1..300}; do
		pid=$(node_pids n1 slurmstepd | head -n 1)
		[ -z "$pid" ] || break
	done
	[ -n "$pid" ] || fail "no slurmstepd after $tries looks"
	sleep "$delay"
	kill -9 "$pid"
	sleep 3
	as_root scancel --user=ada 2>/dev/null || true
	sleep 0.5
	for pid in $(cluster_pids_of_user); do
		case $(cat "/proc/$pid/comm" 2>/dev/null) in srun | timeout) kill -9 "$pid" 2>/dev/null || true ;; esac
	done
	wait "$PID" 2>/dev/null || true
	eventually 5 sh -c "! $HARNESS/cluster.sh run -u root squeue -h | grep -q ." || true
	snapshot_take "$BATS_TEST_TMPDIR/after"
	diff <(nameless <"$BATS_TEST_TMPDIR/before") <(nameless <"$BATS_TEST_TMPDIR/after") |
		grep '^[<>]' | sort -u
	scavenge
}

@test "kill -9 of slurmstepd leaves no more than it leaves of a plain step" {
	local delay plain contained more

	for delay in 0 0.01 0.03 0.5; do
		plain=$(left_by_stepd "$delay")
		contained=$(left_by_stepd "$delay" --container="$IMAGE")
		# A step that was a little further than the plain one has more of Slurm's own
		# cgroups; anything that is not Slurm's is ours.
		more=$(grep -vE '^> (/sys/fs/cgroup/.*/job_N.*|n1_N|n1 .*|slurmstepd|sleep)$' <<<"$contained" |
			grep -vxFf <(echo "$plain") || true)
		[ -z "$more" ] || fail "after $delay s, besides what plain srun leaves:" "$more" "plain:" "$plain"
		! grep -qE 'berth-(launcher|imgfs)' <<<"$contained" || fail "after $delay s:" "$contained"
	done
}

# After a signal the program still reads from the image: launcher and server did not mind.
signalled() # SIGNAL SRUN-ARG...
{
	local signal=$1

	shift
	begin -N1 -n2 -w n1 "$@" --container="$IMAGE" sh -c \
		"trap 'uname >/dev/null && cat /etc/os-release && exit 0' $signal; echo ready; while :; do sleep 0.1; done"
	eventually 10 sh -c "[ \$(grep -c ready $SCRATCH/out) -eq 2 ]"
}

@test "SIGTERM reaches the programs and leaves the server alone" {
	signalled TERM
	as_user scancel --signal=TERM --user=ada
	end
	assert_lines 2 'PRETTY_NAME="Berth test image'
	snapshot_same "" 5
}

@test "SIGUSR1, USR2, INT, HUP and QUIT reach the programs and leave the server alone" {
	local signal

	for signal in USR1 USR2 INT HUP QUIT; do
		signalled "$signal"
		as_user scancel --signal="$signal" --user=ada
		end
		assert_lines 2 'PRETTY_NAME="Berth test image'
	done
	snapshot_same "" 5
}

@test "--signal=USR1@... reaches the programs and leaves the server alone" {
	signalled USR1 --time=1 --signal=USR1@55
	end
	assert_lines 2 'PRETTY_NAME="Berth test image'
	snapshot_same "" 5
}

@test "many steps at once in one job" {
	run as_user salloc -N2 -n16 sh -c 'for i in 1 2 3 4 5 6 7 8; do
		srun --overlap -N2 -n2 --container=tiny.sif cat /etc/os-release & done; wait'
	assert_success
	assert_lines 16 'PRETTY_NAME="Berth test image'
	snapshot_same "" 5
}

@test "$STEPS consecutive steps" {
	run as_user env STEPS="$STEPS" salloc -Q -N1 -n8 sh -c 'seq $STEPS |
		xargs -P2 -I{} srun --overlap -N1 -n1 --container=tiny.sif sh -c "echo step {} done"'
	assert_success
	assert_lines "$STEPS" '^step [0-9]+ done$'
	snapshot_same "" 5
}
