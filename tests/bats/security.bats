#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# security.bats - known holes of container runtimes, replayed: entry, paths of images and binds,
# configuration, rights, mounts. Modes and names: security.bash. Races, faults and the plugin have
# files of their own beside this one.
# Needs: root, cc, mksquashfs; strace for T25.
load security

@test "T01 an empty argument vector" {
	local program

	for program in "$BERTH_PREFIX/bin/berth" "$BERTH_PREFIX/libexec/berth/berth-launcher" \
		"$BERTH_PREFIX/libexec/berth/berth-imgfs"; do
		run as_user timeout 10 "$SWAP" "$program"
		[ "$status" -gt 0 ] && [ "$status" -lt 126 ] || [ "$status" -eq 255 ] || fail "$program"
		run as_root timeout 10 "$SWAP" "$program"
		[ "$status" -gt 0 ] && [ "$status" -lt 126 ] || [ "$status" -eq 255 ] || fail "$program"
	done
}

@test "T03 U: the caller's descriptors are the program's alone; the server has its own" {
	local pid

	# shellcheck disable=SC2016
	as_user bash -c 'for i in {30..40}; do eval "exec $i<"'"$VICTIM"'; done; exec 41<'"$SCRATCH"'
		exec berth exec '"$ROOM_SIF"' sleep 20' 3>&- &
	BACKGROUND=$!
	eventually 5 pgrep -u "$CLUSTER_UID" -x sleep
	pid=$(pgrep -u "$CLUSTER_UID" -x berth-imgfs -r S)
	run ls -l "/proc/$pid/fd"
	refute_output "victim|$SCRATCH|socket:|pipe:"
	[ "$(readlink "/proc/$pid/root")" != / ]
	run ls -l "/proc/$(pgrep -u "$CLUSTER_UID" -x sleep)/fd"
	assert_lines 11 "victim$"
	refute_output 'dev/fuse|imgfs|skeleton|socket:'
	pkill -u "$CLUSTER_UID" -x sleep
}

@test "T03 P: the launcher keeps none of the descriptors it was started with" {
	local pid

	exec 70<"$VICTIM" 71<"$SCRATCH"
	room P --hold --tasks 2 "$ROOM_SIF" sleep 20 >/dev/null 2>&1 3>&- 70<"$VICTIM" 71<"$SCRATCH" &
	BACKGROUND=$!
	exec 70<&- 71<&-
	eventually 5 pgrep -u "$CLUSTER_UID" -x sleep
	pid=$(pgrep -u "$CLUSTER_UID" -x berth-imgfs -r S)
	run ls -l "/proc/$pid/fd"
	refute_output "victim|$SCRATCH|socket:|pipe:|ns/mnt|mnt:"
	pkill -u "$CLUSTER_UID" -x sleep
	wait "$BACKGROUND" || true
	# standard descriptors that are closed are nobody else's
	run room P "$ROOM_SIF" sh -c "/probe >$SCRATCH/out" 0<&- 1>&- 2>&-
	status=0 output=$(<"$SCRATCH/out")
	ran
}

@test "T04 limits, masks and signals of the caller: it works or is refused" {
	local mode limit image

	for mode in U P; do
		for image in "$ROOM_DIR" "$ROOM_SQUASHFS"; do
			for limit in --fsize=0 --nofile=4 --nofile=7 --nofile=12 --nproc=1 --as=16777216 --stack=65536 \
				--core=unlimited --memlock=0 --cpu=1 --data=4096 --sigpending=0; do
				OUTSIDE="prlimit $limit" run room "$mode" "$image" /probe
				contained
			done
			OUTSIDE="env --block-signal" run room "$mode" "$image" /probe
			ran
			OUTSIDE="env --ignore-signal" run room "$mode" "$image" /probe
			ran
		done
	done
	[ -z "$(find "$SCRATCH" "$CLUSTER_DIR/home/ada" -name 'core*')" ] || fail "a core"
	# with an open mask, what Berth makes is still for others to read only
	run as_user sh -c "umask 0; berth exec $ROOM_DIR stat -c %a /etc/passwd /etc/group /etc /dangling/.. "
	run as_user sh -c "umask 0; berth exec -B $DROP:/new/place $ROOM_DIR stat -c %a /etc/passwd /etc/group /new"
	assert_success "$(printf '644\n644\n755')"
}

