# The two main commands are make demo and make test. Both set up an environment in .venv once. `make help` lists all targets.
# To use another Python or ansible-core: make test PYTHON=python3.12 CORE='ansible-core~=2.18.0' VENV=.venv-2.18
# Most other targets are sessions of nox, which sets up an environment for each: see noxfile.py.

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
# make takes a directory with the name of a target, such as tests, for a target that is up to date.
UNKNOWN = $(filter-out $(TARGETS) %/.ready,$(MAKECMDGOALS))
$(if $(UNKNOWN),$(error There is no target '$(firstword $(UNKNOWN))'. 'make help' lists the targets))

.PHONY: $(TARGETS)

help: ## List the targets
	@awk -F ': .*## ' '/^[a-z-]+: .*## / {printf "make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(READY) ## Show the plugin at work on simulated nodes
	@trap "" INT; exec "$(VENV)/bin/python" -m tests.demo # which handles Ctrl-C as soon as it can

demo-events: $(VENV)-events/.ready ## Show Event-Driven Ansible at work on simulated nodes (needs Java)
	@trap "" INT; exec "$(VENV)-events/bin/python" -m tests.demo events

test: $(READY) ## Run the suite, or a part of it: TESTS=tests/unit/test_errors.py
	"$(VENV)/bin/python" -m pytest $(TESTS)

lint: .venv-nox/.ready ## Check style, types, spelling, workflows and licenses
docs: .venv-nox/.ready ## Build the documentation as web pages in build/docs, and check its links
coverage: .venv-nox/.ready ## List the lines and branches that no test covers
mutation: .venv-nox/.ready ## List the changes to the code that no test notices (hours)
release-check: .venv-nox/.ready ## Run all steps of a release except the upload, in a copy
lint docs coverage mutation release-check:
	UV_PYTHON_DOWNLOADS=never .venv-nox/bin/nox --session "$(subst -,_,$@)"

# This takes about ten minutes. ROUNDS=3 makes it shorter, and so does ONLY=hcloud, which does not write the page. The plugins of other
# clouds are installed with the newest core only.
benchmark: $(VENV)-benchmark/.ready ## Compare the plugin with those of other clouds (10 minutes)
	@"$(VENV)-benchmark/bin/python" -m tests.benchmark --rounds "$(ROUNDS)" --only "$(ONLY)"

clean: ## Remove all files that these targets created
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
