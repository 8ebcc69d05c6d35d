#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""odd-tree.py - a directory with everything that a squashfs image can hold.

   odd-tree.py DIR                all kinds, sizes around block ends, links, names, owners, times
   odd-tree.py --entries N DIR    one directory of N empty files, many of them hard links
   odd-tree.py --files N DIR      N small files, each with its own bytes, in directories of 100
   odd-tree.py --tar N            the same N files as a tar archive on standard output; no root, no disk
   odd-tree.py --large DIR        a sparse file of more than 4 GiB with data around the 4 GiB mark

Needs root for devices and owners. The same call makes the same tree.
"""
import os
import random
import socket
import stat
import sys

BLOCKS = (4096, 8192, 65536, 131072, 1 << 20)
RNG = random.Random(4)


def put(path, data=b"", mode=0o644):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(fd, data)
    os.close(fd)
    os.chmod(path, mode)


def text(n, seed):
    line = b"line %d of a file that compresses well, as most do\n"
    out = b"".join(line % (seed * 1000 + i) for i in range(n // 50 + 1))
    return out[:n]


def sizes(top):
    """Ends of files just before, at and behind the end of a block, for the usual block sizes."""
    os.mkdir(top)
    for n in sorted({0, 1, 2} | {b + d for b in BLOCKS for d in (-1, 0, 1)} | {131072 * 2 + 5, 3 * 4096 + 7}):
        put(b"%s/text-%d" % (top, n), text(n, n))
        if n <= 131073:
            put(b"%s/random-%d" % (top, n), RNG.randbytes(n))
    put(top + b"/half", RNG.randbytes(70000) + text(200000, 1))
    put(top + b"/again", text(131072 + 1, 131072 + 1))  # the bytes of another file
    for i in range(200):
        put(b"%s/tail-%d" % (top, i), text(37 * i % 4000 + 1, i))


def holes(top):
    os.mkdir(top)
    for name, size, at in ((b"all", 5 << 20, ()), (b"end", 3 << 20, (0,)), (b"front", (3 << 20) + 17, (3 << 20,)),
                           (b"middle", 9 << 20, (4 << 20, (4 << 20) + 131072)), (b"tail", 131072 + 9, ())):
        fd = os.open(top + b"/" + name, os.O_WRONLY | os.O_CREAT, 0o644)
        os.ftruncate(fd, size)
        for off in at:
            os.pwrite(fd, RNG.randbytes(min(5000, size - off)), off)
        os.close(fd)


def kinds(top):
    os.mkdir(top)
    os.mkfifo(top + b"/fifo", 0o640)
    for name, kind, major, minor in ((b"null", stat.S_IFCHR, 1, 3), (b"wide-char", stat.S_IFCHR, 4095, 1048575),
                                     (b"block", stat.S_IFBLK, 259, 123456), (b"zero-zero", stat.S_IFCHR, 0, 0)):
        os.mknod(top + b"/" + name, kind | 0o660, os.makedev(major, minor))
        os.chown(top + b"/" + name, 3, 4)
    s = socket.socket(socket.AF_UNIX)
    os.chdir(top)
    s.bind(b"socket")
    s.close()
    os.mkdir(b"empty")
    for name in (b"fifo", b"null", b"block", b"socket"):
        os.link(name, name + b"-again")
    for n in (1, 2, 59, 60, 61, 255, 256, 4095):
        os.symlink((b"t/" * n)[:n], b"link-%d" % n)
    os.symlink(b"/etc/passwd", b"absolute")
    os.symlink(b"\xff\xfe\n", b"bytes")
    os.link(b"link-60", b"link-again", follow_symlinks=False)
    os.lchown(b"link-2", 77, 88)
    for bits in range(0, 0o10000, 0o333):
        put(b"mode-%05o" % bits, b"x", bits)
    for bits in (0o1777, 0o2755, 0o4755, 0o700, 0):
        os.mkdir(b"dir-%04o" % bits)
        os.chmod(b"dir-%04o" % bits, bits)
    for when in (0, 1, 2**31 - 1, 2**31, 2**32 - 1):
        put(b"time-%d" % when)
        os.utime(b"time-%d" % when, (when, when))
    os.chdir(b"/")


def names(top):
    os.mkdir(top)
    for name in (b"n" * 255, b"\xc3\xa9" * 127, b" ", b"a\nb", b"-rf", b"...", b"..a", b"\xff\xfe", b"\x01",
                 b"%n%s", b"quote'\"\\", b".wh.looks-so", b".wh..wh..opq", b"~", b"A", b"a", b"A.b"):
        put(top + b"/" + name, name)
    deep = top + b"/" + b"d" * 255
    os.mkdir(deep)
    put(deep + b"/" + b"f" * 255, b"deep")
    at = top + b"/deep"
    for i in range(60):
        os.mkdir(at)
        at += b"/%d" % i
    put(at, b"bottom")
    os.mkdir(top + b"/many")
    for i in range(2500):  # several headers of 256 entries, several blocks, an index
        put(b"%s/many/entry-with-a-name-%d" % (top, i))
    # names that differ in their last byte, at every place where a block of metadata may end
    for i in range(256):
        if i not in (0, ord("/")):
            put(top + b"/many/" + b"z" * (i % 200) + bytes([i]))


def links_and_owners(top):
    os.mkdir(top)
    put(top + b"/first", b"one file, many names\n")
    for i in range(300):
        os.mkdir(b"%s/%d" % (top, i))
        os.link(top + b"/first", b"%s/%d/again" % (top, i))
        put(b"%s/%d/own" % (top, i), b"%d\n" % i)
        os.chown(b"%s/%d/own" % (top, i), 1000 + i, 2**32 - 3 - i)
    os.chown(top, 2**31, 65534)


def attributes(top):
    os.mkdir(top)
    os.mkdir(top + b"/dir")
    for name in (b"few", b"same", b"large", b"many", b"empty", b"caps", b"hard"):
        put(top + b"/" + name, b"x")
    for name in (b"few", b"same", b"dir"):
        os.setxattr(top + b"/" + name, "user.mime", b"text/plain")
        os.setxattr(top + b"/" + name, "user.\xe9", b"\0\xff binary \0")
    os.setxattr(top + b"/large", "user.large", bytes(range(256)) * 12)
    os.setxattr(top + b"/large", "user.large-too", bytes(range(256)) * 2)  # stored out of line where shared
    os.setxattr(top + b"/hard", "user.large-too", bytes(range(256)) * 2)
    for i in range(20):
        os.setxattr(top + b"/many", "user.%d%s" % (i, "n" * (i * 8)), b"v" * i)
    os.setxattr(top + b"/empty", "user.empty", b"")
    os.setxattr(top + b"/caps", "user.beside", b"1")
    # what no image may bring: cap_setuid+ep, and others
    os.setxattr(top + b"/caps", "security.capability", bytes.fromhex("0100000280000000") + bytes(12))
    os.setxattr(top + b"/caps", "trusted.berth", b"no")
    os.setxattr(top + b"/dir", "security.other", b"no")
    os.link(top + b"/hard", top + b"/hard-again")


def everything(top):
    sizes(top + b"/sizes")
    holes(top + b"/holes")
    kinds(top + b"/kinds")
    names(top + b"/names")
    links_and_owners(top + b"/owners")
    attributes(top + b"/attributes")
    os.utime(top, (86400, 86400))


def entries(top, n):
    os.mkdir(top + b"/many")
    os.chdir(top + b"/many")
    first = None
    for i in range(n):
        name = b"an-entry-of-a-large-directory-%d" % i
        if i % 10000 == 0:
            put(name, b"%d\n" % i)
            first = name
        else:
            os.link(first, name)


def files(top, n):
    for i in range(n):
        if i % 10000 == 0:
            os.mkdir(b"%s/%d" % (top, i // 10000))
        if i % 100 == 0:
            at = b"%s/%d/%d" % (top, i // 10000, i // 100 % 100)
            os.mkdir(at)
        fd = os.open(b"%s/file-%d" % (at, i), os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(fd, b"file %d\n" % i * (i % 50 + 1))
        os.close(fd)


def tar_entry(name, data=b"", kind=b"0"):
    head = name.ljust(100, b"\0") + (b"0000755\0" if kind == b"5" else b"0000644\0") + b"0000000\0" * 2 + \
        b"%011o\0%011o\0" % (len(data), 86400) + b" " * 8 + kind + bytes(100) + b"ustar\00000"
    head = head.ljust(512, b"\0")
    head = head[:148] + b"%06o\0 " % sum(head) + head[156:]
    return head + data + bytes(-len(data) % 512)


def tar(n):
    out = sys.stdout.buffer
    for i in range(n):
        if i % 10000 == 0:
            out.write(tar_entry(b"%d/" % (i // 10000), kind=b"5"))
        at = b"%d/%d/" % (i // 10000, i // 100 % 100)
        if i % 100 == 0:
            out.write(tar_entry(at, kind=b"5"))
        out.write(tar_entry(at + b"file-%d" % i, b"file %d\n" % i * (i % 50 + 1)))
    out.write(bytes(1024))


def large(top):
    fd = os.open(top + b"/large", os.O_WRONLY | os.O_CREAT, 0o644)
    os.ftruncate(fd, (4 << 30) + (200 << 20) + 333)
    for at in (0, (2 << 30) - 5, (4 << 30) - 70000, (4 << 30) + (200 << 20) + 300):
        os.pwrite(fd, RNG.randbytes(200000 if at < 4 << 30 else 33), at)
    os.close(fd)


def main():
    os.umask(0o022)
    args = [os.fsencode(a) for a in sys.argv[1:]]
    if args[0] == b"--tar":
        tar(int(args[1]))
        return
    top = os.path.abspath(args[-1])
    os.makedirs(top, exist_ok=True)
    if args[0] == b"--entries":
        entries(top, int(args[1]))
    elif args[0] == b"--files":
        files(top, int(args[1]))
    elif args[0] == b"--large":
        large(top)
    else:
        everything(top)


if __name__ == "__main__":
    main()
