#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# harness.bats - the cluster is what the other tests take it for, and a snapshot sees what is left.
# Needs: root, Slurm. Berth itself is not used.
load ../harness/common

setup()    { need_cluster; scratch_new; as_user srun -N2 -n2 true; snapshot_take; }
teardown() { scratch_remove; }

# dirty WHAT: snapshot_same must have noticed; WHAT is in what it printed.
dirty()
{
	run snapshot_same "" 0
	assert_failure 1
	assert_output "$1"
}

@test "two nodes, each with its own name, /tmp, /dev/shm and cgroup namespace" {
	run as_user srun -N2 -n4 sh -c 'echo $(hostname) $(readlink /proc/self/ns/uts) $(stat -c %d:%i /tmp) $(stat -c %d /dev/shm)'
	assert_success
	[ "$(sort -u <<<"$output" | wc -l)" -eq 2 ]
	[ "$(cut -d' ' -f2 <<<"$output" | sort -u | wc -l)" -eq 2 ]
	[ "$(cut -d' ' -f3 <<<"$output" | sort -u | wc -l)" -eq 2 ]
}

@test "ada is an ordinary user with groups, and the machine does not know her" {
	run as_user srun -N1 id
	assert_success
	assert_output "uid=$CLUSTER_UID\(ada\) gid=$CLUSTER_UID\(ada\) groups=.*\(crew\).*\(deck\)"
	run grep -c "^ada:.*:$CLUSTER_UID:" /etc/passwd
	[ "$output" = 0 ]
}

@test "ada may open /dev/fuse, on login and nodes" {
	as_user sh -c 'exec 3<>/dev/fuse'
	as_user srun -N2 -n2 sh -c 'exec 3<>/dev/fuse'
}

@test "plain steps leave nothing" {
	as_user srun -N2 -n8 true
	run as_user srun -N2 -n2 false
	assert_failure 1
	snapshot_same
}

@test "a snapshot sees a file in a node's /tmp, /dev/shm and spool" {
	on_node n2 touch /tmp/left-a
	dirty '> left-a'
	on_node n2 rm /tmp/left-a
	on_node n1 touch /dev/shm/left-b
	dirty '> left-b'
	on_node n1 rm /dev/shm/left-b
	touch "$CLUSTER_DIR/spool/n1/left-c"
	dirty '> left-c'
	rm "$CLUSTER_DIR/spool/n1/left-c"
	snapshot_same
}

@test "a snapshot sees a process of ada's and one in a node's cgroup" {
	as_user sleep 30 3>&- &
	eventually 5 pgrep -u "$CLUSTER_UID" -x sleep >/dev/null
	dirty '> sleep'
	kill "$(pgrep -u "$CLUSTER_UID" -x sleep)"
	wait
	( cluster_cgroup_enter n1; exec tail -f /dev/null 3>&- ) &
	eventually 5 pgrep -f 'tail -f /dev/null' >/dev/null
	dirty '> tail'
	kill $!
	wait || true
	snapshot_same
}

@test "a snapshot sees a mount in a node and on the machine" {
	on_node n1 mount -t tmpfs left /mnt
	dirty '> .* /mnt .*left'
	on_node n1 umount /mnt
	mkdir "$SCRATCH/mnt"
	mount -t tmpfs left "$SCRATCH/mnt"
	dirty "> .*$SCRATCH/mnt"
	umount "$SCRATCH/mnt"
	snapshot_same
}

@test "a snapshot sees a job's cgroup and a drained node" {
	local top

	top=$(head -n 1 "$CLUSTER_DIR/cgroups")
	mkdir -p "$top/n1/slurm_n1/job_999999"
	dirty '> .*/job_999999'
	rmdir "$top/n1/slurm_n1/job_999999"
	rmdir "$top/n1/slurm_n1" 2>/dev/null || true
	as_root scontrol update nodename=n2 state=drain reason=test
	dirty '> n2 drained'
	as_root scontrol update nodename=n2 state=resume
	eventually 5 sh -c "[ \"\$($HARNESS/cluster.sh run -u root sinfo -h -N -o %T | sort -u)\" = idle ]"
	snapshot_same
}

@test "a second cluster comes up beside this one, runs, and goes without a trace" {
	local other name uid

	other=$(CLUSTER_DIR='' "$HARNESS/cluster.sh" up 3>&-)
	name=$(sed -n 's/^CLUSTER_NAME=//p' "$other/state.sh")
	uid=$(sed -n 's/^CLUSTER_UID=//p' "$other/state.sh")
	[ "$uid" != "$CLUSTER_UID" ]
	run env CLUSTER_DIR="$other" "$HARNESS/cluster.sh" run srun -N2 hostname
	assert_success
	CLUSTER_DIR=$other "$HARNESS/cluster.sh" run sh -c 'srun -N2 sleep 100' 3>&- >/dev/null 2>&1 &
	eventually 10 pgrep -u "$uid" -x sleep >/dev/null
	CLUSTER_DIR=$other "$HARNESS/cluster.sh" down
	wait || true
	[ ! -e "$other" ]
	[ -z "$(find /sys/fs/cgroup -type d -name "$name" 2>/dev/null)" ]
	[ -z "$(pgrep -u "$uid")" ]
	snapshot_same
}
