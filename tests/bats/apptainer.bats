#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# apptainer.bats - berth, called apptainer, beside Apptainer: the same arguments, images, user, directory
# and environment; and what each prints, ends with and shows inside.
# Needs: root (to become ada), a Debian mirror, mmdebstrap, mksquashfs, python3.
load ../harness/common
load rooms
load apptainer

# "KIND|EXPRESSION": what is not compared, by an expression for sed -E that is applied to both answers.
# README ("If you come from Singularity or Apptainer") tells users; nothing else is passed over.
DIFFERENCES=(
	# Berth tells under its own name, too; *_COMMAND is what Singularity and SingularityCE have.
	'env|/^BERTH_(NAME|CONTAINER|COMMAND|ENVIRONMENT|APPNAME|NO_EVAL)=/d'
	'env|/^SINGULARITY_COMMAND=/d'
	# Apptainer adds to the caller's PATH where it looks for its own helpers.
	'env|s,^(USER_PATH=.*):/bin:/usr/bin:/sbin:/usr/sbin:/usr/local/bin:/usr/local/sbin$,\1,'
	# A variable that a script of the image sets and does not export is the caller's, not gone.
	'env|/^HIDDEN=/d'
	# export A=1 B=$A: Apptainer's B is 1. Here it is what A was before, as in dash and bash.
	'env|/^LATER=/d'
	# --cleanenv: without these each rank of an MPI job would be a job of its own.
	'clean|/^(SLURM_JOB_ID|OMPI_COMM_WORLD_SIZE)=/d'
	# Apptainer runs environment scripts with a shell of its own, which keeps backslashes that stand outside
	# of quotes or in a default, takes text for UTF-8, drops carriage returns and knows less of test(1).
	'case|quotes side by side'
	'case|backslashes without quotes'
	'case|a default between double quotes'
	'case|a brace in a default'
	'case|tests on words that look like operators'
	'case|a carriage return belongs to the value'
	'case|bytes that are not text'
	'case|a hash that is no comment'
	# export A=1 B=$A, as above.
	'case|an expansion in the middle'
	'case|all words of export are expanded first'
	# What is put over the image's /etc is read-only; the user may write to Apptainer's.
	'view|s,^(/etc/(passwd|group|resolv\.conf) .*) writable$,\1,'
)

setup_file()
{
	need_login
	need_command mmdebstrap mksquashfs python3
	rooms_make
	SID_ROOT=$(sid_make)
	export SID_ROOT
	apptainer_images
	echo "# beside $(in_sid apptainer --version)" >&3
}

setup()
{
	need_login
	rooms_load
	apptainer_load
	scratch_new
	chmod 0755 "$SCRATCH"
	ln -s "$BERTH_PREFIX/bin/berth" "$SCRATCH/apptainer"
	HERE=$CLUSTER_DIR/home/ada
	HOST=(PATH=/usr/bin:/bin HOME="$HERE" USER=ada LOGNAME=ada SHELL=/bin/bash LANG=C.UTF-8 TERM=xterm
		PWD="$HERE" FULL="$FULL" OCI="$OCI" MADE="$MADE" S="$SCRATCH")
	rooms_before
}

teardown()
{
	rooms_after
	scratch_remove
}

@test "the environment of a program" {
	# shellcheck disable=SC1003,SC2016
	HOST+=(HOSTVAR=host HIDDEN=host OVER=host EMPTY=host 'MULTI=one
two' 'ODD="x" $HOME `id` \' LD_LIBRARY_PATH=/host PS1='host> ' SLURM_JOB_ID=3 OMPI_COMM_WORLD_SIZE=1
		APPTAINERENV_THEIRS=1 SINGULARITYENV_OLD=2 APPTAINERENV_OVER=user http_proxy=p)
	echo 'export FILE="a b" LATER=$FILE' >"$SCRATCH/file"
	same how_env env <<-'EOF'
		-q exec $FULL env -0
		-q exec $OCI env -0
		-q exec $MADE env -0
		-q exec -c $FULL env -0
		-q exec --env A=1,B=2 --env 'C=$HOME "x" y' $OCI env -0
		-q exec --env A=1 --no-eval --env 'C=$HOME' $OCI env -0
		-q exec --env-file $S/file $FULL env -0
		-q exec --env PATH=/mine $FULL /usr/bin/env -0
		-q exec --env PREPEND_PATH=/first,APPEND_PATH=/last $FULL env -0
		-q exec -B $S:/data:ro,$S --pwd /usr $FULL env -0
		-q exec --app foo $FULL env -0
		-q exec --home $S:/mine $FULL env -0
	EOF
	same how_env env clean <<-'EOF'
		-q exec -e $FULL env -0
		-q exec -e $OCI env -0
		-q exec -C --env A=1 $OCI env -0
	EOF
}

