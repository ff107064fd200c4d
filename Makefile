# Each target is one command; the work is in localstack/, release/, tests/ and e2e/.

PYTHON3 ?= python3
PYTHON := .venv/bin/python
TARGET ?= local
# What the tests record, and the pack that is drawn from it.
export EVIDENCE ?= build/evidence
ARCHITECTURE ?= arm64
EMAIL ?= thandi@acme.example
# `make test` has a stack of its own, beside the one of `make up`.
TEST_STACK := build/test
# LocalStack runs functions in containers, which the fault proxy of this machine does not see.
FAULTS := $(if $(filter localstack,$(ENGINE)),,--faults)
LOCKS := requirements/*.txt
# What a tool has made, and fonts.
NOT_OURS := \( -name .git -o -name .venv -o -name build -o -name .terraform -o -name '.*_cache' -o -name __pycache__ -o -name '*.ttf' \)

export PYTHONDONTWRITEBYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help local dev up down status order token logs tf build release release-verify upload promote deploy record rollback drift rehearse redrive openapi lint security audit types unit terraform-check e2e e2e-fresh evidence pack summary chaos test

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

local:
	@$(PYTHON3) localstack/machine.py install local

dev:
	@$(PYTHON3) localstack/machine.py install dev

up: local ## bring the local stack up, or repair it (ENGINE=embedded|localstack PORT= CART_PORT= SMTP_PORT= RELEASE_DIR=)
	@$(PYTHON) -m localstack up $(RELEASE_DIR:%=--release-dir %)

down: local ## stop the local stack; what it held is gone
	@$(PYTHON) -m localstack down

status: local ## show engine, queues and mails
	@$(PYTHON) -m localstack status

order: local ## place a demo order and follow it to the mails
	@$(PYTHON) -m localstack order

token: local ## print the ID token of a seeded user (EMAIL=thandi@acme.example)
	@$(PYTHON) -m localstack token $(EMAIL)

logs: local ## print the logs of a function (FUNCTION=create_order, FOLLOW=1 to go on)
	@$(PYTHON) -m localstack logs $(FUNCTION) $(if $(FOLLOW),--follow)

tf: local ## run Terraform against the local stack (ARGS="plan")
	@$(PYTHON) -m localstack.terraform $(ARGS)

redrive: dev ## put the messages of a DLQ back on their queue (QUEUE=bbws-order-pdf-local TARGET=local|dev|sit|prod)
ifeq ($(TARGET),local)
	@$(PYTHON) -m localstack redrive "$$QUEUE"
else
	@$(PYTHON) -m release redrive --to "$$TARGET" --queue "$$QUEUE"
endif

build: local ## build the eight packages into build/packages, and import each alone
	@$(PYTHON) -m release build

release: dev ## make a release of the commit in build/release (ARCHITECTURE=arm64|x86_64, HOST_PANGO=1 without Docker)
	@$(PYTHON) -m release make --architecture $(ARCHITECTURE) $(if $(HOST_PANGO),--host-pango)

release-verify: dev ## compare build/release with its manifest
	@$(PYTHON) -m release verify

upload: dev ## put build/release into DEV's release bucket
	@$(PYTHON) -m release upload

# What a person chooses reaches the shell as a variable, never as a part of the command.
promote: dev ## copy a release to the next account (TO=sit|prod RELEASE=digest APPROVALS="tech-lead=NAME …")
	@$(PYTHON) -m release promote --to "$$TO" --release "$$RELEASE" --approvals "$$APPROVALS"

deploy: dev ## plan, apply and shift a release (TO=dev|sit|prod|failover RELEASE=digest)
	@$(PYTHON) -m release deploy --to "$$TO" --release "$$RELEASE"

record: dev ## note that what was deployed passed its tests (TO=dev|sit|prod REPORT=build/e2e.xml)
	@$(PYTHON) -m release record --to "$$TO" --junit "$$REPORT"

rollback: dev ## give traffic and templates back to the release before (TO=dev|sit|prod RELEASE=another)
	@$(PYTHON) -m release rollback --to "$$TO" --release "$$RELEASE"

drift: dev ## tell what differs from the release that is live, and raise the alert (TO=dev|sit|prod)
	@$(PYTHON) -m release drift --to "$$TO"

rehearse: dev ## rehearse the life of a release here: three accounts, a bad release, rollbacks, a lost region
	@$(PYTHON) -m localstack.rehearsal

openapi: dev ## write docs/openapi.json, the API's description, from the code
	@$(PYTHON) -m release.openapi

lint: dev ## check style, format, who imports whom, and the workflows
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports --no-logo
	@.venv/bin/zizmor --offline --quiet .github
	@.venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@.venv/bin/check-jsonschema --builtin-schema vendor.github-actions .github/actions/*/action.yml
	@.venv/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml

