#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# exec.bats - berth exec, run and shell without Slurm: the program is who and where its caller
# was, in the image, in the caller's own process; and nothing is left behind.
# Needs: root (to become ada), mksquashfs.
load ../harness/common
load rooms

setup_file() { need_login; need_command mksquashfs; rooms_make; }

setup()
{
	need_login
	rooms_load
	scratch_new
	rooms_before
}

teardown()
{
	rooms_after
	scratch_remove
}

# every STATUS CMD...: CMD as ada, with IMAGE set to each kind in turn, ends with STATUS.
every()
{
	local want=$1 IMAGE

	shift
	for IMAGE in "$ROOM_DIR" "$ROOM_SQUASHFS" "$ROOM_SIF"; do
		run as_user env IMAGE="$IMAGE" "$@"
		[ "$status" -eq "$want" ] || fail "$IMAGE: expected status $want"
	done
}

no_server() { ! pgrep -u "$CLUSTER_UID" -x berth-imgfs -r S,R,D >/dev/null; }

# same_inside SCRIPT: prints the same inside as outside, in every kind of image and as root.
same_inside()
{
	local outside IMAGE

	outside=$(as_user bash -c "$1")
	[ -n "$outside" ]
	for IMAGE in "$ROOM_DIR" "$ROOM_SQUASHFS" "$ROOM_SIF"; do
		run as_user berth exec "$IMAGE" bash -c "$1"
		assert_success "$outside"
	done
	outside=$(as_root bash -c "$1")
	run as_root berth exec "$ROOM_SIF" bash -c "$1"
	assert_success "$outside"
}

@test "the program runs in the image, whatever kind it is" {
	# shellcheck disable=SC2016
	every 0 sh -c 'berth exec "$IMAGE" cat /etc/os-release | grep -q "Berth test image"'
}

@test "uid, gid, names and home are the caller's" {
	same_inside 'id -u; id -g; id -un; id -gn; id -ru; id -rg; echo ~ "$HOME"'
}

@test "supplementary groups keep their access" {
	local gid

	gid=$(as_user id -G | tr ' ' '\n' | tail -n 1)
	echo treasure >"$SCRATCH/group"
	chown "root:$gid" "$SCRATCH/group"
	chmod 0640 "$SCRATCH/group"
	# shellcheck disable=SC2016
	every 0 sh -c 'berth exec "$IMAGE" cat '"$SCRATCH/group"
	assert_output treasure
	echo secret >"$SCRATCH/other"
	chmod 0600 "$SCRATCH/other"
	# shellcheck disable=SC2016
	every 1 sh -c 'berth exec "$IMAGE" cat '"$SCRATCH/other"
	refute_output secret
}

@test "root is root of the image's files, without a capability" {
	local image

	for image in "$ROOM_DIR" "$ROOM_SQUASHFS" "$ROOM_SIF"; do
		run as_root berth exec "$image" /probe
		assert_success "$(probe_of 0 0 0)"
	done
}

@test "a user without an entry in passwd" {
	local as="setpriv --reuid=54321 --regid=54321 --clear-groups"

	# shellcheck disable=SC2086
	run as_root $as env HOME=/tmp berth exec "$ROOM_DIR" sh -c 'id -u; id -g; pwd; echo "$HOME"'
	assert_success
	assert_output '^54321$'
	assert_lines 2 '^54321$'
	assert_output '^/tmp$'
	# shellcheck disable=SC2086
	run as_root $as env -u HOME berth exec "$ROOM_SQUASHFS" /probe
	assert_success
	assert_output 'uid 54321 54321 54321 54321 gid 54321 54321 54321 54321 groups .*root IMAGE'
}

