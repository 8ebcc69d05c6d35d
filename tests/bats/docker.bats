#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# docker.bats - berth exec docker://NAME: got once, whoever asks how often; by digest without a network;
# refused in words; and inspect, run-help and doctor of such an image.
# Needs: root (to become ada), docker-registry, skopeo, python3.
load ../harness/common
load rooms
# shellcheck source=tests/harness/registry.sh
. "$HARNESS/registry.sh"

setup_file()
{
	local top=$BATS_FILE_TMPDIR/top

	need_login
	need_command docker-registry skopeo python3 mksquashfs cc
	rooms_make
	# bats's directory is root's; what ada must read does not lie there
	mkdir "$BATS_FILE_TMPDIR/registry" "$top" "$top/opt"
	echo 'of the upper layer' >"$top/opt/upper"
	registry_up "$BATS_FILE_TMPDIR/registry"
	oci_image "$BATS_FILE_TMPDIR/oci" tiny --config '{"Cmd": ["echo", "the image says"], "Env": ["COLOUR=blue"],
		"Labels": {"org.example.who": "me"}}' "$(image_dir)" "$top" >"$BATS_FILE_TMPDIR/digest"
	registry_fill "$BATS_FILE_TMPDIR/registry" "oci:$BATS_FILE_TMPDIR/oci:tiny" tools/tiny:1
}

teardown_file() { registry_down "$BATS_FILE_TMPDIR/registry"; }

setup()
{
	need_login
	need_command docker-registry skopeo python3
	rooms_load
	scratch_new
	DIR=$BATS_FILE_TMPDIR/registry
	TINY=docker://$(cat "$DIR/host")/tools/tiny
	registry_log "$DIR" | wc -l >"$BATS_TEST_TMPDIR/asked"
	rooms_before
}

teardown()
{
	rooms_after
	scratch_remove
}

# as_puller CMD...: as ada, with a store of the test's own, and plain http as Apptainer's users say it.
as_puller() { as_user env APPTAINER_NOHTTPS=1 BERTH_CACHEDIR="$SCRATCH/c" "$@"; }

# asked REGEX: how many requests since the test began match.
asked() { registry_log "$DIR" | tail -n "+$(($(<"$BATS_TEST_TMPDIR/asked") + 1))" | grep -cE "$1" || true; }

# stored: the files of the store, without digests.
stored() { (cd "$SCRATCH/c/cache" && find . -type f -name '*.sif' | sed -E 's/[0-9a-f]{64}/X/') 2>/dev/null || true; }

@test "an image of a registry runs as a file does; the second time only its tag is asked for" {
	local before

	run as_puller berth exec "$TINY:1" cat /etc/os-release /opt/upper
	assert_success
	assert_lines 1 'Berth test image'
	assert_lines 1 'of the upper layer'
	assert_lines 2 'sha256:[0-9a-f]{12} .*done$'
	[ "$(stored)" = ./images/X.sif ] || fail "stored: $(stored)"
	before=$(asked .)
	run as_puller berth run "$TINY:1"
	assert_success "the image says"
	[ "$(asked .)" -eq $((before + 1)) ] || fail "asked more: $(registry_log "$DIR" | tail -n 5)"
	run as_puller berth -q exec "$TINY:1" sh -c 'echo $COLOUR; touch /x 2>/dev/null || echo read-only'
	assert_success $'blue\nread-only'
	run as_puller berth shell "$TINY:1" -c 'cat /opt/upper'
	assert_success "of the upper layer"
	run as_puller berth test "$TINY:1"
	assert_success
	[ "$(stored)" = ./images/X.sif ] || fail "stored: $(stored)"
}

@test "its options are those of pull, and stand before the image" {
	run as_user env BERTH_CACHEDIR="$SCRATCH/c" berth exec "$TINY:1" true
	assert_failure 255
	run as_user env BERTH_CACHEDIR="$SCRATCH/c" berth exec --nohttps --authfile "$SCRATCH/none" "$TINY:1" cat /opt/upper
	assert_success
	assert_output 'of the upper layer'
	run as_user env BERTH_CACHEDIR="$SCRATCH/c" BERTH_NO_HTTPS=on berth exec "$TINY:1" cat /opt/upper
	assert_success "of the upper layer"
}

@test "by its digest an image that is in the store needs no registry; by its tag it does" {
	local digest

	digest=$(<"$BATS_FILE_TMPDIR/digest")
	run as_puller berth exec "$TINY@$digest" true
	assert_success
	registry_down "$DIR"
	run as_puller berth exec "$TINY@$digest" cat /opt/upper
	# before anything can fail: the others need it
	registry_up "$DIR"
	registry_log "$DIR" | wc -l >"$BATS_TEST_TMPDIR/asked"
	assert_success "of the upper layer"
	TINY=docker://127.0.0.1:9/tools/tiny
	run as_puller berth exec "$TINY:1" true
	assert_failure 255 'tools/tiny:1'
	assert_output 'connect'
}

@test "mpirun: eight ranks download and convert once, ask for the tag once each, and share one room" {
	need_command mpirun.mpich
	run as_puller timeout 120 mpirun.mpich -np 8 berth -q exec "$TINY:1" \
		sh -c 'echo "$(readlink /proc/self/ns/mnt) $(cat /opt/upper)"; sleep 1'
	assert_success
	assert_lines 8 '^mnt:\[[0-9]+\] of the upper layer$'
	[ "$(sort -u <<<"$output" | wc -l)" -eq 1 ] || fail "more than one room"
	[ "$(stored)" = ./images/X.sif ] || fail "stored: $(stored)"
	[ "$(asked 'GET .*/manifests/1 200')" -eq 8 ] || fail "manifests: $(asked manifests)"
	# the configuration is small, and some may get it twice; the two layers come once
	[ "$(registry_log "$DIR" | tail -n "+$(($(<"$BATS_TEST_TMPDIR/asked") + 1))" | grep /blobs/ | sort | uniq -c |
		awk '$1 == 1' | wc -l)" -ge 2 ] || fail "layers came more than once"
}

