#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# build.bats - berth build from and to every form of an image, import, export, create, push and oras://.
# Needs: root (to become ada), docker-registry, skopeo, umoci, mkfs.ext3, python3.
load ../harness/common
load rooms
# shellcheck source=tests/harness/registry.sh
. "$HARNESS/registry.sh"

setup_file()
{
	need_login
	need_command docker-registry skopeo umoci mkfs.ext3 python3
	rooms_make
}

setup()
{
	need_login
	rooms_load
	scratch_new
	chmod 0755 "$SCRATCH"
	mkdir "$SCRATCH/area" "$SCRATCH/tmp"
	chown "$CLUSTER_UID" "$SCRATCH/area" "$SCRATCH/tmp"
	cd "$SCRATCH/area" || return
	rooms_before
}

teardown()
{
	rooms_after
	scratch_remove
}

# ada's, here, in a time that does not change
berth_here()
{
	as_user env -C "$SCRATCH/area" TMPDIR="$SCRATCH/tmp" BERTH_CACHEDIR="$SCRATCH/tmp/store" \
		SOURCE_DATE_EPOCH=1700000000 berth "$@"
}
build() { berth_here -q build "$@"; }
here() { as_user env -C "$SCRATCH/area" "$@"; }

# tree DIR: of everything that a directory of a user's can hold.
tree()
{
	as_user python3 - "$1" <<-'EOT'
		import os, sys
		os.umask(0o022)
		os.mkdir(sys.argv[1]); os.chdir(sys.argv[1])
		for d in ("bin", "etc", "d", "d/closed", "x" * 60, "x" * 60 + "/" + "y" * 60): os.mkdir(d)
		def put(name, text, mode=0o644):
		    with open(name, "w") as f: f.write(text)
		    os.chmod(name, mode)
		put("bin/sh", "#!/bin/none\n", 0o4755)
		put("etc/one", "one\n"); os.link("etc/one", "d/one"); os.link("etc/one", "aaa")
		put("x" * 60 + "/" + "y" * 60 + "/z", "deep\n")
		put("d/closed/in", "in\n", 0o400)
		put("d/empty", "")
		put("d/\303\274 \n x", "odd name\n")
		put("d/block", "b" * (1 << 20)); put("d/big", "0123456789" * 300000)
		with open("d/sparse", "wb") as f: f.seek(3000000); f.write(b"end"); f.truncate(5000000)
		os.symlink("../etc/one", "d/link"); os.symlink("t" * 200, "long"); os.mkfifo("d/fifo", 0o640)
		os.setxattr("etc/one", "user.key", b"va\0lue")
		os.setxattr("d", "user.dir", b"x")
		os.chmod("d/closed", 0o500)
		for where, dirs, files in os.walk(".", topdown=False):
		    for n in files + dirs: os.utime(os.path.join(where, n), (1e9, 1234567890), follow_symlinks=False)
		os.utime(".", (1e9, 1234567890))
	EOT
}

# listing DIR: names, types, modes, links, times, contents and attributes.
listing()
{
	python3 - "$1" <<-'EOT'
		import hashlib, os, stat, sys
		first = {}
		for where, dirs, files in sorted(os.walk(sys.argv[1])):
		    for n in ["."] * (where == sys.argv[1]) + sorted(files + dirs):
		        p = os.path.join(where, n); s = os.lstat(p); rel = os.path.relpath(p, sys.argv[1])
		        row = [repr(rel), oct(s.st_mode & ~0o6000), int(s.st_mtime)]
		        if stat.S_ISREG(s.st_mode):
		            row += [s.st_nlink, first.setdefault(s.st_ino, rel),
		                    hashlib.sha256(open(p, "rb").read()).hexdigest()]
		        if stat.S_ISLNK(s.st_mode): row.append(os.readlink(p))
		        else: row += [(k, os.getxattr(p, k)) for k in sorted(os.listxattr(p)) if k in ("user.key", "user.dir")]
		        print(*row)
	EOT
}

