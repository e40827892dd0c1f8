#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run the installed selftests, or those named: run_kselftest.sh [TEST…]
BASE_DIR=$(dirname "$(readlink -f "$0")")
export BASE_DIR
cd "$BASE_DIR" || exit 1
# shellcheck source=/dev/null
. kselftest/runner.sh
# shellcheck disable=SC2034 # the runner's
kselftest_default_timeout=300
# shellcheck disable=SC2046,SC2048,SC2086 # words are wanted
run_many $(printf "./%s " ${*:-$(cat kselftest-list.txt)})
