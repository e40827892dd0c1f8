# SPDX-License-Identifier: GPL-2.0
#
# The few commands that anybody needs. All of them run on a Debian machine as
# root and install what is missing; none of them touches the machine's kernel.

# A question about the headers installs them, so it is asked only in a recipe.
KDIR = $(shell scripts/lab kernel-headers)

help:
	@echo 'make demo     move xz from one host to another while it runs'
	@echo 'make test     everything: unit tests, checks, selftests, two hosts (an hour)'
	@echo 'make quick    a first impression of the same, in a few minutes'
	@echo 'make check    style and static analysis, module builds for 6.1 and 6.12'
	@echo 'make bench    how long a migration stops a process, and what that depends on'
	@echo 'make build    tern.ko, ternd, tern and the tests'
	@echo 'make clean    remove what was built; caches are in ~/.cache/tern'
	@echo
	@echo 'One test: selftests/run_lab hops    Hosts: scripts/lab --help'

setup:
	@scripts/setup

build: setup
	$(MAKE) -C userd
	$(MAKE) -C kmod KDIR=$(KDIR)
	$(MAKE) -C selftests

demo: build
	scripts/demo

bench: build
	scripts/bench

check: setup
	scripts/check

test: build
	scripts/test

quick: build
	scripts/test --quick

clean:
	$(MAKE) -C userd clean
	$(MAKE) -C selftests clean
	find kmod \( -name '*.o' -o -name '*.ko' -o -name '*.mod' -o -name '*.mod.c' \
		-o -name '*.cmd' -o -name modules.order -o -name Module.symvers \) -delete
	rm -rf build results

.PHONY: help setup build demo bench check test quick clean
