#!/usr/bin/env zsh
# SPDX-License-Identifier: BSD-3-Clause
# complete.zsh DIR LINE - what zsh offers at the end of LINE, a word a line, with the completions in DIR.
#
# A second, interactive zsh is typed to; there, compadd says what it would add, and the widget's end is
# the end of it.
emulate -L zsh
zmodload zsh/zpty
zpty z "exec zsh -f -i"
print -r -- 'PROMPT= RPROMPT=
fpath=('${(q)1}' $fpath)
autoload -Uz compinit
compinit -u -D
bindkey "^I" complete-word
zstyle ":completion:*" insert-tab false
compadd() {
	local -a hits
	if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
		builtin compadd -A hits "$@"
		for hit in $hits; do print -r -- "<<$hit>>"; done
	fi
	builtin compadd "$@"
}
the_end() { print -r -- "<<""/>>"; exit; }
comppostfuncs=(the_end)
print -r -- "<<""+>>"' >$HOME/complete.rc
zpty -w z "source $HOME/complete.rc"
while zpty -r z line; do [[ $line != *'<<+>>'* ]] || break; done
zpty -n -w z "$2"$'\t'
while zpty -r z line; do
	[[ $line != *'<</>>'* ]] || break
	while [[ $line == *'<<'*'>>'* ]]; do
		line=${line#*<<}
		print -r -- ${line%%>>*}
		line=${line#*>>}
	done
done
zpty -d z