# A name service whose module talks to root's sockets only, as winbind's does: nothing is root's in
# the user namespace.
@test "the name service is asked outside of the user namespace" {
	need_command cc
	cc -shared -fPIC -o "$SCRATCH/names.so" -x c - <<-'EOF'
		#include <grp.h>
		#include <pwd.h>
		#include <stdlib.h>
		#include <sys/stat.h>
		static int outside(void)
		{
			struct stat st;
			return stat("/proc/self/ns/user", &st) == 0 && st.st_ino == strtoul(getenv("OUTSIDE"), NULL, 10);
		}
		struct passwd *getpwuid(uid_t uid)
		{
			static struct passwd pw = { .pw_name = "eva", .pw_dir = "/tmp", .pw_shell = "/bin/sh",
						    .pw_gecos = "", .pw_passwd = "x" };
			pw.pw_uid = pw.pw_gid = uid;
			return outside() ? &pw : NULL;
		}
		struct group *getgrgid(gid_t gid)
		{
			static char *none[] = { NULL };
			static struct group gr = { .gr_name = "evas", .gr_passwd = "x", .gr_mem = none };
			gr.gr_gid = gid;
			return outside() ? &gr : NULL;
		}
	EOF
	chmod 0755 "$SCRATCH" "$SCRATCH/names.so"
	run as_root setpriv --reuid=54321 --regid=54321 --clear-groups \
		env OUTSIDE="$(stat -L -c %i /proc/self/ns/user)" LD_PRELOAD="$SCRATCH/names.so" \
		berth exec "$ROOM_SQUASHFS" sh -c 'grep :54321: /etc/passwd /etc/group'
	assert_success
	assert_output '/etc/passwd:eva:'
	assert_output '/etc/group:evas:'
}

@test "the image's passwd and group keep their other lines, and gain the caller's once" {
	run as_user berth exec "$ROOM_SIF" sh -c 'cat /etc/passwd; echo; cat /etc/group'
	assert_success
	assert_lines 1 "^[^:]*:x:$CLUSTER_UID:$CLUSTER_UID:.*:/"
	assert_lines 2 '^root:'
}

@test "home is bound, and the working directory is kept" {
	# shellcheck disable=SC2016
	every 0 bash -c 'mkdir -p ~/deep/er; cd ~/deep/er; echo "$IMAGE" >mark
		berth exec "$IMAGE" sh -c "pwd; cat mark; echo back >answer"; cat answer; rm -r ~/deep'
	assert_output '/deep/er$'
	assert_output "^$ROOM_SIF$"
	assert_output '^back$'
	# outside of home, on the same path
	# shellcheck disable=SC2016
	every 0 sh -c 'cd '"$SCRATCH"'; berth exec "$IMAGE" pwd'
	assert_success "$SCRATCH"
}

@test "a working directory that images have of their own is the image's" {
	# shellcheck disable=SC2016
	every 0 sh -c 'cd /usr && berth exec "$IMAGE" sh -c "pwd; ls -d /usr/only-in-image"'
	assert_success "$(printf '/usr\n/usr/only-in-image')"
}

@test "a working directory that is gone, unreadable or in /proc" {
	run as_user bash -c "mkdir $SCRATCH/gone; cd $SCRATCH/gone; rmdir $SCRATCH/gone; berth exec $ROOM_DIR pwd 2>/dev/null"
	assert_success "$(as_user sh -c 'echo $HOME')"
	run as_user bash -c "cd /proc/self/fd; berth exec $ROOM_SIF /bin/pwd 2>/dev/null"
	assert_success
	assert_output '^/'
	run as_user bash -c "mkdir $SCRATCH/shut; cd $SCRATCH/shut; chmod 0 .; berth exec $ROOM_SIF pwd 2>/dev/null; chmod 700 $SCRATCH/shut"
	assert_success
	assert_output '^/'
}

@test "--pwd: inside, or an error" {
	# shellcheck disable=SC2016
	every 0 sh -c 'berth exec --pwd /usr/only-in-image/sub "$IMAGE" pwd'
	assert_success /usr/only-in-image/sub
	# shellcheck disable=SC2016
	every 255 sh -c 'berth exec --pwd /nowhere "$IMAGE" pwd'
	assert_output "berth: cannot start in '/nowhere'"
}

