# SPDX-License-Identifier: BSD-3-Clause
"""The images of the benchmark imgfs: generated, the same every time on one machine.

  tree      a given number of small files in deep directories, sizes and bytes like those of a
            Python installation: what Pynamic does to a file system
  site0..3  a Python package of 300 modules over four entries of sys.path, with .pyc files
  prog      a program linked against 200 shared objects that lie in four directories

The bytes are taken from files of the machine, at places that a seed decides.
"""
import glob
import json
import os
import random
import shutil
import subprocess
import sys

import bench

VERSION = 1  # of what is generated: images of another one are made anew
PYTHON = "/usr/bin/python3"  # of the distribution: others may lie where only root looks
COMPRESSORS = {"zstd": ["-comp", "zstd", "-Xcompression-level", "3"], "gzip": ["-comp", "gzip"]}
MODULES = 300
LIBRARIES = 200
PARTS = 4  # directories that modules and libraries are spread over: most look-ups fail first
BIG = 1 << 30
ONE = "tree/one"  # the file of --start


class Image:
    """A squashfs file and what was put into it."""

    def __init__(self, path, facts, names):
        self.path = path
        self.name = os.path.basename(path)[:-len(".sqfs")]
        self.files, self.bytes = facts["files"], facts["bytes"]  # of its tree
        self.list = names  # a file of their paths, relative to the tree, one a line


def machine_bytes():
    """Bytes of sources, of compiled sources and of shared objects, in this order of likelihood."""
    kinds = []
    for pattern, most in ("/usr/lib/python3*/*.py", 200), ("/usr/lib/python3*/__pycache__/*.pyc", 200), \
                         ("/usr/lib/*-linux-gnu/lib*.so.*", 60):
        parts = []
        for name in sorted(glob.glob(pattern))[:most]:
            with open(name, "rb") as f:
                parts.append(f.read())
        kinds.append(b"".join(parts))
    kinds = [kind for kind in kinds if len(kind) > 1 << 20]
    if not kinds:
        bench.die("no Python and no libraries in /usr/lib to take bytes from")
    return kinds


def piece(draw, kinds, small):
    """A file's ending and bytes: nine of ten are text or small, few are large."""
    which = draw.choices(range(len(kinds)), (70, 28, 2)[:len(kinds)])[0]
    middle, spread = ((8.3, 1.3), (8.5, 1.2), (11, 1))[which]
    if small:
        middle -= 2.5
    size = min(int(draw.lognormvariate(middle, spread)), 1 << 20, len(kinds[which]) - 1)
    at = draw.randrange(len(kinds[which]) - size)
    return (".py", ".pyc", ".so")[which], kinds[which][at:at + size]


def make_tree(top, count, small=False):
    """'count' files; returns their paths relative to 'top' and the sum of their sizes."""
    draw, kinds, made, total, number = random.Random(count), machine_bytes(), [], 0, 0
    while len(made) < count:
        where = os.path.join("usr/lib", *(f"pkg{number // m % 16:02d}" for m in (1, 16, 256, 4096)), f"mod{number}")
        os.makedirs(os.path.join(top, where))
        number += 1
        for i in range(min(draw.randint(5, 30), count - len(made))):
            ending, content = piece(draw, kinds, small)
            name = os.path.join(where, f"m{i}_{draw.randrange(10 ** draw.randint(1, 12))}{ending}")
            with open(os.path.join(top, name), "wb") as f:
                f.write(content)
            made.append(name)
            total += len(content)
    return sorted(made), total


def module_source(draw, name):
    lines = [f'"""{name}: generated."""', "import sys", ""]
    for i in range(draw.randint(10, 60)):
        words = " ".join(f"w{draw.randrange(5000)}" for _ in range(12))
        lines += [f"def f{i}(a, b={i}):", f'    """{words}"""', f"    c = [a, b, {draw.randrange(10 ** 6)}]",
                  f"    return {{'{draw.randrange(10 ** 9):x}': c, 'n': len(c), 'm': sys.maxsize}}", ""]
    return "\n".join(lines + [f"TABLE = {{{', '.join(f'{k}: {draw.randrange(10 ** 6)}' for k in range(40))}}}", ""])


