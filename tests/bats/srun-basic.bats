#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# srun-basic.bats - a task in a container is the task it would have been outside.
# Needs: root, Slurm. Every comparison is with the same srun without --container.
# bats file_tags=slurm
load ../harness/common

setup_file() { need_cluster; image_tiny_sif >/dev/null; }
setup()      { need_cluster; scratch_new; IMAGE=$(image_tiny_sif); DIR=$(image_dir); }
teardown()   { scratch_remove; }

# The names of the processes on NODE that hold /dev/fuse open, one a process.
fuse_holders()
{
	local pid

	for pid in $(cluster_pids "$1"); do
		# By device number: from here the name of the cluster's own node is just "/".
		if stat -L -c %t:%T "/proc/$pid/fd/"* 2>/dev/null | grep -qx a:e5; then cat "/proc/$pid/comm"; fi
	done
	return 0
}

# same WHAT...: a shell command prints the same inside and outside.
same()
{
	local outside

	outside=$(as_user srun -N1 -n1 sh -c "$1")
	run as_user srun -N1 -n1 --container="$IMAGE" sh -c "$1"
	assert_success "$outside"
	[ -n "$outside" ]
}

@test "the task sees the image's system, the host's stays outside" {
	run as_user srun -N2 -n2 --container="$IMAGE" cat /etc/os-release
	assert_success
	assert_lines 2 'PRETTY_NAME="Berth test image'
	run as_user srun -N1 cat /etc/os-release
	refute_output 'Berth test image'
}

@test "a directory image works like a SIF" {
	run as_user srun -N2 -n2 --container="$DIR" cat /etc/os-release
	assert_success
	assert_lines 2 'PRETTY_NAME="Berth test image'
}

@test "a relative path is taken from where srun was called" {
	run as_user srun -N2 -n2 --container=tiny.sif cat /etc/os-release
	assert_success
	assert_lines 2 'PRETTY_NAME="Berth test image'
}

@test "the alias --berth does what --container does" {
	run as_user srun -N1 --berth=tiny.sif cat /etc/os-release
	assert_success
	assert_output 'Berth test image'
}

@test "a step's image overrules the job's, whichever option named it" {
	# shellcheck disable=SC2016
	local show='echo "${BERTH_NAME:-none}"' step

	as_user cp tiny.sif "$SCRATCH/other.sif"
	for step in --berth="$SCRATCH/other.sif" --container="$SCRATCH/other.sif"; do
		run as_user salloc -Q -N1 --berth=tiny.sif srun -Q "$step" sh -c "$show"
		assert_success other.sif
	done
	run as_user salloc -Q -N1 --berth=tiny.sif srun -Q --container=none sh -c "$show"
	assert_success none
	run as_user salloc -Q -N1 --berth=tiny.sif srun -Q sh -c "$show"
	assert_success tiny.sif
	run as_user srun -Q -N1 --berth=tiny.sif --berth="$SCRATCH/other.sif" sh -c "$show"
	assert_success other.sif
}

@test "a step's binds are added to all of the job's" {
	as_user mkdir "$SCRATCH/a" "$SCRATCH/b" "$SCRATCH/c"
	run as_user salloc -Q -N1 --berth=tiny.sif --container-bind="$SCRATCH/a:/a" --container-bind="$SCRATCH/b:/b" \
		srun -Q --container-bind="$SCRATCH/c:/c" sh -c 'cd /a && cd /b && cd /c && pwd'
	assert_success /c
}

@test "a bind variable that Berth cannot use does not concern a step without a container" {
	run as_user env SINGULARITY_BIND=rel:/x srun -Q -N1 echo on the host
	assert_success "on the host"
	run as_user env SINGULARITY_BIND=rel:/x srun -Q -N1 --container=tiny.sif echo inside
	assert_failure 1 'SINGULARITY_BIND.*not absolute'
}

@test "--bcast without a path runs the program that Slurm has sent" {
	as_user cp /bin/true "$SCRATCH/sent"
	run as_user srun -Q -N2 -n2 --bcast --container="$IMAGE" "$SCRATCH/sent"
	assert_success
}

@test "without --container nothing changes" {
	run as_user srun -N2 -n2 sh -c 'readlink /proc/self/ns/mnt; readlink /proc/$PPID/ns/mnt | sort -u'
	assert_success
	[ "$(sort -u <<<"$output" | wc -l)" -eq 2 ]
}

