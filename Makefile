# Each target is one command; the work is in localstack/, release/, tests/ and e2e/.

PYTHON3 ?= python3
PYTHON := .venv/bin/python
TARGET ?= local
export PYTHONDONTWRITEBYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help machine dev up down status order token logs tf build lint types unit terraform-check e2e test

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

machine:
	@$(PYTHON3) localstack/machine.py install local

dev:
	@$(PYTHON3) localstack/machine.py install dev

up: machine ## bring the local stack up; safe to repeat (PORT=, CART_PORT=, SMTP_PORT=, ENGINE=embedded|localstack)
	@$(PYTHON) -m localstack up

down: machine ## stop the local stack
	@$(PYTHON) -m localstack down

status: machine ## show engine, queues and mails
	@$(PYTHON) -m localstack status

order: machine ## place a demo order and follow it to the mails
	@$(PYTHON) -m localstack order

token: machine ## print the ID token of a seeded user (EMAIL=thandi@acme.example)
	@$(PYTHON) -m localstack token $(EMAIL)

logs: machine ## print a function's logs (FUNCTION=create_order, FOLLOW=1 to go on)
	@$(PYTHON) -m localstack logs $(FUNCTION) $(if $(FOLLOW),--follow)

tf: machine ## run Terraform against the local stack (ARGS="plan")
	@$(PYTHON) -m localstack.terraform $(ARGS)

build: machine ## build the eight packages into build/packages
	@$(PYTHON) -m release.build

lint: dev ## check style, format and the direction of imports
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@.venv/bin/lint-imports

types: dev ## check types
	@.venv/bin/mypy

unit: dev ## run unit and integration tests with coverage (ARGS="-k paging" to choose)
	@$(PYTHON) -m localstack.coverage $(ARGS)

terraform-check: dev ## terraform fmt, validate and test, without AWS
	@$(PYTHON) -m localstack.terraform check

e2e: dev ## drive orders through a stack (TARGET=local|dev|sit|prod, ARGS="-k paging" to choose)
	@$(PYTHON) -m pytest e2e --target $(TARGET) -n auto $(ARGS)

test: ## all of the above on a fresh stack of its own, as CI does
	@$(PYTHON3) localstack/machine.py install dev
	@$(PYTHON) -m localstack test
