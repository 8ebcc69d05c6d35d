#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# doctor.bats - berth doctor finds what stands in the way of containers, and the errors of a start
# say what to do about it: each limit, file and setting is made wrong for one process only.
# Needs: root, mksquashfs, util-linux; for one test libfuse3.
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
	[ -z "${HUNG:-}" ] || hung_end
	umount -l "$SCRATCH/m" 2>/dev/null || true
	rooms_after
	scratch_remove
}

# finding LEVEL CHECK REGEX: the last output of doctor has this one.
finding() { grep -qE "^$1 +$2: .*($3)" <<<"$output" || fail "no $1 of '$2': $3"; }

# mends REGEX: and a line that says how to mend it.
mends() { grep -qE "^ {9}.*($1)" <<<"$output" || fail "no remedy: $1"; }

# with_dev SCRIPT CMD...: as ada, CMD with the device directory changed by SCRIPT, in a namespace.
with_dev()
{
	# shellcheck disable=SC2016
	as_root unshare -m --propagation private sh -ec 'script=$1; uid=$2; shift 2; eval "$script"
		exec setpriv --reuid="$uid" --regid="$uid" --init-groups "$@"' sh "$1" "$CLUSTER_UID" "${@:2}"
}

# nested SCRIPT CMD...: as ada, in a user namespace with everybody in it, whose limits SCRIPT set. Its
# parent maps it, as nobody in it may.
nested()
{
	as_root python3 -c 'import ctypes, os, sys
uid, script, *cmd = sys.argv[1:]
made, mapped = os.pipe(), os.pipe()
me = os.getpid()
if os.fork() == 0:
    os.read(made[0], 1)
    for name in "uid_map", "gid_map":
        count = open("/proc/self/" + name).read().split()[2]
        open(f"/proc/{me}/{name}", "w").write("0 0 " + count)
    os.write(mapped[1], b"x")
    os._exit(0)
assert ctypes.CDLL(None).unshare(0x10000000) == 0  # CLONE_NEWUSER
os.write(made[1], b"x")
assert os.read(mapped[0], 1)
os.wait()
os.execvp("sh", ["sh", "-ec", """eval "$1"; uid=$2; shift 2
    exec setpriv --reuid="$uid" --regid="$uid" --clear-groups "$@" """, "sh", script, uid, *cmd])' "$CLUSTER_UID" "$@"
}

@test "a host that is as it should be: no failure, every finding on a line, status 0" {
	run as_user berth doctor
	assert_success
	finding ok kernel 'Linux'
	finding ok namespaces 'you can make a user and a mount namespace'
	finding ok fuse 'can be opened and mounted'
	finding ok programs 'berth-imgfs'
	finding ok configuration 'berth.conf'
	refute_output '^failure'
	! grep -vE '^(ok      |warning |        ) ' <<<"$output" || fail "an odd line"
	run as_root berth doctor
	assert_success
	finding ok namespaces 'nobody can make'
}

