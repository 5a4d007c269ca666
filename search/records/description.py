"""The description of a search's own MLflow run, as Markdown: its result, and what to do next."""

from collections.abc import Iterator

from search.records.summary import SearchStatus
from search.selection.choice import Selection
from search.selection.finalist import Finalist
from search.selection.rule import Judgement
from search.trials.record import Status, TrialRecord
from search.trials.search_board import SearchBoard
from search.trials.text import duration, particular
from trainables.best_epoch import ACCURACY, in_words
from trainables.boundary.wording import counted
from trainables.recipe import Value

ROWS = 10  # number of finalists and of trials to list, the best first
MAX_CHARACTERS = 7500  # MLflow accepts 8,000 in a tag


def description(
    space: str,
    board: SearchBoard,
    status: SearchStatus,
    choice: Selection,
    assumed: str,
    search: str,
    before: str = "",
) -> str:
    """The description: result, finalists, trials and commands.

    Args:
        space: name of the space.
        board: the state of the trials.
        status: status of the search.
        choice: the winner, and how it was chosen.
        assumed: the winner's assumption about the shortcut; empty if it has none.
        search: name of the search.
        before: the earlier budgets of an extended search, in words.
    """
    baseline = board.trials.baseline()
    usual = baseline.values if baseline is not None else {}
    head = [
        _result(space, board, status, choice, before),
        *_winner(choice, usual),
        *([f"It assumes that {assumed}."] if assumed else []),
        *_finalists(choice),
    ]
    commands = _commands(search) if choice.winner is not None else []
    for rows in range(ROWS, 0, -1):
        text = "\n\n".join([*head, _trials(board, usual, rows), *commands])
        if len(text) <= MAX_CHARACTERS:
            break
    return text


def _result(
    space: str, board: SearchBoard, status: SearchStatus, choice: Selection, before: str
) -> str:
    trials = board.trials
    counts = ", ".join(
        f"{trials.count(each)} {each}" for each in (Status.COMPLETED, Status.PRUNED, Status.FAILED)
    )
    lines = [
        f"**{_best(choice)}** validation {_judged_by(board)}; the baseline has "
        f"{_baseline(board, choice)}.",
        f"{space}: {status}{f' by `{board.ended_by}`' if board.ended_by else ''}, "
        f"{counts} of {counted(trials.requested, 'trial')}"
        f"{f' ({before})' if before else ''}, "
        f"{counted(board.epochs, 'epoch')} in "
        f"{duration(board.clock.seconds)}.",
    ]
    return "\n".join(lines)


def _judged_by(board: SearchBoard) -> str:
    records = board.records
    return in_words(records[0].spec.job.metric if records else ACCURACY)


def _best(choice: Selection) -> str:
    return _mean_and_std(choice.finalists[0]) if choice.finalists else _of(choice.winner)


def _baseline(board: SearchBoard, choice: Selection) -> str:
    """The baseline's score, over the same fresh seeds as the winner's if there are any."""
    again = choice.baseline
    if again is not None and again in choice.finalists:
        return _mean_and_std(again)
    return _of(board.trials.baseline())


def _mean_and_std(finalist: Finalist) -> str:
    std = "" if finalist.std is None else f" ± {100 * finalist.std:.2f}"
    return f"{100 * finalist.mean:.2f}{std}%"


def _of(record: TrialRecord | None) -> str:
    if record is None or not record.best_epoch:
        return "no"
    return _percent(record.best_score)


def _winner(choice: Selection, usual: dict[str, Value]) -> Iterator[str]:
    """Whether the winner is confirmed, whether it holds its constraints, and its settings."""
    winner = choice.winner
    if winner is None:
        return
    if choice.finalists:
        seeds = len(choice.finalists[0].runs)
        yield (
            f"Confirmed: mean and standard deviation over {seeds} fresh seeds. The delivered "
            f"weights, chosen among these, have {_of(winner)}, which is partly luck."
        )
    else:
        yield "Unconfirmed: the best of its trials, which is partly luck."
    if choice.judgements:
        yield "\n".join(map(_judged, choice.judgements))
    yield f"Its settings that differ from the baseline's: `{particular(winner.values, usual)}`"


def _judged(judgement: Judgement) -> str:
    verdict = "holds" if judgement.excess <= 0 else "**is broken**"
    return (
        f"- `{judgement.metric}` {judgement.limit} {verdict}: {_percent(judgement.mean)} "
        f"(95% interval {_percent(judgement.low)} to {_percent(judgement.high)})"
    )


def _finalists(choice: Selection) -> list[str]:
    if not choice.finalists:
        return []
    header = ["trial", "in the search", "mean", "std", "seeds", "constraints"]
    title = "Finalists, trained again with fresh seeds, the winner first:"
    return [title, _table(header, [_finalist(each) for each in choice.finalists[:ROWS]])]


def _finalist(each: Finalist) -> list[str]:
    std = "-" if each.std is None else _percent(each.std)
    constraints = ("hold" if each.feasible else "broken") if each.judgements else "-"
    search = _percent(each.trial.best_score)
    return [each.trial.label, search, _percent(each.mean), std, each.trainings, constraints]


def _trials(board: SearchBoard, usual: dict[str, Value], rows: int) -> str:
    """The table of the best trials."""
    header = [
        "trial",
        f"best {_judged_by(board)}",
        "in epoch",
        "of",
        "status",
        "differs from baseline",
    ]
    order = sorted(board.trials.records, key=lambda each: each.rank)
    table = _table(header, [_trial(each, usual) for each in order[:rows]])
    more = len(order) - rows
    title = f"Trials, the best first{f', and {more:,} more' if more > 0 else ''}:"
    return f"{title}\n\n{table}"


def _trial(each: TrialRecord, usual: dict[str, Value]) -> list[str]:
    particulars = particular(each.values, usual)
    epochs = [str(each.best_epoch or "-"), str(each.epochs)]
    return [each.label, _of(each), *epochs, each.status, f"`{particulars}`"]


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _commands(search: str) -> list[str]:
    """The commands to run next, without the store's address, which may be private."""
    title = "Analyse the winner, or train it again (add `--tracking-uri` if it is not in `./runs`):"
    modules = (f"analysis.run --search {search}", f"search.replay {search}")
    return [title, "\n".join(["```", *(f"python -m {each}" for each in modules), "```"])]


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"
