#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""pty-job.py - play the shell for a foreground job: a terminal, a session, a process group.

  pty-job.py KEYS CMD...     KEYS: Z (Ctrl-Z, then let it go on), C (Ctrl-C), D (end of input)

Waits for "ready" from CMD before each key; prints what becomes of it, a line each: "stopped N",
"exited N" or "killed N".
"""
import os
import pty
import signal
import sys

KEY = {"Z": b"\x1a", "C": b"\x03", "D": b"\x04"}


def session(ready, say, keys, argv):
    """In a session of its own, whose terminal is descriptor 0: a child is the foreground job."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        for sig in signal.SIGTTOU, signal.SIGINT, signal.SIGTSTP, signal.SIGQUIT:
            signal.signal(sig, signal.SIG_DFL)
        os.closerange(3, 64)
        os.execvp(argv[0], argv)
    for key in keys:
        os.read(ready, 1)  # the parent has typed it
        if key == "D":
            continue
        _, status = os.waitpid(pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            say(f"stopped {os.WSTOPSIG(status)}")
            os.killpg(pid, signal.SIGCONT)
        else:
            return status
    return os.waitpid(pid, 0)[1]


def main():
    keys, argv = sys.argv[1], sys.argv[2:]
    hear, tell = os.pipe()
    told = os.dup(1)  # the terminal would mix it with what it echoes
    pid, terminal = pty.fork()
    if pid == 0:
        os.close(tell)

        def say(text):
            os.write(told, text.encode() + b"\n")

        status = session(hear, say, keys, argv)
        say(f"killed {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exited {os.WEXITSTATUS(status)}")
        os._exit(0)
    os.close(hear)
    seen, typed = b"", 0
    while True:
        try:
            got = os.read(terminal, 4096)
        except OSError:
            break
        if not got:
            break
        seen += got
        while typed < len(keys) and seen.count(b"ready") > typed:
            os.write(terminal, KEY[keys[typed]])
            os.write(tell, b"x")
            typed += 1
    os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
