#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# server-death.bats - the image server is killed: readers get an error and do not hang, Slurm's user
# is told once a node, and nobody is told of an end that is none. And: memory that runs short takes
# the server with its job. Needs: root, cc; Slurm for the steps.
load ../harness/common
bats_require_minimum_version 1.5.0

DIED='the image server on [a-z0-9]+ died'

setup_file()
{
	need_login
	need_command cc
	image_mapper >/dev/null
}

setup()
{
	need_login
	need_command cc
	scratch_new
	IMAGE=$(image_tiny_sif)
}

teardown()
{
	local pid

	[ "$CLUSTER_SLURM" != yes ] || as_root scancel --user=ada 2>/dev/null || true
	[ -z "${OOM_OF:-}" ] || echo "$OOM_WAS" >"/proc/$OOM_OF/oom_score_adj"
	# what a failed test left
	for pid in $(cluster_pids_of_user); do kill -9 "$pid" 2>/dev/null || true; done
	scratch_remove
}

# The tiny image with two static programs that have all their own pages:
#   /looker         asks for names that are not there until there is another answer, and says it
#   /mapper FILE    maps FILE, says so, waits for a line, reads every page
image_mapper()
{
	local root=$CLUSTER_DIR/scratch/images/mapper

	if [ ! -d "$root" ]; then
		cp -a "$(image_dir)" "$root.new"
		cc -O2 -static -o "$root.new/looker" -x c - <<-'EOF'
			#include <errno.h>
			#include <stdio.h>
			#include <string.h>
			#include <sys/mman.h>
			#include <unistd.h>
			int main(void)
			{
				char name[32];
				if (mlockall(MCL_CURRENT) < 0 || puts("ready") < 0 || fflush(stdout) != 0)
					return 3;
				for (int i = 0; i < 600; i++) {
					snprintf(name, sizeof(name), "/no-%d-%d", getpid(), i);
					if (access(name, F_OK) == 0 || errno != ENOENT) {
						puts(strerror(errno));
						return 9;
					}
					usleep(50000);
				}
				return 4;
			}
		EOF
		cc -O2 -static -o "$root.new/mapper" -x c - <<-'EOF'
			#include <fcntl.h>
			#include <stdio.h>
			#include <sys/mman.h>
			#include <sys/stat.h>
			int main(int argc, char **argv)
			{
				struct stat st;
				int fd = open(argv[argc - 1], O_RDONLY), sum = 0;
				volatile char *p;
				if (mlockall(MCL_CURRENT) < 0 || fstat(fd, &st) < 0)
					return 3;
				p = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
				if (p == MAP_FAILED || puts("mapped") < 0 || fflush(stdout) != 0 || getchar() < 0)
					return 4;
				for (long i = 0; i < st.st_size; i += 4096)
					sum += p[i];
				return sum != 0;
			}
		EOF
		head -c 8M /dev/urandom >"$root.new/big"
		chmod 0644 "$root.new/big"
		mv "$root.new" "$root"
	fi
	image_sif mapper "$root"
}

# The image servers on NODE ("": all of ada's; none but that of a start without Slurm runs then).
servers()
{
	local pid

	for pid in $(cluster_pids "$1"); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != berth-imgfs ] || echo "$pid"
	done
}

servers_are() { [ "$(servers "$2" | wc -l)" -eq "$1" ]; }

# begin CMD...: in the background as ada; PID, output in SCRATCH/out, standard input in SCRATCH/in.
begin() { begin_as as_user timeout 60 "$@"; }

begin_as()
{
	: >"$SCRATCH/out"
	[ -p "$SCRATCH/in" ] || mkfifo "$SCRATCH/in"
	"$@" <>"$SCRATCH/in" >"$SCRATCH/out" 2>&1 3>&- &
	PID=$!
}

end() { status=0; wait "$PID" || status=$?; output=$(<"$SCRATCH/out"); }
output_has() { grep -qE -- "$1" "$SCRATCH/out"; }
# KERNEL: who was waiting for an answer just then is told ECONNABORTED, who asks later ENOTCONN.
TOLD='Transport endpoint is not connected|Software caused connection abort'
lines_are() { [ "$(grep -cE -- "$2" "$SCRATCH/out")" -eq "$1" ]; }