# What is where, and who may write to it; only names that a test put there show what directory it is.
view_script()
{
	cat <<-'EOT'
		id
		echo "umask $(umask) files $(ulimit -n) $(pwd)"
		cut -d' ' -f5 /proc/self/mountinfo | grep -vE '^/(sys|dev|proc|tmp|var/tmp)/' | sort -u
		for p in / /tmp /var/tmp "$HOME" "$S" /etc/hosts /etc/passwd /etc/group /etc/resolv.conf /etc/localtime \
			/data /data2 /data/sub/file /opt/one /scr /mine /dev/null /dev/fuse /dev/shm /dev/pts/ptmx /proc/self /sys/class; do
			[ -e "$p" ] || { echo "$p none"; continue; }
			w=
			[ ! -w "$p" ] || w=' writable'
			echo "$p $(stat -c %F "$p") $(ls "$p" | grep mark | tr '\n' ' ')$w"
		done
	EOT
}

@test "what is where: binds, homes, contained, scratch, and what is left out" {
	mkdir -m 0777 "$SCRATCH/d" "$SCRATCH/d/sub" "$SCRATCH/home" "$SCRATCH/work" "$SCRATCH/work2"
	touch "$SCRATCH/mark-s" "$SCRATCH/d/mark-d" "$SCRATCH/d/sub/file" "$SCRATCH/home/mark-home"
	as_user touch "$HERE/mark-ada"
	HOST+=(APPTAINERENV_S="$SCRATCH" V="$(view_script)")
	local questions=$'
		exec $FULL
		exec $OCI
		exec --bind $S/d:/data $FULL
		exec -B $S/d:/data:ro,$S/home:/data2 -B $S/d/sub/file:/opt/one $FULL
		exec --mount type=bind,src=$S/d,dst=/data,ro $FULL
		exec --no-home $FULL
		exec --home $S/home $FULL
		exec --home $S/home:/mine $FULL
		exec --contain $FULL
		exec --containall $FULL
		exec -c --home $S/home $FULL
		exec -c --home $S/home:/mine $FULL
		exec -c --no-home --pwd / $FULL
		exec -c --bind /tmp --bind $S/d:/data $FULL
		exec -c --workdir $S/work --scratch /scr $FULL
		exec --scratch /scr $FULL
		exec --pwd /usr $FULL
		exec --cwd /usr $FULL
		exec --no-mount tmp $FULL
		exec --no-mount home,cwd --pwd / $FULL
		exec --no-mount hostfs,bind-paths $FULL
		exec --no-mount sys $FULL
		exec --no-mount /etc/hosts,/etc/localtime $FULL
		exec --ipc --uts --hostname inside $FULL
		exec --userns $FULL
	'
	same how_text view <<<"$(sed -nE 's/^\s+exec (.*)/-q exec \1 sh -c "$V"/p' <<<"$questions")"
	rm "$HERE/mark-ada"
	HERE=$SCRATCH/d
	HOST+=(PWD="$HERE")
	same how_text view <<<"$(sed -E 's/$/ sh -c "$V"/' <<-'EOF'
		-q exec $FULL
		-q exec --no-home $FULL
		-q exec -c $FULL
		-q exec --no-mount cwd $FULL
	EOF
	)"
}

@test "what run, shell and test start" {
	same how_text <<-'EOF'
		-q run $FULL
		-q run $FULL a 'b  c' '$HOME' "it's"
		-q run --app foo $FULL a 'b  c'
		-q run --app bar $FULL
		-q run $OCI
		-q run $OCI a 'b  c' '$IMG' '${OVER}s'
		-q run --no-eval $OCI a 'b  c' '$HOME' '"'
		-q run $MADE a 'b  c'
		-q test $FULL
		-q test $FULL x y
		-q test --app foo $FULL
		-q run-help $FULL
		-q run-help --app foo $FULL
		-q exec $FULL sh -c 'echo "$0 $1"' 'a b' 'c d'
		-q exec --app foo $FULL sh -c 'echo $FOOVAR; pwd'
		-q exec --pid $FULL sh -c '[ $$ != 1 ] && [ $$ -lt 100 ] && kill -0 1'
		-q exec --pid --no-init $FULL sh -c 'echo $$'
		-q exec --fakeroot $FULL id -u
		-q exec --uts --hostname inside $FULL uname -n
		-q shell $FULL
		-q exec $FULL sh -c 'exit 3'
		-q exec $FULL sh -c 'kill -9 $$'
		-q exec $FULL sh -c 'kill -TERM $$'
	EOF
	# Arguments of "shell" are the shell's; Apptainer has a warning for them
	run as_user "$SCRATCH/apptainer" shell "$FULL" -c 'echo "$1"' sh "two words"
	assert_success "two words"
}

@test "statuses, and how messages begin" {
	HOST+=(DEF="$(dirname "$FULL")/full.def")
	same how_message <<-'EOF'
		exec $S/none.sif true
		exec /etc/passwd true
		exec $DEF true
		exec $FULL nosuch
		exec $FULL /nosuch
		exec $FULL ./nosuch
		exec $FULL /etc/passwd
		exec $FULL /etc
		exec --nosuch $FULL true
		exec -Z $FULL true
		exec
		exec $FULL
		run
		shell
		nosuch
		exec --pwd /nosuch $FULL true
		exec --env A $FULL true
		exec --env-file /nosuch $FULL true
		exec --writable $FULL true
		exec --overlay $S/none $FULL true
		exec --workdir /nosuch --contain $FULL true
		exec instance://none true
		exec $FULL touch /usr/x
		exec --bind $S:/data:ro $FULL touch /data/x
		inspect $S/none.sif
		inspect --nosuch $FULL
		inspect
		run-help
		build
	EOF
}

