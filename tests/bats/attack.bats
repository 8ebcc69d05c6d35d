#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# attack.bats - a user with all that is his (processes, signals, file systems of his own) against
# what root does for his step. Each test was a hole once.
# Needs: root, Slurm, a C compiler, libfuse 3 with fusermount3.
load ../harness/common

setup_file() { need_cluster; image_tiny_sif >/dev/null; }

setup()
{
	need_cluster
	need_command cc pkg-config fusermount3
	pkg-config --exists fuse3 || skip "needs libfuse 3"
	scratch_new
	IMAGE=$(image_tiny_sif)
	CONF=${BERTH_PREFIX:-/usr/local}/etc/berth/berth.conf
	# shellcheck disable=SC2046
	cc -o "$BATS_TEST_TMPDIR/fuse-hang" "$HARNESS/fuse-hang.c" $(pkg-config --cflags --libs fuse3)
	cp "$BATS_TEST_TMPDIR/fuse-hang" "$SCRATCH/"
	mkdir "$SCRATCH/m"
	chown "$CLUSTER_UID:$CLUSTER_UID" "$SCRATCH/m"
	cluster_run -u ada -n n1 "$SCRATCH/fuse-hang" -f "$SCRATCH/m" 3>&- 2>/dev/null &
	FUSE=$!
	eventually 5 on_node n1 grep -qF " $SCRATCH/m " /proc/self/mountinfo
}

# Whoever waits for it is let go with it.
fuse_end()
{
	local pid

	for pid in $(pgrep -u "$CLUSTER_UID" -x fuse-hang); do kill -KILL "$pid"; done
	wait "${FUSE:-}" 2>/dev/null || true
}

teardown()
{
	fuse_end
	on_node n1 umount -l "$SCRATCH/m" || true
	[ -z "${CONF_HIDDEN:-}" ] || on_node n1 umount -l "$CONF"
	scratch_remove
}

# start_within SECONDS [LINE]: the site's limit on n1, and what else its file says
start_within()
{
	mkdir -p "${CONF%/*}"
	[ -e "$CONF" ] || install -m 0644 /dev/null "$CONF"
	install -m 0644 <(printf '%s\n' "start timeout = $1" "${2:-}") "$SCRATCH/conf"
	on_node n1 mount --bind "$SCRATCH/conf" "$CONF"
	CONF_HIDDEN=1
}

# PRIV: step.c, kill_and_reap()
@test "an opener that cannot be killed does not hold root, nor the task's error" {
	start_within 2
	as_user timeout 60 srun -w n1 --container="$IMAGE" --container-bind="$SCRATCH/m/hang:/mnt" true \
		>"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	eventually 15 grep -q 'not ready within 2 s' "$BATS_TEST_TMPDIR/out"
	fuse_end
	eventually 15 grep -q 'exit code 125' "$BATS_TEST_TMPDIR/out"
	eventually 15 sh -c '[ "$('"$HARNESS"'/cluster.sh run -u root sinfo -h -n n1 -o %T)" = idle ]'
}

# The server began to wait when the step began, and gave up after 30 s of its own.
@test "an image server waits as long as the site's start timeout lets it" {
	start_within 60
	run as_user timeout 60 srun -w n1 --container="$IMAGE" --container-bind="$SCRATCH/m/slow:/mnt" true
	assert_success
}

# PRIV: main.c of berth-imgfs, its mode
@test "a waiting image server cannot be traced, nor its control socket taken" {
	local pid

	as_user srun -w n1 --container="$IMAGE" --container-bind="$SCRATCH/m/hang:/mnt" true 3>&- &
	eventually 5 pgrep -u "$CLUSTER_UID" -x berth-imgfs
	pid=$(pgrep -u "$CLUSTER_UID" -x berth-imgfs)
	run cluster_run -u ada -n n1 ls "/proc/$pid/fd"
	kill -KILL "$pid"
	fuse_end
	[ "$status" -ne 0 ] || fail "the user sees the descriptors: $output"
}

# The room's own mounts lie on the host's / while it is built: tasks once stood in the topmost.
@test "the host's whole tree, as an image and as a bind, is the host's and nothing of ours" {
	run as_user srun -w n1 --container=/ sh -c 'ls -d /etc/slurm* /boot /root; touch /x || grep -cE "^[0-9]+ [0-9]+ [0-9:]+ [^ ]+ / " /proc/self/mountinfo'
	assert_success
	assert_output '^/boot$'
	assert_output '^1$'
	run as_user srun -w n1 --container="$IMAGE" --container-bind=/:/mnt sh -c 'ls -d /mnt/boot /mnt/root; ! ls /mnt/passwd'
	assert_success
	assert_output '^/mnt/boot$'
	run as_user "$BERTH_PREFIX/bin/berth" exec --bind /..:/mnt "$IMAGE" ls -d /mnt/boot
	assert_success /mnt/boot
}

# PRIV: kernel_mount.c: root asked the image's file system who owns it
@test "root does not wait for an image's file system where the site allows kernel mounts" {
	local pid

	mkdir "$SCRATCH/root"
	cp "$BATS_TEST_TMPDIR/fuse-hang" "$SCRATCH/root/fuse-hang"
	on_node n1 "$SCRATCH/root/fuse-hang" -o allow_other "$SCRATCH/root"
	start_within 2 'kernel mount = root-owned'
	run as_user timeout 20 srun -w n1 --container="$SCRATCH/root/file" true
	pid=$(pgrep -f "^$SCRATCH/root/fuse-hang")
	kill -KILL "$pid"
	on_node n1 umount -l "$SCRATCH/root"
	assert_failure 125 'image'
}