@test "without Slurm: the reader gets an error, at once, and no process is left" {
	begin berth exec "$(image_mapper)" /looker
	eventually 10 output_has ready
	eventually 5 servers_are 1 ""
	kill -9 "$(servers "")"
	end
	assert_failure 9 "$TOLD"
	refute_output "$DIED"
	eventually 5 servers_are 0 ""
}

@test "without Slurm: pages of a mapping that were not read yet are SIGBUS" {
	begin berth exec "$(image_mapper)" /mapper /big
	eventually 10 output_has mapped
	kill -9 "$(servers "")"
	eventually 5 servers_are 0 ""
	echo >"$SCRATCH/in"
	end
	assert_failure $((128 + 7))
}

@test "a step: readers get an error, its user one message for all tasks" {
	need_cluster
	begin srun -w n1 -n4 --container="$(image_mapper)" /looker
	eventually 10 lines_are 4 ready
	eventually 5 servers_are 1 n1
	kill -9 "$(servers n1)"
	end
	assert_failure 9
	assert_lines 4 "$TOLD"
	assert_lines 1 "$DIED"
	assert_lines 1 'the image server on n1 died.*killed'
}

@test "a step on two nodes: the message names the one, and the other goes on" {
	need_cluster
	# shellcheck disable=SC2016
	begin srun -N2 -n2 --container="$(image_mapper)" sh -c \
		'[ "$SLURM_PROCID" != 0 ] || exec /looker; echo ready; sleep 2; cat /etc/os-release'
	eventually 10 lines_are 2 ready
	kill -9 "$(servers n1)"
	end
	assert_failure 9
	assert_lines 1 "$DIED"
	assert_output 'the image server on n1 died'
	assert_output 'Berth test image'
}

@test "a step: SIGBUS, and the message" {
	need_cluster
	begin srun -w n1 -n1 --container="$(image_mapper)" /mapper /big
	eventually 10 output_has mapped
	kill -9 "$(servers n1)"
	eventually 5 servers_are 0 n1
	echo >"$SCRATCH/in"
	end
	assert_failure
	assert_output 'Bus error'
	assert_lines 1 "$DIED"
}

@test "the message comes with the first task that fails, Berth kills none of the others" {
	need_cluster
	# shellcheck disable=SC2016
	begin srun -w n1 -n3 --container="$(image_mapper)" sh -c '[ "$SLURM_PROCID" != 0 ] || exec /looker; exec sleep 50'
	eventually 10 lines_are 1 ready
	# sleep itself is read from the image
	eventually 10 sh -c "[ \$(pgrep -c -u $CLUSTER_UID -x sleep) -ge 2 ]"
	kill -9 "$(servers n1)"
	eventually 10 output_has "$DIED"
	[ "$(pgrep -c -u "$CLUSTER_UID" -x sleep)" -ge 2 ] || fail "the others are gone"
	as_user scancel --user=ada
	end
	assert_lines 1 "$DIED"
}

@test "a server that died under a program which does not mind is told, too" {
	need_cluster
	begin srun -w n1 -n1 --container="$IMAGE" sh -c 'echo ready; read -r line; exit 0'
	eventually 10 output_has ready
	kill -9 "$(servers n1)"
	eventually 5 servers_are 0 n1
	echo >"$SCRATCH/in"
	end
	assert_success
	assert_lines 1 "$DIED"
}

@test "no word of it: normal ends, failures, a program that is not there" {
	need_cluster

	for _ in {1..20}; do
		run as_user srun -N2 -n8 --container="$IMAGE" sh -c 'exit $((SLURM_PROCID % 3))'
		refute_output "$DIED"
		run as_user srun -w n1 -n1 --container="$IMAGE" true
		assert_success
		refute_output "$DIED"
	done
	run -127 as_user srun -w n1 -n2 --container="$IMAGE" /no/such/program
	refute_output "$DIED"
}

