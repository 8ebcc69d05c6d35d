#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# enter.bats - berth enter: a second program is where the first one is, with no more rights.
# Needs: root, mksquashfs; for single tests gdb, Slurm.
load ../harness/common
load rooms

setup_file() { need_login; need_command mksquashfs; rooms_make; }

setup()
{
	need_login
	rooms_load
	scratch_new
	rooms_before
	PID='' BACKGROUND=''
}

teardown()
{
	stop
	rooms_after
	scratch_remove
}

# start WHO CMD...: berth exec ... in the background; PID is the program's, once it is the program.
start()
{
	local who=$1

	shift
	rm -f "$SCRATCH/pid"
	"$who" sh -c 'echo $$ >"$1/new" && mv "$1/new" "$1/pid"; shift; exec "$@"' sh "$SCRATCH" "$@" 3>&- &
	BACKGROUND=$!
	eventually 20 test -s "$SCRATCH/pid"
	PID=$(<"$SCRATCH/pid")
	eventually 20 grep -qx sleep "/proc/$PID/comm"
}

stop()
{
	[ -z "$PID" ] || kill -KILL "$PID" 2>/dev/null || true
	[ -z "$BACKGROUND" ] || wait "$BACKGROUND" || true
	PID='' BACKGROUND=''
}

@test "the same root, namespaces, directory and environment; the caller's input and status" {
	local image space

	for image in "$ROOM_DIR" "$ROOM_SQUASHFS" "$ROOM_SIF"; do
		start as_user env MARK=room berth exec --pwd /usr/only-in-image/sub -B /usr/bin/env:/opt/bound "$image" sleep 600
		# shellcheck disable=SC2016
		run as_user env MARK=caller OTHER=1 TERM=odd berth enter "$PID" sh -c 'pwd; cat /etc/os-release; echo "$MARK,$OTHER,$TERM"
			ls /opt/bound; read -r x; echo "got $x"; exit 7' <<<input
		assert_failure 7 '^/usr/only-in-image/sub$'
		assert_output 'Berth test image'
		assert_output '^room,,odd$'
		assert_output '^/opt/bound$'
		assert_output '^got input$'
		for space in user mnt pid ipc uts net cgroup; do
			run as_user berth enter "$PID" readlink "/proc/self/ns/$space"
			assert_success "$(readlink "/proc/$PID/ns/$space")"
		done
		stop
	done
}

@test "no capability, and no way to one" {
	start as_user berth exec "$ROOM_SIF" sleep 600
	run as_user berth enter "$PID" /probe
	assert_success "$(as_user berth exec "$ROOM_SIF" /probe)"
	assert_output 'caps( 0{16}){5} nnp 1 root IMAGE'
}

@test "the program takes the caller's process; its descriptors, and no more" {
	start as_user berth exec "$ROOM_SIF" sleep 600
	# shellcheck disable=SC2016
	run as_user bash -c 'list="echo /proc/\$BASHPID/fd/* | sed s,/proc/[0-9]*/fd/,,g; echo \$\$"
		exec 7</dev/null; bash -c "$list; :" | head -n 1; echo $$; exec berth enter '"$PID"' bash -c "$list"'
	assert_success
	[ "${lines[0]}" = "${lines[2]}" ] || fail "other descriptors"
	[ "${lines[1]}" = "${lines[3]}" ] || fail "another process"
}

@test "a shell, where no program is named" {
	start as_user berth exec "$ROOM_SIF" sleep 600
	run as_user sh -c "echo 'cat /etc/os-release; echo in \$BERTH_NAME' | berth enter $PID"
	assert_success
	assert_output 'Berth test image'
	assert_output '^in room.sif$'
}

@test "root becomes the user of the process" {
	start as_user berth exec "$ROOM_SIF" sleep 600
	run as_root berth enter "$PID" /probe
	assert_success "$(as_user berth enter "$PID" /probe)"
	exec 9</etc/shadow
	run as_root berth enter "$PID" sh -c 'echo /proc/self/fd/*'
	exec 9<&-
	refute_output '/fd/9( |$)'
	stop
	start as_root berth exec "$ROOM_SIF" sleep 600
	run as_root berth enter "$PID" /probe
	assert_success
	assert_output '^PROBE uid 0 0 0 0 .* caps( 0{16}){5} nnp 1 root IMAGE'
	run as_user berth enter "$PID" /probe
	assert_failure 255 'only that user, and root'
}

