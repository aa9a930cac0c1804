# Everything a developer or an operator does with this repository. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
ENGINE := libs/engine/rheon_engine/_engine.abi3.so

PACKAGES := libs/protos libs/signaling libs/cluster libs/telemetry services/gateway services/media_node libs/cli
RUST_SOURCES := $(shell find libs/engine/crates libs/engine/Cargo.toml libs/engine/Cargo.lock -name '*.rs' -o -name 'Cargo.*')

export PYO3_BUILD_EXTENSION_MODULE := 1

##@ Use

.PHONY: run
run: setup ## Set everything up and start gateway and media node in one process with the demo page
	@exec $(VENV)/bin/rheon dev $(ARGS)

.PHONY: test
test: setup system-packages ## Set everything up and run every test
	cd libs/engine && cargo test --locked --workspace --exclude rheon-engine-python
	$(PY) -m pytest $(ARGS)

.PHONY: lint
lint: setup ## Linters, formatters and type checkers; changes nothing
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	cd libs/engine && cargo fmt --all --check
	cd libs/engine && cargo clippy --locked --workspace --all-targets -- -D warnings
	cd libs/client-js && npm install --no-package-lock --no-audit --no-fund --silent && npx --no-install tsc

.PHONY: format
format: setup ## Format Python and Rust sources
	$(VENV)/bin/ruff check --fix-only
	$(VENV)/bin/ruff format
	cd libs/engine && cargo fmt --all

.PHONY: bench
bench: setup system-packages ## Print the performance figures with their workloads
	$(PY) -m tests.bench $(ARGS)

.PHONY: fuzz
fuzz: ## Fuzz the engine's parsers and its worker until stopped (ARGS="TARGET --seconds N --seed S")
	cd libs/engine && cargo run --quiet --locked --profile test -p rheon-engine-fuzz -- $(ARGS)

##@ Maintain

.PHONY: proto
proto: setup ## Generate libs/protos from proto/
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(PY) -m grpc_tools.protoc -I proto \
	  --python_out=libs/protos --grpc_python_out=libs/protos --mypy_out=libs/protos --mypy_grpc_out=libs/protos \
	  $$(find proto -name '*.proto' | sort)

.PHONY: lock
lock: setup ## Resolve requirements*.in into the pinned locks (no index is named in them)
	$(call COMPILE,requirements)
	$(call COMPILE,requirements-dev)

COMPILE = $(VENV)/bin/uv pip compile --quiet --upgrade --python-version 3.11 --universal --generate-hashes \
	--no-emit-index-url --no-header --no-annotate $(1).in -o $(1).lock

.PHONY: clean
clean: ## Remove everything that was built
	rm -rf $(VENV) $(ENGINE) libs/engine/target libs/client-js/node_modules tests/e2e/peers/node/node_modules .artifacts

##@ Set-up (done by the targets above as needed)

.PHONY: setup
setup: $(VENV)/.ready $(ENGINE) ## Virtual environment with the pinned packages, and the engine in release mode

$(VENV)/.ready: requirements-dev.lock $(addsuffix /pyproject.toml,$(PACKAGES))
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or later is needed: install python3 and python3-venv." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed, this is $$($(PYTHON) --version): set PYTHON=… to another." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing: install python3-venv." >&2; exit 1; }
	@echo "Installing the pinned Python packages into $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(addprefix -e ,$(PACKAGES))
	@echo "$(CURDIR)/libs/engine" > "$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/rheon_engine.pth"
	@touch $@

.PHONY: engine
engine: $(ENGINE)

$(ENGINE): $(RUST_SOURCES)
	@command -v cargo >/dev/null || { echo "Rust is needed to build the packet engine: install rustc and cargo 1.88 or later (rustup does)." >&2; exit 1; }
	@echo "Building the packet engine …"
	@cd libs/engine && cargo build --quiet --release --locked -p rheon-engine-python
	@cp libs/engine/target/release/lib_engine.so $@.new && mv $@.new $@

.PHONY: system-packages
system-packages: ## Programs the tests need: redis-server, Chromium, Firefox
	@.ci/system-packages

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
