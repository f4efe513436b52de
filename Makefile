# The one list of commands; `make check test` is what continuous integration runs.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test search check slow bench docs

setup: .venv/ready  ## a virtual environment with Bakeoff, its tests' tools, and the pinned versions

.venv/ready: pyproject.toml requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c requirements.txt -e '.[dev]'
	touch $@

demo: setup  ## run the demo and write its report
	$(BIN)/bakeoff demo

test: setup  ## the quick tests
	$(BIN)/pytest -q

search: setup  ## the tests of drawn examples, with other ones every time and more of them
	$(BIN)/pytest -q -n 2 --dist loadfile -m hypothesis --hypothesis-profile=search --hypothesis-seed=random

check: setup  ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

slow: setup  ## the long checks
	$(BIN)/pytest -q -m slow

bench: setup  ## every benchmark, each printing its table
	for file in bench/*.py; do $(BIN)/python $$file || exit 1; done

docs: setup  ## run the code of the README and the tutorial, and check that nothing is undocumented
	$(BIN)/pytest -q tests/house/test_docs.py tests/house/test_docs_run.py
