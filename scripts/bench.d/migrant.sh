# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Migrants, by the names of cases. SIZE-N is a point of a sweep.

CASES="sleep python3-10 python3-100 heap-1g threads-64 mappings-10000 fds-10000"

# migrant_words CASE: program and arguments of guest/
migrant_words()
{
	local number=${1##*-}

	case $1 in
	sleep)		echo migrant ;;
	python3-*)	echo "beat.py $number" ;;
	heap-*g)	echo "migrant heap=$((1024 * ${number%g}))" ;;
	heap-*)		echo "migrant heap=$number" ;;
	threads-*)	echo "migrant threads=$((number - 1))" ;;
	mappings-*)	echo "migrant mappings=$number" ;;
	fds-*)		echo "migrant fds=$number" ;;
	*)		die "no case '$1'; there are: $CASES" ;;
	esac
}

# migrant_start HOST CASE: prints its pid
migrant_start()
{
	local words

	words=$(migrant_words "$2")
	# shellcheck disable=SC2086 # words are wanted
	guest "$1" start "$2" $words
}
