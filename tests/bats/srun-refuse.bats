#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# srun-refuse.bats - a task that cannot have its container does not run: one message a node, exit
# code 125 (the program: 127 missing, 126 not for this machine), and no node the worse for it.
# Needs: root, Slurm, a C compiler and Slurm's headers for one test.
load ../harness/common

LIBEXEC=${BERTH_PREFIX:-/usr/local}/libexec/berth

setup_file() { need_cluster; image_tiny_sif >/dev/null; }

setup()
{
	need_cluster
	scratch_new
	IMAGE=$(image_tiny_sif)
	PROOF=$SCRATCH/ran-on-the-host
	snapshot_take
}

teardown()
{
	undo
	snapshot_same
	scratch_remove
}

# hide NODE FILE TARGET: NODE (or login) sees FILE at TARGET, until undo.
hide()
{
	local pid

	pid=$(cluster_pid "$1")
	nsenter -t "$pid" -m mount --bind "$2" "$3" && echo "$pid $3" >>"$BATS_TEST_TMPDIR/hidden"
}

undo()
{
	local pid target

	[ -e "$BATS_TEST_TMPDIR/hidden" ] || return 0
	while read -r pid target; do
		nsenter -t "$pid" -m umount -l "$target"
	done < <(tac "$BATS_TEST_TMPDIR/hidden")
	rm -f "$BATS_TEST_TMPDIR/hidden"
}

