#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# join.bats - mpirun berth exec: one room for the ranks of a host, whoever starts first, ends
# first or is killed; never another job's, another user's or a dead one; and nothing is left.
# Needs: root (to become ada), MPICH and Open MPI, mmdebstrap and a Debian mirror, strace, python3.
load ../harness/common
load rooms

setup_file()
{
	need_login
	need_command mksquashfs mmdebstrap mpicc.mpich mpicc.openmpi mpirun.mpich mpirun.openmpi strace python3
	rooms_make
	image_mpi_sif >/dev/null
}

setup()
{
	need_login
	need_command mpirun.mpich mpirun.openmpi strace python3
	rooms_load
	scratch_new
	MPI=$CLUSTER_DIR/home/ada/mpi.sif
	CONF=$BERTH_PREFIX/etc/berth/berth.conf
	rooms_before
	names >"$BATS_TEST_TMPDIR/names"
}

teardown()
{
	[ -z "${CONF_HIDDEN:-}" ] || as_root umount "$CONF"
	rooms_after
	eventually 5 sh -c "! grep -vxFf '$BATS_TEST_TMPDIR/names' /proc/net/unix | grep -q @berth-room"
	scratch_remove
}

names() { grep -o '@berth-room-.*' /proc/net/unix || true; }

hydra() { as_user timeout 120 mpirun.mpich "$@"; }
ompi() { as_user timeout 120 mpirun.openmpi --oversubscribe "$@"; }

# What a rank says of its namespaces; some time later, so that all are there.
WHERE='readlink /proc/self/ns/mnt /proc/self/ns/user | paste -sd" "; sleep 1'
WHERE_TINY='echo "$(readlink /proc/self/ns/mnt) $(readlink /proc/self/ns/user)"; sleep 1'

# rooms_said COUNT RANKS: the last output is from so many rooms and ranks.
rooms_said()
{
	local n

	assert_lines "$2" '^mnt:\[[0-9]+\] user:\[[0-9]+\]$'
	n=$(grep '^mnt:' <<<"$output" | sort -u | wc -l)
	[ "$n" -eq "$1" ] || fail "expected $1 rooms, found $n"
	n=$(grep -o 'user:.*' <<<"$output" | sort -u | wc -l)
	[ "$n" -eq "$1" ] || fail "expected $1 user namespaces, found $n"
	refute_output "$(readlink /proc/self/ns/user | tr -d '[]' | sed 's/user:/user:./')"
}

@test "MPICH: eight ranks share one room, and read each other's memory (CMA)" {
	run hydra -np 8 berth exec "$MPI" sh -c "$WHERE"
	assert_success
	rooms_said 1 8
	run hydra -np 8 berth exec "$MPI" mpi-cma
	assert_success
	assert_output 'process_vm_readv between 8 ranks works'
}

@test "Open MPI: eight ranks share one room, and read each other's memory (CMA)" {
	run ompi -np 8 berth exec "$MPI" sh -c "$WHERE"
	assert_success
	rooms_said 1 8
	run ompi -np 8 berth exec "$MPI" mpi-cma-ompi
	assert_success
	assert_output 'process_vm_readv between 8 ranks works'
}

@test "a room is shared of every kind of image, and by root's ranks" {
	local image

	for image in "$ROOM_DIR" "$ROOM_SQUASHFS" "$ROOM_SIF"; do
		run hydra -np 4 berth exec "$image" sh -c "$WHERE_TINY"
		assert_success
		rooms_said 1 4
	done
	# root makes no user namespace
	run as_root timeout 60 mpirun.mpich -np 4 berth exec "$ROOM_SIF" readlink /proc/self/ns/mnt
	assert_success
	[ "$(sort -u <<<"$output" | wc -l)" -le 4 ]
	run as_root timeout 60 mpirun.mpich -np 4 berth exec "$ROOM_SIF" sh -c "$WHERE_TINY"
	assert_success
	[ "$(sort -u <<<"$output" | wc -l)" -eq 1 ] || fail "root's ranks are in several rooms"
}

@test "64 ranks on two processors share one room" {
	run as_user taskset -c 0,1 timeout 300 mpirun.mpich -np 64 berth exec "$MPI" mpi-cma
	assert_success
	assert_output 'process_vm_readv between 64 ranks works'
}

