"""Two searches of one seed, by Convoy and by the plain way, side by side."""

from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.timeline import Timeline

SIDES = ("convoy", "plain")


@dataclass(frozen=True)
class Pair:
    """Both searches of one seed."""

    seed: int
    convoy: Timeline
    plain: Timeline

    def ratio(self, figure: str) -> float:
        """Convoy's figure over the plain way's."""
        ours, theirs = (side.figures()[figure] for side in (self.convoy, self.plain))
        return float(ours / theirs)

    @property
    def speed(self) -> float:
        """Ratio of the images a second, start-up included."""
        return self.ratio("images_per_second")

    @property
    def training_speed(self) -> float:
        """The same from the first step to the last report."""
        return self.ratio("images_per_second_training")

    @property
    def common(self) -> float:
        """The highest validation accuracy that both reached, in [0, 1]."""
        return min(self.convoy.best, self.plain.best)

    @property
    def common_time_share(self) -> float:
        """Convoy's time to ``common`` as a share of the plain search's."""
        ours, theirs = (side.time_to(self.common) for side in (self.convoy, self.plain))
        assert ours is not None and theirs is not None
        return ours / theirs

    @property
    def time_share(self) -> float | None:
        """Convoy's time to the plain search's best accuracy as a share of the plain search's.

        None if Convoy did not reach it.
        """
        ours, theirs = (side.time_to(self.plain.best) for side in (self.convoy, self.plain))
        return None if ours is None or theirs is None else ours / theirs

    def as_dict(self) -> dict[str, Any]:
        """Records and figures, as JSON values."""
        return {
            "seed": self.seed,
            **{
                side: {**getattr(self, side).figures(), "records": asdict(getattr(self, side))}
                for side in SIDES
            },
            "images_per_second_ratio": self.speed,
            "images_per_second_training_ratio": self.training_speed,
            "time_to_plain_best_share": self.time_share,
            "convoy_seconds_to_plain_best": self.convoy.time_to(self.plain.best),
            "common_best": self.common,
            "time_to_common_best_share": self.common_time_share,
        }


_LINES = {
    "wall_seconds": ("wall time, s", ",.1f"),
    "first_step_seconds": ("until the first step, s", ",.1f"),
    "first_report_seconds": ("until the first report, s", ",.1f"),
    "trials": ("trials", ",d"),
    "epochs": ("epochs", ",d"),
    "images": ("images trained", ",d"),
    "images_per_second": ("images/s, whole", ",.0f"),
    "images_per_second_training": ("images/s, from the first step to the last report", ",.0f"),
    "trials_per_hour": ("trials/hour, whole", ",.0f"),
    "trials_per_hour_training": ("trials/hour, from the first step to the last report", ",.0f"),
    "best_val_accuracy": ("best validation accuracy", ".2%"),
    "seconds_to_best": ("until that, s", ",.1f"),
}


def table(pair: Pair) -> str:
    """Both searches side by side, and the two ratios last."""
    ours, theirs = pair.convoy.figures(), pair.plain.figures()
    rows = [f"{f'seed {pair.seed}':52}{'Convoy':>12}{'plain':>12}{'ratio':>8}"]
    for key, (name, form) in _LINES.items():
        cells = f"{ours[key]:>12{form}}{theirs[key]:>12{form}}"
        rows.append(f"{name:52}{cells}{pair.ratio(key):>8.2f}")
    reached, share = pair.convoy.time_to(pair.plain.best), pair.time_share
    when = "not reached" if share is None else f"after {reached:,.1f} s, {share:.2f} of its time"
    return "\n".join(
        [
            *rows,
            f"images/s: {pair.speed:.2f}x, without start-up {pair.training_speed:.2f}x",
            f"the plain search's best accuracy by Convoy: {when}",
            f"{pair.common:.2%}, which both reached: Convoy in {pair.common_time_share:.2f} of "
            "the plain search's time",
            "",
        ]
    )
