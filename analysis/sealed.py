"""The sealed test: a search's test labels are read once, of its winner, and every reading counts.

A reading is kept on the search's own run as a tag that nothing overwrites: two analyses at once are
two readings. The metrics beside it show the readings where MLflow draws metrics, a step for each.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from mlflow.entities import Metric, Run
from pydantic import AwareDatetime, BaseModel, Field, field_validator

from analysis.audit.groups import groups_of
from analysis.audit.intervals import Estimate, share
from analysis.record import Records
from analysis.subject import Subject
from search.records.parsing import parsed
from search.records.run_reader import RecordedRun
from trainables.boundary.errors import UsageError

COUNT, PREFIX = "convoy.test_readings", "convoy.test_reading."
FIRST: Final = "analysis.run"
AGAIN: Final = "analysis.run --read-test"
SHOWN: Final = "analysis.run --split test"

Command = Literal["analysis.run", "analysis.run --read-test", "analysis.run --split test"]
Figure = Literal[
    "test_accuracy", "test_accuracy_aligned", "test_accuracy_conflicting", "test_digit_following"
]
_Hex = Annotated[str, Field(pattern="^[0-9a-f]{1,64}$")]
# Within which a time can be told in any zone.
_Time = Annotated[
    AwareDatetime, Field(gt=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC))
]


class Reading(BaseModel, frozen=True):
    """The test labels, read once.

    Attributes:
        time: when.
        run_id: whose predictions they were compared with.
        command: what asked for it.
        fingerprint: of the data.
        estimates: accuracy; beside digits also that of aligned and of conflicting images, and the
            share of the conflicting that are predicted as their digit. One over no images is left
            out.
    """

    time: _Time
    run_id: _Hex
    command: Command
    fingerprint: _Hex
    estimates: dict[Figure, Estimate]

    @field_validator("estimates")
    @classmethod
    def _possible(cls, estimates: dict[Figure, Estimate]) -> dict[Figure, Estimate]:
        if "test_accuracy" not in estimates:
            raise ValueError("test_accuracy is missing")
        for name, each in estimates.items():
            if not (0 <= each.low <= each.value <= each.high <= 1 and 0 < each.images < 1e9):
                raise ValueError(f"{name} cannot be {each.value} of {each.images} images")
        return estimates

    @property
    def accuracy(self) -> Estimate:
        """The share of all test images that are predicted rightly."""
        return self.estimates["test_accuracy"]

    @property
    def when(self) -> str:
        """Its time, in this machine's zone."""
        return f"{self.time.astimezone():%Y-%m-%d %H:%M %Z}"


@dataclass(frozen=True)
class Seal:
    """What has been read of the test labels of a run's search.

    Attributes:
        run: the run.
        readings: of its search, in the order of their times.
        fresh: the one made now; None if none was.
        unrecorded: why ``fresh`` is not in the store; empty if it is.
        unread: why a winner's labels stay unread; empty if they do not.
    """

    run: RecordedRun
    readings: tuple[Reading, ...] = ()
    fresh: Reading | None = None
    unrecorded: str = ""
    unread: str = ""

    @property
    def shown(self) -> Reading | None:
        """The run's reading: the one made now, else its first."""
        own = (reading for reading in self.readings if reading.run_id == self.run.run_id)
        return self.fresh or next(own, None)

    def place(self, reading: Reading) -> str:
        """``first reading``, or which of how many."""
        count = len(self.readings)
        number = self.readings.index(reading) + 1
        return "first reading" if count == 1 else f"reading {number} of {count}"

    @property
    def spent(self) -> str:
        """That the labels were read more than once, in a sentence; empty if they were not."""
        count, runs = len(self.readings), len({reading.run_id for reading in self.readings})
        if count < 2:
            return ""
        whose = "one run" if runs == 1 else f"{runs} runs"
        return (
            f"The test labels of search {self.run.search} were read {count} times, of {whose}: "
            "accuracy on them is no longer a clean estimate."
        )

    @property
    def line(self) -> str:
        """The run's reading for a terminal, or why there is none; empty if none was due."""
        if self.shown is None:
            return f"test: not read, as {self.unread}" if self.unread else ""
        estimates, accuracy = self.shown.estimates, self.shown.accuracy
        how = "" if self.fresh else ", as recorded"
        if self.fresh and self.fresh.command == SHOWN:
            how = ", as --split test shows their labels"
        text = (
            f"test: {100 * accuracy.value:.2f}% of {accuracy.images:,} sealed images "
            f"({self.place(self.shown)}, {self.shown.when}{how})"
        )
        if (conflicting := estimates.get("test_accuracy_conflicting")) is None:
            return text
        return (
            f"{text}; {100 * conflicting.value:.1f}% where the {self.run.job.data.noun} conflicts"
        )

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        shown = self.shown
        return {
            "search": self.run.search,
            "run_id": self.run.run_id,
            "reading": None if shown is None else self.readings.index(shown) + 1,
            "unrecorded": self.unrecorded or None,
            "unread": self.unread or None,
            "remark": self.spent or None,
            "readings": [
                {"number": number, **reading.model_dump(mode="json")}
                for number, reading in enumerate(self.readings, 1)
            ],
        }