@test "T05 ids, and values that look like something else" {
	local image mode i value n

	image=$(hostile_image)
	mkdir "$image/etc"
	printf '%s:x:0:0::/:/probe\nada:x:0:0::/:/probe\n' "$CLUSTER_UID" >"$image/etc/passwd"
	printf 'ada:x:0:\n%s:x:0:\n' "$CLUSTER_UID" >"$image/etc/group"
	for mode in U P; do
		for i in $(as_images "$image"); do
			run room "$mode" "$i" /probe
			ran
		done
		rm "$image.sqfs"
		# no option is taken from a value, and no name is a format
		for value in --bind -- %n%s%n "$(printf 'a\nb')" "$(printf 'a\001b')" $'end\\' "$(printf '%5000s' '' | tr ' ' x)"; do
			run room "$mode" "/nowhere/$value" /probe
			assert_failure
			contained
			run room "$mode" --bind "/nowhere/$value:/mnt" "$ROOM_DIR" /probe
			assert_failure
			contained
		done
	done
	# what ends in a backslash, is 128 KiB long, or as long as a path can be
	run as_user bash -c "berth exec $ROOM_SIF sh -c 'printf %s \"\$1\" | wc -c' sh \"\$(printf '%130000s' x)\""
	assert_success 130000
	run as_user berth exec "$ROOM_SIF" sh -c 'printf "%s," "$@"' sh $'a\\b\\' --help -B '*' ''
	assert_success 'a\b\,--help,-B,*,,'
	for n in 4094 4095 4096; do
		run room U "$(printf "/%$((n - 1))s" | tr ' ' /)" /probe
		assert_failure 255
	done
	# -1 is no id: set*id() would leave root
	run as_root "$STEP_DRIVER" --uid 4294967295 "$ROOM_DIR" /probe
	assert_failure 125
	run as_root "$STEP_DRIVER" --uid "$CLUSTER_UID" --gid 4294967295 "$ROOM_DIR" /probe
	assert_failure 125
	run as_root "$STEP_DRIVER" --uid "$CLUSTER_UID" --groups more "$ROOM_DIR" /probe
	assert_failure 125
	# the spec is the user's word, the request is Slurm's
	run as_root "$STEP_DRIVER" --uid "$CLUSTER_UID" --wrong spec-other-uid "$ROOM_DIR" /probe
	ran
}

@test "T10 what is there and what is not look alike behind a closed door" {
	local mode name out

	for mode in U P; do
		for name in exists absent; do
			run room "$mode" "$SECRET/$name" /probe
			assert_failure "$(refusal $mode)"
			echo "${output//$name/NAME}" >"$SCRATCH/image.$name"
			run room "$mode" --bind "$SECRET/$name" "$ROOM_DIR" /probe
			assert_failure "$(refusal $mode)"
			echo "${output//$name/NAME}" >"$SCRATCH/bind.$name"
			run room "$mode" --bind "$SECRET/$name/below:/mnt" "$ROOM_SQUASHFS" /probe
			assert_failure "$(refusal $mode)"
			echo "${output//$name/NAME}" >"$SCRATCH/below.$name"
		done
		for out in image bind below; do
			[ -s "$SCRATCH/$out.exists" ]
			cmp "$SCRATCH/$out.exists" "$SCRATCH/$out.absent"
		done
	done
}

