"""``python -m studies.cures NAME ...``: the accuracy that each cure of a shortcut reaches.

gap5 at pool stride 2 is trained on composite images, whose digit agrees with the label in 64% of
the training images, and judged on validation images, where it agrees by chance. All cures have the
same recipe, seed and epochs, and none knows what the shortcut is or where it lies. Three are keys
of the recipe. The others exist only here, as measurements showed them not worth a key:

- ``last-layer``: Kirichenko et al. 2022, "Last Layer Re-Training is Sufficient for Robustness to
  Spurious Correlations": the head of the network without a cure is fitted again, to validation
  images that do not judge.
- ``learning-from-failure``: Nam et al. 2020, "Learning from Failure: Training Debiased Classifier
  from Biased Classifier": a biased twin, trained with generalised cross-entropy (Zhang and Sabuncu
  2018), says which images a second network learns from.
- ``patch-shuffle``: each tile of an image is replaced by that of another image with probability .3,
  as in Yun et al. 2019, "CutMix", but under the image's own label.
- ``crop-consistency``: the prediction for a random crop of an image, enlarged as in the multi-crop
  of Caron et al. 2020, "Unsupervised Learning of Visual Features by Contrasting Cluster
  Assignments", is to be the same as that for the whole image, which shows the shortcut.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.command import add_machine_flags, measured, parser_of
from trainables import architectures
from trainables.data import DataSpec, load, resolve
from trainables.data.augmentation import Augmentation
from trainables.data.batches import DeviceSplit, steps_per_epoch
from trainables.evaluation import evaluate
from trainables.recipe import Recipe, Setting
from trainables.seeding import derive, generator
from trainables.step.learner import Learner
from trainables.training import TrainingData, fit

RECIPE = Recipe(
    optimizer="adamw",
    lr=0.005,
    weight_decay=0.01,
    schedule="one_cycle",
    warmup=0.2,
    peak_factor=2.0,
    label_smoothing=0.05,
    flip=True,
    crop_padding=2,
)
_ATTENDED = {"region_swap": "attended", "swap_size": 0.45, "attended_share": 0.05}
_JTT = {"reweighting": "jtt", "jtt_share": 0.05, "jtt_weight": 16.0}
KEYS: dict[str, dict[str, Any]] = {
    "none": {},
    "attended": _ATTENDED,
    "jtt": _JTT,
    "attended-jtt": _ATTENDED | _JTT,
    "random-swap": {"region_swap": "random", "swap_size": 0.4, "swap_probability": 0.8},
}
FITTED = 0.4  # share of the validation images that the last layer is fitted to; the rest judge
PENALTIES = (1e-3, 1e-2, 1e-1)  # on the squared weights of the last layer
TILES, TILE_PROBABILITY = 5, 0.3
SMALLEST_CROP = 0.5  # the shortest side of a crop, as a share of the image's side
CONSISTENCY = 1.0  # weight of the divergence between the predictions for a crop and its image
GENERALISED = 0.7  # the exponent q of the twin's loss, in (0, 1]
MEMORY = 0.7  # share of the earlier mean in the running mean of an image's loss


@dataclass(frozen=True)
class CureFigures:
    """The figures of a cure on the validation images, in [0, 1].

    Attributes:
        cure: its name.
        images: the number of validation images that judged it.
        accuracy: the accuracy on all of them.
        aligned: the accuracy on images whose digit agrees with the label.
        conflicting: the accuracy on the other images.
        following: share of those that are predicted as their digit.
        seconds: the time of the training.
    """

    cure: str
    images: int
    accuracy: float
    aligned: float
    conflicting: float
    following: float
    seconds: float


Loss = Callable[[Tensor, Tensor, Tensor], Tensor]  # of inputs (N, C, H, W), labels, places (N,)


class Lab:
    """The data and the training that all cures share.

    Args:
        data: the images and labels to train on.
        epochs: the number of epochs of every training.
        seed: the seed of all draws.
    """

    def __init__(self, data: TrainingData, epochs: int, seed: int) -> None:
        self.data, self.epochs, self.seed = data, epochs, seed
        self.steps = steps_per_epoch(len(data.train), RECIPE.batch_size)

    def learner(self, name: str) -> Learner:
        """A new network with its optimizer."""
        torch.manual_seed(derive(self.seed, name))
        shape, classes = self.data.dataset.image_shape, len(self.data.dataset.classes)
        model = architectures.build("gap5", image_shape=shape, classes=classes, pool_stride=2)
        return Learner(model, RECIPE, self.epochs, self.steps, captured=False)

    def by_recipe(self, keys: dict[str, Any]) -> nn.Module:
        """A network trained as the product trains it, with ``keys`` of the recipe."""
        setting = Setting(
            "gap5", {"pool_stride": 2}, replace(RECIPE, **keys), self.epochs, self.seed
        )
        learner = self.learner("unused")
        for epoch in fit(setting, self.data):
            state = epoch.state["model"]
        learner.model.load_state_dict(state)
        return learner.model

    def train(
        self, learners: tuple[Learner, ...], step: Loss, pixels: Callable[..., Tensor] | None = None
    ) -> nn.Module:
        """The first of the learners, after ``step`` was called for every batch of every epoch."""
        draws = generator(self.data.device, self.seed, "cures")
        augment = Augmentation(RECIPE)
        for _ in range(self.epochs):
            for learner in learners:
                learner.begin_epoch()
                learner.model.train()
            for places in self._batches(draws):
                batch = self.data.train.at(places)
                images = batch.images if pixels is None else pixels(batch.images, draws)
                inputs = self.data.normalise(augment.pixels(images, draws))
                step(inputs, batch.labels, places)
        return learners[0].model

    def _batches(self, draws: torch.Generator) -> Iterator[Tensor]:
        order = torch.randperm(len(self.data.train), generator=draws, device=draws.device)
        size = RECIPE.batch_size
        return (order[at * size : (at + 1) * size] for at in range(self.steps))


def learning_from_failure(lab: Lab) -> nn.Module:
    """A network that learns from what a biased twin fails to learn."""
    learner, twin = lab.learner("initialisation"), lab.learner("twin")
    labels, count = lab.data.train.labels, len(lab.data.train)
    running = [torch.zeros(count, device=labels.device) for _ in range(2)]

    def share(losses: tuple[Tensor, Tensor], places: Tensor) -> Tensor:
        """The twin's part in both networks' losses, each over its class's highest one, (N,)."""
        scaled = []
        for mean, loss in zip(running, losses, strict=True):
            seen = mean[places] > 0
            mean[places] = torch.where(seen, MEMORY * mean[places] + (1 - MEMORY) * loss, loss)
            highest = mean.new_zeros(10).scatter_reduce(0, labels, mean, "amax")
            scaled.append(mean[places] / highest[labels[places]].clamp_min(1e-8))
        return scaled[0] / (scaled[0] + scaled[1] + 1e-8)

    def step(inputs: Tensor, truth: Tensor, places: Tensor) -> Tensor:
        easy, hard = twin.logits(inputs), learner.logits(inputs)
        plain = [F.cross_entropy(each.detach(), truth, reduction="none") for each in (easy, hard)]
        smoothed = F.cross_entropy(
            hard, truth, reduction="none", label_smoothing=RECIPE.label_smoothing
        )
        loss = (share((plain[0], plain[1]), places) * smoothed).mean()
        learner.update(loss)
        chance = F.softmax(easy, 1).gather(1, truth[:, None])[:, 0].clamp_min(1e-6)
        twin.update(((1 - chance**GENERALISED) / GENERALISED).mean())
        return loss

    return lab.train((learner, twin), step)


