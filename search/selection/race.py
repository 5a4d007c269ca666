"""The finals as a race: which settings are in it, which are out, and whether it is over."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import mean

from search.selection.finalist import Finalist, ranked, repeated
from search.selection.rule import Rule
from search.trials.record import Status, TrialRecord
from search.trials.search_board import SearchBoard

CONFIDENCE = 0.99  # confidence that a finalist that is out is worse than the leader


@dataclass(frozen=True)
class Race:
    """The present state of a search's finals.

    Attributes:
        contenders: the trials whose settings are trained again, the best first, once all have
            ended. The baseline is one of them, so that the same seeds measure it and the winner.
        finalists: the contenders with an ended training, the leader first.
        trainings: the begun trainings of the contenders, by the contender's number. Other
            trainings are of settings that were finalists before the search got more trials.
        seeds: number of trainings of each contender, unless it is out.
        closed: whether a limit has ended the race early.
    """

    contenders: tuple[TrialRecord, ...]
    finalists: tuple[Finalist, ...]
    trainings: dict[int, list[TrialRecord]]
    seeds: int
    closed: bool = False

    @property
    def out(self) -> dict[int, Finalist]:
        """The finalists that cannot reach the leader, by their trials' numbers."""
        return {each.trial.number: each for each in self.finalists if each.out}

    @property
    def due(self) -> int:
        """The total number of trainings of the finals, by the present state."""
        return sum(map(self.trainings_of, self.contenders))

    @property
    def runs(self) -> list[TrialRecord]:
        """All begun trainings of the contenders."""
        return [run for runs in self.trainings.values() for run in runs]

    @property
    def ended(self) -> int:
        """The number of these trainings that have ended, also by failing."""
        return sum(run.status.is_final for run in self.runs)

    @property
    def is_over(self) -> bool:
        """True if nothing is left to train."""
        if self.closed:
            return True
        return self.ended == len(self.runs) and all(
            len(self.trainings.get(each.number, ())) >= self.trainings_of(each)
            for each in self.contenders
        )

    @property
    def decides(self) -> bool:
        """True if the leader wins: the race is over, and no limit cut the best setting off."""
        ran = {each.trial.number for each in self.finalists}
        first = {each.number for each in self.contenders[:1]}
        return self.is_over and (not self.closed or first <= ran)

    def trainings_of(self, contender: TrialRecord) -> int:
        """The total number of trainings of a setting; if it is out, only those that have begun."""
        begun = len(self.trainings.get(contender.number, ()))
        return begun if contender.number in self.out else max(begun, self.seeds)


def race_of(board: SearchBoard, rule: Rule) -> Race:
    """The finals of ``board``, from the records alone."""
    contenders = _contenders(board, rule)
    trainings = _trainings(board, contenders) if board.finals.begun else {}
    finalists = [
        Finalist.of(trial, whole, rule, _count(runs, Status.FAILED), board.seeds)
        for trial in contenders
        if (runs := trainings.get(trial.number, ()))
        and (whole := [run for run in runs if run.status is Status.COMPLETED])
    ]
    standing = _without_hope(ranked(finalists))
    closed = board.finals.closed and not board.finals.running
    return Race(tuple(contenders), tuple(standing), trainings, board.seeds, closed)


def is_whole(board: SearchBoard, rule: Rule) -> bool:
    """True if every trial has ended, and the race of the finalists is over."""
    return board.trials.is_whole and race_of(board, rule).is_over


def _trainings(
    board: SearchBoard, contenders: Sequence[TrialRecord]
) -> dict[int, list[TrialRecord]]:
    """The trainings of each contender, by its number; other trials may have the same setting."""
    numbers = {record.spec.choice: record.number for record in contenders}
    settings = {record.number: record.spec.choice for record in board.trials.records if numbers}
    trainings: dict[int, list[TrialRecord]] = {}
    for run in board.finals.records:
        if run.spec.repeats is not None and (setting := settings.get(run.spec.repeats)) in numbers:
            trainings.setdefault(numbers[setting], []).append(run)
    return trainings


def _count(runs: Sequence[TrialRecord], status: Status) -> int:
    return sum(run.status is status for run in runs)


def _contenders(board: SearchBoard, rule: Rule) -> list[TrialRecord]:
    """The contenders of the finals; none before all trials have ended."""
    if not (board.finalists and board.trials.is_whole):
        return []
    return trained_again(board, rule, board.finalists)


def trained_again(board: SearchBoard, rule: Rule, finalists: int) -> list[TrialRecord]:
    """The trials of the best settings by the present state, and the baseline's own trial."""
    best = repeated(board.trials, rule, finalists)
    baseline = board.trials.baseline()
    if not best or baseline is None or not (baseline.best_epoch and baseline.status.may_win):
        return best
    own = baseline.spec.choice
    others = [baseline if each.spec.choice == own else each for each in best]
    return others if baseline in others else [*others, baseline]


def _without_hope(standing: list[Finalist]) -> list[Finalist]:
    """``standing``, the leader first, with those marked as out that cannot reach it.

    Only a leader that holds every constraint and has no failed training puts others out. The
    difference is taken over common seeds. Its deviation follows from the spread of a setting's
    trainings, pooled over all settings, as two or three seeds of one setting say little about it.
    The search's own score counts only for the spread, and only if the trial was trained to its end:
    as the best of many it is too high, which widens the spread and makes the decision more careful.
    """
    if len(standing) < 2 or not standing[0].feasible or standing[0].failed:
        return standing
    leader, *others = standing
    deviation, freedom = _pooled([_spread_of(each) for each in standing])
    if not deviation:
        return standing
    from scipy.special import stdtrit  # imported late, as it takes a quarter of a second

    reach = float(stdtrit(freedom, CONFIDENCE)) * deviation * 2**0.5

    def hopeless(each: Finalist) -> bool:
        gaps, ended = _gaps(leader, each), len(each.runs) + each.failed
        return ended < each.seeds and bool(gaps) and mean(gaps) > reach / len(gaps) ** 0.5

    return [leader, *(replace(each, out=hopeless(each)) for each in others)]


def _spread_of(finalist: Finalist) -> list[float]:
    whole = finalist.trial.status is Status.COMPLETED
    return [*finalist.scores, *([finalist.trial.best_score] if whole else [])]


def _pooled(groups: Sequence[Sequence[float]]) -> tuple[float, int]:
    """The standard deviation within the groups, and its degrees of freedom; 0 if unknown."""
    freedom = sum(len(group) - 1 for group in groups)
    squares = sum((value - mean(group)) ** 2 for group in groups for value in group)
    return (squares / freedom) ** 0.5 if freedom else 0.0, freedom


def _gaps(leader: Finalist, other: Finalist) -> list[float]:
    """The leader's score minus another's, for every seed that both were trained with."""
    theirs = {run.spec.stream: run.best_score for run in other.runs}
    return [
        run.best_score - theirs[run.spec.stream] for run in leader.runs if run.spec.stream in theirs
    ]
