#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""rooms.py - many rooms, and that each is gone when it should be.

   rooms.py UID user|root after N CMD ARG...      one after another; each must succeed
   rooms.py UID user|root at-once N CMD ARG...    all at the same time; each must succeed
   rooms.py UID user|root killed N CMD ARG...     each killed by SIGKILL at some moment of its start
                                                  or soon after it, sometimes all processes of UID

CMD runs as UID, or as root where it starts what runs as UID itself. Nobody else may have that uid: a
room is gone when no process has it. LIMIT: 10 s for that, by far more than it takes.
Exit status: 1 when a room failed or something was left.
"""
import os
import random
import signal
import subprocess
import sys
import time

LIMIT_S = 10


def pids_of(uid):
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            if os.stat(f"/proc/{name}").st_uid not in (uid, 0):
                continue
            with open(f"/proc/{name}/status", encoding="utf-8", errors="replace") as f:
                status = f.read()
        except OSError:
            continue
        # /proc/PID belongs to root where the process is not dumpable
        if f"\nUid:\t{uid}\t" in status and "\nState:\tZ" not in status:
            found.append(int(name))
    return found


def gone(uid):
    """Seconds until no process of 'uid' was there; None: some still are."""
    begin = time.monotonic()
    while pids_of(uid):
        if time.monotonic() - begin > LIMIT_S:
            return None
        time.sleep(0.001)
    return time.monotonic() - begin


def start(uid, as_user, cmd):
    ids = {"user": uid, "group": uid, "extra_groups": []} if as_user else {}
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"}
    return subprocess.Popen(cmd, cwd="/", env=env, stdin=subprocess.DEVNULL, start_new_session=True, **ids)


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def end_room(uid, longest):
    took = gone(uid)
    if took is None:
        for pid in pids_of(uid):
            print("left:", pid, open(f"/proc/{pid}/comm", encoding="utf-8").read().strip())
        sys.exit(1)
    return max(longest, took)


def after(uid, as_user, n, cmd):
    longest = 0
    for i in range(n):
        status = start(uid, as_user, cmd).wait()
        if status != 0:
            sys.exit(f"room {i}: status {status}")
        longest = end_room(uid, longest)
    return longest


def at_once(uid, as_user, n, cmd):
    rooms = [start(uid, as_user, cmd) for _ in range(n)]
    bad = [r.returncode for r in rooms if r.wait() != 0]
    if bad:
        sys.exit(f"{len(bad)} of {n} rooms failed: {bad[:5]}")
    return end_room(uid, 0)


def killed(uid, as_user, n, cmd):
    rng = random.Random(11)
    # how long a start takes here and now: until the program of the room is there
    begin = time.monotonic()
    room = start(uid, as_user, cmd)
    name = os.path.basename(cmd[-2])
    while open(f"/proc/{room.pid}/comm", encoding="utf-8").read().strip() != name:
        if room.poll() is not None or time.monotonic() - begin > LIMIT_S:
            sys.exit(f"no room to kill: {room.poll()}")
        time.sleep(0.0005)
    whole = time.monotonic() - begin
    longest, early = 0, 0
    for i in range(n):
        kill(room.pid)
        if i % 3 == 2:
            for pid in pids_of(uid):
                kill(pid)
        room.wait()
        longest = end_room(uid, longest)
        room = start(uid, as_user, cmd)
        time.sleep(rng.uniform(0, 1.3 * whole))
        try:
            early += open(f"/proc/{room.pid}/comm", encoding="utf-8").read().strip() != name
        except OSError:
            early += 1
    kill(room.pid)
    room.wait()
    print(f"{early} of {n} killed before the program began")
    if not n // 8 < early:
        sys.exit("too few were killed during the start")
    return end_room(uid, longest)


def main():
    uid, as_user, n, cmd = int(sys.argv[1]), sys.argv[2] == "user", int(sys.argv[4]), sys.argv[5:]
    if pids_of(uid):
        sys.exit(f"uid {uid} is not ours alone")
    longest = {"after": after, "at-once": at_once, "killed": killed}[sys.argv[3]](uid, as_user, n, cmd)
    print(f"{n} rooms, each gone within {longest * 1000:.0f} ms")


if __name__ == "__main__":
    main()
