#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# rights.bats - what root's programs may when root asks for more: capabilities, other ids; and who is
# told that he cannot.
# Needs: root.
load ../harness/common
load rooms

setup_file() { need_login; need_command mksquashfs; rooms_make; }

setup()
{
	need_login
	rooms_load
	scratch_new
	rooms_before
	NONE=0000000000000000
}

teardown()
{
	rooms_after
	scratch_remove
}

# What /proc says of a program of the image, which is executed by another program of it, and that by a
# shell: no file of these has capabilities.
show() { as_root berth exec "$@" sh -c 'exec env sh -c "grep -E \"^(Uid|Gid|Groups|Cap...|NoNewPrivs):\" /proc/self/status; true"' | tr -d '\t'; }

# sets INH PRM EFF BND AMB: those that the last output has.
sets()
{
	local want=CapInh:$1$'\n'CapPrm:$2$'\n'CapEff:$3$'\n'CapBnd:$4$'\n'CapAmb:$5$'\n'NoNewPrivs:1

	# shellcheck disable=SC2154
	[ "$(grep -E '^(Cap|NoNew)' <<<"$output")" = "$want" ] || fail "not: $want"
}

# The capabilities that root has here, less those of the mask.
mine() { printf '%016x' $((0x$(awk '/^CapPrm/ { print $2 }' /proc/self/status) & ~$1)); }

@test "root has no capability inside unless it asks" {
	local image

	for image in "$ROOM_DIR" "$ROOM_SIF"; do
		run show "$image"
		assert_success
		sets "$NONE" "$NONE" "$NONE" "$NONE" "$NONE"
		run show --no-privs "$image"
		assert_success
		sets "$NONE" "$NONE" "$NONE" "$NONE" "$NONE"
		run show --drop-caps all --keep-privs "$image"
		assert_success
		sets "$NONE" "$NONE" "$NONE" "$NONE" "$NONE"
	done
}

@test "--keep-privs keeps all that root has, --drop-caps none of these, and no_new_privs stays" {
	local all some

	all=$(mine 0) some=$(mine 0x280000) # sys_admin, sys_ptrace
	run show --keep-privs "$ROOM_SIF"
	assert_success
	sets "$NONE" "$all" "$all" "$all" "$NONE"
	run show --keep-privs --drop-caps CAP_SYS_ADMIN,sys_ptrace "$ROOM_SIF"
	assert_success
	sets "$NONE" "$some" "$some" "$some" "$NONE"
	run show --add-caps all "$ROOM_DIR"
	assert_success
	sets "$NONE" "$all" "$all" "$all" "$NONE"
	run show --keep-privs --no-privs "$ROOM_DIR"
	assert_success
	sets "$NONE" "$NONE" "$NONE" "$NONE" "$NONE"
}

@test "--add-caps keeps these and no more, in whatever set a program could find others" {
	run show --add-caps net_raw,CAP_CHOWN "$ROOM_SIF"
	assert_success
	sets "$NONE" 0000000000002001 0000000000002001 0000000000002001 "$NONE"
	run as_root env BERTH_ADD_CAPS=kill berth exec "$ROOM_DIR" grep ^CapBnd /proc/self/status
	assert_success
	assert_output '0000000000000020$'
	# What was inherited before goes, though it is one of those.
	run as_root setpriv --inh-caps +net_raw,+kill --ambient-caps +net_raw,+kill berth exec --add-caps net_raw "$ROOM_DIR" \
		grep -E '^(Cap|NoNew)' /proc/self/status
	assert_success
	output=$(tr -d '\t' <<<"$output")
	sets "$NONE" 0000000000002000 0000000000002000 0000000000002000 "$NONE"
}

@test "a capability that this root has not is named" {
	run as_root setpriv --bounding-set -sys_module berth exec --add-caps kill "$ROOM_DIR" true
	assert_success
	run as_root setpriv --bounding-set -sys_module berth exec --add-caps sys_module "$ROOM_DIR" true
	assert_failure 255 'this root has no CAP_SYS_MODULE to keep'
	assert_output 'hint: '
}

@test "--security uid:, gid: root becomes another, with these groups and no capability" {
	run show --security uid:1234,gid:55:66:77 "$ROOM_SIF"
	assert_success
	assert_output '^Uid:1234123412341234$'
	assert_output '^Gid:55555555$'
	assert_output '^Groups:55 66 77 $'
	sets "$NONE" "$NONE" "$NONE" "$NONE" "$NONE"
	run show --security uid:1234 "$ROOM_DIR"
	assert_success
	assert_output '^Uid:1234123412341234$'
	assert_output '^Groups: *$'
	run show --security gid:55 "$ROOM_DIR"
	assert_success
	assert_output '^Uid:0000$'
	assert_output '^Groups:55 $'
	# Nor can it go back, or read what is root's.
	run as_root berth exec --security uid:1234 "$ROOM_DIR" cat /proc/1/environ
	assert_failure 1 'denied'
}

