#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""badsquash.py - small squashfs images, each with one thing wrong.

   badsquash.py DIR          make DIR/NAME.sqfs for every kind below; NAME is GROUP-WHAT
   badsquash.py --list       their names

The groups: good (nothing wrong: they show that the rest is read at all), names, loops, kinds,
counts, tables, blocks, files, xattrs. All metadata is stored uncompressed, so that whatever stands
there is what the reader gets.
"""
import lzma
import os
import struct
import sys
import zlib

META, BLOCK_LOG = 8192, 17
BLOCK = 1 << BLOCK_LOG
NONE32, NONE64 = 2**32 - 1, 2**64 - 1
RAW = 1 << 24  # a data block that is stored as it is
DIR, FILE, LINK, BLK, CHR, FIFO, SOCK = range(1, 8)
MODES = {DIR: 0o755, FILE: 0o644, LINK: 0o777, BLK: 0o660, CHR: 0o660, FIFO: 0o600, SOCK: 0o600}
KINDS = {}


def node(kind, **fields):
    return {"kind": kind, "type": kind + 7, "mode": MODES[kind], "uid": 0, "gid": 0, "mtime": 86400, "nlink": 1,
            "xattr": NONE32, **fields}


def file(data=b"", **fields):
    return node(FILE, **{"data": data, "frag": NONE32, "frag_off": 0, "sparse": 0, **fields})


def link(target, **fields):
    return node(LINK, **{"target": target, **fields})


def directory(entries, **fields):
    """entries: (name, label of a node, what to put into the entry instead)"""
    return node(DIR, **{"entries": entries, "nlink": 2, "parent": None, "index": (), **fields})


def stored(data, sizes=None):
    """The metadata blocks of 'data'. sizes: the size word of a block instead of the right one."""
    out = b""
    for i in range(0, max(len(data), 1), META):
        part = data[i:i + META]
        out += struct.pack("<H", (sizes or {}).get(i // META, len(part) | 0x8000)) + part
    return out


def place(pos):
    """Where byte 'pos' of a metadata table is: block relative to the table's start, offset."""
    return pos // META * (META + 2), pos % META


