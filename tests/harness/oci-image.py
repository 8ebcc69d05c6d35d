#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""oci-image.py - write an image into an OCI layout, from directories and tar files.

    oci-image.py LAYOUT NAME [--arch ARCH[/VARIANT]] [--config JSON] [--gzip-level N] LAYER...

LAYOUT is made where it is missing; NAME is its tag there, and a second image of that name with
another architecture makes an index of both. A LAYER is a directory (packed with gzip; DIR:none
leaves it as a tar) or a file, a tar as it is, with gzip or zstd. JSON is the "config" of the
image's configuration: Env, Cmd and so on. The media types are OCI's; skopeo's --format v2s2 makes
Docker's of them. The same input gives the same bytes. Prints the manifest's digest.
"""
import argparse
import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile

OCI = {"manifest": "application/vnd.oci.image.manifest.v1+json",
       "index": "application/vnd.oci.image.index.v1+json",
       "config": "application/vnd.oci.image.config.v1+json",
       "tar": "application/vnd.oci.image.layer.v1.tar",
       "gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
       "zstd": "application/vnd.oci.image.layer.v1.tar+zstd"}


def put(layout, data):
    name = hashlib.sha256(data).hexdigest()
    with open(os.path.join(layout, "blobs", "sha256", name), "wb") as f:
        f.write(data)
    return "sha256:" + name


def put_json(layout, value, media):
    data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return {"mediaType": media, "digest": put(layout, data), "size": len(data)}


def pack(root):
    """The tree below 'root' as a tar, in order of names, without times."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for where, dirs, names in os.walk(root):
            dirs.sort()
            links = [d for d in dirs if os.path.islink(os.path.join(where, d))]
            rest = sorted(names + links)
            if where != root:
                rest.insert(0, "")
            for name in rest:
                path = os.path.join(where, name) if name else where
                info = tar.gettarinfo(path, os.path.relpath(path, root))
                info.mtime, info.uid, info.gid, info.uname, info.gname = 0, 0, 0, "", ""
                if info.isreg():
                    with open(path, "rb") as f:
                        tar.addfile(info, f)
                else:
                    tar.addfile(info)
    return out.getvalue()


def layer(layout, text, level):
    """(descriptor, diff id) of one LAYER."""
    path, _, form = text.partition(":")
    if os.path.isdir(path):
        raw = pack(path)
        data = raw if form == "none" else gzip.compress(raw, level, mtime=0)
        kind = "tar" if form == "none" else "gzip"
    else:
        with open(path, "rb") as f:
            raw = data = f.read()
        kind = "gzip" if data[:2] == b"\x1f\x8b" else "zstd" if data[:4] == b"\x28\xb5\x2f\xfd" else "tar"
        if kind == "gzip":
            raw = gzip.decompress(data)
        elif kind == "zstd":
            raw = subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return ({"mediaType": OCI[kind], "digest": put(layout, data), "size": len(data)},
            "sha256:" + hashlib.sha256(raw).hexdigest())


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("layout")
    ap.add_argument("name")
    ap.add_argument("--arch", default="amd64")
    ap.add_argument("--config", default="{}")
    ap.add_argument("--gzip-level", type=int, default=6)
    ap.add_argument("layers", nargs="+")
    a = ap.parse_args()
    os.makedirs(os.path.join(a.layout, "blobs", "sha256"), exist_ok=True)
    with open(os.path.join(a.layout, "oci-layout"), "w", encoding="ascii") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')
    made = [layer(a.layout, text, a.gzip_level) for text in a.layers]
    arch, _, variant = a.arch.partition("/")
    platform = {"architecture": arch, "os": "linux"}
    if variant:
        platform["variant"] = variant
    config = put_json(a.layout, {
        **platform, "created": "1970-01-01T00:00:00Z", "config": json.loads(a.config),
        "rootfs": {"type": "layers", "diff_ids": [d for _, d in made]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "oci-image.py"} for _ in made],
    }, OCI["config"])
    manifest = put_json(a.layout, {
        "schemaVersion": 2, "mediaType": OCI["manifest"], "config": config,
        "layers": [d for d, _ in made],
    }, OCI["manifest"])
    tag(a.layout, a.name, {**manifest, "platform": platform})
    print(manifest["digest"])


def tag(layout, name, new):
    """Enter 'new' as 'name'; with another architecture of that name, both as an index."""
    path = os.path.join(layout, "index.json")
    index = {"schemaVersion": 2, "mediaType": OCI["index"], "manifests": []}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            index = json.load(f)
    key = "org.opencontainers.image.ref.name"
    entry = new
    for old in [m for m in index["manifests"] if m.get("annotations", {}).get(key) == name]:
        index["manifests"].remove(old)
        if old["mediaType"] == OCI["index"]:
            with open(os.path.join(layout, "blobs", "sha256", old["digest"][7:]), encoding="utf-8") as f:
                have = json.load(f)["manifests"]
        else:
            have = [{k: v for k, v in old.items() if k != "annotations"}]
        have = [m for m in have if m["platform"] != new["platform"]]
        if have:
            entry = put_json(layout, {"schemaVersion": 2, "mediaType": OCI["index"],
                                      "manifests": have + [new]}, OCI["index"])
    index["manifests"].append({**entry, "annotations": {key: name}})
    with open(path, "w", encoding="utf-8") as f:
        json.dump(index, f)


if __name__ == "__main__":
    main()