# The tooling is there to run programs; each is a list of words, which no shell reads.
security: dev ## look for weaknesses in the code, and for secrets in all files
	@.venv/bin/bandit --quiet --recursive common functions
	@.venv/bin/bandit --quiet --recursive release localstack --skip B404,B603,B607
	@find . $(NOT_OURS) -prune -o -type f -print0 | xargs -0 .venv/bin/detect-secrets-hook

# Not a part of `test`: the answer is PyPI's, and changes without a commit. No answer is a failure too (--strict).
audit: dev ## ask PyPI for known vulnerabilities of every locked library (AUDIT_URL=another OSV service)
	@printf '%s\n' $(LOCKS) | xargs -n 1 .venv/bin/pip-audit --strict --require-hashes --disable-pip \
	  --progress-spinner off $(AUDIT_URL:%=--vulnerability-service osv --osv-url %) --requirement

types: dev ## check types
	@.venv/bin/mypy

unit: dev ## run unit and integration tests, with coverage (ARGS="-k paging" to choose)
	@.venv/bin/pytest tests -n auto --cov $(ARGS)

terraform-check: dev ## terraform fmt, validate and test; asks nothing of AWS
	@$(PYTHON) -m localstack.terraform check

# The pack is drawn whatever the tests say, and the tests' own status is kept.
e2e: dev ## drive orders through a stack, draw the evidence (TARGET=local|dev|sit|prod|failover, ARGS="-k paging" to choose, REPORT=)
	@rm -rf $(EVIDENCE)/records/$(TARGET)
	@tests=".venv/bin/pytest e2e --target $(TARGET) --evidence $(EVIDENCE)/records"; \
	$$tests -n 4 -m "not alone" $(REPORT:%=--junitxml=%) $(ARGS)$(if $(filter local,$(TARGET)), && $$tests -m alone $(ARGS)); \
	status=$$?; $(PYTHON) -m release.pack draw --stage $(TARGET) || exit $$(( status ? status : 1 )); exit $$status

evidence: dev ## draw the evidence of the last run again, in build/evidence/index.html (TARGET=local|dev|sit|prod|failover)
	@$(PYTHON) -m release.pack draw --stage $(TARGET)

pack: dev ## draw what a promotion is approved by, with its plan (TO=sit|prod RELEASE=digest)
	@$(PYTHON) -m release.pack approve --to "$$TO" --release "$$RELEASE"

summary: dev ## write a few lines on the evidence to the workflow's summary (TARGET= of the tests, or TO=sit|prod to approve)
	@$(PYTHON) -m release.pack summary --stage "$(TARGET)" $(if $(TO),--to "$$TO")

e2e-fresh: dev ## bring up a stack of its own on free ports, run the end-to-end tests and the short faults, take it down (RELEASE_DIR=build/release)
	@export STACK_DIR=$(TEST_STACK); rm -rf $(TEST_STACK)/mail; \
	$(PYTHON) -m localstack down && $(PYTHON) -m localstack up --free-ports $(FAULTS) $(RELEASE_DIR:%=--release-dir %) && \
	$(MAKE) --no-print-directory e2e $(if $(FAULTS),&& $(PYTHON) -m localstack.chaos --short); \
	status=$$?; $(PYTHON) -m localstack down; exit $$status

chaos: dev ## try the promises under faults, kills and restarts, on a stack of its own (SEED=11 to replay one, ORDERS=1000)
	@export STACK_DIR=build/chaos; rm -rf build/chaos/mail; \
	$(PYTHON) -m localstack down && $(PYTHON) -m localstack up --free-ports --faults && \
	$(PYTHON) -m localstack.chaos $(SEED:%=--seed %) $(ORDERS:%=--orders %); \
	status=$$?; $(PYTHON) -m localstack down; exit $$status

test: lint security types terraform-check unit e2e-fresh ## run all of the above, as CI does
