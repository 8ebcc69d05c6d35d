#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# pull.bats - berth pull from a real registry: manifests of all kinds, platforms, digests, TLS and passwords,
# names of files, what is asked for again and what is not, the same bytes wherever it runs.
# What goes wrong on the way: pull-faults.bats; hostile images: security-pull.bats; trees that are
# hard to flatten: layers.bats; beside Apptainer's pull: pull-apptainer.bats.
# Needs: root (to become ada), docker-registry, skopeo, openssl, zstd, unsquashfs, python3.
load ../harness/common
load rooms
load pull

# Images: x/oci:1, of layers packed in three ways; x/gzip:1 and, by Docker's manifest, x/docker:1; x/multi:1 and
# x/list:1, an index of four; x/more:1, x/oci:1 under another topmost layer; x/arm:1, for another machine.
setup_file()
{
	need_login
	need_command docker-registry skopeo openssl zstd unsquashfs python3
	rooms_make
	cd "$BATS_FILE_TMPDIR" || return
	local name arch machine

	machine=$(dpkg --print-architecture 2>/dev/null || echo amd64)
	mkdir plain tls low mid top other arm
	cp -a "$CLUSTER_DIR/scratch/rooms/root" base
	rm -rf base/.singularity.d base/dangling
	for name in low mid top; do head -c 300000 /dev/urandom >$name/$name; done
	echo changed >top/low
	echo other >other/other
	echo arm >arm/arm
	tar -C mid --owner=0 --group=0 --mtime=@1 -cf mid.tar mid
	zstd -q mid.tar
	oci_image layout one --arch "$machine" --config '{"Env": ["FROM=image"], "Entrypoint": ["echo", "entry"],
		"Cmd": ["cmd"], "Labels": {"maker": "me"}}' base low:none mid.tar.zst top >digest
	oci_image layout gzip --arch "$machine" base low top >/dev/null
	oci_image layout more --arch "$machine" base low:none mid.tar.zst top other >/dev/null
	oci_image layout arm --arch s390x arm >/dev/null
	for arch in "$machine" arm64/v8 arm/v6 arm/v7; do
		mkdir "for-${arch/\//-}"
		echo "$arch" >"for-${arch/\//-}/arch"
		oci_image layout multi --arch "$arch" "for-${arch/\//-}" >/dev/null
	done
	echo "$machine" >machine
	registry_up plain
	registry_fill plain oci:layout:one x/oci:1
	registry_fill plain oci:layout:gzip x/docker:1 --format v2s2
	registry_fill plain oci:layout:gzip x/gzip:1
	registry_fill plain oci:layout:more x/more:1
	registry_fill plain oci:layout:arm x/arm:1
	registry_fill plain oci:layout:multi x/multi:1 --all
	registry_fill plain oci:layout:multi x/list:1 --all --format v2s2
	registry_up tls --tls --user me:secret
	registry_fill tls oci:layout:one x/oci:1
	chmod -R a+rX .
}

teardown_file()
{
	for name in plain tls; do [ ! -d "$BATS_FILE_TMPDIR/$name" ] || registry_down "$BATS_FILE_TMPDIR/$name"; done
}

setup()
{
	need_login
	rooms_load
	scratch_new
	pull_load
	HOST=$(cat "$BATS_FILE_TMPDIR/plain/host")
	TLS=$(cat "$BATS_FILE_TMPDIR/tls/host")
	MACHINE=$(cat "$BATS_FILE_TMPDIR/machine")
	DIGEST=$(cat "$BATS_FILE_TMPDIR/digest")
	cp "$BATS_FILE_TMPDIR/tls/ca.pem" "$SCRATCH/ca.pem"
	gets_from_now "$BATS_FILE_TMPDIR/plain"
	rooms_before
}

teardown()
{
	rooms_after
	scratch_remove
}

asked() { gets "$BATS_FILE_TMPDIR/plain"; }