@test "from each form to each other nothing is lost" {
	local form last=src.dir

	tree "$SCRATCH/area/src.dir"
	listing src.dir >want
	build a.sif src.dir
	for form in b.sqfs c.sif d.tar e.sif oci:f oci-archive:g.tar docker-archive:h.tar i.sif; do
		build "$form" a.sif
	done
	build --format squashfs j a.sif
	# a chain through all that make no files of their own
	for form in 1.dir 2.tar 3.sqfs 4.dir 5.sif 6.tar 7.dir; do
		case $form in
		*.dir) build -s "$form" "$last" ;;
		*) build "$form" "$last" ;;
		esac
		last=$form
	done
	listing 7.dir >got
	diff want got
	[ "$(du -k 7.dir/d/sparse | cut -f1)" -lt 100 ]
	# the same tree, so the same archive, whichever way
	for form in a.sif b.sqfs c.sif d.tar e.sif j; do
		berth_here -q export "$form" | sha256sum
	done | sort -u >sums
	[ "$(wc -l <sums)" -eq 1 ]
	# of images of layers all is there, and what a runtime needs
	for form in oci:f oci-archive:g.tar docker-archive:h.tar; do
		rm -rf unpacked.dir
		build -F -s unpacked.dir "$form"
		rm -rf unpacked.dir/.singularity.d
		listing unpacked.dir | grep -v "^'\.'" | grep -Fxf - want >found || true
		[ "$(($(wc -l <want) - 1))" -eq "$(wc -l <found)" ]
	done
}

@test "what an image runs it still runs when it comes back from layers" {
	cp "$ROOM_SIF" a.sif
	chmod 0644 a.sif
	build oci:b a.sif
	build c.sif oci:b
	build docker-archive:d.tar c.sif
	build e.sif docker-archive:d.tar
	for image in a.sif c.sif e.sif; do
		run berth_here run $image 1 2
		assert_success "runscript: 1,2,"
	done
	# no file of it was made anew
	cmp <(berth_here -q export c.sif) <(berth_here -q export e.sif)
	cmp <(berth_here -q export a.sif | tar -t) <(berth_here -q export e.sif | tar -t)
	# one that has no runscript starts a shell, as an image of Docker's does
	here mkdir -p plain/bin
	cp "$ROOM_DIR"/bin/sh plain/bin/
	build oci:f plain
	build g.sif oci:f
	berth_here inspect --runscript g.sif | grep -q /bin/sh
}

@test "the same bytes again, packed or not, from a file or a pipe; and compressed as asked" {
	tree "$SCRATCH/area/src"
	build a.sif src
	build a.tar a.sif
	gzip -nk a.tar
	build 1.sif a.tar
	build 2.sif a.tar.gz
	as_user env -C "$SCRATCH/area" SOURCE_DATE_EPOCH=1700000000 berth -q build 3.sif - <a.tar.gz
	as_user env -C "$SCRATCH/area" SOURCE_DATE_EPOCH=1700000000 berth -q import 4.sif <a.tar
	cmp 1.sif 2.sif && cmp 1.sif 3.sif && cmp 1.sif 4.sif
	build g.sqfs 1.sif --mksquashfs-args '-comp gzip -Xcompression-level 1'
	unsquashfs -s g.sqfs | grep -q 'Compression gzip'
	berth_here -q export g.sqfs g.tar
	cmp a.tar g.tar
	build oci-archive:1.oci:x a.tar
	build oci-archive:2.oci:x a.tar
	cmp 1.oci 2.oci
}

@test "what others write is read, and they read what is written" {
	tree "$SCRATCH/area/src"
	build oci:lay:v1 src
	build docker-archive:d.tar:some/name src
	skopeo inspect --raw oci:lay:v1 | grep -q image.layer.v1.tar+gzip
	skopeo copy -q docker-archive:d.tar oci:copy:v2
	skopeo copy -q oci:lay:v1 oci-archive:o.tar:v3
	skopeo copy -q oci:lay:v1 docker-archive:d2.tar:some/other:tag
	gzip -nk d2.tar
	umoci unpack --rootless --image lay:v1 bundle >/dev/null
	listing src | grep -v "^'\.'\|fifo" >want
	listing bundle/rootfs | grep -Fxf - want >got || true
	diff want got
	chmod -R a+rX .
	for from in oci:copy:v2 oci:copy oci-archive:o.tar:v3 docker-archive:d2.tar docker-archive:d2.tar.gz:some/other:tag; do
		build -F x.sif "$from"
		berth_here -q export x.sif | tar -t | grep -qx etc/one
	done
	as_user env -C "$SCRATCH/area" berth -q build -F y.sif docker-archive:- <d2.tar.gz
	run berth_here build -F x.sif oci:copy:none
	assert_failure 255 "no image 'none'"
}

@test "an ext3 image of Singularity 2.x, with and without its launch line; damaged ones leave nothing" {
	tree "$SCRATCH/area/src"
	truncate -s 24M plain.img
	mkfs.ext3 -q -F -d src plain.img
	{ echo '#!/usr/bin/env run-singularity'; cat plain.img; } >launch.img
	listing src | sed "s/^\('\.' [^ ]* \)[0-9]*/\1/" >want
	for image in plain launch; do
		build -s $image.dir $image.img
		listing $image.dir | sed "s/^\('\.' [^ ]* \)[0-9]*/\1/" >got
		diff want got
	done
	# its journal says that it was in use: s_feature_incompat, RECOVER
	cp plain.img used.img
	printf '\x06' | dd of=used.img bs=1 seek=1120 conv=notrunc status=none
	run berth_here build used.sif used.img
	assert_failure 255 'journal is not empty'
	# where the directories and inodes are
	head -c 3M plain.img >short.img
	run berth_here build short.sif short.img
	assert_failure 255 'damaged'
	[ ! -e short.sif ] && [ ! -e used.sif ]
}

