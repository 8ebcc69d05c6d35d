#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# security-registry.bats - what a hostile registry, or a network, gets: nothing that is for others.
# T52, T55 to T60 of the list of attacks that other runtimes fell for.
# Needs: root (to become ada), docker-registry, skopeo, openssl, python3, strace, gdb.
load ../harness/common
load rooms
load registry

setup_file()
{
	need_login
	need_command docker-registry skopeo openssl python3 strace
	rooms_make
	registries_up
}

teardown_file() { registries_down; }

setup()
{
	need_login
	rooms_load
	registries_load
	scratch_new
	export REGISTRY_GET_PASSWORD=secret
	cp "$TLS_CA" "$SCRATCH/ca.pem"
	TLS_CA=$SCRATCH/ca.pem
	rooms_before
}

teardown()
{
	rooms_after
	scratch_remove
}

# told_nobody PORT: at that port of the bad registry nobody said who he is.
told_nobody()
{
	[ "$(asked port="$1")" = "$(asked port="$1" authorization=null)" ] || fail "$(cat "$ASKED")"
}

# manifest REPO [OPTION...]: of the bad registry
manifest()
{
	local repo=$1

	shift
	get -n -u me "$@" manifest "$BAD" "$repo" 1
}

@test "T55: a redirect to another host, port or scheme carries no password and no token" {
	run bad redirect -u me
	assert_failure 6 "redirects to 'localhost' without TLS"
	[ "$(asked port=other)" = 0 ]
	# even where the other host may be spoken to
	run bad redirect -u me -i localhost
	assert_success
	cmp "$BLOB" "$OUT"
	[ "$(asked port=other path=/bytes/x)" = 1 ]
	[ "$(asked port=plain 'authorization=Bearer t-*')" -ge 1 ]
	told_nobody other
	run bad redirectport -u me -i 127.0.0.1
	assert_success
	[ "$(asked port=plain 'authorization=Basic *')" -ge 1 ]
	told_nobody other
	# who asks for a password after a redirect gets none
	run bad redirect401 -u me -i localhost
	assert_failure 3
	told_nobody other
	# the same host, port and scheme is the same server
	run bad redirectsame -u me
	assert_success
	# the way down from TLS
	run get -c "$BAD_CA" -u me blobs "$BAD_TLS" downgrade "$BLOB_DIGEST" "$BLOB_SIZE" "$SCRATCH/x"
	assert_failure 6 'without TLS'
	for repo in touser tofile tosmb nowhere loop; do
		run bad $repo -u me -i 127.0.0.1
		assert_failure 6
	done
	[ "$(asked 'path=/v2/loop/*')" -le 6 ] || fail "a redirect without an end was followed"
}

@test "T55: a token server that is not the registry's gets no password" {
	run manifest realmother
	assert_failure 3 'without TLS: refused'
	run manifest realmother -i localhost
	assert_failure 3 'refused'
	[ "$(asked port=other)" = 0 ]
	# by TLS, but with somebody else: not the password. Without one there is nothing to lose.
	run manifest realmothertls -c "$BAD_CA"
	assert_failure 3 "your password sent to 'localhost': refused"
	[ "$(asked port=tls)" = 0 ]
	run get -n -c "$BAD_CA" manifest "$BAD" realmothertls 1
	assert_success
	told_nobody tls
	# a registry with TLS, its token server without
	run get -c "$BAD_CA" -u me manifest "$BAD_TLS" realmplain 1
	assert_failure 3 'without TLS: refused'
	[ "$(asked port=plain path='/token/*')" = 0 ]
	for repo in realmfile realmuser tokenredirect; do
		run manifest $repo
		assert_failure 6
	done
	told_nobody other
	# the right one does
	run get -c "$BAD_CA" -u me manifest "$BAD_TLS" tokenuser 1
	assert_success
	[ "$(asked port=tls path='/token/user*' 'authorization=Basic *')" = 1 ]
}

@test "T55: an upload is not sent to where a registry without TLS for it says" {
	run get -n -u me push-blob "$BAD" upother "$BLOB_DIGEST" "$BLOB"
	assert_failure 6 'without TLS: refused'
	[ "$(asked port=other)" = 0 ]
}

