#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""odd-image.py - images that nobody should have, as badregistry.py serves them from its directory "files".

    odd-image.py DIR [VICTIM]     DIR/TAG, a manifest, and DIR/HEX, its blobs, of all; their tags are printed

VICTIM is a file of the host that hostile layers would like to write or read.

Names of tar-*: one thing is wrong with the layer's entries. doc-*: with the documents. blob-*: with how bytes are
packed. good-*: nothing is wrong, but a careless program would do what it should not.
"""
import gzip
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tarfile

spec = importlib.util.spec_from_file_location("oci_layers", os.path.join(os.path.dirname(__file__), "oci-layers.py"))
oci_layers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oci_layers)
Layer = oci_layers.Layer

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
IMAGES = {}
VICTIM = "/etc/passwd"


def image(function):
    IMAGES[function.__name__.replace("_", "-")] = function
    return function


class Files:
    """A directory that an image is put into."""

    def __init__(self, where):
        self.where = where

    def put(self, name, data):
        with open(os.path.join(self.where, name), "wb") as f:
            f.write(data)

    def blob(self, data, media, **more):
        digest = hashlib.sha256(data).hexdigest()
        self.put(digest, data)
        return {"mediaType": media, "digest": "sha256:" + digest, "size": len(data), **more}

    def layer(self, tar):
        """A descriptor, with the diff id that the config is to have."""
        tar = tar.bytes() if isinstance(tar, Layer) else tar
        d = self.blob(gzip.compress(tar, 1, mtime=0), OCI + "layer.v1.tar+gzip")
        return d, "sha256:" + hashlib.sha256(tar).hexdigest()

    def manifest(self, *layers, ids=None, config=None, change=None):
        made = [layer if isinstance(layer, tuple) else self.layer(layer) for layer in layers]
        text = {"architecture": ARCH, "os": "linux", "config": config or {},
                "rootfs": {"type": "layers", "diff_ids": ids or [i for _, i in made]}}
        doc = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
               "config": self.blob(json.dumps(text).encode(), OCI + "config.v1+json"), "layers": [d for d, _ in made]}
        if change:
            change(doc)
        return doc


def base():
    return oci_layers.base()


# ---- entries of layers -----------------------------------------------------------------------------


@image
def tar_dotdot(f):
    return f.manifest(base().file("../escaped", "x"))


@image
def tar_dotdot_within(f):
    return f.manifest(base().file("usr/../../escaped", "x"))


@image
def tar_dotdot_target(f):
    return f.manifest(base().hard("etc/passwd", "../../../../../.." + VICTIM))


@image
def tar_dotdot_whiteout(f):
    return f.manifest(base(), Layer().file("etc/../../.wh.victim", b""))


@image
def tar_whiteout_dotdot(f):
    return f.manifest(base(), Layer().file("etc/.wh...", b""))


@image
def tar_whiteout_dot(f):
    return f.manifest(base(), Layer().file("etc/.wh..", b""))


@image
def tar_whiteout_nothing(f):
    return f.manifest(base(), Layer().file("etc/.wh.", b""))


@image
def tar_below_whiteout(f):
    return f.manifest(base(), Layer().file(".wh.etc/passwd", b"x"))


@image
def tar_root_link(f):
    return f.manifest(base().link(".", "/tmp").file("escaped", "x"))


@image
def tar_root_link_slash(f):
    return f.manifest(Layer().link("/", os.path.dirname(VICTIM)).file("victim", "x"))


@image
def tar_root_link_empty(f):
    return f.manifest(base(), Layer().link("./", "/tmp"))


@image
def tar_root_file(f):
    return f.manifest(base().file(".", "no directory"))


@image
def tar_hard_link_out(f):
    return f.manifest(base().hard("etc/passwd", VICTIM))


@image
def tar_hard_link_directory(f):
    return f.manifest(base().hard("etc/all", "usr"))


@image
def tar_hard_link_self(f):
    return f.manifest(base().hard("etc/self", "etc/self"))


@image
def tar_through_loop(f):
    return f.manifest(Layer().link("a", "b").link("b", "a"), Layer().file("a/x", "x"))


@image
def tar_long_name(f):
    return f.manifest(base().file("etc/" + "n" * 256, "x"))


@image
def tar_deep(f):
    return f.manifest(base().file("d/" * 500 + "x", "x"))


@image
def tar_cut(f):
    return f.manifest(base().bytes()[:-9000])


@image
def tar_checksum(f):
    data = bytearray(base().bytes())
    data[1] ^= 1
    return f.manifest(bytes(data))


@image
def tar_size_negative(f):
    data = bytearray(base().file("etc/big", "x").bytes())
    at = data.index(b"etc/big")
    data[at + 124:at + 136] = b"\xff" * 12
    data[at + 148:at + 156] = b" " * 8
    data[at + 148:at + 156] = b"%06o\0 " % sum(data[at:at + 512])
    return f.manifest(bytes(data))


@image
def tar_unknown_type(f):
    return f.manifest(base().add("etc/odd", b"Z"))


@image
def good_absolute(f):
    """An absolute name is one of the image."""
    return f.manifest(base().file(VICTIM, "of the image\n").file("//etc/absolute", "of the image\n"))


@image
def good_two_steps(f):
    """A link that leads out, then a file below it: within a layer the directory takes the link's place."""
    return f.manifest(base().link("out", os.path.dirname(VICTIM)).file("out/victim", "x").link("up", "../../../..")
                      .file("up/escaped", "x"))


