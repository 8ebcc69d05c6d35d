# SPDX-License-Identifier: BSD-3-Clause
"""lintlib.py - what the lints share: the tree, C without its comments, functions, TAP.

Runs as: whoever builds; reads the sources and nothing else. Python's standard library only.
The tree is the current directory, or $SRCDIR, or the makefile's $srcdir.
"""
import os
import re
import sys

ROOT = os.environ.get("SRCDIR") or os.environ.get("srcdir") or "."
CODE = ("libimage", "launcher", "plugin")

# What may include what (the table of README, "The rooms"). Every room may include itself.
# An arrow that is not here is a defect.
ALL = object()
ARROWS = {
    "libimage/base": set(),
    "libimage/sif": {"libimage/base"},
    "libimage/squash": {"libimage/base"},
    "libimage/ref": {"libimage/base"},
    "libimage/oci": {"libimage/base", "libimage/ref"},
    "libimage/registry": {"libimage/base", "libimage/ref", "libimage/oci"},
    # layer makes the tree that squash writes
    "libimage/layer": {"libimage/base", "libimage/squash", "libimage/ref", "libimage/oci"},
    "libimage/store": {"libimage/base", "libimage/ref", "libimage/oci"},
    "libimage/build": {"libimage/base", "libimage/sif", "libimage/squash", "libimage/ref", "libimage/oci",
                       "libimage/registry", "libimage/layer", "libimage/store"},
    "libimage/imgfs": {"libimage/base", "libimage/sif", "libimage/squash"},
    "launcher/view": {"libimage/base"},
    # view holds pure functions; in berth-launcher they run after the opener became the user
    "launcher/room": {"libimage/base", "launcher/view"},
    "launcher/priv": {"libimage/base", "launcher/room", "launcher/view"},
    # what runs in the room as the user: no right is needed for it, and none may be near
    "launcher/inside": {"libimage/base", "launcher/view"},
    "launcher/cli": {"libimage/base", "libimage/sif", "libimage/squash", "libimage/build",
                     "libimage/ref", "libimage/oci", "libimage/registry", "libimage/store",
                     "launcher/view", "launcher/inside", "launcher/room"},
    # the option table lives in view because the plugin uses it too; inside is for task_init, in the
    # process that is about to be the program: the user's, not slurmstepd
    "plugin": {"libimage/base", "libimage/ref", "launcher/view", "launcher/inside"},
}


def path(name):
    return os.path.join(ROOT, name)


def read(name):
    with open(path(name), encoding="utf-8", errors="surrogateescape") as f:
        return f.read()


def files(tops, endings):
    """Paths below 'tops', relative to the tree, that end in one of 'endings', sorted."""
    found = []
    for top in tops:
        for where, dirs, names in os.walk(path(top)):
            dirs[:] = [d for d in dirs if not d.startswith(".")]
            found += [os.path.relpath(os.path.join(where, n), ROOT)
                      for n in names if n.endswith(tuple(endings))]
    return sorted(found)


def sources():
    return files(CODE, (".c", ".h"))


def room_of(name):
    """The room of a path, or None for what lies outside of all."""
    for room in ARROWS:
        if name.startswith(room + "/"):
            return room
    return None


TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(text, strings=True):
    """'text' with comments, and the insides of strings, as spaces; lines stay where they are."""
    def hide(m):
        t = m.group(0)
        if t[0] in "\"'":
            return t if not strings else t[0] + " " * (len(t) - 2) + t[-1]
        return re.sub(r"[^\n]", " ", t)
    return TOKEN.sub(hide, text)


def comments(text):
    """(line number, text) of every comment."""
    for m in TOKEN.finditer(text):
        if m.group(0)[0] == "/":
            yield text.count("\n", 0, m.start()) + 1, m.group(0)


class Function:
    """A definition: name, line of its first and last line (1-based), and what stands above."""

    def __init__(self, name, first, last, code, text):
        self.name, self.first, self.last = name, first, last
        self.code = "\n".join(code[first - 1:last])
        self.text = "\n".join(text[first - 1:last])
        above, at = [], first - 2
        while at >= 0 and text[at].strip() and not code[at].strip():
            above.append(text[at])
            at -= 1
        self.above = "\n".join(reversed(above))


def functions(text):
    """The functions of a file in the house style: '{' and '}' in the first column."""
    code, lines = blank(text).split("\n"), text.split("\n")
    open_at = None
    for i, line in enumerate(code):
        if line.startswith("{"):
            open_at = i
        elif line.startswith("}") and open_at is not None:
            first = open_at - 1
            while first > 0 and code[first - 1].strip() and not re.search(r"[;}]\s*$", code[first - 1]) \
                    and not code[first - 1].startswith("#"):
                first -= 1
            head = " ".join(code[first:open_at])
            m = re.search(r"(\w+)\s*\(", re.sub(r"__attribute__\s*\(\(.*?\)\)", "", head))
            if m and line.rstrip() == "}":
                yield Function(m.group(1), first + 1, i + 1, code, lines)
            open_at = None


class Tap:
    """One line a rule, 'ok N - text' or 'not ok N - text' with what is wrong below it."""

    def __init__(self):
        self.n = self.bad = 0

    def rule(self, text, wrong):
        """'wrong': what broke the rule, one string each; none is good."""
        self.n += 1
        wrong = list(wrong)
        self.bad += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {self.n} - {text}")
        for w in wrong:
            print(f"#   {w}")

    def end(self):
        print(f"1..{self.n}")
        sys.stdout.flush()
        sys.exit(1 if self.bad else 0)
