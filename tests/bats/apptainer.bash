# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# apptainer.bash - for apptainer.bats: images that Apptainer made, and questions to it and to Berth.
#
#   FULL    of a definition file with everything that one may have, SCIF apps too
#   OCI     of an OCI image, with its environment, entrypoint and command
#   MADE    by berth build

# shellcheck source=tests/harness/sid.sh
. "$HARNESS/sid.sh"

apptainer_load()
{
	local base=$CLUSTER_DIR/scratch/apptainer

	FULL=$base/full.sif
	OCI=$base/oci.sif
	MADE=$base/made.sif
	export FULL OCI MADE
}

apptainer_def()
{
	cat <<-EOT
		Bootstrap: localimage
		From: $1
		%environment
		    export IMG=full LATER=\$IMG
		    export PATH=/opt/full/bin:\$PATH
		    export FROM_HOST="<\$HOSTVAR>" OVER=image
		    HIDDEN=unexported
		    export EMPTY=
		%runscript
		    echo "run: \$# \$*"
		    exit 7
		%test
		    echo "test: \$# \$*"
		    exit 4
		%startscript
		    echo start
		%help
		    How to use it.
		%labels
		    Author ada
		    Note "two words" & <more>
		%apprun foo
		    echo "foo: \$# \$* \$SCIF_APPNAME \$FOOVAR"
		    exit 9
		%appenv foo
		    export FOOVAR=foovalue
		%applabels foo
		    Kind app
		%apphelp foo
		    Help of foo.
		%apptest foo
		    echo footest
		    exit 5
		%apprun bar
		    echo bar
	EOT
}

# Made once a run of bats, in some 5 s.
apptainer_images()
{
	local base=$CLUSTER_DIR/scratch/apptainer root

	root=$(image_dir) || return
	(
		exec 8>"$CLUSTER_DIR/scratch/apptainer.lock" && flock 8 || exit
		[ ! -d "$base" ] || exit 0
		umask 022
		# Apptainer keeps owners, and ada is the only one that she may give files to.
		mkdir -p "$base.new" && cp -a "$root" "$base.new/root" || exit
		apptainer_def "$base.new/root" >"$base.new/full.def"
		"$HARNESS/oci-layout.py" "$root" "$base.new/oci" <<-'EOT' || exit
			{"Env": ["PATH=/usr/local/oci:/usr/bin:/bin", "A=plain", "B=with space", "C=dollar $HOME",
			         "D=quote \"s' x", "E=", "OVER=image", "LD_LIBRARY_PATH=/oci/lib", "HOME=/oci/home"],
			 "Entrypoint": ["/bin/echo", "entry point"], "Cmd": ["one", "two words"],
			 "WorkingDir": "/usr", "Labels": {"l.one": "1"}}
		EOT
		chown -hR "$CLUSTER_UID:$CLUSTER_UID" "$base.new"
		# shellcheck disable=SC2016
		if ! in_sid sh -c 'apptainer build --notest --fakeroot "$0/full.sif" "$0/full.def" &&
			apptainer build --fakeroot "$0/oci.sif" "oci:$0/oci"' "$base.new" >"$base.log" 2>&1 8>&-; then
			cat "$base.log" >&2
			exit 1
		fi
		as_user berth -q build "$base.new/made.sif" "$CLUSTER_DIR/scratch/rooms/root" 8>&- &&
			rm -r "$base.new/oci" "$base.new/root" && mv "$base.new" "$base"
	)
}

# ask: both are asked the lines of standard input (tests/harness/ask.sh), as ada, in the directory $HERE,
# with the variables of the array HOST and no others.
ask()
{
	local who dir

	cat >"$SCRATCH/list"
	rm -rf "$SCRATCH/theirs" "$SCRATCH/ours"
	mkdir -m 0777 "$SCRATCH/theirs" "$SCRATCH/ours"
	for who in theirs ours; do
		dir=$SCRATCH/$who
		set -- as_user "$SCRATCH/apptainer"
		[ $who = ours ] || set -- in_sid /usr/bin/apptainer
		"$1" env -i -C "$HERE" "${HOST[@]}" "$HARNESS/ask.sh" "$dir" "$2" <"$SCRATCH/list" 2>"$dir/err" ||
			{ cat "$dir/err"; return 1; }
	done
}

# filter KIND...: standard input as it is compared; rows of DIFFERENCES.
filter()
{
	local row kind args=(-e '')

	for row in "${DIFFERENCES[@]}"; do
		for kind; do
			[ "$kind" != "${row%%|*}" ] || args+=(-e "${row#*|}")
		done
	done
	sed -E "${args[@]}"
}

# same HOW [KIND...]: what standard input asks for ends in the same status and is answered with the same
# text. HOW is a function that makes lines of an answer; the rows of DIFFERENCES for KINDs are applied.
same()
{
	local how=$1 n=0 bad=0 line file=$SCRATCH/compare

	shift
	ask || fail "the questions were not asked"
	while IFS= read -r line; do
		n=$((n + 1))
		[ -e "$SCRATCH/ours/$n.rc" ] || [ -e "$SCRATCH/theirs/$n.rc" ] || continue
		for who in theirs ours; do
			{
				echo "status $(<"$SCRATCH/$who/$n.rc")"
				$how "$SCRATCH/$who/$n" | filter "$@"
			} >"$file.$who"
		done
		cmp -s "$file.theirs" "$file.ours" || {
			bad=$((bad + 1))
			printf '%s\n' "--- $line (<: Apptainer, >: berth)"
			diff "$file.theirs" "$file.ours" || true
		}
	done <"$SCRATCH/list" >&2
	[ "$n" -gt 0 ] || fail "no questions"
	[ "$bad" -eq 0 ] || fail "$bad of $n answers are not the same"
}

# ---- HOW ---------------------------------------------------------------------------------------

how_text() { cat "$1.out" "$1.err"; }

# Variables, of env -0.
how_env() { { tr '\0\n' '\n\f' <"$1.out" | sort; cat "$1.err"; } ; }

# What begins the message that ends it; of a wrong option it is "Error for command" there.
how_message() { sed -nE '/^(FATAL:|Error)/{ s/.*/FATAL/; p; q }' "$1.err"; }

# JSON, however its strings are written.
how_json()
{
	python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin), indent=1))' <"$1.out"
	cat "$1.err"
}
