# Every verb of this project. `make help` lists them.

.DEFAULT_GOAL := help
.PHONY: help venv
BIN := .venv/bin

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

venv: ## build .venv with everything for development (PYTHON=python3.13 asks for one)
	@PYTHON="$(PYTHON)" tools/venv.sh dev
