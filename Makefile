# Two commands:
#   make course    environment, check-up, a first sound, and the course in your browser
#   make test      the same environment, then ruff, pytest and every notebook
# And for those who change the lessons:
#   make notebooks notebooks from their sources, and a run of every solution that has changed (minutes)
#
# Variables: PYTHON=python3.12   which interpreter      LAB=0          stop after the first sound
#            PIP_ARGS="..."      extra words for pip    NO_BROWSER=1   start JupyterLab without opening a browser
#            PROMPT="..."        what the first sound should be

.DEFAULT_GOAL := help
SHELL := /bin/bash

VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.13 python3.10; do \
	"$$p" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo "$$p" && break; done)
LAB ?= 1
PROMPT ?= a dog barking
FIRST_SOUND := sounds/first_sound.wav
PYTEST_ARGS ?=

BIN := $(VENV)/bin
READY := $(VENV)/.ready
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
# One thread a worker and workers that sleep while they wait: two busy pools on the same cores are slower than one.
TEST_ENV := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive

.PHONY: help course test lint pytest lessons notebooks numpy clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -9

course: $(READY)
	$(BIN)/ldm-lab doctor
	$(BIN)/ldm-lab generate "$(PROMPT)" -o $(FIRST_SOUND)
	@echo "Your first sound: $(FIRST_SOUND)"
ifneq ($(LAB),0)
	$(BIN)/ldm-lab lab
endif

test: lint pytest lessons

lint: $(READY)
	$(BIN)/ruff check .

pytest: $(READY)
	$(TEST_ENV) $(BIN)/python -m pytest -n $(CORES) tests $(PYTEST_ARGS)

# Every notebook, unsolved and solved, in fresh kernels with the network closed.
lessons: $(READY)
	$(TEST_ENV) $(BIN)/python -m pytest --nbmake --nbmake-timeout=300 --nbmake-kernel=python3 -n $(CORES) --durations=0 --durations-min=20 notebooks

notebooks: $(READY)
	$(BIN)/python -m ldm_lab.course.build --run

# The library runs on NumPy 1.26 and 2.x, without torchaudio and laion-clap: both are tried, on the one PyTorch.
numpy: $(READY)
	$(TEST_ENV) $(BIN)/python .ci/numpy_versions.py 1.26.4 2.2.6

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.10 to 3.13 was found. Install one, or name it: make course PYTHON=/path/to/python3" >&2; exit 2; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_ARGS) -c constraints.txt -e '.[course,dev]'
	@touch $@

clean:
	rm -rf $(VENV) .cache build dist .pytest_cache .ruff_cache