@test "through a shell between mpirun and berth" {
	run hydra -np 4 sh -c "berth exec $ROOM_SIF sh -c '$WHERE_TINY'; true"
	assert_success
	rooms_said 1 4
	run ompi -np 4 sh -c "berth exec $ROOM_SIF sh -c '$WHERE_TINY'; true"
	assert_success
	rooms_said 1 4
}

@test "a rank that joined is what a rank that built is" {
	# shellcheck disable=SC2016
	run hydra -np 3 sh -c 'cd /; ulimit -n 512; umask 027; exec berth exec "$0" sh -c "
		echo \$(/probe) \$(pwd) \$(umask) \$(ulimit -n) \$(grep -hE \"^(NoNewPrivs|Seccomp|CapBnd)\" /proc/self/status) \
			fds \$(ls /proc/self/fd | wc -l) root \$(head -c 30 /etc/os-release)
		sleep 1"' "$ROOM_SIF"
	assert_success
	assert_lines 3 "PROBE uid $CLUSTER_UID "
	assert_lines 3 'caps 0000000000000000 0000000000000000 0000000000000000 0000000000000000 0000000000000000 nnp 1'
	# the descriptors of a rank are those of its mpirun, a number that differs from rank to rank by launcher
	[ "$(awk '{ sub(/ fds [0-9]*/, "") } 1' <<<"$output" | sort -u | wc -l)" -eq 1 ] || fail "ranks differ"
}

@test "no descriptor of Berth's stays in a rank, nor is there a child that the program did not make" {
	run hydra -np 3 sh -c "ls -l /proc/self/fd | grep -c -- '->' >$SCRATCH/out.\$PMI_RANK
		exec berth exec $ROOM_SIF sh -c 'ls -l /proc/self/fd | grep -c -- \"->\" >$SCRATCH/in.\$PMI_RANK
			grep -l \"^PPid:.\$\$\$\" /proc/[0-9]*/status >$SCRATCH/child.\$PMI_RANK 2>/dev/null; sleep 1'"
	assert_success
	for rank in 0 1 2; do
		cmp "$SCRATCH/out.$rank" "$SCRATCH/in.$rank"
		# grep itself
		[ "$(wc -l <"$SCRATCH/child.$rank")" -le 1 ] || fail "children: $(cat "$SCRATCH/child.$rank")"
	done
}

@test "each rank has its own environment and working directory" {
	run hydra -np 3 sh -c "mkdir -p $SCRATCH/home/\$PMI_RANK; exec berth exec --env R=r\$PMI_RANK --pwd $SCRATCH \
		--bind $SCRATCH $ROOM_SIF sh -c 'echo rank \$PMI_RANK is \$R in \$(pwd) \$(readlink /proc/self/ns/mnt); sleep 1'"
	assert_success
	for rank in 0 1 2; do assert_output "rank $rank is r$rank in $SCRATCH mnt"; done
	[ "$(grep -o 'mnt:.*' <<<"$output" | sort -u | wc -l)" -eq 1 ] || fail "more than one room"
}

@test "--no-join, and BERTH_JOIN=0, make a room for each rank" {
	run hydra -np 3 berth exec --no-join "$ROOM_SIF" sh -c "$WHERE_TINY"
	assert_success
	rooms_said 3 3
	run hydra -np 3 env BERTH_JOIN=0 berth exec "$ROOM_SIF" sh -c "$WHERE_TINY"
	assert_success
	rooms_said 3 3
}

@test "--join shares among what one shell starts; a single program makes no keeper" {
	# shellcheck disable=SC2016
	run as_user timeout 60 sh -c 'for i in 1 2 3; do berth exec --join "$0" sh -c "$1" & done; wait' "$ROOM_SIF" "$WHERE_TINY"
	assert_success
	rooms_said 1 3
	as_user strace -f -qq -e trace=bind,socket,connect -o "$SCRATCH/trace" berth exec "$ROOM_SIF" true
	run grep -c 'AF_UNIX' "$SCRATCH/trace"
	assert_output '^0$'
	run hydra -np 1 strace -f -qq -e trace=bind -o "$SCRATCH/trace" berth exec "$ROOM_SIF" true
	assert_success
	[ ! -s "$SCRATCH/trace" ] || fail "$(cat "$SCRATCH/trace")"
}

@test "--pid, --ipc, --uts, --net and --fakeroot are not shared, and --join with them is refused" {
	local option

	for option in --pid --ipc --uts --net --fakeroot; do
		run as_user berth exec --join "$option" "$ROOM_SIF" true
		assert_failure 1 "with $option cannot be shared"
	done
	run hydra -np 2 berth exec --ipc "$ROOM_SIF" sh -c "$WHERE_TINY"
	assert_success
	rooms_said 2 2
}

@test "what is written to memory over the image is seen by all ranks" {
	run hydra -np 3 berth exec --writable-tmpfs "$ROOM_SIF" sh -c 'touch /rank.$PMI_RANK; sleep 2; ls / | grep -c "^rank"; sleep 1'
	assert_success
	assert_lines 3 '^3$'
}

@test "ranks of another image, other binds or another directory have another room" {
	run hydra -np 2 berth exec "$ROOM_SIF" sh -c "$WHERE_TINY" : -np 2 berth exec "$ROOM_SQUASHFS" sh -c "$WHERE_TINY" \
		: -np 2 berth exec -B /usr:/x "$ROOM_SIF" sh -c "$WHERE_TINY" \
		: -np 2 -wdir /usr/share berth exec "$ROOM_SIF" sh -c "$WHERE_TINY"
	assert_success
	rooms_said 4 8
}

@test "an image that was replaced meanwhile is another" {
	cp "$ROOM_SIF" "$SCRATCH/a.sif"
	chown "$CLUSTER_UID" "$SCRATCH/a.sif"
	run hydra -np 2 sh -c "[ \$PMI_RANK = 0 ] || { until [ -e $SCRATCH/up ]; do sleep 0.05; done
		cp $SCRATCH/a.sif $SCRATCH/b.sif; mv $SCRATCH/b.sif $SCRATCH/a.sif; touch $SCRATCH/new; }
		exec berth exec $SCRATCH/a.sif sh -c 'touch $SCRATCH/up; until [ -e $SCRATCH/new ]; do sleep 0.05; done; $WHERE_TINY'"
	assert_success
	rooms_said 2 2
}

