# Every verb of this project. `make help` lists them.

.DEFAULT_GOAL := help
.PHONY: help run test test-all test-stacks test-rest test-rt chaos check audit format venv carriers docs texts changelog release lock migration pictures bench prove-move prove-guide prove-containers prove-notices prove-soak prove-faults prove-scale bench-servers faults clean
BIN := .venv/bin
DEMO ?= 1
export DEMO
# Python keeps what it compiled: without that each start of the portal takes ten seconds more.
unexport PYTHONDONTWRITEBYTECODE
TESTS ?= tests
# Test processes, as many as there are cores, or none but the first for one file; the tests of a file
# stay in one of them. And the order in which they run, which each run says of its own.
JOBS ?= auto
SEED ?= default
# Which pages to take pictures of; all if none is named.
PICTURES ?=
# Which faults to try, in code or (prove-faults) around the portal; all if none is named.
FAULTS ?=
# The version to release, and the private key (of ssh-keygen) that signs it.
VERSION ?=
SIGNING_KEY ?=
# What to measure.
BENCH ?= get write list
# For how long to soak (60) or to play chaos (30).
MINUTES ?=
# How many tickets to move, and URLs of SQLite databases of these sizes that are filled already.
SIZES ?= 10000,100000
AT ?=
# The programs that build images and run containers; docker and docker compose if none are named.
ENGINE ?=
COMPOSE ?=
# A checkout of networktocode/circuit-maintenance-parser, for its published mails.
SAMPLES ?=
# The forms of the guide to follow: one machine, several, or both.
FORMS ?= one,several
# Whether to soak both databases at the same time.
TOGETHER ?=

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: ## the portal with demo data (PORT=8123, PYTHON=python3.13, DATABASE_URL=... as wanted)
	@PYTHON="$(PYTHON)" tools/venv.sh run
	@echo 'make: loading the portal' >&2
	@exec $(BIN)/flask serve

test: ## all that a change needs (TESTS=tests/tickets for some, JOBS=4, SEED=17 for that order)
	@$(call pytest,-m "not slow")

test-all: ## every test, the slow ones too (the same settings)
	@$(call pytest)

test-stacks: ## only the clients of every SOAP stack, and the table of what each did
	@$(MAKE) --no-print-directory test-all TESTS=tests/stacks

test-rest: ## a hundred examples of each operation of REST, as administrator, on both databases
	@PYTHON="$(PYTHON)" tools/venv.sh dev
	@tools/test_programs.sh
	@unset DEMO; SCHEMATHESIS_EXAMPLES=100 $(BIN)/pytest -q -p no:randomly tests/api/test_schemathesis.py

test-rt: ## the exchange with a real Request Tracker 5 (installs Debian's, where that is allowed)
	@PYTHON="$(PYTHON)" tools/venv.sh dev
	@tools/rt_programs.sh
	@unset DEMO; PORTAL_TEST_RT=1 $(BIN)/pytest -q -p no:randomly tests/exchange/rt

define pytest
set -e; PYTHON="$(PYTHON)" tools/venv.sh dev; tools/test_programs.sh; unset DEMO; \
	$(BIN)/pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder --randomly-seed=$(SEED) $(1) $(TESTS)
endef

check: ## format, lint, types, floors, changelog fragments, words
	@PYTHON="$(PYTHON)" tools/venv.sh dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/fragments.py
	$(BIN)/python tools/words.py

format: ## format the code and mend what can be mended
	@tools/venv.sh dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

venv: ## .venv with everything for development (PYTHON=python3.13 asks for one)
	@PYTHON="$(PYTHON)" tools/venv.sh dev

carriers: ## .venv/carriers with circuit-maintenance-parser, for the setting CARRIER_READER
	@PYTHON="$(PYTHON)" tools/venv.sh carriers