@test "what is there stays without --force, and is replaced at one go with it" {
	tree "$SCRATCH/area/src"
	build a.sif src
	here mkdir full full/sub empty
	here sh -c 'echo mine >full/sub/file; chmod 0500 full/sub; ln -s ../src full/out'
	build -s empty a.sif
	[ -e empty/etc/one ]
	for out in a.sif 'full -s' oci:full; do
		# shellcheck disable=SC2086
		run berth_here build $out src
		assert_failure 255 'exists.*|--force'
	done
	[ "$(cat full/sub/file)" = mine ]
	build -F -s full a.sif
	[ -e full/etc/one ] && [ ! -e full/sub ] && [ -e src/etc/one ]
	# a link is not followed, nor replaced by a directory
	here ln -s src link
	run berth_here build -F -s link a.sif
	assert_failure 1 'not a directory'
	run berth_here build -F -s a.sif src
	assert_failure 1 'not a directory'
	[ -z "$(find . "$SCRATCH/tmp" -name '.berth-*')" ]
}

@test "names of an archive lead nowhere but into the directory" {
	here mkdir outside
	python3 - >evil.tar <<-'EOT'
		import io, sys, tarfile
		t = tarfile.open(fileobj=sys.stdout.buffer, mode="w")
		def add(name, kind=tarfile.REGTYPE, link="", data=b""):
		    i = tarfile.TarInfo(name); i.type = kind; i.linkname = link; i.size = len(data); t.addfile(i, io.BytesIO(data))
		add("abs", tarfile.SYMTYPE, sys.argv[1] if len(sys.argv) > 1 else "/tmp")
		add("up", tarfile.SYMTYPE, "../outside")
		add("up/file", data=b"x"); add("/rooted", data=b"y")
		t.close()
	EOT
	chmod 0644 evil.tar
	run berth_here build -s evil.dir evil.tar
	[ -z "$(ls -A outside)" ]
	python3 - >evil2.tar <<-'EOT'
		import io, sys, tarfile
		t = tarfile.open(fileobj=sys.stdout.buffer, mode="w")
		i = tarfile.TarInfo("../outside/file"); i.size = 1; t.addfile(i, io.BytesIO(b"x")); t.close()
	EOT
	run berth_here build -s evil2.dir evil2.tar
	[ -z "$(ls -A outside)" ]
	[ ! -e "$SCRATCH/outside" ]
	# set-user-ID bits would be the caller's
	tree "$SCRATCH/area/src"
	build -s safe.dir src
	[ -z "$(find safe.dir -perm /6000 ! -type d)" ]
}

@test "disk full at each place: an error, and nothing is left" {
	local kib out

	tree "$SCRATCH/area/src"
	head -c 300000 /dev/urandom >noise
	cp noise src/noise
	build a.tar src
	for out in x.sif x.sqfs x.tar oci-archive:x.oci docker-archive:x.docker oci:x.lay '-s x.dir'; do
		for kib in 0 4 16 64 500; do
			[ "$kib" -lt 100 ] || case $out in *.sif | *.sqfs | *.oci | *.lay) continue ;; esac
			# shellcheck disable=SC2016
			run as_user env -C "$SCRATCH/area" TMPDIR="$SCRATCH/tmp" \
				sh -c 'trap "" XFSZ; ulimit -f $(($1 * 2)); shift; exec berth -q build $1 a.tar' _ "$kib" "$out"
			assert_failure 255 'cannot|image'
			[ -z "$(find . -name 'x.*' -o -name '.berth-*')" ] || fail "$out at $kib KiB: something is left"
			[ -z "$(ls -A "$SCRATCH/tmp")" ] || fail "$out at $kib KiB: something is left in TMPDIR"
		done
	done
}

@test "create, import and export as Singularity 2.x had them" {
	tree "$SCRATCH/area/src"
	build a.tar src
	berth_here -q create d/
	berth_here -q import d/ a.tar
	[ "$(cat d/etc/one)" = one ]
	berth_here -q export d >b.tar
	chmod 0644 b.tar
	# all but the bit that a directory of a user's does not get
	cmp <(tar -tv --numeric-owner -f a.tar | sed s/rws/rwx/) <(tar -tv --numeric-owner -f b.tar)
	run berth_here create d/
	assert_failure 255 'exists'
	run berth_here import d/ a.tar
	assert_failure 255 'not empty'
	run berth_here create x.img
	assert_failure 1 'berth build'
	run berth_here export none
	assert_failure 255 'cannot open'
	for command in create import export; do
		run berth_here "$command"
		assert_failure 1 'takes one'
		run berth_here "$command" --help
		assert_success
	done
}