@test "umask, limits, affinity, priority and ignored signals are the caller's" {
	local script='umask; ulimit -a; ulimit -Ha; taskset -p $$ | sed "s/.*://"
		grep -E "^(Sig(Blk|Ign)|Cpus_allowed_list|Seccomp):" /proc/self/status; cat /proc/self/oom_score_adj'

	same_inside "$script"
	# odd ones
	local odd='umask 0037; ulimit -S -c 0 -n 333 -s 7777; trap "" USR2 HUP; taskset -pc 0 $$ >/dev/null; '
	run as_user bash -c "$odd exec bash -c '$script'"
	local outside=$output
	run as_user bash -c "$odd exec berth exec $ROOM_SQUASHFS bash -c '$script'"
	assert_success "$outside"
}

@test "standard input, output and error are the caller's, byte for byte" {
	local image

	head -c 3000000 /dev/urandom >"$SCRATCH/in"
	for image in "$ROOM_DIR" "$ROOM_SIF"; do
		as_user berth exec "$image" sh -c 'cat; echo error >&2' <"$SCRATCH/in" >"$SCRATCH/out" 2>"$SCRATCH/err"
		cmp "$SCRATCH/in" "$SCRATCH/out"
		[ "$(<"$SCRATCH/err")" = error ]
	done
	# a pipe's reader sees the end when the program ends, not when the server does
	run timeout 10 bash -c "'$HARNESS/cluster.sh' run berth exec $ROOM_SIF sh -c '
		sleep 15 >/dev/null 2>&1 </dev/null & echo said' 3>&- | cat"
	assert_success said
	pkill -u "$CLUSTER_UID" -x sleep
}

@test "closed standard descriptors stay closed, and are nobody else's" {
	run as_user bash -c "berth exec $ROOM_SIF sh -c 'ls -l /proc/\$\$/fd' 0<&- 2>/dev/null"
	assert_success
	refute_output 'berth|fuse|socket|/skeleton'
	run as_user bash -c "berth exec $ROOM_DIR true 0<&- 1>&- 2>&-"
	assert_success
	run as_user bash -c "berth exec $ROOM_SIF true 0<&- 1>&- 2>&-"
	assert_success
}

@test "inherited descriptors stay open, at their numbers, and none is added" {
	# shellcheck disable=SC2016
	every 0 bash -c 'echo seven >'"$SCRATCH"'/7; exec 7<'"$SCRATCH"'/7 99>'"$SCRATCH"'/99
		list="echo /proc/\$BASHPID/fd/* | sed s,/proc/[0-9]*/fd/,,g"; bash -c "$list; :"
		exec berth exec "$IMAGE" bash -c "$list; cat <&7; echo out >&99"'
	[ "${lines[0]}" = "${lines[1]}" ] || fail "descriptors differ"
	[ "${lines[2]}" = seven ]
	[ "$(<"$SCRATCH/99")" = out ]
}

@test "the exit status is the program's" {
	# shellcheck disable=SC2016
	every 0 sh -c 'for n in 0 1 3 125 126 127 255; do
		berth exec "$IMAGE" sh -c "exit $n"; [ $? = $n ] || exit 1; done'
}

@test "death by a signal is the program's" {
	# shellcheck disable=SC2016
	every 0 bash -c 'berth exec "$IMAGE" sh -c "kill -TERM \$\$"; [ $? = 143 ] || exit 1
		berth exec "$IMAGE" sh -c "kill -KILL \$\$"; [ $? = 137 ]'
}

@test "a signal to the caller's pid reaches the program" {
	# shellcheck disable=SC2016
	every 0 timeout 20 bash -c 'berth exec "$IMAGE" bash -c "trap \"echo got; exit 7\" USR1; echo ready >'"$SCRATCH"'/ready
		while :; do sleep 0.05; done" & until [ -s '"$SCRATCH"'/ready ]; do sleep 0.02; done
		rm '"$SCRATCH"'/ready; kill -USR1 $!; wait $!; [ $? = 7 ]'
	assert_output got
}

