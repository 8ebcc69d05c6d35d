# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# hosts.bash - two hosts, a and b, on one machine: for mpirun, which starts ranks on others by ssh.
#
#     the cluster's login host (cluster.sh): ada, her home and scratch, which both hosts see
#      |-- a   mount, pid, IPC, UTS and network namespace of its own; own /tmp, /dev/shm, /run
#      '-- b   the same                   a: 10.213.7.1 --- veth --- b: 10.213.7.2
#
# Process 1 of each (tests/harness/host.py) holds the namespaces and is its sshd. The pair of network
# devices is made in the hosts, so no name on the machine is used, and nothing leaves it.
#
# shellcheck disable=SC2016

# hosts_make: in setup_file. hosts_end: in teardown_file.
hosts_make()
{
	local host a b

	HOSTS=$(mktemp -d "$CLUSTER_DIR/scratch/hosts-XXXXXX") || return
	chmod 0755 "$HOSTS"
	printf '%s\n' '127.0.0.1 localhost' '10.213.7.1 a' '10.213.7.2 b' >"$HOSTS/hosts"
	for host in a b; do
		nsenter -t "$(cluster_pid login)" -m env -i LANG=C.UTF-8 \
			PATH="$BERTH_PREFIX/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" \
			OMPI_MCA_btl_tcp_if_include=eth0 OMPI_MCA_oob_tcp_if_include=eth0 OMPI_MCA_pml=ob1 \
			FI_TCP_IFACE=eth0 FI_SOCKETS_IFACE=eth0 \
			unshare --mount --uts --ipc --net --pid --fork --kill-child --mount-proc sh -ec '
				hostname "$1"
				mount -t tmpfs -o mode=1777,nosuid,nodev tmp /tmp
				mount -t tmpfs -o mode=1777,nosuid,nodev shm /dev/shm
				mount -t tmpfs -o mode=0755,nosuid,nodev run /run
				mount --bind "$2/hosts" /etc/hosts
				mount -t sysfs -o nosuid,nodev,noexec sys /sys # network devices: of this namespace
				ip link set lo up
				cd /
				exec python3 "$3/host.py" serve "$2/$1" "$4" "$4" "$5"' \
			sh "$host" "$HOSTS" "$HARNESS" "$CLUSTER_UID" "$CLUSTER_DIR/home/ada" \
			</dev/null >"$HOSTS/log.$host" 2>&1 3>&- &
		echo $! >"$HOSTS/unshare.$host"
		disown $!
	done
	for host in a b; do
		eventually 30 test -S "$HOSTS/$host" || { cat "$HOSTS/log.$host" >&2; return 1; }
		pgrep -P "$(<"$HOSTS/unshare.$host")" >"$HOSTS/pid.$host" || return
	done
	a=$(host_pid a)
	b=$(host_pid b)
	nsenter -t "$a" -n ip link add eth0 type veth peer name eth0 netns "$b" &&
		nsenter -t "$a" -n ip addr add 10.213.7.1/30 dev eth0 &&
		nsenter -t "$b" -n ip addr add 10.213.7.2/30 dev eth0 &&
		nsenter -t "$a" -n ip link set eth0 up && nsenter -t "$b" -n ip link set eth0 up || return
	# an MPI library looks once, and takes no device that the kernel does not call up yet
	for host in "$a" "$b"; do eventually 30 sh -c "nsenter -t $host -n ip link show eth0 | grep -q 'state UP'" || return; done
	echo "$HOSTS" >"$BATS_FILE_TMPDIR/hosts"
}

hosts_load() { HOSTS=$(<"$BATS_FILE_TMPDIR/hosts") && [ -S "$HOSTS/b" ]; }

hosts_end()
{
	local host

	hosts_load || return 0
	# the parent of a process 1: with it (--kill-child) all of the host ends
	for host in a b; do kill -KILL "$(<"$HOSTS/unshare.$host")"; done
	case $HOSTS in "$CLUSTER_DIR"/scratch/hosts-?*) rm -rf --one-file-system "$HOSTS" ;; esac
}

# The pid, as this shell knows it, of process 1 of a host.
host_pid() { cat "$HOSTS/pid.$1"; }

# on_host NAME CMD...: as ada, in her home there, with the environment that an ssh would give.
on_host()
{
	local pid env

	pid=$(host_pid "$1") || return
	shift
	mapfile -d '' -t env < <(grep -zE '^(PATH|LANG|OMPI_MCA_.*|FI_.*)=' "/proc/$pid/environ")
	nsenter -t "$pid" -m -u -i -n -p -- env -i --default-signal=INT,QUIT \
		"${env[@]}" HOME="$CLUSTER_DIR/home/ada" USER=ada LOGNAME=ada SHELL=/bin/bash TERM=dumb \
		setpriv --reuid="$CLUSTER_UID" --regid="$CLUSTER_UID" --init-groups \
		sh -c 'cd "$HOME" && exec "$@"' sh "$@" 3>&-
}

# host_processes NAME: the pids, as this shell knows them, of what runs there beside process 1.
host_processes()
{
	local one space p

	one=$(host_pid "$1")
	space=$(readlink "/proc/$one/ns/pid")
	for p in /proc/[0-9]*; do
		if [ "$p" != "/proc/$one" ] && [ "$(readlink "$p/ns/pid")" = "$space" ] &&
			! grep -qs '^State:.Z' "$p/status"; then
			echo "${p#/proc/}"
		fi
	done 2>/dev/null
}

# What a job could leave on a host, as text. Files in /tmp and /dev/shm are its launcher's and its MPI
# library's, which a kill leaves with or without Berth.
host_state()
{
	local pid p

	pid=$(host_pid "$1")
	echo "== $1: mounts"
	cut -d' ' -f3- "/proc/$pid/mountinfo" | sort
	echo "== $1: processes and namespaces"
	for p in $(host_processes "$1"); do
		echo "$(cat "/proc/$p/comm") $(readlink "/proc/$p/ns/mnt" "/proc/$p/ns/user" | paste -sd' ')"
	done 2>/dev/null | sort
	echo "== $1: names of rooms"
	grep -o '@berth-room.*' "/proc/$pid/net/unix" || true
}

hosts_state() { host_state a; host_state b; }
hosts_before() { hosts_state >"$BATS_TEST_TMPDIR/hosts"; }

hosts_same() { hosts_state >"$BATS_TEST_TMPDIR/hosts.now" && cmp -s "$BATS_TEST_TMPDIR/hosts" "$BATS_TEST_TMPDIR/hosts.now"; }

# hosts_after: the same again. LIMIT: 20 s are for the launcher, which has lost its other half.
hosts_after() { eventually 20 hosts_same || { diff "$BATS_TEST_TMPDIR/hosts" "$BATS_TEST_TMPDIR/hosts.now" >&2; return 1; }; }
