#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# srun-environment.bats - the environment of a task is the one that `berth exec` gives: plain scripts
# of the image, scripts for a shell, and those that mean harm.
# Needs: root, Slurm.
# bats file_tags=slurm
load ../harness/common
load rooms

setup_file() { need_cluster; need_command mksquashfs; rooms_make; }

setup()
{
	need_cluster
	rooms_load
	scratch_new
	chmod 0755 "$SCRATCH"
	rooms_before
}

teardown()
{
	rooms_after
	scratch_remove
}

# What Slurm adds to each task; and the limits of srun's shell, where it stood last, are no matter.
no_slurm() { grep -vE '^(SLURM|SRUN|PMI|TMPDIR=|HOSTNAME=|PWD=|OLDPWD=|_=|SHLVL=)' | sort; }

# same IMAGE [NAME=VALUE...]: the variables inside, with these outside, are those of berth exec.
same()
{
	local image=$1 there here

	shift
	there=$(as_user env "$@" berth exec "$image" env) || fail "no environment without Slurm"
	here=$(as_user env "$@" srun -Q -N1 -n1 --container="$image" env) || fail "no environment"
	output=$here
	diff <(no_slurm <<<"$there") <(no_slurm <<<"$here") >&2
}

has() { grep -qxF -- "$1" <<<"$output" || fail "not there: $1"; }

@test "plain scripts: the same variables as without Slurm" {
	local root

	root=$(room_image plain <<-'END'
		--- 10-docker.sh
		export PATH="/opt/app/bin:/usr/bin"
		export APP_HOME="/opt/app"
		--- 90-environment.sh
		export LC_ALL=C
		export LD_LIBRARY_PATH="$APP_HOME/lib:$LD_LIBRARY_PATH"
		NOT_EXPORTED=1
		--- 95-apps.sh
		if [ -z "${BERTH_NAME:-}" ]; then export NAMELESS=1; fi
		export SHOW="${APP_HOME}/share"
		END
	)
	mkdir -p "$root/usr/lib/locale"
	same "$root" LANG=xx_YY.UTF-8 MINE=1 APP_HOME=/host SINGULARITYENV_GIVEN=yes APPTAINERENV_APPEND_PATH=/more
	has APP_HOME=/opt/app
	has SHOW=/opt/app/share
	has GIVEN=yes
	has MINE=1
	has LANG=C # of an image with a glibc and without this locale
	has PATH=/opt/app/bin:/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin:/more
}

@test "an image without scripts, and a SIF file: the same" {
	same "$ROOM_DIR" MINE=1 PS1=mine LANG=xx_YY.UTF-8
	same "$ROOM_SIF" MINE=1
}

@test "scripts that need a shell get the image's, in every task" {
	local root

	root=$(room_image shell <<-'END'
		--- 90-environment.sh
		for i in 1 2 3; do LIST="$LIST$i"; done
		export LIST FROM=$(echo shell)
		END
	)
	same "$root"
	has LIST=123
	has FROM=shell
	# shellcheck disable=SC2016
	run as_user srun -Q -N2 -n6 --container="$root" sh -c 'echo "$LIST,$FROM"'
	assert_success
	[ "$(grep -cxF 123,shell <<<"$output")" = 6 ]
}

@test "a program is looked up in the PATH that the scripts left" {
	local root

	root=$(room_image path <<-'END'
		--- 90-environment.sh
		export PATH=/opt/own:/bin
		END
	)
	mkdir "$root/opt" && mkdir "$root/opt/own"
	printf '#!/bin/sh\necho own\n' >"$root/opt/own/ownprogram"
	chmod -R a+rx "$root/opt/own"
	run as_user srun -Q -N1 --container="$root" ownprogram
	assert_success own
}

@test "--container-no-eval, --container-env and --container-no-env: as their namesakes" {
	local here

	# shellcheck disable=SC2016
	here=$(as_user srun -Q -N1 --container="$ROOM_DIR" --container-env='A=$HOME/x' env | grep '^A=')
	[ "$here" = "A=$CLUSTER_DIR/home/ada/x" ] || fail "$here"
	# shellcheck disable=SC2016
	here=$(as_user srun -Q -N1 --container="$ROOM_DIR" --container-no-eval --container-env='A=$HOME/x' env | grep '^A=')
	# shellcheck disable=SC2016
	[ "$here" = 'A=$HOME/x' ] || fail "$here"
	here=$(as_user env OUTER=1 STAYS=1 srun -Q -N1 --container="$ROOM_DIR" --container-no-env=OUTER env | grep -E '^(OUTER|STAYS)=')
	[ "$here" = STAYS=1 ] || fail "$here"
}

@test "what there is to say about an image is said once a node" {
	local root

	root=$(room_image ends <<-'END'
		--- 10-first.sh
		export FIRST=1
		--- 90-environment.sh
		exit 3
		END
	)
	# shellcheck disable=SC2016
	run as_user srun -Q -N1 -n4 --container="$root" sh -c 'echo "first $FIRST"'
	assert_success
	[ "$(grep -cxF 'first 1' <<<"$output")" = 4 ]
	[ "$(grep -c 'were not run' <<<"$output")" = 1 ]
}

@test "a script that does not end: the step's error, within the time, and nothing is left" {
	local root

	root=$(room_image loop <<-'END'
		--- 90-environment.sh
		sleep 1000 &
		while :; do sleep 1; done
		END
	)
	run as_user srun -Q -N1 -n2 --container="$root" --container-runscript-timeout=1 echo ran
	assert_failure 125 'the scripts did not end within 1 s'
	refute_output '^ran$'
	run as_user srun -Q -N1 --container="$ROOM_DIR" echo next
	assert_success next
}

@test "a script that leaves processes and writes 10 MB: the step's, and the node goes on" {
	local root

	root=$(room_image noisy <<-'END'
		--- 90-environment.sh
		setsid sleep 1000 &
		setsid sh -c 'trap "" TERM HUP; sleep 1000' &
		head -c 10000000 /dev/zero | tr '\0' 'x'
		export AFTER=1
		END
	)
	# shellcheck disable=SC2016
	as_user srun -Q -N1 --container="$root" sh -c 'echo "after $AFTER"' >"$SCRATCH/out" 2>"$SCRATCH/err"
	[ "$(<"$SCRATCH/out")" = "after 1" ]
	[ "$(stat -c %s "$SCRATCH/err")" -ge 10000000 ]
	run as_user srun -Q -N1 --container="$ROOM_DIR" echo next
	assert_success next
	[ -z "$(pgrep -u "$CLUSTER_UID" -x sleep)" ]
}

@test "the scripts run as the user, in the task's cgroup, without a right" {
	local root

	root=$(room_image who <<-'END'
		--- 90-environment.sh
		WHO=$(id -u) && export WHO
		CAPS=$(grep -E '^(CapBnd|NoNewPrivs)' /proc/self/status | tr -d '\t\n') && export CAPS
		GROUP=$(cat /proc/self/cgroup) && export GROUP
		END
	)
	# shellcheck disable=SC2016
	run as_user srun -Q -N1 --container="$root" sh -c 'echo "$WHO,$CAPS"; [ "$GROUP" = "$(cat /proc/self/cgroup)" ] && echo same'
	assert_success
	assert_output "^$CLUSTER_UID,CapBnd:0*NoNewPrivs:1$"
	assert_output '^same$'
}
