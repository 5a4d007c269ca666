# make demo      a first search and its analysis, with nothing to download
# make test      check the code and run the quick tests: some minutes
# make test-slow run short tests that need processes of their own: faults, service, cluster, browser
# make test-all  run everything: the quick tests on more examples, and all slow tests
# make check     lint, check types, and look for unsafe calls, without tests
# make audit     look up known vulnerabilities of the tested versions; needs the network
# make browser   test the report and MLflow's pages in a browser
# make chromium  install a browser for these tests if there is none
# make service-test  test the tracking service on its own PostgreSQL; installs what it needs
# make faults    kill, interrupt and cut off searches, and check their records: about 25 minutes
# make cluster   test searches on real Ray clusters: nodes lost and added, jobs sent, stopped, resumed
# make slurm-test  test searches on a real Slurm of two machines, made here: needs root; ten minutes
# make container-test  build and run the images, and let parts fail: needs root; over an hour
# make docs      build the pages of docs/ as a site in site/; installs what it needs
# make docs-test run the commands of the pages on embedded data: a quarter of an hour; PAGES=... for some
# make locks     write the images' dependencies with hashes, from pyproject.toml and constraints.txt
# make sbom      write the images' bills of materials to sbom/
# make reference write the page of all flags and keys, the schema of space files, and the tables of results
# make results ROW=conv3  repeat a row of docs/results.md from nothing, and compare its sealed test
# make bench     measure the figures of benchmarks/README.md; half an hour on two quiet cores
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: install demo check test test-slow test-all audit browser chromium postgresql service-test faults cluster \
	slurm-test container-test bench reference results docs docs-test locks sbom

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "installing into $(VENV): some 6 GB, a few minutes"
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: install
	$(RUN) -m convoy demo

# Spelled without mistakes; tests misspell words on purpose.
PROSE := README.md Makefile Dockerfile docs configs deploy .ci analysis benchmarks convoy search studies trainables
check: install
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(RUN) -m bandit --quiet --configfile pyproject.toml --recursive trainables search analysis benchmarks studies docs .ci
	$(RUN) -m codespell_lib $(PROSE)
	$(RUN) docs/plain_words.py
	$(RUN) -m pytest --quiet tests/docs/test_links.py

audit: install
	$(RUN) .ci/audit.py

# All tests of a file run in one process, as they share its searches.
QUICK := -n 2 --dist loadfile
ANY := -m "slow or not slow"
test: check
	$(RUN) -m pytest $(QUICK)

# Tests that only compute run two at a time; then those that start and kill processes run one by one.
SLOW := -m "slow and not long"
COMPUTING := tests/analysis tests/training tests/browser/test_report_page.py
test-slow: $(VENV)/.service postgresql chromium
	$(RUN) -m pytest $(QUICK) $(SLOW) $(COMPUTING)
	$(RUN) -m pytest $(SLOW) $(addprefix --ignore=,$(COMPUTING))

test-all: check $(VENV)/.service postgresql chromium
	$(RUN) -m pytest $(QUICK) --hypothesis-profile thorough
	$(RUN) -m pytest -m slow

browser: install chromium
	$(RUN) -m pytest $(ANY) tests/browser

# Installs Debian's Chromium if there is no browser, the user is root and apt-get exists.
# Otherwise the tests in a browser are skipped.
chromium:
	@command -v chromium || command -v chromium-browser || command -v google-chrome \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	     && apt-get update -qq \
	     && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium >/dev/null; } \
	|| echo "no Chromium here: the tests in a browser will be skipped"

# Installs PostgreSQL's programs in the same way. Debian's package would also make and start a
# database cluster of its own, which this setting prevents.
NO_CLUSTER := /etc/postgresql-common/createcluster.d/convoy.conf
postgresql:
	@command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	     && mkdir -p $(dir $(NO_CLUSTER)) && echo "create_main_cluster = false" > $(NO_CLUSTER) \
	     && apt-get update -qq \
	     && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y postgresql >/dev/null; } \
	|| echo "no PostgreSQL here: the tests of the tracking service will be skipped"
	@rm -f $(NO_CLUSTER)

$(VENV)/.service: $(VENV)/.installed
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[service]'
	@touch $@

service-test: $(VENV)/.service postgresql chromium
	$(RUN) -m pytest $(ANY) tests/service

# As root it also fills a disk of its own; otherwise that test is skipped.
faults: install
	$(RUN) tests/faults

cluster: install
	$(RUN) -m pytest $(ANY) tests/cluster

# Installs Debian's Slurm if there is none, the user is root and apt-get exists. Its services are
# not started: the test starts its own, in namespaces that end with it.
slurm-test: install
	@command -v slurmctld >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	     && apt-get update -qq \
	     && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qq -y \
	        slurmctld slurmd slurm-client munge iproute2 >/dev/null; } \
	|| echo "no Slurm here: its test will be skipped"
	CONVOY_SLURM_TEST=1 $(RUN) -m pytest tests/submission/test_real_slurm.py

# Installs Podman and buildah if one is missing, the user is root and apt-get exists; mmdebstrap
# makes base images from Debian's packages if no registry can be reached.
ENGINE := podman buildah runc mmdebstrap
container-test: install chromium
	@( for each in $(ENGINE); do command -v $$each >/dev/null || exit 1; done ) \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	     && apt-get update -qq \
	     && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y $(ENGINE) >/dev/null; } \
	|| true
	@if [ "$$(id -u)" = 0 ] && command -v podman >/dev/null && command -v buildah >/dev/null; then \
	    status=0; \
	    CONVOY_CONTAINER_TEST=1 $(RUN) -m pytest -p closing_table tests/containers || status=$$?; \
	    $(RUN) tests/containers || status=$$?; \
	    exit $$status; \
	else \
	    echo "the images are not tested: that needs root, podman and buildah," \
	        "which are installed if there is apt-get"; \
	fi

$(VENV)/.docs: $(VENV)/.installed
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

docs: $(VENV)/.docs
	$(RUN) -m mkdocs build --quiet --strict
	$(RUN) docs/loaded.py site
	@echo "open site/index.html; to search in it: $(RUN) -m http.server --bind 127.0.0.1 --directory site"

PAGES ?= $(shell grep -l '^```bash$$' docs/*.md)
docs-test: install
	$(RUN) docs/runnable.py $(PAGES)

# Each file is written under another name first, because the code reads the one that it replaces.
reference: install
	$(RUN) -m search.space.json_schema > configs/spaces/.schema && mv configs/spaces/.schema configs/spaces/space.schema.json
	$(RUN) docs/reference.py > docs/.reference && mv docs/.reference docs/reference.md
	PYTHONPATH=. $(RUN) docs/results.py

# It may take hours; the same command resumes it. --record in FLAGS writes its figures.
results: install
	@$(RUN) -m studies.results $(ROW) $(FLAGS)

locks: install
	$(RUN) .ci/locks.py

sbom: install
	$(RUN) .ci/sbom.py sbom

bench: install
	$(RUN) -m benchmarks.throughput --floor
	$(RUN) -m benchmarks.throughput --accuracy
	$(RUN) -m benchmarks.search
	$(RUN) -m benchmarks.overhead
	$(RUN) -m benchmarks.overhead --start 5
	$(RUN) -m benchmarks.scale
	$(RUN) -m benchmarks.driver
	$(RUN) -m benchmarks.searchers
	$(RUN) -m studies.selection
	$(RUN) -m studies.verdict
	$(RUN) -m studies.finals
