#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# registry.bats - berth registry, and what libimage/registry does with a registry that works, or works
# now and then.
# Needs: root (to become ada), docker-registry, skopeo, openssl, python3, strace.
load ../harness/common
load rooms
load registry

setup_file()
{
	need_login
	need_command docker-registry skopeo openssl python3
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
	CONFIG=$SCRATCH/home/.docker/config.json
	mkdir "$SCRATCH/home"
	chown "$CLUSTER_UID" "$SCRATCH/home"
	cp "$TLS_CA" "$SCRATCH/ca.pem"
	TLS_CA=$SCRATCH/ca.pem
	cp -r "$BATS_FILE_TMPDIR/tls/certs" "$SCRATCH/certs"
	chmod -R a+rX "$SCRATCH/certs" "$TLS_CA"
	rooms_before
}

teardown()
{
	rooms_after
	scratch_remove
}

# as ada, whose home is in the test's directory, without what the environment may say
as_ada() { as_user env HOME="$SCRATCH/home" "$@"; }

# login HOST [OPTION...]: with the password on standard input
login()
{
	local host=$1

	shift
	printf '%s\n' secret | as_ada berth registry login --username me --password-stdin "$@" "$host"
}

layers()
{
	python3 - "$BATS_FILE_TMPDIR/layout" "$SCRATCH" <<'E2'
import json, sys
layout, out = sys.argv[1:]
def blob(digest): return json.load(open(f"{layout}/blobs/sha256/{digest[7:]}"))
m = blob(json.load(open(f"{layout}/index.json"))["manifests"][0]["digest"])
for i, l in enumerate([m["config"]] + m["layers"]):
    print(l["digest"], l["size"], f"{out}/layer{i}")
E2
}

@test "login: tried first, kept for nobody else to read, and other entries stay" {
	run login "$TLS"
	assert_failure 255 'certificate'
	[ ! -e "$CONFIG" ] || fail "something was kept"
	mkdir "$SCRATCH/home/.docker"
	echo '{"auths": {"other.example": {"auth": "YTpi", "odd": 1}}, "psFormat": "x"}' >"$CONFIG"
	chown -R "$CLUSTER_UID" "$SCRATCH/home"
	run as_user env HOME="$SCRATCH/home" SSL_CERT_FILE="$TLS_CA" \
		sh -c 'echo wrong | berth registry login -u me --password-stdin "$1"' sh "$TLS"
	assert_failure 255 "refuses"
	assert_output 'nothing was kept'
	grep -qF "$TLS" "$CONFIG" && fail "it was kept"
	run as_user env HOME="$SCRATCH/home" SSL_CERT_FILE="$TLS_CA" \
		sh -c 'echo secret | berth registry login -u me --password-stdin "docker://$1/x"' sh "$TLS"
	assert_success
	assert_output 'logged in'
	[ "$(stat -c '%a %u' "$CONFIG")" = "600 $CLUSTER_UID" ] || fail "$(stat -c '%a %u' "$CONFIG")"
	python3 -c 'import base64, json, sys
c = json.load(open(sys.argv[1]))
assert c["psFormat"] == "x" and c["auths"]["other.example"] == {"auth": "YTpi", "odd": 1}, c
assert base64.b64decode(c["auths"][sys.argv[2]]["auth"]) == b"me:secret", c' "$CONFIG" "$TLS"
	run as_ada berth registry list
	assert_success
	assert_output "^$TLS	file	$CONFIG\$"
	assert_output '^other.example	'
	refute_output 'secret|bWU6c2VjcmV0'
	# what was kept is used: by us, and by others
	run get -c "$TLS_CA" -a "$CONFIG" manifest "$TLS" x/image 1
	assert_success
	run as_ada skopeo inspect --authfile "$CONFIG" --cert-dir "$SCRATCH/certs" "docker://$TLS/x/image:1"
	assert_success
	run as_ada berth registry logout "$TLS"
	assert_success
	assert_output 'logged out'
	run as_ada berth registry list
	refute_output "$TLS"
	assert_output '^other.example	'
	run as_ada berth registry logout "$TLS"
	assert_success
	assert_output 'has no login'
}