@test "uid, gid and supplementary groups are the user's" { same 'id -u; id -g; id -G'; }
@test "the user has a name and a home" { same 'id -un; echo $HOME; ls -d $HOME'; }
@test "the working directory is where srun was called" { same 'pwd; stat -c %i .'; }
@test "the umask is the user's" { same umask; }
@test "the limits are the user's" { same 'ulimit -a | grep -v "pending signals"'; }
@test "the CPU affinity is Slurm's" { same 'grep Cpus_allowed_list /proc/self/status'; }
@test "signal dispositions are Slurm's" { same 'grep -E "^Sig(Blk|Ign|Cgt)" /proc/self/status'; }
@test "the nice value and oom score are Slurm's" { same 'cat /proc/self/oom_score_adj; cut -d" " -f19 /proc/self/stat'; }
@test "open descriptors are the task's own" { same 'for f in /proc/$$/fd/*; do readlink $f; done | sed "s/[0-9][0-9]*//g" | grep -v "/proc/"'; }
@test "the cgroups are the step's" { same 'sed -E "s/(job_|step_)[0-9]+/\1N/" /proc/self/cgroup'; }

@test "an umask that the user chose is kept" {
	run as_user sh -c 'umask 027; srun -N1 --container=tiny.sif sh -c umask'
	assert_success 0027
}

@test "files made inside belong to the user" {
	run as_user sh -c 'cd '"$SCRATCH"' && srun -N1 --container=$HOME/tiny.sif touch made'
	assert_success
	[ "$(stat -c %u "$SCRATCH/made")" = "$CLUSTER_UID" ]
}

@test "the task has no capability and cannot get one" {
	run as_user srun -N1 --container="$IMAGE" grep -E '^(Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs)' /proc/self/status
	assert_success
	assert_lines 4 '^Cap...:.0000000000000000$'
	assert_output '^NoNewPrivs:.1$'
}

@test "stdin reaches the task, stdout and stderr come back apart" {
	run as_user sh -c 'printf "one\ntwo\n" | srun -N1 --container=tiny.sif sh -c "cat; echo err >&2" 2>/dev/null'
	assert_success $'one\ntwo'
}

@test "a megabyte of stdin arrives unchanged" {
	dd if=/dev/urandom of="$SCRATCH/data" bs=64k count=16 status=none
	chmod 0644 "$SCRATCH/data"
	run as_user sh -c "srun -N1 --container=tiny.sif sha256sum <$SCRATCH/data"
	assert_success "$(sha256sum <"$SCRATCH/data")"
}

@test "the exit status is the program's" {
	local s

	for s in 0 1 2 42 124 126 255; do
		run as_user srun -N1 --container="$IMAGE" sh -c "exit $s"
		[ "$status" -eq "$s" ] || fail "exit $s"
	done
}

@test "death by a signal is reported as outside" {
	local outside

	outside=$(as_user sh -c 'srun -N1 sh -c "kill -9 \$\$" 2>/dev/null; echo $?')
	run as_user sh -c 'srun -N1 --container=tiny.sif sh -c "kill -9 \$\$" 2>/dev/null; echo $?'
	assert_success "$outside"
}

@test "PMI, SLURM and the user's variables are there" {
	run as_user env MY_OWN=value srun -N1 --mpi=pmi2 --container="$IMAGE" env
	assert_success
	assert_output '^SLURM_JOB_ID=[0-9]+$'
	assert_output '^SLURM_PROCID=0$'
	assert_output '^PMI_RANK=0$'
	assert_output '^MY_OWN=value$'
}

@test "the host's PATH, LD_LIBRARY_PATH and LD_PRELOAD are not" {
	run as_user env PATH="/opt/host/bin:/usr/bin:/bin" LD_LIBRARY_PATH=/opt/host/lib \
		srun -N1 --container="$IMAGE" env
	assert_success
	assert_output '^PATH=.*/bin'
	refute_output '^PATH=.*/opt/host'
	refute_output '^LD_LIBRARY_PATH='
	refute_output '^LD_PRELOAD='
}

@test "our own variables are not left in the task" {
	run as_user srun -N1 --container="$IMAGE" sh -c 'env | grep -E "^SLURM_CONTAINER=" || echo none'
	assert_success none
}

@test "PMI2's descriptor stays open" {
	run as_user srun -N1 --mpi=pmi2 --container="$IMAGE" sh -c 'readlink /proc/self/fd/$PMI_FD'
	assert_success
	assert_output '^socket:'
}

@test "the image is read-only, nosuid and nodev" {
	run as_user srun -N1 --container="$IMAGE" sh -c 'grep " / / " /proc/self/mountinfo || grep " / " /proc/self/mountinfo'
	assert_success
	assert_output '(^| |,)ro[, ]'
	assert_output nosuid
	assert_output nodev
	run as_user srun -N1 --container="$IMAGE" touch /new
	assert_failure 1 'read-only file system'
}