@test "the program takes the caller's process: pid, session, no child, no zombie, no signal" {
	# shellcheck disable=SC2016
	every 0 bash -c 'exec env --block-signal=CHLD bash -c "
		echo \$\$ \$(ps -o sid=,pgid= -p \$\$)
		exec berth exec $IMAGE bash -c '\''
			children=\$(</proc/\$\$/task/\$\$/children)
			while read -r k v; do case \$k in SigPnd:|ShdPnd:) pending=\$pending\$v ;; esac; done </proc/\$\$/status
			echo \$\$ \$(ps -o sid=,pgid= -p \$\$)
			echo \"[\$children]\" \$pending'\''"'
	[ "${lines[0]}" = "${lines[1]}" ] || fail "another process"
	[ "${lines[2]}" = "[] 00000000000000000000000000000000" ] || fail "children or pending signals"
}

@test "children that the caller had before stay its own" {
	# shellcheck disable=SC2016
	every 0 bash -c 'sleep 0.3 & echo $!; exec berth exec "$IMAGE" bash -c "cat /proc/\$\$/task/\$\$/children"'
	[ "${lines[0]}" = "${lines[1]% }" ] || fail "another child"
}

@test "environment: the host's search paths stay out, the job's variables come in" {
	# shellcheck disable=SC2016
	every 0 env LD_LIBRARY_PATH=/host LD_PRELOAD= PATH="/host/bin:$BERTH_PREFIX/bin:/usr/bin:/bin" \
		SLURM_JOB_ID=7 PMI_RANK=3 PMIX_RANK=4 OMPI_COMM_WORLD_RANK=5 CUDA_VISIBLE_DEVICES=1 FOO=bar \
		BERTHENV_MINE=1 SINGULARITYENV_OLD=2 BERTH_BIND=/usr/bin/env:/opt/env \
		sh -c 'berth exec --env A=1 --env A=2 "$IMAGE" env 2>/dev/null' 
	local line
	for line in SLURM_JOB_ID=7 PMI_RANK=3 PMIX_RANK=4 OMPI_COMM_WORLD_RANK=5 CUDA_VISIBLE_DEVICES=1 FOO=bar \
		MINE=1 OLD=2 A=2; do
		assert_lines 1 "^$line$"
	done
	refute_output '^LD_(LIBRARY_PATH|PRELOAD)='
	refute_output '^PATH=.*/host'
	refute_output '^(BERTHENV|SINGULARITYENV|BERTH_BIND)'
}

@test "locale: one that the image lacks becomes another, and what was set for inside stays" {
	local show='echo $LANG $LC_ALL $LC_TIME'

	mkdir -p "$SCRATCH/image/usr/lib/locale"
	cp -a "$ROOM_DIR/." "$SCRATCH/image"
	chmod 0755 "$SCRATCH" "$SCRATCH/image"
	run as_user env LANG=xx_YY.UTF-8 LC_TIME=C berth exec "$SCRATCH/image" sh -c "$show"
	assert_success "C C"
	mkdir -p "$SCRATCH/image/usr/lib/locale/C.utf8" "$SCRATCH/image/usr/lib/locale/de_DE.utf8"
	touch "$SCRATCH/image/usr/lib/locale/"{C,de_DE}.utf8/LC_CTYPE
	run as_user env LANG=xx_YY.UTF-8 LC_ALL=de_DE.UTF-8 LC_TIME=../../x berth exec "$SCRATCH/image" sh -c "$show"
	assert_success "C.UTF-8 de_DE.UTF-8 C.UTF-8"
	run as_user env LANG=xx_YY.UTF-8 berth exec --keep-locale "$SCRATCH/image" sh -c "$show"
	assert_success "xx_YY.UTF-8"
	run as_user env LANG=xx_YY.UTF-8 BERTHENV_LC_ALL=zz_ZZ berth exec --env LANG=xx_YY.UTF-8 "$SCRATCH/image" sh -c "$show"
	assert_success "xx_YY.UTF-8 zz_ZZ"
	# names in an archive; anything else there is none
	rm -r "$SCRATCH/image/usr/lib/locale/de_DE.utf8"
	python3 -c 'import struct, sys
sys.stdout.buffer.write(struct.pack("=14I", 0xde020109, 0, 0, 0, 0, 56, 11, 11, 0, 0, 0, 0, 0, 0) + b"de_DE.utf8\0")' \
		>"$SCRATCH/image/usr/lib/locale/locale-archive"
	run as_user env LANG=de_DE.UTF-8 LC_ALL=fr_FR.UTF-8 berth exec "$SCRATCH/image" sh -c "$show"
	assert_success "de_DE.UTF-8 C.UTF-8"
	# an image without glibc's directory: musl takes any
	rm -r "$SCRATCH/image/usr/lib/locale"
	run as_user env LANG=xx_YY.UTF-8 berth exec "$SCRATCH/image" sh -c "$show"
	assert_success "xx_YY.UTF-8"
}

