"""The lines that a command prints when its searches have ended."""

import sys
import textwrap
from collections.abc import Sequence
from functools import partial

from rich.console import Console
from rich.table import Table

from search.driver.engine import Outcome
from search.records.shell import analyse_line, command, compare_lines
from search.records.summary import Summary, summary_in
from search.request.request import Request
from search.request.termination import twice
from search.selection.finalist import Finalist
from search.selection.rule import Judgement
from search.trials.text import duration, settings_line
from trainables.best_epoch import figure_of, in_words, judged_by
from trainables.boundary.secrets import masked
from trainables.boundary.wording import counted
from trainables.recipe import Setting


def report(outcome: Outcome, request: Request, console: Console) -> None:
    """Print a search's result, and the commands to run next."""
    summary = outcome.summary
    lines = [
        ending(summary),
        *_limits(outcome, request),
        *_interruption(outcome, request),
        *_baseline(outcome),
    ]
    print_lines(lines, console)
    if summary.best is not None:
        if outcome.choice.finalists:
            console.print(finalists_table(outcome.choice.finalists))
        print_prose(_winner(outcome, request), console)
        place = request.name, request.out, request.tracking_uri
        print_lines([*compare_lines(*place), analyse_line(*place)], console)
    print_errors(outcome)


def report_briefly(outcome: Outcome, request: Request, console: Console) -> int:
    """Print how a search ended and, if it was stopped, how to resume it; the exit status."""
    lines = [ending(outcome.summary), *_limits(outcome, request), *unmeasured_lines(request)]
    print_lines(lines, console)
    print_errors(outcome)
    if outcome.stop is not None:
        print_lines([resume_line(request)], console)
    return exit_status_of(outcome)


def _baseline(outcome: Outcome) -> list[str]:
    """The baseline's score, and its mean over fresh seeds if it was trained again."""
    if (baseline := outcome.summary.baseline) is None:
        return []
    metric = outcome.summary.metric
    score = 100 * baseline[figure_of(metric)]
    line = f"baseline   {score:.2f}% validation {in_words(metric)}"
    again = outcome.choice.baseline
    if again is not None and again in outcome.choice.finalists:
        line += f"; {_mean_and_std(again)} over {_seeds(again)}"
    return [line]


def _winner(outcome: Outcome, request: Request) -> list[str]:
    """The winner, its scores and settings."""
    best, metric = outcome.summary.best, outcome.summary.metric
    assert best is not None
    score, judged = 100 * best[figure_of(metric)], judged_by(metric)
    lines = [f"best       {score:.2f}% in epoch {best['epoch']}{judged}"]
    if judged:
        lines.append(f"           its accuracy is {100 * best['val_accuracy']:.2f}%")
    if "digit_following" in best:
        noun = request.data.noun
        lines.append(
            f"           {100 * best['val_accuracy_conflicting']:.2f}% where the {noun} "
            f"conflicts, {100 * best['digit_following']:.2f}% of those follow the {noun}"
        )
    lines += [*_confirmation(outcome), *map(_held, outcome.choice.judgements)]
    lines += unmeasured_lines(request)
    if outcome.choice.judgements and not outcome.choice.feasible:
        among = "finalist" if outcome.choice.confirmed else "whole training"
        lines.append(f"           no {among} holds the constraints; this one misses them least")
    if claim := assumption(request, outcome.summary):
        lines.append(f"assumes    that {claim}")
    return [*lines, f"settings   {settings_line(best['params'])}"]


def _confirmation(outcome: Outcome) -> list[str]:
    if not outcome.choice.finalists:
        trials = outcome.summary.trials["completed"] + outcome.summary.trials["pruned"]
        return [
            f"           unconfirmed: the best of {counted(trials, 'trial')}, which is partly luck"
        ]
    first = outcome.choice.finalists[0]
    interval = ""
    if first.interval is not None:
        low, high = first.interval
        interval = f" (95% interval of the mean {100 * low:.2f} to {100 * high:.2f})"
    return [
        f"           these are the delivered weights, chosen among {_seeds(first)}: partly luck",
        f"expect     {_mean_and_std(first)} over {_seeds(first)}{interval}: confirmed",
        *_luck(first),
    ]


def _luck(finalist: Finalist) -> list[str]:
    if (luck := finalist.luck) is None:
        return []
    return [
        f"           {100 * luck.mean:+.2f} points of the search's score were luck "
        f"(95% interval {100 * luck.low:+.2f} to {100 * luck.high:+.2f})"
    ]


def _held(judgement: Judgement) -> str:
    """Whether the winner holds a constraint, and its value."""
    name, high, low = judgement.metric, 100 * judgement.high, 100 * judgement.low
    verdict = "holds" if judgement.excess <= 0 else "broken"
    return (
        f"{verdict:10} {name} {judgement.limit}: {100 * judgement.mean:.2f}% "
        f"(95% interval {low:.2f} to {high:.2f})"
    )


def initial_lines(request: Request) -> list[str]:
    """The files of initial weights, and the layers that they do not fit."""
    return [each.described for each in request.initial]


def unmeasured_lines(request: Request) -> list[str]:
    """The constraints that cannot be checked, as no image measures them."""
    return [f"unmeasured {each}" for each in request.unmeasured]


