#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# security-slurm.bats - the scenarios of the plugin, in a real Slurm.
# Needs: root, cc, mksquashfs, Slurm; strace for T49.
load security

nodes_idle()
{
	# shellcheck disable=SC2016
	eventually 10 sh -c '[ "$('"$HARNESS"'/cluster.sh run -u root sinfo -h -N -o %T | sort -u)" = idle ]' ||
		fail "nodes: $(as_root sinfo -h -N -o '%N %T %E')"
}

# slurmd_of NODE: its pid; other clusters on the machine have their own.
slurmd_of()
{
	local pid

	for pid in $(cluster_pids ''); do
		tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qE "^[^ ]*slurmd .*-N *$1( |$)" || continue
		echo "$pid"
		return
	done
	fail "no slurmd of $1"
}

@test "T23 srun: a working directory that leads out" {
	local dir

	need_cluster
	for dir in /proc/self/fd/1 /proc/self/cwd /proc/self/root /proc/1/root /proc/self/fd/7/..; do
		run as_user timeout 60 srun -n1 --container="$ROOM_SIF" --container-pwd="$dir" sh -c 'pwd -P; ls -d secret'
		if [ "$status" -eq 0 ]; then assert_output '^/'; fi
		refute_output 'unreachable|^secret'
	done
	nodes_idle
}

@test "T48 what a user puts in his environment is his tasks' alone" {
	local pid name

	need_cluster
	chmod 0777 "$SCRATCH"
	cat >"$SCRATCH/evil.c" <<-END
		#include <fcntl.h>
		#include <stdio.h>
		#include <unistd.h>
		__attribute__((constructor)) static void pwn(void)
		{
			char name[512];

			(void)snprintf(name, sizeof(name), "$SCRATCH/pwn.%u", geteuid());
			(void)close(open(name, O_CREAT | O_WRONLY, 0644));
		}
	END
	cc -shared -fPIC -o "$SCRATCH/evil.so" "$SCRATCH/evil.c"
	mkdir "$SCRATCH/evil"
	for name in berth-launcher berth-imgfs mount umount losetup fusermount3 sh bash env mksquashfs ldconfig; do
		printf '#!/bin/sh\n: >%s/pwn.$(/usr/bin/id -u)\n' "$SCRATCH" >"$SCRATCH/evil/$name"
		chmod 0755 "$SCRATCH/evil/$name"
	done
	as_user env PATH="$SCRATCH/evil:$BERTH_PREFIX/bin:/usr/bin:/bin" LD_PRELOAD="$SCRATCH/evil.so" \
		LD_LIBRARY_PATH="$SCRATCH/evil" LD_AUDIT="$SCRATCH/evil.so" GCONV_PATH="$SCRATCH/evil" \
		SPANK_PRELOAD="$SCRATCH/evil.so" SLURM_SPANK_LD_PRELOAD="$SCRATCH/evil.so" BASH_ENV="$SCRATCH/evil/sh" \
		BERTH_LIBEXEC="$SCRATCH/evil" BERTH_CONF="$SCRATCH/evil/conf" BERTH_UID=0 SLURM_BERTH_UID=0 \
		SLURM_JOB_UID=0 IFS=/ TMPDIR="$SCRATCH/evil" \
		timeout 60 srun -n2 --container="$ROOM_SIF" /probe >"$SCRATCH/out" 2>"$SCRATCH/err" || true
	[ ! -e "$SCRATCH/pwn.0" ] || fail "root ran it"
	run cat "$SCRATCH/out"
	status=0
	ran
	assert_lines 2 '^PROBE'
	# what runs for the step has no environment at all
	as_user env SECRET_OF_USER=1 timeout 60 srun -n1 --container="$ROOM_SIF" sleep 20 >/dev/null 2>&1 3>&- &
	BACKGROUND=$!
	eventually 10 pgrep -u "$CLUSTER_UID" -x sleep
	for pid in $(pgrep -u "$CLUSTER_UID" -x berth-imgfs -r S); do
		[ ! -s "/proc/$pid/environ" ] || [ -z "$(tr -d '\0' <"/proc/$pid/environ")" ] || fail "an environment"
	done
	pkill -u "$CLUSTER_UID" -x sleep
	wait "$BACKGROUND" || true
	nodes_idle
}

