#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# environment.bats - what the author of an image left in /.singularity.d: its environment scripts,
# evaluated without a shell as real shells do it; runscript, test and apps; and the variables that
# the user adds.
# Needs: root (to become ada); for the comparison dash and bash.
load ../harness/common
load rooms

setup_file()
{
	need_login
	need_command mksquashfs
	rooms_make
	make -s -C "$BERTH_BUILD" tests/harness/script-eval >/dev/null
}

setup()
{
	need_login
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

# inside IMAGE [OPTION...]: the variables of a program of IMAGE, sorted, in $output.
inside()
{
	local image=$1

	shift
	run as_user berth exec "$@" "$image" env
	[ "$status" -eq 0 ] || fail "no environment"
	output=$(sort <<<"$output")
}

has() { grep -qxF -- "$1" <<<"$output" || fail "not there: $1"; }
has_not() { ! grep -q "^$1=" <<<"$output" || fail "is there: $1"; }

# ---- the evaluator -------------------------------------------------------------------------

# cases KIND...: the scripts of environment.cases of these kinds, as files in $SCRATCH/cases.
cases()
{
	mkdir -p "$SCRATCH/cases"
	awk -v d="$SCRATCH/cases/" -v kinds=" $* " '
		/^=== / { n++; f = index(kinds, " " $2 " ") ? d sprintf("%03d-%s", n, $2) : ""
			  if (f) { printf "" >f; print substr($0, 5) >(f ".name") }; next }
		f { print >f }' "$BATS_TEST_DIRNAME/environment.cases"
}

evaluate() { "$BERTH_BUILD/tests/harness/script-eval" "$@"; }

# shell_does FILE SHELL...: what SHELL exports after FILE, sorted, without what shells set themselves.
shell_does()
{
	local file=$1

	shift
	# shellcheck disable=SC2016
	env -i PATH=/usr/bin:/bin HOME='/home/x y' ROOT='/a*b' "$@" -c '. "$1"; exec /usr/bin/env -0' sh "$file" |
		LC_ALL=C sort -z | grep -azvE '^(_|SHLVL|PWD|OLDPWD)='
}

@test "plain scripts have the outcome that dash and bash have" {
	local file n=0

	need_command dash bash
	cases plain
	for file in "$SCRATCH"/cases/*-plain; do
		evaluate "$file" >"$SCRATCH/raw" || fail "not plain: $(cat "$file.name")"
		LC_ALL=C sort -z "$SCRATCH/raw" >"$SCRATCH/ours"
		for shell in dash bash "bash --posix"; do
			# shellcheck disable=SC2086
			shell_does "$file" $shell >"$SCRATCH/theirs"
			cmp "$SCRATCH/ours" "$SCRATCH/theirs" || fail "$shell: $(cat "$file.name")" \
				"$(diff <(tr '\0' '\n' <"$SCRATCH/ours") <(tr '\0' '\n' <"$SCRATCH/theirs"))"
		done
		n=$((n + 1))
	done
	[ $n -ge 50 ] || fail "only $n scripts"
}

@test "what bash takes apart comes out as the builder of the image meant it" {
	local file

	need_command dash
	cases dash
	for file in "$SCRATCH"/cases/*-dash; do
		evaluate "$file" >"$SCRATCH/raw" || fail "not plain: $(cat "$file.name")"
		LC_ALL=C sort -z "$SCRATCH/raw" >"$SCRATCH/ours"
		shell_does "$file" dash >"$SCRATCH/theirs"
		cmp "$SCRATCH/ours" "$SCRATCH/theirs" || fail "$(cat "$file.name")"
	done
}

@test "scripts that are more than plain are left to the image's shell, with its outcome" {
	local file n=0

	cases shell
	for file in "$SCRATCH"/cases/*-shell; do
		run evaluate "$file"
		[ "$status" -eq 2 ] || fail "taken for plain: $(cat "$file.name")"
		# the same start, and the shell that the image has: a copy of the machine's
		{ echo '--- 01-start.sh'; printf "PATH=/usr/bin:/bin HOME='/home/x y' ROOT='/a*b'\nexport ROOT\n"
			echo '--- 02-case.sh'; cat "$file"; } | room_image "$n" >/dev/null
		as_user berth exec "$SCRATCH/$n" env -0 2>/dev/null | LC_ALL=C sort -z | grep -azE '^([A-H]|ROOT)=' \
			>"$SCRATCH/ours" || true
		shell_does "$file" sh 2>/dev/null | grep -azE '^([A-H]|ROOT)=' >"$SCRATCH/theirs" || true
		cmp "$SCRATCH/ours" "$SCRATCH/theirs" || fail "$(cat "$file.name")"
		rm -rf "${SCRATCH:?}/$n"
		n=$((n + 1))
	done
	[ $n -ge 20 ] || fail "only $n scripts"
}

# ---- the scripts of an image ---------------------------------------------------------------

@test "scripts run in the order of their names, and see what those before them set" {
	IMAGE=$(room_image a <<-'EOF'
		--- 90-b.sh
		export B="$A-b" ORDER="$ORDER 90"
		--- 10-a.sh
		export A=a ORDER=10
		--- 10-a.sh.bak
		export A=backup
		--- .hidden.sh
		export A=hidden
		--- 100-c.sh
		ORDER="$ORDER 100"
	EOF
	)
	mkdir "$SCRATCH/a/.singularity.d/env/95-dir.sh"
	mkfifo "$SCRATCH/a/.singularity.d/env/96-fifo.sh"
	inside "$IMAGE"
	has A=a
	has B=a-b
	has "ORDER=10 100 90"
}

@test "the image wins over the host, what the user sets for inside over the image" {
	IMAGE=$(room_image a <<-'EOF'
		--- 10-docker2singularity.sh
		export PATH="/opt/bin:/usr/bin:/bin"
		export A="${A:-"image"}"
		export B="${B:-"image"}"
		export C="${C:-"image"}"
		export E="${E:-}"
		export HOST="<$HOST>"
	EOF
	)
	run as_user env A=host B=host E=host HOST=host ONLY=host SINGULARITYENV_B=1 APPTAINERENV_B=2 BERTHENV_B=3 \
		BERTHENV_C=4 berth exec --env C=5 "$IMAGE" env
	assert_success
	has A=image
	has B=3
	has C=5
	has "HOST=<>"
	has ONLY=host
	has_not E
	has PATH=/opt/bin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin
	inside "$IMAGE"
	has E=
}

@test "PATH and LD_LIBRARY_PATH can be replaced and added to" {
	IMAGE=$(room_image a <<-'EOF'
		--- 10-docker2singularity.sh
		export PATH="/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
		--- 99-base.sh
		LD_LIBRARY_PATH=/.singularity.d/libs
		export LD_LIBRARY_PATH
	EOF
	)
	inside "$IMAGE" --env PREPEND_PATH=/first,APPEND_PATH=/last
	has PATH=/first:/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/last
	has LD_LIBRARY_PATH=/.singularity.d/libs
	has_not PREPEND_PATH
	inside "$IMAGE" --env "PATH=/mine:/usr/bin,LD_LIBRARY_PATH=/l"
	has PATH=/mine:/usr/bin
	has LD_LIBRARY_PATH=/l:/.singularity.d/libs
	inside "$IMAGE" --env "PREPEND_LD_LIBRARY_PATH=/a,APPEND_LD_LIBRARY_PATH=/b"
	has LD_LIBRARY_PATH=/a:/.singularity.d/libs:/b
	inside "$IMAGE" --env 'PATH=/x:$PATH'
	has PATH=/x:/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
}

@test "a program is looked up in the PATH that the scripts left" {
	IMAGE=$(room_image a <<-'EOF'
		--- 90-environment.sh
		export PATH=/opt/tool/bin:$PATH
	EOF
	)
	mkdir -p "$IMAGE/opt/tool/bin"
	printf '#!/bin/sh\necho found\n' >"$IMAGE/opt/tool/bin/only-there"
	chmod -R a+rx "$IMAGE/opt"
	run as_user berth exec "$IMAGE" only-there
	assert_success found
}

@test "a SIF file's scripts are run too" {
	IMAGE=$(room_image a <<-'EOF'
		--- 90-environment.sh
		export A=plain
		--- 91-environment.sh
		export B=$(echo by a shell)
	EOF
	)
	as_user berth -q build "$SCRATCH/a.sif" "$IMAGE"
	inside "$SCRATCH/a.sif"
	has A=plain
	has "B=by a shell"
}

@test "an image without /.singularity.d: /environment" {
	IMAGE=$(room_image a </dev/null)
	rm -rf "$IMAGE/.singularity.d"
	printf 'export A=old\n' >"$IMAGE/environment"
	inside "$IMAGE"
	has A=old
	inside "$ROOM_DIR"
	has_not A
}

@test "the shell gets no input, no descriptor, and prints to standard error" {
	IMAGE=$(room_image a <<-'EOF'
		--- 90-environment.sh
		echo to stdout
		read -r A || A=nothing
		for fd in /proc/self/fd/3 /proc/self/fd/7 /proc/self/fd/11; do
			[ ! -e $fd ] || A="$A $fd"
		done
		export A
	EOF
	)
	run as_user bash -c 'echo input | berth exec "$1" sh -c "cat; echo \$A" 3</dev/null 7</dev/null 11</dev/null 2>/dev/null' \
		bash "$IMAGE"
	assert_success $'input\nnothing'
	run as_user bash -c 'berth exec "$1" true 2>&1 >/dev/null' bash "$IMAGE"
	assert_success 'to stdout'
}

@test "an image without a shell: plain scripts do, others are warned of" {
	IMAGE=$(room_image a <<-'EOF'
		--- 10-a.sh
		export A="plain ${X:-"too"}"
		--- 20-b.sh
		export B=$(echo no)
	EOF
	)
	rm -f "$IMAGE/bin/sh" "$IMAGE/usr/bin/sh"
	run as_user berth exec "$IMAGE" bash -c 'echo "$A,$B"'
	assert_success
	assert_output "plain too,"
	assert_output "were not run: cannot run '/bin/sh'"
	rm "$IMAGE/.singularity.d/env/20-b.sh"
	run as_user berth exec "$IMAGE" bash -c 'echo "$A"'
	assert_success "plain too"
}

@test "scripts that end their shell are warned of, and the plain ones count" {
	IMAGE=$(room_image a <<-'EOF'
		--- 10-a.sh
		export A=plain
		--- 20-b.sh
		exit 3
	EOF
	)
	run as_user berth exec "$IMAGE" sh -c 'echo "$A"'
	assert_success
	assert_output '^plain$'
	assert_output 'were not run: .* status 3'
	printf 'if\n' >"$IMAGE/.singularity.d/env/20-b.sh"
	run as_user berth exec "$IMAGE" sh -c 'echo "$A"'
	assert_success
	assert_output '^plain$'
}

@test "scripts that do not end are ended, with their children" {
	IMAGE=$(room_image a <<-'EOF'
		--- 10-a.sh
		sleep 1000 & exec sleep 1000
	EOF
	)
	run as_user berth exec --runscript-timeout 1 "$IMAGE" true
	assert_failure 255 'did not end within 1 s'
	printf 'exec 8>&-\nsleep 1000\n' >"$IMAGE/.singularity.d/env/10-a.sh"
	run as_user env APPTAINER_RUNSCRIPT_TIMEOUT=1s berth exec "$IMAGE" true
	assert_failure 255 'did not end within 1 s'
}

@test "a signal while the scripts run ends them and berth" {
	IMAGE=$(room_image a </dev/null)
	printf 'touch %s/runs\nsleep 1000\n' "$SCRATCH" >"$IMAGE/.singularity.d/env/10-a.sh"
	# shellcheck disable=SC2016
	run as_user bash -c 'cd "$2" && { berth exec "$1" true & pid=$!
		until [ -e runs ]; do sleep 0.05; done
		kill -TERM $pid; wait $pid; }' bash "$IMAGE" "$SCRATCH"
	assert_failure 143
}

@test "nothing of the shell is left in the program: children, signals, descriptors" {
	IMAGE=$(room_image a <<-'EOF'
		--- 10-a.sh
		export A=$(echo 1)
	EOF
	)
	local seen='read -r c </proc/$$/task/$$/children; echo "children: $c"; grep -E "^Sig(Blk|Ign|Cgt)" /proc/self/status
		ls /proc/self/fd | wc -l' with
	run as_user berth exec "$IMAGE" bash -c "$seen"
	assert_success
	with=$output
	run as_user berth exec "$ROOM_DIR" bash -c "$seen"
	assert_success "$with"
	assert_output '^children: $'
}

# ---- the user's variables ------------------------------------------------------------------

@test "values of the user's see the image's variables; commands in them are not run" {
	IMAGE=$(room_image a <<-'EOF'
		--- 10-a.sh
		export A=image
	EOF
	)
	inside "$IMAGE" --env 'B=<$A>' --env 'C=${NOT:-none}' --env 'D=\$A "q"' --env 'E=5$'
	has 'B=<image>'
	has C=none
	has 'D=$A "q"'
	has 'E=5$'
	inside "$IMAGE" --env 'B=$(id)' --env 'C=`id`'
	has 'B=$(id)'
	has 'C=`id`'
	assert_output 'B is set as it stands'
	inside "$IMAGE" --no-eval --env 'B=<$A>' --env 'C=\$A' --env 'D=$(id)'
	has 'B=<$A>'
	has 'C=\$A'
	has 'D=$(id)'
	has SINGULARITY_NO_EVAL=1
	refute_output 'as it stands'
}

@test "--env-file: what a script sets, by the host's shell where it is not plain" {
	printf '# x\nA=1\nB="$A $OUTSIDE"\nexport C='"'"'$A "q" \\ `x`'"'"'\n' >"$SCRATCH/plain"
	printf 'D=$(echo a shell)\nfor i in 1 2; do E=$E$i; done\nA=2\n' >"$SCRATCH/other"
	run as_user env OUTSIDE=seen BERTHENV_B=weak berth exec --env-file "$SCRATCH/plain" --env-file="$SCRATCH/other" \
		--env E=strong "$ROOM_SIF" env
	assert_success
	has A=2
	has "B=1 seen"
	has 'C=$A "q" \ `x`'
	has "D=a shell"
	has E=strong
	run as_user env APPTAINER_ENV_FILE="$SCRATCH/plain" berth exec --no-eval "$ROOM_DIR" env
	assert_success
	has 'C=$A "q" \ `x`'
}

@test "--env-file: refused where it is not there, not text, not ended" {
	run as_user berth exec --env-file "$SCRATCH/none" "$ROOM_DIR" true
	assert_failure 255 "cannot open '$SCRATCH/none'"
	printf 'A=1\0\n' >"$SCRATCH/nul"
	run as_user berth exec --env-file "$SCRATCH/nul" "$ROOM_DIR" true
	assert_failure 1 'no file of variables'
	printf 'A="\n' >"$SCRATCH/open"
	run as_user berth exec --env-file "$SCRATCH/open" "$ROOM_DIR" true
	assert_failure 1 'ended before'
	printf 'exit 3\n' >"$SCRATCH/exit"
	run as_user berth exec --env-file "$SCRATCH/exit" "$ROOM_DIR" true
	assert_failure 1 'status 3'
}

# ---- what programs can know ----------------------------------------------------------------

@test "the image, the command and the binds are told" {
	IMAGE=$(room_image a <<-'EOF'
		--- 10-a.sh
		export A="$APPTAINER_NAME $SINGULARITY_CONTAINER"
	EOF
	)
	inside "$IMAGE" -B /usr:/mnt:ro
	has "A=a $IMAGE"
	has APPTAINER_COMMAND=exec
	has SINGULARITY_BIND=/mnt
	has APPTAINER_ENVIRONMENT=/.singularity.d/env/91-environment.sh
	has_not BERTH_BIND
	has APPTAINER_APPNAME=
	inside "$ROOM_SQUASHFS"
	has SINGULARITY_NAME=room.sqfs
	has APPTAINER_BIND=
}

@test "PWD is where the program starts" {
	IMAGE=$ROOM_SIF
	pwd_of() { run as_user env -C "$SCRATCH" "$@" env; [ "$status" -eq 0 ] || fail "no environment"; }
	pwd_of PWD=/elsewhere berth exec "$IMAGE"
	has "PWD=$SCRATCH"
	pwd_of -u PWD berth exec -e "$IMAGE"
	has "PWD=$SCRATCH"
	pwd_of "PWD=$SCRATCH" berth exec --pwd /usr/../usr "$IMAGE"
	has PWD=/usr
	pwd_of "PWD=$SCRATCH" berth exec -c "$IMAGE"
	has "PWD=$CLUSTER_DIR/home/ada"
	pwd_of PWD=/elsewhere berth exec --env PWD=/mine "$IMAGE"
	has PWD=/mine
	pwd_of "PWD=$SCRATCH" berth exec "$ROOM_DIR"
	has "PWD=$SCRATCH"
	assert_lines 1 '^PWD='
}

@test "the prompt is the image's, else Berth's, in a bash that reads other files too" {
	IMAGE=$(room_image a <<-'EOF'
		--- 90-a.sh
		export PS1="it's \w> "
	EOF
	)
	# shellcheck disable=SC2016
	run as_user berth shell "$IMAGE" -c 'PS1=spoilt; eval "$PROMPT_COMMAND"; echo "$PS1,${PROMPT_COMMAND-gone}"'
	assert_success "it's \w> ,gone"
	# shellcheck disable=SC2016
	run as_user env PROMPT_COMMAND='X=1' PS1='host> ' berth shell "$ROOM_DIR" -c \
		'PS1=spoilt; eval "$PROMPT_COMMAND"; echo "$PS1,$X,$PROMPT_COMMAND"'
	assert_success "Berth> ,1,X=1"
}

# ---- what an image runs --------------------------------------------------------------------

# oci_runscript ENTRYPOINT CMD: a runscript as Apptainer makes it of an OCI image's configuration;
# SET_EP and SET_CMD are what it makes of them for --no-eval.
oci_runscript()
{
	printf '#!/bin/sh\nOCI_ENTRYPOINT='"'%s'"'\nOCI_CMD='"'%s'"'\n' "$1" "$2"
	cat <<-EOF
		if [ -n "\$SINGULARITY_NO_EVAL" ]; then
		    if [ \$# -gt 0 ]; then
		        ${SET_EP:-:}
		    else
		        ${SET_CMD:-:}
		        ${SET_EP:-:}
		    fi
		    exec "\$@"
		fi
	EOF
	cat <<-'EOF'
		CMDLINE_ARGS=""
		for arg in "$@"; do
		        CMDLINE_ARGS="${CMDLINE_ARGS} \"$arg\""
		done
		if [ $# -gt 0 ]; then
		    SINGULARITY_OCI_RUN="${OCI_ENTRYPOINT} ${CMDLINE_ARGS}"
		else
		    SINGULARITY_OCI_RUN="${OCI_ENTRYPOINT} ${OCI_CMD}"
		fi
		eval "set ${SINGULARITY_OCI_RUN}"
		exec "$@"
	EOF
}

# runs ARG...: what 'berth run' of $IMAGE prints, a word in <> each.
runs() { run as_user berth run "${OPTIONS[@]}" "$IMAGE" "$@"; }

@test "run starts the program of an OCI image, with its arguments or the user's" {
	local OPTIONS=()

	IMAGE=$(room_image a <<-'EOF'
		--- 10-docker2singularity.sh
		export WHO="${WHO:-"image"}"
	EOF
	)
	printf '#!/bin/sh\nfor a; do printf "<%%s>" "$a"; done\n' >"$IMAGE/words"
	chmod 0755 "$IMAGE/words"
	# shellcheck disable=SC2016
	SET_EP='set -- "/words" "-e" "$@"' SET_CMD='set -- "a b" "\$WHO" "$@"' \
		oci_runscript '"/words" "-e"' '"a b" "$WHO"' >"$IMAGE/.singularity.d/runscript"
	chmod 0755 "$IMAGE/.singularity.d/runscript"
	runs
	assert_success '<-e><a b><image>'
	runs x 'y z' '*' "it's" '$WHO'
	assert_success "<-e><x><y z><*><it's><image>"
	OPTIONS=(--no-eval)
	runs
	assert_success '<-e><a b><$WHO>'
	runs x 'y z' '"q"' '$WHO' '`id`'
	assert_success '<-e><x><y z><"q"><$WHO><`id`>'
}

@test "run of an image without a runscript: /singularity, else a shell, and a note" {
	local OPTIONS=()

	IMAGE=$(room_image a </dev/null)
	runs -c 'echo "shell $1"' sh x
	assert_success
	assert_output '^shell x$'
	assert_output 'no runscript: running /bin/sh'
	printf '#!/bin/sh\necho "old $*"\n' >"$IMAGE/singularity"
	chmod 0755 "$IMAGE/singularity"
	runs x
	assert_success 'old x'
}

@test "test runs the image's test; where there is none, a note says so" {
	IMAGE=$(room_image a <<-'EOF'
		--- 90-a.sh
		export A=set
	EOF
	)
	run as_user berth test "$IMAGE"
	assert_success
	assert_output 'has no test'
	run as_user berth -q test "$IMAGE" x
	assert_success ''
	printf '#!/bin/sh\necho "test $A $*"\nexit 7\n' >"$IMAGE/.singularity.d/test"
	chmod 0755 "$IMAGE/.singularity.d/test"
	run as_user berth test "$IMAGE" x y
	assert_failure 7 '^test set x y$'
}

@test "--app: variables, runscript and test of a SCIF app" {
	local OPTIONS=(--app foo) app

	IMAGE=$(room_image a <<-'EOF'
		--- 94-appsbase.sh
		SCIF_APPROOT_foo=/scif/apps/foo
		export SCIF_APPROOT_foo
		--- 95-apps.sh
		if test -n "${SINGULARITY_APPNAME:-}"; then
		    export SINGULARITY_APPNAME
		    if test -d "/scif/apps/${SINGULARITY_APPNAME:-}/"; then
		        SCIF_APPROOT="/scif/apps/${SINGULARITY_APPNAME:-}"
		        export SCIF_APPROOT
		        PATH="/scif/apps/${SINGULARITY_APPNAME:-}:$PATH"
		        if [ -f "/scif/apps/${SINGULARITY_APPNAME:-}/scif/env/90-environment.sh" ]; then
		            . "/scif/apps/${SINGULARITY_APPNAME:-}/scif/env/90-environment.sh"
		        fi
		        export PATH
		    else
		        echo "Could not locate the container application: ${SINGULARITY_APPNAME}"
		        exit 1
		    fi
		fi
	EOF
	)
	app=$IMAGE/scif/apps/foo/scif
	mkdir -p "$app/env" "$IMAGE/scif/apps/bare"
	echo 'export FOO=its' >"$app/env/90-environment.sh"
	printf '#!/bin/sh\necho "foo $FOO $SCIF_APPROOT $APPTAINER_APPNAME $*"\n' >"$app/runscript"
	printf '#!/bin/sh\necho "foo test"\nexit 3\n' >"$app/test"
	chmod 0755 "$app/runscript" "$app/test"
	chmod -R a+rX "$IMAGE/scif"
	runs x
	assert_success 'foo its /scif/apps/foo foo x'
	run as_user berth test --app=foo "$IMAGE"
	assert_failure 3 '^foo test$'
	inside "$IMAGE" --app foo
	has FOO=its
	has SINGULARITY_APPNAME=foo
	has SCIF_APPROOT_foo=/scif/apps/foo
	run as_user env SINGULARITY_APPNAME=foo berth run "$IMAGE"
	assert_success 'foo its /scif/apps/foo foo '
	inside "$IMAGE"
	has_not FOO
	OPTIONS=(--app none)
	runs
	assert_failure 255 "has no app 'none'"
	OPTIONS=(--app bare)
	runs
	assert_failure 255 "'bare' has nothing to run"
	run as_user berth exec --app ../etc "$IMAGE" true
	assert_failure 1 'cannot be the name of an app'
}
