"""What a training was done with: code, libraries, device, number formats, threads."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from search.trials.code_version import CodeVersion, code_version, installed, versions
from search.trials.source_files import source_files
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
        sources: SHA-256 of each source file that the training used, as ``source_files`` has them.
    """

    versions: dict[str, str]
    device: str
    validation_dtype: str
    training_dtype: str | None = None
    device_name: str | None = None
    threads: int | None = None
    code: CodeVersion | None = None
    sources: dict[str, str] | None = None

    @classmethod
    def current(cls, architecture: str | None = None) -> "Provenance":
        """That of a training in this process, on as many threads as torch uses now.

        Args:
            architecture: what is trained; without it the source files stay unknown.
        """
        device = best_device()
        return cls(
            versions={**versions(), "numpy": installed("numpy")},
            device=device.type,
            validation_dtype="float32",
            training_dtype=str(training_dtype(device)).removeprefix("torch."),
            device_name=device_name(device),
            threads=torch.get_num_threads(),
            code=code_version(),
            sources=source_files(architecture) if architecture else None,
        )

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
    state = {**epoch.state, _KEY: asdict(Provenance.current(architecture))}
    return replace(epoch, state=state)


def provenance_in(state: dict[str, Any]) -> Provenance:
    """Who signed ``state``.

    Where an earlier version left it unsigned that is this process, but for the source files.
    """
    if _KEY not in state:
        return Provenance.current()
    written = dict(state[_KEY])
    return Provenance(**{**written, "code": CodeVersion(**written["code"])})
