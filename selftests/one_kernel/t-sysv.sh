#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# System V segments: the same ones afterwards, and none where the process was.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# segments HOST NUMBER: so many are there
segments()
{
	(($(on "$1" "tail -n +2 /proc/sysvipc/shm | wc -l") == $2)) || {
		on "$1" "cat /proc/sysvipc/shm"
		return 1
	}
}

hop_with()
{
	migrate "$PID" "$@" && lives_on sysv "$2" && wait_until "$LONG" segments "$1" 0 &&
		segments "$2" 4
}

fails()
{
	"$HERE/../tools/arm" "$1" && ! tern a migrate "$PID" b --json && lives_on sysv a &&
		segments a 4 && segments b 0
}

# Somebody on b has the key, and has it still.
taken()
{
	local id
	id=$(on b "ipcmk -M 100 | grep -o '[0-9]*$'") && on b "ipcrm -m $id" &&
		on b "python3 -c 'import ctypes; ctypes.CDLL(None).shmget(0x7e490001, 100, 0o1600)'" &&
		! tern a migrate "$PID" b --json >"$WORK/said" 2>&1 &&
		grep "its id or its key is taken" "$WORK/said" && lives_on sysv a && segments b 1 &&
		on b "ipcrm -M 0x7e490001"
}

plan 12
must "there are huge pages" huge 3
must "a process with segments starts" start a sysv sysv 4
must "one of them has huge pages" test ! -L "$WORK/sysv/huge"
must "a key that is taken is a reason to stay" taken
for point in become resume; do
	must "$point fails: nothing is left" fails "$point"
done
must "it moves, and they do" hop_with a b
must "it moves back, not prepared" hop_with b a --no-prepare
must "it moves, not prepared" hop_with a b --no-prepare
must "it moves back" hop_with b a
must "all is what it was" finish sysv 4
must "no huge pages are left" huge 0
done_testing
