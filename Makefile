# The commands everybody uses: make demo, make test, make bench. Each sets up what it needs in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Two processes, each with one half of the files in order, so that what a file prepares is prepared once; who has done
# its half takes tests from the end of the other's.
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal
DEBIAN := pcscd vsmartcard-vpcd libpcsclite-dev gcc python3-dev python3-venv openssl opensc softhsm2 postgresql \
	chromium-headless-shell fonts-wqy-zenhei fonts-dejavu-core fonts-ocr-b systemd
# Programs and headers that stand for the packages above: when they are there, nothing is installed.
NEEDED := $(shell command -v pcscd >/dev/null 2>&1 || [ -x /usr/sbin/pcscd ] || echo pcscd) \
	$(shell [ -e /usr/lib/pcsc/drivers/serial/libifdvpcd.so ] || echo vpcd) \
	$(shell [ -e /usr/include/PCSC/winscard.h ] || echo winscard.h) \
	$(shell command -v gcc >/dev/null 2>&1 || echo gcc) \
	$(shell command -v openssl >/dev/null 2>&1 || echo openssl) \
	$(shell command -v opensc-tool >/dev/null 2>&1 || echo opensc-tool) \
	$(shell ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || echo postgres) \
	$(shell command -v chromium-headless-shell >/dev/null 2>&1 || echo chromium-headless-shell) \
	$(shell command -v systemd-analyze >/dev/null 2>&1 || echo systemd-analyze) \
	$(shell [ -e /usr/share/fonts/truetype/wqy/wqy-zenhei.ttc ] || echo wqy-zenhei) \
	$(shell [ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || echo dejavu) \
	$(shell [ -e /usr/share/fonts/opentype/ocr-b/OCRB.otf ] || echo ocr-b) \
	$(shell command -v softhsm2-util >/dev/null 2>&1 || echo softhsm2-util) \
	$(shell $(PYTHON) -c 'import ensurepip' >/dev/null 2>&1 || echo ensurepip)

.PHONY: help demo test coverage lint bench dist soak fuzz oracles setup packages clean

help:
	@echo 'make demo    one card by commands, a day of the service, then a desk, a hospital and a school to walk into'
	@echo 'make test    everything that must hold: lint, types, import rules, tests'
	@echo 'make bench   commands, bytes, times and start-up, each beside its floor'
	@echo 'make dist    what counters, desks and the service are installed from, into dist/ (needs python3-venv only)'
	@echo 'make lint    ruff, mypy and the import rules only'
	@echo 'make coverage the tests again, with the branches that they reach counted; takes half as long again'
	@echo 'make oracles cross-checks against independent software (needs node, a JDK, Maven, tesseract-ocr)'
	@echo 'make soak    the long versions of the random tests'
	@echo 'make fuzz    every decoder and a whole counter against made-up input; RUNS=1000000 inputs'
	@echo 'make clean   removes .venv, build and the state of the demo'

demo: setup
	@$(BIN)/python -m issuer.demo

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(PYTEST)

coverage: setup
	$(PYTEST) --cov --cov-report=term:skip-covered --cov-fail-under=85

bench: setup
	@$(BIN)/python -m tests.benchmarks

# The wheel with its constraints, and the units that lie beside the documents. Nothing of an older build gets into it.
dist:
	@rm -rf dist build/lib build/bdist.* build/wheel
	$(PYTHON) -m venv build/wheel
	build/wheel/bin/pip wheel -q --disable-pip-version-check --no-deps -w dist .
	@cp constraints.txt docs/permit-desk.service docs/permit-issuer.service dist/ && ls dist

oracles: setup
	$(BIN)/python -m pytest -o python_files='oracle_*.py' tests/oracles

soak: setup
	SOAK=1 $(BIN)/python -m pytest -n 2 tests/properties tests/hostile tests/simulator tests/vectors tests/service

fuzz: setup
	nice $(BIN)/python -m tests.fuzz --runs $${RUNS:-1000000} $${FUZZ_PYTHON:+--engine atheris --python $$FUZZ_PYTHON}

setup: packages $(STAMP)

packages:
	@if [ -n "$(strip $(NEEDED))" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo 'Installing Debian packages: $(DEBIAN)'; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(DEBIAN) >/dev/null; \
	  else \
	    echo 'Missing: $(strip $(NEEDED)). Run this once, then make again:'; \
	    echo '  sudo apt-get install $(DEBIAN)'; exit 1; \
	  fi; \
	fi

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	@echo 'Installing Python packages into $(VENV) (a minute or two, once)'
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build demo-state .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