class Image:
    def __init__(self, nodes, **fields):
        self.nodes, self.fields = nodes, fields

    def get(self, name, value):
        return self.fields.get(name, value)

    def inode(self, n, ino, listing_at, listing_len):
        head = struct.pack("<HHHHII", n["type"], n["mode"], n["uid"], n["gid"], n["mtime"], n.get("ino", ino))
        kind = n["kind"]
        if kind == DIR:
            block, offset = place(listing_at)
            index = b"".join(struct.pack("<III", pos, at, len(name) - 1) + name for pos, at, name in n["index"])
            return head + struct.pack("<IIIIHHI", n["nlink"], n.get("size", listing_len + 3), n.get("block", block),
                                      n["parent"] or len(self.nodes) + 1, n.get("index_count", len(n["index"])),
                                      n.get("offset", offset), n["xattr"]) + index
        if kind == FILE:
            return head + struct.pack("<QQQIIII", n.get("start", 0), n.get("size", len(n["data"])), n["sparse"],
                                      n["nlink"], n["frag"], n["frag_off"], n["xattr"]) + \
                (n["blocks"] if isinstance(n.get("blocks"), bytes) else
                 b"".join(struct.pack("<I", w) for w in n.get("blocks", ())))
        if kind == LINK:
            return head + struct.pack("<II", n["nlink"], n.get("size", len(n["target"]))) + n["target"] + \
                struct.pack("<I", n["xattr"])
        if kind in (BLK, CHR):
            return head + struct.pack("<III", n["nlink"], n.get("rdev", 0x103), n["xattr"])
        return head + struct.pack("<II", n["nlink"], n["xattr"])

    def listing(self, n, refs, inos):
        """One run for each entry: any entry may then lie anywhere."""
        if "listing" in n:
            return n["listing"]
        out = b""
        for name, label, over in n["entries"]:
            ref = over.get("ref", refs.get(label, 0))
            ino = inos.get(label, 1)
            kind = over.get("type", self.nodes[label]["kind"] if label in self.nodes else FILE)
            out += struct.pack("<III", over.get("count", 1) - 1, over.get("block", ref >> 16), ino)
            out += struct.pack("<HhHH", ref & 0xffff, over.get("diff", 0), kind, over.get("len", len(name)) - 1 & 0xffff)
            out += name
        return out

    def data(self, blob):
        """File data goes into the blob; fills in 'start' and 'blocks'."""
        for n in self.nodes.values():
            if n["kind"] == FILE and "blocks" not in n:
                n.setdefault("start", 96 + len(blob))
                n["blocks"] = []
                for i in range(0, len(n["data"]), BLOCK):
                    part = n["data"][i:i + BLOCK]
                    packed = n.get("packer", lambda p: None)(part)
                    n["blocks"].append(len(packed) if packed else len(part) | RAW)
                    blob += packed or part

    def bytes(self):
        blob = bytearray(self.get("blob", b""))
        self.data(blob)
        labels = list(self.nodes)
        inos = {label: i + 1 for i, label in enumerate(labels)}
        refs, pos = {}, 0
        for label in labels:
            block, offset = place(pos)
            refs[label] = block << 16 | offset
            pos += len(self.inode(self.nodes[label], 0, 0, 0))
        listings, at = b"", {}
        for label in labels:
            if self.nodes[label]["kind"] == DIR:
                one = self.listing(self.nodes[label], refs, inos)
                at[label] = len(listings), len(one)
                listings += one
        inodes = b"".join(self.inode(self.nodes[x], inos[x], *at.get(x, (0, 0))) for x in labels)
        s = {"inode_table": 96 + len(blob), "xattr_table": NONE64, "fragment_table": NONE64}
        body = bytes(blob) + self.get("inode_blocks", stored(inodes, self.get("inode_sizes", None)))
        s["directory_table"] = 96 + len(body)
        body += self.get("directory_blocks", stored(listings, self.get("directory_sizes", None)))
        frags = self.get("fragment_entries", None)
        if frags is not None:
            block = 96 + len(body)
            body += stored(b"".join(struct.pack("<QII", *f) for f in frags))
            s["fragment_table"] = 96 + len(body)
            body += struct.pack("<Q", self.get("fragment_block", block))
        block = 96 + len(body)
        body += stored(struct.pack("<II", 0, 1234))
        s["id_table"] = 96 + len(body)
        body += struct.pack("<Q", self.get("id_block", block))
        if "xattrs" in self.fields:
            body = self.xattrs(body, s)
        s.update(self.get("tables", {}))
        if callable(self.get("relate", None)):
            s.update(self.fields["relate"](s, 96 + len(body)))
        head = struct.pack("<IIIIIHHHHHHQQQQQQQQ", self.get("magic", 0x73717368), self.get("inodes", len(labels)), 86400,
                           self.get("block_size", BLOCK), self.get("fragments", len(frags or ())), self.get("compressor", 1),
                           self.get("block_log", BLOCK_LOG), self.get("flags", 0x10 if frags is None else 0),
                           self.get("ids", 2), *self.get("version", (4, 0)), self.get("root_ref", refs["root"]),
                           self.get("bytes_used", 96 + len(body)), s["id_table"], s["xattr_table"], s["inode_table"],
                           s["directory_table"], s["fragment_table"], NONE64)
        return (head + body)[:self.get("cut", None)] + bytes(self.get("padding", 0))

    def xattrs(self, body, s):
        """xattrs: the bytes of names and values, the sets (place in them, how many, bytes)"""
        pairs, sets = self.fields["xattrs"]
        pairs_at = 96 + len(body)
        body += stored(pairs)
        block = 96 + len(body)
        body += stored(b"".join(struct.pack("<QII", *x) for x in sets))
        s["xattr_table"] = 96 + len(body)
        return body + struct.pack("<QII", self.get("xattr_pairs_at", pairs_at), self.get("xattr_sets", len(sets)), 0) + \
            struct.pack("<Q", self.get("xattr_block", block))