def make_modules(top):
    """site0..3; 'import berth_storm' imports all modules."""
    draw, imports = random.Random(2), []

    def write(part, name, text):
        path = os.path.join(top, f"site{part}", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)

    for i in range(20):
        part = i % PARTS
        write(part, f"bm{i:02d}/__init__.py", module_source(draw, f"bm{i:02d}"))
        for k in range(MODULES // 20):
            package = f"bm{i:02d}/sub{k % 3}"
            if k < 3:
                write(part, package + "/__init__.py", "")
            write(part, f"{package}/mod{k}.py", module_source(draw, f"{package}/mod{k}"))
            imports.append(f"import {package.replace('/', '.')}.mod{k}")
    write(PARTS - 1, "berth_storm.py", "\n".join(imports) + "\n")
    for part in range(PARTS):
        subprocess.run([PYTHON, "-m", "compileall", "-q", "-s", top, "--invalidation-mode", "unchecked-hash",
                        os.path.join(top, f"site{part}")], check=True)


def library_source(draw, number, blob):
    """Forty functions with other libraries' bytes between them, and a table that needs relocation."""
    lines, size = [], draw.randint(100, 500) << 10
    for k in range(40):
        length, at = size // 40, draw.randrange((8 << 20) - size // 40)
        other = f"l{draw.randrange(LIBRARIES)}_f{draw.randrange(40)}"
        lines += [f"int {other}(int);", f"int l{number}_f{k}(int n)", "{",
                  f'\t__asm__ volatile("jmp 1f; .incbin \\"{blob}\\", {at}, {length}; 1:");',
                  f"\treturn n > 0 ? {other}(n - 1) + {k} : n;", "}"]
    names = ", ".join(f"l{number}_f{k}" for k in range(40))
    return "\n".join(lines + [f"int (*l{number}_table[])(int) = {{ {names} }};", f"int l{number}_all(void)", "{",
                              "\tint sum = 0;", "\tfor (int i = 0; i < 40; i++)",
                              f"\t\tsum += l{number}_table[i](2);", "\treturn sum;", "}", ""])


def make_program(top, work):
    """prog/big: resolves all symbols at its start and runs every function of every library."""
    draw, cc = random.Random(3), os.environ.get("CC", "cc").split()
    blob = os.path.join(work, "blob")
    with open(blob, "wb") as f:
        f.write((machine_bytes()[-1] * 8)[:8 << 20])
    source = os.path.join(work, "source.c")

    def build(text, out, *flags):
        with open(source, "w", encoding="ascii") as f:
            f.write(text)
        subprocess.run(cc + ["-O1", "-Wl,-z,now", "-o", out, source, *flags], check=True)

    for part in range(PARTS):
        os.makedirs(os.path.join(top, f"prog/lib{part}"))
    for i in range(LIBRARIES):
        build(library_source(draw, i, blob), os.path.join(top, f"prog/lib{i % PARTS}/libl{i}.so"), "-shared", "-fPIC")
    calls = "\n".join(f"int l{i}_all(void);" for i in range(LIBRARIES))
    adds = "\n".join(f"\tsum += l{i}_all();" for i in range(LIBRARIES))
    build(f"{calls}\nint main(void)\n{{\n\tint sum = 0;\n{adds}\n\treturn sum == 0;\n}}\n",
          os.path.join(top, "prog/big"), "-Wl,--no-as-needed",
          "-Wl,-rpath," + ":".join(f"$ORIGIN/lib{p}" for p in range(PARTS)),
          *(f"-L{top}/prog/lib{p}" for p in range(PARTS)), *(f"-ll{i}" for i in range(LIBRARIES)))


def make_big(path):
    """1 GiB; of each 8 MiB half is drawn and does not compress, half is text."""
    draw, text, half = random.Random(4), machine_bytes()[0], 4 << 20
    text *= 2 + half // len(text)
    with open(path, "wb") as f:
        for _ in range(BIG // half // 2):
            at = draw.randrange(len(text) - half)
            f.write(draw.randbytes(half))
            f.write(text[at:at + half])


def squash(tree, out, compressor):
    subprocess.run(["mksquashfs", tree, out, *COMPRESSORS[compressor], "-b", "128K", "-all-root", "-no-xattrs",
                    "-all-time", "0", "-mkfs-time", "0", "-noappend", "-no-progress", "-quiet"],
                   check=True, stdout=subprocess.DEVNULL)
    os.chmod(out, 0o644)


def fill(kind, top, work):
    """The content of a kind of image: the files of its tree and their bytes."""
    names, total = [], 0
    if kind == "big":
        make_big(os.path.join(top, "big"))
    elif kind.startswith("start"):
        count = int(kind[len("start"):])
        names, total = make_tree(os.path.join(top, "tree"), count - 1, small=True)
        with open(os.path.join(top, ONE), "w", encoding="ascii") as f:
            f.write("1")
    else:
        names, total = make_tree(os.path.join(top, "tree"), int(kind))
        make_modules(top)
        make_program(top, work)
    return names, total


def get(directory, kind, compressors):
    """The images of a kind ("7000", "100000", "big", "start50" ...), made where they are missing."""
    facts_path, list_path = (os.path.join(directory, kind + ending) for ending in (".json", ".list"))
    paths = {c: os.path.join(directory, f"{kind}.{c}.sqfs") for c in compressors}
    tag = [PYTHON, "-c", "import sys; print(sys.implementation.cache_tag)"]
    version = f"{VERSION} {subprocess.run(tag, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()}"
    facts = {}
    if os.path.exists(facts_path):
        with open(facts_path, encoding="ascii") as f:
            facts = json.load(f)
    if facts.get("version") != version or not all(os.path.exists(path) for path in paths.values()):
        print(f"bench: making {kind}: {', '.join(compressors)}", file=sys.stderr, flush=True)
        work = os.path.join(directory, "work")
        shutil.rmtree(work, ignore_errors=True)
        os.makedirs(os.path.join(work, "top"))
        names, total = fill(kind, os.path.join(work, "top"), work)
        with open(list_path, "w", encoding="ascii") as f:
            f.writelines(name + "\n" for name in names)
        for compressor, path in paths.items():
            squash(os.path.join(work, "top"), path + ".new", compressor)
            os.rename(path + ".new", path)
        shutil.rmtree(work)
        facts = {"version": version, "files": len(names), "bytes": total}
        with open(facts_path, "w", encoding="ascii") as f:
            json.dump(facts, f)
    return [Image(path, facts, list_path) for path in paths.values()]
