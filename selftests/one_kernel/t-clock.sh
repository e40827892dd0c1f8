#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Clocks go on without a jump between hosts that were booted weeks apart, also for
# threads that stood in the midst of reading one.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

apart()
{
	local a b

	a=$(in_host a cut -d . -f 1 /proc/uptime)
	b=$(in_host b cut -d . -f 1 /proc/uptime)
	((b - a >= CLOCKS_AHEAD))
}

plan 9
must "the hosts were booted weeks apart" apart
must "a watcher of clocks starts" start a clock clock 8
hops clock 6
must "no clock has jumped" finish clock 6
done_testing