@test "T11 images whose mount points are links to the host" {
	local mode image name i

	for name in dev proc sys tmp var etc home etc/passwd etc/group dev/null dev/pts dev/shm dev/console; do
		image=$(hostile_image)
		mkdir -p "$image/$(dirname "$name")"
		if [ "${name%/*}" = etc ]; then
			ln -s "$VICTIM" "$image/$name"
		else
			ln -s "$DROP" "$image/$name"
		fi
		for i in $(as_images "$image"); do
			for mode in U P; do
				run room "$mode" "$i" /probe
				contained
			done
		done
		rm -r "$image" "$image.sqfs"
	done
}

@test "T12 an image that puts /proc elsewhere, where a false one is bound" {
	local mode image i f

	mkdir -p "$SCRATCH/false/self/attr"
	for f in self/attr/exec self/uid_map self/gid_map self/setgroups self/oom_score_adj self/status; do
		echo "false" >"$SCRATCH/false/$f"
	done
	chown -R "$CLUSTER_UID" "$SCRATCH/false"
	find "$SCRATCH/false" -type f -exec sha256sum {} + >"$SCRATCH/sums"
	for name in proc sys; do
		image=$(hostile_image)
		mkdir "$image/false"
		ln -s /false "$image/$name"
		for i in $(as_images "$image"); do
			for mode in U P; do
				run room "$mode" --bind "$SCRATCH/false:/false" "$i" /probe
				# the false status names no id: then nothing is proved, nor is anything reached
				grep -q 'root HOST' <<<"$output" && fail "the host's root"
				sha256sum --quiet -c "$SCRATCH/sums"
			done
		done
		rm -r "$image" "$image.sqfs"
	done
	# and where no bind covers it, it is the kernel's
	image=$(hostile_image)
	ln -s elsewhere "$image/proc"
	mkdir "$image/elsewhere"
	for mode in U P; do
		run room "$mode" "$image" /probe
		ran
	done
}

@test "T13 bind targets through links that lead out" {
	local mode image i target n

	image=$(hostile_image)
	ln -s "$DROP" "$image/absolute"
	ln -s "../../../../../../../..$DROP" "$image/up"
	ln -s loop "$image/loop"
	ln -s "$DROP/none/such" "$image/dangling"
	ln -s /proc/self/fd "$image/fds"
	ln -s /proc/1/root "$image/hosts"
	ln -s / "$image/slash"
	touch "$image/file"
	mkdir "$image/end"
	ln -s end "$image/l0"
	for n in {1..45}; do ln -s "l$((n - 1))" "$image/l$n"; done
	# a link to what both the host and the image have: the image's is meant
	mkdir -p "$image/usr/share" "$SCRATCH/seen"
	ln -s /usr/share "$image/both"
	cp "$ROOM_DIR/probe" "$SCRATCH/seen/inside"
	mkdir "$SCRATCH/src"
	chown -R "$CLUSTER_UID" "$SCRATCH/src"
	for i in $(as_images "$image"); do
		for mode in U P; do
			run room "$mode" --bind "$SCRATCH/seen:/both" "$i" /usr/share/inside
			ran
			for target in /absolute /absolute/x /up /up/x /loop /loop/x /dangling /dangling/x /fds/0 /fds/x \
				/hosts/tmp/x /slash/new /file /file/x /l45 /l39/x /end/../../x //proc/x /proc/self/cwd/x; do
				run room "$mode" --bind "$SCRATCH/src:$target" "$i" /probe
				contained
				[ -z "$(ls -A "$DROP")" ] || fail "$target"
			done
			# inside an earlier bind a target is the host's: it must exist, and is never made
			run room "$mode" --bind "$SCRATCH/src:/a" --bind "$DROP:/a/b" "$i" /probe
			assert_failure
			contained
			[ -z "$(ls -A "$SCRATCH/src")" ] || fail "made in a bind source"
		done
	done
	[ ! -e "$image/x" ] && [ ! -e "$image/new" ] && [ -z "$(ls -A "$image/end")" ] || fail "made in the image"
}

