"""Which trial is best, and how a search stands."""

import random

from made_up import play, spec

from search.trials.board import TrialBoard
from search.trials.record import TrialRecord
from search.trials.search_board import Clock


def board(epochs: int = 4, requested: int = 5) -> TrialBoard:
    return TrialBoard(requested, epochs, 1000)


def add(board: TrialBoard, accuracies: list[float], end: str = "ended") -> TrialRecord:
    """The next trial; the first is the baseline."""
    values = {"lr": 0.1, "batch_size": 300}
    return play(board, spec(len(board.records), values), accuracies, end)


def test_best_is_the_best_epoch_and_not_the_last():
    b = board()
    add(b, [0.1, 0.2, 0.3, 0.7])
    add(b, [0.1, 0.9, 0.3, 0.2])
    assert b.best().number == 1
    assert b.best().best_epoch == 2
    assert b.best().best["val_accuracy"] == 0.9


def test_a_pruned_trial_can_be_best():
    b = board()
    add(b, [0.1, 0.2, 0.3, 0.4])
    assert add(b, [0.5]).status == "pruned"
    assert b.best().number == 1


def test_a_failed_trial_is_never_best():
    b = board()
    add(b, [0.2] * 4)
    add(b, [0.9, 0.9], end="failed")
    assert b.best().number == 0


def test_an_interrupted_trial_is_not_best():
    b = board()
    add(b, [0.2] * 4)
    add(b, [0.9], end="running")
    assert [record.number for record in b.interrupt()] == [1]
    assert b.best().number == 0


def test_without_a_trial_that_ended_there_is_no_best():
    b = board()
    assert b.best() is None
    add(b, [0.9], end="failed")
    add(b, [0.4], end="running")
    assert b.best() is None
    assert b.best(with_running=True).number == 1


def test_of_equal_trials_the_first_is_best_and_of_equal_epochs_the_first():
    b = board()
    add(b, [0.5, 0.6, 0.6, 0.1])
    add(b, [0.6] * 4)
    assert (b.best().number, b.best().best_epoch) == (0, 2)


def test_the_baseline_is_the_trial_of_that_name():
    b = board()
    assert b.baseline() is None
    add(b, [0.1])
    add(b, [0.9])
    assert b.baseline().number == 0


def test_a_search_without_a_baseline_has_none():
    b = board()
    b.started("a", spec(0, label="dropout-seed0"))
    assert b.baseline() is None


def test_a_setting_without_a_batch_size_counts_the_recipes_own():
    b = board()
    play(b, spec(0), [0.5])
    assert b.images == 1000 // 128 * 128


def test_counts_and_epochs_add_up():
    b = board()
    add(b, [0.1] * 4)
    add(b, [0.1])
    add(b, [0.1], end="failed")
    add(b, [0.1], end="running")
    assert [b.count(s) for s in ("completed", "pruned", "failed", "running")] == [1, 1, 1, 1]
    assert (b.finished, b.epochs) == (3, 7)
    assert b.images == 7 * 900  # three full batches of 300 in 1000 images


def test_a_trial_that_starts_again_keeps_its_history():
    b = board()
    add(b, [0.3, 0.2], end="running")
    record = b.started("t0", spec(0))
    assert (record.epochs, record.best_epoch, record.status) == (2, 1, "running")


def test_sums_and_best_are_those_of_the_records_after_any_events():
    draw, b, open_trials = random.Random(0), board(epochs=3), []
    for step in range(600):
        event = draw.choice(["start", "report", "report", "end", "fail", "again"])
        if event == "start" or not open_trials:
            size = draw.choice([100, 300])
            b.started(f"t{step}", spec(len(b.records), {"batch_size": size}))
            open_trials.append(f"t{step}")
        elif event == "report":
            record = next(r for r in b.records if r.trial_id == draw.choice(open_trials[-1:]))
            b.reported(record.trial_id, record.epochs + 1, {"val_accuracy": draw.randrange(9) / 9})
        elif event == "again":
            known = draw.choice(b.records)
            b.started(known.trial_id, known.spec)
            open_trials = [*(t for t in open_trials if t != known.trial_id), known.trial_id]
        else:
            end = b.ended if event == "end" else lambda name: b.failed(name, "it broke")
            end(open_trials.pop(draw.randrange(len(open_trials))))
        check_against_records(b)
    assert {r.status for r in b.records} == {"running", "completed", "pruned", "failed"}


def check_against_records(b: TrialBoard) -> None:
    records = b.records
    for status in ("running", "completed", "pruned", "failed"):
        assert b.count(status) == sum(record.status == status for record in records)
    assert b.epochs == sum(record.epochs for record in records)
    sizes = {100: 1000, 300: 900}
    assert b.images == sum(r.epochs * sizes[r.values["batch_size"]] for r in records)
    for running in (False, True):
        allowed = {"completed", "pruned"} | ({"running"} if running else set())
        choice = [r for r in records if r.status in allowed and r.best_epoch]
        expected = max(choice, key=lambda r: r.best_score, default=None)
        assert b.best(with_running=running) is expected


def test_a_clock_that_has_stopped_stays_where_it_is():
    clock = Clock()
    clock.stop()
    stopped = clock.seconds
    clock.stop()
    assert clock.seconds == stopped