docs: ## write docs/fields.md, native-service.md, partners-guide.md, rest.md, rest-coverage.md, permissions.md, house.svg from what they tell of
	@tools/venv.sh dev
	@$(BIN)/python tools/field_table.py >docs/fields.md.new
	@mv docs/fields.md.new docs/fields.md
	@$(BIN)/python tools/native_reference.py >docs/native-service.md.new
	@mv docs/native-service.md.new docs/native-service.md
	@$(BIN)/python tools/rest_reference.py >docs/rest.md.new
	@mv docs/rest.md.new docs/rest.md
	@$(BIN)/python tools/permission_table.py >docs/permissions.md.new
	@mv docs/permissions.md.new docs/permissions.md
	@$(BIN)/python tools/monitoring_guide.py >docs/partners-guide.md.new
	@mv docs/partners-guide.md.new docs/partners-guide.md
	@$(BIN)/python -m tests.api.coverage >docs/rest-coverage.md.new
	@mv docs/rest-coverage.md.new docs/rest-coverage.md
	@$(BIN)/python tools/house.py >docs/house.svg.new
	@mv docs/house.svg.new docs/house.svg

texts: ## gather all texts into translations/messages.pot; bring the catalogues there up to date
	@tools/venv.sh dev
	@mkdir -p translations
	@$(BIN)/pybabel -q extract -F pyproject.toml -k counted:1,2 --omit-header --no-location \
		-o translations/messages.pot app templates static
	@for catalogue in translations/*/LC_MESSAGES/messages.po; do [ -e "$$catalogue" ] || continue; \
		language="$$(basename "$$(dirname "$$(dirname "$$catalogue")")")"; \
		$(BIN)/pybabel -q update -i translations/messages.pot -d translations -l "$$language"; done
	@$(BIN)/pybabel -q compile -d translations

release: ## commit a version and build its wheel, signed, in dist/ (VERSION=0.4.0 SIGNING_KEY=~/.ssh/id_ed25519)
	@PYTHON="$(PYTHON)" tools/venv.sh release
	@unset DEMO; $(BIN)/python tools/release.py "$(VERSION)" "$(SIGNING_KEY)"

audit: ## known weaknesses of the pinned packages (exit code 3 of the tool: not checked)
	@PYTHON="$(PYTHON)" tools/venv.sh audit
	@$(BIN)/python tools/audit.py .venv/audit/bin/pip-audit

lock: ## write the pinned requirements from requirements*.in
	@tools/venv.sh dev
	$(BIN)/uv pip compile --no-config -q --universal --python-version 3.11 --generate-hashes --no-header requirements-pip.in -o requirements-pip.txt
	$(BIN)/uv pip compile --no-config -q --universal --python-version 3.11 --generate-hashes --no-header requirements-uv.in -o requirements-uv.txt
	$(BIN)/uv pip compile --no-config -q --universal --python-version 3.11 --generate-hashes --no-header requirements-audit.in -o requirements-audit.txt
	$(BIN)/uv pip compile --no-config -q --universal --python-version 3.11 --generate-hashes --no-header requirements-release.in -o requirements-release.txt
	$(BIN)/uv pip compile --no-config -q --universal --python-version 3.11 --generate-hashes --no-header requirements-carriers.in -o requirements-carriers.txt
	$(BIN)/uv pip compile --no-config -q --universal --python-version 3.11 --generate-hashes --no-header requirements.in -o requirements.txt
	$(BIN)/uv pip compile --no-config -q --universal --python-version 3.11 --generate-hashes --no-header requirements-dev.in -o requirements-dev.txt

migration: ## a new migration from the rows: make migration m="what changes"
	@tools/venv.sh dev
	@test -n "$(m)" || { echo 'make: say what changes: make migration m="..."' >&2; exit 2; }
	@unset DEMO; $(BIN)/flask db upgrade && $(BIN)/flask db migrate -m "$(m)"

pictures: ## screenshots of every page into pictures/ (PICTURES="list detail" some, --docs those of docs/, --manual the manual's)
	@tools/venv.sh dev
	@tools/test_programs.sh
	@unset DEMO; $(BIN)/python tools/pictures.py $(PICTURES)

bench: ## the partners' door against bare services (BENCH="get write list"), pages (BENCH=http), registry
	@tools/venv.sh dev
	@tools/bench_programs.sh
	@unset DEMO; $(BIN)/python -m bench $(BENCH)

chaos: ## two portals and a partner, killed and cut for MINUTES (30): what was lost or doubled (SEED=1)
	@tools/venv.sh dev
	@tools/test_programs.sh
	@unset DEMO; $(BIN)/python -m tests.exchange.chaos --minutes $(or $(MINUTES),30) --seed $(if $(filter default,$(SEED)),1,$(SEED))

prove-move: ## flask move of 10,000 and 100,000 tickets, into docs/proofs/move.md (SIZES=10000; AT="URL", filled before)
	@tools/venv.sh dev
	@unset DEMO; $(BIN)/python -m bench.prove_move --sizes $(SIZES) $(if $(AT),--at $(AT)) >docs/proofs/move.md.new
	@mv docs/proofs/move.md.new docs/proofs/move.md

prove-guide: ## deploy/README.md followed on bare Debian 13, into docs/proofs/guide.md (root; FORMS=one, some 15 minutes)
	@tools/venv.sh dev
	@unset DEMO; $(BIN)/python -m bench.guide --forms $(FORMS)

prove-containers: ## deploy/containers started, destroyed, restored, into docs/proofs/containers.md (root; ENGINE=podman)
	@tools/venv.sh dev
	@unset DEMO; ENGINE="$(ENGINE)" COMPOSE="$(COMPOSE)" $(BIN)/python -m bench.prove_containers

prove-upgrade: ## flask db upgrade from every release with SIZES tickets, into docs/proofs/upgrade.md (SIZES=10000)
	@tools/venv.sh dev
	@unset DEMO; $(BIN)/python -m bench.prove_upgrade --sizes $(SIZES) >docs/proofs/upgrade.md.new
	@mv docs/proofs/upgrade.md.new docs/proofs/upgrade.md

prove-notices: ## published mails of carriers, read and drafted, into docs/proofs/notices.md (SAMPLES=folder of the snapshot)
	@PYTHON="$(PYTHON)" tools/venv.sh dev
	@PYTHON="$(PYTHON)" tools/venv.sh carriers
	@test -n "$(SAMPLES)" || { echo 'make: SAMPLES=folder, a checkout of networktocode/circuit-maintenance-parser' >&2; exit 2; }
	@unset DEMO; $(BIN)/python -m bench.prove_notices "$(SAMPLES)" >docs/proofs/notices.md.new
	@mv docs/proofs/notices.md.new docs/proofs/notices.md

prove-soak: ## a mixed load of every door for MINUTES (60) on each database, into docs/proofs/soak.md (TOGETHER=1: at once)
	@tools/venv.sh dev
	@unset DEMO; $(BIN)/python -m bench.prove_soak --minutes $(or $(MINUTES),60) $(if $(TOGETHER),--together) \
		>docs/proofs/soak.md.new; status=$$?; mv docs/proofs/soak.md.new docs/proofs/soak.md; exit $$status

prove-faults: ## nodes killed, failover, full disks, clocks, a killed migration, into docs/proofs/faults.md (root; FAULTS="nodes" some)
	@tools/venv.sh dev
	@unset DEMO; $(BIN)/python -m bench.faults $(FAULTS) \
		>docs/proofs/faults.md.new; status=$$?; mv docs/proofs/faults.md.new docs/proofs/faults.md; exit $$status

prove-scale: ## times with SIZES tickets on both databases, into docs/proofs/scale.md (SIZES=10000,100000,1000000)
	@tools/venv.sh dev
	@unset DEMO; $(BIN)/python -m bench.prove_scale --sizes $(SIZES) >docs/proofs/scale.md.new
	@mv docs/proofs/scale.md.new docs/proofs/scale.md

bench-servers: ## measure the servers that are installed, under the SOAP door
	@tools/venv.sh dev
	@unset DEMO; $(BIN)/python tools/bench_servers.py

faults: ## try whether tests see faults, one after another (FAULTS="mail lock" some; half an hour)
	@tools/venv.sh dev
	@tools/test_programs.sh
	@$(BIN)/python tools/faults.py $(FAULTS)

clean: ## remove .venv, caches and node_modules; the database in instance/ stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis \
		tests/stacks/clients/node/node_modules