@test "binds: directory, file, read-only, on absent targets, over links, nested" {
	mkdir -p "$SCRATCH/src/sub" "$SCRATCH/inner"
	echo one >"$SCRATCH/src/file"
	echo two >"$SCRATCH/inner/file"
	chown -R "$CLUSTER_UID" "$SCRATCH"
	# shellcheck disable=SC2016
	every 0 sh -c 'berth exec -B '"$SCRATCH"'/src:/new/deep/place -B '"$SCRATCH"'/src/file:/new/deep/other \
		-B '"$SCRATCH"'/src:/read:ro -B '"$SCRATCH"'/inner:/new/deep/place/sub \
		-B '"$SCRATCH"'/inner:/dangling -B '"$SCRATCH"'/inner:/to-usr/bound "$IMAGE" sh -ec "
		cat /new/deep/place/file /new/deep/other /new/deep/place/sub/file /read/file
		cat /dangling/file /usr/only-in-image/bound/file
		echo more >/new/deep/place/written
		! echo no >/read/written"'
	assert_output '^one'
	assert_lines 3 '^one$'
	assert_lines 3 '^two$'
	[ "$(<"$SCRATCH/src/written")" = more ]
	[ ! -e "$SCRATCH/src/sub/file" ]
}

@test "binds: what cannot be is refused, with the path, and nothing runs" {
	local bind

	mkdir "$SCRATCH/src"
	echo x >"$SCRATCH/file"
	for bind in "$SCRATCH/none" "$SCRATCH/src:/" "$SCRATCH/src:/proc" "$SCRATCH/src:/dev/x" "$SCRATCH/src:/sys/../x" \
		"src:/x" "$SCRATCH/src:x" "$SCRATCH/src:/x:rx" "$SCRATCH/src:/x:ro:y" \
		"$SCRATCH/file:/usr" "$SCRATCH/src:/new/x,$SCRATCH/file:/new/x/absent"; do
		# shellcheck disable=SC2016
		for IMAGE in "$ROOM_DIR" "$ROOM_SIF"; do
			run as_user berth exec -B "$bind" "$IMAGE" touch "$SCRATCH/ran"
			[ "$status" -eq 1 ] || [ "$status" -eq 255 ] || fail "$bind: status"
			assert_output '^berth: '
			[ ! -e "$SCRATCH/ran" ]
		done
	done
}

@test "one root, nothing of the host's mounts, nosuid and nodev, read-only" {
	local image

	for image in "$ROOM_DIR" "$ROOM_SQUASHFS" "$ROOM_SIF"; do
		for who in as_user as_root; do
			run "$who" berth exec "$image" cat /proc/self/mountinfo
			assert_success
			mounts_fine
			run "$who" berth exec "$image" sh -c 'touch /new-file || mkdir /new-dir || rm -f /etc/os-release || echo x >/etc/os-release'
			assert_failure
			assert_output 'read-only'
		done
	done
}