@test "T56: a digest is one, before it is part of a URL or a name" {
	local d hex=${BLOB_DIGEST#sha256:}

	for d in "sha256:../../x" "sha256:${hex^^}" "sha256:${hex:1}" "sha256:${hex}0" "sha1:${hex:0:40}" "sha256:" \
		"md5:${hex:0:32}" "sha256:$hex?x" "sha256:%2e%2e" "sha512:$hex" ":$hex"; do
		run get -n manifest "$BAD" good "$d"
		assert_failure 1
		run get -n small "$BAD" good "$d" 10
		assert_failure 5
	done
	for d in ../x a/b 'a b' -a .a $'a\nb' $'a\033' "$(printf '%0129d' 0)" '%2e' 'a?b' 'a#b'; do
		run get -n manifest "$BAD" good "$d"
		assert_failure 1
	done
	for d in ../x /x x/ x//y X x/../y 'x?y' 'x#y' x%2ey 'x y' $'x\ny' .x x. -x; do
		run get -n manifest "$BAD" "$d" 1
		assert_failure 1
	done
	for d in 'a b' 'a/b' 'user@a' 'a:b:c' '[::1' 'a?b' 'a#b' '' "$(printf '%0300d' 0)"; do
		run get -n manifest "$d" good 1
		assert_failure 1
	done
	[ "$(asked)" = 0 ] || fail "$(cat "$ASKED")"
}

@test "T56: content that is not of its digest or size is refused" {
	run get -n manifest "$BAD" wrong "sha256:$(printf x | sha256sum | cut -c1-64)"
	assert_failure 5 'sent something else'
	run get -n small "$BAD" wrong "$BLOB_DIGEST" "$BLOB_SIZE"
	assert_failure 5 'sent something else'
	run bad long
	assert_failure 5 '300001 bytes, not the 300000'
	run bad short
	assert_failure 5 '1000 bytes, not the 300000'
	[ "$(asked 'path=/v2/short/*')" = 1 ]
}

@test "T57: a document is what its Content-Type says; without one it is nothing" {
	run manifest notype
	assert_failure 5 'what kind'
	run manifest html
	assert_success
	[ "${lines[0]}" = text/html ]
	# and the list of what is accepted names no other
	run manifest good
	[ "${lines[0]}" = application/vnd.oci.image.manifest.v1+json ]
}

@test "T58: of a registry that is down, or has nothing, no other host is asked" {
	local trace=$SCRATCH/trace

	run strace -f -e trace=connect,sendto,sendmsg,sendmmsg -o "$trace" "$GET" -n manifest 127.0.0.1:1 library/alpine latest
	assert_failure 6
	run sh -c "grep -vE '127\.0\.0\.1|AF_UNIX|NETLINK|/(nscd|sss)' '$trace' | grep -E 'AF_INET|sin_addr'"
	[ -z "$output" ] || fail "another host"
	run strace -f -e trace=connect,sendto,sendmsg,sendmmsg -o "$trace" "$GET" -n manifest "$PLAIN" library/alpine latest
	assert_failure 4
	run sh -c "grep -E 'sin_addr' '$trace' | grep -vF 'sin_port=htons(${PLAIN#*:})'"
	[ -z "$output" ] || fail "another host"
	# a mirror that was configured is the only one
	run strace -f -e trace=connect,sendto,sendmsg,sendmmsg -o "$trace" "$GET" -i "$BAD" -m "$BAD" manifest "$PLAIN" x/image 1
	assert_failure 4
	run sh -c "grep -E 'sin_addr' '$trace' | grep -vF 'sin_port=htons(${BAD#*:})'"
	[ -z "$output" ] || fail "another host"
}

@test "T59: TLS, with a certificate that is right, unless somebody who may says otherwise" {
	run get manifest "$PLAIN" x/image 1
	assert_failure 6
	run get manifest "$TLS" x/image 1
	assert_failure 6 'certificate'
	run get -c "$BAD_CA" manifest "$TLS" x/image 1
	assert_failure 6
	run get -c "$SCRATCH/none" manifest "$TLS" x/image 1
	assert_failure 2
	run get -c "$TLS_CA" -u me manifest "$TLS" x/image 1
	assert_success
	# the name counts
	run get -c "$TLS_CA" -u me manifest "127.0.0.2:${TLS#*:}" x/image 1
	assert_failure 6
	# another host's permission is not this one's, and another port's neither
	run get -i localhost -i 127.0.0.1:1 -u me manifest "$TLS" x/image 1
	assert_failure 6
	run get -i "$TLS" -u me manifest "$TLS" x/image 1
	assert_success
	for bad in http://"$PLAIN" https://"$PLAIN"; do
		run get -n manifest "$bad" x/image 1
		assert_failure 1
	done
}

@test "T60: answers without an end, or of nothing, have one" {
	for repo in endless endlesserror headers garbage; do
		run manifest $repo
		assert_failure 6
		run bad $repo
		assert_failure
	done
	# a connection that brings nothing is given up, again and again; a slow one is no better
	for repo in silent slow; do
		"$GET" -n -s 1 blobs "$BAD" $repo "$BLOB_DIGEST" "$BLOB_SIZE" "$SCRATCH/$repo" >"$SCRATCH/$repo.log" 2>&1 3>&- &
		echo $! >"$SCRATCH/$repo.pid"
	done
	for repo in silent slow; do
		eventually 60 grep -q 'too slow.*once more' "$SCRATCH/$repo.log"
		kill -INT "$(cat "$SCRATCH/$repo.pid")"
	done
	wait || true
	# what a stranger says drives no terminal
	run manifest none
	assert_failure 4 'no\\x1b\[31m such'
}

@test "T52: a password is in no argument, environment, file, message, trace or memory of others" {
	local pid

	mkdir "$SCRATCH/home"
	chown "$CLUSTER_UID" "$SCRATCH/home"
	# while it runs: the registry does not answer
	printf 'pa55w0rd' >"$SCRATCH/in"
	as_user env HOME="$SCRATCH/home" sh -c 'ulimit -c unlimited; cd "$HOME"; echo $$ >pid; exec berth -v registry login --no-https -u me \
		--password-stdin "$1" <"$2" >"$HOME/log" 2>&1' sh "$BAD_SILENT" "$SCRATCH/in" 3>&- &
	eventually 60 grep -q '"silent"' "$ASKED"
	pid=$(cat "$SCRATCH/home/pid")
	tr '\0' '\n' <"/proc/$pid/cmdline" | grep -q pa55w0rd && fail "an argument"
	tr '\0' '\n' <"/proc/$pid/environ" | grep -q pa55w0rd && fail "the environment"
	# no core, and no other process of the user's reads its memory
	as_user cat "/proc/$pid/environ" >/dev/null 2>&1 && fail "it can be looked into"
	[ "$(stat -c %u "/proc/$pid/environ")" = 0 ] || fail "it would leave a core"
	kill -ABRT "$pid"
	wait || true
	[ -z "$(find "$SCRATCH/home" -name 'core*')" ] || fail "a core"
	grep -rq pa55w0rd "$SCRATCH/home" && fail "a file"
	return 0
}
