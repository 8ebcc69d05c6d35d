#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# lifetime.bats - the server ends with the last process of its room, whatever is killed when and in
# whatever order, and nothing else is left. In two ways: "exec" is berth exec as an ordinary user,
# "mount" is tests/harness/imgfs-mount as root, whose server and program run as that user.
# Needs: root, /dev/fuse, mksquashfs, python3, an installed Berth (BERTH_PREFIX), user namespaces.

load imgfs

setup_file()
{
	imgfs_file
	BERTH=${BERTH_PREFIX:-/usr/local}/bin/berth
	need test -x "$BERTH"
	# an ordinary user whom no other suite on the machine is
	ROOM_UID=$((1000000000 + $$ % 100000 * 10000 + RANDOM % 10000))
	export BERTH ROOM_UID
	# shellcheck source=tests/harness/image.sh
	(. "$HARNESS/image.sh" && image_tiny "$T/tree" >&2)
	mkdir "$T/tree/dir"
	mkdir -m 1777 "$T/ready"
	: >"$T/tree/dev/null" # shells want it; berth exec has the machine's there
	squash "$T/tree" room -comp zstd -Xcompression-level 1
	fuse_for_all
	run room exec true
	[ "$status" -eq 0 ] || fail "berth exec does not work here"
}

# The machine's /dev/fuse may be root's. The suite's processes see another one; so all of it runs in
# a mount namespace of its own (room_in).
fuse_for_all()
{
	[ "$(stat -Lc %a /dev/fuse)" = 666 ] && return
	# shellcheck disable=SC2016
	unshare -m --propagation private sh -c 'mount -t tmpfs -o mode=0755 none "$1/kmnt" && mknod -m 0666 "$1/kmnt/fuse" c 10 229 &&
		chmod 0666 "$1/kmnt/fuse" && mount --bind "$1/kmnt/fuse" /dev/fuse && umount -l "$1/kmnt" && echo $$ >"$1/ns" &&
		exec sleep 600' _ "$T" 3>&- &
	eventually 10 test -s "$T/ns"
}

teardown_file()
{
	[ ! -s "$T/ns" ] || kill "$(<"$T/ns")"
	imgfs_file_end
}

setup() { imgfs_before; }

teardown()
{
	local pid

	for pid in $(ours); do kill -9 "$pid" 2>/dev/null || true; done
	imgfs_after
}

inside() { if [ -s "$T/ns" ]; then nsenter -t "$(<"$T/ns")" -m -w/ "$@"; else (cd / && "$@"); fi; }

# room exec|mount CMD...: it, in the foreground
room()
{
	local as=(setpriv --reuid="$ROOM_UID" --regid="$ROOM_UID" --clear-groups env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/)

	case $1 in
	exec) inside "${as[@]}" "$BERTH" exec "$T/room.sqfs" "${@:2}" ;;
	mount) inside "$IMGFS_MOUNT" -s "$IMGFS" -u "$ROOM_UID" "$T/room.sqfs" "$T/mnt" \
		chroot --userspec="$ROOM_UID:$ROOM_UID" "$T/mnt" "${@:2}" ;;
	esac
}

# Whoever runs as the room's user and is no zombie, which somebody else has to reap.
ours() { ps -o pid=,stat= -u "$ROOM_UID" | awk '$2 !~ /^Z/ { print $1 }'; }
nobody() { [ -z "$(ours)" ]; }
# those of that name; fails where there is none
pids_of() { ps -o pid=,stat=,comm= -u "$ROOM_UID" | awk -v name="$1" '$2 !~ /^Z/ && $3 == name { print $1; n++ } END { exit !n }'; }
serving() { pids_of berth-imgfs >/dev/null; }
both() { [ "$(pids_of "$1" | wc -l)" -eq 2 ]; }

# begun exec|mount CMD...: the room in the background; PROGRAM and SERVER are their pids.
begun()
{
	room "$@" >"$T/out" 2>&1 3>&- &
	eventually 10 pids_of "$2" >/dev/null
	PROGRAM=$(pids_of "$2") SERVER=$(pids_of berth-imgfs)
}