@test "/proc, /sys, /dev, /tmp and /dev/shm are the host's" {
	touch /tmp/berth-exec-$$
	# shellcheck disable=SC2016
	every 0 sh -c 'berth exec "$IMAGE" sh -ec "
		[ -c /dev/null ]; echo x >/dev/null; [ -e /tmp/berth-exec-'$$' ]; [ -d /proc/'$$' ]; [ -d /sys/devices ]
		touch /dev/shm/berth-exec-'$$' /tmp/berth-exec-mine; rm /dev/shm/berth-exec-'$$' /tmp/berth-exec-mine"' || true
	rm -f /tmp/berth-exec-$$
	assert_success
}

@test "images that are not: a message that names the file, and 255" {
	printf 'just text' >"$SCRATCH/text"
	: >"$SCRATCH/empty"
	head -c 20000 "$ROOM_SIF" >"$SCRATCH/short.sif"
	head -c 100 "$ROOM_SIF" >"$SCRATCH/header.sif"
	head -c 3000 "$ROOM_SQUASHFS" >"$SCRATCH/short.sqfs"
	head -c 50 "$ROOM_SQUASHFS" >"$SCRATCH/super.sqfs"
	{ head -c 100 "$ROOM_SQUASHFS"; head -c 100000 /dev/urandom; } >"$SCRATCH/noise.sqfs"
	mkfifo "$SCRATCH/fifo"
	mkdir "$SCRATCH/closed"
	cp "$ROOM_SQUASHFS" "$SCRATCH/unreadable.sqfs"
	chown -R "$CLUSTER_UID" "$SCRATCH"
	chown root "$SCRATCH/closed" "$SCRATCH/unreadable.sqfs"
	chmod 0700 "$SCRATCH/closed" "$SCRATCH/unreadable.sqfs"
	local name
	for name in none text empty short.sif header.sif short.sqfs super.sqfs noise.sqfs fifo closed unreadable.sqfs \
		closed/x text/x; do
		run timeout 10 "$HARNESS/cluster.sh" run berth exec "$SCRATCH/$name" true
		assert_failure 255
		assert_output "^berth: .*$SCRATCH/$name"
		[ "$name" != unreadable.sqfs ] || continue # root may
		run timeout 10 "$HARNESS/cluster.sh" run -u root berth exec "$SCRATCH/$name" true
		assert_failure 255
	done
	run as_user berth exec /dev/null true
	assert_failure 255
}

