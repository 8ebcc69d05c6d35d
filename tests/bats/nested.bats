#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# nested.bats - Berth where it is itself inside a container: in a room of its own, and in one of
# another runtime. Needs: root (to become ada), mksquashfs; crun, python3.
load ../harness/common
load rooms

setup_file() { need_login; need_command mksquashfs; rooms_make; }

setup()
{
	need_login
	rooms_load
	scratch_new
	OUTER=(-B "$BERTH_PREFIX" -B "$(dirname "$ROOM_SQUASHFS")")
	rooms_before
}

teardown()
{
	rooms_after
	scratch_remove
}

@test "nested: a room in a room, of every kind of image" {
	local outer inner

	for outer in "$ROOM_DIR" "$ROOM_SIF"; do
		for inner in "$ROOM_DIR" "$ROOM_SQUASHFS" "$ROOM_SIF"; do
			run as_user berth exec "${OUTER[@]}" "$outer" "$BERTH_PREFIX/bin/berth" exec "$inner" /probe
			assert_success
			assert_output "uid( $CLUSTER_UID){4} .*caps( 0{16}){5} nnp 1 root IMAGE"
		done
	done
}

@test "nested: with namespaces, root inside and layers, three deep" {
	local opt

	for opt in --quiet --pid --fakeroot "--pid --ipc --uts --net"; do
		# shellcheck disable=SC2086
		run as_user berth exec $opt "${OUTER[@]}" "$ROOM_SIF" \
			"$BERTH_PREFIX/bin/berth" exec $opt "${OUTER[@]}" "$ROOM_SIF" \
			"$BERTH_PREFIX/bin/berth" exec $opt --writable-tmpfs "$ROOM_SIF" sh -c 'cat /etc/os-release; exit 3'
		[ "$status" -eq 3 ] || fail "$opt"
		assert_output 'Berth test image'
	done
}

# bundle DIR UID [FUSE]: an OCI bundle of ROOM_DIR for crun, in which the script "job" of DIR runs as UID.
bundle()
{
	as_user sh -c "cd $1 && rm -f config.json && crun spec --rootless"
	python3 - "$1/config.json" "$ROOM_DIR" "$BERTH_PREFIX" "$(dirname "$ROOM_SQUASHFS")" "$1/job" "$2" "${3:-}" <<-'EOF'
		import json, os, sys
		name, root, prefix, images, job, uid, fuse = sys.argv[1:]
		with open(name) as f:
		    c = json.load(f)
		c["root"] = {"path": root, "readonly": True}
		c["process"]["terminal"] = False
		for kind, own in ("uid", os.stat(name).st_uid), ("gid", os.stat(name).st_gid):
		    c["linux"][kind + "Mappings"] = [{"containerID": int(uid), "hostID": own, "size": 1}]
		    c["process"]["user"][kind] = int(uid)
		c["process"]["args"] = ["/bin/sh", job]
		c["process"]["noNewPrivileges"] = True
		# the image has no directories for these: all of them lie below one that it has
		for path in [prefix, images, job] + ([fuse] if fuse else []):
		    c["mounts"].append({"destination": path, "source": path, "type": "bind", "options": ["rbind", "ro"]})
		c["mounts"] = [m for m in c["mounts"] if m["destination"] != "/sys/fs/cgroup"]
		with open(name, "w") as f:
		    json.dump(c, f)
	EOF
}

# crun refuses to start where the machine mounts control groups of both versions.
in_crun()
{
	as_root unshare -m sh -c "mount -t cgroup2 none /sys/fs/cgroup && cd $SCRATCH &&
		exec setpriv --reuid=$CLUSTER_UID --regid=$CLUSTER_UID --clear-groups timeout 60 \
		crun --cgroup-manager=disabled --root $SCRATCH/state run berth-nested-$$"
}

@test "nested: in a container of crun's" {
	need_command crun python3
	# what is bound must have its place in the image of the outer container, and be nobody's to change
	cp -r "$ROOM_DIR" "$SCRATCH/root"
	mkdir -p "$SCRATCH/root$BERTH_PREFIX" "$SCRATCH/root$(dirname "$ROOM_SQUASHFS")" "$SCRATCH/root$SCRATCH"
	touch "$SCRATCH/root$SCRATCH/job"
	as_user tee "$SCRATCH/job" >/dev/null <<-EOF
		$BERTH_PREFIX/bin/berth exec $ROOM_DIR sh -c 'id -u; cat /etc/os-release'
		$BERTH_PREFIX/bin/berth exec $ROOM_SQUASHFS sh -c 'id -u; cat /etc/os-release'
	EOF
	ROOM_DIR=$SCRATCH/root bundle "$SCRATCH" 1000 /dev/fuse
	run in_crun
	assert_success
	assert_lines 2 'Berth test image'
	assert_lines 2 '^1000$'
	# without /dev/fuse, and as a root that may not: it says so
	ROOM_DIR=$SCRATCH/root bundle "$SCRATCH" 1000
	run in_crun
	[ "$status" -eq 255 ]
	assert_lines 1 'Berth test image'
	assert_output '/dev/fuse'
	ROOM_DIR=$SCRATCH/root bundle "$SCRATCH" 0
	run in_crun
	[ "$status" -eq 255 ]
	assert_output 'CAP_SETFCAP'
}