@test "a rank that starts late enters the room, though the first has ended" {
	run hydra -np 3 sh -c "case \$PMI_RANK in
		0) exec berth exec $ROOM_SIF readlink /proc/self/ns/mnt ;;
		1) exec berth exec $ROOM_SIF sh -c 'readlink /proc/self/ns/mnt; touch $SCRATCH/one; until [ -e $SCRATCH/two ]; do sleep 0.05; done' ;;
		2) until [ -e $SCRATCH/one ]; do sleep 0.05; done; sleep 1
		   exec berth exec $ROOM_SIF sh -c 'readlink /proc/self/ns/mnt; touch $SCRATCH/two' ;;
		esac"
	assert_success
	assert_lines 3 '^mnt:'
	# the first two may have come one after the other
	[ "$(sort -u <<<"$output" | wc -l)" -le 2 ] || fail "the late rank is alone"
}

@test "T51 two jobs of one user at once do not mix" {
	local n dir job launcher

	# two of Open MPI's mpirun would race for one directory in /tmp
	for launcher in hydra "ompi --mca orte_tmpdir_base"; do
		for job in a b; do
			as_user mkdir -p "$SCRATCH/$job.tmp"
			if [ "$launcher" = hydra ]; then dir=; else dir=$SCRATCH/$job.tmp; fi
			# shellcheck disable=SC2086
			$launcher $dir -np 2 berth exec "$ROOM_SIF" sh -c "$WHERE_TINY" >"$SCRATCH/$job" &
		done
		wait
		n=$(cat "$SCRATCH/a" "$SCRATCH/b" | sort -u | wc -l)
		[ "$n" -eq 2 ] || fail "$n rooms" "$(cat "$SCRATCH/a" "$SCRATCH/b")"
		[ "$(sort -u "$SCRATCH/a" | wc -l)" -eq 1 ]
	done
}

@test "a room that cannot be made: one rank says why, all end with its status, the next job works" {
	cp "$ROOM_SIF" "$SCRATCH/bad.sif"
	# the superblock is sound and the tables are not
	dd if=/dev/urandom of="$SCRATCH/bad.sif" bs=1k seek=40 conv=notrunc status=none count=$(($(stat -c %s "$SCRATCH/bad.sif") / 1024 - 41))
	chmod 0644 "$SCRATCH/bad.sif"
	run as_user sh -c "for i in 1 2 3 4; do { berth exec --join $SCRATCH/bad.sif true; echo status \$?; } & done; wait"
	assert_lines 4 '^status 255$'
	assert_output '^berth: image'
	run hydra -np 4 berth exec "$ROOM_SIF" sh -c "$WHERE_TINY"
	assert_success
	rooms_said 1 4
}

