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
	mkdir -p "$SCRATCH/work/data" "$SCRATCH/beside"
	echo data >"$SCRATCH/work/data/file"
	echo beside >"$SCRATCH/beside/file"
	chown -R "$CLUSTER_UID" "$SCRATCH"
	# shellcheck disable=SC2016
	every 0 sh -ec 'cd '"$SCRATCH"'/work
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