@test "login: a registry without TLS, and what is refused" {
	run login "$PLAIN"
	assert_failure 255
	assert_output 'hint: .*--no-https'
	run login "$PLAIN" --no-https
	assert_success
	run login "$PLAIN" --no-https --authfile "$SCRATCH/home/other.json"
	assert_success
	grep -qF "$PLAIN" "$SCRATCH/home/other.json"
	run as_ada env BERTH_NO_HTTPS=1 BERTH_AUTHFILE="$SCRATCH/home/third.json" \
		sh -c 'echo secret | berth registry login -u me --password-stdin "$1"' sh "$PLAIN"
	assert_success
	grep -qF "$PLAIN" "$SCRATCH/home/third.json"
	run as_ada berth registry login -u me --password secret "$PLAIN"
	assert_failure 1 'a password is no argument'
	refute_output secret
	run as_ada berth registry login -u me "$PLAIN"
	assert_failure 1 'no terminal'
	run as_ada sh -c 'berth registry login -u me --password-stdin "$1" </dev/null' sh "$PLAIN"
	assert_failure 1 'no password'
	run login 'not a host'
	assert_failure 1 'no registry'
	run login 127.0.0.1:1
	assert_failure 255 "127.0.0.1:1"
	run as_ada berth registry
	assert_failure 1
	run as_ada berth registry list x
	assert_failure 1
	run as_ada berth registry login --frob "$PLAIN"
	assert_failure 1
	echo '{' >"$CONFIG"
	run login "$PLAIN" --no-https
	assert_failure 255
	[ "$(cat "$CONFIG")" = '{' ]
}

@test "login: typed at a terminal, unseen, and the terminal is as before" {
	run as_ada python3 - "$BAD" <<'E2'
import os, pty, select, sys, termios, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp("berth", ["berth", "registry", "login", "--no-https", "-u", "me", sys.argv[1]])
out = b""
def until(word):
    global out
    end = time.time() + 60
    while word not in out and time.time() < end:
        if select.select([fd], [], [], 1)[0]:
            try:
                out += os.read(fd, 4096)
            except OSError:
                break
    assert word in out, out
before = termios.tcgetattr(fd)[3]
until(b"Password: ")
assert not termios.tcgetattr(fd)[3] & termios.ECHO
os.write(fd, b"wrong\x15secrex\x7ft\n")
until(b"logged in")
assert b"secre" not in out and b"wrong" not in out, out
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
pid, fd = pty.fork()
if pid == 0:
    os.execvp("berth", ["berth", "registry", "login", "--no-https", "-u", "me", sys.argv[1]])
out = b""
until(b"Password: ")
os.write(fd, b"sec\x03")
until(b"no password was typed")
E2
	assert_success
}

@test "login: with the credential helper that the file names" {
	mkdir "$SCRATCH/home/.docker" "$SCRATCH/home/bin"
	cat >"$SCRATCH/home/bin/docker-credential-test" <<'E2'
#!/bin/sh
echo "$1 $*" >>"$HOME/helper.args"
env >>"$HOME/helper.env"
ls -l /proc/self/fd >>"$HOME/helper.fds"
case $1 in
store) cat >"$HOME/helper.kept" ;;
get) cat >/dev/null; [ -e "$HOME/helper.kept" ] || { echo "credentials not found in native keychain"; exit 1; }
	cat "$HOME/helper.kept" ;;
erase) cat >/dev/null; rm -f "$HOME/helper.kept" ;;
esac
E2
	chmod 0755 "$SCRATCH/home/bin/docker-credential-test"
	echo "{\"credHelpers\": {\"$BAD\": \"test\"}}" >"$CONFIG"
	chown -R "$CLUSTER_UID" "$SCRATCH/home"
	with_helper() { as_ada env PATH="$SCRATCH/home/bin:$BERTH_PREFIX/bin:/usr/bin:/bin" "$@"; }
	run with_helper env BERTH_DOCKER_PASSWORD=other BERTH_DOCKER_USERNAME=x \
		sh -c 'echo secret | berth registry login --no-https -u me --password-stdin "$1"' sh "$BAD"
	assert_success
	assert_output 'docker-credential-test keeps it'
	grep -q secret "$SCRATCH/home/helper.kept"
	grep -q auths "$CONFIG" && fail "it is in the file, too"
	run with_helper "$GET" -n -a "$CONFIG" manifest "$BAD" basic 1
	assert_success
	[ "$(asked port=plain authorization='Basic bWU6c2VjcmV0')" -ge 1 ]
	grep -qE 'secret' "$SCRATCH/home/helper.args" && fail "a password is an argument"
	grep -qE 'DOCKER_(PASSWORD|USERNAME)' "$SCRATCH/home/helper.env" && fail "a password is in its environment"
	run with_helper berth registry logout "$BAD"
	assert_success
	[ ! -e "$SCRATCH/home/helper.kept" ]
	# one that has nothing is as good as none; one that fails, or is not there, is an error
	run with_helper "$GET" -n -a "$CONFIG" manifest "$BAD" token 1
	assert_success
	run as_ada "$GET" -n -a "$CONFIG" manifest "$BAD" token 1
	assert_failure 4 'docker-credential-test'
	printf '#!/bin/sh\necho the chain is locked\nexit 1\n' >"$SCRATCH/home/bin/docker-credential-test"
	run with_helper "$GET" -n -a "$CONFIG" manifest "$BAD" token 1
	assert_failure 3 'the chain is locked'
	printf '#!/bin/sh\nhead -c 100000 /dev/zero\n' >"$SCRATCH/home/bin/docker-credential-test"
	run with_helper "$GET" -n -a "$CONFIG" manifest "$BAD" token 1
	assert_failure 6
	# one that has answered and does not end is ended
	printf '#!/bin/sh\ncat >/dev/null\nexec sleep 1000 </dev/null >/dev/null\n' >"$SCRATCH/home/bin/docker-credential-test"
	run with_helper "$GET" -n -a "$CONFIG" manifest "$BAD" token 1
	assert_failure 3 'docker-credential-test get failed'
}