def patch_shuffle(lab: Lab) -> nn.Module:
    """A network that is trained on images of exchanged tiles."""
    learner = lab.learner("initialisation")

    def tiles(images: Tensor, draws: torch.Generator) -> Tensor:
        count, height, width = images.shape[:3]
        cells = torch.rand(count, TILES, TILES, generator=draws, device=images.device)
        rows = torch.arange(height, device=images.device) * TILES // height
        columns = torch.arange(width, device=images.device) * TILES // width
        exchanged = cells[:, rows][:, :, columns, None] < TILE_PROBABILITY
        partner = torch.randperm(count, generator=draws, device=images.device)
        return torch.where(exchanged, images[partner], images)

    def step(inputs: Tensor, truth: Tensor, places: Tensor) -> Tensor:
        loss = F.cross_entropy(
            learner.logits(inputs), truth, label_smoothing=RECIPE.label_smoothing
        )
        learner.update(loss)
        return loss

    return lab.train((learner,), step, tiles)


def crop_consistency(lab: Lab) -> nn.Module:
    """A network that predicts alike from crops and from whole images."""
    learner = lab.learner("initialisation")
    draws = generator(lab.data.device, lab.seed, "crops")

    def crop(inputs: Tensor) -> Tensor:
        """A square crop at one random place in all images, enlarged to their size, (N, C, H, W)."""
        size = inputs.shape[-1]
        share, *place = torch.rand(3, generator=draws, device=draws.device).tolist()
        side = round(size * (SMALLEST_CROP + (1 - SMALLEST_CROP) * share))
        top, left = (round((size - side) * each) for each in place)
        part = inputs[:, :, top : top + side, left : left + side]
        return F.interpolate(part, inputs.shape[2:], mode="bilinear")

    def step(inputs: Tensor, truth: Tensor, places: Tensor) -> Tensor:
        logits = learner.logits(torch.cat((inputs, crop(inputs))))
        whole, part = F.log_softmax(logits, 1).chunk(2)
        divergence = ((whole.exp() - part.exp()) * (whole - part)).sum(1).mean()
        loss = CONSISTENCY * divergence + F.cross_entropy(
            logits, torch.cat((truth, truth)), label_smoothing=RECIPE.label_smoothing
        )
        learner.update(loss)
        return loss

    return lab.train((learner,), step)