@test "what cannot be got is refused in words, and nothing is left" {
	run as_puller berth exec "$TINY:2" true
	assert_failure 255 'tools/tiny:2'
	assert_lines 1 '^(berth|error)'
	run as_puller berth exec docker://UPPER/Case true
	assert_failure 1
	run as_puller berth exec docker:tiny true
	assert_failure 255 'in a registry'
	run as_puller berth exec oci:x:y true
	assert_failure 255 'in an OCI layout'
	run as_puller berth exec "$TINY:1"
	assert_failure 1 'no program given'
	run as_puller env SINGULARITY_DISABLE_CACHE=yes berth inspect "$TINY:1"
	assert_failure 1 'used from the store'
	assert_output 'berth pull --disable-cache'
	run as_puller berth exec --disable-cache "$ROOM_SIF" true
	assert_success ""
	[ "$(asked 'blobs')" -eq 0 ] || fail "something was downloaded"
	[ -z "$(stored)" ]
}

@test "--disable-cache: a file of its user's alone, which is gone once it is open" {
	local look=$SCRATCH/look word

	mkdir "$SCRATCH/t" && chown "$CLUSTER_UID" "$SCRATCH/t"
	# builtins only, so that a child is one that the program did not make
	cat >"$look" <<-EOF
		#!/bin/sh
		for s in /proc/[0-9]*/status; do
			while read -r a b; do [ "\$a \$b" != "PPid: \$\$" ] || echo "a child: \$s"; done <"\$s"
		done 2>/dev/null
		ls -A $SCRATCH/t
		cat /opt/upper
	EOF
	chmod 0755 "$SCRATCH" "$look"
	for word in "" --pid --join --fakeroot; do
		# shellcheck disable=SC2086
		run as_puller env TMPDIR="$SCRATCH/t" SINGULARITY_DISABLE_CACHE=yes \
			berth -q exec $word -B "$SCRATCH" "$TINY:1" "$look"
		assert_success "of the upper layer"
	done
	run as_puller env BERTH_TMPDIR="$SCRATCH/t" berth -q exec --disable-cache "$TINY:2" true
	assert_failure 255 'tools/tiny:2'
	run as_puller env BERTH_TMPDIR="$SCRATCH/t" berth -q exec --disable-cache "$TINY:1" /nowhere
	assert_failure
	[ -z "$(ls -A "$SCRATCH/t")" ] || fail "left: $(ls -A "$SCRATCH/t")"
	[ -z "$(stored)" ]
	run as_puller env TMPDIR="$SCRATCH/none" berth exec --disable-cache "$TINY:1" true
	assert_failure 255 "$SCRATCH/none"
}

@test "T42 the store that exec makes is its user's alone, and others' are refused" {
	chmod 0755 "$SCRATCH"
	run as_puller sh -c 'umask 000; exec berth exec "$1" true' _ "$TINY:1"
	assert_success
	run find "$SCRATCH/c" \( -type d ! -perm 0700 \) -o \( -type f ! -perm 0600 \) -o ! -user "$CLUSTER_UID"
	assert_success ""
	chmod 0777 "$SCRATCH/c/cache"
	run as_puller berth exec "$TINY:1" true
	assert_failure 255 'everybody may write'
	chmod 0700 "$SCRATCH/c/cache"
	# root's own store is root's, and this is none
	run as_root env BERTH_NO_HTTPS=1 BERTH_CACHEDIR="$SCRATCH/c" berth exec "$TINY:1" true
	assert_failure 255 'is not yours'
	# a link where the store should be
	mkdir "$SCRATCH/d" "$SCRATCH/victim" && chown "$CLUSTER_UID" "$SCRATCH/d"
	chmod 0700 "$SCRATCH/d"
	ln -s "$SCRATCH/victim" "$SCRATCH/d/cache"
	run as_user env BERTH_NO_HTTPS=1 BERTH_CACHEDIR="$SCRATCH/d" berth exec "$TINY:1" true
	[ -z "$(ls -A "$SCRATCH/victim")" ] || fail "followed"
}

@test "an image that was cleaned away says so, where somebody runs it by its path" {
	local path

	run as_puller berth exec "$TINY:1" true
	assert_success
	path=$(find "$SCRATCH/c/cache/images" -name '*.sif')
	run as_puller berth exec "$path" cat /opt/upper
	assert_success "of the upper layer"
	as_puller berth cache clean --force
	run as_puller berth exec "$path" true
	assert_failure 255 'BERTH_CACHEDIR'
}

@test "inspect, run-help and doctor look at an image of a registry" {
	run as_puller berth inspect --labels "$TINY:1"
	assert_success
	assert_output 'org.example.who: me'
	run as_puller berth inspect --json "$TINY:1"
	assert_success
	assert_output '"kind":"sif"'
	run as_puller berth run-help "$TINY:1"
	assert_success
	run as_puller berth doctor "$TINY:1"
	assert_output 'a SIF file, for'
	run as_puller berth inspect "$TINY:2"
	assert_failure 255 'tools/tiny:2'
	run as_puller berth doctor "$TINY:2"
	assert_failure 255 'tools/tiny:2'
}
