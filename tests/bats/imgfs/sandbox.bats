#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# sandbox.bats - a serving berth-imgfs from outside: its descriptors, its limits, and what its own
# user can get out of it. What it can do itself: tests/unit/check_sandbox.c.
# Needs: root, /dev/fuse, mksquashfs, python3, strace.

load imgfs

setup_file()
{
	imgfs_file
	mkdir "$T/tree"
	echo hello >"$T/tree/file"
	squash "$T/tree" a; squash "$T/tree" b; squash "$T/tree" c
}

teardown_file() { imgfs_file_end; }
setup() { imgfs_before; }
teardown() { imgfs_after; }

# serving [OPTION...] -- SCRIPT: with $pid the server's; it has answered and knows all its threads
serving()
{
	local opt=()

	while [ "$1" != -- ]; do opt+=("$1"); shift; done
	# shellcheck disable=SC2016
	run in_image "${opt[@]}" "$T/a.sqfs" "$T/mnt" bash -ec 'pid=$IMGFS_PID; cat "$1/file" >/dev/null; '"$2" _ "$T/mnt" "$T"
}

@test "sandbox: it holds images, /dev/fuse, /dev/null and its log, and nothing else" {
	exec 20<"$T/tree" 21>"$T/inherited" 22<"$T/b.sqfs"
	serving -w 3 -i "$T/b.sqfs" -i "$T/c.sqfs" -e d:/x -- 'exec 3>&1; find /proc/$pid/fd -printf "%f %l\n" | sort -n' 2>"$T/log"
	exec 20<&- 21>&- 22<&-
	[ "$status" -eq 0 ] || fail "descriptors"
	# 2 is whatever the launcher had for it
	[ "$(sed -n 's/^\([0-9]\+\) \(.*\)$/\2/p' <<<"$output" | grep -v '^pipe:' | sort)" = "\
/dev/fuse
/dev/fuse
/dev/fuse
/dev/null
/dev/null
$T/a.sqfs
$T/b.sqfs
$T/c.sqfs" ] || fail "other descriptors"
	[ "$(grep -c 'pipe:' <<<"$output")" -le 1 ] || fail "more than a log"
}

@test "sandbox: no rights, no new ones, a filter, bounded memory, no core" {
	serving -u 65534 -w 2 -- 'cat /proc/$pid/status /proc/$pid/limits; cat /proc/$pid/task/*/status | grep -c "^Seccomp:.2"'
	[ "$status" -eq 0 ]
	[ "$(grep -c '^Cap[A-Z][a-z]*:.0000000000000000$' <<<"$output")" -ge 4 ] || fail "capabilities"
	grep -q '^NoNewPrivs:	1$' <<<"$output" || fail "no_new_privs"
	grep -qE '^Max core file size +0 +0 ' <<<"$output" || fail "core"
	grep -qE '^Uid:(	65534){4}$' <<<"$output" || fail "uid"
	ldd "$IMGFS" 2>/dev/null | grep -q libasan && return # the rest cannot hold there
	grep -qE '^Max address space +[0-9]+ +[0-9]+ ' <<<"$output" || fail "address space"
	[ "$(sed -nE 's/^Max address space +([0-9]+) .*/\1/p' <<<"$output")" -le $((1 << 30)) ] || fail "address space"
	[ "${lines[-1]}" -ge 1 ] && grep -q '^Seccomp:	2$' <<<"$output" || fail "a thread without a filter"
	! grep -q '^Seccomp:	0$' <<<"$output" || fail "no filter"
}

@test "sandbox: its user cannot trace it, nor read its memory, descriptors or environment" {
	need command -v strace setpriv
	serving -u 65534 -- '
		exec setpriv --reuid=65534 --regid=65534 --clear-groups bash -c '\''
			pid=$1
			kill -0 $pid && echo "it is ours"
			ls /proc/$pid/fd; cat /proc/$pid/environ /proc/$pid/maps; head -c 1 /proc/$pid/mem
			readlink -v /proc/$pid/exe /proc/$pid/cwd /proc/$pid/root; echo 0 >/proc/$pid/mem
			echo 15 >/proc/$pid/coredump_filter; cat /proc/$pid/auxv
			timeout 5 strace -p $pid -o /dev/null 2>&1 | grep -o "attach: .*"
			python3 - $pid <<-END
				import ctypes, os, sys
				libc, pid = ctypes.CDLL(None, use_errno=True), int(sys.argv[1])
				class iovec(ctypes.Structure):
				    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]
				buf = ctypes.create_string_buffer(8)
				mine, theirs = iovec(ctypes.addressof(buf), 8), iovec(0x400000, 8)
				got = libc.process_vm_readv(pid, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)
				print("vm", got, ctypes.get_errno())
				fd = os.pidfd_open(pid)
				print("getfd", *(libc.syscall(438, fd, n, 0) for n in range(12)), ctypes.get_errno())
				print("attach", libc.ptrace(16, pid, 0, 0), ctypes.get_errno())
				print("seize", libc.ptrace(0x4206, pid, 0, 0), ctypes.get_errno())
			END
		'\'' _ $pid'
	grep -q "it is ours" <<<"$output" || fail "not the same user"
	[ "$(grep -c 'Permission denied$' <<<"$output")" -eq 10 ] || fail "something is open to the user"
	grep -q 'Operation not permitted' <<<"$output" || fail "strace"
	grep -qx 'vm -1 1' <<<"$output" || fail "process_vm_readv"
	grep -qx 'getfd -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 1' <<<"$output" || fail "pidfd_getfd"
	grep -qx 'attach -1 1' <<<"$output" && grep -qx 'seize -1 1' <<<"$output" || fail "ptrace"
}

