# Two commands for everybody: make demo, make test. Both set up what they need in .venv, once.
# Another Python or ansible-core: make test PYTHON=python3.12 CORE='ansible-core~=2.18.0' VENV=.venv-2.18

PYTHON ?= python3
CORE ?= ansible-core
VENV ?= .venv
TESTS ?= tests
READY = $(VENV)/.ready

.PHONY: demo test lint clean

demo: $(READY)
	@"$(VENV)/bin/python" -m tests.simulator.demo

test: $(READY)
	"$(VENV)/bin/python" -m pytest $(TESTS)

lint: $(VENV)/.ready-lint
	"$(VENV)/bin/ruff" check .
	"$(VENV)/bin/ruff" format --check .
	"$(VENV)/bin/yamllint" --strict .
	tests/mypy "$(VENV)/bin/mypy"

clean:
	rm -rf .venv .venv-* .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(READY): requirements.txt tests/requirements.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=python3.12")'
	"$(PYTHON)" -m venv "$(VENV)"
	"$(VENV)/bin/python" -m pip install --quiet --disable-pip-version-check "$(CORE)" -r tests/requirements.txt
	@touch "$@"

$(VENV)/.ready-lint: tests/requirements-lint.txt $(READY)
	"$(VENV)/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/requirements-lint.txt
	@touch "$@"
