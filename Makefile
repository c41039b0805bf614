# Everything that a person or a build calls. Needs git, make, Node 20 or newer with npm, and a package registry.
# Node itself, the programs and their order of search: test/tools. Set MUSTER_CACHE to keep what is brought elsewhere.

SHELL := /bin/sh
BIN := $(CURDIR)/.tools/bin
NODE := $(BIN)/node
PACKAGES := $(CURDIR)/node_modules/.bin
CACHE := $(or $(MUSTER_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/muster)

export PATH := $(BIN):$(PATH)

# Downloads go through a proxy where the environment names one; nothing else does: tests talk to this machine only.
SETUP := NODE_USE_ENV_PROXY=1 $(NODE) test/tools/setup.ts

.PHONY: help setup demo test check bench clean clean-cache node packages static format lint types contract

help:
	@echo "make setup        every program that Muster and its tests need, in .tools/bin"
	@echo "make demo         a hub, a Git server and three clusters; a commit reaches them"
	@echo "make check        format, lint, types, architecture, unit tests; no cluster"
	@echo "make test         everything: check, and the tests on real control planes"
	@echo "make bench        measurements, all or ONLY=P4,P5; a table, and .bench/latest.json"
	@echo "make clean        remove what setup made in this folder; clean-cache also what it shares"

setup: node
	@$(SETUP)

demo: setup
	@$(NODE) test/demo/main.ts

check: packages static
	@$(NODE) test/tools/run-tests.ts unit

test: setup static
	@$(NODE) test/tools/run-tests.ts all

bench: setup
	@$(NODE) test/bench/main.ts

clean:
	rm -rf .tools node_modules .muster
	@echo "the shared cache stays: $(CACHE) (make clean-cache removes it)"

clean-cache:
	rm -rf "$(CACHE)"

node:
	@sh test/tools/node.sh "$(CURDIR)"

packages: node
	@$(SETUP) packages render

static: format lint types contract

format:
	@$(PACKAGES)/prettier --check --log-level warn .

lint:
	@$(PACKAGES)/oxlint --quiet --type-aware -c test/tools/oxlint.json

types:
	@$(PACKAGES)/tsc -p tsconfig.json --noEmit
	@$(PACKAGES)/tsc -p tsconfig.pure.json --noEmit

contract:
	@cd proto && $(PACKAGES)/buf lint
