#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# One process, ten hops a to b to a …; whatever was lost or doubled on the way
# would show in the computation that it does.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 12
must "a process starts" start a hop hop 4
hops hop 10
must "its result is right" finish hop 10
done_testing
