# Two commands are all that a user needs: `make serve` and `make test`. Each sets up what it needs first.
.PHONY: setup serve test lint bench lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

setup: $(VENV)/.complete

$(VENV)/.complete: pyproject.toml requirements.lock requirements-django42.lock scripts/setup
	PYTHON="$(PYTHON)" scripts/setup
	touch $@

serve: setup
	$(BIN)/partway serve

test: setup
	scripts/test

lint: setup
	scripts/check

bench: setup
	$(BIN)/python -m benchmarks

lock:
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --no-header --group dev --extra all pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