@test "manifests by tag and by digest, indexes, and what is not there" {
	digest=$(cat "$BATS_FILE_TMPDIR/digest")
	run get -n manifest "$PLAIN" x/image 1
	assert_success
	[ "${lines[0]}" = application/vnd.oci.image.manifest.v1+json ]
	[ "${lines[1]}" = "$digest" ]
	run get -n manifest "$PLAIN" x/image "$digest"
	assert_success
	run get -n resolve "$PLAIN" x/image 1
	assert_success "$digest"
	run get -n manifest "$PLAIN" x/image 2
	assert_failure 4 'MANIFEST_UNKNOWN'
	run get -n manifest "$PLAIN" x/none 1
	assert_failure 4
	run get manifest "$PLAIN" x/image 1
	assert_failure 6
	run get -i "$PLAIN" manifest "$PLAIN" x/image 1
	assert_success
	run get -n manifest 127.0.0.1:1 x/image 1
	assert_failure 6 '127.0.0.1:1'
	run get -n ping "$PLAIN"
	assert_success
}

@test "blobs, several at a time, in the order asked for; what is there is not fetched again" {
	mapfile -t blobs < <(layers)
	# shellcheck disable=SC2068
	run get -n -p 3 blobs "$PLAIN" x/image ${blobs[@]}
	assert_success
	[ "${#lines[@]}" = 4 ]
	for i in 0 1 2 3; do
		read -r digest size file <<<"${blobs[i]}"
		[ "sha256:$(sha256sum <"$file" | cut -c1-64)" = "$digest" ]
	done
	# one at a time they come in their order
	rm "$SCRATCH"/layer*
	# shellcheck disable=SC2068
	run get -n -p 1 blobs "$PLAIN" x/image ${blobs[@]}
	assert_success
	[ "${lines[*]}" = "$SCRATCH/layer0 $SCRATCH/layer1 $SCRATCH/layer2 $SCRATCH/layer3" ]
	# whole: no request; half: the other half
	: >"$BATS_FILE_TMPDIR/plain/access"
	truncate -s 100000 "$SCRATCH/layer2"
	# shellcheck disable=SC2068
	run get -n blobs "$PLAIN" x/image ${blobs[@]}
	assert_success
	run registry_log "$BATS_FILE_TMPDIR/plain"
	assert_lines 1 'blobs/.* 206$'
	assert_lines 0 ' 200$'
	read -r digest size file <<<"${blobs[0]}"
	run get -n small "$PLAIN" x/image "$digest" "$size"
	assert_success "$(cat "$file")"
	run get -n small "$PLAIN" x/image "$digest" $((size + 1))
	assert_failure 5
}

