# make help lists the targets. One set of flags everywhere, or the build cache is worthless.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath -buildvcs=false
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
VENV := .venv
ONCE ?=

.DEFAULT_GOAL := test

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: demo
demo: venv build ## Show the whole product on an emulated AWS organization (ONCE=1: end by itself)
	@bin/asr demo --data .asr $(if $(ONCE),--once)

.PHONY: build
build: ## Build bin/asr
	@go build -ldflags '-s -w -X main.version=$(VERSION)' -o bin/asr ./cmd/asr

.PHONY: test
test: venv generated vet lint unit race fuzz-short size templates-check ## All that CI checks

.PHONY: unit
unit: ## Run all tests
	@go test -timeout 20m ./...

.PHONY: race
race: ## Run the race detector on the packages that import no AWS client (needs cgo)
	@CGO_ENABLED=1 go test -race . ./memory ./playbook ./policy ./yamlfile ./storetest ./worker

# What fuzzing found stands in testdata/fuzz, and make unit runs it again.
# A number of executions, not a time: on a busy machine go test may end a target
# whose time is over with "context deadline exceeded".
FUZZTIME ?= 10000x

.PHONY: fuzz
fuzz: ## Fuzz every parser, FUZZTIME (10000x, or 60s) each; PKG="./policy ./vault" only those of some packages
	@tools/fuzz.sh $(FUZZTIME) $(PKG)

.PHONY: fuzz-short
fuzz-short: ## Fuzz a little the parsers in packages without AWS clients
	@tools/fuzz.sh 1000x . ./audit ./cmd/asr/ask ./playbook ./policy ./server ./vault

.PHONY: vet
vet: ## Look for mistakes that compile, and for unformatted files
	@go vet ./...
	@test -z "$$(gofmt -l .)" || { echo "not formatted:"; gofmt -l .; exit 1; }

.PHONY: lint
lint: ## Run golangci-lint (built from tools/go.mod the first time)
	@cd tools && go build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@bin/golangci-lint run ./...

.PHONY: generate
generate: ## Write the generated files anew
	@go generate ./catalog
	@go run ./gen/artifacts
	@go run ./gen/thirdparty

.PHONY: generated
generated: ## Fail if a generated file is not as it should be
	@go run ./gen check
	@go run ./gen/artifacts -check
	@go run ./gen/thirdparty -check

# The CDK warns of Node 20, which is what stable systems have, with a large banner each time.
NODE20 := JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20

.PHONY: templates
templates: ## Write the CloudFormation templates, and their picture, anew (needs Node)
	@cd deploy && $(NODE20) go run . -out ../templates -packed ../deployed/packed -docs ../docs/deploy

.PHONY: templates-check
templates-check: venv ## Fail if a template is not as deploy/ makes it, or cfn-lint finds something
	@cd deploy && go vet ./... && $(NODE20) go test ./...
	@$(VENV)/bin/cfn-lint templates/*.yaml

.PHONY: deploy
deploy: ## Launch asr in an AWS organization: asks before it changes something (YES=1: doesn't)
	@deploy/launch.sh

.PHONY: lambda
lambda: ## Build the code of the deployed functions, bin/asr-lambda.zip (arm64)
	@GOOS=linux GOARCH=arm64 go build -tags lambda.norpc -ldflags '-s -w -X main.version=$(VERSION)' -o bin/lambda/bootstrap ./cmd/asr-lambda
	@TZ=UTC touch -t 198001010000 bin/lambda/bootstrap
	@cd bin/lambda && TZ=UTC && python3 -m zipfile -c ../asr-lambda.zip bootstrap

.PHONY: sbom
sbom: ## Write the SBOMs of the binaries, CycloneDX with licences, into bin/
	@mkdir -p bin
	@go run ./gen/thirdparty -sbom bin -version $(VERSION)

.PHONY: reproducible
reproducible: ## Build what is delivered twice, in different folders, and compare
	@gen/reproducible.sh

.PHONY: rehearse
rehearse: venv ## Deploy the templates into the emulator, send an event, and see the fix come out
	@go run ./cmd/rehearse

.PHONY: bench
bench: ## Measure speed and size, with the limits beside, into docs/dev/performance.md (QUICK=1: no million findings)
	@go build -o bin/bench ./bench
	@bin/bench -write docs/dev/performance.md $(if $(QUICK),-quick)

.PHONY: scale
scale: ## Simulate backlogs under limits: the tables and the picture of docs/deploy/scale.md
	@go run ./gen/scale

.PHONY: size
size: build ## Fail if the binary grows over 50 MB (50,000,000 bytes)
	@size=$$(stat -c %s bin/asr 2>/dev/null || stat -f %z bin/asr); echo "bin/asr: $$size bytes"; test $$size -le 50000000

.PHONY: venv
venv: $(VENV)/.done ## Install the emulator (moto, pinned) and what tests compare with into .venv

# Where PyPI can't be reached, a python3 that has the pinned moto will do; the
# sandbox itself checks the version, loudly.
$(VENV)/.done: sandbox/requirements.txt tools/requirements.txt
	@if python3 -m venv $(VENV) && $(VENV)/bin/pip install --quiet --disable-pip-version-check -r sandbox/requirements.txt -r tools/requirements.txt; then \
		touch $@; \
	else \
		rm -rf $(VENV); echo "PyPI can't be reached: using python3's own moto" >&2; python3 -c 'import moto'; \
	fi

.PHONY: clean
clean: ## Remove what was built, not the data
	@rm -rf bin $(VENV)
