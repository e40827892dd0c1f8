#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Clocks go on without a jump between hosts that were booted weeks apart.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

apart()
{
	local a b

	a=$(in_host a cut -d . -f 1 /proc/uptime)
	b=$(in_host b cut -d . -f 1 /proc/uptime)
	((b - a >= CLOCKS_AHEAD))
}

plan 6
must "the hosts were booted weeks apart" apart
must "a watcher of clocks starts" start a clock clock
must "it moves to clocks that are ahead" migrate "$PID" a b
must "it lives on b" lives_on clock b
must "it moves back" migrate "$PID" b a
must "no clock has jumped" finish clock 2
done_testing