def tree(**changed):
    """What is right: a directory in the root, two files, a link. 'changed' replaces nodes or adds some; a
    new one is in the root under its label, unless 'entries' says so otherwise."""
    entries = changed.pop("entries", ())
    fields = changed.pop("fields", {})
    nodes = {"first": file(b"hello\n"), "inner": file(b"inner\n" * 9), "link": link(b"dir/inner")}
    nodes["dir"] = directory([(b"inner", "inner", {})])
    nodes.update({k: v for k, v in changed.items() if k != "root"})
    nodes["last"] = file(b"last\n")
    names = sorted(set(nodes) - {"inner"})
    nodes["root"] = changed.get("root", directory(sorted([(n.encode(), n, {}) for n in names] + list(entries))))
    return Image(nodes, **fields)


def simple(name, **changed):
    KINDS[name] = lambda: tree(**changed)


def fields(name, **f):
    simple(name, fields=f)


def good():
    # a loop device ends with a whole sector; nothing else needs the padding
    simple("good-plain", fields={"padding": 4096})
    simple("good-packed", big=file(b"x" * 300000, packer=zlib.compress), fields={"padding": 4096})
    simple("good-sparse", big=file(b"", size=(1 << 37) + 5, blocks=bytes(4 * ((1 << 20) + 1))), fields={"padding": 4096})
    simple("good-fragment", tail=file(b"", size=6, blocks=[], frag=0, frag_off=3),
           fields={"padding": 4096, "blob": b"abcdefghi", "fragment_entries": [(96, 9 | RAW, 0)]})
    simple("good-xattr", x=file(b"x", xattr=0), fields={
        "padding": 4096, "xattrs": (struct.pack("<HH", 0, 1) + b"a" + struct.pack("<I", 2) + b"bc", [(0, 1, 11)])})
    simple("good-devices", c=node(CHR), b=node(BLK, rdev=0xfff00fff), f=node(FIFO), s=node(SOCK),
           fields={"padding": 4096})


def names():
    for what, name in (("slash", b"a/b"), ("absolute", b"/etc/passwd"), ("up", b"../../escape"), ("dot", b"."),
                       ("dotdot", b".."), ("nul", b"a\0b"), ("nul-only", b"\0"), ("trailing-nul", b"dir\0")):
        simple(f"names-{what}", entries=[(name, "first", {})])
    simple("names-twice", entries=[(b"first", "last", {})])
    simple("names-dir-and-link", root=directory([(b"x", "link", {}), (b"x", "dir", {})]))
    simple("names-link-and-dir-out", out=link(b"/tmp"), root=directory([(b"x", "out", {}), (b"x", "dir", {})]))
    simple("names-unsorted", root=directory([(n, "first", {}) for n in (b"z", b"b", b"y", b"a")]))
    simple("names-257", entries=[(b"n" * 257, "first", {})])
    simple("names-65536", entries=[(b"n" * 60000, "first", {"len": 65536})])
    simple("names-empty", entries=[(b"", "first", {})])


def loops():
    simple("loops-self", dir=directory([(b"inner", "inner", {}), (b"self", "dir", {})]))
    simple("loops-root", dir=directory([(b"inner", "inner", {}), (b"root", "root", {})]))
    simple("loops-two", a=directory([(b"b", "b", {})]), b=directory([(b"a", "a", {})]))
    simple("loops-ten", **{f"d{i}": directory([(b"next", f"d{(i + 1) % 10}", {})]) for i in range(10)})
    simple("loops-directory-twice", entries=[(b"again", "dir", {}), (b"more", "dir", {})])
    simple("loops-wide", dir=directory([(b"r%03d" % i, "root", {}) for i in range(200)]))
    # each level leads to the next by many names: 4,096 paths and no loop
    simple("loops-many-paths", **{f"d{i:02}": directory([(b"x", f"d{i + 1:02}", {}), (b"y", f"d{i + 1:02}", {})])
                                  for i in range(12)}, d12=directory([(b"inner", "inner", {})]))
    simple("loops-parent", dir=directory([(b"inner", "inner", {})], parent=NONE32))
    simple("loops-links", one=link(b"two"), two=link(b"one"), three=link(b"three/x"))


