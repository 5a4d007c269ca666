"""The sealed test: a search's test labels are read once, for its winner, and readings are counted.

A tag on the search's own run records each reading, and nothing overwrites it: two analyses at once
are two readings. Readings of the same test images count together across all searches of the store.
The figures of a reading are also logged as metrics, one step for each reading.
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
from analysis.tested_images import fingerprint
from search.records.parsing import parsed
from search.records.run_reader import RecordedRun
from search.space.naming import is_name
from trainables.boundary.errors import UsageError

COUNT, PREFIX = "convoy.test_readings", "convoy.test_reading."
FIRST: Final = "analysis.run"
AGAIN: Final = "analysis.run --read-test"
SHOWN: Final = "analysis.run --split test"

Command = Literal["analysis.run", "analysis.run --read-test", "analysis.run --split test"]
Figure = Literal[
    "test_accuracy", "test_accuracy_aligned", "test_accuracy_conflicting", "test_digit_following"
]
NO_TEST = "--no-test keeps the test labels sealed, but {} reads them; leave out one of the two"
LEFT_SEALED = "this analysis keeps its labels sealed (--read-test reads them, which is counted)"
_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth"),
    *("sixth", "seventh", "eighth", "ninth", "tenth"),
)
_Hex = Annotated[str, Field(pattern="^[0-9a-f]{1,64}$")]
# Within these limits a time can be shown in any time zone.
_Time = Annotated[
    AwareDatetime, Field(gt=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC))
]


class Reading(BaseModel, frozen=True):
    """One reading of the test labels.

    Attributes:
        time: time of the reading.
        run_id: the run whose predictions were compared with the labels.
        command: the command that read them.
        fingerprint: fingerprint of the data.
        test_images: fingerprint of the test images and their labels alone; None in the record of an
            earlier version.
        search: current name of the run's search.
        estimates: the accuracy. If the images have digits, also the accuracy on aligned and on
            conflicting images, and the share of conflicting images that are predicted as their
            digit. An estimate over no images is left out.
    """

    time: _Time
    run_id: _Hex
    command: Command
    fingerprint: _Hex
    estimates: dict[Figure, Estimate]
    test_images: _Hex | None = None
    search: str = ""

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
        """The share of all test images that are predicted correctly."""
        return self.estimates["test_accuracy"]

    @property
    def when(self) -> str:
        """Its time, in this machine's time zone."""
        return f"{self.time.astimezone():%Y-%m-%d %H:%M %Z}"


@dataclass(frozen=True)
class Seal:
    """The readings of the labels of a run's test images.

    Attributes:
        run: the run.
        readings: all readings of these images by time; ``fresh`` is always the last.
        fresh: the reading made now, or None.
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
        """The run's reading: the one made now, else its first one."""
        own = (reading for reading in self.readings if reading.run_id == self.run.run_id)
        return self.fresh or next(own, None)

    def place(self, reading: Reading) -> str:
        """The ordinal of ``reading`` among those of the test images, in words."""
        number = self.readings.index(reading)
        which = f"{_ORDINALS[number]} reading" if number < 10 else f"reading {number + 1}"
        return f"{which} of these test images" if number else which

    def after(self, reading: Reading) -> str:
        """Search and time of the first reading, to follow another's time; empty for the first."""
        first = self.readings[0]
        return "" if reading == first else f"; first: search {first.search}, {first.when}"

    @property
    def spent(self) -> str:
        """A sentence that warns if the labels were read more than once; else empty."""
        count, runs = len(self.readings), len({reading.run_id for reading in self.readings})
        if count < 2:
            return ""
        searches = len({reading.search for reading in self.readings})
        whose = ("one run" if runs == 1 else f"{runs} runs") + (
            f" of {searches} searches" if searches > 1 else ""
        )
        return (
            f"The labels of these test images were read {count} times, of {whose}: "
            "accuracy on them is no longer a clean estimate."
        )

    @property
    def line(self) -> str:
        """A line on the run's reading, or why it has none; empty if none was due."""
        if self.shown is None:
            return f"test: not read, as {self.unread}" if self.unread else ""
        estimates, accuracy = self.shown.estimates, self.shown.accuracy
        how = "" if self.fresh else ", as recorded"
        if self.fresh and self.fresh.command == SHOWN:
            how = ", as --split test shows their labels"
        text = (
            f"test: {100 * accuracy.value:.2f}% of {accuracy.images:,} sealed images "
            f"({self.place(self.shown)}, {self.shown.when}{how}{self.after(self.shown)})"
        )
        if (conflicting := estimates.get("test_accuracy_conflicting")) is None:
            return text
        return (
            f"{text}; {100 * conflicting.value:.1f}% where the {self.run.job.data.noun} conflicts"
        )

    def as_dict(self) -> dict[str, Any]:
        """The readings and remarks as JSON values."""
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