@test "T49 no root process opens what the user named, and the task is the user before it runs" {
	local strace image=$SCRATCH/named-by-the-user.sqfs

	need_cluster
	need_command strace
	cp "$ROOM_SQUASHFS" "$image"
	mkdir "$SCRATCH/bound-by-the-user"
	chmod 0755 "$SCRATCH"
	strace -f -qq -s 4096 -e trace=open,openat,openat2,stat,newfstatat,statx,access,faccessat2,mount,execve,setresuid,setreuid,setuid,clone,clone3,fork,vfork \
		-o "$SCRATCH/trace" -p "$(slurmd_of n1)" 3>&- 2>/dev/null &
	strace=$!
	eventually 5 grep -q TracerPid:.$strace "/proc/$(slurmd_of n1)/status"
	run as_user timeout 100 srun -w n1 -n2 --container="$image" --container-bind="$SCRATCH/bound-by-the-user:/mnt/x" /probe
	kill -INT "$strace"
	wait "$strace" || true
	assert_lines 2 '^PROBE'
	ran
	# a process counts as the user's from its setresuid() on; its children are
	run awk -v uid="$CLUSTER_UID" '
		{ pid = $1 }
		/set(re|res)?uid\(/ && $0 ~ "\\(" uid ", *" uid && / = 0$/ { user[pid] = 1 }
		/setuid\(/ && $0 ~ "\\(" uid "\\)" && / = 0$/ { user[pid] = 1 }
		/set(re|res)?uid\(.*<unfinished/ && $0 ~ "\\(" uid "[, <]" { begun[pid] = 1 }
		/set(re|res)?uid resumed>.* = 0$/ { if (begun[pid]) user[pid] = 1 }
		/(clone|clone3|fork|vfork)\(.* = [0-9]+$/ || /(clone|clone3|fork|vfork) resumed>.* = [0-9]+$/ { if (user[pid]) user[$NF] = 1 }
		/named-by-the-user|bound-by-the-user/ && /(open|openat|openat2|stat|newfstatat|statx|access|faccessat2|mount)\(/ {
			if (user[pid]) users++; else { print; rc = 1 }
		}
		/execve\("[^"]*\/probe"/ { if (user[pid]) runs++; else { print; rc = 1 } }
		END { print users + 0, runs + 0; exit rc || users < 2 || runs != 2 }' "$SCRATCH/trace"
	assert_success
	nodes_idle
}

@test "T50 odd values of the options: a message, a live slurmd, no drained node" {
	local value slurmd

	need_cluster
	slurmd="$(slurmd_of n1) $(slurmd_of n2)"
	printf '%130000s' x | tr ' ' / >"$SCRATCH/long"
	for value in "$(<"$SCRATCH/long")" "$(printf '/a\nb')" "$(printf '/a\001\033[31mb')" '/%s%n%x' "$(printf '/\377\376')" \
		'' ' ' '.' '-' '--' 'none/../x' "/$(printf 'x%.0s' {1..300})" 'docker://x y' 'sif:/x'; do
		run as_user timeout 60 srun -N2 -n2 --container="$value" touch "$SCRATCH/ran"
		assert_failure
		[ ! -e "$SCRATCH/ran" ] || fail "it ran"
		! grep -q $'\033\[31m' <<<"$output" || fail "control bytes on the terminal"
	done
	for option in bind env pwd; do
		for value in "$(<"$SCRATCH/long")" "$(printf '/a\nb')" "$(printf '/a\001b')" '%s%n' "$(printf '/\377\376')" ':' ',' '='; do
			# what is odd but lawful (a variable with any bytes) may run, in the image
			run as_user timeout 60 srun -N2 -n2 --container="$ROOM_SIF" "--container-$option=$value" /probe
			contained
		done
	done
	# more options than anybody types
	run as_user bash -c 'for i in {1..3000}; do a+=("--container-bind=/tmp:/tmp/b$i"); done
		timeout 60 srun -N1 -n1 --container='"$ROOM_SIF"' "${a[@]}" /probe'
	contained
	[ "$slurmd" = "$(slurmd_of n1) $(slurmd_of n2)" ] || fail "another slurmd"
	nodes_idle
}

@test "T53 what a task leaves running ends with the step, and so does the server" {
	need_cluster
	snapshot_take "$BATS_TEST_TMPDIR/cluster"
	as_user timeout 60 srun -N2 -n4 --container="$ROOM_SIF" sh -c '
		setsid sh -c "sleep 300 & exec sleep 301" >/dev/null 2>&1 </dev/null &
		exec 0<&- 1>&- 2>&-; exit 0' 3>&-
	eventually 5 sh -c "! pgrep -u $CLUSTER_UID -x 'sleep|berth-imgfs' -r S,R,D"
	snapshot_same "$BATS_TEST_TMPDIR/cluster" 5
	nodes_idle
}

@test "T51 the tasks of a step share one room and one server; another step has its own" {
	need_cluster
	run as_user timeout 60 srun -N1 -n4 --container="$ROOM_SIF" readlink /proc/self/ns/mnt
	assert_success
	[ "$(sort -u <<<"$output" | wc -l)" = 1 ] || fail "not one room"
	as_user timeout 60 srun -N1 -w n1 -n4 --container="$ROOM_SIF" sleep 3 >/dev/null 2>&1 3>&- &
	BACKGROUND=$!
	eventually 10 sh -c "[ \$(pgrep -c -u $CLUSTER_UID -x sleep) = 4 ]"
	[ "$(pgrep -c -u "$CLUSTER_UID" -x berth-imgfs -r S)" = 1 ] || fail "not one server"
	pkill -u "$CLUSTER_UID" -x sleep
	wait "$BACKGROUND" || true
	nodes_idle
}
