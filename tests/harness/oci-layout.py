#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""oci-layout.py - an OCI image layout of one layer, for Apptainer to convert.

   oci-layout.py ROOT OUT <CONFIG     CONFIG: the "config" object of the image, as JSON
"""
import hashlib
import io
import json
import os
import sys
import tarfile

MEDIA = "application/vnd.oci.image."


def blob(out, data, kind):
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(out, "blobs/sha256", digest), "wb") as file:
        file.write(data)
    return {"mediaType": MEDIA + kind, "digest": "sha256:" + digest, "size": len(data)}


def nobodys(info):
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    return info


def main(root, out):
    os.makedirs(os.path.join(out, "blobs/sha256"))
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as tar:
        tar.add(root, ".", filter=nobodys)
    layer = blob(out, memory.getvalue(), "layer.v1.tar")
    config = {"architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine),
              "os": "linux", "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}, "config": json.load(sys.stdin)}
    manifest = {"schemaVersion": 2, "mediaType": MEDIA + "manifest.v1+json",
                "config": blob(out, json.dumps(config).encode(), "config.v1+json"), "layers": [layer]}
    index = {"schemaVersion": 2, "manifests": [blob(out, json.dumps(manifest).encode(), "manifest.v1+json")]}
    for name, what in ("index.json", index), ("oci-layout", {"imageLayoutVersion": "1.0.0"}):
        with open(os.path.join(out, name), "w", encoding="ascii") as file:
            json.dump(what, file)


main(*sys.argv[1:])
