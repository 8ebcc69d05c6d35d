# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# common.bash - what every bats file loads: the cluster, the users, the images, the assertions.
#
# tests/bats/setup_suite.bash brings up one cluster for a run of bats and exports
#   CLUSTER_DIR     the cluster (cluster.sh); its user is ada
#   BERTH_PREFIX    where berth is installed
#   IMAGE_CACHE     where made images are kept
#   HARNESS         this directory

HARNESS=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=tests/harness/cluster.sh
. "$HARNESS/cluster.sh"
# shellcheck source=tests/harness/image.sh
. "$HARNESS/image.sh"
if [ -n "${CLUSTER_DIR:-}" ] && [ -r "$CLUSTER_DIR/state.sh" ]; then
	# shellcheck source=/dev/null
	. "$CLUSTER_DIR/state.sh"
fi

# ---- what a test needs ---------------------------------------------------------------------

need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

need_command()
{
	local c

	for c; do command -v "$c" >/dev/null || skip "needs the program $c"; done
}

# The kernel must know the file system NAME.
need_filesystem()
{
	grep -qw "$1" /proc/filesystems || modprobe "$1" 2>/dev/null ||
		skip "hardware: this kernel has no file system $1"
}

# The login host with its user; enough for tests without Slurm.
need_login() { need_root; [ -n "${CLUSTER_UID:-}" ] || skip "no test host: ${CLUSTER_WHY:-run bats on tests/bats}"; }

need_cluster()
{
	need_login
	[ "$CLUSTER_SLURM" = yes ] || skip "needs Slurm and munge"
}

# ---- users and places ----------------------------------------------------------------------

# as_user CMD...: as ada, on the login host, in her home, with a clean environment. as_root: root.
as_user() { cluster_run -u ada "$@" 3>&-; }
as_root() { cluster_run -u root "$@" 3>&-; }
# on_node n1 CMD...: as root in the namespaces of a node's slurmd.
on_node() { local node=$1; shift; cluster_run -u root -n "$node" "$@" 3>&-; }

# SCRATCH: an empty directory of ada's, seen by login and nodes alike, one a test.
scratch_new()
{
	SCRATCH=$(mktemp -d "$CLUSTER_DIR/scratch/XXXXXXXX")
	chown "$CLUSTER_UID:$CLUSTER_UID" "$SCRATCH"
}

scratch_remove()
{
	case ${SCRATCH:-} in "$CLUSTER_DIR"/scratch/?*) rm -rf --one-file-system "$SCRATCH" ;; esac
}

# ---- images --------------------------------------------------------------------------------

# image_dir: print a tiny root directory, made once a run.
image_dir()
{
	local dir=$CLUSTER_DIR/scratch/images/tiny

	(
		mkdir -p "${dir%/*}" && exec 9>"${dir%/*}/lock" && flock 9 || exit
		if [ ! -d "$dir" ]; then
			image_tiny "$dir.new" >/dev/null && mv "$dir.new" "$dir"
		fi
	) || return
	echo "$dir"
}

# image_sif NAME ROOT: print NAME.sif, built from ROOT by ada, made once a run.
image_sif()
{
	local out=$CLUSTER_DIR/home/ada/$1.sif

	(
		exec 9>"$CLUSTER_DIR/scratch/images.lock" && flock 9 || exit
		if [ ! -e "$out" ]; then
			as_user berth build "$out.new" "$2" >"$out.log" 2>&1 9>&- &&
				mv "$out.new" "$out" || { cat "$out.log" >&2; exit 1; }
		fi
	) || return
	echo "$out"
}

image_tiny_sif() { image_sif tiny "$(image_dir)"; }

# The MPI root is in a cache of root's that ada may not enter, so root builds it.
image_mpi_sif()
{
	local out=$CLUSTER_DIR/home/ada/mpi.sif root

	(
		exec 9>"$CLUSTER_DIR/scratch/images.lock" && flock 9 || exit
		if [ ! -e "$out" ]; then
			root=$(image_mpi ${IMAGE_CACHE:+--cache "$IMAGE_CACHE"} 9>&-) &&
				as_root berth build "$out.new" "$root" >"$out.log" 2>&1 9>&- &&
				chown "$CLUSTER_UID:$CLUSTER_UID" "$out.new" &&
				mv "$out.new" "$out" || { cat "$out.log" >&2; exit 1; }
		fi
	) || return
	echo "$out"
}

