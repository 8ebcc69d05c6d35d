#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# process.bats - the program is the process that was started, also where there is much of something:
# terminals, groups of processes, control groups, arguments, variables, many starts.
# Needs: root (to become ada), mksquashfs, python3.
load ../harness/common
load rooms

setup_file() { need_login; need_command mksquashfs python3; rooms_make; }

setup()
{
	need_login
	rooms_load
	scratch_new
	rooms_before
}

teardown()
{
	rooms_after
	scratch_remove
}

@test "process: control group, process group, session, scheduling and limits are the caller's" {
	local show IMAGE

	# shellcheck disable=SC2016
	show='cat /proc/self/cgroup; cut -d" " -f5,6,19,40,41 /proc/self/stat; cat /proc/self/limits /proc/self/oom_score_adj
		grep -E "^(Cpus|Mems)_allowed_list|^Sig(Blk|Ign)|^Umask|^Groups" /proc/self/status'
	for IMAGE in "$ROOM_DIR" "$ROOM_SIF"; do
		# two programs of one caller: what the first shows outside, the second shows inside
		# shellcheck disable=SC2016
		run as_user prlimit --nofile=777 --core=0 --stack=16777216 bash -c 'trap "" USR2
			bash -c "$1" >"$2/out"; berth exec "$3" bash -c "$1" >"$2/in"
			diff <(grep -v ^Groups "$2/out") <(grep -v ^Groups "$2/in")' _ "$show" "$SCRATCH" "$IMAGE"
		assert_success
		rm "$SCRATCH/in" "$SCRATCH/out"
	done
}

@test "process: the terminal is the program's: its name, size, changes of it, and keys" {
	# shellcheck disable=SC2016
	run as_user timeout 60 python3 - "$ROOM_SIF" <<-'EOF'
		import fcntl, os, pty, struct, sys, termios
		def size(fd, rows):
		    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 100, 0, 0))
		pid, fd = pty.fork()
		if pid == 0:
		    os.execvp("berth", ["berth", "exec", sys.argv[1], "bash", "-c",
		        'trap "echo changed $(stty size 2>/dev/null)" WINCH; tty; echo ready; '
		        'for i in $(seq 200); do [ -z "$done" ] && sleep 0.05; trap "echo changed; done=1" WINCH; done; echo end'])
		size(fd, 40)
		out = b""
		resized = False
		while True:
		    try:
		        got = os.read(fd, 4096)
		    except OSError:
		        break
		    if not got:
		        break
		    out += got
		    if b"ready" in out and not resized:
		        resized = True
		        import time
		        time.sleep(0.3)
		        size(fd, 50)
		os.waitpid(pid, 0)
		print(out.decode().replace("\r", ""))
	EOF
	assert_success
	assert_output '^/dev/pts/[0-9]+$'
	assert_output '^changed'
	assert_output '^end$'
}

@test "process: 10,000 variables, and arguments of 2 MiB" {
	local IMAGE

	for IMAGE in "$ROOM_DIR" "$ROOM_SIF"; do
		# shellcheck disable=SC2016
		run as_user prlimit --stack=67108864 python3 -c '
import os, sys
env = dict(os.environ, **{"VARIABLE_%d" % i: "value %d" % i for i in range(10000)})
os.execvpe("berth", ["berth", "exec", sys.argv[1], "sh", "-c", "env | grep -c ^VARIABLE_; echo $VARIABLE_9999"], env)' "$IMAGE"
		assert_success $'10000\nvalue 9999'
		run as_user prlimit --stack=67108864 python3 -c '
import os, sys
os.execvp("berth", ["berth", "exec", sys.argv[1], "sh", "-c", "echo $# ${#1}", "sh"] + ["x" * 1000] * 2100)' "$IMAGE"
		assert_success "2100 1000"
		# more than the kernel takes is the caller's own error; what berth adds must not be the last straw unexplained
		run as_user python3 -c '
import os, sys
words, error = 2000, None
while words > 1000:
    pid = os.fork()
    if pid == 0:
        try:
            os.execvp("berth", ["berth", "exec", sys.argv[1], "true"] + ["x" * 1000] * words)
        except OSError:
            os._exit(77)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status == 0:
        break
    if status != 77:
        error = status
    words -= 1
print("fits", error)' "$IMAGE"
		assert_success
		assert_output 'fits (None|255)'
	done
}

@test "process: variables that set many others" {
	run as_user python3 -c '
import os, sys
env = dict(os.environ, **{"APPTAINERENV_V%d" % i: str(i) for i in range(3000)})
env.update({"SINGULARITYENV_V%d" % i: "no" for i in range(3000)})
os.execvpe("berth", ["berth", "exec", sys.argv[1], "sh", "-c", "env | grep -c ^V; echo $V2999; env | grep -c ENV_"], env)' "$ROOM_SIF"
	[ "$output" = $'3000\n2999\n0' ] || fail "not all"
}

@test "process: 64 at once and 200 one after another, and each has its own" {
	# shellcheck disable=SC2016
	run as_user timeout 300 bash -c 'for i in {1..64}; do berth exec "$1" sh -c "echo out \$0; exit \$0" $i & p[i]=$!; done
		for i in {1..64}; do wait ${p[i]}; [ $? = $i ] || echo "wrong $i"; done' _ "$ROOM_SIF"
	assert_success
	assert_lines 64 '^out [0-9]+$'
	refute_output wrong
	# shellcheck disable=SC2016
	run as_user timeout 300 bash -c 'for i in {1..200}; do berth exec "$1" true || echo "failed $i"; done' _ "$ROOM_SIF"
	assert_success ""
}
