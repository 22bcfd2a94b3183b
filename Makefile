PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One fixed torch first: an open range takes several GB of CUDA builds from some indexes.
TORCH := torch==2.13.0
# Large and slow to make, so kept outside.
RENDERS ?= ../marigold-renders
TRAINED ?= ../marigold-trained

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
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist worksteal

.PHONY: programs
programs: $(VENV)/dev ## the tests that start, stop and kill the program and its workers
	OMP_NUM_THREADS=1 $(BIN)/pytest -m 'program and not slow' --numprocesses 2 --dist worksteal

.PHONY: trainings
trainings: $(VENV)/dev ## the tests that teach a network
	OMP_NUM_THREADS=1 $(BIN)/pytest -m 'training and not slow' --numprocesses 2 --dist worksteal

.PHONY: slow
slow: $(VENV)/dev ## the tests that take minutes
	$(BIN)/pytest -m slow --timeout 1800

.PHONY: gpu
gpu: $(VENV)/dev ## the tests that need an accelerator
	$(BIN)/pytest -m gpu

$(VENV)/readers: $(VENV)/dev
	$(BIN)/pip install --quiet --editable '.[readers]'
	@touch $@

.PHONY: readers
readers: $(VENV)/readers ## read the exports with pycolmap, Open3D and, where installed, COLMAP
	$(BIN)/pytest -m readers --timeout 900 tests/scene3d

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
check: lint test programs trainings ## what CI runs

.PHONY: bench
bench: $(VENV)/dev ## timings against a plain loop over diffusers' pipeline, memory, the roofline
	$(BIN)/python tests/bench/alignment.py
	$(BIN)/python tests/bench/throughput.py
	$(BIN)/python tests/bench/startup.py
	$(BIN)/python tests/bench/resume.py
	$(BIN)/python tests/bench/roofline.py
	$(BIN)/python tests/bench/memory.py
	$(BIN)/python tests/bench/claims.py
	$(BIN)/python tests/bench/tiling.py

.PHONY: bench-gpu
bench-gpu: $(VENV)/dev ## networks of Stable Diffusion's size on a GPU, against diffusers
	$(BIN)/python tests/bench/gpu.py

.PHONY: evaluate
evaluate: $(VENV)/dev ## the embedded models' table: scenes, a stereo photo, measured photos
	$(BIN)/python tests/evaluation/table.py

.PHONY: embedded
embedded: $(VENV)/run ## train the embedded models from nothing; go on where it stopped
	$(BIN)/marigold train --recipe embedded --out $(TRAINED) \
		$(if $(wildcard $(RENDERS)/pictures/rgb),--data folder:$(RENDERS)/pictures@0.5)

$(RENDERS)/env/ready:
	$(PYTHON) -m venv $(RENDERS)/env
	$(RENDERS)/env/bin/pip install --quiet bpy==4.2.0 infinigen==1.15.5 'OpenEXR>=3.5'
	@touch $@

.PHONY: renders
renders: $(RENDERS)/env/ready ## photorealistic pictures with depth (Python 3.11), until stopped
	nice -n 19 $(RENDERS)/env/bin/python -m marigold_cli.training.renders $(RENDERS)/pictures

.PHONY: clean
clean: ## remove what was installed and made
	rm -rf $(VENV) build depths
