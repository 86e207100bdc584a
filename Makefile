# Kho. Needs Python 3.11 or newer with venv, and make:  apt-get install make python3 python3-venv
# Two commands do everything:  make demo  and  make test.

PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.kho-ready
PYTEST := $(BIN)/python -m pytest
# Tests in several processes, each file in one of them: one more than there are processors, for tests wait too (a server's answer, a lock
# that is taken); no more than four, for each may start servers.
JOBS ?= $(shell n=$$(( $$(nproc 2>/dev/null || echo 2) + 1 )); [ $$n -gt 4 ] && n=4; echo $$n)

# Modules of tests are rewritten before they are compiled (assert), which costs half of what collecting them does; an environment that
# forbids Python to keep what it compiled (images of containers do) would have every process of every target do it again.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help venv demo demo-tiers tools test coverage check proof test-tape-vm bench lock docs clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): requirements.lock pyproject.toml
	@scripts/make-venv "$(PYTHON)" "$(VENV)"
	@touch $@

venv: $(READY) ## Make the virtual environment and install Kho into it

demo: $(READY) ## Make an archive in demo/, deposit, audit, damage, repair, report
	@PATH="$(abspath $(BIN)):$$PATH" scripts/demo demo

demo-tiers: $(READY) ## The same over a disk, an S3 store and a tape library, which are started for it
	@scripts/install-tools tgt libiscsi7
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python scripts/demo-tiers demo-tiers

tools: $(READY)
	@if [ -x scripts/install-tools ]; then scripts/install-tools; fi

test: tools ## Run the tests (a seeded sample of the long proofs is among them)
	@scripts/in-memory $(PYTEST) -m "not proof" -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: ## The same, and which lines and branches no test reaches; takes more than twice as long
	@$(MAKE) test ARGS="--cov --cov-report=term-missing:skip-covered $(ARGS)"

proof: tools ## Run the proofs at full length; the log is proof.log
	@rm -f .proof-status
	@( $(PYTEST) -m proof -v --durations=20 $(ARGS); echo $$? > .proof-status ) 2>&1 | tee proof.log
	@status=$$(cat .proof-status); rm -f .proof-status; exit $$status

check: $(READY) ## Style, types, directions between packages, docs made from code, test modules that can be imported
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy bench/*.py
	$(BIN)/lint-imports
	$(BIN)/python scripts/make-codes-doc --check
	@$(PYTEST) --collect-only -qq > .collected || { tail -n 40 .collected; rm -f .collected; exit 1; }; rm -f .collected; echo "Every test module can be imported."

test-tape-vm: $(READY) ## Real tape drivers, mt and tar in a virtual machine read what Kho wrote; the log is tape-vm.log
	@scripts/test-tape-vm $(BIN)/python

bench: $(READY) ## Measure Kho beside peers on the same data
	@if [ -f bench/run.py ]; then $(BIN)/python bench/run.py $(ARGS); else echo "bench/run.py is not there" >&2; exit 1; fi

docs: $(READY) ## Make docs/codes.md from the register of codes
	$(BIN)/python scripts/make-codes-doc

lock: ## Make requirements.lock anew from pyproject.toml
	@scripts/make-lock "$(PYTHON)"

clean: ## Remove what the targets made, but for the virtual environment
	rm -rf demo demo-tiers build proof.log tape-vm.log .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
