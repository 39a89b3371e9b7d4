# `make serve` and `make test` start from a fresh Debian or Ubuntu with Rust and Python 3; the rest is for those who
# change the code. All builds are release builds with the same settings, so that llama.cpp is compiled once.
.DEFAULT_GOAL := help
PYTHON ?= python3
PORT ?= 8080
HOST ?= 127.0.0.1
export PORT HOST MODEL LLAMA_SERVER TOKENIZER CASES ROUNDS

.PHONY: help serve test check fmt bench conformance measure model clean-state

help: ## What there is
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 14

serve: ## Install what is missing, build, fetch the default model, serve it (PORT=8080 HOST=127.0.0.1 MODEL=file.gguf)
	@$(PYTHON) scripts/serve.py

test: ## Everything that CI runs
	@$(PYTHON) scripts/test.py all

check: ## Before each commit: format, clippy, documentation, house rules, fast tests
	@$(PYTHON) scripts/test.py check

fmt: ## Format the code
	@cargo fmt --all

bench: ## The mask benchmark: BENCH="--tokenizer FILE --cases FILE ..."
	cargo bench --bench mask -- $(BENCH)

conformance: ## The official JSON Schema test suite and MaskBench's schemas, with tables (ESPALIER_RECORD=1 writes progress)
	cargo test --release --test conformance -- --nocapture

measure: ## The long measurements; results go to benches/record/
	@$(PYTHON) scripts/measure.py

model: ## Fetch the default model and print where it lies
	@$(PYTHON) scripts/models.py smollm2

clean-state: ## Remove downloads, environments and logs (.espalier); the build stays
	rm -rf .espalier