@image
def good_two_layers(f):
    """The same over two layers: the link leads to where it leads within the image."""
    return f.manifest(base().link("out", os.path.dirname(VICTIM)).link("up", "../../../.."),
                      Layer().file("out/victim", "x").file("up/escaped", "x"))


@image
def good_written_through(f):
    """A link, a hard link to it, and a file of that name: the link is replaced."""
    return f.manifest(base().link("l", VICTIM).hard("m", "l").file("m", "x").file("l", "x"))


@image
def good_devices(f):
    return f.manifest(base().add("dev/sda", tarfile.BLKTYPE, devmajor=8).add("mem", tarfile.CHRTYPE, devmajor=1, devminor=1))


@image
def good_setuid(f):
    return f.manifest(base().file("usr/bin/su", mode=0o6755).file("usr/bin/cap", xattrs={
        "security.capability": "\1\0\0\2\0\4" + "\0" * 14, "trusted.overlay.opaque": "y", "user.kept": "1"}))


@image
def good_names(f):
    """Names that are options, or that a terminal would take for orders."""
    return f.manifest(base().file("-rf", "x").file("esc\x1b[2J\x1b]0;x\x07", "x").file("new\nline", "x"))


# ---- how bytes are packed --------------------------------------------------------------------------


@image
def blob_diff_id(f):
    return f.manifest(base(), Layer().file("x", "x"), ids=["sha256:" + "0" * 64, "sha256:" + "1" * 64])


@image
def blob_size_less(f):
    def change(doc):
        doc["layers"][0]["size"] -= 1
    return f.manifest(base(), change=change)


@image
def blob_size_more(f):
    def change(doc):
        doc["layers"][0]["size"] += 1
    return f.manifest(base(), change=change)


@image
def blob_config_size(f):
    def change(doc):
        doc["config"]["size"] += 1
    return f.manifest(base(), change=change)


def wrapped(f, data, media, tar):
    return f.manifest((f.blob(data, media), "sha256:" + hashlib.sha256(tar).hexdigest()))


@image
def blob_cut(f):
    tar = base().bytes()
    return wrapped(f, gzip.compress(tar)[:-100], OCI + "layer.v1.tar+gzip", tar)


@image
def blob_crc(f):
    tar = base().bytes()
    data = bytearray(gzip.compress(tar))
    data[-8] ^= 1
    return wrapped(f, bytes(data), OCI + "layer.v1.tar+gzip", tar)


@image
def blob_not_gzip(f):
    tar = base().bytes()
    return wrapped(f, tar, OCI + "layer.v1.tar+gzip", tar)


@image
def blob_not_zstd(f):
    return wrapped(f, b"\x28\xb5\x2f\xfd" + b"\xff" * 100, OCI + "layer.v1.tar+zstd", b"")


