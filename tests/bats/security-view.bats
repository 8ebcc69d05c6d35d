#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# security-view.bats - known holes of container runtimes, replayed on the options that change the
# view, without Slurm: what they take from the host, make in it, and leave in the program's hands.
# Needs: root, cc, mksquashfs; strace for T25.
load security

# The options that make places of their own, as an array of words.
OWN=(--contain --scratch "/absolute/x,/up/x,/own")

@test "T10 what is there and what is not look alike behind a closed door, as home and working directory" {
	local name out

	for name in exists absent; do
		run room U --home "$SECRET/$name:/h" "$ROOM_DIR" /probe
		assert_failure 255
		echo "${output//$name/NAME}" >"$SCRATCH/home.$name"
		run room U --mount "src=$SECRET/$name,dst=/x" "$ROOM_DIR" /probe
		assert_failure 255
		echo "${output//$name/NAME}" >"$SCRATCH/mount.$name"
		run room U --contain --workdir "$SECRET/$name" "$ROOM_DIR" /probe
		assert_failure 255
		echo "${output//$name/NAME}" >"$SCRATCH/work.$name"
	done
	for out in home mount work; do
		[ -s "$SCRATCH/$out.exists" ]
		cmp "$SCRATCH/$out.exists" "$SCRATCH/$out.absent"
	done
}

@test "T11 T13 own directories whose places are links to the host" {
	local image i name

	for name in dev tmp var var/tmp home own dev/null dev/pts dev/shm dev/fd; do
		image=$(hostile_image)
		mkdir -p "$image/$(dirname "$name")"
		ln -s "$DROP" "$image/absolute"
		ln -s "../../../../../../../..$DROP" "$image/up"
		ln -s "$DROP" "$image/$name"
		for i in $(as_images "$image"); do
			run room U "${OWN[@]}" --home "$SCRATCH:/home/x/y" "$i" /probe
			contained
			run room U --no-mount dev,tmp,home,cwd --bind /dev/null "$i" /probe
			contained
			[ -z "$(ls -A "$DROP")" ] || fail "$name"
		done
		rm -r "$image" "$image.sqfs"
	done
}

@test "T14 a working directory whose parts are exchanged for links" {
	mkdir -p "$SCRATCH/w/tmp" "$SCRATCH/w/scratch/s/d" "$SCRATCH/private"
	echo "the flag" >"$SCRATCH/private/flag"
	ln -s "$SCRATCH/private" "$SCRATCH/w/a"
	ln -s "$SCRATCH/private" "$SCRATCH/w/scratch/s/b"
	chown -Rh "$CLUSTER_UID" "$SCRATCH/w" "$SCRATCH/private"
	swap "$SCRATCH/w/tmp" "$SCRATCH/w/a"
	swap "$SCRATCH/w/scratch/s/d" "$SCRATCH/w/scratch/s/b"
	try_workdir()
	{
		run room U --contain --workdir "$SCRATCH/w" --scratch /s/d "$ROOM_DIR" sh -c 'cat /tmp/flag /s/d/flag; /probe'
		refute_output 'the flag'
		contained
	}
	swapped try_workdir
}

@test "T15 homes and mounts that are not the user's to reach" {
	local source

	ln -s "$SECRET/exists" "$SCRATCH/to-flag"
	for source in "$SECRET/exists" "$SCRATCH/to-flag" "/proc/1/root$SECRET/exists" /proc/1/root /proc/1/cwd \
		/proc/self/fd/0 /proc/self/root /proc/self/cwd; do
		run room U --home "$source:/mnt/x" "$ROOM_DIR" cat /mnt/x
		assert_failure
		refute_output 'the flag'
		run room U --mount "src=$source,dst=/mnt/x" "$ROOM_DIR" cat /mnt/x
		assert_failure
		refute_output 'the flag'
	done
	run room U --contain --workdir /proc/self/cwd "$ROOM_DIR" /probe
	assert_failure 255
}

