# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# setup_suite.bash - one cluster for a whole run of bats; and its end.
#
# BERTH_PREFIX says where berth is installed (default: /usr/local). It must be a place that the
# nodes see, so not below /tmp. A cluster that is already up is used when CLUSTER_DIR names it.

setup_suite()
{
	local here so plugin=()

	here=$(dirname "${BASH_SOURCE[0]}")/../harness
	export HARNESS BERTH_PREFIX=${BERTH_PREFIX:-/usr/local} CLUSTER_WHY=''
	HARNESS=$(readlink -f "$here")
	[ "$(id -u)" = 0 ] || return 0
	if [ -z "${CLUSTER_DIR:-}" ]; then
		# A build without Slurm's headers has no plugin, and slurmd would not start.
		so=$BERTH_PREFIX/lib/berth/spank_berth.so
		if [ -e "$so" ]; then plugin=(--plugin "$so"); else echo "no $so" >&2; fi
		CLUSTER_DIR=$("$HARNESS/cluster.sh" up --path "$BERTH_PREFIX/bin" "${plugin[@]}" 3>&-) ||
			return
		export CLUSTER_DIR CLUSTER_OURS=$CLUSTER_DIR
	fi
}

teardown_suite()
{
	[ -n "${CLUSTER_OURS:-}" ] || return 0
	CLUSTER_DIR=$CLUSTER_OURS "$HARNESS/cluster.sh" down 3>&-
}
