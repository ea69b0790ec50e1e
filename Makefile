# Everything a newcomer needs: `make demo` and `make test` each do all set-up themselves.
PYTHON ?= python3
VENV ?= .venv
EXTRAS ?= dev
TESTS ?= -m "not slow"
DATA ?=
BIN := $(VENV)/bin
KERNELS := $(wildcard videoseg/kernels/*.c) videoseg/kernels/build.py

.PHONY: demo test check measure setup clean

setup: $(VENV)/.installed-$(EXTRAS)

$(VENV)/.installed-core: pyproject.toml constraints.txt hatch_build.py $(KERNELS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-$(EXTRAS): $(VENV)/.installed-core
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[$(EXTRAS)]"
	touch $@

demo: $(VENV)/.installed-core
	$(BIN)/videoseg segment sample_media/cat.mp4 "the cat" -o demo_out/cat --overwrite
	$(BIN)/videoseg segment sample_media/coffee.mp4 "the coffee cup" -o demo_out/coffee --overwrite
	$(BIN)/videoseg segment sample_media/astronaut.mp4 "the astronaut" -o demo_out/astronaut --overwrite
	$(BIN)/videoseg segment sample_media/coffee.jpg "the coffee cup" -o demo_out/still --overwrite
	@echo
	@echo "Made in demo_out/, one folder for each of a cat, a coffee cup, an astronaut and a still:"
	@echo "  overlay.mp4   the clip with outlines drawn on it: look at demo_out/cat/overlay.mp4 first"
	@echo "  animated.svg  the outlines as one animation: open it in a browser"
	@echo "  svg/          an SVG for every frame"
	@echo "  masks.json    COCO annotations; masks/ holds label pictures"

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/pytest -n 2 $(TESTS)

# Compares a subset of measurements with the committed ones: make measure DATA=folder-of-data-sets
measure: setup
	$(BIN)/python -m benchmarks.regression $(if $(DATA),--data "$(DATA)")

clean:
	rm -rf $(VENV) demo_out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
