#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# layers.bats - layers as Berth makes one tree of them, top layer first and in one pass, beside the tree
# that umoci leaves when it unpacks the same layers from the lowest up: names, types, modes, owners,
# times, bytes, targets, which names are one file, attributes.
#
# What umoci 0.4.7 does not do is left out of the comparison, or compared with something else:
#   - it does not put the time of a directory back when an entry went into it through a link, or was
#     taken away: of directories that changed while it worked, the time is not compared;
#   - it has no zstd: it gets those layers unpacked;
#   - it knows no GNU sparse entries: those are compared with what GNU tar unpacks.
# Needs: root, umoci, skopeo, zstd, python3; for the last test mmdebstrap's root of image.sh.

load ../harness/common

setup_file()
{
	need_root
	need_command umoci skopeo zstd python3
	T=$(mktemp -d "${TMPDIR:-/var/tmp}/berth-layers.XXXXXX")
	FLATTEN=${BERTH_BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/harness/flatten
	make -s -C "${FLATTEN%/tests/*}" tests/harness/flatten >/dev/null
	export T FLATTEN
}

teardown_file() { [ -z "${T:-}" ] || rm -rf --one-file-system "$T"; }
setup() { MOUNTS_BEFORE=$(</proc/self/mountinfo); }
teardown() { [ "$(</proc/self/mountinfo)" = "$MOUNTS_BEFORE" ]; }

# The files DIR/0, DIR/1, ... from the last one: top layer first.
from_top() { find "$1" -type f | sort -rV; }

# flat DIR LAYER...: the listing of what the layers come to
flat()
{
	"$FLATTEN" "${@:2}" >"$1/flat" 2>"$1/flat.err" || { cat "$1/flat.err" >&2; return 1; }
}

# compare DIR ROOT SINCE
compare()
{
	python3 "$HARNESS/oci-layers.py" list "$2" "$3" "$1/flat" >"$1/want" || return
	diff -u "$1/want" "$1/flat" | head -n 40
	[ "${PIPESTATUS[0]}" = 0 ] || fail "unpacked (-) and flattened (+) differ: ${1##*/}"
}

# same_as_umoci NAME...: images of oci-layers.py
same_as_umoci()
{
	local name d layer since

	for name; do
		d=$T/$name
		python3 "$HARNESS/oci-layers.py" make "$name" "$d/layers" || return
		mkdir "$d/plain"
		for layer in "$d"/layers/*; do
			zstd -qdc <"$layer" >"$d/plain/${layer##*/}" 2>/dev/null || cp "$layer" "$d/plain"
		done
		from_top "$d/plain" | tac | xargs python3 "$HARNESS/oci-image.py" "$d/oci" x >/dev/null || return
		from_top "$d/layers" | xargs -d '\n' "$FLATTEN" >"$d/flat" 2>"$d/flat.err" || fail "$(<"$d/flat.err")"
		since=$(date +%s)
		umoci unpack --image "$d/oci:x" "$d/bundle" >"$d/log" 2>&1 || fail "umoci: $(tail -n 1 "$d/log")"
		compare "$d" "$d/bundle/rootfs" "$since" || return
		# so that an empty answer is not taken for the same
		[ "$(wc -l <"$d/flat")" -ge 5 ] || fail "$name has no files"
		rm -rf --one-file-system "$d"
	done
}

@test "layers: files, links, fifos, modes, owners, times and attributes" {
	same_as_umoci plain attributes devices empty-layers
}

@test "layers: whiteouts and opaque directories" { same_as_umoci whiteouts opaque many; }

@test "layers: a file in a directory's place and the reverse, names that come twice" { same_as_umoci replaced twice; }

@test "layers: hard links within a layer, to lower ones, and to what upper layers have hidden" {
	same_as_umoci hard-links
}

@test "layers: entries below what a lower layer made a link" { same_as_umoci merged-usr; }

@test "layers: parents without entries, names in all spellings, long ones and bytes that are no text" {
	same_as_umoci made-by-nobody spellings long-names
}

@test "layers: plain, gzip in several members and zstd in several frames" { same_as_umoci packed; }

@test "layers: what happens to trees, at random" { same_as_umoci random-{1..8}; }

