# make demo: the main job, from a fresh clone.  make test: the whole suite.
SHELL := bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed
# Files of tests run side by side: most of a test's time is compiling, on one processor.
PARALLEL ?= --numprocesses 2 --dist loadfile

export TF_CPP_MIN_LOG_LEVEL ?= 3

.DEFAULT_GOAL := help
.PHONY: help install demo test check verify bench clean

help: ## what there is to make
	@echo "Triptych: neural architectures written once, as data"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

install: $(INSTALLED) ## .venv with Triptych and all three frameworks

demo: $(INSTALLED) ## compile all specs, then run one checkpoint in three frameworks
	@echo
	@$(BIN)/triptych generate
	@echo
	@$(BIN)/triptych table --counts
	@echo
	@$(BIN)/python tests/demo

test: $(INSTALLED) ## the whole suite
	@$(BIN)/python -m pytest $(PARALLEL)

check: $(INSTALLED) ## style, specs, and whether generated/ is up to date
	@$(BIN)/ruff check
	@$(BIN)/triptych generate --check

verify: $(INSTALLED) ## measure what the support table does not prove yet
	@$(BIN)/triptych verify

bench: $(INSTALLED) ## speed and memory
	@$(BIN)/python tests/benchmarks/run.py

clean: ## remove .venv and all caches
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache build dist *.egg-info
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# The stamp is older than a list of packages that has changed: then it installs again.
$(INSTALLED): pyproject.toml setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Triptych needs Python 3.11 or newer; this is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make demo PYTHON=python3.12"; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV) || { \
	  echo "$(PYTHON) cannot make a virtual environment; install its venv package."; exit 1; }
	@echo "Installing Triptych, PyTorch, TensorFlow and JAX into $(VENV): some minutes, once"
	@$(BIN)/python -m pip install --disable-pip-version-check --no-input --progress-bar off \
	  --constraint constraints.txt --editable '.[all,test]' 2>&1 | tee $(VENV)/install.log | \
	  while IFS= read -r line; do case $$line in [CDI]*ing*) \
	    [ ! -t 1 ] || printf '\r\033[K  %.76s' "$$line";; esac; done || { \
	  echo; tail -n 20 $(VENV)/install.log; exit 1; }
	@[ ! -t 1 ] || printf '\r\033[K'
	@touch $@
