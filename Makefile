# Everything starts with `make run`. PYTHON is only the interpreter that .venv is made of (3.11 to 3.14).
PYTHON ?= python3
BIN := .venv/bin
OVERLAY ?= functions
FUNCTIONS = $(patsubst functions/%/main.py,%,$(wildcard functions/*/main.py))
RESOLVE = env -u PIP_FIND_LINKS uv pip compile --quiet --no-config pyproject.toml --universal --python-version 3.11 \
  --only-binary :all: --generate-hashes --no-annotate --custom-compile-command 'make lock'

# Byte-code makes a function start 4.5 times faster; a setting of someone's shell must not take that away.
unexport PYTHONDONTWRITEBYTECODE
unexport VIRTUAL_ENV

.DEFAULT_GOAL := help
.PHONY: help run demo test check audit docs routes bench chaos chaos-short fuzz mutants redaction stack manifests images sbom lock clean environment

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## start everything here, play the story, keep serving until Ctrl-C
	@$(PYTHON) shared/local/bootstrap.py --step '[1/6]'
	@$(BIN)/python -m shared.local run

demo: ## the same story, then stop; exits 0 only when every promise held
	@$(PYTHON) shared/local/bootstrap.py --step '[1/6]'
	@$(BIN)/python -m shared.local demo

test: environment ## all tests, against real PostgreSQL and Redis
	@$(BIN)/python -m pytest $(ARGS)

check: environment ## style, types, direction of imports, constants and files that look like secrets
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m shared.local.leaks

audit: environment ## known vulnerabilities in what the images hold; asks osv.dev, so it needs the network
	@$(BIN)/python -m shared.local.audit $(ARGS)

docs: environment ## remake the pages that are made from the code
	@$(BIN)/python -m shared.local.reference

routes: environment ## where there is no broker: print EVENT_ROUTES for GATEWAY=http://gateway.openfaas:8080
	@$(BIN)/python -m shared.local.routes $(GATEWAY) $(if $(WAIT),--wait)

bench: environment ## measured beside pgbench, as ratios
	@$(BIN)/python -m tests.benchmarks $(ARGS)

chaos: environment ## kill -9, over and over, and count what was lost
	@$(BIN)/python -m tests.faults $(ARGS)

chaos-short: environment ## one round of each kind, in three minutes
	@$(BIN)/python -m tests.faults --short $(ARGS)

fuzz: environment ## 10,000 bad requests to each function, and count what was let in
	@$(BIN)/python -m tests.fuzz $(ARGS)

mutants: environment ## one small change at a time to every decision: a test must notice
	@$(BIN)/python -m tests.mutation $(ARGS)

redaction: environment ## recall for each type of secret, and how often something else is taken for one
	@$(BIN)/python -m tests.redaction $(ARGS)

stack: environment ## where there is no broker: remake the file that tells functions who wants which event
	@$(BIN)/python -m shared.local.stack routes $(GATEWAY) $(if $(WAIT),--wait)

manifests: ## everything that OVERLAY=functions applies to a cluster, on stdout
	@kubectl kustomize $(OVERLAY)

images: environment ## lay out each function's build, and print the commands that make the images: make images | sh
	@$(BIN)/python -m shared.local.stack images $(if $(EXTRA),--extra $(EXTRA))

sbom: environment ## what is in the images, as CycloneDX, on stdout
	@$(BIN)/python -m shared.local.materials

lock: ## resolve requirements/ anew (needs uv; ARGS=--upgrade moves every version)
	@command -v uv >/dev/null || { echo 'make lock needs uv, the resolver: https://docs.astral.sh/uv'; exit 2; }
	@$(RESOLVE) requirements/bootstrap.in --all-extras --group dev --output-file requirements/dev.txt $(ARGS)
	@set -e; for extra in $(FUNCTIONS) oidc; do \
	  $(RESOLVE) --extra $$extra --constraint requirements/dev.txt --output-file requirements/$$extra.txt $(ARGS); \
	done

clean: ## remove .venv and everything that `make run` keeps
	@$(PYTHON) -m shared.local.clean

# What it says goes beside the output of a target, never into it: make images | sh
environment:
	@$(PYTHON) shared/local/bootstrap.py >&2
