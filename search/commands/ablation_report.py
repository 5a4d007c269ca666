"""The end of an ablation: its table, figure and record."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from rich.console import Console
from rich.table import Table

from search.commands.report import print_lines, print_refusal
from search.driver.engine import Outcome
from search.request.options import AblationOptions
from search.request.request import Request
from search.selection.ablation import Comparison, EffectEstimate, Variant, compare, effects, points
from trainables.best_epoch import figure_of, in_words
from trainables.boundary.atomic import atomic_file

FILE = "ablation.json"


def conclude(
    options: AblationOptions,
    request: Request,
    combinations: list[Variant],
    outcome: Outcome,
    console: Console,
) -> None:
    """Compare, print, write, draw and record."""
    planned = points(combinations, options.seeds)
    labels = {point.label: (point.label.rpartition("-seed")[0], point.stream) for point in planned}
    ended = [record for record in outcome.records if record.status == "completed"]
    scores = {labels[record.label]: record.best_score for record in ended}
    compared, brought = compare(combinations, scores), effects(combinations, scores)
    judged_by = f"validation {in_words(request.metric)}"
    print_lines([f"{judged_by} of the best epoch in %, difference from the first line"], console)
    console.print(_table(compared))
    print_lines(["effect of each part, averaged over the others, in percentage points"], console)
    console.print(_effects_table(brought))
    files = [_write(request, options, compared, brought)]
    files += _draw(files[0])
    print_lines([f"written    {path}" for path in files], console)
    _record(request, outcome, files, brought)


def _table(compared: list[Comparison]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("on", overflow="fold")
    for name in ("seeds", "mean", "std", "difference", "95% interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in compared:
        accuracy, seeds = each.accuracy, str(len(each.accuracies))
        if accuracy is None:
            table.add_row(each.label, seeds, "-", "-", "-", "-")
            continue
        figures = (f"{100 * accuracy.mean:.2f}", f"{100 * accuracy.std:.2f}")
        table.add_row(each.label, seeds, *figures, *_signed(each.difference))
    return table


def _effects_table(brought: dict[str, EffectEstimate | None]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("part")
    for name in ("on - off", "95% interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for key, estimate in brought.items():
        table.add_row(key, *_signed(estimate))
    return table


def _signed(estimate: EffectEstimate | None) -> tuple[str, str]:
    if estimate is None:
        return "-", "-"
    low, high = 100 * estimate.low, 100 * estimate.high
    return f"{100 * estimate.mean:+.2f}", f"{low:+.2f} to {high:+.2f}"


def _write(
    request: Request,
    options: AblationOptions,
    compared: list[Comparison],
    brought: dict[str, EffectEstimate | None],
) -> Path:
    """Write ``ablation.json`` into the search's folder; the file's path."""
    document: dict[str, Any] = {
        "schema": 1,
        "search": request.name,
        "space": request.space_name,
        "data": request.dataset.described(),
        "epochs": request.budget.epochs,
        "seeds": options.seeds,
        "toggles": options.toggle,
        "metric": f"{figure_of(request.metric)} of the best epoch",
        "variants": [asdict(each) for each in compared],
        "effects": {key: each and asdict(each) for key, each in brought.items()},
    }
    path = request.folder / FILE
    with atomic_file(path) as file:
        file.write(json.dumps(document, indent=2).encode())
    return path


def _draw(file: Path) -> list[Path]:
    """Draw the figure of ``file``; a list of its path, empty if it could not be drawn.

    The analysis draws it in a process of its own, as ``search`` may not import ``analysis``.
    """
    figure = file.with_suffix(".png")
    command = [sys.executable, "-m", "analysis.ablation", str(file), "--out", str(figure)]
    drawn = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
    return [figure] if drawn else []


def _record(
    request: Request,
    outcome: Outcome,
    files: list[Path],
    brought: dict[str, EffectEstimate | None],
) -> None:
    """Add the result to the ablation's MLflow run."""
    if outcome.run_id is None:
        return
    try:
        client = MlflowClient(request.tracking_uri)
        for file in files:
            client.log_artifact(outcome.run_id, str(file))
        for key, estimate in brought.items():
            if estimate is not None:
                client.log_metric(outcome.run_id, f"effect.{key}", estimate.mean)
    except Exception as error:  # the files are written, whatever the store raises
        print_refusal(error)
