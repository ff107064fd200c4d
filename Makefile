# Each target is one command; the work is in localstack/, release/, tests/ and e2e/.

PYTHON3 ?= python3
PYTHON := .venv/bin/python
TARGET ?= local
# What the tests record, and the pack that is drawn from it.
EVIDENCE ?= build/evidence
export EVIDENCE_DIR ?= $(EVIDENCE)
ARCHITECTURE ?= arm64
EMAIL ?= thandi@acme.example
# `make test` has a stack of its own, beside the one of `make up`.
TEST_STACK := build/test
# LocalStack runs functions in containers, which the fault proxy of this machine does not see.
FAULTS := $(if $(QUICK)$(filter localstack,$(ENGINE)),,--faults)
# Not LocalStack's: it is frozen with the libraries of its time, runs alone, on this machine, and holds nothing real.
LOCKS := $(filter-out requirements/localstack.txt,$(wildcard requirements/*.txt))
# What an engine of the conformance suite needs beyond the project.
TOOL := $(if $(filter conformance,$(MAKECMDGOALS)),$(filter moto,$(ENGINE))$(if $(filter localstack-host,$(ENGINE)),localstack))
# A command of an incident, by the name of its target: on the local stack, or in the account that the shell is in.
OPERATE = $(PYTHON) -m cli.ops $@ --target "$$TARGET"
# Of a rehearsal, which has the Cart service elsewhere.
VAR_FILE_OPTION = $(if $(VAR_FILE),--var-file "$$VAR_FILE")
# What a tool has made, and fonts.
NOT_OURS := \( -name .git -o -name .venv -o -name build -o -name .terraform -o -name '.*_cache' -o -name __pycache__ -o -name '*.ttf' \)

# What to do when a tool finds something, as the last line.
next = || { echo 'next: $(1)' >&2; exit 1; }
# The end-to-end tests: side by side, then those that want the stack for themselves, then those that are timed.
together = -n 4 -m "not alone"
alone = -m "alone and not timed$(if $(LONG),, and not long)"
timed = -m timed
PARTS = together $(if $(filter local,$(TARGET)$(QUICK)),alone timed)
E2E_NEXT = $(call next,`make e2e ARGS=--last-failed` runs what failed; `make status` and `make logs FUNCTION=…` show why)

# Libraries are compiled once, and not by each process anew, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE
# Terraform and its provider are Go: they hold some 100 MB more for a quarter less computing.
export GOGC ?= 400

.DEFAULT_GOAL := help
.PHONY: help local dev up down status preview console order token watch shell logs tf build release release-verify upload promote deploy record rollback drift history rehearse alarms queues dlq drop pause resume redrive query restore recover discard openapi lint security audit types unit terraform-check e2e test-up test-down e2e-fresh test-untimed test-timed test-checks evidence pack summary chaos bench load simulate conformance browser test

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

local:
	@$(PYTHON3) tooling/machine.py install local

dev:
	@$(PYTHON3) tooling/machine.py install dev

up: local ## bring the local stack up, or repair it (ENGINE=embedded|localstack PORT= CART_PORT= SMTP_PORT= CONSOLE_PORT= RELEASE_DIR=)
	@$(PYTHON) -m cli.ops stack up $(ENGINE:%=--engine %) $(PORT:%=--port %) $(CART_PORT:%=--cart-port %) $(SMTP_PORT:%=--smtp-port %) $(CONSOLE_PORT:%=--console-port %) $(RELEASE_DIR:%=--release-dir %)

down: local ## stop the local stack; what it held is gone
	@$(PYTHON) -m cli.ops stack down

status: local ## show engine, queues and mails
	@$(PYTHON) -m cli.ops stack status

preview: dev ## show every template with sample data, no stack and no AWS (PREVIEW_PORT=4574, ONCE=1 to only write, ACCEPT=1 to take the pictures as reviewed)
	@$(PYTHON) -m cli.ops stack preview $(PREVIEW_PORT:%=--port %) $(if $(ACCEPT),--accept,$(if $(ONCE),--once))

order: local ## place a demo order and follow it to the mails
	@$(PYTHON) -m cli.ops stack order

console: local ## open the page that shows the local stack: orders, journeys, mails, queues, alarms
	@$(PYTHON) -m cli.ops stack console

token: local ## print the ID token of a seeded user (EMAIL=thandi@acme.example)
	@$(PYTHON) -m cli.ops stack token $(EMAIL)

watch: local ## deploy what is saved in functions/, common/ or templates/ to the local stack within seconds
	@$(PYTHON) -m cli.ops stack watch

shell: local ## open a Python shell with clients of the local stack
	@$(PYTHON) -m cli.ops stack shell

logs: local ## print the logs of a function: in colour, or as JSON into a pipe (FUNCTION=create_order, FOLLOW=1 to go on)
	@$(PYTHON) -m cli.ops stack logs "$(FUNCTION)" $(if $(FOLLOW),--follow)

tf: local ## run Terraform against the local stack (ARGS="plan")
	@$(PYTHON) -m cli.ops stack terraform $(ARGS)

alarms: dev ## show the alarms that ring and their runbooks (ALARM=name, WAIT=seconds until quiet, TARGET=local|dev|sit|prod|failover)
	@$(OPERATE) $(if $(ALARM),--alarm "$$ALARM") $(if $(WAIT),--wait "$$WAIT")

queues: dev ## show what waits in queues and DLQs (TARGET=)
	@$(OPERATE)

dlq: dev ## show the messages in a DLQ and leave them there (QUEUE=bbws-order-pdf-local TARGET=)
	@$(OPERATE) "$$QUEUE"

drop: dev ## take a message that can never succeed out of a DLQ, into build/dropped (QUEUE= MESSAGE=id TARGET=)
	@$(OPERATE) "$$QUEUE" "$$MESSAGE"

pause: dev ## leave messages in a queue, as long as what they need is down (QUEUE= TARGET=)
	@$(OPERATE) "$$QUEUE"

resume: dev ## take messages out of a queue again (QUEUE= TARGET=)
	@$(OPERATE) "$$QUEUE"

redrive: dev ## put the messages of a DLQ back on their queue (QUEUE=bbws-order-pdf-local TARGET=local|dev|sit|prod)
	@$(OPERATE) "$$QUEUE"

query: dev ## run a saved query of the logs (NAME=errors|refused|trace|crashes|slow TEXT=id FUNCTION=create_order MINUTES=60 TARGET=)
	@$(OPERATE) "$$NAME" --text "$$TEXT" $(if $(FUNCTION),--function "$$FUNCTION") $(if $(MINUTES),--minutes "$$MINUTES")

restore: dev ## restore the orders table to a moment, beside the live one (AT=2026-11-24T10:00:00Z TARGET=)
	@$(OPERATE) --at "$$AT"

recover: dev ## put what is missing back from a restored table (FROM=table ORDER=id for one as it was, TARGET=)
	@$(OPERATE) --from "$$FROM" $(if $(ORDER),--order "$$ORDER")

discard: dev ## delete a restored table (FROM=table TARGET=)
	@$(OPERATE) --from "$$FROM"

build: local ## build the eight packages into build/packages, and import each alone
	@$(PYTHON) -m cli.release build

release: dev ## make a release of the commit in build/release (ARCHITECTURE=arm64|x86_64, HOST_PANGO=1 without Docker)
	@$(PYTHON) -m cli.release make --architecture $(ARCHITECTURE) $(if $(HOST_PANGO),--host-pango)

release-verify: dev ## compare build/release with its manifest
	@$(PYTHON) -m cli.release verify

upload: dev ## put build/release into DEV's release bucket
	@$(PYTHON) -m cli.release upload

# What a person chooses reaches the shell as a variable, never as a part of the command.
promote: dev ## copy a release to the next account (TO=sit|prod RELEASE=digest APPROVALS="tech-lead=NAME …")
	@$(PYTHON) -m cli.release promote "$$RELEASE" --to "$$TO" --approvals "$$APPROVALS"

deploy: dev ## plan, apply and shift a release (TO=dev|sit|prod|failover RELEASE=digest)
	@$(PYTHON) -m cli.release deploy $$RELEASE --to "$$TO" $(VAR_FILE_OPTION) $(if $(CANARY_SECONDS),--seconds "$$CANARY_SECONDS")

record: dev ## note that what was deployed passed its tests (TO=dev|sit|prod REPORT=build/e2e.xml)
	@$(PYTHON) -m cli.release record --to "$$TO" --report "$$REPORT"

rollback: dev ## give traffic and templates back to the release before (TO=dev|sit|prod RELEASE=another)
	@$(PYTHON) -m cli.release rollback $$RELEASE --to "$$TO"

drift: dev ## tell what differs from the release that is live, and raise the alert (TO=local|dev|sit|prod)
ifeq ($(TO),local)
	@$(PYTHON) -m cli.ops stack drift
else
	@$(PYTHON) -m cli.release drift --to "$$TO" $(VAR_FILE_OPTION)
endif

history: dev ## tell what had the traffic of an environment when (TO=dev|sit|prod|failover)
	@$(PYTHON) -m cli.release history --to "$$TO"

rehearse: dev ## rehearse the life of a release here: three accounts, a bad release, rollbacks, a lost region
	@$(PYTHON) -m cli.ops lab rehearse

openapi: dev ## write docs/openapi.json and docs/api.md, which describe the API, from the code
	@$(PYTHON) -m cli.release openapi

lint: dev ## check style, format, who imports whom, and the workflows
	@.venv/bin/ruff check . $(call next,`.venv/bin/ruff check --fix .` mends most of it)
	@.venv/bin/ruff format --check . $(call next,`.venv/bin/ruff format .` mends it)
	@.venv/bin/lint-imports --no-logo $(call next,docs/architecture.md says who may import whom)
	@.venv/bin/zizmor --offline --quiet .github $(call next,mend the workflow as the finding says)
	@.venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@.venv/bin/check-jsonschema --builtin-schema vendor.github-actions .github/actions/*/action.yml
	@.venv/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	@.venv/bin/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

# What may be a secret is sent to nobody to ask whether it is one.
# The tooling is there to run programs; each is a list of words, which no shell reads.
security: dev ## look for weaknesses in the code, and for secrets in all files
	@.venv/bin/bandit --quiet --recursive common functions $(call next,mend it: what runs in AWS has no exception)
	@.venv/bin/bandit --quiet --recursive tooling release ops evidence localstack labs cli --skip B404,B603,B607 \
	  $(call next,mend it or say in its line why it is none)
	@find . $(NOT_OURS) -prune -o -type f -print0 | xargs -0 .venv/bin/detect-secrets-hook --no-verify \
	  $(call next,take the secret out or mark what is none with `pragma: allowlist secret` and why)

# Not a part of `test`: the answer is PyPI's, and changes without a commit. No answer is a failure too (--strict).
audit: dev ## ask PyPI for known vulnerabilities of every locked library (AUDIT_URL=another OSV service)
	@printf '%s\n' $(LOCKS) | xargs -n 1 .venv/bin/pip-audit --strict --require-hashes --disable-pip \
	  --progress-spinner off $(AUDIT_URL:%=--vulnerability-service osv --osv-url %) --requirement \
	  $(call next,docs/decisions/0008-supply-chain.md says what an answer means)

types: dev ## check types
	@.venv/bin/mypy $(call next,mend the types; `make types` checks them again)

# By module, so that what its tests share, such as a plan, is made once and not by each worker.
unit: dev ## run unit and integration tests, with coverage (ARGS="-k paging" to choose)
	@.venv/bin/pytest tests/unit tests/integration -n auto --dist loadscope --cov $(ARGS) \
	  $(call next,`make unit ARGS="--last-failed --no-cov"` runs what failed)

terraform-check: dev ## terraform fmt, validate, test, and checkov; asks nothing of AWS
	@$(PYTHON) -m localstack.terraform check $(call next,`terraform fmt -recursive terraform` mends the format)
	@$(PYTHON3) tooling/machine.py install checkov
	@cd terraform && ../build/checkov-venv/bin/checkov --directory . --framework terraform --var-file env/prod.tfvars \
	  --skip-path tests --skip-download --quiet --compact $(call next,mend the resource or explain the exception beside it)

# Pytest's 5 says that ARGS left a part nothing to do. The pack is drawn after the last part, and when a test failed.
e2e: dev ## drive orders through a stack, draw the evidence (TARGET=local|dev|sit|prod|failover, ARGS="-k paging" to choose, QUICK=1 for fewer, LONG=1 for the runbooks too, REPORT=)
	@$(if $(filter together,$(PARTS)),rm -rf $(EVIDENCE)/records/$(TARGET))
	@tests=".venv/bin/pytest e2e --target $(TARGET) --evidence $(EVIDENCE)/records -o cache_dir=.pytest_cache/e2e"; \
	$(foreach part,$(PARTS),$$tests $($(part)) $(if $(filter together,$(part)),$(REPORT:%=--junitxml=%)) $(ARGS) $(if $(ARGS),|| [ $$? = 5 ]) &&) true; \
	status=$$?; $(if $(filter $(lastword $(PARTS)),together timed),,[ $$status = 0 ] ||) \
	$(PYTHON) -m cli.release evidence --target $(TARGET) || status=$$(( status ? status : 1 )); (exit $$status) $(E2E_NEXT)

evidence: dev ## draw the evidence of the last run again, in build/evidence/index.html (TARGET=local|dev|sit|prod|failover)
	@$(PYTHON) -m cli.release evidence --target $(TARGET)

pack: dev ## draw what a promotion is approved by, with its plan (TO=sit|prod RELEASE=digest)
	@$(PYTHON) -m cli.release pack "$$RELEASE" --to "$$TO" $(VAR_FILE_OPTION)

summary: dev ## write a few lines on the evidence to the workflow's summary (TARGET= of the tests, or TO=sit|prod to approve)
	@$(PYTHON) -m cli.release summary --target "$(TARGET)" $(if $(TO),--to "$$TO")

test-up: dev
	@export STACK_DIR=$(TEST_STACK); rm -rf $(TEST_STACK)/mail; \
	$(PYTHON) -m cli.ops stack down && $(PYTHON) -m cli.ops stack up --free-ports $(ENGINE:%=--engine %) $(FAULTS) $(RELEASE_DIR:%=--release-dir %)

test-down: dev
	@STACK_DIR=$(TEST_STACK) $(PYTHON) -m cli.ops stack down

# All of e2e-fresh that may be slow, and so may run beside other targets. In one recipe: between two, others would run first.
test-untimed: dev
	@export STACK_DIR=$(TEST_STACK); $(MAKE) --no-print-directory test-up && \
	$(MAKE) --no-print-directory e2e PARTS="$(filter-out timed,$(PARTS))" \
	$(if $(FAULTS),&& $(PYTHON) -m cli.ops lab chaos --short)

test-timed: dev
	@$(if $(filter timed,$(PARTS)),STACK_DIR=$(TEST_STACK) $(MAKE) --no-print-directory e2e PARTS=timed)

e2e-fresh: dev ## bring up a stack of its own on free ports, run the end-to-end tests and the short faults, take it down (RELEASE_DIR=build/release)
	@$(MAKE) --no-print-directory test-untimed && $(MAKE) --no-print-directory test-timed; \
	status=$$?; $(MAKE) --no-print-directory test-down; exit $$status

chaos: dev ## try the promises under faults, kills and restarts, on a stack of its own (SEED=11 to replay one, ORDERS=1000, LOAD=1 for a burst and ten steady minutes)
	@$(PYTHON) -m cli.ops lab chaos $(SEED:%=--seed %) $(ORDERS:%=--orders %) $(if $(LOAD),--load)

bench: dev ## measure cold starts, the API, the flow, invoices and cost beside their floors, on a stack of its own (PART=init for one, ROUNDS=3)
	@$(PYTHON) -m cli.ops lab bench $(PART:%=--part %) $(ROUNDS:%=--rounds %)

load: dev ## load the API at rising rates until it breaks, draw latency against rate (TARGET=local|dev|sit RATES=2,5,10 SECONDS=20 GATE=rate that must hold)
	@$(PYTHON3) tooling/machine.py install load
	@$(PYTHON) -m cli.ops lab load --target $(TARGET) $(RATES:%=--rates %) $(SECONDS:%=--seconds %) $(GATE:%=--gate %)

simulate: dev ## simulate what a load far above today's does to counter, partitions and quotas
	@$(PYTHON) -m cli.ops lab scale

conformance: dev ## try the service's use of AWS, call by call (ENGINE=embedded|moto|localstack-host|localstack, TARGET=dev, CHECK=1)
	@$(if $(TOOL),$(PYTHON3) tooling/machine.py install $(TOOL))
	@.venv/bin/pytest tests/conformance --engine $(or $(ENGINE),embedded) $(if $(filter dev,$(TARGET)),--target dev) $(CHECK:%=--check) $(ARGS)

browser:
	@$(PYTHON3) tooling/machine.py test

# What needs no stack takes what the end-to-end tests leave of the processors.
test-checks: dev
	@nice -n 10 $(MAKE) --no-print-directory unit lint security types terraform-check conformance CHECK=1

# The end-to-end tests take longest, since they wait for Terraform, queues and faults.
test: browser dev ## run lint, security, types, terraform-check, unit, conformance and e2e-fresh, as CI does
	@$(MAKE) --no-print-directory -j 3 -O test-untimed test-checks && \
	$(MAKE) --no-print-directory test-timed; \
	status=$$?; $(MAKE) --no-print-directory test-down; exit $$status
