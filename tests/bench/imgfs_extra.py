# SPDX-License-Identifier: BSD-3-Clause
"""The further tables of the benchmark imgfs: start, memory, threads, lifetime."""
import os
import random
import select
import signal
import statistics
import subprocess
import threading
import time

import bench
import imgfs_images
import imgfs_mounts

OPERATIONS = 1_000_000
DEADLINE_S = 10  # LIMIT: a server that is still there then is a leak and no slow end
READERS = (1, 2, 4, 16, 64)
WORKERS = (1, 2)


def spread(values, form="{:.2f}"):
    return [form.format(f(values)) for f in (statistics.median, min, max)]


def counted(args, mount):
    """The server's counters, or nothing where it has none."""
    return mount.stats(args.server) if mount.contender.berth else {}


def first_byte(contender, image, tools, point):
    """Milliseconds from the launcher's exec until a byte of a file of the image was read."""
    words = contender.words(image.path, point)
    target = [tools["stamp"], "-r", os.path.join(point, imgfs_images.ONE)]
    done = subprocess.run([tools["stamp"], *words, *target], check=True, stdout=subprocess.PIPE, text=True)
    began, ended = (int(line) for line in done.stdout.split())
    return (ended - began) / 1e6


def counts_of_start(args, contender, image, tools, point):
    mount = contender.mount(image, tools, point)
    mount.run([tools["stamp"], "-r", os.path.join(point, imgfs_images.ONE)])
    stats = counted(args, mount)
    mount.close()
    return stats


def start(args, tools, point):
    """Does a start depend on the size of the image?"""
    few, many, other = (imgfs_images.get(args.images, f"start{n}", ["zstd"])[0] for n in (50, 500_000, 51))
    everyone = [c for c in imgfs_mounts.contenders(args, tools) if "A/A" not in c.name]
    again = [c for c in everyone if c.berth]
    cases = [(c, image, f"{c.name}, {image.files + 1} files") for c in everyone for image in (few, many)]
    cases += [(c, few, f"{c.name}, {few.files + 1} files again (A/A)") for c in again]
    for state in "warm", "cold":
        draw, rows = random.Random(args.seed), [bench.Row(name, []) for _, _, name in cases]
        for contender, image, name in cases:
            imgfs_mounts.touch(image.path)
            first_byte(contender, image, tools, point)
        for _ in range(args.rounds):
            for i in draw.sample(range(len(cases)), len(cases)):
                contender, image, _ = cases[i]
                if state == "cold":
                    imgfs_mounts.drop_caches()
                    first_byte(contender, other, tools, point)
                rows[i].ms.append(first_byte(contender, image, tools, point))
        for (contender, image, name), row in zip(cases, rows):
            if image is many or "A/A" in name:
                row.budgets = [(f"{contender.name}, {few.files + 1} files", 0)]
        print(f"\nMount to first byte, {state}\n")
        bench.report(rows, rows[0].name)
    lines = [("what", "requests", "look-ups", "image reads", "image bytes", "blocks unpacked")]
    for contender, image, name in cases:
        stats = counts_of_start(args, contender, image, tools, point)
        if stats:
            lines.append((name, *(stats.get(key, "-") for key in (
                "requests", "op_lookup", "image_reads", "image_bytes", "unpacked"))))
    if len(lines) > 1:
        print("\nRequests until the first byte\n")
        bench.table(lines)


class Ledger:
    """Lines of what servers hold after this and that."""

    def __init__(self, args):
        self.args = args
        self.lines = [("KiB of", "after", "resident", "proportional", "anonymous", "requests")]

    def add(self, mount, after):
        held = mount.memory()
        self.lines.append((mount.contender.name, after, held["Rss"], held["Pss"], held["Anonymous"],
                           counted(self.args, mount).get("requests", "-")))


def memory(args, tools, point, storm):
    """What a server holds; storm: argv of an import."""
    image = imgfs_images.get(args.images, args.memory, ["zstd"])[0]
    walk = [tools["walk"], os.path.join(point, "tree"), str(image.files), str(image.bytes)]
    ledger, held, done = Ledger(args), [], 0
    for contender in imgfs_mounts.contenders(args, tools):
        mount = contender.mount(image, tools, point)
        if mount.server:
            ledger.add(mount, "mounting")
            mount.run(storm, 64)
            ledger.add(mount, "64 processes importing")
        while contender.berth and done < OPERATIONS:
            imgfs_mounts.drop_caches()
            mount.run(walk)
            held.append(mount.memory()["Rss"])
            # without counters: one request a file at least, to read it
            done = counted(args, mount).get("requests", 0) or len(held) * image.files
            if len(held) in (1, 2, 5, 10, 20, 50, 100) or done >= OPERATIONS:
                ledger.add(mount, f"reading all, cold, {len(held)} times")
        mount.close()
    print(f"\nMemory of the server, {image.name}\n")
    bench.table(ledger.lines)
    print(f"\nfrom the first pass of berth-imgfs to the last: {held[-1] - held[0]:+d} KiB")


