#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""sif-old.py - SIF files as other and older writers lay them out.

    sif-old.py v1|ce|zero SQUASHFS ARCH OUT

v1    Singularity 3.0 to 3.5: data from 32768, every object at a multiple of 4096, the builder's uid, a
      signature of the old form, in the group that it signs, called "part-signature"
ce    SingularityCE 4: definition and JSON unaligned, a signature of the present form, its labels
zero  no name and no times at all: Go's zero time, no launch line
ARCH is the format's code ("02"). The signatures are none: nothing here verifies them.
"""
import json
import struct
import sys

MASK = 0xf0000000
DEFFILE, PARTITION, SIGNATURE, JSON = 0x4001, 0x4004, 0x4005, 0x4006
GO_ZERO = -62135596800
LAUNCH = b"#!/usr/bin/env run-singularity\n"
DEFINITION = b"bootstrap: docker\nfrom: alpine:3.10\n"


def signature(hash_type):
    return struct.pack("<i20s", hash_type, bytes.fromhex("433fe984155206bd962725e20e8713472a879943"))


def write(out, objects, arch, data_at, align, when, launch, uuid, uid=0):
    """objects: (type, name, group, link, extra, bytes)."""
    at, table, body = data_at, b"", b""
    for number, (kind, name, group, link, extra, data) in enumerate(objects, 1):
        step = 4096 if kind == PARTITION else align
        start = (at + step - 1) // step * step
        body += b"\0" * (start - at) + data
        table += struct.pack("<iBIIIqqqqqqq128s384s", kind, 1, number, group, link, start, len(data),
                             start - at + len(data), when, when, uid, uid, name, extra)
        at = start + len(data)
    head = struct.pack("<32s10s3s3s16sqqqqqqqq", launch, b"SIF_MAGIC", b"01", arch, uuid, when, when,
                       48 - len(objects), 48, 4096, 48 * 585, data_at, at - data_at)
    with open(out, "wb") as f:
        f.write(head.ljust(4096, b"\0") + table.ljust(data_at - 4096, b"\0") + body)


def main():
    form, squashfs, arch, out = sys.argv[1:]
    arch = arch.encode()
    with open(squashfs, "rb") as f:
        root = f.read()
    part = struct.pack("<ii3s", 1, 2, arch)
    if form == "v1":
        write(out, [(DEFFILE, b"alpine.def", MASK | 1, 0, b"", DEFINITION),
                    (PARTITION, b".", MASK | 1, 0, part, root),
                    (SIGNATURE, b"part-signature", MASK | 1, 2, signature(2), b"-----BEGIN PGP SIGNED MESSAGE-----\n")],
              arch, 32768, 4096, 1560000000, LAUNCH, bytes(range(16)), uid=1000)
    elif form == "ce":
        label = "org.label-schema.usage.singularity.version"
        shown = {"data": {"attributes": {"labels": {label: "4.5.1"}, "deffile": DEFINITION.decode().rstrip()}},
                 "type": "container"}
        write(out, [(DEFFILE, b"", MASK | 1, 0, b"", DEFINITION),
                    (JSON, b"inspect-metadata.json", MASK | 1, 0, b"", json.dumps(shown).encode()),
                    (JSON, b"oci-config.json", MASK | 1, 0, b"", b'{"architecture":"amd64"}'),
                    (PARTITION, b"", MASK | 1, 0, part, root),
                    (SIGNATURE, b"", MASK, MASK | 1, signature(1), b"-----BEGIN PGP SIGNED MESSAGE-----\n")],
              arch, 32176, 1, 1780000000, LAUNCH, bytes(range(16)))
    else:
        write(out, [(PARTITION, b"", MASK | 1, 0, part, root)], arch, 32176, 1, GO_ZERO, b"", bytes(16))


main()