# with_conf CMD...: CMD in namespaces of the login host where etc/berth of the prefix is $SCRATCH/conf.
with_conf()
{
	local etc=$BERTH_PREFIX/etc

	as_root unshare -m --propagation private sh -ec '
		etc=$1 conf=$2; shift 2
		mkdir -p "$etc/berth"
		mount --bind "$conf" "$etc/berth"
		exec "$@"' sh "$etc" "$SCRATCH/conf" "$@"
}

# conf_both WANT: berth exec as ada and the launcher, with that configuration.
conf_both()
{
	run with_conf setpriv --reuid="$CLUSTER_UID" --regid="$CLUSTER_UID" --clear-groups \
		"$BERTH_PREFIX/bin/berth" exec "$ROOM_SQUASHFS" /probe
	if [ "$1" = ok ]; then ran; else assert_failure 255; assert_output 'berth\.conf|etc/berth'; contained; fi
	run with_conf "$STEP_DRIVER" --uid "$CLUSTER_UID" "$ROOM_SQUASHFS" /probe
	if [ "$1" = ok ]; then ran; else assert_failure 125; assert_output 'berth\.conf|etc/berth'; contained; fi
}

@test "T18 a configuration that others could write, or that says what nobody knows" {
	local conf=$SCRATCH/conf/berth.conf line

	mkdir -m 0755 "$SCRATCH/conf"
	conf_both ok # there is none
	install -m 0644 /dev/null "$conf"
	conf_both ok
	echo "block cache = 4" >"$conf"
	conf_both ok
	chmod 0664 "$conf"; conf_both refused
	chmod 0646 "$conf"; conf_both refused
	chmod 0644 "$conf"
	chown "$CLUSTER_UID" "$conf"; conf_both refused
	chown 0 "$conf"
	ln "$conf" "$SCRATCH/conf/second-name"; conf_both refused
	rm "$SCRATCH/conf/second-name"
	for line in "no such key = 1" "kernel mount = yes" "block cache = 4 MiB" "block cache = -1" "start timeout = 0" \
		"block cache" "= 4" "bind path = relative" "block cache = 4\nblock cache = 8"; do
		printf '%b\n' "$line" >"$conf"
		conf_both refused
	done
	rm "$conf"
	ln -s "$SCRATCH/elsewhere" "$conf"
	echo "block cache = 4" >"$SCRATCH/elsewhere"
	conf_both refused
	rm "$conf"; mkfifo -m 0644 "$conf"; conf_both refused
	rm "$conf"; mkdir "$conf"; conf_both refused
	rmdir "$conf"
	echo "block cache = 4" >"$conf"
	chmod 0777 "$SCRATCH/conf"; conf_both refused
	chmod 0755 "$SCRATCH/conf"
	chown "$CLUSTER_UID" "$SCRATCH/conf"; conf_both refused
}

@test "T21 identity files of the image that are no files" {
	local mode image i kind

	for kind in fifo device link-to-victim huge dir socketless-loop; do
		image=$(hostile_image)
		mkdir "$image/etc"
		case $kind in
		fifo) mkfifo "$image/etc/passwd" "$image/etc/group" "$image/etc/hosts" ;;
		device) mknod "$image/etc/passwd" c 1 5; mknod "$image/etc/group" b 7 0; mknod "$image/etc/hosts" c 1 5 ;;
		link-to-victim) ln -s "$SECRET/exists" "$image/etc/passwd"; ln -s "$VICTIM" "$image/etc/group" ;;
		huge) truncate -s 8G "$image/etc/passwd" "$image/etc/group" ;;
		dir) mkdir "$image/etc/passwd" "$image/etc/group" ;;
		*) ln -s passwd "$image/etc/passwd"; ln -s group "$image/etc/group" ;;
		esac
		for i in $(as_images "$image"); do
			for mode in U P; do
				OUTSIDE="timeout 10" run room "$mode" "$i" /probe
				[ "$status" -ne 124 ] || fail "$kind: a hang"
				contained
				refute_output 'the flag'
			done
		done
		rm -r "$image" "$image.sqfs"
	done
}

