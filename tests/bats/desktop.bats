#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# desktop.bats - what people do at a prompt: windows, agents, terminals. No X server runs here: what a
# program needs to reach one is a socket in /tmp or a port of the host, and those are real.
# Needs: root (to become ada), python3, tmux.
load ../harness/common
load rooms

setup_file() { need_login; need_command mksquashfs python3; rooms_make; }

setup()
{
	need_login
	rooms_load
	scratch_new
	rooms_before
	LISTENER=
}

teardown()
{
	[ -z "$LISTENER" ] || kill "$LISTENER" 2>/dev/null || true
	[ ! -S "$SCRATCH/tmux" ] || tmux_ kill-server 2>/dev/null || true
	rooms_after
	scratch_remove
}

# listening unix PATH | tcp: a listener that greets who connects; LISTENER is its pid, PORT where.
listening()
{
	as_user python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX if sys.argv[1] == "unix" else socket.AF_INET)
s.bind(sys.argv[2] if sys.argv[1] == "unix" else ("127.0.0.1", 0))
s.listen()
print(0 if sys.argv[1] == "unix" else s.getsockname()[1], flush=True)
while True:
    c, _ = s.accept()
    c.sendall(b"greetings\n")
    c.close()' "$@" >"$SCRATCH/port" 3>&- &
	LISTENER=$!
	eventually 10 test -s "$SCRATCH/port"
	PORT=$(<"$SCRATCH/port")
}

@test "windows: a display's socket in /tmp, and one on a port of the host" {
	local dir

	listening tcp
	run as_user env DISPLAY=localhost:10.0 berth exec "$ROOM_SIF" bash -c \
		"echo \$DISPLAY; exec 5<>/dev/tcp/127.0.0.1/$PORT; cat <&5"
	assert_success $'localhost:10.0\ngreetings'
	kill "$LISTENER"
	wait "$LISTENER" || true
	rm "$SCRATCH/port"
	# /tmp is the host's: a socket there is the same one inside
	dir=$(as_user mktemp -d /tmp/berth-X11.XXXXXX)
	listening unix "$dir/X0"
	run as_user env XAUTHORITY="$dir/auth" berth exec "$ROOM_SIF" bash -c "echo \$XAUTHORITY; [ -S $dir/X0 ] && echo there"
	as_user rm -r "$dir"
	assert_success "$dir/auth"$'\nthere'
}

@test "agents: SSH_AUTH_SOCK in /tmp works, and one in /run/user where it is bound" {
	local dir

	dir=$(as_user mktemp -d /tmp/ssh-XXXXXXXXXX)
	listening unix "$dir/agent.1"
	# python of the host, in a room whose image is the host itself
	run as_user env SSH_AUTH_SOCK="$dir/agent.1" berth exec / /usr/bin/python3 -c 'import os, socket
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["SSH_AUTH_SOCK"])
print(s.recv(100).decode(), end="")'
	as_user rm -r "$dir"
	assert_success greetings
	# what is not bound is not there, and the variable stays
	as_user mkdir -p "$SCRATCH/run/user"
	echo x >"$SCRATCH/run/user/bus"
	run as_user env XDG_RUNTIME_DIR=/run/user/1 berth exec -B "$SCRATCH/run/user:/run/user/1" "$ROOM_SIF" \
		sh -c 'cat $XDG_RUNTIME_DIR/bus'
	assert_success x
	run as_user env XDG_RUNTIME_DIR=/run/user/1 berth exec "$ROOM_SIF" sh -c 'echo $XDG_RUNTIME_DIR; ls /run/user/1'
	[ "$status" -ne 0 ]
	assert_output '^/run/user/1$'
}

# A terminal that a program drives: its own server, with a socket in SCRATCH.
tmux_() { as_user tmux -S "$SCRATCH/tmux" -f /dev/null "$@"; }
screen_has() { tmux_ capture-pane -p | grep -qE "$1"; }

@test "shell: a prompt, lines that are edited, interrupted and resized, and its end" {
	need_command tmux
	tmux_ new-session -d -x 80 -y 24 "berth shell $ROOM_SIF; echo \"ended with \$?\"; sleep 60"
	eventually 20 screen_has '^Berth> *$'
	tmux_ send-keys 'echo wrongly' C-u 'echo "in $(. /etc/os-release; echo $PRETTY_NAME)"' Enter
	eventually 20 screen_has '^in Berth test image'
	tmux_ send-keys 'sleep 600' Enter
	eventually 20 pgrep -u "$CLUSTER_UID" -x sleep
	tmux_ send-keys C-c
	tmux_ send-keys 'echo "status $?"' Enter
	eventually 20 screen_has '^status 130$'
	tmux_ resize-window -x 100 -y 30
	tmux_ send-keys 'echo "columns $COLUMNS"' Enter
	tmux_ send-keys 'echo "columns $COLUMNS"' Enter
	eventually 20 screen_has '^columns 100$'
	tmux_ send-keys 'sleep 600' Enter
	eventually 20 pgrep -u "$CLUSTER_UID" -x sleep
	tmux_ send-keys C-z
	eventually 20 screen_has 'Stopped'
	tmux_ send-keys 'kill -9 %1; sleep 0.2' Enter Enter
	eventually 20 screen_has 'Killed'
	tmux_ send-keys 'exit 7' Enter
	eventually 20 screen_has '^ended with 7$'
	tmux_ kill-server
}