@test "an ext3 image of Singularity 2.x is refused with the command that converts it, and it does" {
	local image

	need_command mkfs.ext3
	truncate -s 8M "$SCRATCH/plain.img"
	mkfs.ext3 -q -F -d "$ROOM_DIR/.singularity.d" "$SCRATCH/plain.img"
	{ echo '#!/usr/bin/env run-singularity'; cat "$SCRATCH/plain.img"; } >"$SCRATCH/launch.img"
	chmod 0644 "$SCRATCH"/*.img
	for image in plain launch; do
		run as_user berth exec "$SCRATCH/$image.img" true
		[ "$status" -eq 255 ]
		assert_output 'ext3 image of Singularity 2.x'
		run as_user sh -c "cd $SCRATCH && $(sed -n 's/.*convert it once: //p' <<<"$output" |
			sed "s|IMAGE|$image.img|; s|NEW.sif|$image.sif|")"
		assert_success
		run as_user berth export "$SCRATCH/$image.sif" "$SCRATCH/$image.tar"
		assert_success
		tar -tf "$SCRATCH/$image.tar" | grep -qx runscript
	done
}

@test "an empty directory is no image of ours to mend: the program is missing" {
	mkdir "$SCRATCH/void"
	chown "$CLUSTER_UID" "$SCRATCH/void"
	run as_user berth exec "$SCRATCH/void" true
	assert_failure 255
	assert_output "berth: .*'?true'?"
	[ -z "$(ls -A "$SCRATCH/void")" ] || fail "something was made in the image"
}

@test "wrong words: usage, and 1" {
	local args

	for args in "" "--no-such-option x true" "-B" "$ROOM_DIR" "--env novalue $ROOM_DIR true"; do
		# shellcheck disable=SC2086
		run as_user berth exec $args
		assert_failure 1
		assert_output '^berth: '
	done
}

@test "a missing program, one that is no program, one for another machine" {
	# shellcheck disable=SC2016
	every 255 sh -c 'berth exec "$IMAGE" no-such-program'
	assert_output "no-such-program"
	# shellcheck disable=SC2016
	every 255 sh -c 'berth exec "$IMAGE" /etc/os-release'
	assert_output "/etc/os-release"
}

@test "run: the runscript with the arguments; shell: a shell" {
	# shellcheck disable=SC2016
	every 0 sh -c 'berth run "$IMAGE" one "two words"'
	assert_output '^runscript: one,two words,$'
	# shellcheck disable=SC2016
	every 0 sh -c 'echo "cat /etc/os-release; echo \$\$" | berth shell "$IMAGE"'
	assert_output 'Berth test image'
}

@test "the image server ends within 2 s of the last process, also of one in the background" {
	# shellcheck disable=SC2016
	as_user sh -c 'berth exec '"$ROOM_SIF"' sh -c "
		sleep 1.5 </dev/null >/dev/null 2>&1 && cat /etc/os-release >'"$SCRATCH"'/late &"'
	[ -n "$(pgrep -u "$CLUSTER_UID" -x berth-imgfs)" ] || fail "the server is gone before the last process"
	eventually 5 test -s "$SCRATCH/late"
	grep -q 'Berth test image' "$SCRATCH/late"
	eventually 2 no_server
}

@test "kill -9 of the program leaves nothing" {
	local pid

	as_user sh -c "exec berth exec $ROOM_SIF sleep 60" 3>&- &
	pid=$!
	eventually 5 pgrep -u "$CLUSTER_UID" -x sleep
	kill -9 "$(pgrep -u "$CLUSTER_UID" -x sleep)"
	wait "$pid" || true
	eventually 2 no_server
}

@test "kill -9 of the server: the program gets an error, not a hang" {
	local pid

	as_user sh -c "exec berth exec $ROOM_SIF sh -c 'echo up >$SCRATCH/up; while [ ! -e $SCRATCH/go ]; do sleep 0.05; done
		cat /usr/only-in-image/data; echo \$? >$SCRATCH/rc'" >/dev/null 2>&1 3>&- &
	pid=$!
	eventually 5 test -s "$SCRATCH/up"
	kill -9 "$(pgrep -u "$CLUSTER_UID" -x berth-imgfs -r S,R,D)"
	touch "$SCRATCH/go"
	eventually 5 sh -c "! kill -0 $pid"
}

@test "options and commands of other runtimes: not there, and what to do" {
	run as_user berth exec --nvccli image true
	assert_failure 1 "no option '--nvccli'"
	assert_output 'LD_LIBRARY_PATH'
	# taken, and said what it does not do
	run as_user berth exec --nv --rocm "$ROOM_SIF" echo ran
	assert_success
	assert_output '^ran$'
	assert_output "driver libraries are not added"
	run as_user env APPTAINER_NV=1 berth exec --no-nv "$ROOM_SIF" echo ran
	assert_success ran
	run as_user berth build --update dir image
	assert_failure 1 "no option '--update'"
	run as_user berth build -Fu dir image
	assert_failure 1 "no option '-u'"
	run as_user berth build --force=yes image dir
	assert_failure 1 'force takes no argument'
	run as_user berth search debian
	assert_failure 1 "no command 'search'"
	run as_user berth exec --nosuch image true
	assert_failure 1 "unknown option '--nosuch'"
}