@test "no word of it: scancel, KILL, a task's own SIGKILL, one bad task that ends them all" {
	need_cluster
	local signal

	for signal in '' --signal=KILL --signal=TERM; do
		begin srun -w n1 -n4 --container="$IMAGE" sh -c 'echo ready; exec sleep 50'
		eventually 10 lines_are 4 ready
		as_user scancel $signal --user=ada
		end
		assert_failure
		refute_output "$DIED"
	done
	run as_user srun -w n1 -n4 --container="$IMAGE" sh -c 'kill -9 $$'
	refute_output "$DIED"
	run as_user srun -w n1 -n4 --kill-on-bad-exit=1 --container="$IMAGE" \
		sh -c '[ "$SLURM_PROCID" != 0 ] || exit 1; sleep 50'
	assert_failure
	refute_output "$DIED"
}

@test "no word of it: an image that is a directory has no server" {
	need_cluster
	run as_user srun -w n1 -n2 --container="$(image_dir)" sh -c 'exit 3'
	assert_failure 3
	refute_output "$DIED"
}

# Nobody knew before the room was built, so there was a server, which was never told to serve.
@test "no word of it: a directory that the submitting host does not have" {
	need_cluster
	on_node n1 cp -a "$(image_dir)" "/tmp/${SCRATCH##*/}"
	run as_user srun -w n1 -n2 --container="/tmp/${SCRATCH##*/}" sh -c 'exit 3'
	on_node n1 rm -r "/tmp/${SCRATCH##*/}"
	assert_failure 3
	refute_output "$DIED"
}

@test "no word of it: an image that the kernel mounts" {
	need_cluster
	need_filesystem squashfs
	[ -e /dev/loop-control ] || skip "hardware: this machine has no loop devices"
	local conf=${BERTH_PREFIX:-/usr/local}/etc/berth/berth.conf

	mkdir -p "${conf%/*}"
	[ -e "$conf" ] || install -m 0644 /dev/null "$conf"
	install -m 0644 <(echo 'kernel mount = root-owned') "$SCRATCH/conf"
	on_node n1 mount --bind "$SCRATCH/conf" "$conf"
	on_node n1 mount -t tmpfs -o mode=0755 none /mnt
	on_node n1 install -m 0644 "$IMAGE" /mnt/image.sif
	run as_user srun -w n1 -n2 --container=/mnt/image.sif \
		sh -c "grep -q ' / .* - squashfs ' /proc/self/mountinfo && exit 3"
	on_node n1 umount /mnt
	on_node n1 umount "$conf"
	assert_failure 3
	refute_output "$DIED"
}

# Root of a container may raise the value only.
may_lower() { (echo -600 >"/proc/$BASHPID/oom_score_adj") 2>/dev/null; }

# score_is NODE VALUE: of the one server there.
score_is() { [ "$(cat "/proc/$(servers "$1")/oom_score_adj")" = "$2" ]; }

@test "oom_score_adj is 0, whatever the caller's is" {
	local value

	for value in 0 300 $(may_lower && echo -600); do
		# shellcheck disable=SC2016
		begin_as as_root sh -c 'echo "$1" >/proc/self/oom_score_adj && shift && exec "$@"' _ "$value" \
			setpriv --reuid="$CLUSTER_UID" --regid="$CLUSTER_UID" --clear-groups timeout 60 \
			berth exec "$IMAGE" sh -c 'cat /proc/self/oom_score_adj; read -r line'
		eventually 10 output_has "^$value\$"
		eventually 5 score_is "" 0
		echo >"$SCRATCH/in"
		end
		assert_success
		eventually 5 servers_are 0 ""
	done
}

@test "oom_score_adj is 0 under a slurmstepd that is exempt" {
	need_cluster
	local value

	OOM_OF=$(cluster_pid n1)
	OOM_WAS=$(<"/proc/$OOM_OF/oom_score_adj")
	if may_lower; then value=-1000; else value=700; fi
	echo "$value" >"/proc/$OOM_OF/oom_score_adj"
	begin srun -w n1 -n1 --container="$IMAGE" sh -c 'echo ready; exec sleep 50'
	eventually 10 output_has ready
	eventually 5 score_is n1 0
	as_user scancel --user=ada
	end
}
