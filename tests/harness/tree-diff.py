#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""tree-diff.py - is the second tree what the first is, entry by entry and byte by byte?

   tree-diff.py [--content] [--overlay] KERNEL SERVED

Compared: names (each once), kinds as readdir and as lstat say them, modes, owners, times, link
counts, sizes, blocks, devices, inode numbers (so, which names are one file), targets of links,
user.* attributes, all bytes, what statvfs says. Of files over 256 MiB: their ends, both sides of
each GiB, and 64 places more. Of directories with over 20,000 entries: all that readdir says, and
the rest of every 20th (the kernel's driver takes seconds for all). In SERVED no attribute but
user.* may show.
  --content   kinds, sizes, targets and bytes only: the trees come of different images
  --overlay   KERNEL is a stack of several: other inode numbers, but what is one file here is
              one there; link counts, sizes and blocks of directories are each one's own, and
              the marks of an overlay are not shown

Prints what differs (at most 40 lines), then how much was compared. Exit status: 1 if anything.
"""
import argparse
import errno
import os
import stat
import sys

WHOLE = 256 << 20
MANY = 20000
FIELDS = ("st_mode", "st_uid", "st_gid", "st_nlink", "st_size", "st_mtime_ns", "st_atime_ns", "st_ctime_ns")


def short(names):
    text = ", ".join(n[:40] for n in sorted(names))
    return f"[{text[:200]}]"


class Diff:
    def __init__(self, opt):
        self.opt = opt
        self.entries = self.bytes = self.wrong = 0
        self.pairs, self.back, self.seen = {}, {}, set()

    def say(self, path, text):
        self.wrong += 1
        if self.wrong <= 40:
            print(os.fsencode(f"{path!r}: {text}").decode("ascii", "backslashreplace"))

    def stats(self, path, a, b, has_attributes):
        if self.opt.content:
            fields = () if stat.S_ISDIR(a.st_mode) else ("st_size",)
            if stat.S_IFMT(a.st_mode) != stat.S_IFMT(b.st_mode):
                self.say(path, "another kind")
        else:
            fields = FIELDS + (() if self.opt.overlay else ("st_ino",))
            if self.opt.overlay and stat.S_ISDIR(a.st_mode):
                fields = tuple(f for f in FIELDS if f not in ("st_nlink", "st_size"))
            elif not has_attributes:  # the kernel's driver counts those too
                fields += ("st_blocks",)
            if stat.S_ISCHR(a.st_mode) or stat.S_ISBLK(a.st_mode):
                fields += ("st_rdev",)
            if self.pairs.setdefault((a.st_dev, a.st_ino), b.st_ino) != b.st_ino:
                self.say(path, "not the same file as its other name")
            if self.back.setdefault(b.st_ino, (a.st_dev, a.st_ino)) != (a.st_dev, a.st_ino):
                self.say(path, f"inode number {b.st_ino} is that of another file, too")
        for f in fields:
            if getattr(a, f) != getattr(b, f):
                self.say(path, f"{f} {getattr(a, f):#o} is served as {getattr(b, f):#o}" if f == "st_mode" else
                         f"{f} {getattr(a, f)} is served as {getattr(b, f)}")

    def attributes(self, path, a, b):
        def all_of(p):
            try:
                return {n: os.getxattr(p, n, follow_symlinks=False) for n in os.listxattr(p, follow_symlinks=False)}
            except OSError as e:
                if e.errno != errno.EOPNOTSUPP:
                    self.say(path, f"attributes: {e.strerror}")
                return {}

        every, got = all_of(a), all_of(b)
        want = {n: v for n, v in every.items() if n.startswith("user.")}
        if self.opt.overlay:
            want = {n: v for n, v in want.items() if not n.startswith("user.overlay.")}
        if want.keys() != got.keys():
            self.say(path, f"attributes {short(want)} are served as {short(got)}")
        elif want != got:
            self.say(path, f"values of {short(n for n in want if want[n] != got[n])}")
        for name in ("security.capability", "security.other", "trusted.berth") if every or self.entries % 64 == 0 else ():
            try:
                os.getxattr(b, name, follow_symlinks=False)
                self.say(path, f"{name} is served")
            except OSError as e:
                if e.errno not in (errno.ENODATA, errno.EOPNOTSUPP):
                    self.say(path, f"{name}: {e.strerror}")
        return len(every) > 0

    def windows(self, size):
        if size <= WHOLE:
            return [(0, size)]
        at = [0, size - (4 << 20)] + [g << 30 for g in range(1, (size >> 30) + 1)]
        at = [max(0, p - (1 << 20)) for p in at] + [size // 64 * i for i in range(64)]
        return [(p, min(size, p + (6 << 20 if i < 9 else 1 << 17))) for i, p in enumerate(at)]

    def content(self, path, a, b, size):
        fa, fb = os.open(a, os.O_RDONLY), os.open(b, os.O_RDONLY)
        try:
            for at, end in self.windows(size):
                while True:
                    x, y = os.pread(fa, 1 << 20, at), os.pread(fb, 1 << 20, at)
                    if x != y:
                        self.say(path, f"other bytes after {at}: {len(x)}, {len(y)}")
                        return
                    at += len(x)
                    self.bytes += len(x)
                    if not x or at >= end:
                        break
        finally:
            os.close(fa)
            os.close(fb)

    def listing(self, path, top):
        found = {}
        with os.scandir(top) as it:
            for e in it:
                if e.name in found:
                    self.say(path, f"{e.name!r} is listed twice in {top!r}")
                found[e.name] = e
        return found

    def node(self, path, a, b):
        self.entries += 1
        try:
            sa, sb = os.lstat(a), os.lstat(b)
        except OSError as e:
            self.say(path, e.strerror)
            return
        self.stats(path, sa, sb, not self.opt.content and self.attributes(path, a, b))
        if stat.S_IFMT(sa.st_mode) != stat.S_IFMT(sb.st_mode):
            return
        try:
            if stat.S_ISLNK(sa.st_mode):
                if os.readlink(a) != os.readlink(b):
                    self.say(path, "another target")
            elif stat.S_ISREG(sa.st_mode):
                if sa.st_ino not in self.seen or sa.st_nlink == 1:
                    self.content(path, a, b, sa.st_size)
                self.seen.add(sa.st_ino)
            elif stat.S_ISDIR(sa.st_mode):
                self.directory(path, a, b)
        except OSError as e:
            self.say(path, e.strerror)

    def directory(self, path, a, b):
        la, lb = self.listing(path, a), self.listing(path, b)
        for name in la.keys() - lb.keys():
            self.say(path + b"/" + name, "is not served")
        for name in lb.keys() - la.keys():
            self.say(path + b"/" + name, "is served and not in the image")
        for i, name in enumerate(sorted(la.keys() & lb.keys())):
            ea, eb = la[name], lb[name]
            for what in ("is_dir", "is_file"):
                if getattr(ea, what)(follow_symlinks=False) != getattr(eb, what)(follow_symlinks=False):
                    self.say(path + b"/" + name, f"readdir: {what}")
            if not self.opt.content and not self.opt.overlay and ea.inode() != eb.inode():
                self.say(path + b"/" + name, f"readdir: inode {ea.inode()} is served as {eb.inode()}")
            if len(la) > MANY and i % 20 != 0:
                self.entries += 1
                continue
            if not self.opt.content and eb.inode() != os.lstat(b + b"/" + name).st_ino:
                self.say(path + b"/" + name, "readdir and lstat disagree about the inode number")
            self.node(path + b"/" + name, a + b"/" + name, b + b"/" + name)

    def whole(self, a, b):
        x, y = os.statvfs(a), os.statvfs(b)
        if (x.f_blocks * x.f_frsize, x.f_files) != (y.f_blocks * y.f_frsize, y.f_files):
            self.say(b"/", f"statvfs: {x} is served as {y}")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--content", action="store_true")
    p.add_argument("--overlay", action="store_true")
    p.add_argument("a", type=os.fsencode)
    p.add_argument("b", type=os.fsencode)
    opt = p.parse_args()
    d = Diff(opt)
    if not opt.content and not opt.overlay:
        d.whole(opt.a, opt.b)
    d.node(b"", opt.a, opt.b)
    print(f"{d.entries} entries, {d.bytes} bytes, {d.wrong} differences")
    return d.wrong > 0


if __name__ == "__main__":
    sys.exit(main())
