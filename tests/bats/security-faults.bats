#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# security-faults.bats - every system call that can fail, made to fail (T41), and a peer that
# breaks the launcher's protocol (T63): never more rights, and nothing left.
# Needs: root, cc, mksquashfs, strace.
load security

# sweep CALL ERROR CMD...: CMD with the Nth CALL of each process failing, N from 1 on until none
# fails. A call that is never made would prove nothing: that is a failure of the test.
sweep()
{
	local call=$1 error=$2 n

	shift 2
	# LIMIT: more of one call than any start makes would be a loop
	for ((n = 1; n < 400; n++)); do
		rm -f "$SCRATCH/fault/trace"
		CALL=$call INJECT="$call:error=$error:when=$n" run "$@"
		RUNS=$((RUNS + 1))
		contained
		case $status in 99 | 124) fail "a hang: $call $n" ;; esac
		[ -e "$SCRATCH/fault/trace" ] || fail "strace did not run"
		grep -q INJECTED "$SCRATCH/fault/trace" || break
	done
	[ "$n" -gt 1 ] || fail "$call is never made"
	[ "$n" -lt 400 ] || fail "$call is made without end"
}

# shellcheck disable=SC2153
fault_user()
{
	as_user timeout 20 strace -f -qq -o "$SCRATCH/fault/trace" -e "trace=$CALL" -e "inject=$INJECT" \
		berth exec "$1" /probe
}

fault_step()
{
	as_root timeout 40 "$STEP_DRIVER" --uid "$CLUSTER_UID" --wait 3000 --via strace --via -f --via -qq --via -o \
		--via "$SCRATCH/fault/trace" --via -e --via "trace=$CALL" --via -e --via "inject=$INJECT" "$1" /probe
}

sweep_begin()
{
	need_command strace
	RUNS=0
	mkdir "$SCRATCH/fault"
	chown "$CLUSTER_UID" "$SCRATCH/fault"
}

sweep_end() { echo "# $RUNS runs" >&3; rooms_after; }

@test "T41 every call that fails: never more rights, and nothing is left (U)" {
	local call RUNS

	sweep_begin
	for call in capset capget unshare clone openat2 fsopen fsconfig fsmount open_tree move_mount mount_setattr \
		pivot_root umount2 chdir fchdir sendmsg recvmsg sendto socketpair close_range dup2 dup3 ioctl fcntl setsid \
		execve; do
		sweep "$call" EPERM fault_user "$ROOM_SQUASHFS"
	done
	sweep_end
}

@test "T41 the same in P" {
	local call RUNS

	sweep_begin
	for call in setresuid setresgid setgroups capset capget unshare setns clone openat2 fsopen fsconfig fsmount \
		open_tree move_mount mount_setattr pivot_root umount2 chdir fchdir sendmsg recvmsg sendto socketpair \
		close_range dup2 ioctl fcntl statx setsid execve; do
		sweep "$call" EPERM fault_step "$ROOM_SQUASHFS"
	done
	sweep_end
}

@test "T41 prctl, which sees each capability go, one by one" {
	local RUNS

	sweep_begin
	sweep prctl EPERM fault_user "$ROOM_DIR"
	sweep prctl EPERM fault_step "$ROOM_DIR"
	sweep_end
}

@test "T41 other errors, and a directory" {
	local call RUNS

	sweep_begin
	for call in openat2 mkdirat fsconfig fsmount open_tree mount_setattr move_mount pivot_root umount2; do
		sweep "$call" EIO fault_user "$ROOM_DIR"
		sweep "$call" EINVAL fault_step "$ROOM_DIR"
	done
	for call in clone openat mmap unshare; do
		sweep "$call" ENOMEM fault_step "$ROOM_DIR"
	done
	sweep_end
}

@test "T63 P: a peer that breaks the protocol gets no room, and costs nothing" {
	local wrong

	for wrong in request-magic request-short request-long request-fds request-no-fd request-twice request-none \
		groups-huge spec-huge tasks-huge spec-short spec-pipe spec-dir spec-noise join-magic join-short \
		join-no-fd join-one-fd join-fds join-not-ns join-other-ns join-no-socket; do
		run as_root "$STEP_DRIVER" --uid "$CLUSTER_UID" --wrong "$wrong" "$ROOM_SQUASHFS" /probe
		assert_failure 125
		refute_output PROBE
		assert_output '^launcher: exit'
	done
	for wrong in request-eof join-eof join-deaf; do
		run as_root "$STEP_DRIVER" --uid "$CLUSTER_UID" --wrong "$wrong" "$ROOM_SQUASHFS" /probe
		refute_output PROBE
		assert_output '^launcher: exit'
	done
	# a pid that is nobody's costs the cgroup, not the room
	run as_root "$STEP_DRIVER" --uid "$CLUSTER_UID" --wrong join-pid "$ROOM_SQUASHFS" /probe
	ran
	# two of the first, then a room as ever
	run as_root "$STEP_DRIVER" --uid "$CLUSTER_UID" --tasks 5 --private "$ROOM_SQUASHFS" /probe
	ran
	assert_lines 5 '^PROBE'
}
