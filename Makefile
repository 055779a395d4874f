# What each target needs it makes by itself, in .venv; only Python 3.11 or newer must be there.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11, \
	$(shell $(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Processes that the tests are spread over: most tests wait more than they compute.
WORKERS ?= 3

# The tests start hundreds of processes: with bytecode at hand each takes half the time.
unexport PYTHONDONTWRITEBYTECODE

# Files or directories of manifests that `make up` runs: the examples that need no broker of yours.
PATHS ?= examples/hello examples/pipeline examples/cron

.PHONY: up test apiserver again slow faults e2e compose lint bench crds docs pages lock clean

up: .venv/up  ## Run everything on this machine: functions, gateway, embedded NATS.
	$(BIN)/tidegate up $(PATHS)

test: .venv/dev apiserver  ## Run all tests; ends with the lanes that ran and those left out, and why.
	$(BIN)/pytest -n $(WORKERS)

apiserver: .venv/dev  ## Build etcd and kube-apiserver for the tests, once; without Go they are left out.
	$(BIN)/python -m tests.fakes.kube_binaries

again: .venv/dev  ## Run once more the tests that failed in the last run, and name those that pass now.
	$(BIN)/pytest --last-failed --last-failed-no-failures none -rp

slow: .venv/dev apiserver  ## Run the longer forms of the fault tests.
	$(BIN)/pytest -m slow

faults: .venv/dev  ## Every fault on real brokers with 100,000 events: hours; see docs/faults.md.
	TIDEGATE_FAULTS=long $(BIN)/pytest tests/faults

e2e: .venv/dev apiserver  ## Make a cluster of one node here, as root, run tests/e2e on it, and remove it.
	$(BIN)/python -m tests.e2e.node

compose: .venv/dev  ## Run tests/compose: docker-compose.yml as README has it, on a Docker made here, as root, where there is none.
	$(BIN)/python -m tests.compose.engine

lint: .venv/dev  ## Style, types and the direction of imports.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev  ## CPU per event, side by side with what it may be compared to.
	$(BIN)/python -m benchmarks.dispatch

crds: .venv/dev  ## Write manifests/crds from the models.
	$(BIN)/python -m tidegate.api.crds manifests/crds

docs: .venv/dev  ## Build the documentation into site/, which opens without a server.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

pages: .venv/dev  ## Write the pages, tables and pictures of the documentation that are made from code.
	$(BIN)/python -m tests.unit.docs.generate

lock: .venv/dev  ## Resolve the dependencies anew into requirements/.
	$(PIP) install uv
	$(COMPILE) --upgrade $(EXTRAS) --group build pyproject.toml -o requirements/up.txt
	$(COMPILE) --upgrade $(EXTRAS) --extra kubernetes --group build --group dev pyproject.toml \
		-o requirements/dev.txt
	$(COMPILE) --constraint requirements/up.txt $(EXTRAS) pyproject.toml -o requirements/image.txt
	$(COMPILE) --constraint requirements/up.txt --group image -o requirements/build.txt
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate
EXTRAS := --extra embedded --extra kafka --extra kinesis

clean:  ## Remove what was made here, the virtual environment included.
	rm -rf .venv .tidegate site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

.venv/up: requirements/up.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; install it, or say make PYTHON=…" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) install --require-hashes -r requirements/up.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: requirements/dev.txt .venv/up
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