def fit_last_layer(model: nn.Module, data: TrainingData, penalty: float) -> nn.Module:
    """``model`` with its linear layer fitted to the first validation images; changes it."""
    head, features = model.get_submodule("linear"), []
    hook = head.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0].float()))
    part = data.val.at(slice(0, fitted_images(data)))
    evaluate(model, part, data.normalise)
    hook.remove()
    known = torch.cat(features)
    parameters = list(head.parameters())
    optimizer = torch.optim.LBFGS(parameters, max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(head(known), part.labels) + penalty * parameters[0].square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return model


OWN: dict[str, Callable[[Lab], nn.Module]] = {
    "learning-from-failure": learning_from_failure,
    "patch-shuffle": patch_shuffle,
    "crop-consistency": crop_consistency,
}
CURES = (*KEYS, "last-layer", *OWN)


def fitted_images(data: TrainingData) -> int:
    """How many validation images the last layer is fitted to."""
    return round(FITTED * len(data.val))


def figures_of(
    name: str, model: nn.Module, part: DeviceSplit, lab: Lab, begun: float
) -> CureFigures:
    """The figures of ``model`` on ``part``."""
    figures = evaluate(model.eval(), part, lab.data.normalise).metrics()
    return CureFigures(
        cure=name,
        images=len(part),
        accuracy=figures["val_accuracy"],
        aligned=figures["val_accuracy_aligned"],
        conflicting=figures["val_accuracy_conflicting"],
        following=figures["digit_following"],
        seconds=time.perf_counter() - begun,
    )


def try_cure(name: str, lab: Lab) -> Iterator[CureFigures]:
    """Train with a cure; the last layer is fitted with each of ``PENALTIES``."""
    begun, val = time.perf_counter(), lab.data.val
    if name != "last-layer":
        model = OWN[name](lab) if name in OWN else lab.by_recipe(KEYS[name])
        yield figures_of(name, model, val, lab, begun)
        return
    model, rest = lab.by_recipe({}), val.at(slice(fitted_images(lab.data), len(val)))
    yield figures_of("before the last layer is fitted", model, rest, lab, begun)
    for penalty in PENALTIES:
        fitted = fit_last_layer(model, lab.data, penalty)
        yield figures_of(f"{name}, penalty {penalty:g}", fitted, rest, lab, begun)


def study(arguments: argparse.Namespace) -> dict[str, Any]:
    """Try the cures that were asked for, and print a line each."""
    dataset = load(DataSpec("composite"), resolve(arguments.data))
    dataset = dataset.limited(arguments.train_limit, None)
    lab = Lab(TrainingData.of(dataset, arguments.device), arguments.epochs, arguments.seed)
    rows = []
    for name in arguments.cures or CURES:
        for row in try_cure(name, lab):
            rows.append(asdict(row))
            print(
                f"{row.cure:32} {row.accuracy:6.2%} of {row.images} (aligned {row.aligned:.1%}, "
                f"conflicting {row.conflicting:.1%}, following {row.following:.1%})  "
                f"{row.seconds:.0f} s",
                flush=True,
            )
    return {"cures": rows}


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = parser_of("studies.cures", __doc__)
    parser.add_argument(
        "cures", nargs="*", metavar="NAME", help=f"cures (default: {', '.join(CURES)})"
    )
    parser.add_argument(
        "--epochs", type=int, default=20, metavar="N", help="epochs of each (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="seed of all draws (default: %(default)s)"
    )
    parser.add_argument(
        "--train-limit", type=int, metavar="N", help="maximum number of training images"
    )
    add_machine_flags(parser)
    return measured(parser, study, argv, {"epochs": 1, "train_limit": 200})


if __name__ == "__main__":
    sys.exit(main())
