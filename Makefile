# Everything people and CI run. `make` alone prints this help.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# Of the Pythons on the path the first that was built to be fast: in others an event costs a sixth more.
PYTHONS = $(shell which -a python3.11 2> /dev/null)
IS_FAST = import ensurepip, os, sys, sysconfig; \
  optimized = "--enable-optimizations" in sysconfig.get_config_var("CONFIG_ARGS"); \
  in_one_piece = "libpython" not in open("/proc/self/maps").read(); \
  sys.exit(not ((optimized or in_one_piece) and os.path.exists(sysconfig.get_path("include") + "/Python.h")))
PYTHON ?= $(firstword $(foreach each,$(PYTHONS),$(shell $(each) -c '$(IS_FAST)' 2> /dev/null && echo $(each))) python3.11)
BIN := .venv/bin
INSTALLED := .venv/.installed
COMPILED := build/compiled
# Set, every one of the hundreds of processes that the tests start would compile our modules anew: 0.2 s each.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install compile pure format lint test unit demo bench soak schemas clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

install: $(INSTALLED) ## Make the virtual environment and install everything into it

$(INSTALLED): pyproject.toml constraints.txt
	@echo "==> Python environment in .venv (first time: about half a minute)"
	@test -x $(BIN)/python || { python=$(PYTHON); echo "    of $$python"; $$python -m venv .venv; }
	@STREAMPROC_PURE=1 $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,local,disk]'
	@touch $@

compile: $(COMPILED) ## Compile the event path in place; after changing one of its modules again, or `make pure`

$(COMPILED): $(INSTALLED) setup.py $(shell find streamproc/domain streamproc/matching streamproc/processing -name '*.py') streamproc/runtime/store.py $(shell find streamproc -name '*.[ch]')
	@echo "==> Compiling the event path (under a minute; without a C compiler it runs interpreted)"
	@find streamproc -name '*.so' -delete
	@mkdir -p build
	@$(BIN)/python setup.py --quiet build_ext --inplace --parallel 2 > build/compile.log 2>&1 || \
	  { tail -20 build/compile.log; exit 1; }
	@find streamproc -name '*.so' -exec touch {} +
	@touch $@

pure: ## Remove what was compiled: the event path runs interpreted
	find streamproc -name '*.so' -delete
	rm -f $(COMPILED)

format: $(INSTALLED) ## Format the code and apply safe lint fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(INSTALLED) ## Lint, formatting, import contracts, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

unit: $(INSTALLED) ## The tests that need no broker (seconds)
	$(BIN)/pytest -q tests/unit tests/properties

test: $(INSTALLED) ## Lint, types and all tests, on a real broker (minutes)
	@$(MAKE) --no-print-directory --jobs=2 lint compile
	@echo "==> tests; the local Kafka is fetched once and started by the tests themselves"
	$(BIN)/pytest -q -n 4 --dist worksteal -m 'not crash'
	@echo "==> tests that kill workers and brokers"
	$(BIN)/pytest -q -n 3 --dist worksteal -m crash

demo: $(COMPILED) ## The whole thing on this machine, with a verdict (under 90 s)
	$(BIN)/streamproc demo

bench: $(COMPILED) ## Throughput and latency on the local broker; writes build/bench.json
	$(BIN)/python -m tests.benchmarks

soak: $(COMPILED) ## Ten minutes of load; prints the worker's memory each minute
	$(BIN)/python -m tests.benchmarks.soak

schemas: $(INSTALLED) ## Generate schemas/ from the models, the topics and the catalogue
	$(BIN)/python -m streamproc.cli.schemas
	$(BIN)/python -m streamproc.cli.asyncapi
	$(BIN)/python -m tests.support.catalogue_tables

clean: pure ## Remove the environment and everything built
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