def unseal(subject: Subject, again: bool = False) -> Seal:
    """The readings of the test labels of the run's search, after a new one where one is due.

    It is due of a winner that none is of, of any run whose test images are shown with their labels,
    and ``again`` if it is asked for. It is recorded before it is told; one that the store refuses
    is told all the same.

    Raises:
        UsageError: the record of an earlier one is damaged, or the store does not answer.
    """
    run, records = subject.run, subject.records
    if not subject.dataset.test.labelled:
        return Seal(run)
    parent = None if records is None else records.parent_of(run.run_id)
    past = () if parent is None else _recorded(parent)
    command = _due(subject, past, again)
    if command is None:
        return Seal(run, past)
    missing = f"the record of search {run.search} itself, where readings count, is not there"
    if parent is None and command == FIRST:
        return Seal(run, unread=missing)
    fresh = _read(subject, command)
    if records is None or parent is None:
        return Seal(run, (fresh,), fresh, unrecorded=missing)
    try:
        return Seal(run, _record(records, run, parent, fresh), fresh)
    except UsageError as error:
        return Seal(run, (*past, fresh), fresh, unrecorded=str(error))


def _due(subject: Subject, past: tuple[Reading, ...], again: bool) -> Command | None:
    """What asks for a reading now; None if nothing does."""
    run = subject.run
    if subject.shown == "test":
        return SHOWN
    if again:
        return AGAIN
    known = any(reading.run_id == run.run_id for reading in past)
    return FIRST if run.is_winner and not known else None


def _read(subject: Subject, command: Command) -> Reading:
    """Compare the run's predictions of the test images with their labels."""
    return Reading(
        time=datetime.now().astimezone(),
        run_id=subject.run.run_id,
        command=command,
        fingerprint=subject.dataset.fingerprint,
        estimates=_estimates(subject),
    )


def _estimates(subject: Subject) -> dict[Figure, Estimate]:
    labels, digits = subject.dataset.test.labels, subject.dataset.test.digits
    predictions = subject.tested.predictions.numpy()
    if digits is None:
        estimates: dict[Figure, Estimate | None] = {"test_accuracy": share(predictions == labels)}
    else:
        groups = groups_of(predictions, labels, digits, len(subject.dataset.classes))
        estimates = {
            "test_accuracy": groups.accuracy,
            "test_accuracy_aligned": groups.aligned,
            "test_accuracy_conflicting": groups.conflicting,
            "test_digit_following": groups.following,
        }
    return {name: each for name, each in estimates.items() if each is not None}


def _recorded(parent: Run) -> tuple[Reading, ...]:
    """The readings that a search's own run tells of, in the order of their times."""
    tags = {key: text for key, text in parent.data.tags.items() if key.startswith(PREFIX)}
    try:
        readings = [parsed(Reading, text) for text in tags.values()]
    except ValueError as error:
        raise UsageError(
            f"the record of a reading of the test labels, among the tags {PREFIX}* of run "
            f"{parent.info.run_id}, is damaged ({error})"
        ) from error
    return tuple(sorted(readings, key=lambda reading: reading.time))


def _record(records: Records, run: RecordedRun, parent: Run, fresh: Reading) -> tuple[Reading, ...]:
    """Log ``fresh`` to the search's own run; all readings that it has then.

    Raises:
        UsageError: the store refuses it.
    """
    run_id = parent.info.run_id
    key = f"{PREFIX}{fresh.time.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"
    records.annotate(run_id, tags={key: fresh.model_dump_json()})
    # Read back, as another analysis may have read meanwhile.
    readings = _recorded(records.parent_of(run.run_id) or parent)
    step = sum(reading.time <= fresh.time for reading in readings)
    time = int(fresh.time.timestamp() * 1000)
    metrics = [Metric(name, each.value, time, step) for name, each in fresh.estimates.items()]
    records.annotate(run_id, metrics, {COUNT: str(len(readings))})
    while len(now := _recorded(records.parent_of(run.run_id) or parent)) > len(readings):
        readings = now  # another was recorded before this one's count, which was then too low
        records.annotate(run_id, tags={COUNT: str(len(readings))})
    return readings
