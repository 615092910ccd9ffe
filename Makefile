# Two commands for everybody: make demo, make test. Both set up what they need in .venv, once.
# Another Python or ansible-core: make test PYTHON=python3.12 CORE='ansible-core~=2.18.0' VENV=.venv-2.18

PYTHON ?= python3
CORE ?= ansible-core
VENV ?= .venv
TESTS ?= tests
ROUNDS ?= 5
ONLY ?=
READY = $(VENV)/.ready

.PHONY: demo test lint benchmark clean

demo: $(READY)
	@"$(VENV)/bin/python" -m tests.simulator.demo

test: $(READY)
	"$(VENV)/bin/python" -m pytest $(TESTS)

lint: $(VENV)/.ready-lint
	"$(VENV)/bin/ruff" check .
	"$(VENV)/bin/ruff" format --check .
	"$(VENV)/bin/yamllint" --strict .
	tests/mypy "$(VENV)/bin/mypy"

# Some ten minutes; shorter with ROUNDS=3, or ONLY=hcloud, which writes no page. Other clouds' plugins come with the newest core alone.
benchmark: $(VENV)-benchmark/.ready
	@"$(VENV)-benchmark/bin/python" -m tests.benchmark --rounds "$(ROUNDS)" --only "$(ONLY)"

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

$(VENV)-benchmark/.ready: requirements.txt tests/requirements-benchmark.txt
	"$(PYTHON)" -m venv "$(VENV)-benchmark"
	"$(VENV)-benchmark/bin/python" -m pip install --quiet --disable-pip-version-check "$(CORE)" \
	  $(if $(filter ansible-core,$(CORE)),ansible) -r tests/requirements-benchmark.txt
	@touch "$@"