def kinds():
    simple("kinds-dir-is-file", entries=[(b"wrong", "first", {"type": DIR})])
    simple("kinds-file-is-dir", entries=[(b"wrong", "dir", {"type": FILE})])
    simple("kinds-link-is-file", entries=[(b"wrong", "first", {"type": LINK})])
    simple("kinds-file-is-device", entries=[(b"wrong", "dev", {"type": FILE})], dev=node(CHR))
    simple("kinds-entry-0", entries=[(b"wrong", "first", {"type": 0})])
    simple("kinds-entry-8", entries=[(b"wrong", "first", {"type": 8})])
    simple("kinds-entry-65535", entries=[(b"wrong", "first", {"type": 65535})])
    simple("kinds-inode-0", wrong=file(b"x", type=0))
    simple("kinds-inode-15", wrong=file(b"x", type=15))
    simple("kinds-inode-65535", wrong=file(b"x", type=65535))
    simple("kinds-root-is-file", root=file(b"x"))
    simple("kinds-mode", wrong=file(b"x", mode=0o177777))
    simple("kinds-owner", wrong=file(b"x", uid=2), wrong2=file(b"x", gid=65535))


def counts():
    fields("counts-inodes", inodes=NONE32)
    fields("counts-inodes-0", inodes=0)
    fields("counts-fragments", fragments=NONE32, fragment_entries=[(96, 1, 0)])
    fields("counts-fragments-without", fragments=NONE32)
    fields("counts-ids-0", ids=0)
    fields("counts-ids", ids=65535)
    simple("counts-run-257", entries=[(b"wrong", "first", {"count": 257})])
    simple("counts-run", entries=[(b"wrong", "first", {"count": 2**32})])
    simple("counts-run-of-more", entries=[(b"zz", "first", {"count": 256})])
    simple("counts-dir-size", dir=directory([(b"inner", "inner", {})], size=NONE32))
    simple("counts-dir-size-1", dir=directory([(b"inner", "inner", {})], size=1))
    simple("counts-dir-size-cut", dir=directory([(b"inner", "inner", {})], size=3 + 12 + 8 + 2))
    simple("counts-index", dir=directory([(b"inner", "inner", {})], index_count=65535))
    simple("counts-index-name", dir=directory([(b"inner", "inner", {})], index=[(0, 0, b"i" * 3000)]))
    simple("counts-index-place", dir=directory([(b"inner", "inner", {})], index=[(NONE32, NONE32, b"a")]))
    simple("counts-link-size", wrong=link(b"x", size=NONE32))
    simple("counts-link-size-0", wrong=link(b""))
    simple("counts-link-65536", wrong=link(b"x" * 65536))
    simple("counts-link-nul", wrong=link(b"a\0b"))
    simple("counts-links", wrong=file(b"x", nlink=0), wrong2=file(b"x", nlink=NONE32), dir=directory([], nlink=NONE32))
    simple("counts-inode-numbers", wrong=file(b"x", ino=0), wrong2=file(b"x", ino=NONE32), wrong3=file(b"x", ino=1))


def tables():
    fields("tables-magic", magic=0x68737173)
    fields("tables-version", version=(3, 1))
    for size in (0, 1, 4095, 4097, 2 << 20, 1 << 31):
        fields(f"tables-block-size-{size}", block_size=size)
    fields("tables-block-log", block_log=12)
    fields("tables-block-log-255", block_log=255, block_size=1 << 31)
    for number in (0, 7, 65535):
        KINDS[f"tables-compressor-{number}"] = lambda n=number: tree(fields={"compressor": n})
    for what in ("inode_table", "directory_table", "id_table", "fragment_table", "xattr_table"):
        short = what.replace("_table", "")
        extra = {"fragment_entries": [(96, 1, 0)]} if what == "fragment_table" else {}
        for where, at in (("0", 0), ("95", 95), ("far", 1 << 40), ("sign", 1 << 63), ("last", NONE64 - 7)):
            fields(f"tables-{short}-{where}", tables={what: at}, **extra)
        fields(f"tables-{short}-end", relate=lambda s, end, w=what: {w: end - 1}, **extra)
        for other in {"inode", "id"} - {short}:  # one in another
            fields(f"tables-{short}-is-{other}", relate=lambda s, end, w=what, o=other: {w: s[o + "_table"]}, **extra)
    fields("tables-swapped", relate=lambda s, end: {"inode_table": s["directory_table"],
                                                    "directory_table": s["inode_table"]})
    fields("tables-all-one", relate=lambda s, end: {k: s["inode_table"] for k in s})
    fields("tables-id-block-far", id_block=1 << 50)
    fields("tables-id-block-itself", id_block=96)
    for what, ref in (("far", 1 << 40), ("offset", 8191), ("middle", 7), ("sign", 1 << 63), ("ones", NONE64)):
        fields(f"tables-root-{what}", root_ref=ref)
    fields("tables-used-more", bytes_used=1 << 40)
    fields("tables-used-sign", bytes_used=1 << 63)
    fields("tables-used-95", bytes_used=95)
    for cut in (0, 1, 95, 96, 97, 150, 300, 500, -1):
        fields(f"tables-cut-{cut}", cut=cut)


