# Needs only Python 3.11 to 3.13, from PATH or as `make PYTHON=/path/to/python`; everything else goes into .venv.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
UV := $(BIN)/python -m uv pip install --quiet
CLIP = $(firstword $(wildcard examples/*.mp4))

.PHONY: help predict lint test test-slow test-kills test-newest test-lowest test-s3 environments benchmark clean docs dist

help:
	@echo "make predict    name the action in the example clip, or in CLIP=..."
	@echo "make lint       style and types"
	@echo "make test       style, types, doctests and tests, but for those that are slow by nature"
	@echo "make test-slow  these: the wheel in an empty environment, large trainings, several workers"
	@echo "make test-kills  kills of trainings at every single write, which takes half an hour"
	@echo "make test-newest  the wheel with the newest release of everything, for each Python from 3.11 to 3.13 that is there"
	@echo "make test-lowest  tests with the oldest release of everything that pyproject.toml allows"
	@echo "make test-s3    tests of shards on object stores with TensorFlow 2.17 and tensorflow-io, in an environment of their own"
	@echo "make benchmark  flow and prediction against OpenCV and torch: the example clip, or real ones in DATA=folder"
	@echo "make docs       the pages and the Python API as a site in build/docs/site"
	@echo "make dist       the wheel and the source distribution in dist/, checked"
	@echo "make clean      remove .venv, .venv-s3 and what the tools left behind"

predict: $(VENV)/installed
	@$(BIN)/actionzoo predict "$(CLIP)"

lint: $(VENV)/installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

test: lint
	@$(BIN)/pytest --numprocesses auto --dist worksteal -m "not slow and not kills and not newest"

test-slow: $(VENV)/installed-dev
	@$(BIN)/pytest --numprocesses auto --dist worksteal -m slow tests

test-kills: $(VENV)/installed-dev
	@$(BIN)/pytest --numprocesses auto --dist worksteal -m kills tests

test-newest: $(VENV)/installed-dev
	@$(BIN)/pytest --numprocesses 3 --dist loadgroup -m newest tests/test_install.py

test-lowest: $(VENV)-lowest/installed
	@$(VENV)-lowest/bin/pytest --numprocesses auto --dist worksteal -m "not slow" -o filterwarnings=ignore \
	    tests/video tests/hub tests/convert tests/cli

test-s3: $(VENV)-s3/installed
	@$(VENV)-s3/bin/pytest tests/s3

environments: $(VENV)/installed-dev $(VENV)-lowest/installed $(VENV)-s3/installed

benchmark: $(VENV)/installed-dev
	@$(BIN)/python -m benchmarks $(if $(DATA),--data "$(DATA)" --json benchmarks/results.json --chart docs/benchmark.png)

clean:
	@rm -rf $(VENV) $(VENV)-lowest $(VENV)-s3 build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/created
	@echo "Installing actionzoo into $(VENV) (0.8 GB to download, once)"
	@$(PIP) --editable .
	@touch $@

# pip knows where a machine has its own build of torch, uv does not.
$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/created
	@echo "Installing actionzoo and the tools for its tests into $(VENV) (4.3 GB on disk, once)"
	@$(PIP) uv torch
	@$(UV) --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/installed

$(VENV)-lowest/installed: pyproject.toml constraints.txt | $(VENV)/installed-dev
	@$(BIN)/python -m venv --clear $(VENV)-lowest
	@$(UV) --python $(VENV)-lowest/bin/python --resolution lowest-direct \
	    --editable '.[cluster]' 'hypothesis>=6.150' 'pytest>=8.4' 'pytest-xdist>=3.8'
	@$(VENV)-lowest/bin/python -m pip --disable-pip-version-check install --quiet $$(grep '^torch==' constraints.txt)
	@touch $@

$(VENV)-s3/installed: pyproject.toml constraints-s3.txt | $(VENV)/installed-dev
	@$(BIN)/python -c 'import sys; sys.version_info < (3, 13) or sys.exit("tensorflow-io needs Python 3.11 or 3.12")'
	@echo "Installing actionzoo with TensorFlow 2.17 into $(VENV)-s3 (once)"
	@$(BIN)/python -m venv --clear $(VENV)-s3
	@$(UV) --python $(VENV)-s3/bin/python --constraint constraints-s3.txt \
	    --editable '.[cluster,io,tfio]' 'moto[s3]' flask flask-cors pytest
	@touch $@

$(VENV)/created:
	@set -e; \
	for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	    "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || continue; \
	    "$$python" -c 'import ensurepip, venv' 2>/dev/null || { without_venv=$$python; continue; }; \
	    "$$python" -m venv --clear $(VENV); \
	    touch $@; \
	    exit 0; \
	done; \
	if [ -n "$$without_venv" ]; then \
	    echo "$$without_venv cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; \
	else \
	    echo "actionzoo needs Python 3.11, 3.12 or 3.13; install one, or name it: make PYTHON=/path/to/python" >&2; \
	fi; \
	exit 1

DOCS := build/docs
PAGES := README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md CITATION.cff LICENSE docs weights/everyday/README.md \
    weights/mini/README.md benchmarks/results.json
DOCS_TOOLS = import tomllib as t; print(*t.load(open("pyproject.toml", "rb"))["dependency-groups"]["docs"], sep="\n")

docs: $(VENV)/installed-docs
	@rm -rf $(DOCS) && mkdir -p $(DOCS)/source
	@tar -c --exclude='*.py' --exclude=__pycache__ $(PAGES) | tar -x -C $(DOCS)/source
	@NO_COLOR=1 $(BIN)/zensical build --strict --clean > $(DOCS)/log 2>&1 || { cat $(DOCS)/log; exit 1; }
	@! grep '^griffe:' $(DOCS)/log  # warnings about docstrings, which --strict does not count
	@echo "$(DOCS)/site/index.html"

$(VENV)/installed-docs: pyproject.toml constraints.txt | $(VENV)/created
	@$(BIN)/python -c '$(DOCS_TOOLS)' > $@.txt
	@$(PIP) --requirement $@.txt
	@touch $@

dist: | $(VENV)/created
	@rm -rf dist
	@$(PIP) build twine
	@$(BIN)/python -m build --outdir dist .
	@$(BIN)/twine check --strict dist/*
