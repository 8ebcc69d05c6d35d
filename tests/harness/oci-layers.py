#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""oci-layers.py - layers of images of many kinds, and what a tree that they were unpacked to holds.

    oci-layers.py names                 the images there are
    oci-layers.py make NAME DIR         DIR/0, DIR/1, ...: the layers, the lowest first
    oci-layers.py list ROOT SINCE LIST  as tests/harness/flatten writes a tree; devices are left out. Of
                                        directories that unpacking itself changed, after SINCE
                                        (seconds), the time is shown that LIST, flatten's, has.

"random-N" are sequences of what can be done to a tree, by a generator seeded with N: each layer is what a
program that compares two trees would write.
"""
import gzip
import hashlib
import io
import os
import random
import stat
import subprocess
import sys
import tarfile
import tempfile

TIME = 1700000000
IMAGES = {}


class Layer:
    """A tar that is written entry by entry."""

    def __init__(self, form=tarfile.PAX_FORMAT):
        self.out = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.out, mode="w", format=form, encoding="utf-8", errors="surrogateescape")
        self.n = 0

    def add(self, name, kind, data=b"", **more):
        info = tarfile.TarInfo(name)
        self.n += 1
        info.type, info.size, info.mtime = kind, len(data), TIME + self.n
        info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
        xattrs = more.pop("xattrs", {})
        for key, value in more.items():
            setattr(info, key, value)
        info.pax_headers = {"SCHILY.xattr." + k: v for k, v in xattrs.items()}
        self.tar.addfile(info, io.BytesIO(data))
        return self

    def file(self, name, data=None, **more):
        data = f"{name} {self.n}\n" if data is None else data
        return self.add(name, tarfile.REGTYPE, data.encode(errors="surrogateescape") if isinstance(data, str) else data, **more)

    def dir(self, *names, **more):
        for name in names:
            self.add(name, tarfile.DIRTYPE, **more)
        return self

    def link(self, name, target, **more):
        return self.add(name, tarfile.SYMTYPE, linkname=target, **more)

    def hard(self, name, target):
        return self.add(name, tarfile.LNKTYPE, linkname=target)

    def gone(self, name):
        head, tail = os.path.split(name)
        return self.file(os.path.join(head, ".wh." + tail), b"")

    def opaque(self, name):
        return self.file(name + "/.wh..wh..opq", b"")

    def bytes(self):
        self.tar.close()
        return self.out.getvalue()


def image(function):
    IMAGES[function.__name__.replace("_", "-")] = function
    return function


def base():
    a = Layer().dir("./", "etc", "etc/conf.d", "usr", "usr/bin", "usr/lib", "var", "var/cache")
    for name in ("etc/hosts", "etc/conf.d/a", "etc/conf.d/b", "usr/bin/tool", "usr/lib/libx.so.1", "var/cache/x"):
        a.file(name)
    return a.link("usr/lib/libx.so", "libx.so.1").hard("usr/bin/tool2", "usr/bin/tool")


@image
def plain():
    a = base()
    a.file("usr/bin/su", mode=0o4755).file("usr/bin/wall", mode=0o2755).dir("tmp", mode=0o1777).file("empty", b"")
    a.add("fifo", tarfile.FIFOTYPE, mode=0o600).file("owned", uid=1000, gid=4000).file("large-id", uid=3000000000)
    a.file("nanoseconds", mtime=1600000000.25).file("before-1970", mtime=-86400).dir("private", mode=0o700)
    a.file("private/key", mode=0o400).file("big", bytes(range(256)) * 5000).link("dangling", "/no/where")
    return [a]


@image
def whiteouts():
    b = Layer().gone("etc/hosts").gone("usr/lib").dir("var").gone("var/cache").gone("no-such").file("etc/conf.d/c")
    c = Layer().gone("etc/conf.d/a").dir("usr/lib").file("usr/lib/new").file("etc/hosts").dir("var/cache")
    # the same layer takes away what lower ones have, and gives something of the same name
    d = Layer().gone("usr/bin").dir("usr/bin").file("usr/bin/fresh").file("etc/conf.d/b").gone("etc/conf.d/b")
    return [base(), b, c, d]


@image
def opaque():
    b = Layer().dir("etc").opaque("etc").file("etc/only").dir("usr/bin").file("usr/bin/early").opaque("usr/bin")
    c = Layer().dir("etc/conf.d").file("etc/conf.d/again").dir("var").dir("var/cache").opaque("var/cache")
    return [base(), b, c]


@image
def replaced():
    b = Layer().file("etc/conf.d").dir("etc/hosts").file("etc/hosts/x").link("var", "usr").file("usr/lib/libx.so")
    b.link("usr/bin/tool", "tool2")
    c = Layer().dir("etc/conf.d").file("etc/conf.d/new").file("etc/hosts").dir("var").file("var/y")
    c.add("usr/lib/libx.so.1", tarfile.FIFOTYPE)
    d = Layer().link("etc", "usr").dir("usr/lib").file("usr/lib/libx.so.1")
    return [base(), b, c, d]


@image
def hard_links():
    a = base().hard("etc/hosts2", "etc/hosts").hard("etc/hosts3", "etc/hosts2").link("sym", "etc/hosts").hard("sym2", "sym")
    # to files of the lower layer, which then loses its names one by one
    b = Layer().hard("usr/bin/tool3", "usr/bin/tool").hard("late", "var/cache/x").file("etc/hosts", "replaced\n")
    c = Layer().gone("usr/bin/tool").gone("var/cache/x").file("etc/hosts2", "replaced too\n").hard("etc/hosts4", "etc/hosts3")
    # the first name of a set that the upper layer hides
    d = Layer().dir("set").file("set/one", "set\n").hard("set/two", "set/one").hard("set/three", "set/one")
    e = Layer().gone("set/one").file("set/four", "four\n").hard("set/five", "set/four")
    f = Layer().file("set/four", "changed\n")
    return [a, b, c, d, e, f]


@image
def merged_usr():
    a = base().dir("usr/lib64").link("lib", "usr/lib").link("bin", "/usr/bin").link("lib64", "usr/lib64")
    b = Layer().file("lib/upper").file("bin/upper").file("lib/libx.so.1", "upper\n").file("lib64/sub/deep")
    c = Layer().gone("lib/libx.so").file("usr/lib/upper", "uppermost\n").file("lib/modules/a/b")
    return [a, b, c]


@image
def long_names():
    layers = []
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT):
        name = {tarfile.GNU_FORMAT: "gnu", tarfile.PAX_FORMAT: "pax", tarfile.USTAR_FORMAT: "ustar"}[form]
        a = Layer(form).dir(name).dir(name + "/" + "d" * 90).file(f"{name}/{'d' * 90}/{'f' * 99}")
        a.file(name + "/caf\u00e9 with spaces").file(name + "/quote'\"\\").link(name + "/link", "t" * 100)
        if form != tarfile.USTAR_FORMAT:
            path = name + "/" + "/".join("e" * 200 for _ in range(8))
            a.file(path + "/" + "n" * 255).link(name + "/long-link", "u/" * 500).hard(name + "/hard", path + "/" + "n" * 255)
        if form == tarfile.GNU_FORMAT:
            a.file(name + "/bytes\udcff\udcfe").file(name + "/new\nline\t\x1b[2J")
        layers.append(a)
    return layers


@image
def spellings():
    a = Layer().dir("./").dir("./a/").file("./a/b").file("/c").file("d//e").file("./f/./g").dir("h///").link("./a/l", "../c")
    b = Layer().file("a/b", "b\n").file("././c", "c\n").hard("./i", "/d/e").hard("j", "./c").file("/a/.wh.l", b"")
    return [a, b]


@image
def twice():
    a = Layer().file("a", "1\n").file("a", "2\n").dir("d").file("d/x").file("d").dir("e", mode=0o700).dir("e", mode=0o711)
    a.file("f").dir("f").file("f/in").link("g", "a").file("g").file("h").link("h", "a").file("k", "k\n").hard("l", "k")
    a.file("k", "other\n").dir("m").file("m/n").link("m", "e")
    return [a, Layer().file("a", "3\n").file("a", "4\n").hard("b", "l")]


@image
def attributes():
    a = Layer().file("a", xattrs={"user.one": "1", "user.two": "zwei"}).dir("d", xattrs={"user.dir": "x"})
    a.file("cap", xattrs={"security.capability": "\0\0\0\2\0\4" + "\0" * 14}).file("plain")
    return [a, Layer().file("plain", xattrs={"user.new": "n"}).dir("d"), Layer().file("a", "without\n")]


@image
def made_by_nobody():
    """Parents that no layer has an entry for."""
    a = Layer().file("a/b/c").file("d/e/f").link("g/h", "../a")
    return [a, Layer().file("a/b/x").dir("d", mode=0o711), Layer().gone("g/h").file("i/j/k/l")]


@image
def empty_layers():
    return [Layer(), base(), Layer(), Layer().file("etc/x"), Layer()]


@image
def devices():
    a = base().add("null", tarfile.CHRTYPE, devmajor=1, devminor=3).add("disk", tarfile.BLKTYPE, devmajor=8, devminor=1)
    return [a, Layer().add("etc/hosts", tarfile.CHRTYPE, devmajor=1, devminor=5).file("null", "no device\n")]


@image
def many():
    a, b = Layer(), Layer()
    for d in range(20):
        a.dir(f"d{d}")
        for f in range(300):
            a.file(f"d{d}/f{f}")
    for d in range(0, 20, 3):
        b.gone(f"d{d}")
    for f in range(0, 300, 7):
        b.gone(f"d1/f{f}").file(f"d2/f{f}")
    return [a, b]


@image
def packed():
    """gzip of several members and zeros behind; zstd of several frames; plain, in one image."""
    a, b, c = base().bytes(), Layer().file("etc/gzip").gone("etc/hosts").bytes(), Layer().file("etc/zstd").bytes()
    half = len(b) // 2
    zstd = [subprocess.run(["zstd", "-c"], input=part, stdout=subprocess.PIPE, check=True).stdout
            for part in (c[:700], c[700:])]
    return [a, gzip.compress(b[:half]) + gzip.compress(b[half:]), zstd[0] + zstd[1]]


@image
def sparse():
    """By GNU tar, in each of its forms."""
    layers = []
    with tempfile.TemporaryDirectory() as top:
        for form in ("gnu", "posix0.0", "posix0.1", "posix1.0"):
            os.mkdir(f"{top}/{form}")
            for name, end, at in (("a", 1 << 20, (0, 300000, 700000)), ("holes-only", 1 << 22, ()),
                                  ("many", 1 << 21, range(4096, 1 << 21, 16384)), ("tail", 5000000, (4999999,))):
                with open(f"{top}/{form}/{name}", "wb") as f:
                    f.truncate(end)
                    for off in at:
                        f.seek(off)
                        f.write(b"data at %d" % off)
                    f.truncate(end)
            how = ["--format=gnu"] if form == "gnu" else ["--format=posix", "--sparse-version=" + form[5:]]
            layers.append(subprocess.run(["tar", "-cS", *how, "--mtime=@1700000000", "--owner=0", "--group=0",
                                          "-C", top, form], stdout=subprocess.PIPE, check=True).stdout)
    return layers


class Tree:
    """What a random image's layers have made so far, and what the next one changes."""

    def __init__(self, seed):
        self.rand = random.Random(seed)
        self.have = {}  # path -> "d", "l" or the name of its content, the same for hard links
        self.n = 0

    def under(self, path):
        return [p for p in self.have if p.startswith(path + "/")]

    def pick(self, kinds):
        found = sorted(p for p, k in self.have.items() if k[0] in kinds)
        return self.rand.choice(found) if found else None

    def new_path(self):
        where = self.pick("d") if self.rand.random() < 0.85 else None
        self.n += 1
        return f"{where + '/' if where and where.count('/') < 6 else ''}{self.rand.choice('abcdefgh')}{self.n % 60}"

    def forget(self, path):
        for p in [path] + self.under(path):
            self.have.pop(p, None)

    def layer(self):
        """Names that one layer touches are its own: it has each once, as a comparison of trees does."""
        out, touched = Layer(), set()

        def free(path):
            parts = path.split("/")
            return not any("/".join(parts[:i]) in touched for i in range(1, len(parts) + 1)) and \
                not any(t.startswith(path + "/") for t in touched)

        for _ in range(self.rand.randrange(20, 80)):
            what = self.rand.random()
            path = self.new_path() if what < 0.6 or not self.have else self.pick("dlf")
            if not path or not free(path):
                continue
            head = os.path.dirname(path)
            if what < 0.25:
                self.forget(path)
                self.have[path] = "d"
                out.dir(path, mode=self.rand.choice((0o755, 0o700, 0o1777)))
                for k in range(self.rand.randrange(4)):
                    self.have[f"{path}/in{k}"] = f"f{self.n}.{k}"
                    out.file(f"{path}/in{k}", f"{path} {self.n} {k}\n")
                # in place of what a lower layer may have there: two ways to say so
                if self.rand.random() < 0.3:
                    out.opaque(path)
                else:
                    out.gone(path)
            elif what < 0.45 or (what >= 0.6 and what < 0.7):
                self.forget(path)
                self.have[path] = f"f{self.n}"
                out.file(path, f"{path} {self.n}\n" * self.rand.randrange(1, 2000), mode=self.rand.choice((0o644, 0o4755)))
            elif what < 0.5 or (what >= 0.7 and what < 0.75):
                self.forget(path)
                self.have[path] = "l"
                out.link(path, "no/such/thing")
            elif what < 0.6:
                target = self.pick("f")
                if not target or target == path or path.startswith(target + "/"):
                    continue
                self.forget(path)
                if target not in self.have:
                    continue
                self.have[path] = self.have[target]
                out.hard(path, target)
            else:
                self.forget(path)
                out.gone(path)
            touched.add(path)
            while head and head not in self.have:
                self.have[head] = "d"
                head = os.path.dirname(head)
        return out