def blocks():
    for what, word in (("0", 0x8000), ("packed-0", 0), ("32767", 0xffff), ("packed-32767", 0x7fff), ("8193", 0xa001)):
        fields(f"blocks-inode-{what}", inode_sizes={0: word})
        fields(f"blocks-directory-{what}", directory_sizes={0: word})
    bomb = zlib.compress(bytes(16 << 20), 9)
    xz_bomb = lzma.compress(bytes(16 << 20), lzma.FORMAT_XZ, lzma.CHECK_CRC32)
    meta_bomb = zlib.compress(bytes(8 << 20), 9)[:8000]
    for what, compressor, data in (("gzip", 1, bomb), ("xz", 4, xz_bomb)):
        size = min(len(data), BLOCK - 1)
        KINDS[f"blocks-bomb-{what}"] = lambda c=compressor, d=data, n=size: tree(
            bomb=file(b"", size=BLOCK, start=96, blocks=[n]), fields={"blob": d, "compressor": c})
        KINDS[f"blocks-bomb-fragment-{what}"] = lambda c=compressor, d=data, n=size: tree(
            bomb=file(b"", size=100, blocks=[], frag=0),
            fields={"blob": d, "compressor": c, "fragment_entries": [(96, n, 0)]})
    fields("blocks-bomb-inodes", inode_blocks=struct.pack("<H", len(meta_bomb)) + meta_bomb)
    fields("blocks-bomb-directories", directory_blocks=struct.pack("<H", len(meta_bomb)) + meta_bomb)
    short = zlib.compress(b"short", 9)
    simple("blocks-too-short", wrong=file(b"", size=BLOCK, start=96, blocks=[len(short)]), fields={"blob": short})
    for number, what in ((1, "gzip"), (2, "lzma"), (4, "xz"), (5, "lz4"), (6, "zstd")):
        KINDS[f"blocks-garbage-{what}"] = lambda n=number: tree(
            wrong=file(b"", size=BLOCK, start=96, blocks=[5000]), fields={"blob": bytes(range(1, 251)) * 20, "compressor": n})
        KINDS[f"blocks-ones-{what}"] = lambda n=number: tree(
            wrong=file(b"", size=BLOCK, start=96, blocks=[5000]), fields={"blob": b"\xff" * 5000, "compressor": n})
    for what, word in (("above-block", (BLOCK + 1) | RAW), ("unknown-bits", 0xff000000 | 5), ("ones", NONE32)):
        simple(f"blocks-size-{what}", wrong=file(b"", size=BLOCK, start=96, blocks=[word]))
    simple("blocks-far", wrong=file(b"", size=BLOCK, start=1 << 40, blocks=[500 | RAW]))
    simple("blocks-sign", wrong=file(b"", size=BLOCK, start=1 << 63, blocks=[500 | RAW]))
    simple("blocks-sum", wrong=file(b"", size=4 * BLOCK, start=NONE64 - 100, blocks=[BLOCK | RAW] * 4))
    simple("blocks-raw-short", wrong=file(b"", size=BLOCK, start=96, blocks=[7 | RAW]))
    simple("blocks-overlap", **{f"w{i}": file(b"", size=3000, start=96 + i, blocks=[7 | RAW]) for i in range(9)})


