#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# security-rootless.bats - known holes of container runtimes, replayed against berth exec as an
# ordinary user: what the environment, the image and the program inside can do to the caller's
# other processes and to the host. Names: security.bash. Needs: root, cc, mksquashfs.
load security

@test "T02 no variable takes the place of the site's file or of a refusal" {
	local name prefix

	mkdir "$SCRATCH/conf"
	echo "no such key = 1" >"$SCRATCH/conf/berth.conf"
	for prefix in BERTH APPTAINER SINGULARITY; do
		for name in CONF CONFIG CONFIG_FILE CONFDIR CONFIGDIR SYSCONFDIR LIBEXEC; do
			run as_user env "${prefix}_$name=$SCRATCH/conf/berth.conf" berth exec "$ROOM_SIF" /probe
			ran
		done
		# switches that others have: privileges stay away whatever they are set to
		run as_user env "${prefix}_ALLOW_SETUID=1" "${prefix}_KEEP_PRIVS=1" "${prefix}_ADD_CAPS=all" \
			"${prefix}_NO_PRIVS=0" berth exec "$ROOM_SIF" /probe
		contained
	done
}

@test "T07 who starts or enters a room cannot be traced by a program inside while it has rights" {
	local pid

	cc -static -Os -o "$SCRATCH/trace" "$HARNESS/trace.c"
	# shellcheck disable=SC2016
	as_user env PMI_JOBID=t07 berth exec --join -B "$SCRATCH/trace:/trace" "$ROOM_SIF" \
		sh -c 'echo $$; exec /trace 5' >"$SCRATCH/out" 3>&- &
	eventually 10 grep -q . "$SCRATCH/out"
	pid=$(head -n 1 "$SCRATCH/out")
	# enter it, join it, and make others, until the program ends
	# shellcheck disable=SC2016
	run as_user timeout 60 bash -c 'while kill -0 "$1" 2>/dev/null; do
			berth enter "$1" true; berth exec --fakeroot "$2" true
			PMI_JOBID=t07 berth exec --join -B "$3/trace:/trace" "$2" true; done 2>/dev/null; true' \
		_ "$pid" "$ROOM_SIF" "$SCRATCH"
	wait || true
	tail -n 1 "$SCRATCH/out" >&2
	[ "$(sed -n 's/^tried //p' "$SCRATCH/out")" -gt 0 ] || fail "nobody was there to be traced"
	# one that has lost all rights is no more than the program itself
	! grep '^traced' "$SCRATCH/out" | grep -v '^traced 0*$' || fail "rights were there for the taking"
}