# die_at CALL: the first rank to make this system call is killed by it; the others get a room all the same.
die_at()
{
	# strace lies between it and the shell that the others have in common
	run as_user timeout 90 env PMI_JOBID="dies at $1" bash -c 'for i in 1 2 3 4; do
			{ if [ "$i" = 1 ]; then exec strace -qq -o /dev/null -e "inject=$2:signal=KILL:when=1" berth exec --join "$0" sh -c "$1"
			else sleep 0.3; exec berth exec --join "$0" sh -c "$1"; fi; } &
		done; wait' "$ROOM_SIF" "$WHERE_TINY" "$1"
	assert_success
	rooms_said 1 3
}

@test "a first rank that is killed while it builds, at any step: the others elect another" {
	local call

	for call in bind listen unshare move_mount pivot_root capset; do die_at "$call"; done
}

@test "a first rank that is killed while others wait for it: they elect another" {
	# it stops before its user namespace; one of those that wait is killed first
	run as_user timeout 90 env PMI_JOBID=waits bash -c '
		strace -qq -o /dev/null -e inject=unshare:signal=STOP:when=1 berth exec --join "$0" sh -c "$1" &
		until builder=$(pgrep -P $! -x berth) && grep -q "^State:.[tT]" "/proc/$builder/status" &&
			grep -q @berth-room /proc/net/unix; do sleep 0.02; done
		for i in 1 2 3; do berth exec --join "$0" sh -c "$1" & waits=$!; done
		sleep 0.7
		kill -KILL "$waits"
		kill -KILL "$builder"
		wait' "$ROOM_SIF" "$WHERE_TINY"
	rooms_said 1 2
}

@test "a keeper that is killed: who is inside stays, who comes later has a room of his own" {
	run as_user timeout 60 bash -c 'for i in 1 2; do berth exec --join "$0" sh -c "$1; sleep 1" & done
		sleep 0.7; pkill -KILL -x berth-keeper -u $UID
		berth exec --join "$0" sh -c "$1"; wait' "$ROOM_SIF" "$WHERE_TINY"
	assert_success
	rooms_said 2 3
}

@test "ranks that are killed in the room leave nothing" {
	hydra -np 4 berth exec "$ROOM_SIF" sh -c 'kill -KILL $$' || true
	as_user timeout 5 mpirun.mpich -np 4 berth exec "$ROOM_SIF" sleep 60 || true
	pgrep -u "$CLUSTER_UID" -x sleep | while read -r p; do kill -KILL "$p"; done
}

site_waits()
{
	[ -e "$CONF" ] || { mkdir -p "${CONF%/*}"; install -m 0644 /dev/null "$CONF"; }
	install -m 0644 <(echo "start timeout = $1") "$SCRATCH/conf"
	as_root mount --bind "$SCRATCH/conf" "$CONF"
	CONF_HIDDEN=1
}

