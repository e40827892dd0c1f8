# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# Sixteen threads with contents of their own in every register.

start a threads threads16
migrate "$PID" a b
lives_on "$PID" b
migrate "$PID" b a
finish threads a
hops 2
