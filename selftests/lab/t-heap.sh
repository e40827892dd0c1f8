# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# A heap of 1 GiB, verified page by page.

MODE=--mode=lazy
start a heap heap 1024 20
migrate "$PID" a b
finish heap b 400
hops 1
