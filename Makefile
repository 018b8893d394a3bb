# Two commands on a fresh machine: `make run` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run test lint cover chaos survive soak fuzz sbom audit mutants bench bench-short store-growth web e2e e2e-clients fix pins clean package function-tree

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | column -t -s "$$(printf '\t')"

run: $(VENV)/ready ## set everything up and serve on http://127.0.0.1:8000
	$(BIN)/c1fn serve --page

test: $(VENV)/ready ## set everything up and run the tests
	$(BIN)/pytest -n 2 --dist loadfile # two at once: half of the time is spent waiting for processes to start

lint: $(VENV)/ready ## types and style, warnings are errors
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

cover: $(VENV)/ready ## run the tests and tell how far each room is covered by its own
	rm -f .coverage .coverage.*
	$(BIN)/pytest --cov --cov-context=test --cov-report=
	$(BIN)/python scripts/room_coverage.py

chaos: $(VENV)/ready ## long storms on the DynamoDB store, about a quarter of an hour; see docs/store.md
	$(BIN)/python scripts/chaos.py

survive: $(VENV)/ready ## kill 50 machines midway, and post one responseId from 16 clients 1,000 times
	$(BIN)/python scripts/survive.py kills
	$(BIN)/python scripts/survive.py once

soak: $(VENV)/ready ## half an hour of mixed turns and faults: nothing grows, every turn is accounted for
	$(BIN)/python scripts/soak.py

CHECK := .cache/check

fuzz: $(VENV)/ready $(CHECK)/ready ## what strangers do to it, a quarter of an hour of it; FUZZ=--short for a minute
	$(BIN)/python -m scripts.fuzz $(FUZZ)

sbom: $(CHECK)/ready ## what ships in the function, as a CycloneDX bill of materials: dist/sbom.json
	@mkdir -p dist
	$(CHECK)/bin/cyclonedx-py requirements requirements.txt --pyproject pyproject.toml --output-reproducible \
	  --of JSON -o dist/sbom.json

audit: $(CHECK)/ready ## ask PyPI for known weaknesses of everything that is pinned; needs the internet
	for pins in requirements*.txt; do \
	  $(CHECK)/bin/pip-audit --require-hashes --disable-pip -r $$pins || exit 1; \
	done

$(CHECK)/ready: requirements-check.txt
	$(PYTHON) -m venv --clear $(CHECK)
	$(CHECK)/bin/pip install --progress-bar off --require-hashes -r requirements-check.txt
	@touch $@

mutants: $(VENV)/ready ## take the store's conditions out one by one: each must be noticed
	$(BIN)/python scripts/mutants.py

BENCH := .cache/bench

bench: $(BENCH)/ready bench-function ## measure everything against its peers and write docs/performance.md; Linux, python3.13
	PRODUCT_PYTHON=$(abspath $(BIN)/python) $(BENCH)/bench/bin/python -m benchmarks

bench-short: $(BENCH)/ready bench-function ## the same once, for breakage only
	PRODUCT_PYTHON=$(abspath $(BIN)/python) $(BENCH)/bench/bin/python -m benchmarks --short

store-growth: $(VENV)/ready $(BENCH)/ready ## measure how the store grows on Amazon's DynamoDB Local, a quarter of an hour; needs java and npm
	$(BIN)/python benchmarks/store_growth.py
	$(BENCH)/bench/bin/python benchmarks/store_plot.py

.PHONY: bench-function
bench-function: # the tree that is measured: as it is deployed, for this machine
	$(FUNCTION_PYTHON) scripts/package.py $$(uname -m | sed s/aarch64/arm64/) --tree $(BENCH)/function

$(BENCH)/ready: requirements-bench.txt requirements-peers.txt $(VENV)/ready
	for name in bench peers; do \
	  $(FUNCTION_PYTHON) -m venv --clear $(BENCH)/$$name && \
	  $(BENCH)/$$name/bin/pip install --progress-bar off --require-hashes -r requirements-$$name.txt || exit 1; \
	done
	$(FUNCTION_PYTHON) -m venv --clear --without-pip $(BENCH)/bare
	@touch $@

web: $(VENV)/ready ## build the official client's page; needs Node and npm
	$(BIN)/python -m c1fn.local.page_build

e2e: web tests/e2e/node_modules/ready ## drive the page in Chromium; screenshots go to .cache/e2e
	@command -v chromium >/dev/null || { echo "chromium is missing: apt-get install chromium"; exit 1; }
	npm --prefix web run check
	E2E_PYTHON=$(abspath $(BIN)/python) node --test --test-reporter=spec tests/e2e/page.test.mjs

e2e-clients: $(VENV)/ready tests/e2e/node_modules/ready ## the same endpoint with four versions of the official client
	E2E_PYTHON=$(abspath $(BIN)/python) node --test --test-reporter=spec tests/e2e/clients.test.mjs

tests/e2e/node_modules/ready: tests/e2e/package-lock.json
	npm ci --prefix tests/e2e --no-audit --no-fund
	@touch $@

fix: $(VENV)/ready ## format, and mend what can be mended by machine
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Extras stay in the pins: pip before 23.3 does not see that `coverage==7` also pins `coverage[toml]`, takes the newest
# and then misses its hash.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-strip-extras --generate-hashes \
  --custom-compile-command "make pins"

PINNED := requirements requirements-dev requirements-bench requirements-peers requirements-check requirements-deploy

pins: $(VENV)/ready ## pin requirements*.in with hashes, for every supported Python; RENEW=--upgrade takes the newest
	for name in $(PINNED); do $(COMPILE) $(RENEW) $$name.in -o $$name.txt || exit 1; done

ARCH ?= arm64
FUNCTION_PYTHON ?= python3.13

package: ## build dist/function.zip; ARCH=arm64 (or x86_64)
	$(FUNCTION_PYTHON) scripts/package.py $(ARCH) --tree dist/$(ARCH) --zip dist/function.zip

function-tree: # what `sam build` asks for
	$(FUNCTION_PYTHON) scripts/package.py $(ARCH) --tree $(TREE)

DEPLOY := .cache/deploy
SAM := $(DEPLOY)/bin/sam

deploy-check: $(VENV)/ready $(DEPLOY)/ready scripts/osls/node_modules/ready ## lint and package with SAM and osls; needs PYTHON=python3.13 and npm
	DEPLOY_TOOLS=$(abspath $(DEPLOY)) $(BIN)/pytest tests/deploy

sam-local: $(DEPLOY)/ready ## every sample event through `sam local invoke`; needs a container engine
	$(SAM) build --parameter-overrides Architecture=$(ARCH)
	$(PYTHON) scripts/sam_local.py $(SAM) $(ARCH)

$(DEPLOY)/ready: requirements-deploy.txt
	$(PYTHON) -m venv --clear $(DEPLOY)
	$(DEPLOY)/bin/pip install --progress-bar off --require-hashes -r requirements-deploy.txt
	@touch $@

scripts/osls/node_modules/ready: scripts/osls/package-lock.json
	npm ci --prefix scripts/osls --ignore-scripts --no-audit --no-fund
	@touch $@

clean: ## remove everything that was made here
	rm -rf $(VENV) .cache dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

$(VENV)/ready: requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "c1fn needs Python 3.11 or later; name one: make PYTHON=python3.13 run")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --progress-bar off --require-hashes -r requirements-dev.txt
	$(BIN)/pip install --progress-bar off --no-build-isolation --no-deps --editable .
	@touch $@