def random_image(seed):
    tree = Tree(seed)
    return [tree.layer() for _ in range(6)]


def make(name, where):
    layers = random_image(int(name[7:])) if name.startswith("random-") else IMAGES[name]()
    os.makedirs(where)
    for i, layer in enumerate(layers):
        with open(f"{where}/{i}", "wb") as f:
            f.write(layer if isinstance(layer, bytes) else layer.bytes())


# ---- a tree on disk --------------------------------------------------------------------------

def escape(raw):
    out = ""
    for c in raw.decode("utf-8", "surrogateescape"):
        if 0xdc80 <= ord(c) <= 0xdcff:
            out += "\\x%02x" % (ord(c) - 0xdc00)
        else:
            out += c if ord(c) >= 0x20 and ord(c) != 0x7f else "\\x%02x" % ord(c)
    return out


def show(path, st, seen, since):
    kinds = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFIFO: "p", stat.S_IFSOCK: "s"}
    kind = kinds[stat.S_IFMT(st.st_mode)]
    if kind != "d" and st.st_nlink > 1:
        if st.st_ino in seen:
            return f"= {escape(path)} as {escape(seen[st.st_ino])}"
        seen[st.st_ino] = path
    sec, nsec = divmod(st.st_mtime_ns, 10 ** 9)
    time = str(sec) + (f".{nsec:09d}" if nsec else "")
    if kind == "d" and sec >= since[0]:
        time = since[1].get(escape(path), "0")
    out = f"{kind} {stat.S_IMODE(st.st_mode):04o} {st.st_uid}:{st.st_gid} {time}"
    if kind == "f":
        with open(path, "rb") as f:
            out += f" {st.st_size} {hashlib.sha256(f.read()).hexdigest()}"
    if kind == "l":
        out += f" '{escape(os.readlink(path))}'"
    out += " " + escape(path)
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        if name.startswith("user.") and name != "user.rootlesscontainers":
            out += f" {name}={os.getxattr(path, name, follow_symlinks=False).hex()}"
    return out


def listing(path, seen, since):
    st = os.lstat(path)
    if stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
        return
    print(show(path, st, seen, since))
    if stat.S_ISDIR(st.st_mode):
        for name in sorted(os.listdir(path)):
            listing(path + b"/" + name, seen, since)


def main():
    if sys.argv[1:] == ["names"]:
        print(*IMAGES)
    elif sys.argv[1] == "make":
        make(sys.argv[2], sys.argv[3])
    else:
        here = os.getcwd()
        os.chdir(sys.argv[2])
        sys.stdout.reconfigure(errors="surrogateescape")
        with open(os.path.join(here, sys.argv[4]), encoding="utf-8", errors="surrogateescape") as f:
            times = {words[4]: words[3] for words in (line.split() for line in f) if words[0] == "d"}
        listing(b".", {}, (int(sys.argv[3]), times))


if __name__ == "__main__":
    main()