@test "manifests of OCI and Docker, layers as they are, by gzip and by zstd" {
	local name

	run pull docker://"$HOST"/x/oci:1
	assert_success
	assert_lines 4 'sha256:[0-9a-f]{12} +[0-9.]+ [kM]?B  done'
	assert_output "made 'oci_1.sif'"
	[ "$(files_of "$WORK")" = ./oci_1.sif ]
	[ "$(stat -c '%a %U' "$WORK/oci_1.sif")" = "755 $(stat -c %U "$WORK")" ]
	root_of oci_1.sif "$SCRATCH/o.sqfs"
	for name in low mid top; do
		[ $name != low ] || continue
		unsquashfs -cat "$SCRATCH/o.sqfs" $name | cmp - "$BATS_FILE_TMPDIR/$name/$name"
	done
	[ "$(unsquashfs -cat "$SCRATCH/o.sqfs" low)" = changed ]
	# it is ada's and runs
	run as_ada berth exec oci_1.sif sh -c 'echo "$FROM"; cat /low'
	assert_success $'image\nchanged'
	run as_ada berth run oci_1.sif
	assert_success 'entry cmd'
	run as_ada berth run oci_1.sif a 'b c'
	assert_success 'entry a b c'
	run as_ada berth inspect --labels oci_1.sif
	assert_output '^maker: me$'
	# the same image by each kind of manifest is the same tree
	pull docker.sif docker://"$HOST"/x/docker:1
	pull gzip.sif docker://"$HOST"/x/gzip:1
	tree_of docker.sif >"$SCRATCH/1"
	tree_of gzip.sif | diff "$SCRATCH/1" -
	# all of them, again, from what is there
	run pull -F docker://"$HOST"/x/oci:1
	assert_success
	assert_lines 4 'was there already'
	assert_output '0 B downloaded'
}

@test "an index: this machine's image, or the one that is asked for" {
	local kind words arch

	for kind in multi list; do
		while read -r arch words; do
			# shellcheck disable=SC2086
			run pull -F $words m.sif docker://"$HOST"/x/$kind:1
			assert_success
			root_of m.sif "$SCRATCH/m.sqfs"
			[ "$(unsquashfs -cat "$SCRATCH/m.sqfs" arch)" = "$arch" ] || fail "$kind, '$words': not $arch"
		done <<-END
			$MACHINE
			$MACHINE --arch $MACHINE
			arm64/v8 --arch arm64
			arm64/v8 --platform linux/arm64
			arm64/v8 --platform linux/arm64/v8
			arm/v7 --arch arm
			arm/v6 --platform linux/arm/v6
		END
	done
	run as_ada berth sif header m.sif
	assert_output 'arm'
	run pull none.sif --arch s390x docker://"$HOST"/x/multi:1
	assert_failure 255 'no image for linux/s390x'
	for arch in "$MACHINE" arm64 arm/v6 arm/v7; do assert_output "$arch"; done
	run pull none.sif --platform windows/amd64 docker://"$HOST"/x/multi:1
	assert_failure 1 'no platform'
	run pull none.sif --arch 'amd64 --evil' docker://"$HOST"/x/multi:1
	assert_failure 1 'no platform'
	# without an index there is no choice
	run pull none.sif docker://"$HOST"/x/arm:1
	assert_failure 255 'the image is for linux/s390x'
	assert_output 'hint: --arch s390x'
	[ "$(files_of "$WORK")" = ./m.sif ]
	run pull arm.sif --arch s390x docker://"$HOST"/x/arm:1
	assert_success
	run as_ada env BERTH_PULL_ARCH=arm64 timeout 100 berth pull --no-https e.sif docker://"$HOST"/x/multi:1
	assert_success
	root_of e.sif "$SCRATCH/m.sqfs"
	[ "$(unsquashfs -cat "$SCRATCH/m.sqfs" arch)" = arm64/v8 ]
}

@test "by digest it is what it was, and a full store needs no registry" {
	local by="docker://$HOST/x/oci@$DIGEST" dir=$BATS_FILE_TMPDIR/away

	run pull a.sif "$by"
	assert_success
	run pull b.sif "docker://$HOST/x/oci:nonesuch@$DIGEST"
	assert_success
	run pull none.sif "docker://$HOST/x/oci@sha256:$(printf '0%.0s' {1..64})"
	assert_failure 255
	run pull none.sif "docker://$HOST/x/oci@sha256:1"
	assert_failure 1 'digest'
	run pull none.sif docker://"$HOST"/x/oci:2
	assert_failure 255 "manifest '2' of 'x/oci'"
	run pull none.sif docker://"$HOST"/x/none:1
	assert_failure 255
	# a registry that is no longer there
	mkdir "$dir"
	registry_up "$dir"
	registry_fill "$dir" "oci:$BATS_FILE_TMPDIR/layout:one" x/oci:1
	pull c.sif "docker://$REGISTRY/x/oci:1" 2>/dev/null
	pull d.sif "docker://$REGISTRY/x/oci@$DIGEST" 2>/dev/null
	registry_down "$dir"
	run pull none.sif "docker://$REGISTRY/x/oci:1"
	assert_failure 255 "$REGISTRY"
	run pull e.sif "docker://$REGISTRY/x/oci@$DIGEST"
	assert_success
	as_ada cmp d.sif e.sif
	[ ! -e "$WORK/none.sif" ]
}