@test "--security uid: with --add-caps: these are there after an exec, as ambient ones" {
	run show --security uid:1234 --add-caps net_raw "$ROOM_SIF"
	assert_success
	sets 0000000000002000 0000000000002000 0000000000002000 0000000000002000 0000000000002000
}

@test "with --pid the program has what was asked for, too" {
	run show --pid --add-caps net_raw "$ROOM_DIR"
	assert_success
	sets "$NONE" 0000000000002000 0000000000002000 0000000000002000 "$NONE"
}

@test "ranks of a job with other rights are in other rooms" {
	# shellcheck disable=SC2016
	run as_root sh -c '
		export OMPI_COMM_WORLD_LOCAL_SIZE=3 PMIX_NAMESPACE=rights.$$
		mkfifo "$1/end" && exec 5<>"$1/end"
		for caps in net_raw net_raw kill; do
			berth exec --join --add-caps $caps "$2" sh -c "readlink /proc/self/ns/mnt; read -r end" <&5 >>"$1/out" &
		done
		until [ "$(wc -l <"$1/out")" = 3 ]; do sleep 0.05; done
		printf "\n\n\n" >&5
		wait; cat "$1/out"' sh "$SCRATCH" "$ROOM_DIR"
	assert_success
	[ "$(wc -l <<<"$output")" = 3 ]
	[ "$(sort -u <<<"$output" | wc -l)" = 2 ]
}

@test "who is not root is told so; to want less is no error" {
	local option

	for option in --keep-privs --add-caps=net_raw --security=uid:0 --security=gid:0; do
		run as_user berth exec "$option" "$ROOM_DIR" echo ran
		assert_failure 255 'is for root'
		assert_output 'hint: .*--fakeroot'
		refute_output '^ran$'
	done
	run as_root berth exec --userns --keep-privs "$ROOM_DIR" true
	assert_failure 255 'is for root'
	run as_user berth exec --no-privs --drop-caps all "$ROOM_DIR" echo ran
	assert_success ran
}

@test "--fakeroot has all of its namespace's: more is no error, less is less" {
	local all

	run as_user berth exec --fakeroot --keep-privs --add-caps kill "$ROOM_DIR" echo ran
	assert_success ran
	all=$(as_user berth exec --fakeroot "$ROOM_DIR" grep ^CapBnd /proc/self/status | cut -f2)
	run as_user berth exec --fakeroot --drop-caps sys_admin,net_admin "$ROOM_DIR" grep ^CapBnd /proc/self/status
	assert_success
	assert_output "[[:space:]]$(printf '%016x' $((0x$all & ~0x201000)))$"
	run as_user berth exec --fakeroot --no-privs "$ROOM_DIR" grep ^CapEff /proc/self/status
	assert_success
	assert_output "$NONE$"
}

@test "what cannot be set is refused, with what to do" {
	run as_root berth exec --security seccomp:/x.json "$ROOM_DIR" true
	assert_failure 1 'no seccomp profiles'
	run as_root berth exec --security selinux:a_u:b_r:c_t "$ROOM_DIR" true
	assert_failure 1 'runcon'
	run as_root berth exec --security apparmor:x "$ROOM_DIR" true
	assert_failure 1 'aa-exec'
	run as_root berth exec --allow-setuid "$ROOM_DIR" true
	assert_failure 1 'plain one inside'
	run as_root berth exec --security uid:4294967295 "$ROOM_DIR" true
	assert_failure 1 'no number of a user'
}

@test "--compat: what other tools' containers are like" {
	# shellcheck disable=SC2016
	run as_user sh -c 'umask 077; A=1 exec berth exec --compat "$0" sh -c "umask; echo \$\$ \$A.; touch /made && echo made; ls ~"' "$ROOM_SIF"
	assert_success $'0022\n1 .\nmade'
	run as_user env BERTH_COMPAT=1 berth exec --no-pid "$ROOM_DIR" sh -c 'touch /made && echo made'
	assert_success made
	[ ! -e "$ROOM_DIR/made" ]
}

@test "--dns: these name servers and no others, in any image" {
	local image

	for image in "$ROOM_DIR" "$ROOM_SIF"; do
		run as_user berth exec --dns 192.0.2.1,2001:db8::1 "$image" cat /etc/resolv.conf
		assert_success $'nameserver 192.0.2.1\nnameserver 2001:db8::1'
	done
	run as_user berth exec --dns ns.site "$ROOM_DIR" true
	assert_failure 1 'no address of a name server'
}

@test "--no-env and --no-umask" {
	# shellcheck disable=SC2016
	run as_user env A=1 B=2 sh -c 'umask 027; exec berth exec --no-env A,C --env C=3 --no-umask "$0" sh -c "umask; echo \$A.\$B.\$C"' "$ROOM_DIR"
	assert_success $'0022\n.2.3'
	run as_user sh -c 'umask 027; exec berth exec "$0" sh -c umask' "$ROOM_DIR"
	assert_success 0027
}