# one_message N REGEX: N lines are from Berth, one a node if from nodes, and all say REGEX.
one_message()
{
	local lines count

	lines=$(grep -E 'berth: ' <<<"$output") || fail "no message of berth's"
	count=$(wc -l <<<"$lines")
	[ "$count" -eq "$1" ] || fail "$count messages, not $1"
	# Since 26.05 a time stands where the node's name was, which says nothing about the node.
	[[ $lines == \[* ]] || [ "$(sed -E 's/: error:.*//' <<<"$lines" | sort -u | wc -l)" -eq "$count" ] ||
		fail "two messages of one node"
	[ "$(grep -ciE "$2" <<<"$lines")" -eq "$count" ] || fail "expected every message to match: $2"
}

nodes_idle()
{
	eventually 5 sh -c '[ "$('"$HARNESS"'/cluster.sh run -u root sinfo -h -N -o %T | sort -u)" = idle ]' ||
		fail "nodes: $(as_root sinfo -h -N -o '%N %T %E')"
}

# As run, which takes status 127 for a mistake in the test.
try() { status=0; output=$("$@" 2>&1) || status=$?; }

# refused IMAGE STATUS MESSAGES REGEX [PROGRAM]: by srun on both nodes, and by the srun of a batch
# job whose default image it is. MESSAGES of srun, 1 or 2, is what a step on two nodes says.
refused()
{
	local image=$1 want=$2 messages=$3 regex=$4 program=${5:-touch $SCRATCH/ran-on-the-host}

	# shellcheck disable=SC2086
	try as_user timeout 60 srun -N2 -n4 --container="$image" $program
	assert_failure "$want"
	one_message "$messages" "$regex"
	[ ! -e "$PROOF" ] || fail "it ran on the host"
	nodes_idle

	printf '#!/bin/sh\n#SBATCH --container=%s\n#SBATCH -N2 -n4 -o %s\nsrun %s\n' \
		"$image" "$SCRATCH/out" "$program" >"$SCRATCH/job"
	try as_user timeout 60 sbatch --wait "$SCRATCH/job"
	assert_failure
	if [ -e "$SCRATCH/out" ]; then
		assert_failure "$want"
		output=$(<"$SCRATCH/out")
		one_message "$messages" "$regex"
	fi
	[ ! -e "$PROOF" ] || fail "it ran on the host"
	nodes_idle
}

# Where a SIF's descriptor of a partition starts: descriptors of 585 bytes, type 0x4004 first.
sif_partition()
{
	local at

	for ((at = 4096; at < 4096 + 48 * 585; at += 585)); do
		if [ "$(od -An -tx4 -j"$at" -N4 "$1" | tr -d ' ')" = 00004004 ]; then
			echo "$at"
			return
		fi
	done
	fail "no partition in $1"
}

patch() { printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

copy_image() { install -o "$CLUSTER_UID" -g "$CLUSTER_UID" "$IMAGE" "$1"; }

@test "an image that is nowhere" {
	run as_user timeout 60 srun -N2 -n4 --container="$SCRATCH/none.sif" touch "$PROOF"
	assert_failure
	assert_output "berth: .*none\.sif"
	[ ! -e "$PROOF" ]
	nodes_idle
	printf '#!/bin/sh\n#SBATCH --container=%s\n#SBATCH -N2 -n4 -o %s\nsrun touch %s\n' \
		"$SCRATCH/none.sif" "$SCRATCH/out" "$PROOF" >"$SCRATCH/job"
	run as_user timeout 60 sbatch --wait "$SCRATCH/job"
	assert_failure
	[ ! -e "$PROOF" ]
	nodes_idle
}

@test "an image that the nodes do not have" {
	local here

	here=$(mktemp /tmp/berth-login-only-XXXXXX)
	cp "$IMAGE" "$here"
	chown "$CLUSTER_UID" "$here"
	refused "$here" 125 2 'login-only.*no such file' || { rm -f "$here"; return 1; }
	rm -f "$here"
}

@test "a truncated SIF" {
	copy_image "$SCRATCH/short.sif"
	truncate -s 20000 "$SCRATCH/short.sif"
	run as_user timeout 60 srun -N2 -n4 --container="$SCRATCH/short.sif" touch "$PROOF"
	assert_failure
	assert_output 'berth: .*short\.sif'
	[ ! -e "$PROOF" ]
	nodes_idle
}

@test "a SIF cut within its header" {
	copy_image "$SCRATCH/short.sif"
	truncate -s 100 "$SCRATCH/short.sif"
	run as_user timeout 60 srun -N2 -n4 --container="$SCRATCH/short.sif" touch "$PROOF"
	assert_failure
	assert_output 'berth: .*short\.sif'
	[ ! -e "$PROOF" ]
	nodes_idle
}

@test "a SIF without a system partition" {
	copy_image "$SCRATCH/data.sif"
	patch "$SCRATCH/data.sif" "$(sif_partition "$SCRATCH/data.sif")" '\x07\x40'
	run as_user timeout 60 srun -N2 -n4 --container="$SCRATCH/data.sif" touch "$PROOF"
	assert_failure
	assert_output 'berth: .*(partition|root file ?system)'
	[ ! -e "$PROOF" ]
	nodes_idle
}

@test "a file that is no image" {
	echo "just text" >"$SCRATCH/text.sif"
	run as_user timeout 60 srun -N2 -n4 --container="$SCRATCH/text.sif" touch "$PROOF"
	assert_failure
	assert_output 'berth: .*text\.sif'
	[ ! -e "$PROOF" ]
	nodes_idle
}

@test "a program that the image lacks: 127" {
	refused "$IMAGE" 127 2 'no-such-program' "no-such-program"
}

@test "an image that the user may not read" {
	copy_image "$SCRATCH/closed.sif"
	chown root "$SCRATCH/closed.sif"
	chmod 0600 "$SCRATCH/closed.sif"
	run as_user timeout 60 srun -N2 -n4 --container="$SCRATCH/closed.sif" touch "$PROOF"
	assert_failure
	assert_output 'berth: .*(permission|denied|read)'
	[ ! -e "$PROOF" ]
	nodes_idle
}

@test "an image below a directory that the user may not enter" {
	mkdir "$SCRATCH/closed"
	copy_image "$SCRATCH/closed/x.sif"
	chmod 0700 "$SCRATCH/closed"
	chown root "$SCRATCH/closed"
	run as_user timeout 60 srun -N2 -n4 --container="$SCRATCH/closed/x.sif" touch "$PROOF"
	assert_failure
	assert_output 'berth: .*(permission|denied)'
	[ ! -e "$PROOF" ]
	nodes_idle
}

@test "an image for another architecture" {
	local at other=04

	[ "$(uname -m)" != aarch64 ] || other=02
	copy_image "$SCRATCH/other.sif"
	at=$(sif_partition "$SCRATCH/other.sif")
	patch "$SCRATCH/other.sif" 45 "$other"
	patch "$SCRATCH/other.sif" $((at + 585 - 384 + 8)) "$other"
	run as_user timeout 60 srun -N2 -n4 --container="$SCRATCH/other.sif" touch "$PROOF"
	assert_failure
	assert_output 'berth: .*(arm64|aarch64|amd64|x86_64|architecture)'
	[ ! -e "$PROOF" ]
	nodes_idle
}

@test "a program for another architecture: 126" {
	cp -a "$(image_dir)" "$SCRATCH/root"
	cp "$SCRATCH/root/bin/true" "$SCRATCH/root/usr/bin/foreign"
	patch "$SCRATCH/root/usr/bin/foreign" 18 '\xf3\x00' # EM_RISCV
	refused "$SCRATCH/root" 126 2 'riscv|risc-v|architecture|machine' foreign
}

@test "an image that was replaced after sbatch" {
	copy_image "$SCRATCH/x.sif"
	printf '#!/bin/sh\n#SBATCH --container=%s\n#SBATCH -N2 -n4 -H -o %s\nsrun touch %s\n' \
		"$SCRATCH/x.sif" "$SCRATCH/out" "$PROOF" >"$SCRATCH/job"
	local id

	id=$(as_user sbatch --parsable "$SCRATCH/job")
	rm "$SCRATCH/x.sif"
	install -o "$CLUSTER_UID" "$(image_other)" "$SCRATCH/x.sif"
	as_root scontrol release "$id"
	eventually 20 sh -c "$HARNESS/cluster.sh run -u root scontrol show job $id | grep -qE 'JobState=(FAILED|COMPLETED)'"
	run as_root scontrol show job "$id"
	assert_output 'JobState=FAILED'
	assert_output 'ExitCode=125:0'
	output=$(<"$SCRATCH/out")
	assert_output 'berth: .*(changed|replaced|not the (same|image))'
	[ ! -e "$PROOF" ]
	nodes_idle
}

# Another image of another size.
image_other()
{
	local root=$CLUSTER_DIR/scratch/images/other

	if [ ! -d "$root" ]; then
		cp -a "$(image_dir)" "$root"
		head -c 100000 /dev/urandom >"$root/more"
	fi
	image_sif other "$root"
}

@test "an image that was replaced after a held srun" {
	local id pid

	copy_image "$SCRATCH/x.sif"
	as_user timeout 60 srun -H -J held -N2 -n4 --container="$SCRATCH/x.sif" touch "$PROOF" \
		>"$SCRATCH/out" 2>&1 3>&- &
	pid=$!
	eventually 10 sh -c "$HARNESS/cluster.sh run squeue -h -n held -o %i | grep -q ."
	id=$(as_user squeue -h -n held -o %i)
	rm "$SCRATCH/x.sif"
	install -o "$CLUSTER_UID" "$(image_other)" "$SCRATCH/x.sif"
	as_root scontrol release "$id"
	status=0
	wait "$pid" || status=$?
	output=$(<"$SCRATCH/out")
	assert_failure 125
	one_message 2 'changed|replaced|not the (same|image)'
	[ ! -e "$PROOF" ]
	nodes_idle
}

@test "berth-launcher is missing on both nodes" {
	mkdir "$SCRATCH/empty"
	hide n1 "$SCRATCH/empty" "$LIBEXEC"
	hide n2 "$SCRATCH/empty" "$LIBEXEC"
	refused "$IMAGE" 125 2 launcher
	undo
}

@test "berth-launcher is missing on one node: its tasks fail, with one message" {
	mkdir "$SCRATCH/empty"
	hide n2 "$SCRATCH/empty" "$LIBEXEC"
	run as_user timeout 60 srun -N2 -n8 --container="$IMAGE" sh -c 'echo ran on $SLURMD_NODENAME'
	assert_failure 125
	one_message 1 launcher
	assert_lines 1 'berth: '
	refute_output 'ran on n2'
	undo
	nodes_idle
}

# server_is SCRIPT: on both nodes the image server is that shell script.
server_is()
{
	printf '#!/bin/sh\n%s\n' "$1" >"$SCRATCH/server"
	chmod 0755 "$SCRATCH/server"
	hide n1 "$SCRATCH/server" "$LIBEXEC/berth-imgfs"
	hide n2 "$SCRATCH/server" "$LIBEXEC/berth-imgfs"
}

@test "berth-imgfs is killed while it starts" {
	server_is 'kill -9 $$'
	refused "$IMAGE" 125 2 'image server|imgfs'
	undo
}

@test "berth-imgfs ends while it starts" {
	server_is 'exit 3'
	refused "$IMAGE" 125 2 'image server|imgfs'
	undo
}

@test "berth-imgfs is stopped while it starts" {
	local conf=${BERTH_PREFIX:-/usr/local}/etc/berth/berth.conf node

	mkdir -p "${conf%/*}"
	[ -e "$conf" ] || install -m 0644 /dev/null "$conf"
	echo "start timeout = 2" >"$SCRATCH/conf"
	chown root:root "$SCRATCH/conf"
	for node in n1 n2; do hide "$node" "$SCRATCH/conf" "$conf"; done
	server_is 'kill -STOP $$'
	refused "$IMAGE" 125 2 'image server|imgfs'
	undo
}

@test "the client's plugin is missing: SLURM_CONTAINER alone is refused on the node" {
	: >"$SCRATCH/none.conf"
	hide login "$SCRATCH/none.conf" "$CLUSTER_DIR/etc/plugstack.conf"
	run as_user timeout 60 srun -N2 -n4 --container="$IMAGE" touch "$PROOF"
	undo
	assert_failure
	# Before 21.08 the option is the plugin's alone.
	if ! grep -q "unrecognized option '--container" <<<"$output"; then
		assert_failure 125
		one_message 2 'plugin|SLURM_CONTAINER'
	fi
	[ ! -e "$PROOF" ]
	nodes_idle
}

@test "a plugin after ours never runs a program of the image" {
	local so=$SCRATCH/after.so ours=$BERTH_PREFIX/lib/berth/spank_berth.so node

	need_command cc
	cc -shared -fPIC -o "$so" "$BATS_TEST_DIRNAME/spank-after.c"
	chmod 0755 "$SCRATCH" "$so"
	cluster_plugstack "required $ours" "required $so /tmp/after-ran"
	run as_user timeout 60 srun -N2 -n4 --container="$IMAGE" touch "$PROOF"
	cluster_plugstack "required $ours"
	for node in n1 n2; do
		! grep -qs 'Berth test image' "$CLUSTER_DIR/$node/tmp/after-ran" || fail "it ran a program of the image"
		rm -f "$CLUSTER_DIR/$node/tmp/after-ran"
	done
	assert_failure 125
	one_message 2 'after\.so|plugstack'
	[ ! -e "$PROOF" ]
	nodes_idle

	# before ours it may: it runs on the host
	cluster_plugstack "required $so /tmp/after-ran" "required $ours"
	run as_user timeout 60 srun -N1 -w n1 --container="$IMAGE" cat /etc/os-release
	cluster_plugstack "required $ours"
	run grep -c 'Berth test image' "$CLUSTER_DIR/n1/tmp/after-ran"
	rm -f "$CLUSTER_DIR/n1/tmp/after-ran"
	assert_failure 1
}
