# Two commands do everything on a fresh machine with Python 3.11 and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
DEMO_VENV := .venv-demo
DATA ?=
# The CPU build of torch where one is offered; any build of this version elsewhere.
TORCH := torch==2.13.0
JOBS ?= auto
HOUSE := out/house
C_SOURCES := $(wildcard common/isthmus/*/_*.c common/isthmus/*/*/_*.c)

COVERED := tests/common tests/edge tests/cloud tests/codec tests/command tests/end_to_end

.PHONY: help demo test coverage types check format protos figures clean

help:
	@echo "make demo [DATA=path]  set up, start a cloud and an edge; clouds, a photograph and a video cross (no torch)"
	@echo "make test              set up the development environment and run all tests (JOBS=1: in one process)"
	@echo "make coverage          run the tests of what an edge and a cloud run, and count the lines that they reach"
	@echo "make check             lint, types, import contract, drift checks"
	@echo "make format            format the code"
	@echo "make protos            generate the protobuf modules again"
	@echo "make figures           write measured figures into README and docs again"

# The demo's environment is a user's: the edge, the cloud and the plots, and no torch.
$(DEMO_VENV)/ready: pyproject.toml hatch_build.py $(C_SOURCES)
	$(PYTHON) -m venv $(DEMO_VENV)
	$(DEMO_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[measure]'
	touch $@

demo: $(DEMO_VENV)/ready
	$(DEMO_VENV)/bin/isthmus demo $(if $(DATA),--data $(DATA))

$(VENV)/ready: pyproject.toml hatch_build.py $(C_SOURCES)
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check '$(TORCH)'
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

# All tests, in as many processes as there are cores. Their time stays in out/house, for
# `python -m isthmus.measure.house`.
test: $(VENV)/ready
	$(VENV)/bin/python -m pytest -n $(JOBS) --junitxml=$(HOUSE)/tests.xml

# The lines of common, edge, cloud and the Python API that their tests ran; fewer than pyproject.toml asks for is a
# failure. A run of its own: to count costs as much time again as a third of all tests takes, and training and measuring
# are not counted.
coverage: $(VENV)/ready
	$(VENV)/bin/python -m pytest -n $(JOBS) $(COVERED) --cov --cov-report=term:skip-covered --cov-report=json:$(HOUSE)/coverage.json

types: $(VENV)/ready
	$(VENV)/bin/mypy common models edge cloud measure command scripts benchmarks examples tests

check: types
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/python scripts/generate_protos.py --check
	$(VENV)/bin/python -m isthmus.measure.document --check

format: $(VENV)/ready
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

protos: $(VENV)/ready
	$(VENV)/bin/python scripts/generate_protos.py

figures: $(VENV)/ready
	$(VENV)/bin/isthmus measure summary
	$(VENV)/bin/python -m isthmus.measure.document --write

clean:
	rm -rf $(VENV) $(DEMO_VENV) build dist out .pytest_cache .mypy_cache .ruff_cache
