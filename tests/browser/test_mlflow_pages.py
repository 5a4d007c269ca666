"""MLflow's pages of a search, as ``python -m search.ui`` serves them, in a browser."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest
from conftest import ROOT, FinishedSearch, copied_store
from playwright.sync_api import Browser, Page, expect

from analysis.run import main as analyse
from search.commands.mlflow_pages import HOST
from search.ui import main as show

pytestmark = pytest.mark.slow
SLOW = 120_000  # ms that a page may take on a busy machine


@dataclass(frozen=True)
class Served:
    """The command under way, and the addresses that it has printed."""

    process: subprocess.Popen
    base: str
    addresses: dict[str, str]


def started(out) -> Served:
    command = [sys.executable, "-m", "search.ui", "--out", str(out), "--search", "small"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.strip())
        if line.startswith("Ctrl-C"):
            break
    base = lines[0].split()[-1]
    return Served(process, base, dict(line.split() for line in lines[1:-1]))


def processes_of(process: subprocess.Popen) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


@pytest.fixture(scope="module")
def served(finished: FinishedSearch, tmp_path_factory) -> Iterator[Served]:
    """Of a copy of the records: an analysis adds to them."""
    folder = tmp_path_factory.mktemp("served")
    uri = copied_store(finished, folder)
    asked = ["--search", "small", "--only", "curves", "--out", str(folder / "analysis")]
    assert analyse([*asked, "--tracking-uri", uri]) == 0
    running = started(folder)
    yield running
    running.process.send_signal(signal.SIGINT)
    running.process.wait(timeout=300)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 1200})
    page.set_default_timeout(SLOW)
    expect.set_options(timeout=SLOW)
    yield page
    page.close()


def test_the_pages_are_on_loopback_alone_and_none_does_jobs(served):
    found = [served.process, *processes_of(served.process)]
    listening = {
        each.laddr
        for process in found
        for each in psutil.Process(process.pid).net_connections("inet")
        if each.status == psutil.CONN_LISTEN
    }
    assert {place.ip for place in listening} == {HOST}
    assert not [each for each in found[1:] if "huey" in " ".join(each.cmdline())]


def test_the_list_of_searches_has_the_best_and_the_baseline_as_columns(served, finished, page):
    page.goto(served.addresses["searches"])
    row = page.get_by_role("link", name="small", exact=True)
    expect(row).to_be_visible()
    for column in ("baseline_val_accuracy", "best_val_accuracy"):
        expect(page.get_by_text(column).first).to_be_visible()
    best = finished.summary["best"]["val_accuracy"]
    expect(page.get_by_text(f"{best:.3f}".rstrip("0")).first).to_be_visible()


def test_the_searchs_page_tells_its_result_first(served, finished, page):
    page.goto(served.addresses["search"])
    best = finished.summary["best"]["val_accuracy"]
    expect(page.get_by_text(f"{100 * best:.2f}%").first).to_be_visible()
    page.get_by_text("Show more").click()
    expect(page.get_by_text("python -m search.replay small").first).to_be_visible()
    expect(page.locator("td", has_text="baseline").first).to_be_visible()


def test_the_comparison_shows_the_best_trials(served, page):
    page.goto(served.addresses["compare"])
    expect(page.get_by_text("Comparing 5 Runs from 1 Experiment").first).to_be_visible()
    expect(page.get_by_text("small-000-baseline").first).to_be_visible()


def test_the_comparison_opens_on_the_validation_accuracy(served, page):
    page.goto(served.addresses["compare"])
    chosen = page.locator("[class*=select-selection-item-content]")
    expect(chosen.get_by_text("val_accuracy", exact=True).first).to_be_visible()
    expect(chosen.get_by_text("train_loss", exact=True)).to_have_count(0)


def test_the_curves_of_the_best_trials_are_drawn(served, page):
    page.goto(served.addresses["curves"])
    expect(page.locator(".js-line").first).to_be_visible()
    expect(page.get_by_text(re.compile(r"small-\d+.*\(val_accuracy\)")).first).to_be_visible()


def test_the_winners_artifacts_show_its_report_and_figures(served, finished, page):
    run, home = finished.summary["best"]["run_id"], served.addresses["search"].split("/runs/")[0]
    page.goto(f"{home}/runs/{run}/artifacts/analysis/figures/curves.png")
    expect(page.get_by_role("img", name="analysis/figures/curves.png")).to_be_visible()
    page.get_by_text("report.html", exact=True).click()
    report = page.frame_locator("iframe")
    expect(report.get_by_text("certified: the reloaded weights give").first).to_be_visible()


def test_of_a_server_that_runs_already_the_addresses_are_told(served, capsys):
    assert show(["--tracking-uri", served.base, "--search", "small"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert dict(line.split() for line in told[1:]) == served.addresses


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_a_word_and_leaves_no_process(finished, number):
    running = started(finished.out)
    children = processes_of(running.process)
    assert children
    os.kill(running.process.pid, number)
    assert running.process.wait(timeout=300) == 0
    assert psutil.wait_procs(children, timeout=60)[1] == []  # whoever reaps them may take a moment
    assert running.process.stdout.read() == ""