@test "--json is JSON, with the same findings" {
	as_user berth doctor --json "$ROOM_SIF" >"$SCRATCH/json"
	run python3 -c 'import json, sys
found = json.load(open(sys.argv[1]))
assert all(set(f) - {"mend"} == {"result", "check", "text"} and f["text"] for f in found)
assert all(f["result"] in ("ok", "warning", "failure") for f in found)
assert [f for f in found if f["check"] == "image" and f["result"] == "ok"]
print(len(found))' "$SCRATCH/json"
	assert_success
	run as_user berth doctor "$ROOM_SIF"
	[ "$(grep -cE '^(ok|warning|failure)' <<<"$output")" = "$(python3 -c 'import json, sys
print(len(json.load(open(sys.argv[1]))))' "$SCRATCH/json")" ]
	# a name that is no text is still JSON
	as_user berth doctor --json $'/no/\e[2J"\xff\\' >"$SCRATCH/json" || [ $? = 255 ]
	python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$SCRATCH/json"
}

@test "usage: one image at most, no other option" {
	run as_user berth doctor a b
	assert_failure 1 'one image'
	run as_user berth doctor --yaml
	assert_failure 1 "unknown option '--yaml'"
	run as_user berth doctor --help
	assert_success
	assert_output '--json'
}

@test "images: what is good, and what each bad one needs" {
	local image

	for image in "$ROOM_DIR" "$ROOM_SQUASHFS" "$ROOM_SIF"; do
		run as_user berth doctor "$image"
		assert_success
		finding ok image 'directory|squashfs'
	done
	finding ok image 'zstd'
	cp "$ROOM_SIF" "$SCRATCH/arch.sif"
	python3 - "$SCRATCH/arch.sif" <<-'END'
		import struct, sys
		f = open(sys.argv[1], "r+b")
		f.seek(96)
		at = struct.unpack("<Q", f.read(8))[0]
		for slot in range(48):
		    f.seek(at + slot * 585)
		    if f.read(4) == struct.pack("<I", 0x4004):
		        f.seek(at + slot * 585 + 585 - 384 + 8)
		        f.write(b"11")
	END
	cp "$ROOM_SQUASHFS" "$SCRATCH/lzo.sqfs"
	printf '\003' | dd of="$SCRATCH/lzo.sqfs" bs=1 seek=20 conv=notrunc status=none
	head -c 20000 "$ROOM_SQUASHFS" >"$SCRATCH/short.sqfs"
	head -c 2048 /dev/zero >"$SCRATCH/ext3.img"
	printf '\x53\xef' | dd of="$SCRATCH/ext3.img" bs=1 seek=1080 conv=notrunc status=none
	{ printf '#!/usr/bin/env run-singularity\n'; cat "$SCRATCH/ext3.img"; } >"$SCRATCH/ext3-2x.img"
	echo text >"$SCRATCH/text"
	mkdir "$SCRATCH/empty"
	chmod -R a+rX "$SCRATCH"

	run as_user berth doctor "$SCRATCH/arch.sif"
	assert_failure 255
	finding failure image 's390x'
	run as_user berth doctor "$SCRATCH/lzo.sqfs"
	assert_failure 255
	finding failure image 'compressor is lzo'
	mends 'unsquashfs'
	run as_user berth doctor "$SCRATCH/short.sqfs"
	assert_failure 255
	finding failure image 'cut short: 20000 of'
	for image in ext3.img ext3-2x.img; do
		run as_user berth doctor "$SCRATCH/$image"
		assert_failure 255
		finding failure image 'Singularity 2'
		mends 'berth build NEW.sif IMAGE'
	done
	for image in text none text/x; do
		run as_user berth doctor "$SCRATCH/$image"
		assert_failure 255
		finding failure image '.'
	done
	run as_user berth doctor "$SCRATCH/empty"
	assert_success
	finding warning image 'hardly an image'
	chmod 0777 "$SCRATCH/short.sqfs"
	run as_user berth doctor "$SCRATCH/short.sqfs"
	finding warning image 'everybody can change it'
}

# The server itself, not the shell that started it: with it what waits in the kernel ends.
hung_end()
{
	pkill -KILL -u "$CLUSTER_UID" -f "^$SCRATCH/fuse-hang" || true
	wait "$HUNG" || true
	as_user fusermount3 -u -z "$SCRATCH/m" 2>/dev/null || true
	eventually 10 sh -c "! pgrep -u $CLUSTER_UID -f '^berth doctor' -r S,R,D"
	HUNG=
}

@test "a path that never answers is a failure, and not the end" {
	need_command pkg-config fusermount3
	pkg-config --exists fuse3 || skip "needs libfuse3's headers"
	# shellcheck disable=SC2046
	cc -o "$SCRATCH/fuse-hang" "$HARNESS/fuse-hang.c" $(pkg-config --cflags --libs fuse3)
	mkdir "$SCRATCH/m"
	chown "$CLUSTER_UID" "$SCRATCH/m"
	as_user "$SCRATCH/fuse-hang" -f "$SCRATCH/m" 2>/dev/null &
	HUNG=$!
	eventually 10 as_user sh -c "grep -q ' $SCRATCH/m fuse' /proc/self/mounts"
	run as_user timeout 120 berth doctor "$SCRATCH/m/hang"
	assert_failure 255
	finding failure image 'no answer within'
	finding ok namespaces '.'
	hung_end
}

@test "no user namespaces left: doctor and exec name the limit" {
	run nested 'echo 0 >/proc/sys/user/max_user_namespaces' berth exec "$ROOM_DIR" true
	assert_failure 255 'cannot make a user namespace: No space left'
	assert_output 'sysctl user.max_user_namespaces=15000'
	assert_output 'berth doctor'
	run nested 'echo 0 >/proc/sys/user/max_user_namespaces' berth doctor
	assert_failure 255
	finding failure namespaces 'max_user_namespaces, is 0'
	mends 'sysctl user.max_user_namespaces=15000'
	finding warning 'namespace limits' 'max_user_namespaces is 0'
	finding warning nesting 'inside of a user namespace'
}

@test "no mount namespaces left: doctor and exec name the limit" {
	local image

	for image in "$ROOM_DIR" "$ROOM_SIF"; do
		run nested 'echo 0 >/proc/sys/user/max_mnt_namespaces' berth exec "$image" true
		assert_failure 255 'cannot make a mount namespace: No space left'
		assert_output 'sysctl user.max_mnt_namespaces=15000'
	done
	run nested 'echo 0 >/proc/sys/user/max_mnt_namespaces' berth doctor
	assert_failure 255
	finding failure namespaces 'max_mnt_namespaces, is 0'
	mends 'sysctl user.max_mnt_namespaces=15000'
}

@test "in a chroot: doctor and exec say so" {
	mkdir "$SCRATCH/root"
	# not a mount of its own: a chroot into one looks like a root
	run as_root unshare -m --propagation private sh -ec 'mkdir "$1/proc" "$1/up"; mount --rbind / "$1/up"
		exec chroot "$1/up/usr/.." setpriv --reuid="$2" --regid="$2" --clear-groups "$3/bin/berth" exec / true' \
		sh "$SCRATCH/root" "$CLUSTER_UID" "$BERTH_PREFIX"
	assert_failure 255 'cannot make a user namespace'
	assert_output 'chroot'
}

@test "too few descriptors: every number of them gives the program, or the way to more" {
	local n image failures=0

	for image in "$ROOM_DIR" "$ROOM_SIF"; do
		for n in 4 5 6 7 8 10 12 16; do
			run as_user timeout 60 bash -c "ulimit -n $n; exec berth exec $image true"
			[ "$status" -ne 0 ] || continue
			# the loader of a program needs one, too
			[ "$status" -eq 127 ] || {
				assert_failure 255 'hint: .*ulimit -n'
				failures=$((failures + 1))
			}
		done
	done
	[ "$failures" -gt 0 ] || fail "nothing failed"
	run as_user bash -c 'ulimit -n 64; exec berth doctor'
	finding warning limits 'only 64 open files'
	mends 'ulimit -n'
}

@test "/dev/fuse missing, closed, or something else: doctor and exec say what to do" {
	# shellcheck disable=SC2016
	local absent='mount -t tmpfs -o mode=0755 none /mnt; cp -a /dev/null /dev/zero /dev/urandom /mnt/; mkdir /mnt/shm
		mount --move /mnt /dev'
	local closed='mount -t tmpfs -o mode=0755 none /mnt; mknod -m 0600 /mnt/fuse c 10 229
		mount --bind /mnt/fuse /dev/fuse; umount -l /mnt'
	local other='mount -t tmpfs -o mode=0755 none /mnt; echo x >/mnt/fuse; mount --bind /mnt/fuse /dev/fuse; umount -l /mnt'

	run with_dev "$absent" berth exec "$ROOM_SIF" true
	assert_failure 255 'cannot open /dev/fuse: No such file'
	assert_output 'modprobe fuse.*berth doctor'
	run with_dev "$absent" berth exec "$ROOM_DIR" true
	assert_success
	run with_dev "$absent" berth doctor
	assert_failure 255
	finding failure fuse 'there is no /dev/fuse'
	mends 'modprobe fuse|mknod -m 0666'

	run with_dev "$closed" berth exec "$ROOM_SIF" true
	assert_failure 255 'cannot open /dev/fuse: Permission denied'
	assert_output 'chmod 0666 /dev/fuse'
	run with_dev "$closed" berth doctor
	assert_failure 255
	finding failure fuse 'mode is 0600'
	mends 'chmod 0666 /dev/fuse'

	run with_dev "$other" berth doctor
	assert_failure 255
	finding failure fuse 'is no device'
}

@test "a full /tmp: doctor says so, and programs start all the same" {
	local tmp=/tmp

	case $CLUSTER_DIR in /tmp/*) tmp=/var/tmp ;; esac
	local full="mount -t tmpfs -o mode=1777,size=64k none $tmp; dd if=/dev/zero of=$tmp/x bs=4k status=none 2>&1 || :"
	local image
	for image in "$ROOM_DIR" "$ROOM_SIF"; do
		run with_dev "$full" berth exec "$image" cat /etc/os-release
		assert_success
		assert_output 'Berth test image'
	done
	run with_dev "$full" berth doctor
	finding warning 'temporary files' "'$tmp' is full: 0 MiB"
	run with_dev "mount -t tmpfs -o mode=0755 none $tmp" berth doctor
	finding warning 'temporary files' "'$tmp' cannot be written to"
}

@test "a berth.conf that is wrong, or not root's alone" {
	local conf="$BERTH_PREFIX/etc/berth/berth.conf"

	[ -e "$conf" ] || skip "no $conf"
	echo 'nonsense = 1' >"$SCRATCH/conf"
	chown root "$SCRATCH/conf"
	run with_dev "mount --bind $SCRATCH/conf $conf" berth doctor
	assert_failure 255
	finding failure configuration "unknown key 'nonsense'"
	echo 'bind path = /no/such/place' >"$SCRATCH/conf"
	run with_dev "mount --bind $SCRATCH/conf $conf" berth doctor
	assert_success
	finding warning configuration "'bind path = /no/such/place' is left out"
	chmod 0666 "$SCRATCH/conf"
	run with_dev "mount --bind $SCRATCH/conf $conf" berth doctor
	assert_failure 255
	finding failure configuration 'changed by others'
}

@test "plugstack.conf: last and required, or a failure with the line" {
	local so=$SCRATCH/spank_berth.so

	touch "$so" "$SCRATCH/other.so" "$SCRATCH/slurm.conf"
	stack() { printf '%s\n' "$@" >"$SCRATCH/plugstack.conf"; run as_user env SLURM_CONF="$SCRATCH/slurm.conf" berth doctor; }

	run as_user env SLURM_CONF="$SCRATCH/slurm.conf" berth doctor
	assert_success
	finding warning slurm "there is no '$SCRATCH/plugstack.conf'"
	mends 'required /.*/spank_berth.so'
	stack '# comment' "required $SCRATCH/other.so" "required $so"
	assert_success
	finding ok slurm 'last and required'
	stack "required $SCRATCH/other.so"
	assert_success
	finding warning slurm 'does not have spank_berth.so'
	stack "optional $so"
	assert_failure 255
	finding failure slurm "'optional'"
	stack "required $so" "optional $SCRATCH/other.so x=1"
	assert_failure 255
	finding failure slurm "other.so' comes after"
	stack "required $SCRATCH/none/spank_berth.so"
	assert_failure 255
	finding failure slurm 'is not there'
	mkdir "$SCRATCH/d"
	echo "required $SCRATCH/other.so" >"$SCRATCH/d/z.conf"
	stack "required $so" "include $SCRATCH/d/*.conf"
	assert_failure 255
	finding failure slurm "other.so' comes after"
	stack "include $SCRATCH/d/*.conf" "required $so"
	assert_success
	stack "include $SCRATCH/plugstack.conf" "required $so"
	assert_success
	touch "$SCRATCH/oci.conf"
	stack "required $so"
	assert_success
	finding warning slurm 'oci.conf'
	echo "PlugStackConfig=$SCRATCH/d/z.conf" >"$SCRATCH/slurm.conf"
	run as_user env SLURM_CONF="$SCRATCH/slurm.conf" berth doctor
	finding warning slurm 'z.conf. does not have'
}
