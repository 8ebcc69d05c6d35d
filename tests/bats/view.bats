#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# view.bats - the options of berth exec, run and shell that change what is seen inside: binds, the
# home, what is left out, what is empty. Nothing of it is seen by the host, and nothing is left.
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

# refused STATUS REGEX ARG...: berth exec ARG... IMAGE does not run its program.
refused()
{
	local want=$1 regex=$2

	shift 2
	run as_user berth exec "$@" "$ROOM_DIR" touch "$SCRATCH/ran"
	assert_failure "$want" "$regex"
	[ ! -e "$SCRATCH/ran" ] || fail "it ran"
}

# ---- binds ---------------------------------------------------------------------------------

@test "bind sources are relative to the working directory, on the command line and in variables" {
	mkdir -p "$SCRATCH/here/data" "$SCRATCH/beside"
	echo data >"$SCRATCH/here/data/file"
	echo beside >"$SCRATCH/beside/file"
	chown -R "$CLUSTER_UID" "$SCRATCH"
	# shellcheck disable=SC2016
	every 0 sh -ec 'cd '"$SCRATCH"'/here
		berth exec -B data:/data "$IMAGE" cat /data/file
		berth exec -B ../beside:/data,data:/other "$IMAGE" cat /data/file /other/file
		berth exec -B ./data/file:/one "$IMAGE" cat /one
		BERTH_BIND=data:/data berth exec "$IMAGE" cat /data/file
		APPTAINER_BIND=data:/data berth exec "$IMAGE" cat /data/file
		SINGULARITY_BINDPATH=data:/data berth exec "$IMAGE" cat /data/file'
	assert_success "$(printf 'data\nbeside\ndata\ndata\ndata\ndata\ndata')"
	refused 255 "cannot bind '$CLUSTER_DIR/home/ada/none'" -B none:/data
	refused 1 "bind target 'data' is not absolute" -B "$SCRATCH:data"
}

@test "a variable's binds come after the command line's, and do not cover them" {
	mkdir -p "$SCRATCH/a" "$SCRATCH/b/sub" "$SCRATCH/c"
	echo a >"$SCRATCH/a/file"
	echo b >"$SCRATCH/b/file"
	echo c >"$SCRATCH/c/file"
	chown -R "$CLUSTER_UID" "$SCRATCH"
	# shellcheck disable=SC2016
	every 0 sh -ec 'cd '"$SCRATCH"'
		BERTH_BIND=a:/data berth exec -B b:/data "$IMAGE" cat /data/file
		BERTH_BIND=c:/data/sub berth exec -B b:/data "$IMAGE" cat /data/sub/file'
	assert_success "$(printf 'b\nc')"
}

@test "--mount: a bind as CSV, with paths that --bind would cut" {
	mkdir -p "$SCRATCH/a,b:c" "$SCRATCH/plain"
	echo odd >"$SCRATCH/a,b:c/file"
	echo plain >"$SCRATCH/plain/file"
	chown -R "$CLUSTER_UID" "$SCRATCH"
	# shellcheck disable=SC2016
	every 0 sh -ec 'cd '"$SCRATCH"'
		berth exec --mount "type=bind,\"src=$PWD/a,b:c\",dst=/odd,ro" --mount source=plain,target=/p "$IMAGE" sh -ec "
			cat /odd/file /p/file; ! { echo x >/odd/file; } 2>/dev/null; echo plain >/p/file"
		export BERTH_MOUNT="type=bind,src=plain,dst=/one
type=bind,src=plain,dst=/two"
		berth exec "$IMAGE" cat /one/file /two/file'
	assert_success "$(printf 'odd\nplain\nplain\nplain')"
	refused 1 "--mount: a mount of type 'tmpfs'" --mount type=tmpfs,dst=/x
	refused 1 "no option 'image-src'" --mount "src=$SCRATCH,dst=/x,image-src=/y"
	refused 1 "no option 'id'" --bind "$SCRATCH:/x:id=2"
	refused 255 "cannot bind '$SCRATCH/none'" --mount "src=$SCRATCH/none,dst=/x"
}

# ---- the home, and what is left out ---------------------------------------------------------

