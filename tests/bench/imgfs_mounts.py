# SPDX-License-Identifier: BSD-3-Clause
"""What the benchmark imgfs compares: ways to mount one image file, and a clock behind each.

Every launcher keeps one contract: the image is at the same directory in a mount namespace of its
own, IMGFS_PID is the server's process id where there is one, the command takes the launcher's
place. The mount ends with that command.
"""
import os
import subprocess

import bench

UID = 65534  # LIMIT: nobody: the server's and the readers'; the same on every system


class Sample:
    """What one run of a command took, in milliseconds."""

    def __init__(self, line):
        self.ms, self.readers, self.server = (int(ns) / 1e6 for ns in line.split())


class Contender:
    """A way to mount an image: words(image path, mount point) is the launcher without its command."""

    before = []  # what starts the launcher, and with it server and readers

    def __init__(self, name, words, is_berth=False):
        self.name = name
        self.words = lambda image, point: self.before + words(image, point)
        self.berth = is_berth

    def mount(self, image, tools, point):
        return Mount(self, self.words(image.path, point), tools["inside"], point)


class Mount:
    """A mounted image with inside.c in it."""

    def __init__(self, contender, words, inside, point):
        self.contender = contender
        self.point = point
        self.process = subprocess.Popen(words + [inside, str(UID)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1)
        answer = self.process.stdout.readline().split()
        if len(answer) != 3:
            bench.die(f"{contender.name}: cannot mount: {' '.join(words)}")
        self.pid, self.server = int(answer[1]), int(answer[2])

    def run(self, argv, copies=1):
        self.process.stdin.write("\t".join([str(copies)] + argv) + "\n")
        answer = self.process.stdout.readline()
        if not answer or answer.startswith("failed"):
            bench.die(f"{self.contender.name}: {answer.strip() or 'gone'}: {' '.join(argv)}")
        return Sample(answer)

    def stats(self, server):
        """What 'berth-imgfs --stats' says: counters by name; nothing where it cannot."""
        fd = os.open(f"/proc/{self.pid}/root{self.point}", os.O_RDONLY | os.O_DIRECTORY)
        try:
            done = subprocess.run([server, "--stats", str(fd)], pass_fds=[fd], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True, check=False)
        finally:
            os.close(fd)
        if done.returncode != 0:
            return {}
        return {words[0]: int(words[1]) for words in map(str.split, done.stdout.splitlines()) if len(words) == 2}

    def memory(self):
        """KiB of the server by the names of smaps_rollup."""
        with open(f"/proc/{self.server}/smaps_rollup", encoding="ascii") as f:
            lines = [line.split() for line in f]
        return {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) == 3 and words[2] == "kB"}

    def close(self):
        """Ends what holds the mount; the server follows by itself."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def berth(args, name="berth-imgfs", workers=None):
    count = str(workers or len(os.sched_getaffinity(0)))
    return Contender(name, lambda image, point: [args.mount, "-s", args.server, "-w", count, "-u", str(UID),
                                                 image, point], True)


def squashfuse(name, server, tools):
    words = server + ["-f", "-o", "allow_other"]
    return Contender(name, lambda image, point: [tools["sfmount"], str(len(words) + 1), *words, image, point])


def of_root(root, program, machine="x86_64-linux-gnu"):
    """A program of another Linux root, through its own loader: no namespace, so the start is the same."""
    return [os.path.join(root, "lib64/ld-linux-x86-64.so.2"), "--library-path",
            os.path.join(root, "usr/lib", machine), os.path.join(root, program)]


def version(argv):
    done = subprocess.run(argv + ["--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    words = done.stdout.split()
    return words[1] if len(words) > 1 else "?"


def contenders(args, tools):
    """All of a table, the kernel's first; the second is the first under another name (A/A)."""
    def kernel(image, point):
        return [tools["kmount"], "-d", point, image, "0"]

    found = [Contender("kernel", kernel), Contender("kernel again (A/A)", kernel), berth(args)]
    if not args.no_squashfuse:
        program = bench.need("squashfuse_ll", "squashfuse")
        servers = [[program]] if program else []
        if args.sid:
            servers.append(of_root(args.sid, "usr/bin/squashfuse_ll"))
        found += [squashfuse("squashfuse_ll " + version(server), server, tools) for server in servers]
    return found


def drop_caches():
    """Everything the kernel keeps of unused files, the image's own pages too."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
        f.write("3\n")


def touch(path):
    """Read a file, so that its pages are there."""
    with open(path, "rb", buffering=0) as f:
        while f.read(1 << 20):
            pass