# BESIDE=: begins a command that runs on the machine, but with access to the room's files.
# KERNEL: a FUSE mount of a user namespace is closed to who is not in that namespace, root too. And
# there the room's user is the only one.
beside()
{
	BESIDE=()
	[ "$1" = mount ] || BESIDE=(nsenter --user="/proc/$PROGRAM/ns/user" -S "$ROOM_UID" -G "$ROOM_UID")
}

# LIMIT: 10 s, and then something hangs
all_gone() { eventually 10 nobody || fail "still there: $(ps -o pid=,stat=,comm= -u "$ROOM_UID")"; }

@test "lifetime: 1,000 rooms one after another" {
	inside python3 "$HARNESS/rooms.py" "$ROOM_UID" user after 500 "$BERTH" exec "$T/room.sqfs" true >&2
	inside python3 "$HARNESS/rooms.py" "$ROOM_UID" root after 500 "$IMGFS_MOUNT" -s "$IMGFS" -u "$ROOM_UID" \
		"$T/room.sqfs" "$T/mnt" test -d "$T/mnt/dir" >&2
}

@test "lifetime: 64 rooms at once" {
	local round

	for round in first second; do
		echo "$round" >&2
		inside python3 "$HARNESS/rooms.py" "$ROOM_UID" user at-once 64 "$BERTH" exec "$T/room.sqfs" sleep 0.2 >&2
		inside python3 "$HARNESS/rooms.py" "$ROOM_UID" root at-once 64 "$IMGFS_MOUNT" -s "$IMGFS" -u "$ROOM_UID" \
			"$T/room.sqfs" "$T/mnt" ls "$T/mnt/dir" >&2
	done
}

@test "lifetime: a launcher killed at any moment of its start" {
	inside python3 "$HARNESS/rooms.py" "$ROOM_UID" user killed 100 "$BERTH" exec "$T/room.sqfs" sleep 1000 >&2
	inside python3 "$HARNESS/rooms.py" "$ROOM_UID" root killed 100 "$IMGFS_MOUNT" -s "$IMGFS" -u "$ROOM_UID" \
		"$T/room.sqfs" "$T/mnt" sleep 1000 >&2
}

@test "lifetime: the program ends, or is killed, or all are killed in either order" {
	local mode what

	for mode in exec mount; do
		room $mode sh -c 'cat /etc/os-release >/dev/null; exit 0'
		all_gone
		for what in TERM KILL; do
			begun $mode sleep 1000
			kill -$what "$PROGRAM"
			all_gone
		done
		begun $mode sleep 1000
		kill -9 "$PROGRAM" "$SERVER"
		all_gone
		begun $mode sleep 1000
		kill -9 "$SERVER" "$PROGRAM"
		all_gone
		wait
	done
}

@test "lifetime: the server first: the program is told, and lives as long as it likes" {
	local mode

	for mode in exec mount; do
		begun $mode sleep 1000
		kill -9 "$SERVER"
		eventually 10 not serving
		[ "$(ours)" = "$PROGRAM" ] || fail "others"
		# through its root, as any process in it would
		beside $mode
		run "${BESIDE[@]}" timeout 10 stat "/proc/$PROGRAM/root/never-looked-at"
		[ "$status" -ne 124 ] && [[ $output == *"not connected"* ]] || fail "not told"
		kill -9 "$PROGRAM"
		all_gone
		wait
	done
}

not() { ! "$@"; }