@test "statuses that are not the same" {
	local theirs ours line n=0

	# What is wrong as text is a wrong command line here, whatever the image is.
	cat >"$SCRATCH/table" <<-'EOF'
		255 1 exec --bind $S:rel $FULL true
		255 1 exec --bind $S:/d:xx $FULL true
		255 1 exec --mount type=tmpfs,dst=/x $FULL true
		255 1 exec --home $S:rel $FULL true
		255 1 exec --scratch rel $FULL true
		255 1 exec --pwd rel $FULL true
		0 1 exec --no-mount nosuch $FULL true
		0 1 help nosuch
		1 255 exec --app none $FULL true
		1 255 run --app none $FULL
		0 255 shell --shell /nosuch $FULL
	EOF
	cut -d' ' -f3- "$SCRATCH/table" | ask
	while read -r theirs ours line; do
		n=$((n + 1))
		[ "$(<"$SCRATCH/theirs/$n.rc") $(<"$SCRATCH/ours/$n.rc")" = "$theirs $ours" ] ||
			fail "$line: $(<"$SCRATCH/theirs/$n.rc") there, $(<"$SCRATCH/ours/$n.rc") here"
	done <"$SCRATCH/table"
	[ "$n" -eq 11 ]
}

@test "what inspect says" {
	same how_text <<-'EOF'
		inspect $FULL
		inspect $OCI
		inspect --labels $FULL
		inspect --environment $FULL
		inspect --environment $OCI
		inspect --runscript $FULL
		inspect --runscript $OCI
		inspect --deffile $FULL
		inspect --deffile $OCI
		inspect --test $FULL
		inspect --helpfile $FULL
		inspect --startscript $FULL
		inspect --list-apps $FULL
		inspect --runscript --environment --labels $FULL
		inspect --app foo $FULL
		inspect --app foo --labels --runscript $FULL
		inspect --app foo --environment $FULL
		inspect --app foo --helpfile $FULL
		inspect --app foo --test $FULL
	EOF
	same how_json <<-'EOF'
		inspect --json $FULL
		inspect --json $OCI
		inspect --all --json $FULL
		inspect --all $OCI
		inspect --labels --runscript --json $OCI
		inspect --app foo --all --json $FULL
		inspect --app foo --runscript --json $FULL
	EOF
}

@test "Apptainer reads, runs and lists what berth build makes" {
	run in_sid apptainer sif list "$MADE"
	assert_success
	assert_output 'FS \(Squashfs/\*System/'
	run in_sid apptainer sif header "$MADE"
	assert_success
	run in_sid apptainer -q exec "$MADE" cat /etc/os-release
	assert_success
	assert_output 'Berth test image'
	run in_sid apptainer -q run "$MADE" x y
	assert_success 'runscript: x,y,'
	run in_sid apptainer inspect --runscript "$MADE"
	assert_success
	assert_output runscript
	# unpacked by Apptainer and built again by Berth, the same bytes are in it
	in_sid apptainer build --fakeroot --sandbox "$SCRATCH/box" "$MADE" >"$SCRATCH/log" 2>&1 || fail "$(<"$SCRATCH/log")"
	cmp "$SCRATCH/box/usr/only-in-image/data" "$ROOM_DIR/usr/only-in-image/data"
	# nothing is signed, and that is all that is wrong
	run in_sid apptainer verify --all "$MADE"
	assert_failure 255 'signature not found|no signatures'
}

# cases: print a question about each plain script of environment.cases, in an image directory of its own.
cases()
{
	local f

	mkdir -p "$SCRATCH/cases"
	awk -v d="$SCRATCH/cases/" '
		/^=== / { n++; f = $2 == "plain" ? d sprintf("%03d", n) : ""
			  if (f) { printf "" >f; print substr($0, 11) >(f ".name") }; next }
		f { print >f }' "$BATS_TEST_DIRNAME/environment.cases"
	for f in "$SCRATCH"/cases/???; do
		[[ " ${DIFFERENCES[*]/#/ }  " != *"  case|$(<"$f.name")  "* ]] || continue
		cp -al "$ROOM_DIR" "$f.root"
		rm -r "$f.root/.singularity.d"
		mkdir -p "$f.root/.singularity.d/env"
		mv "$f" "$f.root/.singularity.d/env/90-environment.sh"
		echo "-q exec \$S/cases/${f##*/}.root /usr/bin/env -0 # $(<"$f.name")"
	done
	chmod -R a+rX "$SCRATCH/cases"
}

@test "environment scripts" {
	cases >"$SCRATCH/questions"
	[ "$(wc -l <"$SCRATCH/questions")" -ge 40 ]
	same how_env env <"$SCRATCH/questions"
}
