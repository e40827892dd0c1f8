#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A data base and clients that keep it busy, in a pod: postgres.sh BIN DIR DATA
set -euo pipefail

PATH=$1:$PATH
cd "$2"
rm -f "$3/postmaster.pid"
postgres -D "$3" -c listen_addresses= -c unix_socket_directories=@tern -c shared_buffers=4MB \
	-c dynamic_shared_memory_type=mmap -c fsync=off &
until pg_isready -q -h @tern; do
	sleep 0.2
done
pgbench -q -i -h @tern postgres
touch ready
pgbench -h @tern -c 2 -T 86400 postgres