@test "T23 a working directory that leads out" {
	local dir

	for dir in /proc/self/fd/7 /proc/self/cwd /proc/self/root /proc/self/fd/7/.. fd/7 .. . ""; do
		run as_user bash -c "exec 7<$SCRATCH; cd $SCRATCH; berth exec --pwd '$dir' $ROOM_SIF sh -c 'pwd -P; ls secret victim'"
		if [ "$status" -eq 0 ]; then refute_output 'victim$'; assert_output '^/'; fi
		refute_output 'unreachable'
	done
	run as_user bash -c "exec 7<$SCRATCH; berth exec --pwd /proc/self/fd/7 $ROOM_SIF pwd"
	assert_failure 255
	# where the caller stands is exchanged, removed, or not there inside
	mkdir "$SCRATCH/here" "$SCRATCH/there"
	chown "$CLUSTER_UID" "$SCRATCH/here" "$SCRATCH/there"
	swap "$SCRATCH/here" "$SCRATCH/there"
	try_cwd()
	{
		run as_user sh -c "cd $SCRATCH/here; berth exec $ROOM_DIR sh -c 'pwd -P'"
		assert_output "^/"
		refute_output unreachable
	}
	swapped try_cwd
}

@test "T24 set-id programs, capabilities and device nodes of the image" {
	local mode image i

	need_command setcap
	image=$(hostile_image)
	cp "$image/probe" "$image/suid"; chmod 4755 "$image/suid"
	cp "$image/probe" "$image/sgid"; chmod 2755 "$image/sgid"
	cp "$image/probe" "$image/both"; chmod 6755 "$image/both"
	cp "$image/probe" "$image/fcap"
	setcap all+ep "$image/fcap"
	cp "$ROOM_DIR/usr/bin/cat" "$image/cat"
	cp -a "$ROOM_DIR/lib" "$ROOM_DIR/lib64" "$ROOM_DIR/usr" "$image/" 2>/dev/null || true
	mknod -m 0666 "$image/null" c 1 3
	mknod -m 0666 "$image/zero" c 1 5
	mknod -m 0666 "$image/loop0" b 7 0
	for i in $(as_images "$image"); do
		for mode in U P; do
			for program in suid sgid both fcap; do
				run room "$mode" "$i" "/$program"
				ran
			done
			for node in null zero loop0; do
				run room "$mode" "$i" /cat "/$node"
				assert_failure
				assert_output 'permission denied|not permitted'
			done
			# nor through a bind of a directory with such files
			run room "$mode" --bind "$image:/mnt/x" "$i" /mnt/x/suid
			ran
			run room "$mode" --bind "$image:/mnt/x" "$i" /cat /mnt/x/null
			assert_failure
		done
		run as_root berth exec "$i" /suid
		assert_success "$(probe_of 0 0 0)"
		run as_root berth exec "$i" /cat /zero
		assert_failure
	done
}

