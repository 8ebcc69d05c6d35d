#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# cluster.sh - a real Slurm of two nodes on one machine, for tests and for contrib/quickstart.
#
#   cluster.sh up [--dir DIR] [--plugin FILE.so] [--cpus N] [--user NAME] [--path DIRS]
#   cluster.sh run [-u USER] [-n NODE] CMD...   as ada (or USER) on the login host, or on NODE
#   cluster.sh plugstack LINE...                what srun and slurmstepd load from now on
#   cluster.sh status | down
#
# All but 'up' find the cluster by CLUSTER_DIR. 'up' prints that directory. The file is also a
# library: sourced, it defines the cluster_* functions and does nothing.
#
# What there is: munged, slurmctld and slurmd as packaged, on loopback, with ports and a key of
# their own. "login", n1 and n2 each live in a private mount namespace, where /etc/passwd has the
# user ada, /etc/hosts knows the nodes and /dev/fuse may be opened by everybody; n1 and n2
# also have their own host name, /tmp, /dev/shm, munged and cgroup hierarchy. The machine's own
# files, accounts and device modes are not touched, and two clusters do not see each other.
#
# What it promises: 'down' stops what lies in the cluster's cgroups or runs as its ada, each by
# its pid, and removes the cgroups and the directory. Mounts were private and go by themselves.
#
# Needs: root, bash, util-linux, Slurm and munge. Without Slurm, 'up' makes the login host only.
# cgroup v1 is what this was tried on; the v2 branch is written after the manual and untested.

# A directory for the cluster must not lie in /tmp: the nodes have a /tmp of their own.
CLUSTER_PARENT=${CLUSTER_PARENT:-/var/tmp}
CLUSTER_NODES="n1 n2"
# Both nodes are at 127.0.0.1: MPI libraries look for other interfaces unless told not to.
CLUSTER_MPI_ENV=(OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_pml=ob1 FI_TCP_IFACE=lo FI_SOCKETS_IFACE=lo)
CLUSTER_SELF=$(readlink -f "${BASH_SOURCE[0]}")

cluster_die() { echo "cluster: $*" >&2; return 1; }

# ---- cgroups -------------------------------------------------------------------------------

