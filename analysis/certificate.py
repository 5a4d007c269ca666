"""The certificate: do the reloaded weights give the validation accuracy that was logged?"""

from dataclasses import dataclass

from analysis.subject import Subject
from search.trials.code_version import code_version, versions
from trainables.best_epoch import ACCURACY, in_words
from trainables.data.batches import DeviceSplit
from trainables.device import device_name, dtype_name, evaluation_dtype
from trainables.evaluation import evaluate

TOLERANCE = 1e-6
_TOLERANCES = {"auroc": 1e-5}  # images with almost equal probabilities may change their order


@dataclass(frozen=True)
class Certificate:
    """What was logged, what the reloaded weights give, and under which conditions.

    Attributes:
        run_id: the run's id in MLflow.
        certified: the two accuracies differ by at most ``tolerance``, and so do the two scores.
        logged_val_accuracy: accuracy that the search logged.
        reloaded_val_accuracy: accuracy measured now.
        tolerance: the greatest difference allowed.
        val_images: number of validation images.
        fingerprint: fingerprint of the data.
        precision: precision of the measurement now: ``bfloat16``, ``float32``, or ``TF32`` if a
            GPU computes float32 convolutions in it.
        recorded_precision: precision in the search; it differs if that was TF32 and no GPU is here.
        emulated: whether this device lacks hardware for the precision and emulates it.
        float32_val_accuracy: accuracy measured now in float32.
        device: device of the measurement now.
        device_name: its name.
        recorded_device: device of the search's measurement.
        recorded_device_name: its name; None in the record of an earlier version.
        threads: CPU threads of both measurements.
        versions: versions of the libraries now.
        recorded_versions: versions of the libraries in the search.
        code: Convoy's version now, with its commit if known.
        recorded_code: Convoy's version in the search; None in the record of an earlier version.
        metric: the metric by which the search judged its trials.
        logged_score: value of that metric that the search logged.
        reloaded_score: value of that metric measured now.
    """

    run_id: str
    certified: bool
    logged_val_accuracy: float
    reloaded_val_accuracy: float
    tolerance: float
    val_images: int
    fingerprint: str
    precision: str
    recorded_precision: str
    emulated: bool
    float32_val_accuracy: float
    device: str
    device_name: str
    recorded_device: str
    recorded_device_name: str | None
    threads: int
    versions: dict[str, str]
    recorded_versions: dict[str, str]
    code: str
    recorded_code: str | None
    metric: str
    logged_score: float
    reloaded_score: float

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        digits = 2 if self.certified else 4
        logged = self._figures(self.logged_val_accuracy, self.logged_score, digits)
        reloaded = self._figures(self.reloaded_val_accuracy, self.reloaded_score, digits)
        precision = f"{self.precision}, emulated," if self.emulated else self.precision
        if self.certified:
            return (
                f"certified: the reloaded weights give the logged {logged} "
                f"({precision} on {self.device_name}{self._beside(2)})"
            )
        return (
            f"not certified: {logged} was logged, the reloaded weights give {reloaded} "
            f"({self.recorded_precision} on {self.recorded_device_name or self.recorded_device} "
            f"then, {precision} on {self.device_name} now{self._beside(4)})"
        )

    def _figures(self, accuracy: float, score: float, digits: int) -> str:
        """The accuracy, and the score if the search judged by another metric."""
        text = f"{100 * accuracy:.{digits}f}%"
        if self.metric == ACCURACY:
            return text
        return f"{text} accuracy and {100 * score:.{digits}f}% {in_words(self.metric)}"

    def _beside(self, digits: int) -> str:
        """The accuracy in float32, if the precision was another."""
        if self.precision == "float32":
            return ""
        return f"; {100 * self.float32_val_accuracy:.{digits}f}% in float32"


def certify(subject: Subject) -> Certificate:
    """Certify a run: measure it on its whole validation split and compare with its record."""
    run, provenance, metric = subject.run, subject.run.provenance, subject.run.job.metric
    measured, tolerance = subject.validation.metrics(metric), _TOLERANCES.get(metric, TOLERANCE)
    reloaded, score = measured["val_accuracy"], measured[run.job.figure]
    close = abs(reloaded - run.val_accuracy) <= TOLERANCE and abs(score - run.score) <= tolerance
    return Certificate(
        run_id=run.run_id,
        certified=close,
        logged_val_accuracy=run.val_accuracy,
        reloaded_val_accuracy=reloaded,
        tolerance=tolerance,
        val_images=len(subject.dataset.val),
        fingerprint=subject.dataset.fingerprint,
        precision=subject.precision,
        recorded_precision=provenance.validation_precision,
        emulated=subject.precision == "bfloat16" != dtype_name(evaluation_dtype(subject.device)),
        float32_val_accuracy=_in_float32(subject),
        device=subject.device.type,
        device_name=device_name(subject.device),
        recorded_device=provenance.device,
        recorded_device_name=provenance.device_name,
        threads=run.job.cpus,
        versions=versions(),
        recorded_versions=provenance.versions,
        code=code_version().described,
        recorded_code=provenance.code.described if provenance.code else None,
        metric=metric,
        logged_score=run.score,
        reloaded_score=score,
    )


def _in_float32(subject: Subject) -> float:
    evaluation = subject.validation
    if subject.precision != "float32":
        split = DeviceSplit.of(subject.dataset.val, subject.device)
        evaluation = evaluate(subject.model, split, subject.normalise)
    return evaluation.metrics()["val_accuracy"]
