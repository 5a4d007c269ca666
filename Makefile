# make demo      a first search and its analysis, with nothing to download
# make test      lint, types, unsafe calls and the quick tests: some minutes
# make test-slow the short forms of what needs processes of its own: faults, service, cluster, browser
# make test-all  everything: the quick tests on more examples, and all slow ones
# make check     the same without the tests
# make audit     known vulnerabilities of the tested versions; needs the network
# make browser   the tests of the report and of MLflow's pages in a browser
# make chromium  a browser for it, where there is none
# make service-test  the tracking service on a PostgreSQL of its own; installs what it needs
# make faults    searches killed, interrupted and cut off, and what is left: some 25 minutes
# make cluster   searches on real Ray clusters: nodes lost and added, jobs sent, stopped, resumed
# make slurm-test  searches on a real Slurm of two machines, made here: needs root; ten minutes
# make container-test  the images, built, run, and failed in parts: needs root; an hour and more
# make docs      the pages of docs/ as a site, in site/; installs what builds it
# make docs-test the commands of the pages, on the embedded data: a quarter of an hour; PAGES=... for some
# make locks     the images' dependencies with their hashes, from pyproject.toml and constraints.txt
# make sbom      bills of materials of the images, in sbom/
# make reference the page of all flags and keys, the schema of space files and the tables of results
# make results ROW=conv3  a row of docs/results.md from nothing, compared with its sealed test figure
# make bench     the figures of benchmarks/README.md; half an hour on two quiet cores
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

check: install
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(RUN) -m bandit --quiet --configfile pyproject.toml --recursive trainables search analysis benchmarks studies docs .ci

audit: install
	$(RUN) .ci/audit.py

# A file's tests stay in one process: they share its searches.
QUICK := -n 2 --dist loadfile
ANY := -m "slow or not slow"
test: check
	$(RUN) -m pytest $(QUICK)

# Those that only compute two at a time, then those that start and kill processes one after the other.
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

# Debian's Chromium, installed where there is none and this is root on a machine with apt-get.
# Elsewhere nothing happens, and the tests in a browser are skipped.
chromium:
	@command -v chromium || command -v chromium-browser || command -v google-chrome \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	     && apt-get update -qq \
	     && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium >/dev/null; } \
	|| echo "no Chromium here: the tests in a browser will be skipped"

# PostgreSQL's programs, as with Chromium; of Debian's package they are beside a cluster that it makes
# and starts by itself, unless it is told not to.
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

# As root it fills a disk too, of its own; else that is skipped.
faults: install
	$(RUN) tests/faults

cluster: install
	$(RUN) -m pytest $(ANY) tests/cluster

# Debian's Slurm, installed where there is none and this is root on a machine with apt-get. Its
# services are not started: the test starts its own, in namespaces that end with it.
slurm-test: install
	@command -v slurmctld >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	     && apt-get update -qq \
	     && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qq -y \
	        slurmctld slurmd slurm-client munge iproute2 >/dev/null; } \
	|| echo "no Slurm here: its test will be skipped"
	CONVOY_SLURM_TEST=1 $(RUN) -m pytest tests/submission/test_real_slurm.py

# Podman and buildah, with what makes base images of Debian's packages where no registry is reached;
# installed where one is missing and this is root on a machine with apt-get.
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
	    echo "the images are not tried: that needs root, podman and buildah," \
	        "which are installed where there is apt-get"; \
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

# Written beside its place first: the code reads what it replaces.
reference: install
	$(RUN) -m search.space.json_schema > configs/spaces/.schema && mv configs/spaces/.schema configs/spaces/space.schema.json
	$(RUN) docs/reference.py > docs/.reference && mv docs/.reference docs/reference.md
	$(RUN) docs/results.py

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