# Lines "KIND MOUNTPOINT OPTIONS OWN-DIRECTORY", one a hierarchy that this shell is in.
cluster_hierarchies()
{
	local mount root point rest type super line path opts

	while read -r _ _ _ root point rest; do
		type=${rest#* - }
		super=${type##* }
		type=${type%% *}
		case $type in cgroup | cgroup2) ;; *) continue ;; esac
		opts=
		path=
		if [ "$type" = cgroup2 ]; then
			path=$(sed -n 's/^0:://p' /proc/self/cgroup)
		else
			opts=$(tr , '\n' <<<"$super" | grep -vxE 'rw|ro|xattr|clone_children|release_agent=.*' | paste -sd,)
			line=$(grep -E "^[1-9][0-9]*:${opts/name=/name=}:" /proc/self/cgroup) || continue
			path=${line#*:*:}
		fi
		mount=$point
		[ "$root" = / ] || path=${path#"$root"}
		path=${path%/}
		echo "$type $mount ${opts:--} $mount$path"
	done </proc/self/mountinfo
}

# The version whose controllers Slurm will use.
cluster_cgroup_version()
{
	local all

	all=$(cluster_hierarchies)
	if grep -qE '^cgroup .* ([a-z,]*,)?freezer(,[a-z]*)* ' <<<"$all"; then
		echo v1
	elif grep -q '^cgroup2 ' <<<"$all"; then
		echo v2
	else
		cluster_die "no cgroup hierarchy is mounted"
	fi
}

# The last COUNT letters and digits of a path's last part.
cluster_word() { basename "$1" | tr -cd 'A-Za-z0-9' | tail -c "$2"; }

# Make the cluster's groups, one a hierarchy with one below for each host; list them in
# DIR/cgroups, because who calls 'down' may be in other groups than who called 'up'.
cluster_cgroup_make()
{
	local type point own top leaf f

	: >"$CLUSTER_DIR/cgroups"
	while read -r type point _ own; do
		# v2: a group with processes of its own, as ours is, cannot hand controllers on.
		if [ "$type $CLUSTER_CGROUP" = "cgroup2 v2" ]; then
			own=$point
			for f in $(<"$own/cgroup.controllers"); do
				echo "+$f" 2>/dev/null >"$own/cgroup.subtree_control"
			done
		fi
		top=$own/$CLUSTER_NAME
		cluster_cgroup_one "$top" || return
		echo "$top" >>"$CLUSTER_DIR/cgroups"
		if [ "$type" = cgroup2 ]; then
			for f in $(<"$top/cgroup.controllers"); do
				echo "+$f" 2>/dev/null >"$top/cgroup.subtree_control"
			done
		fi
		for leaf in login $CLUSTER_NODES; do
			cluster_cgroup_one "$top/$leaf" || return
		done
	done < <(cluster_hierarchies)
}

cluster_cgroup_one()
{
	local f

	mkdir "$1" || return
	# v1: an empty cpuset takes no process.
	for f in cpuset.cpus cpuset.mems; do
		if [ -e "$1/$f" ] && [ -e "$1/tasks" ]; then cat "${1%/*}/$f" >"$1/$f" || return; fi
	done
}

# Put the calling (sub)shell into the group of login, n1 or n2, in every hierarchy.
cluster_cgroup_enter()
{
	local dir

	while read -r dir; do
		echo "$BASHPID" >"$dir/$1/cgroup.procs" || return
	done <"$CLUSTER_DIR/cgroups"
}

# Every process of ada's, and every one in the cluster's cgroups, or with HOST in those of HOST.
cluster_pids()
{
	local host=${1:-} dir p

	{
		while read -r dir; do
			find "$dir${host:+/$host}" -name cgroup.procs -exec cat {} + 2>/dev/null
		done <"$CLUSTER_DIR/cgroups"
		[ -n "$host" ] || cluster_pids_of_user
	} | sort -un
}

# By the real uid: the owner of /proc/PID is root where a process is not dumpable. Not by awk, which
# ends at the first of the processes that is gone.
cluster_pids_of_user()
{
	grep -ls "^Uid:[[:space:]]${CLUSTER_UID}[[:space:]]" /proc/[0-9]*/status | cut -d/ -f3 || true
}

cluster_cgroup_remove()
{
	local dir tries left=

	for tries in {1..50}; do
		left=
		while read -r dir; do
			[ -d "$dir" ] || continue
			find "$dir" -depth -type d -exec rmdir {} + 2>/dev/null
			if [ -d "$dir" ]; then left=$dir; fi
		done <"$CLUSTER_DIR/cgroups"
		[ -n "$left" ] || return 0
		sleep 0.1
	done
	cluster_die "cannot remove $left after $tries tries"
}

# ---- what the namespaces hold --------------------------------------------------------------

# Runs in the new mount namespace of login, n1 or n2.
cluster_inside_common()
{
	local f

	mount --make-rprivate / || return
	for f in passwd group hosts; do
		mount --bind "$CLUSTER_DIR/etc/$f" "/etc/$f" || return
	done
	# A device node of our own: the machine's may be 0600, and rootless berth opens it.
	mount -t tmpfs -o mode=0755 berth-dev "$CLUSTER_DIR/$1/dev" || return
	mknod -m 0666 "$CLUSTER_DIR/$1/dev/fuse" c 10 229 || return
	mount --bind "$CLUSTER_DIR/$1/dev/fuse" /dev/fuse || return
	mount --bind "$CLUSTER_DIR/$1/munge" "$CLUSTER_DIR/munge"
}

cluster_munged()
{
	/usr/sbin/munged --force --foreground --num-threads=2 \
		--key-file="$CLUSTER_DIR/etc/munge.key" --socket="$CLUSTER_DIR/munge/socket" \
		--pid-file="$CLUSTER_DIR/munge/pid" --log-file="$CLUSTER_DIR/log/munged.$1" \
		--seed-file="$CLUSTER_DIR/munge/seed" >>"$CLUSTER_DIR/log/munged.$1" 2>&1 &
	local tries
	for tries in {1..100}; do
		[ -S "$CLUSTER_DIR/munge/socket" ] && return
		sleep 0.05
	done
	cluster_die "munged did not start on $1 ($tries looks): see $CLUSTER_DIR/log/munged.$1"
}

cluster_inside_login()
{
	cluster_inside_common login || return
	if [ "$CLUSTER_SLURM" = yes ]; then cluster_munged login || return; fi
	touch "$CLUSTER_DIR/login/ready"
	exec sleep infinity
}

cluster_inside_node()
{
	local node=$1 type point opts

	hostname "$node" || return
	cluster_inside_common "$node" || return
	mount --bind "$CLUSTER_DIR/$node/tmp" /tmp || return
	mount -t tmpfs -o mode=1777,nosuid,nodev shm /dev/shm || return

	# The cgroup namespace's own view of every hierarchy: its top is this node's group.
	if [ "$CLUSTER_CGROUP" = v2 ]; then
		mount -t cgroup2 cgroup2 /sys/fs/cgroup || return
	else
		cluster_hierarchies >"$CLUSTER_DIR/$node/hierarchies"
		mount -t tmpfs -o mode=0755 cgroup-top /sys/fs/cgroup || return
		while read -r type point opts _; do
			case $type:$opts in cgroup:name=*) opts=none,$opts ;; cgroup2:*) opts=rw ;; esac
			mkdir -p "/sys/fs/cgroup/${point##*/}" || return
			mount -t "$type" -o "$opts" "$type" "/sys/fs/cgroup/${point##*/}" || return
		done <"$CLUSTER_DIR/$node/hierarchies"
	fi

	cluster_munged "$node" || return
	cd / || return
	exec /usr/sbin/slurmd -D -N "$node" -f "$CLUSTER_DIR/etc/slurm.conf" \
		-L "$CLUSTER_DIR/log/slurmd.$node" >>"$CLUSTER_DIR/log/slurmd.$node.out" 2>&1
}

