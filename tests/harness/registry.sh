#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# registry.sh - a real registry on this machine for tests: Debian's docker-registry on loopback.
#
#   registry.sh up DIR [--tls] [--user NAME:PASSWORD]    prints HOST:PORT
#   registry.sh fill DIR SOURCE REPO:TAG [SKOPEO-ARG...] copies, e.g. from oci:LAYOUT:NAME
#   registry.sh down DIR
#
# The file is also a library: sourced, it defines
#
#   registry_up DIR ...      sets REGISTRY to HOST:PORT and, with --tls, REGISTRY_CA to a file
#   registry_fill DIR ...    as above; 'skopeo copy' as root, with what DIR needs to be spoken to
#   registry_blob DIR DIGEST where the registry keeps the bytes of a blob: for tests that spoil them
#   registry_log DIR         what was asked: METHOD PATH STATUS, one request a line, without queries
#   registry_down DIR        stops it, by its pid
#   badregistry_up DIR [--tls]   one that misbehaves (badregistry.py); sets BAD_PLAIN, BAD_OTHER, BAD_TLS
#                            to HOST:PORT and BAD_CA; what it was asked lies in DIR/requests.
#                            registry_down ends it, too
#   oci_image LAYOUT NAME [OPTION...] LAYER...    makes an image without any network; see
#                                                 oci-image.py
#
# Everything lies in DIR, which the caller makes and removes: its data, its log, its keys. The port
# is one the kernel has chosen. With --tls the server's certificate is for 127.0.0.1 and localhost,
# from an authority made for it alone.
#
# Needs: docker-registry, skopeo, openssl (for --tls), perl (for --user), python3.

REGISTRY_HARNESS=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

# registry_certificates DIR: an authority, ca.pem, and a server's key and certificate.
registry_certificates()
{
	local dir=$1

	(
		cd "$dir" && umask 077 || exit
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -keyout ca.key \
			-out ca.pem -subj "/CN=Berth test authority" -addext basicConstraints=critical,CA:TRUE &&
			openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key \
				-out server.csr -subj "/CN=localhost" &&
			openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -set_serial 1 -days 30 -out server.pem \
				-extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") &&
			chmod 0644 ca.pem
	) >"$dir/openssl.log" 2>&1 || { cat "$dir/openssl.log" >&2; return 1; }
}

registry_config()
{
	local dir=$1 tls=$2 user=$3

	printf '%s\n' 'version: 0.1' 'log: { level: info, accesslog: { disabled: false } }' \
		"storage: { filesystem: { rootdirectory: '$dir/data' }, delete: { enabled: true } }" \
		'http:' '  addr: 127.0.0.1:0' '  secret: none'
	[ "$tls" = no ] || printf '  tls: { certificate: %s, key: %s }\n' "'$dir/server.pem'" "'$dir/server.key'"
	[ -z "$user" ] || printf '%s\n' "auth: { htpasswd: { realm: test, path: '$dir/htpasswd' } }"
}

registry_up()
{
	local dir tls=no user='' port='' end=$((SECONDS + 60))

	dir=$(readlink -f "$1") || return
	shift
	while [ $# -gt 0 ]; do
		case $1 in
		--tls) tls=yes ;;
		--user) user=$2; shift ;;
		*) echo "registry_up: what is '$1'?" >&2; return 1 ;;
		esac
		shift
	done
	[ "$tls" = no ] || registry_certificates "$dir" || return
	if [ -n "$user" ]; then
		# the registry takes bcrypt only
		printf '%s:%s\n' "${user%%:*}" \
			"$(PW=${user#*:} perl -e 'print crypt($ENV{PW}, q($2b$05$abcdefghijklmnopqrstuu))')" >"$dir/htpasswd"
		printf '%s' "$user" >"$dir/user"
	fi
	registry_config "$dir" "$tls" "$user" >"$dir/config.yml"
	: >"$dir/log"
	docker-registry serve "$dir/config.yml" >"$dir/access" 2>"$dir/log" </dev/null 3>&- &
	echo $! >"$dir/pid"
	disown
	while [ -z "$port" ]; do
		port=$(sed -nE 's/.*listening on 127\.0\.0\.1:([0-9]+).*/\1/p' "$dir/log" | head -n 1)
		if ! kill -0 "$(cat "$dir/pid")" 2>/dev/null || [ $SECONDS -ge $end ]; then
			cat "$dir/log" >&2
			return 1
		fi
		[ -n "$port" ] || sleep 0.05
	done
	REGISTRY=127.0.0.1:$port
	echo "$REGISTRY" >"$dir/host"
	# shellcheck disable=SC2034
	REGISTRY_CA=$dir/ca.pem
}

