# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# registry.bash - what registry.bats and security-registry.bats share: registries, good and bad,
# and libimage/registry's calls one by one (tests/harness/registry-get.c).

# shellcheck source=tests/harness/registry.sh
. "$HARNESS/registry.sh"

BERTH_BUILD=${BERTH_BUILD:-$HARNESS/../../build}
GET=$BERTH_BUILD/tests/harness/registry-get

# In setup_file. Both registries, and an image of three layers in the good one: x/image:1.
registries_up()
{
	local base=$BATS_FILE_TMPDIR name

	make -s -C "$BERTH_BUILD" tests/harness/registry-get >/dev/null || return
	mkdir "$base/plain" "$base/tls" "$base/bad" "$base/one" "$base/two" "$base/three"
	for name in one two three; do head -c 700000 /dev/urandom >"$base/$name/$name"; done
	oci_image "$base/layout" image "$base/one" "$base/two" "$base/three:none" >"$base/digest" || return
	registry_up "$base/plain" || return
	registry_fill "$base/plain" "oci:$base/layout:image" x/image:1 || return
	registry_up "$base/tls" --tls --user me:secret || return
	registry_fill "$base/tls" "oci:$base/layout:image" x/image:1 || return
	badregistry_up "$base/bad" --tls || return
	python3 "$HARNESS/badregistry.py" --blob 300000 >"$base/blob"
	chmod -R a+rX "$base"
}

registries_down()
{
	local name

	for name in plain tls bad; do
		[ ! -d "$BATS_FILE_TMPDIR/$name" ] || registry_down "$BATS_FILE_TMPDIR/$name"
	done
}

# shellcheck disable=SC2034
registries_load()
{
	local base=$BATS_FILE_TMPDIR

	PLAIN=$(cat "$base/plain/host")
	TLS=$(cat "$base/tls/host")
	TLS_CA=$base/tls/ca.pem
	BAD=127.0.0.1:$(sed -n 's/^plain //p' "$base/bad/ports")
	BAD_OTHER=localhost:$(sed -n 's/^other //p' "$base/bad/ports")
	BAD_TLS=127.0.0.1:$(sed -n 's/^tls //p' "$base/bad/ports")
	BAD_SILENT=127.0.0.1:$(sed -n 's/^silent //p' "$base/bad/ports")
	BAD_CA=$base/bad/ca.pem
	ASKED=$base/bad/requests
	: >"$ASKED"
	OUT=$BATS_TEST_TMPDIR/out
	BLOB=$base/blob
	BLOB_DIGEST=sha256:$(sha256sum <"$BLOB" | cut -c1-64)
	BLOB_SIZE=$(stat -c %s "$BLOB")
}

# As whoever runs the test: registry-get with the rest as its words.
get() { timeout 100 "$GET" "$@"; }

# bad REPO [OPTION...]: the blob of a repository of the bad registry, into $OUT, which is not there before.
bad()
{
	local repo=$1

	shift
	rm -f "$OUT"
	get -n "$@" blobs "$BAD" "$repo" "$BLOB_DIGEST" "$BLOB_SIZE" "$OUT"
}

# asked FIELD=VALUE...: how many requests the bad registry had with these; VALUE null: without.
asked()
{
	python3 -c 'import json, sys
want = [w.partition("=")[::2] for w in sys.argv[2:]]
print(sum(all(str(r[k]) == v or (v == "null" and r[k] is None) or (v.endswith("*") and str(r[k]).startswith(v[:-1]))
    for k, v in want) for r in map(json.loads, open(sys.argv[1]))))' "$ASKED" "$@"
}
