# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# CPython with big integers, dicts and threads, there and back again.

start a python python.py
migrate "$PID" a b
lives_on "$PID" b
migrate "$PID" b a
lives_on "$PID" a
migrate "$PID" a b
finish python b
hops 3
