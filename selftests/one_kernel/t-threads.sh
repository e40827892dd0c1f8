#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Sixteen threads with contents of their own in every register.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 6
must "sixteen threads start" start a threads threads16
must "they move to b" migrate "$PID" a b
must "they live on b" lives_on threads b
must "they move back" migrate "$PID" b a
must "they live on a" lives_on threads a
must "their registers are right" finish threads 2
done_testing
