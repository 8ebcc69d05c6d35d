#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# config.bats - berth config show, and the completions: what berth says of its own tables.
# Needs: root, bash, zsh, fish.
load ../harness/common

setup()
{
	need_login
	scratch_new
	CONF=$BERTH_PREFIX/etc/berth/berth.conf
}

teardown() { scratch_remove; }

# with_conf FILE CMD...: as ada, where FILE is the site's.
with_conf()
{
	# shellcheck disable=SC2016
	as_root unshare -m --propagation private sh -ec 'mount --bind "$1" "$2"; uid=$3; shift 3
		exec setpriv --reuid="$uid" --regid="$uid" --init-groups "$@"' sh "$1" "$CONF" "$CLUSTER_UID" "${@:2}"
}

@test "config show: the file, each key, and whether it was set" {
	[ -e "$CONF" ] || skip "no $CONF"
	printf '%s\n' '# start timeout = 7' 'bind path = /opt/a:/b:ro' '  bind path=/opt/c ' 'block cache = 64' >"$SCRATCH/conf"
	chown root "$SCRATCH/conf"
	run with_conf "$SCRATCH/conf" berth config show
	assert_success
	[ "${lines[0]}" = "# $CONF" ] || fail "which file?"
	assert_output '^bind path = /opt/a:/b:ro +# set$'
	assert_output '^bind path = /opt/c +# set$'
	assert_output '^block cache = 64 +# set$'
	assert_output '^start timeout = 30 +# default$'
	assert_output '^kernel mount = no +# default$'
	: >"$SCRATCH/conf"
	run with_conf "$SCRATCH/conf" berth config show
	assert_success
	assert_output '^# bind path: none$'
	assert_lines 5 '# default$'
	echo 'nonsense = 1' >"$SCRATCH/conf"
	run with_conf "$SCRATCH/conf" berth config show
	assert_failure 255 "unknown key 'nonsense'"
}

@test "config: nothing else" {
	local args

	for args in "" "fakeroot" "show x" "--set"; do
		# shellcheck disable=SC2086
		run as_user berth config $args
		assert_failure 1
	done
}

# complete WORD...: what bash would offer for the last word.
complete_words()
{
	as_user berth completion bash >"$SCRATCH/berth.bash"
	# shellcheck disable=SC2016
	as_user bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _berth; printf "%s\n" "${COMPREPLY[@]}"' \
		bash "$SCRATCH/berth.bash" berth "$@" | sort
}

@test "completion: bash offers commands, options, and leaves files to bash" {
	local words

	run complete_words ''
	assert_success "$(as_user berth help | sed -n 's/^  \([a-z-]\{1,\}\) .*/\1/p' | sort)"
	run complete_words e
	assert_success "$(printf 'enter\nexec\nexport')"
	run complete_words -v e
	assert_success "$(printf 'enter\nexec\nexport')"
	run complete_words help e
	assert_success "$(printf 'enter\nexec\nexport')"
	run complete_words --ver
	assert_success "$(printf -- '--verbose\n--version')"
	run complete_words exec --bi
	assert_success --bind
	run complete_words exec -
	for words in $(as_user berth help exec | grep -oE '^ +(-[a-zA-Z],)? +--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
		assert_lines 1 "^$words$"
	done
	refute_output '^--shell$'
	run complete_words shell --she
	assert_success --shell
	run complete_words exec -v --pwd /x --bi
	assert_success --bind
	run complete_words exec --bind = /x --pw
	assert_success --pwd
	run complete_words config ''
	assert_success show
	run complete_words sif d
	assert_success "$(printf 'del\ndump')"
	run complete_words sif add --datat
	assert_success --datatype
	run complete_words cache clean
	assert_success clean
	# an image, the argument of an option, what is the program's: files
	for words in "exec im" "exec --bind /x" "exec --bind = /x" "exec img -" "exec -v img --bi" "exec -B -"; do
		# shellcheck disable=SC2086
		run complete_words $words
		assert_success ''
	done
}

@test "completion: zsh and fish have every command and option; each is a script of its shell" {
	local shell word

	for shell in bash zsh fish; do
		as_user berth completion "$shell" >"$SCRATCH/c.$shell"
		for word in $(as_user berth help | sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p') bind pwd env shell force json; do
			grep -qE -- "\\b$word\\b" "$SCRATCH/c.$shell" || fail "$shell lacks $word"
		done
		! command -v "$shell" >/dev/null || "$shell" -n "$SCRATCH/c.$shell"
	done
	cmp "$SCRATCH/c.bash" "$BERTH_PREFIX/share/bash-completion/completions/berth"
	cmp "$SCRATCH/c.zsh" "$BERTH_PREFIX/share/zsh/site-functions/_berth"
	cmp "$SCRATCH/c.fish" "$BERTH_PREFIX/share/fish/vendor_completions.d/berth.fish"
	run as_user berth completion tcsh
	assert_failure 1 'bash, zsh or fish'
	run as_user berth completion
	assert_failure 1
}

# zsh_words LINE, fish_words LINE: what that shell would offer at the end of LINE, in a directory with one file.
zsh_words()
{
	as_user sh -c 'mkdir -p "$1/d" && cd "$1/d" && touch some.sif && HOME=$1 exec zsh -f "$2/complete.zsh" "$3" "$4"' \
		sh "$SCRATCH" "$HARNESS" "$BERTH_PREFIX/share/zsh/site-functions" "$1" | sort -u
}

fish_words()
{
	as_user sh -c 'mkdir -p "$1/d" && cd "$1/d" && touch some.sif && HOME=$1 exec fish --no-config -c "
		source $2; complete -C \"\$argv[1]\"" "$3"' \
		sh "$SCRATCH" "$BERTH_PREFIX/share/fish/vendor_completions.d/berth.fish" "$1" | cut -f1 | sort -u
}

# offers_as_bash NAME: the shell's offers are bash's, and files where bash leaves them to itself.
offers_as_bash()
{
	local words option

	run "$1" 'berth '
	assert_success "$(complete_words '')"
	for words in e '-v e' 'help e' 'completion ' 'config ' 'exec --bi' 'shell --she' 'exec -v --pwd /x --bi' 'build --forc'; do
		run "$1" "berth $words"
		case $words in
		e | *' e') assert_success "$(printf 'enter\nexec\nexport')" ;;
		completion*) assert_success "$(printf 'bash\nfish\nzsh')" ;;
		config*) assert_success show ;;
		build*) assert_success --force ;;
		*she) assert_success --shell ;;
		*) assert_success --bind ;;
		esac
	done
	run "$1" 'berth exec --'
	for option in $(as_user berth help exec | grep -oE '^ +(-[a-zA-Z],)? +--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
		assert_lines 1 "^$option$"
	done
	refute_output '^--shell$'
	for words in 'exec so' 'exec --bind so' 'exec -B x so' 'exec x so'; do
		run "$1" "berth $words"
		assert_success some.sif
	done
	# after the image all is the program's
	for words in 'exec x --bi' 'exec x build --fo' 'exec --pwd /x img -v --bi'; do
		run "$1" "berth $words"
		assert_success ''
	done
}

@test "completion: zsh offers what bash does" { need_command zsh; offers_as_bash zsh_words; }
@test "completion: fish offers what bash does" { need_command fish; offers_as_bash fish_words; }
