#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# namespaces.bats - --pid, --ipc, --uts, --net, --userns and --fakeroot: what is apart and what is
# not, and that a program with processes around it still is the caller's.
# Needs: root (to become ada), mksquashfs, python3; uidmap for numbers of one's own.
load ../harness/common
load rooms

setup_file() { need_login; need_command mksquashfs python3; rooms_make; }

setup()
{
	need_login
	rooms_load
	scratch_new
	rooms_before
}

teardown()
{
	rooms_after
	scratch_remove
}

# each OPTION...: berth with them on each kind of image; the script after -- must print WANT.
# each WANT OPTION... -- SCRIPT
each()
{
	local want=$1 opt=() IMAGE

	shift
	while [ "$1" != -- ]; do opt+=("$1"); shift; done
	for IMAGE in "$ROOM_DIR" "$ROOM_SIF"; do
		run as_user berth exec "${opt[@]}" "$IMAGE" sh -c "$2"
		assert_success "$want"
	done
}

# namespaces that are the caller's: all of NAME...
same_ns()
{
	local name

	for name; do [ "$(as_user readlink "/proc/self/ns/$name")" = "$(sed -n "s/^$name //p" <<<"$output")" ] ||
		fail "another $name namespace"; done
}

@test "namespaces: without an option all but user and mnt are the caller's" {
	# shellcheck disable=SC2016
	run as_user berth exec "$ROOM_SIF" sh -c 'for n in pid ipc uts net cgroup; do echo "$n $(readlink /proc/self/ns/$n)"; done'
	assert_success
	same_ns pid ipc uts net cgroup
}

@test "namespaces: each option makes its own and no other" {
	local opt name

	while read -r opt name; do
		# shellcheck disable=SC2016
		run as_user berth exec "$opt" "$ROOM_SIF" sh -c 'for n in pid ipc uts net; do echo "$n $(readlink /proc/self/ns/$n)"; done'
		assert_success
		[ "$(as_user readlink "/proc/self/ns/$name")" != "$(sed -n "s/^$name //p" <<<"$output")" ] ||
			fail "$opt: the caller's $name namespace"
		# shellcheck disable=SC2046
		same_ns $(tr ' ' '\n' <<<"pid ipc uts net" | grep -vx "$name")
	done <<-EOF
		--pid pid
		-p pid
		--ipc ipc
		-i ipc
		--uts uts
		--hostname=n1 uts
		--net net
		--network=none net
	EOF
	run as_user env BERTH_PID=1 SINGULARITY_UNSHARE_IPC=1 APPTAINER_UTS=1 berth exec "$ROOM_SIF" readlink \
		/proc/self/ns/pid /proc/self/ns/ipc /proc/self/ns/uts
	assert_success
	refute_output "$(as_user readlink /proc/self/ns/pid | tr -d '[]')"
	run as_user env BERTH_PID=1 berth exec --no-pid "$ROOM_SIF" readlink /proc/self/ns/pid
	assert_success "$(as_user readlink /proc/self/ns/pid)"
}

@test "pid: the program has a small number, or 1, and sees its own only" {
	# a thread that was there before it may have had 2
	# shellcheck disable=SC2016
	each small --pid -- '[ $$ -gt 1 ] && [ $$ -le 4 ] && [ "$(cat /proc/1/comm)" = berth ] && echo small'
	# shellcheck disable=SC2016
	each 1 --pid --no-init -- 'echo $$'
	# no server, no guard, none of the host's
	run as_user berth exec --pid "$ROOM_SIF" sh -c 'cat /proc/[0-9]*/comm'
	assert_success
	assert_lines 0 'berth-imgfs|slurmd|bats'
}

@test "pid: the status is the program's, a signal too" {
	local IMAGE

	for IMAGE in "$ROOM_DIR" "$ROOM_SIF"; do
		run as_user berth exec --pid "$IMAGE" sh -c 'exit 7'
		[ "$status" -eq 7 ]
		# shellcheck disable=SC2016
		run as_user python3 -c 'import subprocess, sys
print(subprocess.run(sys.argv[1:]).returncode)' berth exec --pid "$IMAGE" sh -c 'kill -TERM $$'
		assert_success -15
		# shellcheck disable=SC2016
		run as_user python3 -c 'import subprocess, sys
print(subprocess.run(sys.argv[1:]).returncode)' berth exec --pid --no-init "$IMAGE" sh -c 'exit 9'
		assert_success 9
		run as_user berth exec --pid "$IMAGE" /no/such
		[ "$status" -eq 255 ]
	done
}

@test "pid: what the program leaves behind ends with it, and a pipe's end is the program's" {
	run as_user timeout 20 berth exec --pid "$ROOM_SIF" sh -c 'sleep 1000 & sleep 1000 & echo started'
	assert_success started
	# shellcheck disable=SC2016
	run as_user timeout 20 bash -c 'berth exec --pid "$1" sh -c "exec >/dev/null; sleep 2" | cat; echo "${PIPESTATUS[0]}"' \
		_ "$ROOM_SIF"
	assert_success 0
	# orphans are reaped by process 1
	run as_user berth exec --pid "$ROOM_SIF" sh -c '(sh -c "exit 0" &) ; sleep 0.3; cat /proc/[0-9]*/stat'
	assert_success
	refute_output '\) Z '
}

@test "pid: signals to the process that was started reach the program" {
	local pid sig

	for sig in TERM INT USR1 HUP; do
		# shellcheck disable=SC2016
		as_user berth exec --pid "$ROOM_SIF" sh -c 'trap "echo got; exit 5" '$sig'; echo ready; while :; do sleep 0.05; done' \
			>"$SCRATCH/out" 3>&- &
		pid=$!
		eventually 10 grep -q ready "$SCRATCH/out"
		pkill -u "$CLUSTER_UID" -"$sig" -o -f "^berth exec --pid"
		wait "$pid" && false
		[ "$(tail -n 1 "$SCRATCH/out")" = got ] || fail "$sig did not arrive"
	done
}

@test "pid: kill -9 of the process that was started ends all" {
	local pid

	as_user berth exec --pid "$ROOM_SIF" sh -c 'echo ready; sleep 1000 & sleep 1000' >"$SCRATCH/out" 3>&- &
	pid=$!
	eventually 10 grep -q ready "$SCRATCH/out"
	pkill -u "$CLUSTER_UID" -9 -o -f "^berth exec --pid"
	wait "$pid" || true
	eventually 10 sh -c "! pgrep -u $CLUSTER_UID -x sleep -r S,R,D"
}

@test "pid: Ctrl-Z, Ctrl-C and the end of input, with and without" {
	# without a child: one that is stopped on its way to its program keeps the shell from stopping (vfork)
	local opt script='echo ready; read -t 0.3; while :; do echo ready; read -t 0.2; done'

	for opt in --quiet --pid; do
		run as_user timeout 120 python3 "$HARNESS/pty-job.py" ZC berth exec $opt "$ROOM_SIF" bash -c "$script"
		assert_success
		assert_output '^stopped (19|20)$'
		assert_output '^killed 2$'
		run as_user timeout 120 python3 "$HARNESS/pty-job.py" D berth exec $opt "$ROOM_SIF" \
			sh -c 'echo ready; cat >/dev/null; exit 4'
		assert_success "exited 4"
	done
}

@test "hostname: inside only, in /etc/hostname too; odd names are refused" {
	local before

	before=$(uname -n)
	each $'n1.site\nn1.site' --hostname n1.site -- 'uname -n; cat /etc/hostname'
	[ "$(uname -n)" = "$before" ]
	run as_user berth exec --hostname 'a b' "$ROOM_SIF" true
	[ "$status" -eq 1 ]
	assert_output "no host name"
}

@test "net: a loopback that is up, and nothing else" {
	each $'lo\nup' --net -- 'tail -n +3 /proc/net/dev | tr -d " " | cut -d: -f1; read -r f </sys/class/net/lo/flags 2>/dev/null;
		grep -q "^ *lo:" /proc/net/dev && (exec 3<>/dev/tcp/127.0.0.1/1) 2>/dev/null; echo up'
	run as_user berth exec --network bridge "$ROOM_SIF" true
	[ "$status" -eq 1 ]
	assert_output "no network 'bridge'"
}

@test "fakeroot: root inside, the caller outside" {
	local IMAGE

	# shellcheck disable=SC2016
	each $'0 0 root' --fakeroot -- 'echo "$(id -u) $(id -g) $(id -un)"'
	for IMAGE in "$ROOM_DIR" "$ROOM_SIF"; do
		run as_user berth exec -f -B "$SCRATCH:/out" "$IMAGE" sh -c 'touch /out/file; rm -f /out/none'
		assert_success
		[ "$(stat -c %u "$SCRATCH/file")" = "$CLUSTER_UID" ]
		rm "$SCRATCH/file"
	done
	# root's home is the caller's, under root's name for it
	echo mine >"$CLUSTER_DIR/home/ada/fakeroot-was-here"
	# shellcheck disable=SC2016
	run as_user berth exec -f "$ROOM_SIF" sh -c 'echo $HOME ~root; cat /root/fakeroot-was-here; cat ~/fakeroot-was-here'
	rm "$CLUSTER_DIR/home/ada/fakeroot-was-here"
	assert_success $'/root /root\nmine\nmine'
	run as_user berth exec -f --no-home "$ROOM_SIF" sh -c 'ls -A ~'
	assert_success ""
	echo secret >"$SCRATCH/roots"
	chmod 0600 "$SCRATCH/roots"
	run as_user berth exec -f "$ROOM_SIF" cat "$SCRATCH/roots"
	[ "$status" -ne 0 ] || fail "root's file was read"
	# no right over what is the host's
	run as_user berth exec -f "$ROOM_SIF" sh -c 'echo x >/proc/sys/kernel/hostname'
	[ "$status" -ne 0 ]
	run as_user berth exec -f "$ROOM_SIF" mknod "$SCRATCH/null" c 1 3
	[ "$status" -ne 0 ]
}

@test "fakeroot: numbers of one's own, where the system gives some" {
	need_command newuidmap newgidmap
	# shellcheck disable=SC2016
	run as_user sh -c 'grep -q "^$(id -un):" /etc/subuid'
	if [ "$status" -ne 0 ]; then
		run as_user berth exec -f "$ROOM_SIF" cat /proc/self/uid_map
		assert_success
		assert_lines 1 .
		return
	fi
	run as_user berth exec -f "$ROOM_SIF" cat /proc/self/uid_map
	assert_success
	assert_lines 2 .
}

@test "fakeroot and userns for root: a namespace, without rights outside" {
	run as_root berth exec -f "$ROOM_SIF" sh -c 'id -u; readlink /proc/self/ns/user'
	assert_success
	[ "$(head -n 1 <<<"$output")" = 0 ]
	refute_output "$(readlink /proc/self/ns/user | tr -d '[]')"
	run as_root berth exec --userns "$ROOM_SIF" sh -c 'id -u; readlink /proc/self/ns/user; grep CapEff /proc/self/status'
	assert_success
	refute_output "$(readlink /proc/self/ns/user | tr -d '[]')"
	assert_output 'CapEff:.0000000000000000'
	run as_root berth exec "$ROOM_SIF" readlink /proc/self/ns/user
	assert_success "$(readlink /proc/self/ns/user)"
}