@test "/tmp, /dev/shm and home are the node's" {
	run as_user srun -N1 -w n1 --container="$IMAGE" sh -c 'echo a >/tmp/berth-a; echo b >/dev/shm/berth-b; echo c >~/berth-c'
	assert_success
	run on_node n1 sh -c "cat /tmp/berth-a /dev/shm/berth-b $CLUSTER_DIR/home/ada/berth-c;
		rm -f /tmp/berth-a /dev/shm/berth-b $CLUSTER_DIR/home/ada/berth-c"
	assert_success $'a\nb\nc'
}

@test "two nodes, eight tasks: one mount namespace a node, all others the host's" {
	local ns node pid

	run as_user srun -N2 -n8 --container="$IMAGE" sh -c \
		'echo $SLURMD_NODENAME $(for n in mnt user pid ipc net uts cgroup; do readlink /proc/self/ns/$n; done)'
	assert_success
	assert_lines 8 '^n[12] mnt:'
	[ "$(sort -u <<<"$output" | wc -l)" -eq 2 ] || fail "not one set of namespaces a node"
	for node in n1 n2; do
		pid=$(cluster_pid "$node")
		for ns in user pid ipc net uts cgroup; do
			grep -qF "$(readlink "/proc/$pid/ns/$ns")" <<<"$(grep "^$node " <<<"$output")" ||
				fail "$ns on $node is not the host's"
		done
		! grep -qF "$(readlink "/proc/$pid/ns/mnt")" <<<"$output" || fail "$node: the host's mounts"
	done
}

@test "one image attach a node and step, whatever the number of tasks" {
	run as_user srun -N1 -n16 --container="$IMAGE" sh -c 'stat -c %d /etc/os-release'
	assert_success
	[ "$(sort -u <<<"$output" | wc -l)" -eq 1 ] || fail "more than one mount of the image"
}

@test "one process, the server, holds the FUSE descriptor" {
	as_user srun -N1 -w n1 -n4 --container="$IMAGE" sleep 20 3>&- &
	eventually 5 sh -c '[ "$(pgrep -c -u '"$CLUSTER_UID"' -x sleep)" -ge 4 ]'
	run fuse_holders n1
	as_user scancel --user=ada
	wait
	assert_success berth-imgfs
}

@test "sbatch: the script stays outside, its sruns are inside" {
	as_user sh -c "cat >$SCRATCH/job <<'EOT'
#!/bin/sh
#SBATCH --container=$IMAGE
#SBATCH -N2 -o $SCRATCH/out
grep PRETTY_NAME /etc/os-release | sed 's/^/script /'
srun grep PRETTY_NAME /etc/os-release
srun --container=none grep PRETTY_NAME /etc/os-release | sed 's/^/none /'
EOT"
	run as_user sbatch --wait "$SCRATCH/job"
	assert_success
	run cat "$SCRATCH/out"
	assert_lines 1 '^script PRETTY_NAME'
	refute_output '^script .*Berth test image'
	assert_lines 2 '^PRETTY_NAME="Berth test image'
	assert_lines 2 '^none PRETTY_NAME'
	refute_output '^none .*Berth test image'
}

@test "salloc: its sruns inherit the image" {
	run as_user salloc -N1 --container="$IMAGE" srun cat /etc/os-release
	assert_success
	assert_output 'Berth test image'
}

@test "--export=NONE does not lose the container" {
	run as_user srun -N1 --export=NONE --container="$IMAGE" /bin/cat /etc/os-release
	assert_success
	assert_output 'Berth test image'
}

@test "--multi-prog, --overlap and -l work inside" {
	printf '0 cat /etc/os-release\n1 echo second\n' >"$SCRATCH/multi"
	run as_user srun -N1 -n2 -l --overlap --container="$IMAGE" --multi-prog "$SCRATCH/multi"
	assert_success
	assert_output '^0: PRETTY_NAME="Berth test image'
	assert_output '^1: second'
}

@test "--pty gives a terminal that has a name" {
	need_command script
	run as_user script -qec "srun -N1 --pty --container=tiny.sif tty" /dev/null
	assert_success
	assert_output '/dev/pts/[0-9]+'
}

@test "SLURM_BERTH_* of a finished step does not leak into the next" {
	run as_user sh -c 'srun -N1 --container=tiny.sif true && srun -N1 cat /etc/os-release'
	assert_success
	refute_output 'Berth test image'
}