@test "passwords and tokens, from wherever" {
	export REGISTRY_GET_PASSWORD=secret
	for repo in basic tokenuser; do
		run get -n -u me manifest "$BAD" $repo 1
		assert_success
		run get -n manifest "$BAD" $repo 1
		assert_failure 3 'refuses'
	done
	run get -n manifest "$BAD" token 1
	assert_success
	REGISTRY_GET_PASSWORD=wrong run get -n -u me manifest "$BAD" tokenuser 1
	assert_failure 3 'logging in'
	refute_output wrong
	echo "{\"auths\": {\"$BAD\": {\"identitytoken\": \"id/token\"}}}" >"$SCRATCH/id.json"
	run get -n -a "$SCRATCH/none.json" -a "$SCRATCH/id.json" manifest "$BAD" tokenid 1
	assert_success
	[ "$(asked method=POST path=/token/identity)" = 1 ]
	# a token that ends is renewed, in the middle of several
	run get -n -p 2 blobs "$BAD" expires "$BLOB_DIGEST" "$BLOB_SIZE" "$SCRATCH/1" "$BLOB_DIGEST" "$BLOB_SIZE" "$SCRATCH/2" \
		"$BLOB_DIGEST" "$BLOB_SIZE" "$SCRATCH/3" "$BLOB_DIGEST" "$BLOB_SIZE" "$SCRATCH/4"
	assert_success
	run get -n manifest "$BAD" never 1
	assert_failure 3
	[ "$(asked path='/token/any*')" -le 8 ] || fail "tokens without an end"
	for repo in tokenhtml tokennewline badchallenge; do
		run get -n manifest "$BAD" $repo 1
		assert_failure 6
	done
}

@test "what is lost on the way is asked for again, and goes on where it stopped" {
	for repo in broken half; do
		run bad $repo
		assert_success
		cmp "$BLOB" "$OUT"
	done
	[ "$(asked 'path=/v2/half/*' range=bytes=100000-)" = 1 ]
	[ "$(asked 'path=/v2/half/*' range=bytes=200000-)" = 1 ]
	run bad halfnorange
	assert_success
	cmp "$BLOB" "$OUT"
	assert_lines 2 '^restart'
	run bad halfwrong
	assert_failure 6 'another part'
	# what comes again and again is no progress, however much it is
	run bad circles
	assert_failure 6 '30000 bytes remaining'
	run bad shrinks
	assert_failure 6 'does not go on where it broke off'
	# what was more than all of it begins again
	head -c 400000 /dev/zero >"$SCRATCH/long"
	run get -n blobs "$BAD" good "$BLOB_DIGEST" "$BLOB_SIZE" "$SCRATCH/long"
	assert_success
	cmp "$BLOB" "$SCRATCH/long"
}

@test "429 is obeyed; who would have to wait for hours is told so" {
	start=$(date +%s%N)
	run bad busy
	assert_success
	assert_lines 2 'answers 429; once more in [1-9]'
	[ $(($(date +%s%N) - start)) -ge 2000000000 ] || fail "it did not wait"
	run bad later
	assert_failure 6 'answers 429'
	assert_output '120 minutes'
	[ "$(asked 'path=/v2/later/*')" = 1 ]
}

@test "mirrors: as listed, in order, and nothing but them" {
	digest=$(cat "$BATS_FILE_TMPDIR/digest")
	# the mirror has it
	run get -i "$PLAIN" -m "$PLAIN" manifest registry.invalid x/image 1
	assert_success
	# a path before the name
	run get -i "$PLAIN" -m "$PLAIN/x" manifest registry.invalid image "$digest"
	assert_success
	# the first has not, the second has
	run get -i "$PLAIN" -i "$BAD" -m "$BAD" -m "$PLAIN" manifest registry.invalid x/image 1
	assert_success
	assert_output "note: .*$BAD"
	mapfile -t blobs < <(layers)
	# shellcheck disable=SC2068
	run get -i "$PLAIN" -i "$BAD" -m "$BAD" -m "$PLAIN" blobs registry.invalid x/image ${blobs[@]}
	assert_success
	run get -i "$BAD" -m "$BAD" manifest "$PLAIN" x/image 1
	assert_failure 4 "$BAD"
}

@test "a proxy is used as the environment says" {
	run env http_proxy="http://$BAD" "$GET" -n manifest registry.invalid good 1
	assert_success
	[ "$(asked path=http://registry.invalid/v2/good/manifests/1)" = 1 ]
	run env http_proxy="http://$BAD" no_proxy=127.0.0.1 "$GET" -n manifest "$PLAIN" x/image 1
	assert_success
	[ "$(asked)" = 1 ]
}