def command_asking(
    run: RecordedRun, shown: str, *, glance: bool, read_test: bool, no_test: bool
) -> Command | None:
    """The command that reads the test labels of ``run``; None if they stay sealed.

    Args:
        run: the run to analyse.
        shown: the split whose images the figures show.
        glance: whether only some figures are drawn.
        read_test: whether the user asks for a reading.
        no_test: whether the user forbids one.

    Raises:
        UsageError: the flags contradict each other, or the run may not read the labels.
    """
    if no_test and (read_test or shown == "test"):
        other = "--read-test" if read_test else "--split test"
        raise UsageError(NO_TEST.format(other))
    if shown == "test":
        if not read_test and (glance or not run.is_winner):
            raise UsageError(
                "--split test shows sealed test labels, and only the whole analysis of a winner "
                "may read them; add --read-test, which is counted, or choose --split val"
            )
        return SHOWN
    if read_test and not run.is_winner:
        raise UsageError(
            f"--read-test: run {run.run_id} is {run.described}, and the test labels are read only "
            "for winners; omit the flag"
        )
    return AGAIN if read_test else None if glance or no_test else FIRST


def unseal(subject: Subject, command: Command | None = FIRST) -> Seal:
    """Read the test labels if ``command`` asks for it, and return all readings of these images.

    ``FIRST`` reads only for a winner that has no reading yet. A reading is recorded before it is
    shown. If the store refuses it, it is shown nevertheless.

    Raises:
        UsageError: the record of an earlier reading is damaged, or the store does not answer.
    """
    run, records = subject.run, subject.records
    if not subject.dataset.test.labelled:
        return Seal(run)
    images = fingerprint(subject)
    parent = None if records is None else records.parent_of(run.run_id)
    past = () if records is None else _recorded(records, subject, images, parent)
    known = any(reading.run_id == run.run_id for reading in past)
    if command is None or (command == FIRST and (known or not run.is_winner)):
        return Seal(run, past, unread="" if known or not run.is_winner else LEFT_SEALED)
    missing = f"the parent run of search {run.search}, which records readings, is missing"
    if parent is None and command == FIRST:
        return Seal(run, past, unread=missing)
    fresh = _read(subject, command, images)
    if records is None or parent is None:
        return Seal(run, (*past, fresh), fresh, unrecorded=missing)
    try:
        _record(records, run, parent, fresh)
        past = _recorded(records, subject, images, parent)  # another may have read meanwhile
        return Seal(run, tuple(sorted(past, key=lambda each: each == fresh)), fresh)
    except UsageError as error:
        return Seal(run, (*past, fresh), fresh, unrecorded=str(error))


def _read(subject: Subject, command: Command, images: str) -> Reading:
    """Compare the run's predictions of the test images with their labels."""
    return Reading(
        time=datetime.now().astimezone(),
        run_id=subject.run.run_id,
        command=command,
        fingerprint=subject.dataset.fingerprint,
        estimates=_estimates(subject),
        test_images=images,
        search=subject.run.search,
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


def _recorded(
    records: Records, subject: Subject, images: str, parent: Run | None
) -> tuple[Reading, ...]:
    """All readings of the test images in the store, by time.

    These are the readings of the run's own search, and those that name the same test images or
    data that contain them: an earlier version recorded only the fingerprint of all data.
    """
    own = None if parent is None else parent.info.run_id
    texts = [(search, text) for search in records.searches() for text in _texts(search)]
    same = [_reading(records, *each) for each in texts if images in each[1]]
    marks = {images, subject.dataset.fingerprint, *(reading.fingerprint for reading in same)}
    readings = [
        _reading(records, search, text)
        for search, text in texts
        if search.info.run_id == own or any(mark in text for mark in marks)
    ]
    return tuple(sorted(readings, key=lambda reading: reading.time))


def _texts(search: Run) -> list[str]:
    """The readings in the tags of a search's own run, as JSON text."""
    return [text for key, text in search.data.tags.items() if key.startswith(PREFIX)]


def _reading(records: Records, search: Run, text: str) -> Reading:
    try:
        reading: Reading = parsed(Reading, text)
        if not is_name(name := records.name_of(search)):
            raise ValueError(f"{name!r} is not the name of a search")
    except (ValueError, KeyError) as error:
        raise UsageError(
            f"the record of a reading of the test labels, among the tags {PREFIX}* of run "
            f"{search.info.run_id}, is damaged ({error})"
        ) from error
    return reading.model_copy(update={"search": name})


def _record(records: Records, run: RecordedRun, parent: Run, fresh: Reading) -> None:
    """Log ``fresh`` to the search's own run, and count that run's readings.

    Raises:
        UsageError: the store refuses it.
    """
    run_id = parent.info.run_id

    def recorded() -> list[str]:
        tags = (records.parent_of(run.run_id) or parent).data.tags
        return [tag for tag in tags if tag.startswith(PREFIX)]

    tag = f"{PREFIX}{fresh.time.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"
    records.annotate(run_id, tags={tag: fresh.model_dump_json()})
    tags = recorded()
    step, time = sum(each <= tag for each in tags), int(fresh.time.timestamp() * 1000)
    metrics = [Metric(name, each.value, time, step) for name, each in fresh.estimates.items()]
    records.annotate(run_id, metrics, {COUNT: str(len(tags))})
    while len(now := recorded()) > len(tags):
        tags = now  # another reading came in between, so the count was too low
        records.annotate(run_id, tags={COUNT: str(len(tags))})