@test "--home: another directory is the home, under its own or another name" {
	mkdir "$SCRATCH/mine"
	echo mine >"$SCRATCH/mine/file"
	chown -R "$CLUSTER_UID" "$SCRATCH"
	# shellcheck disable=SC2016
	every 0 sh -ec 'cd '"$SCRATCH"'
		show="cat ~/file; echo ~ \$HOME; pwd; grep :'"$CLUSTER_UID"': /etc/passwd | cut -d: -f6; echo x >~/written"
		berth exec -H mine:/home/new "$IMAGE" sh -ec "$show"
		cd /
		berth exec --home '"$SCRATCH"'/mine "$IMAGE" sh -ec "$show"
		APPTAINER_HOME='"$SCRATCH"'/mine:/n berth exec "$IMAGE" sh -ec "$show"'
	assert_success "$(printf 'mine\n/home/new /home/new\n%s\n/home/new\nmine\n%s %s\n/\n%s\nmine\n/n /n\n/\n/n' \
		"$SCRATCH" "$SCRATCH/mine" "$SCRATCH/mine" "$SCRATCH/mine")"
	[ "$(<"$SCRATCH/mine/written")" = x ]
	refused 255 "cannot bind '$SCRATCH/none'" --home "$SCRATCH/none:/h"
	refused 1 '--home: ' --home "$SCRATCH:/proc"
	refused 1 '--home: ' --home "$SCRATCH:h"
}

@test "--no-home: not bound, but named; a working directory in it is" {
	# shellcheck disable=SC2016
	every 0 sh -ec 'home=$(echo ~); mkdir -p ~/deep; touch ~/deep/file ~/other; cd ~/deep
		echo $home $home
		berth exec --no-mount tmp --no-home "$IMAGE" sh -ec "
			echo ~ \$HOME; ls; ls $home"
		cd /
		BERTH_NO_HOME=1 berth exec --no-mount tmp "$IMAGE" sh -c "ls $home 2>/dev/null || echo none"
		rm -r ~/deep ~/other'
	[ "${lines[0]}" = "${lines[1]}" ] || fail "another home"
	[ "${lines[2]}" = file ] && [ "${lines[3]}" = deep ] && [ "${lines[4]}" = none ] || fail "not only the directory"
}