@test "berth.conf: whom to believe, and who needs no TLS; a variable does not change it" {
	local conf=$SCRATCH/conf

	# with_conf CMD...: as ada, where $conf is the site's
	with_conf()
	{
		# shellcheck disable=SC2016
		as_root unshare -m --propagation private sh -ec 'mount --bind "$1" "$2"; uid=$3; shift 3
			exec setpriv --reuid="$uid" --regid="$uid" --init-groups "$@"' sh "$conf" \
			"$BERTH_PREFIX/etc/berth/berth.conf" "$CLUSTER_UID" env HOME="$SCRATCH/home" "$@"
	}
	# shellcheck disable=SC2016
	log_in='echo secret | berth registry login -u me --password-stdin "$1"'
	cp "$TLS_CA" "$conf.pem"
	printf 'registry ca = %s\n' "$conf.pem" >"$conf"
	run with_conf sh -c "$log_in" sh "$TLS"
	assert_success
	run with_conf env SSL_CERT_FILE=/nowhere sh -c "$log_in" sh "$TLS"
	assert_success
	run with_conf sh -c "$log_in" sh "$PLAIN"
	assert_failure 255
	printf 'insecure registry = %s\n' "${PLAIN%:*}" >"$conf"
	run with_conf sh -c "$log_in" sh "$PLAIN"
	assert_success
	run with_conf sh -c "$log_in" sh "$TLS"
	assert_success
	printf 'insecure registry = localhost\n' >"$conf"
	run with_conf sh -c "$log_in" sh "$TLS"
	assert_failure 255 certificate
	echo 'registry mirror = nonsense' >"$conf"
	run with_conf sh -c "$log_in" sh "$TLS"
	assert_failure 255 'berth.conf:1'
}

@test "push: new, there already, in another repository, and interrupted" {
	run get -n push-blob "$PLAIN" y/new "$BLOB_DIGEST" "$BLOB"
	assert_success
	cmp "$BLOB" "$(registry_blob "$BATS_FILE_TMPDIR/plain" "$BLOB_DIGEST")"
	: >"$BATS_FILE_TMPDIR/plain/access"
	run get -n push-blob "$PLAIN" y/new "$BLOB_DIGEST" "$BLOB"
	assert_success
	run get -n push-blob "$PLAIN" y/second "$BLOB_DIGEST" "$BLOB" y/new
	assert_success
	run registry_log "$BATS_FILE_TMPDIR/plain"
	assert_lines 0 '^(PUT|PATCH)'
	assert_lines 1 '^POST .* 201$'
	# larger than a chunk
	truncate -s 70M "$SCRATCH/large"
	large=sha256:$(sha256sum <"$SCRATCH/large" | cut -c1-64)
	run get -n push-blob "$PLAIN" y/new "$large" "$SCRATCH/large"
	assert_success
	run registry_log "$BATS_FILE_TMPDIR/plain"
	assert_lines 1 '^PATCH .* 202$'
	printf '{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[]}' \
		"$BLOB_DIGEST" "$BLOB_SIZE" >"$SCRATCH/manifest"
	run get -n push-manifest "$PLAIN" y/new v1 application/vnd.oci.image.manifest.v1+json "$SCRATCH/manifest"
	assert_success
	run get -n resolve "$PLAIN" y/new v1
	assert_success "sha256:$(sha256sum <"$SCRATCH/manifest" | cut -c1-64)"
	REGISTRY_GET_PASSWORD=secret run get -c "$TLS_CA" -u me push-blob "$TLS" y/new "$BLOB_DIGEST" "$BLOB"
	assert_success
	run get -c "$TLS_CA" push-blob "$TLS" y/other "$BLOB_DIGEST" "$BLOB"
	assert_failure 3
	# it broke off: the rest is sent, and the sum is right, or the registry would have refused
	run get -n push-blob "$BAD" uplose "$BLOB_DIGEST" "$BLOB"
	assert_success
	assert_output '^note'
	[ "$(asked method=PUT content_range=100000-299999)" = 1 ]
}

@test "Ctrl-C ends every wait at once" {
	local repo pid

	# it waits for an answer, for more of one, and to ask again
	for repo in silent slow 'late'; do
		"$GET" -n blobs "$BAD" $repo "$BLOB_DIGEST" "$BLOB_SIZE" "$SCRATCH/$repo" >"$SCRATCH/log" 2>&1 3>&- &
		pid=$!
		eventually 60 grep -q "/$repo/" "$ASKED"
		[ $repo != slow ] || eventually 60 [ -s "$SCRATCH/slow" ]
		[ $repo != late ] || eventually 60 grep -q 'once more' "$SCRATCH/log"
		kill -INT $pid
		status=0
		wait $pid || status=$?
		[ $status = 7 ] || fail "$repo: $(cat "$SCRATCH/log")"
		grep -q stopped "$SCRATCH/log"
	done
}