@test "layers: files with holes are what GNU tar makes of them" {
	local d=$T/sparse layer

	python3 "$HARNESS/oci-layers.py" make sparse "$d/layers"
	mkdir "$d/root"
	for layer in "$d"/layers/*; do tar -xf "$layer" -C "$d/root"; done
	# shellcheck disable=SC2046
	flat "$d" $(from_top "$d/layers")
	compare "$d" "$d/root" "$(stat -c %Y "$d/root")"
	[ "$(grep -c '^f' "$d/flat")" = 16 ]
}

@test "layers: as skopeo delivers them, packed again" {
	local d=$T/skopeo blob blobs=()

	python3 "$HARNESS/oci-layers.py" make hard-links "$d/layers"
	# shellcheck disable=SC2046
	flat "$d" $(from_top "$d/layers")
	from_top "$d/layers" | tac | xargs python3 "$HARNESS/oci-image.py" "$d/oci" x >/dev/null
	skopeo --insecure-policy copy -q --format v2s2 --dest-compress "oci:$d/oci:x" "dir:$d/dir"
	for blob in $(python3 -c 'import json, sys
print(*[l["digest"][7:] for l in reversed(json.load(open(sys.argv[1]))["layers"])])' "$d/dir/manifest.json"); do
		[ "$(head -c 2 "$d/dir/$blob" | od -An -tx1)" = " 1f 8b" ]
		blobs+=("$d/dir/$blob")
	done
	[ ${#blobs[@]} = 6 ]
	"$FLATTEN" "${blobs[@]}" 2>/dev/null | diff "$d/flat" -
}

@test "layers: reading them opens no file" {
	local d=$T/quiet

	need_command strace
	python3 "$HARNESS/oci-layers.py" make packed "$d/layers"
	# shellcheck disable=SC2046
	strace -f -qq -o "$d/trace" -e trace=open,openat,openat2,socket,execve "$FLATTEN" $(from_top "$d/layers") \
		>/dev/null 2>&1
	# from the first layer on: the layers and nothing else
	run sed -n "\\,$d/layers/2,,\$p" "$d/trace"
	assert_success
	refute_output 'socket|execve'
	[ "$(grep -c open <<<"$output")" = 3 ] || fail "more was opened than the three layers"
}

# Debian with two MPIs, a package of it purged, files changed, moved and linked: what umoci repack makes of that.
@test "layers: a real image of three layers" {
	local d=$T/real root since blobs

	root=$(image_mpi ${IMAGE_CACHE:+--cache "$IMAGE_CACHE"}) || skip "hardware: no Debian mirror"
	mkdir -p "$d/edit"
	tar -C "$root" -cf "$d/0" .
	python3 "$HARNESS/oci-image.py" "$d/oci" one "$d/0" >/dev/null
	rm "$d/0"
	umoci unpack --image "$d/oci:one" "$d/edit/b" >/dev/null 2>&1
	chroot "$d/edit/b/rootfs" dpkg --purge --force-all openmpi-bin openmpi-common >/dev/null 2>&1
	cp -a "$d/edit/b/rootfs/usr/bin" "$d/edit/b/rootfs/opt/bin"
	ln "$d/edit/b/rootfs/usr/bin/env" "$d/edit/b/rootfs/usr/bin/env2"
	umoci repack --refresh-bundle --image "$d/oci:two" "$d/edit/b" >/dev/null 2>&1
	rm -rf "$d/edit/b/rootfs/usr/share/perl5" "$d/edit/b/rootfs/opt/bin/env"
	mv "$d/edit/b/rootfs/usr/share/misc" "$d/edit/b/rootfs/srv/misc"
	ln -s /srv "$d/edit/b/rootfs/usr/share/misc"
	echo changed >>"$d/edit/b/rootfs/etc/services"
	umoci repack --image "$d/oci:three" "$d/edit/b" >/dev/null 2>&1
	rm -rf --one-file-system "$d/edit"
	blobs=$(python3 - "$d/oci" <<-'END'
		import json, sys
		def blob(digest): return f"{sys.argv[1]}/blobs/sha256/{digest[7:]}"
		index = json.load(open(sys.argv[1] + "/index.json"))["manifests"]
		last = [m for m in index if m["annotations"]["org.opencontainers.image.ref.name"] == "three"][0]
		manifest = json.load(open(blob(last["digest"])))
		ids = json.load(open(blob(manifest["config"]["digest"])))["rootfs"]["diff_ids"]
		print(*reversed([f"{blob(l['digest'])}={i}" for l, i in zip(manifest["layers"], ids)]))
	END
	)
	# shellcheck disable=SC2086
	flat "$d" $blobs
	[ "$(wc -w <<<"$blobs")" = 3 ]
	since=$(date +%s)
	umoci unpack --image "$d/oci:three" "$d/bundle" >/dev/null 2>&1
	compare "$d" "$d/bundle/rootfs" "$since"
	[ "$(wc -l <"$d/flat")" -gt 5000 ]
	rm -rf --one-file-system "$d"
}