# KERNEL: kill() returns before the threads have stopped.
stop()
{
	kill -STOP "$1"
	eventually 10 not grep -q "^State:[^T]*$" /proc/"$1"/task/*/status
}

@test "lifetime: a stopped server ends when it goes on, or is killed" {
	local mode

	for mode in exec mount; do
		begun $mode sleep 1000
		stop "$SERVER"
		kill -9 "$PROGRAM"
		eventually 10 not kill -0 "$PROGRAM" 2>/dev/null
		kill -CONT "$SERVER"
		all_gone
		begun $mode sleep 1000
		stop "$SERVER"
		# it waits for the server, and must be let go by its end
		beside $mode
		"${BESIDE[@]}" timeout 10 stat "/proc/$PROGRAM/root/never-looked-at" >"$T/told" 2>&1 3>&- &
		sleep 0.2
		kill -9 "$SERVER"
		wait $! && fail "found"
		grep -qE 'not connected|connection abort' "$T/told" || fail "not told: $(<"$T/told")"
		kill -9 "$PROGRAM"
		all_gone
		wait
	done
}

@test "lifetime: what the program left running keeps the room, and only that" {
	local mode

	for mode in exec mount; do
		room $mode sh -c '(sleep 1000 & sh -c "sleep 1001 & exit") & exit 0' >"$T/out" 2>&1 3>&-
		eventually 10 both sleep
		serving || fail "the server left its room"
		kill -9 "$(pids_of sleep | head -n 1)"
		sleep 0.3
		serving || fail "the server left its room"
		kill -9 "$(pids_of sleep)"
		all_gone
	done
}

@test "lifetime: a descriptor, a working directory or a mapping from outside keeps the server, until it is gone" {
	local mode holder what

	for mode in exec mount; do
		for what in descriptor directory mapping; do
			begun $mode sleep 1000
			beside $mode
			"${BESIDE[@]}" python3 -c '
import mmap, os, sys, time
what, root, ready = sys.argv[1:]
if what == "directory":
    os.chdir(root + "/dir")
else:
    fd = os.open(root + ("/etc/os-release" if what == "mapping" else "/dir"), os.O_RDONLY)
    if what == "mapping":
        m = mmap.mmap(fd, 0, mmap.MAP_PRIVATE, mmap.PROT_READ)
        os.close(fd)
open(ready, "w").close()
time.sleep(1000)' $what "/proc/$PROGRAM/root" "$T/ready/file" 3>&- &
			holder=$!
			eventually 10 test -e "$T/ready/file"
			rm "$T/ready/file"
			kill -9 "$PROGRAM"
			eventually 10 not kill -0 "$PROGRAM" 2>/dev/null
			sleep 0.3
			serving || fail "$mode, $what: it did not stay"
			kill -9 "$holder"
			all_gone
			wait
		done
	done
}

@test "lifetime: who joined the room's namespace keeps it" {
	local mode

	for mode in exec mount; do
		begun $mode sleep 1000
		beside $mode
		[ $mode = exec ] || BESIDE=(nsenter)
		# shellcheck disable=SC2016
		"${BESIDE[@]}" --mount="/proc/$PROGRAM/ns/mnt" sh -c 'echo >"$1"; exec sleep 1001' _ "$T/ready/file" 3>&- 2>/dev/null &
		# /tmp and /var/tmp are the machine's in a room, too
		eventually 10 test -e "$T/ready/file"
		rm "$T/ready/file"
		kill -9 "$PROGRAM"
		sleep 0.3
		serving || fail "$mode: it did not stay"
		kill -9 $!
		all_gone
		wait
	done
}

@test "lifetime: the kernel's killer takes the server no later than any other, and no priority is its own" {
	begun exec sleep 1000
	[ "$(<"/proc/$SERVER/oom_score_adj")" = "$(<"/proc/$PROGRAM/oom_score_adj")" ]
	[ "$(<"/proc/$SERVER/oom_score_adj")" -eq "$(</proc/self/oom_score_adj)" ]
	[ "$(ps -o ni= -p "$SERVER")" -eq "$(ps -o ni= -p $$)" ]
	cmp "/proc/$SERVER/cgroup" "/proc/$PROGRAM/cgroup"
	kill -9 "$PROGRAM"
	all_gone
}

@test "lifetime: a FUSE connection goes with its room" {
	local dev round

	mountpoint -q /sys/fs/fuse/connections || mount -t fusectl none /sys/fs/fuse/connections 2>/dev/null ||
		skip "hardware: this kernel has no fusectl"
	for round in 1 2 3; do
		begun exec sleep 1000
		dev=$(awk '$5 == "/" { split($3, d, ":"); print d[2] }' "/proc/$PROGRAM/mountinfo")
		[ -d "/sys/fs/fuse/connections/$dev" ] || fail "round $round: no connection $dev"
		# pages asked for ahead may still be on their way
		eventually 10 grep -qx 0 "/sys/fs/fuse/connections/$dev/waiting"
		kill -9 "$PROGRAM"
		all_gone
		# the number may soon be another's
		eventually 10 not test -d "/sys/fs/fuse/connections/$dev"
	done
}
