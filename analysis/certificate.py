"""Whether the reloaded weights give the validation accuracy that was logged."""

from dataclasses import dataclass

from analysis.subject import Subject
from search.trials.code_version import code_version, versions

TOLERANCE = 1e-6


@dataclass(frozen=True)
class Certificate:
    """What was logged, what the reloaded weights give, and under which conditions.

    Attributes:
        run_id: MLflow's.
        certified: the two accuracies differ by at most ``tolerance``.
        logged_val_accuracy: as the search logged it.
        reloaded_val_accuracy: as measured now.
        tolerance: the greatest difference allowed.
        val_images: images that it was measured on.
        fingerprint: of the data.
        precision: number format of both measurements.
        device: where it was measured now.
        recorded_device: where it was measured then.
        threads: CPU threads of both measurements.
        versions: of the libraries now.
        recorded_versions: of the libraries then.
        code: Convoy's version now, with its commit where that is known.
        recorded_code: the same then; None in the record of an earlier version.
    """

    run_id: str
    certified: bool
    logged_val_accuracy: float
    reloaded_val_accuracy: float
    tolerance: float
    val_images: int
    fingerprint: str
    precision: str
    device: str
    recorded_device: str
    threads: int
    versions: dict[str, str]
    recorded_versions: dict[str, str]
    code: str
    recorded_code: str | None

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        logged, reloaded = 100 * self.logged_val_accuracy, 100 * self.reloaded_val_accuracy
        if self.certified:
            return f"certified: the reloaded weights give the logged {logged:.2f}%"
        return (
            f"not certified: {logged:.4f}% was logged, the reloaded weights give {reloaded:.4f}% "
            f"({self.recorded_device} then, {self.device} now)"
        )


def certify(subject: Subject) -> Certificate:
    """The certificate of a run, measured on its whole validation split."""
    run, provenance = subject.run, subject.run.provenance
    reloaded = subject.validation.metrics()["val_accuracy"]
    return Certificate(
        run_id=run.run_id,
        certified=abs(reloaded - run.val_accuracy) <= TOLERANCE,
        logged_val_accuracy=run.val_accuracy,
        reloaded_val_accuracy=reloaded,
        tolerance=TOLERANCE,
        val_images=len(subject.dataset.val),
        fingerprint=subject.dataset.fingerprint,
        precision=provenance.validation_dtype,
        device=subject.device.type,
        recorded_device=provenance.device,
        threads=run.job.cpus,
        versions=versions(),
        recorded_versions=provenance.versions,
        code=code_version().described,
        recorded_code=provenance.code.described if provenance.code else None,
    )
