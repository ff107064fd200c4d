# Each target calls a program; `bin/ops --help`, `bin/release --help` and `bin/test --help` list everything else.

# A variable is an option only on make's command line, never from the shell's environment. No shell reads its value.
given = $(if $(findstring command line,$(origin $(1))),$(value $(1)))
option = $(if $(call given,$(1)),$(2) '$(subst ','\'',$(value $(1)))')
flag = $(if $(call given,$(1)),$(2))
# Refuses variables that a target does not take, such as misspelt ones, and line breaks, which would end a recipe's line.
space := $(subst ,, )
define newline


endef
definitions = $(subst \$(space),_,$(MAKEOVERRIDES))
whole = $(foreach name,$(1),$(if $(findstring $(newline),$(call given,$(name))),$(error \
  $(name) has a line break: leave it out)))
takes = $(call whole,$(1))$(if $(filter-out $(1:%=%=%),$(definitions)),$(error make $@ does not take \
  $(filter-out $(1:%=%=%),$(definitions)): it takes $(or $(1),no variable)))
pytest = $(if $(call given,ARGS),TEST_ARGUMENTS='$(subst ','\'',$(value ARGS))' )
ports = $(call option,PORT,--port) $(call option,CART_PORT,--cart-port) $(call option,SMTP_PORT,--smtp-port) \
  $(call option,CONSOLE_PORT,--console-port)

.DEFAULT_GOAL := help
.PHONY: help setup doctor up reset down images status order portal console preview watch logs test test-quick unit lint e2e conformance chaos bench load release rehearse

help: ## show these targets
	@$(call takes,)awk -F ':.*## ' '/^##@ / { print "\n" substr($$0, 5) } /^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

##@ Develop
setup: ## install what the tests need into .venv; other targets install what they need themselves (INSTALL=0 only shows)
	@$(call takes,INSTALL)bin/.python && python3 -E tooling/machine.py install dev

doctor: ## show what the machine lacks, and how it would be installed
	@$(call takes,)INSTALL=0 bin/.python && python3 -E tooling/machine.py doctor

up: ## bring the local stack up, or repair it; installs what is missing (INSTALL=0 only shows it; ENGINE=embedded|localstack-host|localstack PORT= CART_PORT= SMTP_PORT= CONSOLE_PORT= RELEASE_DIR=)
	@$(call takes,INSTALL ENGINE PORT CART_PORT SMTP_PORT CONSOLE_PORT RELEASE_DIR)bin/ops stack up $(call option,ENGINE,--engine) $(ports) $(call option,RELEASE_DIR,--release-dir)

reset: ## empty the local stack within seconds: orders and mails are deleted, users stay
	@$(call takes,)bin/ops stack reset

down: ## stop the local stack; its orders are gone
	@$(call takes,)bin/ops stack down

images: ## make stand-ins for the images of LocalStack and Lambda, where no registry can be reached (root on Debian)
	@$(call takes,)bin/ops stack images

order: ## place a demo order and follow it to the mails; brings the stack up first if there is none
	@$(call takes,)bin/ops stack order

portal: ## open a demo page that orders, follows the order and downloads its invoice (PORT=)
	@$(call takes,PORT)bin/ops stack portal $(call option,PORT,--port)

preview: ## show every template with sample data, without a stack (PORT= ONCE=1 to only write)
	@$(call takes,PORT ONCE)bin/ops stack preview $(call option,PORT,--port) $(call flag,ONCE,--once)

watch: ## run what is saved in functions/, common/ or templates/ on the local stack at once
	@$(call takes,)bin/ops stack watch

##@ Test
test: ## run what must pass before a pull request: lint, types, security, Terraform, unit, conformance, end-to-end tests
	@$(call takes,)bin/test all

test-quick: ## run lint, types, unit tests and one order end to end within a minute
	@$(call takes,)bin/test quick

unit: ## run unit and integration tests, with coverage (ARGS="-k paging" for pytest)
	@$(call takes,ARGS)$(pytest)bin/test unit

lint: ## check style, imports, workflows, types, security and the API document
	@$(call takes,)bin/test static

e2e: ## run the end-to-end tests on the local stack (ARGS="-k paging" QUICK=1 for fewer, LONG=1 for the runbooks too)
	@$(call takes,ARGS QUICK LONG TARGET REPORT)$(pytest)bin/test e2e $(call option,TARGET,--target) $(call option,REPORT,--report) $(call flag,QUICK,--quick) $(call flag,LONG,--long)

conformance: ## compare an engine with AWS, call by call (ENGINE=embedded|moto|localstack-host|localstack|dynamodb-local CHECK=1 ARGS=)
	@$(call takes,ENGINE CHECK ARGS)$(pytest)bin/test conformance $(call option,ENGINE,--engine) $(call flag,CHECK,--check)

chaos: ## check the promises under faults, on a separate stack (SEED=11 to replay one, ORDERS=1000, LOAD=1 without faults)
	@$(call takes,SEED ORDERS LOAD)bin/ops lab chaos $(call option,SEED,--seed) $(call option,ORDERS,--orders) $(call flag,LOAD,--load)

bench: ## measure cold starts, API, list, invoices and cost against baselines, on a separate stack (PART=api ROUNDS=3)
	@$(call takes,PART ROUNDS)bin/ops lab bench $(call option,PART,--part) $(call option,ROUNDS,--rounds)

load: ## load the local stack at rising rates until it breaks (RATES=2,5,10 SECONDS=20 GATE=rate that must hold SOAK=20 minutes)
	@$(call takes,TARGET RATES SECONDS GATE SOAK)bin/ops lab load --target $(or $(call option,TARGET,),local) $(call option,RATES,--rates) $(call option,SECONDS,--seconds) $(call option,GATE,--gate) $(call option,SOAK,--soak)

##@ Operate (alarms, queues, DLQs, restores: bin/ops --help)
status: ## show engine, queues and mails
	@$(call takes,)bin/ops stack status

console: ## open the page that shows the local stack: orders, traces, mails, queues, alarms (PORT=)
	@$(call takes,PORT)bin/ops stack console $(call option,PORT,--port)

logs: ## print the logs of a function: in colour, or as JSON into a pipe (FUNCTION=create_order FOLLOW=1)
	@$(call takes,FUNCTION FOLLOW)bin/ops stack logs $(call flag,FOLLOW,--follow) $(call option,FUNCTION,--)

##@ Release (promote, deploy, roll back: bin/release --help)
release: ## make a release of the commit in build/release (ARCHITECTURE=arm64|x86_64, HOST_PANGO=1 without Docker)
	@$(call takes,ARCHITECTURE HOST_PANGO)bin/release make $(call option,ARCHITECTURE,--architecture) $(call flag,HOST_PANGO,--host-pango)

rehearse: ## run GitHub's workflows here: three accounts, approvals, a bad release, rollbacks, a lost region
	@$(call takes,)bin/ops lab rehearse

.DEFAULT:
	@$(error there is no make $@: `make help`, `bin/ops --help`, `bin/release --help` and `bin/test --help` show what there is)