@test "what is refused, and what to do then" {
	local code want words list

	printf '# a recipe\n\nBootstrap: docker\nFrom: alpine\n' >recipe
	cp recipe x.def
	printf '\xfd7zXZ\0 not read here' >x.tar.xz
	echo text >text
	: >void.tar
	chmod a+r recipe x.def x.tar.xz text void.tar
	while IFS='|' read -r code want words; do
		read -ra list <<<"$words"
		run berth_here build "${list[@]//_/ }"
		[ "$status" -eq "$code" ] && grep -qi -- "$want" <<<"$output" || fail "$words: not $code, '$want'"
		[ ! -e o.sif ] || fail "'$words' made something"
	done <<-'EOT'
		1|not from recipes|o.sif recipe
		1|not from recipes|o.sif x.def
		1|xz -dc|o.sif x.tar.xz
		1|nothing that an image is made of|o.sif text
		1|nothing that an image is made of|o.sif void.tar
		1|neither a file nor a directory|o.sif /dev/null
		255|No such file|o.sif none
		1|library|o.sif library://a/b
		1|docker save|o.sif docker-daemon:a:b
		1|curl|o.sif https://h/x.sif
		1|berth push|docker://h/x o.sif
		1|do not agree|--format sif oci:o.sif text
		1|no format|--format ext3 o.sif text
		1|sandbox makes|-s --format tar o.sif text
		1|standard output|--format sif - text
		1|not by 'lz4'|--mksquashfs-args=-comp_lz4 o.sif text
		1|needs a value|--mksquashfs-args=-comp o.sif text
		1|not understood|--mksquashfs-args=-noI_1 o.sif text
		1|two words|o.sif
		1|two words|a b c
		1|only root|--keep-devices o.sif text
		1|only root|--keep-owner o.sif text
		1|no option|--update o.sif text
		1|no option|--section=all o.sif text
		1|no name for|-s .. .
		255|No such file|o.sif oci:none
		1|is a directory|o.sif docker-archive:.
		255|middle of a header|o.sif docker-archive:text
	EOT
}

@test "push and pull: a SIF file by oras://, an image of one layer by docker://" {
	local reg

	tree "$SCRATCH/area/src"
	build a.sif src
	mkdir "$SCRATCH/reg"
	registry_up "$SCRATCH/reg"
	reg=$REGISTRY
	berth_here -q push --no-https a.sif "oras://$reg/sif/a:1"
	berth_here -q pull --no-https b.sif "oras://$reg/sif/a:1"
	cmp a.sif b.sif
	build --no-https -s c.dir "oras://$reg/sif/a:1"
	[ "$(cat c.dir/etc/one)" = one ]
	berth_here -q push --no-https a.sif "docker://$reg/img:gz"
	berth_here -q push --no-https --zstd src "docker://$reg/img:zst"
	skopeo inspect --raw --tls-verify=false "docker://$reg/img:gz" | grep -q tar+gzip
	skopeo inspect --raw --tls-verify=false "docker://$reg/img:zst" | grep -q tar+zstd
	for tag in gz zst; do
		berth_here -q pull -F --no-https d.sif "docker://$reg/img:$tag"
		berth_here -q export d.sif | tar -xO aaa | grep -qx one
	done
	skopeo inspect --raw --tls-verify=false "docker://$reg/sif/a:1" >manifest
	grep -q '"application/vnd.sylabs.sif.config.v1+json".*"application/vnd.sylabs.sif.layer.v1.sif"' manifest
	# the one for the other
	run berth_here pull --no-https x.sif "oras://$reg/img:gz"
	assert_failure 1 'begins with docker://'
	run berth_here pull --no-https x.sif "docker://$reg/sif/a:1"
	assert_failure 1 'begins with oras://'
	# bytes that are not what was said
	printf x | dd of="$(registry_blob "$SCRATCH/reg" "sha256:$(sha256sum <a.sif | cut -c1-64)")" bs=1 seek=500 \
		conv=notrunc status=none
	run berth_here pull --no-https x.sif "oras://$reg/sif/a:1"
	assert_failure 255 'not what its digest says'
	[ ! -e x.sif ]
	run berth_here push src "oras://$reg/x"
	assert_failure 1 'no SIF file'
	run berth_here push a.sif b.sif
	assert_failure 1 'in no registry'
	registry_down "$SCRATCH/reg"
}
