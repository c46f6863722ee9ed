# The verbs of this repository. `make` alone lists them.

# sqlx checks queries against .sqlx/, so no build asks for a database.
export SQLX_OFFLINE := true
export CARGO_TERM_PROGRESS_WHEN := never

.DEFAULT_GOAL := help
.PHONY: help demo demo-up demo-down test browser check bench fuzz image

help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

demo: demo-up ## start the demo and show the sign-ins of a NetScaler and of a VPN, step by step, and the portal
	@scripts/demo.sh

demo-up: ## start a directory and the appliance on loopback, in the background; writes .demo/env
	@scripts/demo-up.sh

demo-down: ## stop what demo-up started, and nothing else
	@scripts/demo-down.sh

test: ## set everything up and run every test
	@scripts/setup.sh test
	@scripts/browser.sh; journeys=$$?; scripts/test.sh && exit $$journeys

browser: ## set everything up and take the journeys through the pages, in Chromium
	@scripts/setup.sh test
	@scripts/browser.sh

check: ## what CI runs: formatting, lints, scripts, licences, compose file, then every test
	@scripts/check.sh
	@$(MAKE) --no-print-directory test

bench: ## measure against the peers, side by side
	@scripts/setup.sh test
	@scripts/bench.sh

fuzz: ## fuzz every parser of outside bytes for a short while each (FUZZ_SECONDS, default 30)
	@scripts/fuzz.sh

image: ## build the container image, run it next to a directory and a database, print its size
	@scripts/image.sh
