"""What a training was done with: code, libraries, device, number formats, threads."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from search.trials.code_version import CodeVersion, code_version, installed, versions
from trainables.device import best_device, device_name, training_dtype
from trainables.training import Epoch

_KEY = "provenance"


@dataclass(frozen=True)
class Provenance:
    """All that decides the last bit of a result besides setting and data.

    Attributes:
        versions: of Python and the libraries.
        device: ``cpu``, ``cuda`` or ``mps``.
        validation_dtype: number format of the validation.
        training_dtype: number format of the training; None, as below, if it is not known.
        device_name: the processor's or GPU's own name.
        threads: CPU threads.
        code: the version of Convoy.
    """

    versions: dict[str, str]
    device: str
    validation_dtype: str
    training_dtype: str | None = None
    device_name: str | None = None
    threads: int | None = None
    code: CodeVersion | None = None

    @classmethod
    def current(cls) -> "Provenance":
        """That of a training in this process, on as many threads as torch uses now."""
        device = best_device()
        return cls(
            versions={**versions(), "numpy": installed("numpy")},
            device=device.type,
            validation_dtype="float32",
            training_dtype=str(training_dtype(device)).removeprefix("torch."),
            device_name=device_name(device),
            threads=torch.get_num_threads(),
            code=code_version(),
        )

    @property
    def repeats(self) -> bool:
        """True if the same training with the same provenance ends in the same bits.

        So it is on a CPU with one thread: with more, and on a GPU, sums may be taken in an order
        that differs from run to run.
        """
        pinned = self.code is not None and not self.code.changed
        return pinned and self.device == "cpu" and self.threads == 1


def signed(epoch: Epoch) -> Epoch:
    """``epoch`` with the provenance of this process in its state, to be saved with it.

    The process that trains signs: a search's driver may run elsewhere, and writes records later.
    """
    return replace(epoch, state={**epoch.state, _KEY: asdict(Provenance.current())})


def provenance_in(state: dict[str, Any]) -> Provenance:
    """Who signed ``state``; this process, where an earlier version left it unsigned."""
    if _KEY not in state:
        return Provenance.current()
    written = dict(state[_KEY])
    return Provenance(**{**written, "code": CodeVersion(**written["code"])})
