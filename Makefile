# Two commands set up and prove everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
SLO ?= p99=50ms,errors=0
BIN := $(VENV)/bin
# What serves must do without what trains: these tests run where torch is not installed.
TORCHLESS := tests/bundle tests/index tests/service
CODE := bundle couple exporter index loadtest service trainer tests benchmarks
ALERTS := deploy/prometheus
CHAOS := tests/index tests/e2e/test_convergence.py tests/e2e/test_durability.py tests/service/test_fuzz.py tests/service/test_outage.py tests/service/test_swaps.py tests/service/test_restart.py tests/e2e/test_drain.py tests/service/test_buckets.py tests/service/test_cluster.py
HOSTS := tests/e2e/test_hosts.py

.PHONY: setup demo test test-milvus chaos check openapi format bench bench-index bench-serve loadtest reproduce clean

setup: $(VENV)/.dev

demo: $(VENV)/.demo
	$(BIN)/couple demo

test: $(VENV)/.dev $(VENV)-torchless/.test
	$(VENV)-torchless/bin/python -m pytest -n 2 --dist loadgroup $(TORCHLESS)
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(TORCHLESS:%=--ignore=%)
	@echo "not run: tests/index/test_milvus.py and tests/service/milvus, which make test-milvus runs in an environment of its own"
	@echo "not run: $(HOSTS), which make chaos runs"

test-milvus: $(VENV)-milvus/.milvus-test
	$(VENV)-milvus/bin/python -m pytest -n 2 --dist loadgroup tests/index/test_milvus.py tests/service/milvus

# The same tests at full counts (hours).
chaos: $(VENV)/.dev
	COUPLE_CHAOS=1 $(BIN)/python -m pytest --timeout 7200 $(CHAOS)
	@if $(BIN)/python -m tests.e2e.network; then COUPLE_CHAOS=1 $(BIN)/python -m pytest $(HOSTS); \
	else echo "not run: $(HOSTS)"; fi

bench: $(VENV)/.dev bench-index
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/train.py
	$(BIN)/torchrun --standalone --nproc-per-node 2 -m benchmarks.processes
	$(BIN)/python benchmarks/interactions.py
	$(BIN)/python benchmarks/report.py

bench-index: $(VENV)/.dev
	$(BIN)/python benchmarks/index.py

# BUNDLE: a folder; `python -m benchmarks.serve_bundle FOLDER` makes one.
bench-serve: $(VENV)/.dev
	$(BIN)/python benchmarks/serve.py --bundle $(or $(BUNDLE),$(error name a folder: make bench-serve BUNDLE=bundle))

# Three minutes on a service of its own; RATE: requests a second, SLO: what must be met, OUT: where
# the page goes.
loadtest: $(VENV)/.dev
	$(BIN)/couple loadtest --bundle tests/golden/bundle --rate $(or $(RATE),50) --duration 40 \
		--scenario steady --scenario spike --scenario mixed --scenario ramp \
		--slo $(SLO) --out $(or $(OUT),.couple/loadtest)

# DATA: a prepared folder; REPORT: where the page and its runs go (hours; resumable).
reproduce: $(VENV)/.dev
	$(BIN)/couple reproduce --data $(or $(DATA),$(error name a folder: make reproduce DATA=data)) --out $(or $(REPORT),report)

check: $(VENV)/.dev
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if command -v promtool >/dev/null; then \
		promtool check rules $(ALERTS)/alerts.yaml && promtool test rules $(ALERTS)/*_test.yaml; \
	else echo "not checked: the alert rules, for want of promtool (Debian's package prometheus)"; fi

# After a change of the HTTP API: docs/openapi.json anew, refused where old clients would break.
openapi: $(VENV)/.dev
	$(BIN)/python -m tests.service.released $(BREAK)

format: $(VENV)/.dev
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

clean:
	rm -rf $(VENV) $(VENV)-torchless $(VENV)-milvus build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python $(VENV)-torchless/bin/python $(VENV)-milvus/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "couple needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(@:/bin/python=)

$(VENV)/.demo $(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
$(VENV)-torchless/.test: pyproject.toml | $(VENV)-torchless/bin/python
$(VENV)-milvus/.milvus-test: pyproject.toml | $(VENV)-milvus/bin/python
$(VENV)/.demo $(VENV)/.dev $(VENV)-torchless/.test $(VENV)-milvus/.milvus-test:
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[$(subst .,,$(@F))]'
	@touch $@
