"""Estimates how long a search will still take, from the duration of its settings' epochs."""

from search.selection.race import race_of
from search.selection.rule import Rule
from search.trials.record import TrialRecord
from search.trials.search_board import SearchBoard


def seconds_left(board: SearchBoard, rule: Rule) -> float | None:
    """An estimate from the ended trials' epochs and the pace so far; None at first.

    It is at most what the search's time limit leaves. Epochs of a setting that was trained count
    with their measured duration, those of other settings with the average.
    """
    guess, limit = _guess(board, rule), board.clock.limit
    if limit is None:
        return guess
    left = max(0.0, limit - board.clock.seconds)
    return left if guess is None else min(guess, left)


def _guess(board: SearchBoard, rule: Rule) -> float | None:
    average = board.trials.average_epochs()
    if average is None or not board.epochs:
        return None
    done = board.trials.seconds + board.finals.seconds
    usual = done / board.epochs
    if not done:  # without measured durations, all epochs count alike
        done, usual = float(board.epochs), 1.0
    running = sum(
        max(average - each.epochs, 0.5) * (each.epoch_seconds or usual)
        for each in board.trials.running
    )
    unbegun = 0 if board.trials.closed else board.trials.requested - board.trials.begun
    to_start = max(0, unbegun) * average * usual
    left = running + to_start + _finals(board, rule, usual)
    return left * board.clock.seconds / done


def _finals(board: SearchBoard, rule: Rule, usual: float) -> float:
    """The remaining seconds of the finals; until they are known, as for settings like the best."""
    epochs, best = board.trials.max_epochs, board.trials.best()
    if not board.trials.is_whole:
        pace = (best.epoch_seconds if best else 0.0) or usual
        return board.finalists * board.seeds * epochs * pace
    race = race_of(board, rule)

    def left(contender: TrialRecord) -> float:
        begun = race.trainings.get(contender.number, [])
        done = sum(epochs if run.status.is_final else run.epochs for run in begun)
        pace = contender.epoch_seconds or usual
        return pace * (race.trainings_of(contender) * epochs - done)

    return sum(map(left, race.contenders))
