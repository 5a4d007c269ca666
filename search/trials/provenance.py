"""The conditions of a training: code, libraries, device, number formats, threads."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from search.trials.code_version import CodeVersion, code_version, installed, versions
from search.trials.source_files import source_files
from trainables.device import (
    best_device,
    device_name,
    dtype_name,
    evaluation_dtype,
    tf32_requested,
    training_dtype,
)
from trainables.training import Epoch

_KEY = "provenance"


@dataclass(frozen=True)
class Provenance:
    """Everything that determines the bits of a result besides setting and data.

    Attributes:
        versions: versions of Python and the libraries.
        device: ``cpu``, ``cuda`` or ``mps``.
        validation_dtype: number format of the validation; in bfloat16 the last layer is in float32.
        training_dtype: number format of the training. Here and below, None means not known.
        device_name: name of the processor or GPU.
        threads: number of CPU threads.
        code: version of Convoy.
        sources: SHA-256 of each source file that the training used, as from ``source_files``.
        tf32: whether a GPU convolved in TF32 if the format is float32; None for a CPU, which
            cannot, and in records of an earlier version, where every capable GPU did.
    """

    versions: dict[str, str]
    device: str
    validation_dtype: str
    training_dtype: str | None = None
    device_name: str | None = None
    threads: int | None = None
    code: CodeVersion | None = None
    sources: dict[str, str] | None = None
    tf32: bool | None = None

    @classmethod
    def current(
        cls, architecture: str | None = None, validation_dtype: str | None = None
    ) -> "Provenance":
        """The provenance of a training in this process, with torch's present number of threads.

        Args:
            architecture: the trained architecture; without it the source files stay unknown.
            validation_dtype: number format of the validation; None for the device's usual one.
        """
        device = best_device()
        return cls(
            versions={**versions(), "numpy": installed("numpy")},
            device=device.type,
            validation_dtype=validation_dtype or dtype_name(evaluation_dtype(device)),
            training_dtype=dtype_name(training_dtype(device)),
            device_name=device_name(device),
            threads=torch.get_num_threads(),
            code=code_version(),
            sources=source_files(architecture) if architecture else None,
            tf32=tf32_requested() if device.type == "cuda" else None,
        )

    @property
    def validation_precision(self) -> str:
        """``bfloat16``, ``float32``, or ``TF32`` if a GPU convolved float32 in that format.

        The GPUs that compute in TF32 are those that train in bfloat16.
        """
        in_tf32 = self.device == "cuda" and self.tf32 is not False
        in_tf32 &= self.training_dtype == "bfloat16"
        return "TF32" if in_tf32 and self.validation_dtype == "float32" else self.validation_dtype

    @property
    def repeats(self) -> bool:
        """True if the same training with the same provenance ends in the same bits.

        This holds on a CPU with one thread. With more threads, and on a GPU, the order of sums may
        differ from run to run.
        """
        return self.sources is not None and self.device == "cpu" and self.threads == 1


def signed(epoch: Epoch, architecture: str) -> Epoch:
    """``epoch`` with the provenance of this process in its state, to be saved with it.

    The process that trains signs, as a search's driver may run elsewhere and writes records later.
    """
    here = Provenance.current(architecture, epoch.state.get("validation_dtype"))
    return replace(epoch, state={**epoch.state, _KEY: asdict(here)})


def provenance_in(state: dict[str, Any]) -> Provenance:
    """The provenance in ``state``.

    An earlier version did not sign; then it is that of this process, without source files.
    """
    if _KEY not in state:
        return Provenance.current(validation_dtype=state.get("validation_dtype", "float32"))
    written = dict(state[_KEY])
    return Provenance(**{**written, "code": CodeVersion(**written["code"])})
