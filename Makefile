# Every target makes the virtual environment and installs what it needs by itself.
#   make demo            try it: forget, audit, open the report
#   make test            the tests (test-all: the slow ones too)
#   make lint            format, style, types, house rules
#   make bench           fill in the missing benchmark results
# PYTHON names the interpreter to build with, ARGS goes to the command behind the target.
PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=
WORKERS ?= 2
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint format bench stub constraints clean

help:
	@sed -n 's/^#   //p' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "benign needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e .
	@touch $@

$(VENV)/.test $(VENV)/.lint: $(VENV)/.%: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[$*]'
	@touch $@ $(VENV)/.core

demo: $(VENV)/.core
	$(BIN)/benign demo $(ARGS)

bench: $(VENV)/.core
	$(BIN)/benign bench --experiments benches/experiments $(ARGS)

test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow" $(ARGS)

test-all: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

# The types of the libraries are needed for checking the types of the code, hence the package is installed here too.
lint: $(VENV)/.lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(VENV)/.lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# What a type checker sees of benign.methods; a test fails while it is stale.
stub: $(VENV)/.core
	$(BIN)/python -m benign.methods.stub
	$(BIN)/python -m benign.report.columns_page

# Take the newest versions that the ranges of pyproject.toml allow, in a fresh environment, and write them down;
# only torch stays until its line is changed by hand, because the newest may be a build for GPUs.
constraints:
	rm -rf $(VENV)-new && $(PYTHON) -m venv $(VENV)-new
	sed -n '/^torch==/p' constraints.txt > constraints.txt.new
	$(VENV)-new/bin/python -m pip install --quiet -c constraints.txt.new -e '.[dev,llm2graph,lm-eval,mlflow,ray,wandb]'
	{ sed -n '/^#/p' constraints.txt; $(VENV)-new/bin/python -m pip freeze --exclude-editable \
	    | sed -e 's/ @ .*//' -e 's/+cpu$$//'; } > constraints.txt.new
	mv constraints.txt.new constraints.txt && rm -rf $(VENV)-new

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
