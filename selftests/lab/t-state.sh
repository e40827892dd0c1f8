# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# Descriptors, identity, clocks: all that a process can ask about itself.

start a fds fds
start a identity identity plain
start a dropped identity dropped
start a clock clock
for name in fds identity dropped clock; do
	migrate "${PIDS[$name]}" a b
done
bad=0
for name in fds identity dropped; do
	(verdict "$name" b && hops 1) || bad=$((bad + 1))
done
(finish clock b && hops 1) || bad=$((bad + 1))
((bad == 0)) || fail "$bad of 4 differ after the move"