@test "TLS, passwords, and registries without TLS only where that is said" {
	run as_ada timeout 100 berth pull a.sif docker://"$HOST"/x/oci:1
	assert_failure 255
	assert_output 'https|TLS'
	run as_ada timeout 100 berth pull a.sif docker://"$TLS"/x/oci:1
	assert_failure 255 'certificate'
	run as_ada SSL_CERT_FILE="$SCRATCH/ca.pem" timeout 100 berth pull a.sif docker://"$TLS"/x/oci:1
	assert_failure 255
	assert_output 'berth registry login'
	echo secret | as_ada SSL_CERT_FILE="$SCRATCH/ca.pem" berth registry login -u me --password-stdin "$TLS"
	run as_ada SSL_CERT_FILE="$SCRATCH/ca.pem" timeout 100 berth pull a.sif docker://"$TLS"/x/oci:1
	assert_success
	run as_ada env SSL_CERT_FILE="$SCRATCH/ca.pem" HOME="$SCRATCH/nobody" BERTH_DOCKER_USERNAME=me \
		BERTH_DOCKER_PASSWORD=secret timeout 100 berth pull --disable-cache b.sif docker://"$TLS"/x/oci:1
	assert_success
	as_ada cmp a.sif b.sif
	mv "$HOME_DIR/.docker/config.json" "$SCRATCH/auth.json"
	run as_ada env SSL_CERT_FILE="$SCRATCH/ca.pem" timeout 100 berth pull --authfile "$SCRATCH/auth.json" -F b.sif \
		docker://"$TLS"/x/oci:1
	assert_success
	run as_ada env SSL_CERT_FILE="$SCRATCH/ca.pem" timeout 100 berth pull -F b.sif docker://"$TLS"/x/oci:1
	assert_failure 255 'login'
	as_ada cmp a.sif b.sif
	# --no-https is plain http, and this registry has none
	run as_ada env SSL_CERT_FILE="$SCRATCH/ca.pem" timeout 100 berth pull --no-https -F b.sif docker://"$TLS"/x/oci:1
	assert_failure 255 "$TLS"
	as_ada cmp a.sif b.sif
}

@test "names of files: the image's, as named, below a directory; and what is there stays" {
	local ref=docker://$HOST/x/oci:1

	as_ada mkdir dir other
	run pull --dir dir "$ref"
	assert_success
	run as_ada BERTH_PULLDIR=other timeout 100 berth pull --no-https "$ref"
	assert_success
	run as_ada APPTAINER_PULLDIR="$WORK/other" timeout 100 berth pull --no-https --name named.sif "$ref"
	assert_success
	run as_ada BERTH_PULLDIR=other timeout 100 berth pull --no-https --dir dir sub.sif "$ref"
	assert_success
	run pull "docker://$HOST/x/oci@$DIGEST"
	assert_success
	[ "$(files_of "$WORK" | grep -v '^./oci' | tr '\n' ' ')" = \
		"./dir ./dir/oci_1.sif ./dir/sub.sif ./other ./other/named.sif ./other/oci_1.sif " ] ||
		fail "$(files_of "$WORK")"
	[ "$(files_of "$WORK" | grep -c '^./oci.*\.sif$')" = 1 ] || fail "$(files_of "$WORK")"
	run pull --name a.sif b.sif "$ref"
	assert_failure 1 'twice'
	run pull "$ref" a.sif
	assert_failure 1
	run pull
	assert_failure 1
	# what is there stays, if it is not said otherwise; and nothing is asked for before that is known
	as_ada sh -c 'echo mine >mine'
	gets_from_now "$BATS_FILE_TMPDIR/plain"
	run pull mine "$ref"
	assert_failure 255 "'mine' exists"
	[ "$(cat "$WORK/mine")" = mine ]
	[ "$(registry_log "$BATS_FILE_TMPDIR/plain" | wc -l)" = "$(cat "$BATS_FILE_TMPDIR/plain/seen")" ] || fail "it was asked for"
	run pull -F mine "$ref"
	assert_success
	as_ada cmp mine dir/oci_1.sif
	run pull -F dir "$ref"
	assert_failure 1 'not a file'
	run pull no/such/dir.sif "$ref"
	assert_failure 255 'no/such'
	# through a link: what it leads to is what is replaced, or the link is, but nothing else changes
	as_ada ln -s mine link
	run pull link "$ref"
	assert_failure 255 exists
	for words in docker:x "$HOST/x/oci:1" ./x.sif https://x/y library://a/b docker://UPPER/../x docker:// ; do
		run pull none.sif "$words"
		assert_failure
		[ "$status" = 1 ] || fail "$words"
	done
	[ ! -e "$WORK/none.sif" ]
}