@test "T08 the program cannot write to the launcher that started it" {
	local before

	before=$(sha256sum "$BERTH_PREFIX/bin/berth" "$BERTH_PREFIX"/libexec/berth/*)
	# with --pid the launcher is still there: as process 1
	# shellcheck disable=SC2016
	run as_user berth exec --pid "$ROOM_SIF" sh -c 'cat /proc/1/comm; readlink /proc/1/root; ls /proc/1/fd | wc -l
		echo x 2>/dev/null >/proc/1/exe && echo wrote; echo x 2>/dev/null >/proc/self/exe && echo wrote
		grep -E "^(CapEff|CapPrm|NoNewPrivs)" /proc/1/status; true'
	assert_success
	refute_output wrote
	assert_output '^/$'
	assert_output 'CapPrm:.0{16}'
	assert_output 'NoNewPrivs:.1'
	[ "$(sed -n 3p <<<"$output")" -le 1 ] || fail "process 1 holds descriptors"
	[ "$(sha256sum "$BERTH_PREFIX/bin/berth" "$BERTH_PREFIX"/libexec/berth/*)" = "$before" ]
	# as root of a room, too
	run as_user berth exec --fakeroot --pid "$ROOM_SIF" sh -c 'echo x 2>/dev/null >/proc/1/exe && echo wrote; true'
	refute_output wrote
	[ "$(sha256sum "$BERTH_PREFIX/bin/berth" "$BERTH_PREFIX"/libexec/berth/*)" = "$before" ]
}

@test "T19 an image whose loader, name service and tools are evil: the launcher uses none" {
	local image i opt lib

	image=$(hostile_image)
	mkdir -p "$image"/{etc,usr/bin,usr/lib/x86_64-linux-gnu,lib64,usr/lib/locale,usr/lib/x86_64-linux-gnu/gconv}
	printf '#include <fcntl.h>\n#include <unistd.h>\n__attribute__((constructor)) static void evil(void)\n{\n
		int fd = open("%s/pwn", O_CREAT | O_WRONLY, 0644); (void)!write(fd, "x", 1); close(fd); }\n' "$DROP" >"$SCRATCH/evil.c"
	cc -shared -fPIC -o "$SCRATCH/evil.so" "$SCRATCH/evil.c"
	for lib in libnss_evil.so.2 libnss_files.so.2 libc.so.6 gconv/UTF-16.so; do
		cp "$SCRATCH/evil.so" "$image/usr/lib/x86_64-linux-gnu/$lib"
	done
	echo /usr/lib/x86_64-linux-gnu/libnss_evil.so.2 >"$image/etc/ld.so.preload"
	printf 'passwd: evil\ngroup: evil\nhosts: evil\n' >"$image/etc/nsswitch.conf"
	printf '#!/probe\n' | tee "$image/usr/bin/mount" "$image/usr/bin/newuidmap" "$image/usr/bin/ldconfig" >/dev/null
	chmod 0755 "$image"/usr/bin/*
	chmod 0777 "$DROP"
	for i in $(as_images "$image"); do
		for opt in --quiet --pid --fakeroot --writable-tmpfs "--hostname=n1" --net; do
			run as_user berth exec $opt "$i" /probe
			assert_success
			assert_output '^PROBE'
		done
	done
	chmod 0755 "$DROP" # teardown looks whether something is in it
}

@test "T28 what lies outside cannot be reached by what the program holds or moves" {
	local IMAGE

	as_user mkdir -p "$SCRATCH/bound/in/deep" "$SCRATCH/outside"
	echo host >"$SCRATCH/outside/file"
	for IMAGE in "$ROOM_DIR" "$ROOM_SIF"; do
		# stand below a directory that is moved out of the bind meanwhile: up from there is nothing
		# shellcheck disable=SC2016
		run as_user timeout 20 bash -c 'berth exec -B "$1/bound:/b" "$2" sh -c "
				cd /b/in/deep; echo ready >/b/ready; while [ ! -e /b/moved ]; do sleep 0.05; done
				cat ../../outside/file ../outside/file ../../../outside/file" &
			while [ ! -e "$1/bound/ready" ]; do sleep 0.05; done
			mv "$1/bound/in" "$1/moved-in"; touch "$1/bound/moved"; wait $!' _ "$SCRATCH" "$IMAGE"
		refute_output '^host$'
		as_user sh -c "mv $SCRATCH/moved-in $SCRATCH/bound/in; rm $SCRATCH/bound/moved $SCRATCH/bound/ready"
		# a room's root is no directory of the host that ".." leaves, for its root user either
		for opt in --quiet --fakeroot; do
			run as_user berth exec $opt "$IMAGE" sh -c 'cd /../../..; pwd -P; ls -d berth-image'
			assert_success $'/\nberth-image'
		done
	done
}

@test "T29 nothing is typed on the terminal of who started the program" {
	local opt

	cc -static -Os -o "$SCRATCH/type" "$HARNESS/type.c"
	# typed <- what is there to be read after CMD, on a terminal of its own
	typed()
	{
		as_user timeout 60 python3 -c 'import os, pty, select, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
out = b""
while True:
    try:
        got = os.read(fd, 4096)
    except OSError:
        break
    if not got:
        break
    out += got
os.waitpid(pid, 0)
sys.stdout.buffer.write(out.replace(b"\r", b""))' "$@"
	}
	for opt in --quiet --pid --fakeroot; do
		run typed berth exec $opt -B "$SCRATCH/type:/type" "$ROOM_SIF" /type
		assert_success
		assert_output 'tried$'
		refute_output 'typed '
	done
	# with one descriptor that is the terminal, too; and with none, for /dev/tty is it
	for opt in '2>/dev/null' '2>/dev/null </dev/null'; do
		run typed sh -c "berth exec -B \"\$1:/type\" \"\$2\" /type $opt | cat" _ "$SCRATCH/type" "$ROOM_SIF"
		assert_output 'tried$'
		refute_output 'typed '
	done
	# and it can where nobody keeps it: else it would show nothing
	[ "$(cat /proc/sys/dev/tty/legacy_tiocsti 2>/dev/null || echo 1)" = 0 ] || {
		run typed "$SCRATCH/type"
		assert_output '^.?typed plainly'
	}
	# without a terminal there is no filter
	run as_user berth exec "$ROOM_SIF" grep Seccomp: /proc/self/status
	assert_output 'Seccomp:.0'
}

@test "T30 groups: those of the caller, and none can be changed" {
	local gid opt

	gid=$(as_user id -G | tr ' ' '\n' | tail -n 1)
	# a file that everybody but this group may read stays closed
	echo "the flag" >"$SCRATCH/negative"
	chown "root:$gid" "$SCRATCH/negative"
	chmod 0604 "$SCRATCH/negative"
	for opt in --quiet --fakeroot --pid; do
		run as_user berth exec $opt "$ROOM_SIF" cat "$SCRATCH/negative"
		[ "$status" -ne 0 ] || fail "$opt: a group was lost"
		refute_output "the flag"
	done
	run as_user berth exec "$ROOM_SIF" cat /proc/self/setgroups
	assert_success deny
	# an image that names the caller in other groups gives him none of them
	mkdir -p "$SCRATCH/image/etc"
	cp "$ROOM_DIR/probe" "$SCRATCH/image/"; touch "$SCRATCH/image/berth-image"
	printf 'root:x:0:ada\nshadow:x:42:ada\n' >"$SCRATCH/image/etc/group"
	run as_user berth exec "$SCRATCH/image" /probe
	ran
	refute_output 'groups.* (0|42)( |$)'
}

@test "T31 numbers for --fakeroot: somebody's are not used, and lines that lie are skipped" {
	local line

	need_command newuidmap newgidmap
	# on a machine of its own, by a mount of its own
	ids()
	{
		printf '%b' "$1" >"$SCRATCH/subid"
		as_root unshare -m sh -c "touch /etc/subuid /etc/subgid; mount --bind $SCRATCH/subid /etc/subuid &&
			mount --bind $SCRATCH/subid /etc/subgid && exec setpriv --reuid=$CLUSTER_UID --regid=$CLUSTER_UID \
			--clear-groups env HOME=/ $BERTH_PREFIX/bin/berth exec -f $ROOM_SIF cat /proc/self/uid_map" 2>&1
	}
	run ids "ada:3000000:1000\n"
	assert_success
	assert_output '^ +1 +3000000 +1000$'
	# ada's own number, root's, everybody's
	for line in "ada:$((CLUSTER_UID - 5)):10" "ada:0:65536" "ada:1:4294967294" "ada:1:1"; do
		run ids "$line\n"
		assert_success
		assert_lines 1 "^ +0 +$CLUSTER_UID +1\$"
		refute_output '^ +1 '
	done
	for line in "bob:3000000:1000" "ada:4294967295:1" "ada:x:1" "ada:3000000" "" "ada:-1:5"; do
		run ids "$line\n"
		assert_success
		assert_lines 1 '^ '
	done
}

@test "T32 nothing of the machine's control files can be written by who is root in a room" {
	local opt

	for opt in --quiet --fakeroot "--fakeroot --pid --ipc --uts --net"; do
		# shellcheck disable=SC2086
		run as_user berth exec $opt "$ROOM_SIF" sh -c 'for f in /proc/sysrq-trigger /proc/sys/kernel/core_pattern \
			/proc/sys/kernel/modprobe /sys/kernel/uevent_helper /sys/fs/cgroup/cgroup.procs \
			/sys/fs/cgroup/release_agent /sys/fs/cgroup/*/release_agent /proc/1/oom_score_adj; do
				[ -e "$f" ] || continue; (echo x >"$f") 2>/dev/null && echo "wrote $f"; done; true'
		assert_success
		[ "$opt" = --quiet ] || output=${output/wrote \/proc\/1\/oom_score_adj/} # its own
		refute_output wrote
	done
}

@test "T34 root's own program of an image cannot steer the machine" {
	local opt image script

	# open for writing, and write nothing: what is allowed would work
	# shellcheck disable=SC2016
	script='for f in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe \
			/proc/sys/vm/drop_caches /proc/irq/default_smp_affinity /sys/kernel/uevent_helper \
			/sys/kernel/mm/transparent_hugepage/enabled /sys/fs/cgroup/cgroup.procs; do
		[ -e "$f" ] || continue; seen=1; (: >>"$f") 2>/dev/null && echo "wrote $f"; done
	(head -c 1 /proc/kcore >/dev/null) 2>/dev/null && echo "read kcore"; echo "seen $seen"'
	for image in "$ROOM_DIR" "$ROOM_SIF"; do
		for opt in --quiet --pid --contain; do
			run as_root berth exec $opt "$image" sh -c "$script"
			assert_success "seen 1"
		done
	done
	run as_root sh -c "$script"
	assert_output '^wrote'
	# its own files of /proc are its own
	run as_root berth exec "$ROOM_SIF" sh -c 'echo 500 >/proc/self/oom_score_adj && cat /proc/self/oom_score_adj'
	assert_success 500
}

@test "T17 T43 T44 T45 nothing is made, followed or removed by name on the host" {
	local opt name

	# what others might make in well-known places, as links to what must stay
	chmod 1777 "$SCRATCH"
	for name in berth "berth-$CLUSTER_UID" berth-imgfs skeleton1 passwd group upper work; do
		ln -s "$VICTIM" "$SCRATCH/$name"
	done
	for opt in --quiet --pid --fakeroot --writable-tmpfs --hostname=n1; do
		run as_user env TMPDIR="$SCRATCH" XDG_RUNTIME_DIR="$SCRATCH" sh -c "cd $SCRATCH && berth exec $opt $ROOM_SIF /probe"
		assert_success
		run as_user sh -c "cd $SCRATCH && berth exec $opt $ROOM_DIR /probe"
		assert_success
	done
	for name in berth "berth-$CLUSTER_UID" berth-imgfs skeleton1 passwd group upper work; do
		[ "$(readlink "$SCRATCH/$name")" = "$VICTIM" ]
	done
	# an overlay whose directories are links to elsewhere is refused
	mkdir "$SCRATCH/over"
	ln -s "$DROP" "$SCRATCH/over/upper"
	ln -s "$DROP" "$SCRATCH/over/work"
	chown -h -R "$CLUSTER_UID" "$SCRATCH/over"
	run as_user berth exec --overlay "$SCRATCH/over" "$ROOM_SIF" sh -c 'echo x >/x'
	[ "$status" -eq 255 ] || fail "a link was followed"
}