@test "T09 what cannot be entered: a reason, and nothing runs" {
	local n

	run as_user berth enter
	assert_failure 1 'no process given'
	for n in x 0 -1 01 1.5 99999999999 ''; do
		run as_user berth enter -- "$n" touch "$SCRATCH/ran"
		assert_failure 1 'is not the number of a process'
	done
	run as_user berth enter --nosuch 1
	assert_failure 1 "unknown option '--nosuch'"
	run as_user berth enter 2147483647 touch "$SCRATCH/ran"
	assert_failure 255 'there is no process 2147483647'
	start as_user sleep 600
	run as_user berth enter "$PID" touch "$SCRATCH/ran"
	assert_failure 1 'is not in a container that berth made'
	stop
	# by the word of its environment it is one, but it is where we are
	start as_user env BERTH_CONTAINER=/x sleep 600
	run as_user berth enter "$PID" touch "$SCRATCH/ran"
	assert_failure 1 'is where this one is already'
	stop
	start as_user berth exec "$ROOM_SIF" sleep 600
	run as_root setpriv --reuid=65534 --regid=65534 --clear-groups berth enter "$PID" touch /tmp/ran
	assert_failure 255
	run as_user berth enter "$PID" no-such-program
	assert_failure 255 'no-such-program'
	[ ! -e "$SCRATCH/ran" ] && [ ! -e /tmp/ran ] || fail "it ran"
}

@test "a room that root made of a user's process is root's to enter" {
	# what a task of Slurm's is: no user namespace, and not root
	as_root unshare -m --propagation slave true || skip "no mount namespaces"
	as_root sh -c 'echo $$ >"$1/new" && mv "$1/new" "$1/pid"
		exec unshare -m --propagation slave setpriv --reuid="$2" --regid="$2" --clear-groups \
			env BERTH_CONTAINER=/x sleep 600' sh "$SCRATCH" "$CLUSTER_UID" 3>&- &
	BACKGROUND=$!
	eventually 20 test -s "$SCRATCH/pid"
	PID=$(<"$SCRATCH/pid")
	eventually 20 grep -qx sleep "/proc/$PID/comm"
	run as_user berth enter "$PID" id -u
	assert_failure 255 'cannot enter the mount namespace'
	assert_output 'srun --overlap'
	run as_root berth enter "$PID" sh -c 'id -u; grep -E "^(CapPrm|CapBnd|NoNewPrivs)" /proc/self/status'
	assert_success
	[ "${lines[0]}" = "$CLUSTER_UID" ]
	assert_lines 2 '^Cap.*:.0000000000000000$'
	assert_output '^NoNewPrivs:.1$'
}

@test "a pid namespace: a child in it, whose status is ours" {
	as_root sh -c 'exec unshare -m -p -f --kill-child --propagation slave setpriv --reuid="$2" --regid="$2" --clear-groups \
			env BERTH_CONTAINER=/x sh -c "sleep 600; :"' sh "$SCRATCH" "$CLUSTER_UID" 3>&- &
	BACKGROUND=$!
	eventually 20 pgrep -u "$CLUSTER_UID" -x sleep
	PID=$(pgrep -u "$CLUSTER_UID" -x sleep)
	# shellcheck disable=SC2016
	run as_root berth enter "$PID" sh -c 'echo $$; id -u; exit 5'
	assert_failure 5 "^$CLUSTER_UID$"
	[ "${lines[0]}" -lt 10 ] || fail "not in the namespace"
	# shellcheck disable=SC2016
	run as_root sh -c 'berth enter '"$PID"' sh -c "kill -TERM \$\$"; echo $?'
	assert_output '^143$'
	kill -KILL "$PID"
	PID=''
}

@test "root's keys do not go along to the user's program" {
	need_command python3
	[ -e /proc/keys ] || skip "hardware: this kernel keeps no keys"
	start as_user berth exec / sleep 600
	# a key of the session that this root has, and a look for it by its name (request_key), here and there
	run as_root python3 -c '
import ctypes, os, platform, subprocess, sys
syscall = ctypes.CDLL(None, use_errno=True).syscall
add, request, keyctl = {"x86_64": (248, 249, 250)}.get(platform.machine(), (217, 218, 219))
assert syscall(keyctl, 1, None) > 0
assert syscall(add, b"user", b"berth-test", b"secret", ctypes.c_size_t(6), -3) > 0
look = "import ctypes; print(ctypes.CDLL(None).syscall(%d, b\"user\", b\"berth-test\", None, 0) > 0)" % request
subprocess.run([sys.executable, "-c", look])
sys.stdout.flush()
subprocess.run(["berth", "enter", sys.argv[1], "python3", "-c", look])' "$PID"
	assert_success "$(printf 'True\nFalse')"
}

