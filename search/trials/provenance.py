"""What a training was done with: code, libraries, device, number formats, threads."""

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
    """All that decides the last bit of a result besides setting and data.

    Attributes:
        versions: of Python and the libraries.
        device: ``cpu``, ``cuda`` or ``mps``.
        validation_dtype: number format of the validation; in bfloat16 the last layer is in float32.
        training_dtype: number format of the training; None, as below, if it is not known.
        device_name: the processor's or GPU's own name.
        threads: CPU threads.
        code: the version of Convoy.
        sources: SHA-256 of each source file that the training used, as ``source_files`` has them.
        tf32: whether a GPU convolved in TF32 where the format is float32; None for a CPU, which
            cannot, and in the record of an earlier version, where every GPU did that can.
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
        """That of a training in this process, on as many threads as torch uses now.

        Args:
            architecture: what is trained; without it the source files stay unknown.
            validation_dtype: of its validation; None for the device's usual one.
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
        """``bfloat16``, ``float32``, or ``TF32`` where a GPU convolved float32 in that.

        GPUs that compute in TF32 are those that train in bfloat16.
        """
        in_tf32 = self.device == "cuda" and self.tf32 is not False
        in_tf32 &= self.training_dtype == "bfloat16"
        return "TF32" if in_tf32 and self.validation_dtype == "float32" else self.validation_dtype

    @property
    def repeats(self) -> bool:
        """True if the same training with the same provenance ends in the same bits.

        So it is on a CPU with one thread: with more, and on a GPU, sums may be taken in an order
        that differs from run to run.
        """
        return self.sources is not None and self.device == "cpu" and self.threads == 1


def signed(epoch: Epoch, architecture: str) -> Epoch:
    """``epoch`` with the provenance of this process in its state, to be saved with it.

    The process that trains signs: a search's driver may run elsewhere, and writes records later.
    """
    here = Provenance.current(architecture, epoch.state.get("validation_dtype"))
    return replace(epoch, state={**epoch.state, _KEY: asdict(here)})


def provenance_in(state: dict[str, Any]) -> Provenance:
    """Who signed ``state``.

    Where an earlier version left it unsigned that is this process, but for the source files.
    """
    if _KEY not in state:
        return Provenance.current(validation_dtype=state.get("validation_dtype", "float32"))
    written = dict(state[_KEY])
    return Provenance(**{**written, "code": CodeVersion(**written["code"])})