def files():
    for what, size in (("2-63", 1 << 63), ("2-63-less", (1 << 63) - 1), ("ones", NONE64), ("2-44", 1 << 44)):
        simple(f"files-size-{what}", wrong=file(b"", size=size, blocks=[]))
    simple("files-few-blocks", wrong=file(b"", size=1 << 30, blocks=[0, 0, 0]))
    simple("files-sparse-ones", wrong=file(b"hello", sparse=NONE64))
    frag = {"blob": b"abcdefghi", "fragment_entries": [(96, 9 | RAW, 0)]}
    for what, number, off in (("index", 1, 0), ("index-ones", NONE32 - 1, 0), ("offset", 0, 10), ("offset-ones", 0, NONE32),
                              ("end", 0, 5)):
        simple(f"files-fragment-{what}", wrong=file(b"", size=6, blocks=[], frag=number, frag_off=off), fields=frag)
    for what, entry in (("far", (1 << 40, 9 | RAW, 0)), ("sign", (1 << 63, 9 | RAW, 0)), ("size", (96, NONE32, 0)),
                        ("large", (96, (BLOCK + 1) | RAW, 0)), ("none", (96, RAW, 0)), ("itself", (0, 96 | RAW, 0))):
        simple(f"files-fragment-{what}", wrong=file(b"", size=6, blocks=[], frag=0),
               fields={"blob": b"abcdefghi", "fragment_entries": [entry]})
    simple("files-fragment-table", wrong=file(b"", size=6, blocks=[], frag=0), fields={**frag, "fragment_block": 1 << 40})
    simple("files-without-fragments", wrong=file(b"", size=6, blocks=[], frag=0))


def xattrs():
    def pair(type_, name, value, size=None, name_size=None):
        return struct.pack("<HH", type_, len(name) if name_size is None else name_size) + name + \
            struct.pack("<I", len(value) if size is None else size) + value

    def one(what, pairs, sets=None, number=0, **f):
        simple(f"xattrs-{what}", x=file(b"x", xattr=number), y=directory([], xattr=number),
               fields={"xattrs": (pairs, sets or [(0, 1, len(pairs))]), **f})

    good_pair = pair(0, b"a", b"b")
    one("number", good_pair, number=1)
    one("number-high", good_pair, number=NONE32 - 1)
    one("sets", good_pair, xattr_sets=NONE32)
    one("sets-0", good_pair, xattr_sets=0)
    one("count", good_pair, [(0, NONE32, len(good_pair))])
    one("count-100000", good_pair, [(0, 100000, len(good_pair))])
    one("size", good_pair, [(0, 1, NONE32)])
    one("far", good_pair, [(1 << 47, 1, 10)])
    one("sign", good_pair, [(1 << 63, 1, 10)])
    one("offset", good_pair, [(8191, 1, 10)])
    one("pairs-far", good_pair, xattr_pairs_at=1 << 40)
    one("pairs-in-super", good_pair, xattr_pairs_at=0)
    one("block-far", good_pair, xattr_block=1 << 40)
    one("name-size", pair(0, b"a", b"b", name_size=65535))
    one("name-empty", pair(0, b"", b"b"))
    one("name-nul", pair(0, b"a\0b", b"b"))
    one("name-256", pair(0, b"n" * 256, b"b"))
    one("name-60000", pair(0, b"n" * 60000, b"b"))
    one("value-size", pair(0, b"a", b"b", size=NONE32))
    one("value-65537", pair(0, b"a", b"v" * 65537))
    one("type", pair(200, b"a", b"b"))
    one("elsewhere-itself", pair(0x100, b"a", struct.pack("<Q", 0)))
    one("elsewhere-far", pair(0x100, b"a", struct.pack("<Q", 1 << 40)))
    one("elsewhere-sign", pair(0x100, b"a", struct.pack("<Q", 1 << 63)))
    one("elsewhere-size", pair(0x100, b"a", b"b"))
    one("twice", good_pair * 2, [(0, 2, 2 * len(good_pair))])
    one("names-100000", b"".join(pair(0, b"name-%d" % i, b"") for i in range(10000)),
        [(0, 10000, 200000)])


def main():
    for group in (good, names, loops, kinds, counts, tables, blocks, files, xattrs):
        group()
    if sys.argv[1] == "--list":
        print("\n".join(KINDS))
        return
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, make in KINDS.items():
        with open(f"{sys.argv[1]}/{name}.sqfs", "wb") as f:
            f.write(make().bytes())


if __name__ == "__main__":
    main()
