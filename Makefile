# xviz: two commands do everything on a fresh machine that has make and Python with venv.
#   make app    environment, dashboard on the embedded default
#   make test   environment, fast tests (no browser, no Slurm, no change to the system)
# CPU=1 takes the smaller CPU build of torch on Linux. PYTHON=... names another interpreter.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PORT   ?= 8501
TORCH_CPU_INDEX := https://download.pytorch.org/whl/cpu

.PHONY: help setup setup-test app test test-slow test-all lint bench clean
help:
	@sed -n '2,5p' Makefile | cut -c3-

# The stamp holds the sum of what the environment is made from: made again only when that changes.
STAMP := $(shell cat requirements.txt pyproject.toml | cksum | tr ' ' '-')-$(CPU)

setup: $(VENV)/app-$(STAMP)
setup-test: $(VENV)/test-$(STAMP)

$(VENV)/app-$(STAMP):
	@command -v $(PYTHON) >/dev/null || \
	  { echo "xviz needs Python 3.11 to 3.14, and there is no $(PYTHON) here. Name one with make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || \
	  { echo "xviz needs Python 3.11 to 3.14, not $$($(PYTHON) --version 2>&1). Name one with make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "This Python lacks venv (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV) (some minutes and 2.5 GB the first time)"
	@if [ -n "$(CPU)" ] && [ "$$(uname -s)" = Linux ]; then \
	  $(BIN)/python -m pip install -qq --disable-pip-version-check "$$(grep '^torch==' requirements.txt)" --index-url $(TORCH_CPU_INDEX) || echo "The CPU builds of torch cannot be reached; the registry's build is taken."; fi
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e .
	@rm -f $(VENV)/app-* $(VENV)/test-* && touch $@

$(VENV)/test-$(STAMP): $(VENV)/app-$(STAMP)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[test]'
	@touch $@

app: setup
	$(BIN)/python -m streamlit run app.py --server.port $(PORT)

# Files of tests are shared among processes, each with one thread: threads of several processes would wait.
ONE_THREAD := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE TOKENIZERS_PARALLELISM=false
SHARED     := -n auto --maxprocesses 8 --dist loadfile

test: setup-test
	$(ONE_THREAD) $(BIN)/python -m pytest $(SHARED) -m "not browser and not slurm and not slow"

test-slow: setup-test
	$(ONE_THREAD) $(BIN)/python -m pytest -n 3 --dist loadfile -m "(slow or slurm) and not browser"
	$(BIN)/python -m pytest --durations=12 --reruns 1 -m browser

test-all: test test-slow

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup-test
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