@test "T25 contained: every mount is nosuid before it is attached, and nodev but for seven" {
	local image who

	need_command strace
	for image in "$ROOM_DIR" "$ROOM_SQUASHFS"; do
		for who in as_user as_root; do
			run $who sh -c "strace -f -o ~/trace.view -e trace=mount,move_mount,open_tree,fsmount,mount_setattr \
				berth exec -c -S /own $image cat /proc/self/mountinfo; mv ~/trace.view $SCRATCH/trace"
			assert_success
			run awk '
				/^[0-9]+ +mount\(/ { print "mount(2): " $0 }
				/ = -1 / { next }
				/fsmount\(|open_tree\(.*OPEN_TREE_CLONE/ { suid[$NF] = !/NOSUID/; dev[$NF] = !/NODEV/; next }
				/mount_setattr\(/ {
					fd = $2; sub(/.*\(/, "", fd); sub(/,.*/, "", fd)
					if (/attr_clr=[^0]/) print "clears: " $0
					if (/NOSUID/) suid[fd] = 0
					if (/NODEV/) dev[fd] = 0
					next
				}
				/move_mount\(/ {
					fd = $2; sub(/.*\(/, "", fd); sub(/,.*/, "", fd)
					if (suid[fd]) print "suid: " $0
					devs += dev[fd]; moves++
				}
				END { print (moves > 14), devs }' "$SCRATCH/trace"
			assert_success "1 7" # six nodes and pts
		done
		run room U -c -S /own "$image" cat /proc/self/mountinfo
		assert_success
		run awk '$6 !~ /nosuid/ || / shared:/ || ($6 !~ /nodev/ && $5 !~ "^/dev/(pts|null|zero|full|u?random|tty)$")' \
			<<<"$output"
		assert_success ""
	done
}

@test "T26 a host whose mounts are shared gets nothing back from a contained room" {
	mkdir -p "$SCRATCH/w"
	chown "$CLUSTER_UID" "$SCRATCH/w"
	# shellcheck disable=SC2016
	run as_root unshare -m --propagation private bash -c '
		mount --make-rshared /
		mounts() { sed "s/^[0-9]* [0-9]* [0-9:]* //; s/ shared:[0-9]*//" /proc/self/mountinfo; }
		before=$(mounts)
		for option in "" "-W '"$SCRATCH"'/w"; do
			setpriv --reuid='"$CLUSTER_UID"' --regid='"$CLUSTER_UID"' --clear-groups berth exec -c $option \
				-S /own -B /dev/null '"$ROOM_SQUASHFS"' sh -c "echo >/own/up; exec sleep 60" &
			for i in $(seq 200); do pgrep -u '"$CLUSTER_UID"' -x sleep >/dev/null && break; sleep 0.05; done
			[ "$before" = "$(mounts)" ] || { echo "leaked"; exit 1; }
			pkill -9 -u '"$CLUSTER_UID"' -x sleep; wait
			[ "$before" = "$(mounts)" ] || { echo "leaked after"; exit 1; }
		done'
	assert_success
	[ -e "$SCRATCH/w/scratch/own/up" ]
}

@test "T27 a contained room's mounts cannot be taken away, nor given other options, from inside" {
	local image i

	cc -static -Os -D_GNU_SOURCE -o "$SCRATCH/detach" "$HARNESS/detach.c"
	image=$(hostile_image)
	cp "$SCRATCH/detach" "$image/detach"
	for i in $(as_images "$image"); do
		run room U -c -S /own "$i" /detach /tmp /var/tmp /own /dev/null /dev/tty /dev/shm /dev/pts "$CLUSTER_DIR/home/ada"
		refute_output '^did '
		assert_output '^(tried as root|no namespace)'
	done
	run unshare -m "$SCRATCH/detach" /dev/shm
	assert_output '^did as it is: /dev/shm'
}

@test "T28 no way out: directories that are moved out of a bind, the caller's root" {
	mkdir -p "$SCRATCH/mine/a/b" "$SCRATCH/elsewhere"
	touch "$SCRATCH/elsewhere/outside"
	chown -R "$CLUSTER_UID" "$SCRATCH/mine" "$SCRATCH/elsewhere"
	# shellcheck disable=SC2016
	as_user sh -c 'exec berth exec -c -B '"$SCRATCH"'/mine:/x --pwd /x/a/b '"$ROOM_SIF"' sh -c "
		echo up >/x/up; until [ -e /x/go ]; do sleep 0.05; done
		cd -P .. && cd -P .. && ls -a; ls -a ../.. ../../.. 2>&1; echo done" >'"$SCRATCH"'/mine/said 2>&1' 3>&- &
	eventually 10 test -s "$SCRATCH/mine/up"
	mv "$SCRATCH/mine/a" "$SCRATCH/elsewhere/a"
	touch "$SCRATCH/mine/go"
	wait $!
	run cat "$SCRATCH/mine/said"
	assert_output '^done$'
	refute_output 'outside|elsewhere|secret'
	# what the caller runs outside is seen, and is no door
	as_user sleep 60 3>&- &
	eventually 5 pgrep -u "$CLUSTER_UID" -x sleep
	# shellcheck disable=SC2034 # what ends at the latest with the test
	BACKGROUND=$!
	for what in root/etc/passwd cwd/. fd/0 environ; do
		run room U -c "$ROOM_SIF" cat "/proc/$(pgrep -u "$CLUSTER_UID" -x sleep)/$what"
		assert_failure
		assert_output 'permission denied'
	done
	pkill -u "$CLUSTER_UID" -x sleep
}

@test "T30 a file that is closed to a group of the user's stays closed" {
	local gid

	gid=$(as_user id -G | tr ' ' '\n' | tail -n 1)
	mkdir "$SCRATCH/data"
	echo "the flag" >"$SCRATCH/data/file"
	chown "root:$gid" "$SCRATCH/data/file"
	chmod 0604 "$SCRATCH/data/file"
	run room U -c -B "$SCRATCH/data:/data" "$ROOM_SIF" cat /data/file
	assert_failure 1 'permission denied'
	run room U -B "$SCRATCH/data:/data" "$ROOM_SIF" sh -c 'setpriv --clear-groups cat /data/file || cat /data/file'
	assert_failure
	refute_output 'the flag'
}