@test "--no-mount: each of the view, and none but that" {
	local what where image

	for image in "$ROOM_SQUASHFS" "$ROOM_SIF"; do # a directory has mounts that depend on the others
		run as_user sh -c "cd /usr/src && berth exec $image cat /proc/self/mountinfo"
		awk '/^[0-9]/ { print $5 }' <<<"$output" | sort >"$SCRATCH/all"
		for what in sys:/sys dev:/dev tmp:'(/var)?/tmp' cwd:/usr/src bind-paths:'/etc/(hosts|localtime)' \
			/etc/hosts:/etc/hosts devpts:- hostfs:-; do
			where=${what#*:}
			run as_user sh -c "cd /usr/src && berth exec --no-mount ${what%%:*} $image cat /proc/self/mountinfo"
			assert_success
			awk '/^[0-9]/ { print $5 }' <<<"$output" | sort >"$SCRATCH/some"
			grep -vE "^$where(/|$)" "$SCRATCH/all" | grep -v "^$CLUSTER_DIR" | diff - <(grep -v "^$CLUSTER_DIR" "$SCRATCH/some") ||
				fail "$what"
		done
	done
	run as_user berth exec --no-mount proc,sys "$ROOM_SIF" sh -c 'echo /proc/* /sys/*'
	assert_success '/proc/* /sys/*'
	refused 1 "--no-mount: 'proc sys' is nothing" --no-mount 'proc sys'
}

# ---- contained -------------------------------------------------------------------------------

@test "--contain: a small /dev that works, and whose terminals are its own" {
	local image who

	for image in "$ROOM_DIR" "$ROOM_SIF"; do
		for who in as_user as_root; do
			run "$who" berth exec -c "$image" sh -ec '
				ls /dev | tr "\n" " "; ls -A /dev/shm /dev/pts
				echo x >/dev/null; [ "$(head -c 3 /dev/zero | tr "\0" z)" = zzz ]
				[ "$(head -c 3 /dev/urandom | wc -c)" = 3 ]; ! { echo x >/dev/full; } 2>/dev/null
				echo stdin | cat /dev/stdin; echo fd | cat /dev/fd/0
				echo mine >/dev/shm/file; cat /dev/shm/file; stat -c %a /dev/shm
				! { echo x >/dev/new; } 2>/dev/null; ! mknod /dev/shm/node c 1 3 2>/dev/null'
			assert_success "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero /dev/pts:
ptmx

/dev/shm:
stdin
fd
mine
1777"
		done
	done
	need_command python3
	run as_user berth exec -c -B /usr/bin -B /usr/lib -B /lib64 -B /lib "$ROOM_SIF" python3 -c '
import os, pty
a, b = pty.openpty()
print(os.ttyname(b), os.listdir("/dev/pts"))'
	assert_success "/dev/pts/0 ['0', 'ptmx']"
}

@test "--contain: /tmp, /var/tmp and home are empty, and gone afterwards; the start is at home" {
	local mark=berth-contain-$$

	as_user sh -c "touch /tmp/$mark ~/$mark"
	# shellcheck disable=SC2016
	every 0 sh -ec 'cd '"$SCRATCH"'; berth exec -c "$IMAGE" sh -ec "
		[ \$(pwd) = ~ ]; ls -A /tmp ~; ls /var/tmp; [ ! -e '"$SCRATCH"' ]
		stat -c %a /tmp /var/tmp ~
		echo t >/tmp/t; echo v >/var/tmp/v; echo h >~/h; cat /tmp/t /var/tmp/v ~/h
		grep -c . /etc/hosts >/dev/null; id -un"
		[ ! -e /tmp/t ]; [ ! -e /var/tmp/v ]; [ ! -e ~/h ]; rm -f /tmp/no'
	assert_success "/tmp:

$CLUSTER_DIR/home/ada:
$(cut -d/ -f4 <<<"$CLUSTER_DIR")
1777
1777
700
t
v
h
ada"
	# and at most so much of it, that a mistake does not take the node's memory
	run as_user berth exec -c "$ROOM_SIF" sh -c 'head -c 70000000 /dev/zero >/tmp/big'
	assert_failure 1 'no space left'
	as_user sh -c "rm /tmp/$mark ~/$mark"
}

@test "--contain: the user's binds, home and working directory are there when they are named" {
	mkdir -p "$SCRATCH/data" "$SCRATCH/mine"
	echo data >"$SCRATCH/data/file"
	echo mine >"$SCRATCH/mine/file"
	chown -R "$CLUSTER_UID" "$SCRATCH"
	# shellcheck disable=SC2016
	every 0 sh -ec 'cd '"$SCRATCH"'
		berth exec -c -B data:/data,data/file:/tmp/deep/file,data:/var/tmp/d -H mine:/home/new "$IMAGE" sh -ec "
			cat /data/file /tmp/deep/file /var/tmp/d/file ~/file; pwd; echo written >/data/new"
		cat data/new; rm data/new
		berth exec -c -B . --pwd '"$SCRATCH"' "$IMAGE" sh -c "pwd; ls"'
	assert_success "$(printf 'data\ndata\ndata\nmine\n/home/new\nwritten\n%s\ndata\nmine' "$SCRATCH")"
}

@test "--contain: devices by name, none but the host's own" {
	local node=fuse

	[ "$(stat -c %d /dev/loop-control 2>/dev/null)" != "$(stat -c %d /dev)" ] || node=loop-control
	run as_user berth exec -c -B /dev/shm,/dev/ptmx "$ROOM_SIF" sh -c 'ls /dev/ptmx; ls -d /dev/shm'
	assert_success
	# a directory is shown, but no device that somebody put there works
	mkdir "$SCRATCH/dev"
	mknod -m 0666 "$SCRATCH/dev/zero" c 1 5
	mknod -m 0666 "$SCRATCH/dev/loop" b 7 0
	run as_root berth exec -c -B "$SCRATCH/dev:/mnt/dev" "$ROOM_SIF" head -c1 /mnt/dev/zero
	assert_failure 1 'permission denied'
	refused 1 "nothing can be bound on '/dev/zero'" -c -B "$SCRATCH/dev/zero:/dev/zero"
	refused 1 "nothing can be bound on '/dev/x'" -c -B "$SCRATCH/dev:/dev/x"
	refused 255 "cannot bind '/dev/none'" -c -B /dev/none
	# a node that lies on another mount is bound over one of /dev: it is not of the host's /dev
	# shellcheck disable=SC2016
	run as_root unshare -m --propagation private sh -ec 'mount --bind "$1" /dev/kmsg; shift
		setpriv --reuid='"$CLUSTER_UID"' --regid='"$CLUSTER_UID"' --clear-groups "$@"' sh "$SCRATCH/dev/loop" \
		"$BERTH_PREFIX/bin/berth" exec -c -B /dev/kmsg "$ROOM_DIR" true
	assert_failure 255 "bind '/dev/kmsg' on '/dev/kmsg': it is no device of the host's own /dev"
	[ $node = fuse ] || {
		run as_root berth exec -c -B /dev/loop-control "$ROOM_SIF" sh -c 'ls /dev/loop-control; : </dev/loop-control'
		assert_success /dev/loop-control
	}
}

@test "--workdir: kept below it, and made if missing" {
	# shellcheck disable=SC2016
	every 0 sh -ec 'rm -rf '"$SCRATCH"'/w; cd '"$SCRATCH"'
		berth exec -c -W w/deep --scratch /sc,/s/d "$IMAGE" sh -ec "echo t >/tmp/t; echo v >/var/tmp/v; echo h >~/h
			echo 1 >/sc/1; echo 2 >/s/d/2"
		(cd w/deep; cat tmp/t var_tmp/v home/h scratch/sc/1 scratch/s/d/2
		stat -c %a tmp var_tmp home scratch/sc)
		BERTH_CONTAIN=1 BERTH_WORKDIR=w/deep berth exec "$IMAGE" sh -ec "cat /tmp/t ~/h"
		rm -r w/deep/tmp; ln -s /etc w/deep/tmp
		! berth exec -c -W w/deep "$IMAGE" true 2>/dev/null'
	assert_success "$(printf 't\nv\nh\n1\n2\n1777\n1777\n700\n700\nt\nh')"
	refused 255 "cannot make the directory '/proc/w/tmp'" -c -W /proc/w
}

@test "--scratch: empty directories at places that the image need not have" {
	mkdir "$SCRATCH/data"
	echo data >"$SCRATCH/data/file"
	# shellcheck disable=SC2016
	every 0 sh -ec 'berth exec -S /sc,/new/deep/er -S /usr/only-in-image/sub -B '"$SCRATCH"'/data:/sc/a/b "$IMAGE" sh -ec "
		ls -A /new/deep/er /usr/only-in-image/sub; cat /sc/a/b/file; echo x >/sc/x; echo y >/new/deep/er/y; cat /sc/x
		[ -e /tmp ]; ls /usr/only-in-image"'
	assert_success "/new/deep/er:

/usr/only-in-image/sub:
data
x
bound
data
sub"
	refused 1 '--scratch: ' --scratch sc
	refused 1 '-S: ' -S /proc/x
}

# The stand-in for what the kernel may refuse.
@test "--contain where no devpts can be made: the host's" {
	need_command strace
	run as_user sh -c "strace -o ~/trace -qq -e trace=fsopen -e inject=fsopen:error=EPERM:when=3 \
		berth exec -c $ROOM_DIR sh -c 'cut -d\" \" -f5- /proc/self/mountinfo | grep ^/dev/pts'"
	assert_success
	assert_output '^/dev/pts .*nosuid.* devpts'
	run as_user sh -c 'grep -c "devpts.*EPERM" ~/trace; rm ~/trace'
	assert_success 1
}

@test "--cleanenv and --containall: what MPI was started with enters, the rest does not" {
	local option

	for option in -e --cleanenv -C --containall; do
		run as_user env MINE=1 TERM=xterm http_proxy=p:1 SLURM_JOB_ID=7 PMI_RANK=3 PMIX_RANK=4 \
			OMPI_COMM_WORLD_RANK=5 CUDA_VISIBLE_DEVICES=1 BERTHENV_IN=2 LANG=de \
			berth exec $option --env SET=3 "$ROOM_SIF" env
		assert_success
		for line in TERM=xterm http_proxy=p:1 SLURM_JOB_ID=7 PMI_RANK=3 PMIX_RANK=4 OMPI_COMM_WORLD_RANK=5 \
			CUDA_VISIBLE_DEVICES=1 IN=2 SET=3 LANG=C "HOME=$CLUSTER_DIR/home/ada"; do
			assert_lines 1 "^$line$"
		done
		refute_output '^(MINE|BERTHENV_IN|USER|LOGNAME)='
	done
	run as_user berth exec -C "$ROOM_SIF" sh -c 'pwd; ls -A /tmp; ls /dev | wc -l'
	assert_success "$(printf '%s\n13' "$CLUSTER_DIR/home/ada")"
}
