#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""host.py - what a host in namespaces has instead of init and sshd.

    host.py serve SOCKET UID GID HOME        as root, process 1 of a host: hold its namespaces, bury
                                             its orphans, run what is asked for as that user
    host.py on SOCKETS [OPTION...] HOST WORD...   as ssh: run the words in a shell on HOST

The second is the launch agent of mpirun. The socket is a file, SOCKETS/HOST, which all hosts see;
input, output and error go over it as descriptors, and the status comes back, 255 if there is none.
"""
import array
import os
import select
import signal
import socket
import struct
import sys

MESSAGE = 1 << 17


def start(conn, uid, gid, home):
    """Run what 'conn' asks for; its pid, or 0."""
    text, fds, _, _ = socket.recv_fds(conn, MESSAGE, 3)
    if len(fds) != 3 or not text:
        for fd in fds:
            os.close(fd)
        return 0
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            for i, fd in enumerate(fds):
                os.dup2(fd, i)
            os.closerange(3, 1024)
            signal.set_wakeup_fd(-1)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.initgroups("ada", gid)
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            os.chdir(home)
            os.execve("/bin/sh", ["sh", "-c", text.decode()], dict(os.environ, HOME=home, USER="ada", LOGNAME="ada"))
        finally:
            os._exit(255)
    for fd in fds:
        os.close(fd)
    return pid


def serve(path, uid, gid, home):
    wake, waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker)
    door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    door.bind(path + ".new")
    os.chown(path + ".new", uid, gid)
    door.listen(64)
    os.rename(path + ".new", path)
    asked = {}
    while True:
        ready, _, _ = select.select([door, wake], [], [])
        if door in ready:
            conn, _ = door.accept()
            pid = start(conn, uid, gid, home)
            if pid:
                asked[pid] = conn
        if wake in ready:
            os.read(wake, 4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if pid in asked:
                try:
                    asked[pid].send(struct.pack("i", os.waitstatus_to_exitcode(status)))
                except OSError:
                    pass  # who asked is gone
                asked.pop(pid).close()


def on(sockets, words):
    while words and words[0].startswith("-"):
        words = words[1:]
    conn = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    conn.connect(os.path.join(sockets, words[0]))
    socket.send_fds(conn, [" ".join(words[1:]).encode()], array.array("i", [0, 1, 2]))
    # as ssh does: what it was given is the other side's now
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)
    answer = conn.recv(4)
    status = struct.unpack("i", answer)[0] if len(answer) == 4 else 255
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
    elif sys.argv[1] == "on":
        sys.exit(on(sys.argv[2], sys.argv[3:]))
    else:
        sys.exit(__doc__)