@test "a pid namespace: a stopped program stops who waits for it, and a signal reaches it" {
	local waits

	as_user berth exec --pid "$ROOM_SIF" sleep 600 3>&- &
	BACKGROUND=$!
	eventually 20 pgrep -u "$CLUSTER_UID" -x sleep
	PID=$(pgrep -u "$CLUSTER_UID" -x sleep)
	as_user sh -c 'echo $$ >"$1/new" && mv "$1/new" "$1/waits"; exec berth enter "$2" sh -c "trap \"exit 9\" TERM; kill -STOP \$\$
		touch \"$1/on\"; while :; do sleep 0.1; done"' sh "$SCRATCH" "$PID" 3>&- &
	BACKGROUND=$!
	eventually 20 test -s "$SCRATCH/waits"
	waits=$(<"$SCRATCH/waits")
	eventually 20 grep -q '^State:.T' "/proc/$waits/status"
	[ ! -e "$SCRATCH/on" ]
	kill -CONT "$waits"
	eventually 20 test -e "$SCRATCH/on"
	kill -TERM "$waits"
	status=0
	wait "$BACKGROUND" || status=$?
	[ "$status" -eq 9 ] || fail "expected status 9"
	kill -KILL "$PID"
	PID='' BACKGROUND=''
}

@test "gdb attaches to the program, and kill reaches it" {
	need_command gdb
	[ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)" = 0 ] || skip "yama forbids it"
	start as_user berth exec / sleep 600
	run as_user timeout 120 berth enter "$PID" gdb -nx -batch -p "$PID" -ex 'info inferiors'
	assert_success
	assert_output "process $PID"
	refute_output 'Operation not permitted'
	run as_user berth enter "$PID" sh -c "kill -0 $PID && kill -TERM $PID"
	assert_success
	eventually 10 sh -c "! kill -0 $PID 2>/dev/null || grep -q '^State:.Z' /proc/$PID/status"
}

# bats test_tags=slurm
@test "a task of srun's: root of its node enters it as its user; the user cannot, and is told of --overlap" {
	local root=$SCRATCH/task who=() status=0

	need_cluster
	cp -al "$ROOM_DIR" "$root" && mkdir -p "$root/.singularity.d/env"
	echo 'export OF_IMAGE=$(echo shell)' >"$root/.singularity.d/env/90-environment.sh"
	chmod -R a+rX "$root/.singularity.d"
	chmod 0755 "$SCRATCH"
	as_user srun -Q -N1 -w n1 --container="$root" --container-env=MARK=task --container-pwd=/usr/only-in-image/sub \
		sleep 600 &
	BACKGROUND=$!
	eventually 20 pgrep -u "$CLUSTER_UID" -x sleep
	PID=$(pgrep -u "$CLUSTER_UID" -x sleep)
	# shellcheck disable=SC2016
	run on_node n1 berth enter "$PID" sh -c 'pwd; cat /etc/os-release; echo "$MARK,$OF_IMAGE,$SLURM_STEP_ID"; id -u
		readlink /proc/self/ns/mnt; grep -E "^(Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs)" /proc/self/status; exit 7'
	assert_failure 7 '^/usr/only-in-image/sub$'
	assert_output 'Berth test image'
	assert_output '^task,shell,0$'
	assert_output "^$CLUSTER_UID$"
	assert_output "^$(readlink "/proc/$PID/ns/mnt" | sed 's/[][]/\\&/g')$"
	assert_lines 4 '^Cap...:.0000000000000000$'
	assert_output '^NoNewPrivs:.1$'
	who=(setpriv --reuid="$CLUSTER_UID" --regid="$CLUSTER_UID" --clear-groups)
	run on_node n1 "${who[@]}" berth enter "$PID" touch "$SCRATCH/ran"
	assert_failure 255 'cannot enter the mount namespace'
	assert_output 'srun --overlap'
	[ ! -e "$SCRATCH/ran" ]
	kill -KILL "$PID"
	PID=''
	wait "$BACKGROUND" || status=$?
	BACKGROUND=''
	[ "$status" -ne 0 ]
	run as_user srun -Q -N1 -w n1 --container="$root" echo next
	assert_success next
}