registry_down()
{
	local pid end=$((SECONDS + 20))

	pid=$(cat "$1/pid" 2>/dev/null) || return 0
	kill "$pid" 2>/dev/null || true
	while kill -0 "$pid" 2>/dev/null && [ $SECONDS -lt $end ]; do sleep 0.05; done
	kill -9 "$pid" 2>/dev/null || true
	rm -f "$1/pid"
}

registry_fill()
{
	local dir=$1 source=$2 name=$3 args=()

	shift 3
	[ -e "$dir/ca.pem" ] || args=(--dest-tls-verify=false)
	[ ! -e "$dir/user" ] || args+=(--dest-creds "$(cat "$dir/user")")
	# skopeo wants certificates in a directory
	if [ -e "$dir/ca.pem" ]; then
		mkdir -p "$dir/certs" && cp "$dir/ca.pem" "$dir/certs/ca.crt" && args+=(--dest-cert-dir "$dir/certs")
	fi
	# as they are, if they are not to be others: skopeo would compress what is not
	case " $* " in *" --format "*) ;; *) args+=(--preserve-digests) ;; esac
	skopeo --insecure-policy --tmpdir "$dir" copy --quiet "${args[@]}" "$@" "$source" \
		"docker://$(cat "$dir/host")/$name"
}

registry_blob()
{
	local hex=${2#sha256:}

	echo "$1/data/docker/registry/v2/blobs/sha256/${hex:0:2}/$hex/data"
}

registry_log() { sed -nE 's/.*"(GET|HEAD|PUT|POST|PATCH|DELETE) ([^ ?"]+)[^ "]* HTTP[^"]*" ([0-9]+).*/\1 \2 \3/p' "$1/access"; }

# shellcheck disable=SC2034
badregistry_up()
{
	local dir end=$((SECONDS + 60))

	dir=$(readlink -f "$1") || return
	[ "${2:-}" != --tls ] || registry_certificates "$dir" || return
	: >"$dir/requests"
	python3 "$REGISTRY_HARNESS/badregistry.py" "$dir" >"$dir/log" 2>&1 </dev/null 3>&- &
	echo $! >"$dir/pid"
	disown
	until [ -e "$dir/ports" ]; do
		if ! kill -0 "$(cat "$dir/pid")" 2>/dev/null || [ $SECONDS -ge $end ]; then
			cat "$dir/log" >&2
			return 1
		fi
		sleep 0.05
	done
	BAD_PLAIN=127.0.0.1:$(sed -n 's/^plain //p' "$dir/ports")
	BAD_OTHER=localhost:$(sed -n 's/^other //p' "$dir/ports")
	BAD_TLS=127.0.0.1:$(sed -n 's/^tls //p' "$dir/ports")
	BAD_CA=$dir/ca.pem
}

oci_image() { python3 "$REGISTRY_HARNESS/oci-image.py" "$@"; }

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	set -eu
	command=${1:-}
	case $command in
	up)
		shift
		registry_up "$@"
		echo "$REGISTRY"
		;;
	fill | down)
		shift
		"registry_$command" "$@"
		;;
	*)
		sed -n '/^#   registry.sh/s/^# *//p' "$0" >&2
		exit 1
		;;
	esac
fi
