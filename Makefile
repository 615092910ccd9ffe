# Two commands for everybody: make demo, make test. Both set up what they need in .venv, once. `make help` lists all.
# Another Python or ansible-core: make test PYTHON=python3.12 CORE='ansible-core~=2.18.0' VENV=.venv-2.18
# The others are sessions of nox, which sets up what each needs: see noxfile.py.

PYTHON ?= python3
CORE ?= ansible-core
VENV ?= .venv
TESTS ?= tests
ROUNDS ?= 5
ONLY ?=
READY = $(VENV)/.ready
CHECK_PYTHON = @"$(PYTHON)" -c 'import sys; \
  sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed, for example: make PYTHON=python3.12")'

TARGETS = help demo demo-events test lint docs coverage mutation benchmark release-check clean
# Directories that are named as a target, such as tests, would count as made.
UNKNOWN = $(filter-out $(TARGETS) %/.ready,$(MAKECMDGOALS))
$(if $(UNKNOWN),$(error There is no target '$(firstword $(UNKNOWN))'. 'make help' lists the targets))

.PHONY: $(TARGETS)

help: ## List the targets
	@awk -F ': .*## ' '/^[a-z-]+: .*## / {printf "make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(READY) ## Show the plugin at work on simulated nodes
	@trap "" INT; exec "$(VENV)/bin/python" -m tests.demo # which handles Ctrl-C as soon as it can

demo-events: $(VENV)-events/.ready ## Show Event-Driven Ansible at work on simulated nodes (needs Java)
	@"$(VENV)-events/bin/python" -m tests.simulator.demo_events

test: $(READY) ## Run the suite, or a part of it: TESTS=tests/unit/test_errors.py
	"$(VENV)/bin/python" -m pytest $(TESTS)

lint: .venv-nox/.ready ## Check style, types, spelling, workflows and licenses
docs: .venv-nox/.ready ## Build the documentation as web pages in build/docs, and check its links
coverage: .venv-nox/.ready ## List the lines and branches that no test reaches
mutation: .venv-nox/.ready ## List the changes to the code that no test notices (hours)
release-check: .venv-nox/.ready ## Do all of a release but the upload, in a copy
lint docs coverage mutation release-check:
	UV_PYTHON_DOWNLOADS=never .venv-nox/bin/nox --session "$(subst -,_,$@)"

# Some ten minutes; shorter with ROUNDS=3, or ONLY=hcloud, which writes no page. Other clouds' plugins come with the newest core alone.
benchmark: $(VENV)-benchmark/.ready ## Compare the plugin with those of other clouds (10 minutes)
	@"$(VENV)-benchmark/bin/python" -m tests.benchmark --rounds "$(ROUNDS)" --only "$(ONLY)"

clean: ## Remove all that these have made
	rm -rf .venv .venv-* .nox build .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*

$(READY): requirements.txt tests/requirements.txt
	$(CHECK_PYTHON)
	@echo '# Setting up $(VENV), once: this takes some seconds, up to a minute.'
	"$(PYTHON)" -m venv "$(VENV)"
	"$(VENV)/bin/python" -m pip install --quiet --disable-pip-version-check "$(CORE)" -r tests/requirements.txt
	@touch "$@"

$(VENV)-events/.ready: requirements.txt tests/requirements.txt tests/requirements-events.txt
	$(CHECK_PYTHON)
	"$(PYTHON)" -m venv "$(VENV)-events"
	"$(VENV)-events/bin/python" -m pip install --quiet --disable-pip-version-check "$(CORE)" -r tests/requirements-events.txt
	@touch "$@"

.venv-nox/.ready:
	$(CHECK_PYTHON)
	"$(PYTHON)" -m venv .venv-nox
	.venv-nox/bin/python -m pip install --quiet --disable-pip-version-check nox uv
	@touch "$@"

$(VENV)-benchmark/.ready: requirements.txt tests/requirements-benchmark.txt
	$(CHECK_PYTHON)
	"$(PYTHON)" -m venv "$(VENV)-benchmark"
	"$(VENV)-benchmark/bin/python" -m pip install --quiet --disable-pip-version-check "$(CORE)" \
	  $(if $(filter ansible-core,$(CORE)),ansible) -r tests/requirements-benchmark.txt
	@touch "$@"