@image
def blob_bomb(f):
    """2 GiB of one file, in some KiB."""
    head = tarfile.TarInfo("zeros")
    head.size = 2 << 30
    part = subprocess.run(["zstd", "-q1c"], input=bytes(64 << 20), stdout=subprocess.PIPE, check=True).stdout
    first = subprocess.run(["zstd", "-q1c"], input=head.tobuf(), stdout=subprocess.PIPE, check=True).stdout
    return wrapped(f, first + part * 33, OCI + "layer.v1.tar+zstd", b"not computed")


# ---- documents -------------------------------------------------------------------------------------


def with_layer(f, **changes):
    def change(doc):
        doc["layers"][0].update(changes)
    return f.manifest(base(), change=change)


@image
def doc_foreign(f):
    return with_layer(f, mediaType=OCI + "layer.nondistributable.v1.tar+gzip", urls=["http://127.0.0.1:1/layer"])


@image
def doc_foreign_docker(f):
    return with_layer(f, mediaType=DOCKER + "image.rootfs.foreign.diff.tar.gzip", urls=["http://127.0.0.1:1/layer"])


@image
def doc_layer_unknown(f):
    return with_layer(f, mediaType=OCI + "layer.v1.tar+xz")


@image
def doc_digest_path(f):
    return with_layer(f, digest="sha256:../../../../etc/passwd")


@image
def doc_digest_weak(f):
    return with_layer(f, digest="md5:" + "0" * 32)


@image
def doc_size_negative(f):
    return with_layer(f, size=-1)


@image
def doc_size_huge(f):
    return with_layer(f, size=1 << 62)


@image
def doc_schema1(f):
    return {"schemaVersion": 1, "mediaType": DOCKER + "distribution.manifest.v1+json", "name": "x", "tag": "1",
            "architecture": "amd64", "fsLayers": [], "history": []}


@image
def doc_both(f):
    doc = f.manifest(base())
    doc["manifests"] = []
    return doc


@image
def doc_no_type(f):
    doc = f.manifest(base())
    del doc["mediaType"]
    return doc


@image
def doc_config_of_others(f):
    return f.manifest(base(), ids=["sha256:" + "0" * 64, "sha256:" + "1" * 64])


@image
def doc_config_is_index(f):
    def change(doc):
        doc["config"]["mediaType"] = OCI + "index.v1+json"
    return f.manifest(base(), change=change)


@image
def doc_config_large(f):
    def change(doc):
        doc["config"] = f.blob(b'{"a": "' + b"x" * (5 << 20) + b'"}', OCI + "config.v1+json")
    return f.manifest(base(), change=change)


@image
def doc_many_layers(f):
    def change(doc):
        doc["layers"] *= 5000
    return f.manifest(base(), change=change)


@image
def doc_indexes(f):
    """Indexes that lead to indexes."""
    at = f.blob(json.dumps(f.manifest(base())).encode(), OCI + "manifest.v1+json")
    for _ in range(6):
        at = f.blob(json.dumps({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [at]}).encode(),
                    OCI + "index.v1+json", platform={"os": "linux", "architecture": ARCH})
    return json.loads(open(os.path.join(f.where, at["digest"][7:]), encoding="utf-8").read())


@image
def doc_duplicate_key(f):
    text = json.dumps(f.manifest(base()))
    return (text[:-1] + ', "layers": []}').encode()


@image
def doc_deep(f):
    return b'{"a":' * 100000


@image
def good_config_text(f):
    """What an image says of itself is no program: it is shown, and set, as it is."""
    evil = "$(touch /tmp/escaped)`touch /tmp/escaped`';touch /tmp/escaped;\"\n#"
    return f.manifest(base(), config={"Env": ["EVIL=" + evil], "Labels": {"evil": evil, "esc": "\x1b[2J"},
                                      "WorkingDir": "/no/../../such", "User": "root:$(id)"})


def main():
    global VICTIM
    if len(sys.argv) > 2:
        VICTIM = sys.argv[2]
    files = Files(sys.argv[1])
    os.makedirs(files.where, exist_ok=True)
    for name, make in IMAGES.items():
        doc = make(files)
        files.put(name, doc if isinstance(doc, bytes) else json.dumps(doc).encode())
        print(name)


if __name__ == "__main__":
    main()
