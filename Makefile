PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One fixed torch first: an open range takes several GB of CUDA builds from some indexes.
TORCH := torch==2.13.0

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/torch:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet $(TORCH)
	@touch $@

$(VENV)/run: $(VENV)/torch pyproject.toml
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/dev: $(VENV)/torch pyproject.toml
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/run

.PHONY: setup
setup: $(VENV)/dev ## install the package with everything that development needs

.PHONY: demo
demo: $(VENV)/run ## the depth of the sample images, with the embedded model
	$(BIN)/marigold run sample_images --out depths
	@echo "Look at depths/*_color.png; the numbers are in depths/*_depth.npy"

.PHONY: test
test: $(VENV)/dev ## the fast tests
	$(BIN)/pytest --numprocesses 2

.PHONY: slow
slow: $(VENV)/dev ## the tests that take minutes
	$(BIN)/pytest -m slow --timeout 1800

.PHONY: gpu
gpu: $(VENV)/dev ## the tests that need an accelerator
	$(BIN)/pytest -m gpu

.PHONY: lint
lint: $(VENV)/dev ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: format
format: $(VENV)/dev ## put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: check
check: lint test ## what CI runs

.PHONY: bench
bench: $(VENV)/dev ## timings against a plain loop over diffusers' pipeline
	$(BIN)/python tests/bench/alignment.py
	$(BIN)/python tests/bench/throughput.py

.PHONY: clean
clean: ## remove what was installed and made
	rm -rf $(VENV) build depths
