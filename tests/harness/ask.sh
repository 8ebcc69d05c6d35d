#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# ask.sh - run a list of commands, and keep what each printed and how it ended.
#
#   ask.sh DIR PROGRAM <LIST
#
# A line of LIST is the words behind PROGRAM, as a shell reads them; an empty one and one with # are
# none. What line N did is in DIR/N.out, N.err and N.rc. Everything is run in the present directory with
# the present environment, and nothing on standard input.
dir=$1
# shellcheck disable=SC2034 # in the eval
program=$2
n=0
while IFS= read -r line; do
	n=$((n + 1))
	case $line in '' | '#'*) continue ;; esac
	(eval "exec \"\$program\" $line") >"$dir/$n.out" 2>"$dir/$n.err" </dev/null
	echo $? >"$dir/$n.rc"
done