def threads(args, tools, point, empty):
    """Readers of different files at once, and what the server's workers wait for."""
    image = imgfs_images.get(args.images, args.threads, ["zstd"])[0]
    cases = [c for c in imgfs_mounts.contenders(args, tools) if not c.berth and "A/A" not in c.name]
    cases[1:1] = [imgfs_mounts.berth(args, f"berth-imgfs, {n} worker{'s' * (n > 1)}", n) for n in WORKERS]
    counters = ("requests", "lock_takes", "lock_waits", "load_waits", "cache_hits", "cache_misses", "unpacked")
    lines = [("readers", "what", "MB/s", "min", "max", "CPU ms, readers + server", *counters)]
    draw = random.Random(args.seed)
    for readers in READERS:
        samples, stats = [[] for _ in cases], [{} for _ in cases]
        argv = [tools["walk"], "-l", image.list, "%", str(readers), os.path.join(point, "tree")]
        for _ in range(args.rounds):
            for i in draw.sample(range(len(cases)), len(cases)):
                mount = cases[i].mount(image, tools, point)
                imgfs_mounts.drop_caches()
                imgfs_mounts.touch(image.list)
                mount.run([tools["walk"], empty, "0", "0"])
                samples[i].append(mount.run(argv, readers))
                stats[i] = counted(args, mount)
                mount.close()
        for case, found, told in zip(cases, samples, stats):
            rate = spread([image.bytes / s.ms / 1e3 for s in found], "{:.0f}")
            lines.append((readers, case.name, *rate,
                          f"{statistics.median(s.readers for s in found):.0f} + "
                          f"{statistics.median(s.server for s in found):.0f}",
                          *(told.get(key, "-") for key in counters)))
    print(f"\nReaders at once, {image.name}, cold\n")
    bench.table(lines)


class Room:
    """A mounted image whose only process is about to end."""

    def __init__(self, mount):
        self.mount = mount
        self.process, self.server = (os.pidfd_open(pid) for pid in (mount.pid, mount.server))
        self.ended = {}

    def close(self):
        os.close(self.process)
        os.close(self.server)
        self.mount.close()


def watch_ends(rooms, end):
    """Calls 'end' beside watching, until every process and every server has ended; milliseconds between."""
    poll, left = select.poll(), {}
    for room in rooms:
        for fd in room.process, room.server:
            poll.register(fd, select.POLLIN)
            left[fd] = room
    deadline = time.monotonic() + DEADLINE_S
    ender = threading.Thread(target=end)
    ender.start()
    while left:
        ready = poll.poll(max(0, 1000 * (deadline - time.monotonic())))
        now = time.monotonic()
        for fd, _ in ready:
            poll.unregister(fd)
            left.pop(fd).ended[fd] = now
        if left and now > deadline:
            bench.die(f"{len(left)} processes are still there after {DEADLINE_S} s")
    ender.join()
    return [1000 * (room.ended[room.server] - room.ended[room.process]) for room in rooms]


def lifetime(args, tools, point):
    """From the last process's end to the server's."""
    image = imgfs_images.get(args.images, "start50", ["zstd"])[0]
    contender = imgfs_mounts.berth(args)

    def one(count, how):
        rooms = [Room(contender.mount(image, tools, point)) for _ in range(count)]

        def end():
            for room in rooms:
                if how == "killed":
                    signal.pidfd_send_signal(room.process, signal.SIGKILL)
                else:
                    room.mount.process.stdin.close()

        took = watch_ends(rooms, end)
        for room in rooms:
            room.close()
        return took

    lines = [("rooms", "their process", "median ms", "min", "max")]
    for how in "exits", "killed":
        found = [ms for _ in range(args.lifetime) for ms in one(1, how)]
        lines.append((f"{args.lifetime}, one after another", how, *spread(found)))
        lines.append(("64 at once", how, *spread(one(64, how))))
    print("\nFrom the end of a room's last process to the server's\n")
    bench.table(lines)
