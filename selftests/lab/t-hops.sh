# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# One process, ten hops a to b to a …; whatever was lost or doubled on the way
# would show in the computation that it does.

start a hop hop 8
from=a to=b
for ((i = 0; i < 10; i++)); do
	migrate "$PID" $from $to
	lives_on "$PID" $to
	t=$from from=$to to=$t
done
finish hop a
hops 10
