#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""layers.py - three layers that hide, merge and replace each other's files.

   layers.py trusted|user|oci DIR     makes DIR/top, DIR/mid and DIR/base

The first two mark as overlayfs does: a character device 0:0 takes a name away, the attribute
"trusted.overlay.opaque" or "user.overlay.opaque" on a directory hides what lies below it. The last
marks as OCI layers do: ".wh.NAME" and ".wh..wh..opq". All three stand for the same tree.
"""
import os
import stat
import sys
import zlib

FORM, TOP = sys.argv[1], os.path.abspath(sys.argv[2])


def at(layer, path):
    full = f"{TOP}/{layer}/{path}"
    os.makedirs(os.path.dirname(full), exist_ok=True)
    return full


def put(layer, *paths):
    for path in paths:
        with open(at(layer, path), "x", encoding="ascii") as f:
            f.write(f"{layer}: {path}\n" * (len(path) % 7 + 1))


def make_dir(layer, *paths, mode=0o755):
    for path in paths:
        os.makedirs(at(layer, path))
        os.chmod(at(layer, path), mode)


def link(layer, path, target):
    os.symlink(target, at(layer, path))


def gone(layer, *paths):
    for path in paths:
        head, name = os.path.split(path)
        if FORM == "oci":
            open(at(layer, f"{head}/.wh.{name}"), "x", encoding="ascii").close()
        else:
            os.mknod(at(layer, path), stat.S_IFCHR, os.makedev(0, 0))


def opaque(layer, path):
    if not os.path.isdir(at(layer, path)):
        os.makedirs(at(layer, path))
    if FORM == "oci":
        open(at(layer, path + "/.wh..wh..opq"), "x", encoding="ascii").close()
    else:
        os.setxattr(at(layer, path), FORM + ".overlay.opaque", b"y")


def base():
    put("base", "file", "etc/hosts", "etc/passwd", "etc/conf.d/a", "etc/conf.d/b", "etc/conf.d/sub/c")
    put("base", "gone/dir/x", "gone/dir/y", "gone/file", "gone/kept", "gone/again", "gone/mid-adds-top-hides")
    put("base", "opaque/old", "opaque/sub/old", "opaque/keep/old", "twice/one", "twice/two")
    put("base", "kinds/file-over-dir/below", "kinds/dir-over-file", "kinds/link-over-dir/below", "kinds/x/y/below")
    put("base", "kinds/file-between/base", "kinds/link-between/base", "kinds/device", "only-base/deep/er/file")
    link("base", "kinds/dir-over-link", "x")
    link("base", "link", "etc/hosts")
    os.link(at("base", "file"), at("base", "etc/hard"))
    os.link(at("base", "file"), at("base", "only-base/hard"))
    os.mkfifo(at("base", "kinds/fifo"))
    make_dir("base", "modes", mode=0o700)
    os.chown(at("base", "etc/hosts"), 12, 34)
    os.setxattr(at("base", "etc/passwd"), "user.layer", b"base")
    for i in range(3000):
        put("base", f"many/entry-{i}")
    put("base", "n" * 255 + "/" + "m" * 255)


def mid():
    put("mid", "etc/hosts", "etc/conf.d/b", "etc/conf.d/d", "only-mid/file", "gone/mid-adds-top-hides")
    put("mid", "opaque/new", "opaque/sub/new", "gone/only-mid")
    opaque("mid", "opaque")
    gone("mid", "gone/again", "gone/dir", "twice/one", "many/entry-7")
    put("mid", "kinds/file-between", "kinds/dir-over-file/below", "kinds/dir-over-link/below")
    put("mid", "kinds/file-over-dir")
    link("mid", "kinds/link-over-dir", "x/y")
    link("mid", "kinds/link-between", "x")
    os.mknod(at("mid", "kinds/null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(at("mid", "kinds/device"), stat.S_IFBLK | 0o660, os.makedev(0, 0))  # block 0:0 hides nothing
    os.setxattr(at("mid", "etc/conf.d/d"), "user.layer", b"mid")
    make_dir("mid", "modes", mode=0o1777)


def top():
    put("top", "etc/new", "etc/conf.d/sub/e", "only-top", "opaque/keep/newest")
    put("top", "gone/again", "kinds/file-between/top", "kinds/link-between/top")
    gone("top", "gone/file", "gone/mid-adds-top-hides", "etc/conf.d/a", "twice/two", "link", "only-mid")
    opaque("top", "kinds/x")
    opaque("top", "new-and-opaque")
    for i in range(0, 3000, 3):
        gone("top", f"many/entry-{i}")
    for i in range(3000, 4000):
        put("top", f"many/entry-{i}")
    put("top", "n" * 255 + "/" + "k" * 255)
    os.chown(at("top", "etc"), 5, 6)


def main():
    os.umask(0o022)
    base()
    mid()
    top()
    # times that do not depend on when this ran; one each for a name and layer
    for here, _, names in os.walk(TOP, topdown=False):
        for path in [f"{here}/{n}" for n in names] + [here]:
            when = zlib.crc32(path[len(TOP):].encode()) % 10**9
            os.utime(path, (when, when), follow_symlinks=False)


if __name__ == "__main__":
    main()
