"""The output of a replay: a line for each epoch, a table of the comparison, and the verdict."""

from rich.console import Console
from rich.table import Table

from search.records.run_reader import RecordedRun
from search.reproduce.retrain import EpochPair, Replay, conditions, epochs_of
from search.trials.provenance import Provenance
from trainables.best_epoch import judged_by
from trainables.boundary.wording import counted


class Progress:
    """Prints every epoch of a replay as it ends.

    Args:
        run: the run that is trained again.
        console: the console to print on.
    """

    def __init__(self, run: RecordedRun, console: Console) -> None:
        self._epochs, self._console = run.setting.epochs, console
        self._figure, judged = run.job.figure, judged_by(run.job.metric)
        trained = f"{epochs_of(run)} of {counted(self._epochs, 'epoch')}"
        console.print(f"run {run.run_id}, {run.described}: {trained}{judged}", soft_wrap=True)
        name = "score" if judged else "accuracy"
        figures = f"{f'recorded: {name}, loss':>26}{f'here: {name}, loss':>26}"
        console.print(f"{'epoch':9}{figures}", soft_wrap=True)

    def __call__(self, pair: EpochPair) -> None:
        """Print ``pair``."""
        place = f"{pair.number}/{self._epochs}"
        outcome = ("equal" if pair.equal else "differs") if pair.recorded else ""
        recorded, replayed = (self._shown(each) for each in (pair.recorded, pair.replayed))
        figures = f"{recorded:>26}{replayed:>26}"
        self._console.print(f"{place:9}{figures}  {outcome}".rstrip(), soft_wrap=True)

    def _shown(self, metrics: dict[str, float]) -> str:
        """Score and validation loss; they may differ in digits that are not shown."""
        if not {self._figure, "val_loss"} <= metrics.keys():
            return "-"
        return f"{100 * metrics[self._figure]:.2f}%  {metrics['val_loss']:.6f}"


def table(replay: Replay) -> Table:
    """The table of the comparison."""
    shown = Table(box=None, pad_edge=False)
    for name in ("", "recorded", "here"):
        shown.add_column(name, overflow="fold")
    for row in (*_inputs(replay), *_conditions(replay), *_results(replay)):
        shown.add_row(*row)
    return shown


def _inputs(replay: Replay) -> list[tuple[str, str, str]]:
    """Setting and data; a replay is trained only if both are equal."""
    run = replay.run
    return [
        ("setting", f"{run.setting.architecture}, seed {run.setting.seed}", "equal"),
        ("data", f"{run.data['name']}, fingerprint {run.data['fingerprint'][:12]}", "equal"),
    ]


def _conditions(replay: Replay) -> list[tuple[str, str, str]]:
    """The conditions of the training that differ; a short summary if none does."""
    if replay.differences:
        return [*((name, *pair) for name, pair in replay.differences.items()), _sources(replay)]
    known, ours = conditions(replay.provenance), replay.provenance
    number = f"{_formats(ours)}, {counted(ours.threads or 0, 'thread')}"
    return [
        ("code", known["code"], "equal"),
        _sources(replay),
        ("libraries", f"torch {known['torch']} and {len(ours.versions) - 1} more", "equal"),
        ("device", f"{known['device']}, {known['device model']}, {number}", "equal"),
    ]


def _formats(provenance: Provenance) -> str:
    trained, validated = provenance.training_dtype, provenance.validation_precision
    return validated if trained == validated else f"{trained}, validated in {validated}"


def _sources(replay: Replay) -> tuple[str, str, str]:
    recorded, changed = replay.run.provenance.sources, len(replay.changed_files)
    if recorded is None:
        return "sources", "not recorded", ""
    return "sources", counted(len(recorded), "file"), f"{changed} not equal" if changed else "equal"


def file_lines(replay: Replay) -> list[str]:
    """A line for each source file that differs from the recorded one."""
    return [
        f"not equal  {path}: {then[:12]} recorded, {now[:12]} here"
        for path, (then, now) in replay.changed_files.items()
    ]


def _results(replay: Replay) -> list[tuple[str, str, str]]:
    run, pairs = replay.run, [pair for pair in replay.epochs if pair.recorded]
    equal = sum(pair.equal for pair in pairs)
    best = f"{100 * run.score:.4f}% in epoch {run.best_epoch}"
    replayed = f"{100 * replay.score:.4f}% in epoch {replay.best_epoch}"
    weights = {True: ("model.pt", "equal"), False: ("model.pt", "differ"), None: ("none", "")}
    return [
        ("epochs", str(len(pairs)), "equal" if equal == len(pairs) else f"{equal} equal"),
        ("best", best, "equal" if replay.best_equal else replayed),
        ("weights", *weights[replay.weights_equal]),
    ]


def sentence(replay: Replay) -> str:
    """The verdict, and the reason for it."""
    difference = 100 * abs(replay.score - replay.run.score)
    allowed = f"{100 * replay.tolerance.score:.2f} points ({replay.tolerance.because})"
    if replay.verdict == "bit for bit":
        what = "every figure" if replay.weights_equal is None else "every figure and weight"
        return f"bit for bit: {what} of the record came out again"
    if replay.verdict == "within tolerance":
        return f"within tolerance: {difference:.2f} points apart, where chance explains {allowed}"
    if replay.must_be_equal:
        return f"differs: {difference:.4f} points apart, under exactly the same conditions"
    return f"differs: {difference:.2f} points apart, where chance explains {allowed}"
