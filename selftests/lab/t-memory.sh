# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# Memory of every kind, there and back; a file on the file server that it writes to
# by mapping it. Some is in huge pages, of which b has none.

on a "echo 9 >/proc/sys/vm/nr_hugepages"
start a memory memory
MODE=--mode=lazy
migrate "$PID" a b
verified memory 1 b
migrate "$PID" b a
verified memory 2 a
finish memory a
hops 2
on a "echo 0 >/proc/sys/vm/nr_hugepages"
