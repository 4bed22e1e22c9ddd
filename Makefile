# Two commands do all the set-up: `make demo` and `make test`. Nothing that armwise runs needs make.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3

.PHONY: demo test test-slow lint docs bench clean

demo: $(VENV)/.demo
	$(BIN)/armwise demo --out demo
	@echo "Open demo/bmc-low-back-pain/results/report.html in a browser. The data are SIMULATED."

test: $(VENV)/.test
	sh scripts/install-browser
	$(BIN)/pytest -n auto -m "not slow"

test-slow: $(VENV)/.test
	sh scripts/install-browser
	$(BIN)/pytest -n auto -m slow

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Pages of docs/ that are made from the code: instruments, reference study.
docs: $(VENV)/.test
	$(BIN)/python docs/make_instruments.py
	$(BIN)/python docs/make_reference_study.py

bench: $(VENV)/.test
	$(BIN)/python benchmarks/bench_scoring.py
	$(BIN)/python benchmarks/bench_demo.py
	$(BIN)/python benchmarks/bench_demo_parts.py
	$(BIN)/python benchmarks/bench_mmrm.py
	$(BIN)/python benchmarks/bench_mmrm_many.py
	$(BIN)/python benchmarks/bench_mmrm_passes.py
	$(BIN)/python benchmarks/bench_mmrm_coverage.py

clean:
	rm -rf $(VENV) demo build dist

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,examples]'
	@touch $@ $(VENV)/.demo

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,examples]'
	@touch $@ $(VENV)/.test $(VENV)/.demo