@test "sandbox: deadly signals of its user leave no core, and readers are told" {
	local s

	for s in KILL STOP; do
		# shellcheck disable=SC2016
		serving -u 65534 -- '
			setpriv --reuid=65534 --regid=65534 --clear-groups kill -'$s' $pid
			[ '$s' = KILL ] || kill -KILL $pid
			# what was not looked at before: the rest is in the kernel
			for i in {1..250}; do stat "$1/absent$i" 2>&1 | grep "not connected" && exit 0; sleep 0.02; done; exit 5'
		[ "$status" -eq 0 ] || fail "$s"
	done
	[ -z "$(find "$T" -name 'core*')" ]
}

@test "sandbox: a server that nobody starts ends with its launcher; garbage is refused" {
	run timeout 10 "$IMGFS" 3<&-
	[ "$status" -eq 2 ] && [[ $output == *"is no socket"* ]] || fail "no descriptor"
	run timeout 10 "$IMGFS" 3<"$T/a.sqfs"
	[ "$status" -eq 2 ] || fail "a file"
	run timeout 10 python3 - "$IMGFS" <<-'END'
		import array, os, socket, subprocess, sys
		def server(send, fds=()):
		    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		    p = subprocess.Popen([sys.argv[1]], close_fds=False, stderr=subprocess.DEVNULL,
		                         preexec_fn=lambda: os.dup2(b.fileno(), 3, inheritable=True))
		    b.close()
		    if send is not None:
		        a.sendmsg([send], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])
		    a.shutdown(socket.SHUT_WR)
		    p.wait(); a.close()
		    return p.returncode
		while os.open("/dev/null", os.O_RDONLY) < 9: pass  # 3 is nothing of ours
		null = os.open("/dev/null", os.O_RDWR)
		size = 16 + 8 + 128 * 16
		good = (0x42494632).to_bytes(4, "little")
		for send, fds in ((None, ()), (b"x", ()), (bytes(size), ()), (good + bytes(size - 4), ()), (bytes(70000), ()),
		                  (good + b"\1\0\0\0\1\0\0\0" + bytes(size - 12), ()),
		                  (good + b"\1\0\0\0\1\0\0\0" + bytes(size - 12), (null,) * 4),
		                  (good + b"\xff\xff\xff\xff\1\0\0\0" + bytes(size - 12), (null,) * 3),
		                  (good + b"\1\0\0\0\x11\0\0\0" + bytes(size - 12), (null,) * 19),
		                  (good + b"\1\0\0\0\1\0\0\0" + bytes(size - 12), (null,) * 3)):
		    assert server(send, fds) == 1, (send[:12], len(fds))
		print("refused")
	END
	[ "$output" = refused ] || fail "garbage"
}
