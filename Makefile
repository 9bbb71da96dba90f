# The verbs of the house. `make` alone prints them.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
DEMO := runs/demo
PRETRAIN := runs/pretrain
SHIPPED := models/jamba-small

.DEFAULT_GOAL := help
.PHONY: help install demo pretrain golden test test-all lint format mlflow bench clean

help: ## print these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.core ## make .venv with what the program needs

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e '.[dev]'
	@touch $@ $(VENV)/.core

$(VENV)/.oracle: $(VENV)/.dev
	$(INSTALL) -e '.[dev,oracle]'
	@touch $@

# Seed 0 is that of the shipped weights. Without teachers: they take four trainings more.
demo: $(VENV)/.core ## train on 20 real stocks, judge beside the pre-trained model, backtest, report
	$(BIN)/forecasting train --prices sample --recipe jamba-small --seed 1 --out $(DEMO) --overwrite \
	  --set name=from-scratch --set training.distillation=null
	$(BIN)/forecasting audit $(DEMO) --prices sample
	$(BIN)/forecasting report $(DEMO) --prices sample --against $(SHIPPED) --out $(DEMO)/report.html

# After an interrupt it goes on; what is shipped is replaced at the very end.
pretrain: $(VENV)/.core ## train the shipped model again, audit and judge it, put it into models/
	$(BIN)/forecasting train --prices sample --recipe jamba-small --no-twin --out $(PRETRAIN) \
	  --resume --overwrite
	$(BIN)/forecasting audit $(PRETRAIN) --prices sample
	$(BIN)/forecasting evaluate $(PRETRAIN) --prices sample
	$(BIN)/forecasting publish $(PRETRAIN) --out $(SHIPPED) --overwrite

golden: $(VENV)/.dev ## write down again what the shipped model forecasts, for its test
	$(BIN)/python tests/goldens/rebuild_shipped_forecasts.py

test: $(VENV)/.dev ## run the tests (minutes; no network)
	$(BIN)/pytest -q -n 2 -m 'not slow and not oracle'

test-all: $(VENV)/.oracle ## run also the slow tests and the comparisons with other packages
	$(BIN)/pytest -q -n 2

lint: $(VENV)/.dev ## check style, types and who imports whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

format: $(VENV)/.dev ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.core ## print speed and memory of forecasting whole histories
	$(BIN)/python -m benchmarks.speed

mlflow: $(VENV)/.core ## open the MLflow UI on 127.0.0.1:5000
	MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false $(BIN)/mlflow server \
	  --host 127.0.0.1 --port 5000 --workers 1 --backend-store-uri sqlite:///runs/mlflow.db \
	  --artifacts-destination runs/mlartifacts

clean: ## remove the virtual environment and the caches; runs/ and data/store stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