# ---- assertions: each looks at the last 'run' ----------------------------------------------

fail() { printf '%s\n' "$@" "status: ${status:-}" "output:" "${output:-}" >&2; return 1; }

# assert_success [TEXT]: status 0 and, with TEXT, exactly this output.
assert_success()
{
	# shellcheck disable=SC2154
	[ "$status" -eq 0 ] || fail "expected success"
	[ $# -eq 0 ] || [ "$output" = "$1" ] || fail "expected exactly: $1"
}

# assert_failure [STATUS [REGEX]]
assert_failure()
{
	[ "$status" -ne 0 ] || fail "expected a failure"
	[ $# -lt 1 ] || [ "$status" -eq "$1" ] || fail "expected status $1"
	[ $# -lt 2 ] || assert_output "$2"
}

# assert_output REGEX: somewhere in the output, ignoring case.
assert_output() { grep -qiE -- "$1" <<<"$output" || fail "expected output matching: $1"; }
refute_output() { ! grep -qiE -- "$1" <<<"$output" || fail "expected no output matching: $1"; }

# assert_lines COUNT REGEX: so many lines match.
assert_lines()
{
	local n

	n=$(grep -ciE -- "$2" <<<"$output") || true
	[ "$n" -eq "$1" ] || fail "expected $1 lines matching, got $n: $2"
}

# eventually SECONDS CMD...: CMD succeeds before that.
eventually()
{
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

# ---- what a step may leave: nothing --------------------------------------------------------

# Everything that a step could leave behind, as sorted text. Pids are not in it: a daemon of the
# cluster may fork and reap; names and cgroups are.
snapshot()
{
	local node pid dir

	echo "== host mounts"; cut -d' ' -f3- /proc/self/mountinfo | sort
	echo "== loop devices"; losetup -n -O NAME,BACK-FILE 2>/dev/null | grep -F "$CLUSTER_DIR"
	echo "== files of the host"
	find /run /tmp -xdev \( -uid "$CLUSTER_UID" -o -path '/run/*berth*' \) 2>/dev/null | sort
	echo "== processes"
	for pid in $(cluster_pids ''); do
		[ -r "/proc/$pid/comm" ] && [ "$(awk '/^State:/ { print $2 }' "/proc/$pid/status" 2>/dev/null)" != Z ] &&
			cat "/proc/$pid/comm"
	done 2>/dev/null | sort
	for node in login $CLUSTER_NODES; do
		pid=$(cluster_pid "$node")
		echo "== mounts of $node"
		# the room of a step that ended must not have been left in a node's own namespace
		cut -d' ' -f3- "/proc/$pid/mountinfo" | sed -E 's/(shared|master):[0-9]+//g' | sort
		[ "$node" = login ] || {
			echo "== files of $node"
			find "/proc/$pid/root/tmp" "/proc/$pid/root/dev/shm" "$CLUSTER_DIR/spool/$node" \
				-mindepth 1 ! -name 'cred_state*' ! -name 'hwloc_*' -printf '%P\n' 2>/dev/null | sort
		}
	done
	echo "== cgroups"
	while read -r dir; do
		find "$dir" -type d -path '*/job_*' 2>/dev/null
	done <"$CLUSTER_DIR/cgroups" | sort
	[ "$CLUSTER_SLURM" = no ] || {
		echo "== nodes"
		as_root sinfo -h -N -o '%N %T' | sort
	}
}

# "|| true": bats runs tests with errexit, and of a find in /proc something is always gone.
snapshot_take() { snapshot >"${1:-$BATS_TEST_TMPDIR/snapshot}" || true; }

# snapshot_same [FILE [SECONDS]]: the same again, at the latest after 2 seconds.
# LIMIT: 2 s, because Slurm itself takes up to one to remove a job's cgroups after its last step.
snapshot_same()
{
	local before=${1:-$BATS_TEST_TMPDIR/snapshot} limit=${2:-2} end now=$BATS_TEST_TMPDIR/snapshot.now

	end=$((SECONDS + limit + 1))
	while :; do
		snapshot >"$now" || true
		cmp -s "$before" "$now" && return
		[ $SECONDS -lt $end ] || break
		sleep 0.1
	done
	echo "left behind (<: before, >: after $limit s):" >&2
	diff "$before" "$now" >&2 || true
	return 1
}
