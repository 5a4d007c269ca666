"""A search and an analysis as functions, and what a notebook shows of them."""

import inspect
import json
import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from conftest import ROOT, FinishedSearch, copied_store, user_environment
from made_up import spec

from analysis import Analysis, analyse
from analysis.run import command_line
from search import SearchResult, run_search
from search.records.summary import summary_in
from search.request.options import SearchOptions
from search.trials.record import Status, TrialRecord
from search.trials.spec import BASELINE
from trainables.boundary.errors import UsageError

NOT_FOR_A_NOTEBOOK = {"help", "list", "check"}


def flags_of(parser) -> set[str]:
    return {action.dest for action in parser._actions} - NOT_FOR_A_NOTEBOOK


def test_a_search_has_the_flags_of_the_command_as_arguments():
    flags = set(SearchOptions.model_fields) - NOT_FOR_A_NOTEBOOK
    assert set(inspect.signature(run_search).parameters) == flags


def test_an_analysis_has_the_flags_of_the_command_as_arguments():
    assert set(inspect.signature(analyse).parameters) == flags_of(command_line())


@pytest.mark.parametrize("function", [run_search, analyse])
def test_an_argument_left_out_is_what_the_flag_is(function):
    options = SearchOptions().model_dump()
    if function is analyse:
        options = vars(command_line().parse_args([]))
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in ("quiet", "space", "set"):
            assert parameter.default == options[name], name


def test_an_argument_that_is_no_flag_is_refused_as_of_any_function():
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        run_search("gap5", colour=1)


@pytest.mark.parametrize("package", ["search", "analysis"])
def test_importing_a_package_loads_nothing_heavy(package):
    code = f"import sys, {package}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    assert not {"ray", "torch", "mlflow", "optuna", "rich"} & set(out.stdout.split())


def test_a_name_that_is_not_there_is_an_attribute_error():
    import search

    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        search.absent  # noqa: B018


def test_a_wrong_argument_is_told_as_a_wrong_flag_is(tmp_path):
    with pytest.raises(UsageError, match="--trials must be 1 or more, not 0"):
        run_search("gap5", data="embedded", trials=0, out=tmp_path)
    with pytest.raises(UsageError, match="give one of search, run and space"):
        analyse(search="a", run="b")


WRONG_TYPES = [
    (run_search, {"space": 5}),
    (run_search, {"space": ["gap5"]}),
    (run_search, {"trials": "3"}),
    (run_search, {"trials": 3.0}),
    (run_search, {"trials": True}),
    (run_search, {"seed": None}),
    (run_search, {"name": 5}),
    (run_search, {"set": ["lr=1"]}),
    (run_search, {"set": {"lr": None}}),
    (run_search, {"out": 5}),
    (run_search, {"quiet": "no"}),
    (run_search, {"gpus_per_trial": "1"}),
    (analyse, {"search": 5}),
    (analyse, {"run": ["a", "b"]}),
    (analyse, {"only": "curves"}),
    (analyse, {"only": [1]}),
    (analyse, {"split": "vall"}),
    (analyse, {"read_test": "yes"}),
    (analyse, {"out": b"there"}),
]


@pytest.mark.parametrize(("function", "argument"), WRONG_TYPES)
def test_an_argument_of_a_wrong_type_is_named(function, argument):
    (name,) = argument
    with pytest.raises(UsageError, match=f"^{name} must be of type .*, not "):
        function(**argument)


@pytest.fixture(scope="module")
def result(finished: FinishedSearch) -> SearchResult:
    trials = (
        TrialRecord(spec(0, {"lr": 0.1}), "a", Status.COMPLETED, 4, 2, {"val_accuracy": 0.5}),
        TrialRecord(
            spec(1, {"lr": 0.2}, label="<1>"), "b", Status.PRUNED, 1, 1, {"val_accuracy": 0.75}
        ),
    )
    summary = summary_in(finished.out / finished.name)
    return SearchResult(summary, trials, finished.uri, finished.out, ())


def test_a_result_shows_its_trials_the_best_first_and_is_escaped(result):
    html = result._repr_html_()
    assert html.index("<td>&lt;1&gt;") < html.index(f"<td>{BASELINE}")
    assert "<td>75.00%</td>" in html
    assert "<td>lr=0.2</td>" in html
    assert result.name in html


def test_what_the_page_names_of_a_trial_is_there(result):
    page = (ROOT / "docs" / "notebook-use.md").read_text()
    (line,) = re.findall(r"^\| `trials` \| (.*) \|$", page, re.MULTILINE)
    names = re.findall(r"`(\w+)`", line)
    assert "best_accuracy" in names
    assert [name for name in names if not hasattr(result.trials[0], name)] == []


def test_a_result_names_its_winners_run(result, finished):
    assert result.run_id == finished.summary["best"]["run_id"]
    assert result.best == finished.summary["best"]


@pytest.fixture(scope="module")
def store(finished: FinishedSearch, tmp_path_factory) -> str:
    """A copy of the search's records: an analysis adds to them."""
    return copied_store(finished, tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def analysis(store: str, tmp_path_factory) -> Analysis:
    out = tmp_path_factory.mktemp("analysis")
    return analyse(search="small", tracking_uri=store, out=out, only=["curves"])


def test_an_analysis_has_its_certificate_and_figures(analysis, finished):
    assert analysis.certificate.certified
    assert analysis.certificate.run_id == finished.summary["best"]["run_id"]
    assert analysis.certificate.verdict.startswith("certified: ")
    assert analysis.verdict is None  # no audit was drawn
    assert analysis.figures == {"curves": analysis.folder / "figures" / "curves.png"}
    assert analysis.report.is_file()


def test_an_analysis_shows_a_few_figures_and_links_the_report(analysis):
    html = analysis._repr_html_()
    assert html.count('<img alt="curves" src="data:image/png;base64,') == 1
    assert analysis.report.as_uri() in html


def test_the_verdict_of_an_analysis_is_the_audits_as_the_report_has_it(store, tmp_path):
    analysis = analyse(search="small", tracking_uri=store, out=tmp_path, only=["audit"])
    numbers = json.loads(analysis.figures["audit"].with_suffix(".json").read_text())
    assert numbers["verdict_sentence"] in analysis.verdict
    assert f'<p class="verdict">{analysis.verdict}<span>' in unescape(analysis.report.read_text())
    assert analysis.verdict in unescape(analysis._repr_html_())


def test_an_analysis_says_nothing_unless_it_is_asked_to(store, tmp_path, capsys):
    analyse(search="small", tracking_uri=store, out=tmp_path, only=["curves"])
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


@pytest.mark.slow
@pytest.mark.long
def test_the_notebook_of_the_docs_runs(tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="no nbclient; pip install -e '.[dev]'")
    nbclient = pytest.importorskip("nbclient", reason="no nbclient; pip install -e '.[dev]'")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in os.environ.keys() - user_environment().keys():
        monkeypatch.delenv(name)
    notebook = nbformat.read(ROOT / "docs" / "notebook.ipynb", as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=900, resources=resources).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in shown if output.get("name") == "stderr"]
    # Tune displays a page without content, which nobody sees.
    tables = list(filter(None, (each.get("data", {}).get("text/html") for each in shown)))
    assert "baseline" in tables[0]
    assert "certified: " in tables[1]
    assert (Path(tmp_path) / "runs" / "mlflow.db").is_file()
