# Everything starts with `make run`. PYTHON is only the interpreter that .venv is made of (3.11 to 3.14).
PYTHON ?= python3
BIN := .venv/bin

# Byte-code makes a function start 4.5 times faster; a setting of someone's shell must not take that away.
unexport PYTHONDONTWRITEBYTECODE
unexport VIRTUAL_ENV

.DEFAULT_GOAL := help
.PHONY: help run demo test check docs routes bench chaos lock clean environment

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## start everything here, play the story, keep serving until Ctrl-C
	@$(PYTHON) shared/local/bootstrap.py --step '[1/5]'
	@$(BIN)/python -m shared.local run

demo: ## the same story, then stop; exits 0 only when every promise held
	@$(PYTHON) shared/local/bootstrap.py --step '[1/5]'
	@$(BIN)/python -m shared.local demo

test: environment ## all tests, against real PostgreSQL and Redis
	@$(BIN)/python -m pytest $(ARGS)

check: environment ## style, types, direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: environment ## remake the pages that are made from the code
	@$(BIN)/python -m shared.local.reference

routes: environment ## where there is no broker: print EVENT_ROUTES for GATEWAY=http://gateway.openfaas:8080
	@$(BIN)/python -m shared.local.routes $(GATEWAY)

bench: environment ## measured beside pgbench, as ratios
	@$(BIN)/python -m tests.benchmarks $(ARGS)

chaos: environment ## kill -9, over and over, and count what was lost
	@$(BIN)/python -m tests.faults $(ARGS)

lock: ## resolve requirements/dev.txt anew (needs uv; ARGS=--upgrade moves every version)
	@command -v uv >/dev/null || { echo 'make lock needs uv, the resolver: https://docs.astral.sh/uv'; exit 2; }
	@env -u PIP_FIND_LINKS uv pip compile --quiet --no-config pyproject.toml requirements/bootstrap.in \
	  --universal --python-version 3.11 --only-binary :all: --generate-hashes --no-annotate \
	  --custom-compile-command 'make lock' --extra cli --extra local --group dev \
	  --output-file requirements/dev.txt $(ARGS)

clean: ## remove .venv and everything that `make run` keeps
	@$(PYTHON) -m shared.local.clean

environment:
	@$(PYTHON) shared/local/bootstrap.py