def finalists_table(finalists: Sequence[Finalist]) -> Table:
    """The finalists, the winner first, for a terminal of 80 columns."""
    table = Table(box=None, pad_edge=False, title="finalists", title_justify="left")
    table.add_column("trial", no_wrap=True)
    columns = ["search", "mean", "std", "95% interval", "seeds"]
    if any(each.judgements for each in finalists):
        columns.append("constraints")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for each in finalists:
        figures = (each.trial.best_score, each.mean, each.std)
        shown = ["-" if value is None else f"{100 * value:.2f}" for value in figures]
        shown.append(" to ".join(f"{100 * end:.2f}" for end in each.interval or ()) or "-")
        held = [("hold" if each.feasible else "broken")] if each.judgements else []
        table.add_row(each.trial.label, *shown, each.trainings, *held)
    return table


def _seeds(finalist: Finalist) -> str:
    count = len(finalist.runs)
    return f"{count} fresh seed{'' if count == 1 else 's'}"


def _mean_and_std(finalist: Finalist) -> str:
    std = "" if finalist.std is None else f" ± {100 * finalist.std:.2f}"
    return f"{100 * finalist.mean:.2f}{std}%"


def ending(summary: Summary) -> str:
    """One line on how a search ended."""
    counts, before = summary.trials, summary.asked_before
    return (
        f"{summary.search}: {summary.status}, {counts['completed']} completed, "
        f"{counts['pruned']} pruned, {counts['failed']} failed of "
        f"{counted(counts['requested'], 'trial')}{f' ({before})' if before else ''}, "
        f"{counted(summary.epochs, 'epoch')} in "
        f"{duration(summary.wall_seconds)}"
    )


def resume_line(request: Request) -> str:
    """The line that says how to resume a search that was interrupted."""
    name = request.group or request.name
    return f"resume     {command(request.command, '--resume', name, out=request.out)}"


def limit_lines(summary: Summary, request: Request) -> list[str]:
    """Which limit ended a search early, what had run by then, and how to continue it."""
    if not summary.ended_by:
        return []
    counts, finals = summary.trials, sum(len(each["runs"]) for each in summary.finalists)
    ran = counts["completed"] + counts["pruned"] + counts["failed"]
    more = twice(summary.ended_by, summary.wall_seconds)
    words = "--resume", request.group or request.name, *more
    return [
        f"ended by   {summary.ended_by}: {ran} of {counted(counts['requested'], 'trial')} and "
        f"{finals} of up to {counted(request.budget.finals, 'training')} of the finals ran",
        f"continue   {command(request.command, *words, out=request.out)}",
    ]


def _limits(outcome: Outcome, request: Request) -> list[str]:
    """``limit_lines``, with the command to continue only if the search is whole."""
    lines = limit_lines(outcome.summary, request)
    lines = lines if outcome.stop is None else lines[:1]
    if lines and outcome.summary.best is None:
        lines.insert(1, "           no epoch ended within this time, so there is no winner")
    return lines


def whole_lines(request: Request) -> list[str]:
    """The lines that say why there is nothing to resume."""
    summary = summary_in(request.folder)
    first = f"{request.name}: the search is complete, there is nothing to resume"
    return [first, *(limit_lines(summary, request) if summary is not None else [])]


def _interruption(outcome: Outcome, request: Request) -> list[str]:
    """For an interrupted search, the reason if there is one to tell, and how to resume it."""
    if outcome.stop is None:
        return []
    why = [f"stopped    {outcome.stop.reason}"] if outcome.stop.reason else []
    return [*why, resume_line(request)]


def assumption(request: Request, summary: Summary) -> str:
    """What the best trial assumes about the shortcut; empty if nothing."""
    best = summary.best
    if best is None:
        return ""
    return Setting.of(request.architecture, best["params"], 1, 0).recipe.assumption


def print_lines(lines: list[str], console: Console) -> None:
    """Print each line whole, however narrow the terminal, so that it can be copied."""
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def print_prose(lines: list[str], console: Console) -> None:
    """Print lines, wrapped between words on a terminal and whole anywhere else."""
    if console.is_terminal:
        wrap = partial(textwrap.wrap, width=console.width, subsequent_indent=11 * " ")
        lines = [part for line in lines for part in wrap(line, break_long_words=False)]
    print_lines(lines, console)


def print_errors(outcome: Outcome) -> None:
    """Print the first records that the tracking store refused."""
    for error in outcome.errors[:3]:
        print_refusal(error)


def print_refusal(error: object) -> None:
    """Print a refusal of the tracking store, whose text may quote the store's address."""
    print(masked(f"not recorded in MLflow: {error}"), file=sys.stderr)


def exit_status_of(outcome: Outcome) -> int:
    """0 whole; 3 whole with failed trials, no winner or refused records; 128 + signal interrupted.

    2 if the search stopped itself because the disk was full.
    """
    if outcome.stop is not None:
        return 2 if outcome.stop.signal is None else 128 + outcome.stop.signal
    whole = outcome.summary.status == "complete" and outcome.summary.best is not None
    return 0 if whole and not outcome.errors else 3
