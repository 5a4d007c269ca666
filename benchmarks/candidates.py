"""The settings among which ``benchmarks.selection`` has a search choose: ``candidates.jsonl``.

``python -m benchmarks.candidates --draw 10`` draws them anew: for each of three architectures its
space's baseline, its guesses and settings drawn at random, as a search of the embedded data would.
In turn they have no cure of the shortcut, patches exchanged where the digit lies, none again, and
Just Train Twice, whatever the space says of cures: each architecture gets its share.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from trainables.boundary.arguments import Arguments
from trainables.boundary.errors import UsageError
from trainables.data import EMBEDDED
from trainables.recipe import Value

FILE = Path(__file__).with_name("candidates.jsonl")
SEED = 0
# What a CPU affords, and no cures but those below.
FIXED: dict[str, dict[str, Value]] = {
    "conv3": {},
    "gap5": {"pool_stride": 2, "region_swap": "none", "reweighting": "none"},
    "nin": {"stride": 3},
}
CURES: tuple[dict[str, Value], ...] = (  # taken in turn
    {},
    {"region_swap": "bottom_right", "swap_size": 0.4, "swap_probability": 1.0},
    {},
    {"reweighting": "jtt", "jtt_share": 0.04, "jtt_weight": 16.0},
)


@dataclass(frozen=True)
class Candidate:
    """One setting of one architecture.

    Attributes:
        architecture: name of a file in ``trainables/architectures``.
        number: among the architecture's own; 0 is its space's baseline.
        values: each a key of the recipe or of the architecture.
    """

    architecture: str
    number: int
    values: dict[str, Value]


def read_candidates(file: Path = FILE) -> list[Candidate]:
    """The candidates in ``file``.

    Raises:
        UsageError: it holds none, or something else.
    """
    try:
        found = [Candidate(**json.loads(line)) for line in file.read_text().splitlines()]
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{file} cannot be read as candidates ({error})") from error
    if not found:
        raise UsageError(f"{file} holds no candidates; python -m benchmarks.candidates --draw 10")
    return found


def draw(count: int, seed: int = SEED) -> Iterator[Candidate]:
    """``count`` candidates of each architecture in ``FIXED``."""
    # Training the candidates needs neither pydantic nor Optuna, which these bring.
    import optuna

    from benchmarks.curves import settings
    from search.space import SPACES, read_space

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for architecture, given in FIXED.items():
        space = read_space(SPACES / f"{architecture}.yaml")
        drawn = settings(space, space.fixed_on(EMBEDDED, given), seed)
        for number, values in enumerate(islice(drawn, count)):
            cure = CURES[number % len(CURES)]
            yield Candidate(architecture, number, {**values, **cure})


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 if a flag is wrong."""
    parser = Arguments(prog="python -m benchmarks.candidates", description=__doc__)
    parser.add_argument(
        "--draw", type=int, metavar="N", required=True, help="settings of each architecture"
    )
    try:
        count = parser.parse_args(argv).draw
        if count < 1:
            raise UsageError(f"--draw must be 1 or more, not {count}")
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    lines = [json.dumps(asdict(candidate)) + "\n" for candidate in draw(count)]
    FILE.write_text("".join(lines))
    print(f"{len(lines)} candidates in {FILE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