# What runs on must not hold the caller's descriptors: locks, bats' own, a terminal.
cluster_close_rest()
{
	local fd

	for fd in /proc/"$BASHPID"/fd/*; do
		fd=${fd##*/}
		case $fd in 0 | 1 | 2 | 255) ;; *) eval "exec $fd>&-" ;; esac
	done
}

# Start this file again as NAME in namespaces of its own; its pid goes to DIR/NAME/pid.
cluster_spawn()
{
	local name=$1 flags=(--mount)

	[ "$name" = login ] || flags+=(--uts --cgroup)
	(
		cluster_cgroup_enter "$name" || exit
		exec </dev/null >>"$CLUSTER_DIR/log/$name" 2>&1
		cluster_close_rest
		# A background job of bash ignores INT and QUIT, and so would every task.
		exec env -i --default-signal PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C CLUSTER_DIR="$CLUSTER_DIR" \
			setsid unshare "${flags[@]}" bash "$CLUSTER_SELF" inside "$name"
	) &
	echo $! >"$CLUSTER_DIR/$name/pid"
	disown $!
}

# ---- configuration -------------------------------------------------------------------------

# COUNT free ports in a row, below the range the kernel hands out by itself. Another cluster may
# still take one before we do: then slurmctld says so and 'up' tries again.
cluster_free_ports()
{
	local count=$1 used base p ok tries

	used=" $(awk 'FNR > 1 { sub(/.*:/, "", $2); print $2 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null |
		while read -r p; do echo $((16#$p)); done | sort -un | tr '\n' ' ') "
	for tries in {1..100}; do
		base=$((10000 + (RANDOM % 2000) * 10))
		ok=yes
		for ((p = base; p < base + count; p++)); do
			case $used in *" $p "*) ok=no ;; esac
		done
		if [ $ok = yes ]; then
			echo "$base"
			return
		fi
	done
	cluster_die "no $count free ports after $tries tries"
}

# cluster_slurm_since MAJOR MINOR: is slurmctld of that release or a later one?
cluster_slurm_since()
{
	local major minor

	IFS=' .' read -r _ major minor _ < <(/usr/sbin/slurmctld -V)
	[ "${major:-0}" -gt "$1" ] || { [ "${major:-0}" -eq "$1" ] && [ "${minor#0}" -ge "${2#0}" ]; }
}

cluster_configure()
{
	local base=$1 n=1 node mem

	mem=$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
	cat >"$CLUSTER_DIR/etc/slurm.conf" <<-EOT
		ClusterName=$CLUSTER_NAME
		SlurmctldHost=localhost(127.0.0.1)
		SlurmctldPort=$base
		SlurmUser=root
		SlurmdUser=root
		AuthType=auth/munge
		AuthInfo=socket=$CLUSTER_DIR/munge/socket
		CredType=cred/munge
		StateSaveLocation=$CLUSTER_DIR/state
		SlurmdSpoolDir=$CLUSTER_DIR/spool/%n
		SlurmctldPidFile=$CLUSTER_DIR/slurmctld.pid
		SlurmdPidFile=$CLUSTER_DIR/%n/slurmd.pid
		SlurmctldLogFile=$CLUSTER_DIR/log/slurmctld
		SlurmdDebug=info
		PlugStackConfig=$CLUSTER_DIR/etc/plugstack.conf
		MpiDefault=none
		ProctrackType=proctrack/cgroup
		TaskPlugin=task/cgroup
		JobAcctGatherType=jobacct_gather/none
		SelectType=select/cons_tres
		SelectTypeParameters=CR_CPU
		SlurmdParameters=config_overrides
		LaunchParameters=use_interactive_step
		DebugFlags=NO_CONF_HASH
		SwitchType=switch/none
		ReturnToService=2
		KillWait=2
		MessageTimeout=30
		SlurmdTimeout=300
		SchedulerParameters=batch_sched_delay=0
		MinJobAge=60
		MaxStepCount=1000000
	EOT
	for node in $CLUSTER_NODES; do
		echo "NodeName=$node NodeHostname=$node NodeAddr=127.0.0.1 Port=$((base + n))" \
			"CPUs=$CLUSTER_CPUS Boards=1 SocketsPerBoard=1 CoresPerSocket=$CLUSTER_CPUS" \
			"ThreadsPerCore=1 RealMemory=$mem State=UNKNOWN"
		n=$((n + 1))
	done >>"$CLUSTER_DIR/etc/slurm.conf"
	echo "PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=YES" \
		>>"$CLUSTER_DIR/etc/slurm.conf"

	# ConstrainCores=no: with more CPUs configured than there are, every "node" would bind its
	# tasks to the machine's CPU 0 and a ping-pong would measure the scheduler.
	cat >"$CLUSTER_DIR/etc/cgroup.conf" <<-EOT
		ConstrainCores=no
		ConstrainDevices=yes
		ConstrainRAMSpace=yes
	EOT
	# Before 21.08 an unknown key, which ends slurmd.
	if cluster_slurm_since 21 08; then
		echo "CgroupPlugin=cgroup/$CLUSTER_CGROUP" >>"$CLUSTER_DIR/etc/cgroup.conf"
	fi
	[ "$CLUSTER_CGROUP" = v1 ] || echo IgnoreSystemd=yes >>"$CLUSTER_DIR/etc/cgroup.conf"

	# The machine's accounts and ada, whose uid is ours alone: so "ada's processes" are ours.
	CLUSTER_UID=$((20000 + base))
	{
		grep -vE "^(ada|[^:]*:[^:]*:$CLUSTER_UID):" /etc/passwd
		echo "ada:x:$CLUSTER_UID:$CLUSTER_UID:Ada Berth:$CLUSTER_DIR/home/ada:/bin/bash"
	} >"$CLUSTER_DIR/etc/passwd"
	{
		grep -vE '^(ada|crew|deck):' /etc/group
		echo "ada:x:$CLUSTER_UID:"
		echo "crew:x:$((CLUSTER_UID + 1)):ada"
		echo "deck:x:$((CLUSTER_UID + 2)):ada"
	} >"$CLUSTER_DIR/etc/group"
	{
		grep -vwE "login|${CLUSTER_NODES// /|}" /etc/hosts
		echo "127.0.0.1 login $CLUSTER_NODES"
		# Daemons of 24.11 look up the name of the host that srun runs on, for 10 s.
		getent hosts "$(uname -n)" >/dev/null || echo "127.0.0.1 $(uname -n)"
	} >"$CLUSTER_DIR/etc/hosts"
	chown "$CLUSTER_UID:$CLUSTER_UID" "$CLUSTER_DIR/home/ada"
}

# What every later command must know.
cluster_save()
{
	local v

	for v in CLUSTER_DIR CLUSTER_NAME CLUSTER_UID CLUSTER_USER CLUSTER_CPUS CLUSTER_CGROUP \
		CLUSTER_SLURM CLUSTER_PATH; do
		printf '%s=%q\n' "$v" "${!v}"
	done >"$CLUSTER_DIR/state.sh"
	chmod 0644 "$CLUSTER_DIR/state.sh"
}

cluster_load()
{
	[ -n "${CLUSTER_DIR:-}" ] || cluster_die "CLUSTER_DIR is not set: which cluster?" || return
	[ -r "$CLUSTER_DIR/state.sh" ] || cluster_die "no cluster in $CLUSTER_DIR" || return
	# shellcheck source=/dev/null
	. "$CLUSTER_DIR/state.sh"
}

# ---- up and down ---------------------------------------------------------------------------

cluster_wait_file()
{
	local tries

	for tries in {1..200}; do
		[ -e "$1" ] && return
		kill -0 "$2" 2>/dev/null || return
		sleep 0.05
	done
	cluster_die "$1 did not appear in $((tries / 20)) s"
}

cluster_wait_idle()
{
	local limit=${1:-30} end states node

	end=$((SECONDS + limit))
	while :; do
		states=$(cluster_run -u root sinfo -h -N -o %T 2>/dev/null | sort -u)
		[ "$states" = idle ] && return
		for node in $CLUSTER_NODES; do
			kill -0 "$(cluster_pid "$node")" || cluster_die "slurmd of $node has ended" || return
		done
		if [ $SECONDS -ge $end ]; then break; fi
		sleep 0.1
	done
	cluster_die "after $limit s the nodes are '${states:-unknown}', not idle"
}

# One attempt with one set of ports.
cluster_start()
{
	local node base

	base=$(cluster_free_ports 4) || return
	cluster_configure "$base"
	cluster_save
	cluster_spawn login
	cluster_wait_file "$CLUSTER_DIR/login/ready" "$(<"$CLUSTER_DIR/login/pid")" || return
	[ "$CLUSTER_SLURM" = yes ] || return 0
	(
		cluster_cgroup_enter login || exit
		exec </dev/null >>"$CLUSTER_DIR/log/slurmctld.out" 2>&1
		cluster_close_rest
		cd / && exec env -i --default-signal PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C setsid \
			nsenter -t "$(<"$CLUSTER_DIR/login/pid")" -m \
			/usr/sbin/slurmctld -D -c -f "$CLUSTER_DIR/etc/slurm.conf"
	) &
	echo $! >"$CLUSTER_DIR/login/slurmctld.pid"
	disown $!
	for node in $CLUSTER_NODES; do cluster_spawn "$node"; done
	cluster_wait_idle 30
}

cluster_up()
{
	local plugin='' node tries umask_before

	CLUSTER_DIR=
	CLUSTER_CPUS=256
	CLUSTER_USER=ada
	CLUSTER_PATH=
	while [ $# -gt 0 ]; do
		case $1 in
		--dir) CLUSTER_DIR=$2 ;;
		--plugin) plugin=$2 ;;
		--cpus) CLUSTER_CPUS=$2 ;;
		--user) CLUSTER_USER=$2 ;;
		--path) CLUSTER_PATH=$2 ;;
		*) cluster_die "up: unknown option $1"; return ;;
		esac
		shift 2
	done
	[ "$(id -u)" = 0 ] || cluster_die "up needs root" || return
	case $CLUSTER_DIR in /tmp/*) cluster_die "$CLUSTER_DIR: nodes have their own /tmp; choose another place"; return ;; esac
	umask_before=$(umask)
	umask 022
	if [ -z "$CLUSTER_DIR" ]; then
		CLUSTER_DIR=$(mktemp -d "$CLUSTER_PARENT/berth-XXXXXXXX") || return
	else
		mkdir -p "$CLUSTER_DIR" || return
		CLUSTER_DIR=$(readlink -f "$CLUSTER_DIR")
	fi
	chmod 0755 "$CLUSTER_DIR"
	# LIMIT: 40 characters are what Slurm takes for a cluster's name.
	CLUSTER_NAME=berth-$(cluster_word "${CLUSTER_DIR%/*}" 12)-$(cluster_word "$CLUSTER_DIR" 8)-$$
	CLUSTER_CGROUP=$(cluster_cgroup_version) || return
	CLUSTER_SLURM=no
	if [ -x /usr/sbin/slurmctld ] && [ -x /usr/sbin/slurmd ] && [ -x /usr/sbin/munged ]; then CLUSTER_SLURM=yes; fi
	CLUSTER_UID=4294967294
	: >"$CLUSTER_DIR/cgroups"

	mkdir -p "$CLUSTER_DIR"/{etc,log,state,spool,munge,scratch,home/ada}
	chmod 0711 "$CLUSTER_DIR/scratch"
	for node in login $CLUSTER_NODES; do
		mkdir -p "$CLUSTER_DIR/$node"/{munge,dev,tmp} "$CLUSTER_DIR/spool/$node"
		chmod 1777 "$CLUSTER_DIR/$node/tmp"
	done
	(umask 077 && dd if=/dev/urandom of="$CLUSTER_DIR/etc/munge.key" bs=1024 count=1 status=none)
	cluster_plugstack ${plugin:+"required $plugin"}

	for tries in 1 2 3; do
		cluster_cgroup_make || break
		if cluster_start; then
			umask "$umask_before"
			return
		fi
		cluster_stop || break
		grep -qs 'Address already in use' "$CLUSTER_DIR"/log/* || break
	done
	umask "$umask_before"
	echo "cluster: did not come up (try $tries); its logs end:" >&2
	tail -n 15 "$CLUSTER_DIR"/log/* >&2
	cluster_stop
	rm -rf --one-file-system "$CLUSTER_DIR"
	return 1
}

# End every process of the cluster: politely for those that save state, then for sure.
cluster_stop()
{
	local pids tries

	for tries in {1..100}; do
		pids=$(cluster_pids '')
		[ -n "$pids" ] || break
		# shellcheck disable=SC2086
		if [ "$tries" -le 2 ]; then kill -TERM $pids 2>/dev/null; else kill -KILL $pids 2>/dev/null; fi
		[ "$tries" -ne 2 ] || sleep 0.5
		sleep 0.1
	done
	rm -f "$CLUSTER_DIR"/*/ready "$CLUSTER_DIR"/*/munge/*
	cluster_cgroup_remove
}

cluster_down()
{
	cluster_load || return
	cluster_stop || return
	rm -rf --one-file-system "$CLUSTER_DIR"
}

# ---- using it ------------------------------------------------------------------------------

# Replace plugstack.conf; every srun and slurmstepd reads it anew.
cluster_plugstack()
{
	printf '%s\n' "$@" >"$CLUSTER_DIR/etc/plugstack.conf.new"
	mv "$CLUSTER_DIR/etc/plugstack.conf.new" "$CLUSTER_DIR/etc/plugstack.conf"
}

# The pid that holds the namespaces of login, n1 or n2.
cluster_pid() { cat "$CLUSTER_DIR/$1/pid"; }

# cluster_run [-u USER] [-n NODE] CMD...: with a clean environment, in USER's home.
cluster_run()
{
	local user=$CLUSTER_USER where=login pid home uid gid

	while :; do
		case $1 in
		-u) user=$2 ;;
		-n) where=$2 ;;
		*) break ;;
		esac
		shift 2
	done
	pid=$(cluster_pid "$where") || return
	IFS=: read -r _ _ uid gid _ home _ < <(grep "^$user:" "$CLUSTER_DIR/etc/passwd")
	[ -n "$home" ] || cluster_die "no such user: $user" || return
	# shellcheck disable=SC2016
	nsenter -t "$pid" -m -u -- env -i --default-signal=INT,QUIT HOME="$home" USER="$user" LOGNAME="$user" SHELL=/bin/bash \
		PATH="${CLUSTER_PATH:+$CLUSTER_PATH:}/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" \
		LANG=C.UTF-8 TERM="${TERM:-dumb}" SLURM_CONF="$CLUSTER_DIR/etc/slurm.conf" \
		"${CLUSTER_MPI_ENV[@]}" \
		setpriv --reuid="$uid" --regid="$gid" --init-groups \
		sh -c 'cd "$HOME" && exec "$@"' sh "$@"
}

cluster_status()
{
	cluster_load || return
	echo "directory $CLUSTER_DIR, user $CLUSTER_USER, processes: $(cluster_pids '' | wc -l)"
	[ "$CLUSTER_SLURM" = no ] || cluster_run -u root sinfo -N -l
}

cluster_main()
{
	local verb=${1:-}

	[ $# -eq 0 ] || shift
	case $verb in
	up) cluster_up "$@" && echo "$CLUSTER_DIR" ;;
	down) cluster_down ;;
	run) cluster_load && cluster_run "$@" ;;
	plugstack) cluster_load && cluster_plugstack "$@" ;;
	status) cluster_status ;;
	inside)
		cluster_load || return
		if [ "$1" = login ]; then cluster_inside_login; else cluster_inside_node "$1"; fi
		;;
	*) sed -n '/^#   cluster.sh/s/^# *//p' "$CLUSTER_SELF" >&2; return 1 ;;
	esac
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then cluster_main "$@"; fi