# attributes_first TRACE: in a trace of strace, nothing is attached before it is nosuid and nodev
# (/dev: nosuid), nothing is mounted the old way, nothing is changed afterwards but to stricter.
# strace cuts a call in two where another process is seen meanwhile.
attributes_first()
{
	awk '
	/<unfinished \.\.\.>$/ { begun[$1] = $0; sub(/ *<unfinished \.\.\.>$/, "", begun[$1]); next }
	/<\.\.\. .* resumed>/ { rest = $0; sub(/.*resumed>/, "", rest); $0 = begun[$1] rest; delete begun[$1] }
	/^[0-9]+ +mount\(/ { bad("mount(2)") }
	/ = -1 / { next }
	/fsmount\(/ { n = $NF; ok[$1, n] = /NOSUID/ && /NODEV/; seen++; next }
	/open_tree\(.*OPEN_TREE_CLONE/ { ok[$1, $NF] = 0; next }
	/mount_setattr\(/ {
		fd = $2; sub(/.*\(/, "", fd); sub(/,.*/, "", fd)
		if (/attr_clr=[^0]/ || /attr_clr=MOUNT/) bad("clears")
		if (/MOUNT_ATTR_NOSUID/ && /MOUNT_ATTR_NODEV/) ok[$1, fd] = 1
		else if (/MOUNT_ATTR_NOSUID/) { ok[$1, fd] = 1; devs++ }
		next
	}
	/move_mount\(/ {
		fd = $2; sub(/.*\(/, "", fd); sub(/,.*/, "", fd)
		if (!ok[$1, fd]) bad("attached without")
		moves++
		next
	}
	function bad(why) { print why ": " $0; rc = 1 }
	END { if (moves < 5 || devs > 1) { print moves " moves, " devs " without nodev"; rc = 1 } exit rc }' "$1"
}

@test "T25 every mount is nosuid and nodev before it is attached, and none is remounted" {
	local image what=mount,move_mount,open_tree,fsmount,mount_setattr

	need_command strace
	for image in "$ROOM_DIR" "$ROOM_SQUASHFS"; do
		run as_root strace -f -o "$SCRATCH/trace.root" -e trace=$what berth exec "$image" /probe
		attributes_first "$SCRATCH/trace.root"
		run as_user sh -c "strace -f -o ~/trace.user -e trace=$what berth exec $image /probe"
		ran
		attributes_first "$CLUSTER_DIR/home/ada/trace.user"
		run room P --via strace --via -f --via -o --via "$SCRATCH/trace.step" --via -e --via "trace=$what" "$image" /probe
		ran
		attributes_first "$SCRATCH/trace.step"
	done
	rm -f "$CLUSTER_DIR/home/ada/trace.user"
	# and what shows inside, in both modes
	for mode in U P; do
		run room "$mode" --bind "$SCRATCH:/mnt/x" "$ROOM_SQUASHFS" cat /proc/self/mountinfo
		mounts_safe
	done
}

@test "T26 a host whose mounts are shared gets nothing back" {
	local mode

	for mode in U P; do
		mkdir -p "$SCRATCH/exported"
		# shellcheck disable=SC2016
		run as_root unshare -m --propagation private bash -c '
			mount --make-rshared /
			cd /
			mount -t tmpfs none '"$SCRATCH"'/exported
			mkdir '"$SCRATCH"'/exported/sub
			before=$(sed "s/^[0-9]* [0-9]* [0-9:]* //; s/ shared:[0-9]*//" /proc/self/mountinfo)
			if [ '$mode' = U ]; then
				setpriv --reuid='"$CLUSTER_UID"' --regid='"$CLUSTER_UID"' --clear-groups berth exec \
					-B '"$SCRATCH"'/exported:/mnt/x '"$ROOM_SQUASHFS"' sleep 3 &
			else
				'"$STEP_DRIVER"' --uid '"$CLUSTER_UID"' --bind '"$SCRATCH"'/exported:/mnt/x '"$ROOM_SQUASHFS"' sleep 3 2>/dev/null &
			fi
			for i in $(seq 100); do pgrep -u '"$CLUSTER_UID"' -x sleep >/dev/null && break; sleep 0.05; done
			[ "$before" = "$(sed "s/^[0-9]* [0-9]* [0-9:]* //; s/ shared:[0-9]*//" /proc/self/mountinfo)" ] || { echo "leaked"; exit 1; }
			grep -q /mnt/x "/proc/$(pgrep -u '"$CLUSTER_UID"' -x sleep)/mountinfo" || { echo "no bind"; exit 1; }
			# what the host mounts below later (an automounter) is seen inside, and goes with the host
			inside() { grep -q "/mnt/x/sub " "/proc/$(pgrep -u '"$CLUSTER_UID"' -x sleep)/mountinfo"; }
			mount -t tmpfs none '"$SCRATCH"'/exported/sub
			inside || { echo "no slave"; exit 1; }
			umount '"$SCRATCH"'/exported/sub || { echo "busy below"; exit 1; }
			! inside || { echo "still inside"; exit 1; }
			umount '"$SCRATCH"'/exported || { echo "busy"; exit 1; }
			pkill -9 -u '"$CLUSTER_UID"' -x sleep; wait
			mount -t tmpfs none '"$SCRATCH"'/exported
			[ "$before" = "$(sed "s/^[0-9]* [0-9]* [0-9:]* //; s/ shared:[0-9]*//" /proc/self/mountinfo)" ] || { echo "leaked after"; exit 1; }'
		assert_success
	done
}

@test "T37 the kernel's drivers see images that only root can have written, and only where allowed" {
	local prefix=$BERTH_PREFIX

	need_filesystem squashfs
	[ -e /dev/loop-control ] || skip "hardware: this machine has no loop devices"
	for mode in U P; do
		run room "$mode" "$ROOM_SQUASHFS" sed -n 's,^[^/]* /[^ ]* / .* - \([^ ]*\) .*,\1,p' /proc/self/mountinfo
		assert_success
		[ "${lines[0]}" = fuse.berth ] || fail "not FUSE"
	done
	cp "$ROOM_SIF" "$SCRATCH/room.sif"
	# shellcheck disable=SC2016
	run as_root unshare -m --propagation private bash -ec '
		driver=$1 uid=$2 image=$3 etc=$4/etc/berth berth=$4/bin/berth squash=$5
		sed="s,^[^/]* /[^ ]* / .* - \([^ ]*\) .*,\1,p"
		mkdir -p "$etc"
		mount -t tmpfs -o mode=0755 none "$etc"
		mount -t tmpfs -o mode=0755 none /mnt
		mkdir /mnt/images /mnt/users
		chown "$uid" /mnt/users
		cp "$image" /mnt/images/root.sif
		cp "$squash" /mnt/images/root.sqfs
		install -o "$uid" "$image" /mnt/images/users.sif
		install -m 0664 "$image" /mnt/images/group.sif
		install -m 0646 "$image" /mnt/images/others.sif
		install -m 0644 "$image" /mnt/images/linked.sif; ln /mnt/images/linked.sif /mnt/images/again.sif
		install -m 0644 "$image" /mnt/users/root.sif
		chmod 0644 /mnt/images/root.s*
		ln -s /mnt/images/root.sif /mnt/users/link.sif
		type() {
			printf "%s: " "$1"
			"$driver" --uid "$uid" "/mnt/$1" sed -n "$sed" /proc/self/mountinfo 2>/dev/null || echo failed
		}
		printf "kernel mount = no\n" >"$etc/berth.conf"; type images/root.sif
		printf "kernel mount = root-owned\n" >"$etc/berth.conf"
		for i in images/root.sif images/root.sqfs images/users.sif images/group.sif images/others.sif \
			images/linked.sif users/root.sif users/link.sif; do type "$i"; done
		chmod 0777 /mnt/images; type images/root.sif
		chmod 0755 /mnt/images; chown "$uid" /mnt/images; type images/root.sif; chown 0 /mnt/images
		printf "berth: "
		setpriv --reuid="$uid" --regid="$uid" --clear-groups "$berth" exec /mnt/images/root.sif \
			sed -n "$sed" /proc/self/mountinfo 2>/dev/null' \
		bash "$STEP_DRIVER" "$CLUSTER_UID" "$ROOM_SIF" "$prefix" "$ROOM_SQUASHFS"
	assert_success
	echo "$output" >&2
	[ "$output" = "\
images/root.sif: fuse.berth
images/root.sif: squashfs
images/root.sqfs: squashfs
images/users.sif: fuse.berth
images/group.sif: fuse.berth
images/others.sif: fuse.berth
images/linked.sif: fuse.berth
users/root.sif: fuse.berth
users/link.sif: squashfs
images/root.sif: fuse.berth
images/root.sif: fuse.berth
berth: fuse.berth" ] || fail "not as it should be"
}
