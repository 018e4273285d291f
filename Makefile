# Every task of this project; `make help` lists them. Each one sets up what it needs first.
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
# Where it is set, every process of thousands compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
READY := .venv/.ready
NATIVE := .venv/.native
FUZZER := build/fuzz/library
C_SOURCES := $(shell find capture dags -name '*.[ch]' 2>/dev/null)
# What setup.py makes a header of.
KINDS := capture/events/kinds.py capture/events/kinds_header.py
# Tests run in twice as many processes as there are cores: half of their time is waiting. WORKERS=0 runs them in one, in
# order.
WORKERS := $(shell expr $$(nproc) \* 2)
STRICT_C := CFLAGS="$(CFLAGS) -Werror"

.PHONY: help setup demo test check format bench gallery soak fuzz interpreters fresh bundle clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(NATIVE) ## .venv with the scope-gui command in it (compiler and headers included)

$(READY): packaging/constraints.txt packaging/make_venv.sh packaging/system_packages.sh pyproject.toml
	@sh packaging/make_venv.sh
	@touch $@ $(NATIVE)

$(NATIVE): $(READY) setup.py $(C_SOURCES) $(KINDS)
	@$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

demo: setup ## the window on a live order service; without a display: pictures of it, and the tour in words
	@$(BIN)/python resources/demo/window_tour.py

test: setup ## everything a change must pass: check, then all tests on the interpreters found
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check interpreters
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

check: setup ## style, types, import contracts, C format and warnings; seconds, no tests
	@$(STRICT_C) $(BIN)/python setup.py --quiet build_ext --force --build-temp build/strict --build-lib build/strict
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if [ -x $(BIN)/clang-format ]; then \
	    echo "clang-format --dry-run"; $(BIN)/clang-format --dry-run --Werror $(C_SOURCES); \
	else echo "skipped: the format of the C files (no clang-format in .venv)"; fi

format: setup ## rewrite Python and C files in the project's format
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .
	@$(BIN)/clang-format -i $(C_SOURCES)

bench: setup ## the figures of Scope beside VizTracer and cProfile, measured here
	$(BIN)/python -m tests.bench

gallery: setup ## pictures of every view, theme, size and state in out/gallery, on a display of its own
	$(BIN)/python -m tests.gallery $(GALLERY_ARGS)

soak: setup interpreters ## the long safety runs: hundreds of attaches and kills
	SCOPE_SOAK=1 $(BIN)/python -m pytest -m "soak or sampled" --timeout 3600 -o faulthandler_timeout=0 $(PYTEST_ARGS)

fuzz: setup $(FUZZER) ## hostile bytes into every reader for 10 minutes; FUZZ_SECONDS=60 FUZZ_TARGET="pool parquet" for less
	$(BIN)/python -m tests.fuzz

$(FUZZER): packaging/fuzz.txt
	@rm -rf $@ && mkdir -p $@
	@$(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet --no-deps --only-binary=:all: \
	    --require-hashes --requirement=packaging/fuzz.txt --target=$@ \
	    || echo "going on without atheris: inputs are changed by chance, and no edges are followed"

interpreters: setup ## fetch the Pythons that this system lacks into .tools/, and libraries for them; tests run on those found
	@$(BIN)/python packaging/fetch_python.py $$($(BIN)/python -m tests.interpreters --missing) \
	    || echo "going on without them: their tests are skipped"
	@$(BIN)/python -m tests.thirdparty

fresh: ## make demo and make test on a bare Debian in a folder, made for that and removed (root)
	@sh packaging/fresh.sh

bundle: setup interpreters ## dist/scope-gui-VERSION-linux-ARCH.tar.gz, which runs without a Python; made and tried
	$(BIN)/python packaging/bundle

clean: ## remove what the tasks above made (sessions outside out/ stay)
	rm -rf .venv .tools build dist out *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find capture dags -name '*.so' -delete
	rm -f capture/native/scope_kinds.h
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
