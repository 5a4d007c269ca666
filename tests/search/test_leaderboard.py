"""The leaderboard's lines."""

import csv
import io
from dataclasses import replace

import pytest
from mlflow import MlflowClient
from rich.console import Console

from search.commands.leaderboard import (
    LeaderboardRow,
    as_csv,
    as_markdown,
    record,
    table,
    write_csv,
)

GAP5 = LeaderboardRow(
    space="gap5",
    data="composite",
    comparable=True,
    source_file="001_851a82de433892fa.txt",
    source_result="full marks at 75% test",
    source_accuracy=0.75,
    source_split="test",
    baseline_val_accuracy=0.631,
    best_val_accuracy=0.8048,
    mean_val_accuracy=None,
    std_val_accuracy=None,
    feasible=None,
    val_accuracy_conflicting=0.8014,
    digit_following=0.0202,
    fixed="",
    train_images=45000,
    assumption="the shortcut lies bottom_right",
    status="complete",
    trials=6,
    epochs=90,
    seconds=2300.0,
    search="x-gap5",
    run_id="abc",
    settings="lr=0.01 batch_size=128",
)
NIN = replace(
    GAP5,
    space="nin",
    data="cifar10",
    source_accuracy=0.746,
    source_split="validation",
    best_val_accuracy=0.72,
    assumption="",
    search="x-nin",
)


AUROC = replace(GAP5, metric="auroc", baseline_score=0.93, best_score=0.95, mean_score=0.92)


def printed(rows, width: int = 80) -> list[str]:
    console = Console(width=width, file=io.StringIO())
    console.print(table(rows))
    return console.file.getvalue().splitlines()


def test_a_line_names_the_sources_figure_and_split_beside_ours():
    header, gap5, *_ = printed([GAP5, NIN], 120)
    names = ["space", "data", "source", "baseline", "best", "over", "source", "remark"]
    assert header.split() == names
    assert gap5.split()[:7] == ["gap5", "composite", "75.00%", "test", "63.10%", "80.48%", "+5.5"]


def test_a_confirmed_winner_is_compared_by_its_mean_over_fresh_seeds():
    confirmed = replace(GAP5, mean_val_accuracy=0.7951, std_val_accuracy=0.004)
    assert printed([confirmed], 120)[1].split()[5:7] == ["79.51%", "+4.5"]


def test_a_winner_that_breaks_its_constraints_is_marked():
    assert "breaks its constraints" in " ".join(printed([replace(GAP5, feasible=False)], 140))
    assert "constraints" not in " ".join(printed([replace(GAP5, feasible=True)], 140))


def test_the_baseline_is_compared_by_its_mean_over_the_same_seeds():
    confirmed = replace(GAP5, mean_val_accuracy=0.7951, baseline_mean_val_accuracy=0.6405)
    assert printed([confirmed], 120)[1].split()[4:6] == ["64.05%", "79.51%"]


def test_a_winner_below_a_baseline_that_breaks_the_constraints_says_so():
    below = replace(GAP5, best_val_accuracy=0.6, baseline_feasible=False)
    told = " ".join(printed([below], 160))
    assert "below the baseline, which breaks the constraints" in told
    assert "below the baseline" not in " ".join(printed([GAP5], 160))


def test_a_winner_that_used_the_known_place_is_marked_and_another_is_not():
    text = " ".join(" ".join(printed([GAP5])).split())
    assert "assumes that the shortcut lies bottom_right" in text
    assert "assumes" not in " ".join(printed([NIN]))


def test_a_result_below_the_source_has_a_minus():
    line = printed([NIN])[1].split()
    assert line == ["nin", "cifar10", "74.60%", "val", "63.10%", "72.00%", "-2.6"]


def test_data_that_the_source_did_not_use_are_not_compared_with_it():
    line = printed([replace(NIN, comparable=False, train_images=1000)])[1].split()
    assert line[-4:] == ["-", "1,000", "training", "images"]


def test_values_that_were_given_for_all_trials_are_told():
    assert printed([replace(NIN, fixed="width=0.25")])[1].split()[-2:] == ["with", "width=0.25"]


def test_a_search_without_a_best_or_that_is_not_whole_says_so():
    lines = printed([replace(NIN, best_val_accuracy=None, status="interrupted")])
    assert lines[1].split()[-3:] == ["-", "-", "interrupted"]


@pytest.mark.parametrize("width", [80, 100])
def test_the_table_fits_the_terminal(width):
    assert all(len(line.rstrip()) <= width for line in printed([GAP5, NIN], width))


def test_the_csv_reads_back():
    rows = list(csv.DictReader(io.StringIO(as_csv([GAP5, NIN]))))
    assert [row["space"] for row in rows] == ["gap5", "nin"]
    assert float(rows[0]["best_val_accuracy"]) == 0.8048
    assert rows[0]["assumption"] == "the shortcut lies bottom_right"


def test_it_is_recorded_with_its_figures_file_and_description(tmp_path):
    uri, file = f"sqlite:///{tmp_path / 'mlflow.db'}", write_csv([GAP5, NIN], tmp_path / "x")
    first = record([GAP5], "x", uri, tmp_path / "artifacts", file, "the id")
    run_id = record([GAP5, NIN], "x", uri, tmp_path / "artifacts", file, "the id")
    assert run_id == first  # a group that goes on has one run
    client = MlflowClient(uri)
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["gap5.best_val_accuracy"] == 0.8048
    assert run.data.metrics["nin.source_accuracy"] == 0.746
    assert run.data.tags["mlflow.note.content"] == as_markdown([GAP5, NIN])
    assert [each.path for each in client.list_artifacts(run_id)] == ["leaderboard.csv"]


def test_the_record_of_a_winner_by_another_metric_has_its_scores(tmp_path):
    uri, file = f"sqlite:///{tmp_path / 'mlflow.db'}", write_csv([AUROC], tmp_path / "x")
    run = MlflowClient(uri).get_run(record([AUROC], "x", uri, tmp_path / "artifacts", file, "id"))
    figures = {name: run.data.metrics[f"gap5.{name}_val_auroc"] for name in ("baseline", "best")}
    assert figures == {"baseline": 0.93, "best": 0.95}
    assert run.data.metrics["gap5.mean_val_auroc"] == 0.92
    assert "80.48% (92.00% AUROC, by which it was chosen)" in as_markdown([AUROC])


def test_a_search_without_a_source_has_a_dash_for_it():
    mine = replace(
        GAP5, space="mine", source_file="", source_result="", source_accuracy=None, source_split=""
    )
    assert printed([mine], 120)[1].split()[:6] == [
        "mine",
        "composite",
        "-",
        "63.10%",
        "80.48%",
        "-",
    ]


def test_a_winner_by_another_metric_is_compared_with_its_baseline_by_that():
    text = " ".join(" ".join(printed([AUROC], 200)).split())
    assert "92.00% AUROC, by which it was chosen; below the baseline" in text
    assert "80.48%" in text
    assert "+5.5" in text
    (line,) = csv.DictReader(io.StringIO(as_csv([AUROC])))
    assert (line["metric"], line["mean_score"], line["best_val_accuracy"]) == (
        "auroc",
        "0.92",
        "0.8048",
    )
