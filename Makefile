# Two commands for everybody: make demo, make test. Both set up what they need in .venv, once.
# Another Python or ansible-core: make test PYTHON=python3.12 CORE='ansible-core~=2.18.0' VENV=.venv-2.18
# The others are sessions of nox, which sets up what each needs: see noxfile.py.

PYTHON ?= python3
CORE ?= ansible-core
VENV ?= .venv
TESTS ?= tests
ROUNDS ?= 5
ONLY ?=
READY = $(VENV)/.ready

.PHONY: demo test lint coverage docs mutation benchmark release-check clean

demo: $(READY)
	@trap "" INT; exec "$(VENV)/bin/python" -m tests.demo

test: $(READY)
	"$(VENV)/bin/python" -m pytest $(TESTS)

lint coverage docs mutation release-check: .venv-nox/.ready
	.venv-nox/bin/nox --session "$(subst -,_,$@)"

# Some ten minutes; shorter with ROUNDS=3, or ONLY=hcloud, which writes no page. Other clouds' plugins come with the newest core alone.
benchmark: $(VENV)-benchmark/.ready
	@"$(VENV)-benchmark/bin/python" -m tests.benchmark --rounds "$(ROUNDS)" --only "$(ONLY)"

clean:
	rm -rf .venv .venv-* .nox build .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*

$(READY): requirements.txt tests/requirements.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=python3.12")'
	"$(PYTHON)" -m venv "$(VENV)"
	"$(VENV)/bin/python" -m pip install --quiet --disable-pip-version-check "$(CORE)" -r tests/requirements.txt
	@touch "$@"

.venv-nox/.ready:
	"$(PYTHON)" -m venv .venv-nox
	.venv-nox/bin/python -m pip install --quiet --disable-pip-version-check nox uv
	@touch "$@"

$(VENV)-benchmark/.ready: requirements.txt tests/requirements-benchmark.txt
	"$(PYTHON)" -m venv "$(VENV)-benchmark"
	"$(VENV)-benchmark/bin/python" -m pip install --quiet --disable-pip-version-check "$(CORE)" \
	  $(if $(filter ansible-core,$(CORE)),ansible) -r tests/requirements-benchmark.txt
	@touch "$@"