# squatted UID PYTHON: four programs of one shell, the name of whose room UID takes before they start
# (they last longer than a quarter of the deadline, for so long a name may hold one of them up);
# what is done with the socket s is PYTHON. The name depends on all that makes the room, the shell
# included, so it is learned from a first room of the same shell.
squatted()
{
	rm -f "$SCRATCH"/{name,taken}
	run as_root timeout 40 bash -c '
		sif=$0 where=$1 dir=$2 ada=$3 uid=$4 how=$5
		as() { local uid=$1; shift; exec setpriv --reuid="$uid" --regid="$uid" --clear-groups "$@"; }
		as "$ada" bash -c "
			berth exec --join \"\$0\" grep -o @berth-room-.*-0 /proc/net/unix >\"\$2/n\"
			mv \"\$2/n\" \"\$2/name\"
			until [ -e \"\$2/taken\" ]; do sleep 0.05; done
			for i in 1 2 3 4; do berth exec --join \"\$0\" sh -c \"\$1\" & done
			wait" "$sif" "$where" "$dir" &
		job=$!
		until [ -e "$dir/name" ]; do sleep 0.05; done
		name=$(tail -n 1 "$dir/name" | tr -d @)
		while grep -q "$name" /proc/net/unix; do sleep 0.05; done
		as "$uid" python3 -c "
import signal, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(\"\\0\" + sys.argv[1])
exec(sys.argv[2])
print(flush=True)
signal.pause()" "$name" "$how" > >(read -r && touch "$dir/taken") &
		squatter=$!
		wait "$job"
		kill "$squatter"
		wait' "$ROOM_SIF" "$WHERE_TINY; sleep 4" "$SCRATCH" "$CLUSTER_UID" "$1" "$2"
	assert_success
	[ -e "$SCRATCH/taken" ] || fail "nobody squatted"
	rooms_said 1 4
}

@test "T33: a name that another user has is left to him: he listens" {
	site_waits 8
	squatted 65533 's.listen(1)'
}

@test "T33: he plays a keeper that never has a room" {
	site_waits 8
	squatted 65533 's.listen(99); keep = []; __import__("threading").Thread(target=lambda:
[(keep.append(s.accept()[0]), keep[-1].send(__import__("struct").pack("<IIi528x", 0x424a4e31, 0, 1))) for i in range(99)],
daemon=True).start()'
}

@test "T33: he never listens, so that a rank cannot know whose it is" {
	site_waits 8
	squatted 65533 'pass'
}

@test "T33: a process of the same user that accepts and never answers" {
	site_waits 8
	squatted "$CLUSTER_UID" 's.listen(9); keep = []; __import__("threading").Thread(
target=lambda: [keep.append(s.accept()) for i in range(9)], daemon=True).start()'
}

@test "T33: a process of the same user that answers nonsense, or ends at once" {
	site_waits 8
	squatted "$CLUSTER_UID" 's.listen(9); __import__("threading").Thread(
target=lambda: [s.accept()[0].send(b"x" * 536) for i in range(999)], daemon=True).start()'
	squatted "$CLUSTER_UID" 's.listen(9); __import__("threading").Thread(
target=lambda: [s.accept()[0].close() for i in range(9999)], daemon=True).start()'
}

@test "T33: all names are taken: a rank has a room of its own, and --join says what is wrong" {
	# shellcheck disable=SC2016
	run as_root timeout 40 bash -c '
		sif=$0 dir=$1 ada=$2
		setpriv --reuid="$ada" --regid="$ada" --clear-groups bash -c "
			berth exec --join \"\$0\" grep -o @berth-room-.*-0 /proc/net/unix >\"\$1/n\"
			mv \"\$1/n\" \"\$1/name\"
			until [ -e \"\$1/taken\" ]; do sleep 0.05; done
			berth exec --join \"\$0\" echo inside
			echo status \$?
			MPI_LOCALNRANKS=2 berth exec \"\$0\" echo inside
			echo status \$?" "$sif" "$dir" &
		job=$!
		until [ -e "$dir/name" ]; do sleep 0.05; done
		name=$(tail -n 1 "$dir/name" | tr -d @)
		while grep -q "$name" /proc/net/unix; do sleep 0.05; done
		python3 -c "
import signal, socket, sys
all = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for i in range(4)]
for i, s in enumerate(all):
    s.bind(\"\\0\" + sys.argv[1][:-1] + str(i))
    s.listen(1)
print(flush=True)
signal.pause()" "$name" > >(read -r && touch "$dir/taken") &
		squatter=$!
		wait "$job"
		kill "$squatter"
		wait' "$ROOM_SIF" "$SCRATCH" "$CLUSTER_UID"
	assert_success
	assert_output 'cannot share a room'
	[ "$(grep -E '^(inside|status)' <<<"$output" | paste -sd' ')" = "status 255 inside status 0" ] || fail "odd order"
}

@test "T33: another user who connects to a keeper is told nothing" {
	as_user berth exec --join "$ROOM_SIF" sleep 60 3>&- &
	eventually 10 grep -q @berth-room /proc/net/unix
	run as_root setpriv --reuid=65533 --regid=65533 --clear-groups python3 -c '
import os, socket
name = [l.split("@")[1].strip() for l in open("/proc/net/unix") if "@berth-room" in l][-1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect("\0" + name)
s.settimeout(30)
try:
    socket.send_fds(s, [(0x424a4e31).to_bytes(4, "little")], [os.pidfd_open(os.getpid())])
    print(len(s.recv(4096)))
except OSError:
    print(0)'
	assert_success 0
	pgrep -u "$CLUSTER_UID" -x sleep | while read -r p; do kill "$p"; done
	wait || true
}