@test "a second image costs its own layer, and --disable-cache leaves nothing" {
	local n

	pull a.sif docker://"$HOST"/x/oci:1 2>/dev/null
	# four layers and the config
	[ "$(asked)" = 5 ] || fail "asked for $(asked)"
	gets_from_now "$BATS_FILE_TMPDIR/plain"
	run pull b.sif docker://"$HOST"/x/more:1
	assert_success
	assert_lines 4 'was there already'
	assert_lines 1 'done$'
	[ "$(asked)" = 2 ] || fail "asked for $(asked)"
	[ "$(store_blobs)" -ge 7 ]
	n=$(files_of "$STORE")
	gets_from_now "$BATS_FILE_TMPDIR/plain"
	run pull --disable-cache c.sif docker://"$HOST"/x/oci:1
	assert_success
	as_ada cmp a.sif c.sif
	[ "$(asked)" = 5 ] || fail "asked for $(asked)"
	[ "$(files_of "$STORE")" = "$n" ]
	# also where there is no home
	run as_ada env -u HOME BERTH_DISABLE_CACHE=1 timeout 100 berth pull --no-https d.sif docker://"$HOST"/x/oci:1
	assert_success
	as_ada cmp a.sif d.sif
	[ "$(store_parts)" = 0 ]
	store_sound
}

@test "the same bytes: cold and warm, on one CPU, of another user, home, language and time" {
	local ref=docker://$HOST/x/oci:1 sum

	pull a.sif "$ref" 2>/dev/null
	sum=$(sha256sum <"$WORK/a.sif")
	pull warm.sif "$ref" 2>/dev/null
	as_ada env HOME="$WORK" taskset -c 0 berth -q pull --no-https one.sif "$ref"
	as_ada env BERTH_CACHEDIR="$WORK/c" TZ=Asia/Tokyo LC_ALL=C.UTF-8 \
		sh -c 'umask 077; exec berth pull --no-https other.sif "$1"' _ "$ref" 2>/dev/null
	as_root env -C "$WORK" HOME="$SCRATCH" berth pull --no-https root.sif "$ref" 2>/dev/null
	for f in "$WORK"/*.sif; do
		[ "$(sha256sum <"$f")" = "$sum" ] || fail "${f##*/} is another"
	done
	[ "$(stat -c %a "$WORK/other.sif")" = 700 ]
	as_ada env SOURCE_DATE_EPOCH=1000000000 berth pull --no-https e1.sif "$ref" 2>/dev/null
	as_ada env SOURCE_DATE_EPOCH=1000000000 HOME="$WORK" taskset -c 0 berth pull --no-https e2.sif "$ref" 2>/dev/null
	as_ada cmp e1.sif e2.sif
	! as_ada cmp -s a.sif e1.sif || fail "SOURCE_DATE_EPOCH changes nothing"
	run as_ada env SOURCE_DATE_EPOCH=soon berth pull --no-https none.sif "$ref"
	assert_failure
	assert_output SOURCE_DATE_EPOCH
}

@test "quiet is quiet, lines are lines, and a terminal has bars" {
	run as_ada timeout 100 berth -q pull --no-https a.sif docker://"$HOST"/x/oci:1
	assert_success ''
	run pull b.sif docker://"$HOST"/x/oci:1
	assert_success
	refute_output $'[\r\x1b]'
	rm -rf "$STORE"
	run as_ada script -qec "TERM=xterm timeout 100 berth pull --no-https c.sif docker://$HOST/x/oci:1" /dev/null
	assert_success
	assert_lines 1 "made 'c.sif'"
	assert_output $'\x1b\\['
}
