"""The shortcut audit on networks whose ways are known."""

import numpy as np
import pytest
import torch
from scipy.stats import norm
from subjects import SMALL, constructed, drawing_of
from torch import nn

from analysis.audit.attribution import AREA, digit_mass
from analysis.audit.boost import beta, matrix
from analysis.audit.control import reinitialised
from analysis.audit.decodability import decodability
from analysis.audit.groups import expected_minimum, groups_of
from analysis.audit.intervals import difference, mean, share
from analysis.audit.metrics import metrics
from analysis.audit.paste import digit_greyed, other_than, picture_greyed, sources, with_digits
from analysis.audit.readout import features_of, readout_name
from analysis.audit.report import Audit, audit
from analysis.figures import NotApplicableError
from analysis.figures.audit import draw
from trainables import architectures
from trainables.data import Dataset
from trainables.data.batches import DeviceSplit, Normaliser
from trainables.data.composite import BACKGROUND, PICTURE

CPU = torch.device("cpu")
LN16 = float(np.log(16))


class Reader(nn.Module):
    """Logits looked up by the exact pixels: those of the picture, and a boost on the digit's.

    Parts that are not in the split, such as grey ones, add nothing.
    """

    def __init__(self, dataset: Dataset, pictures: torch.Tensor, digits: torch.Tensor) -> None:
        super().__init__()
        self._mean, self._std = torch.tensor(dataset.mean), torch.tensor(dataset.std)
        split = dataset.val
        corners = [image[:PICTURE, :PICTURE].tobytes() for image in split.images]
        squares = [image[PICTURE:, PICTURE:].tobytes() for image in split.images]
        self._pictures = dict(zip(corners, pictures, strict=True))
        self._digits = {s: digits[d] for s, d in zip(squares, split.digits, strict=True)}
        self._nothing = torch.zeros(pictures.shape[1]), torch.zeros(digits.shape[1])

    def parts(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        levels = inputs.detach().permute(0, 2, 3, 1) * self._std + self._mean
        images = (255 * levels).round().to(torch.uint8).numpy()
        corners = [image[:PICTURE, :PICTURE].tobytes() for image in images]
        squares = [image[PICTURE:, PICTURE:].tobytes() for image in images]
        pictures = [self._pictures.get(key, self._nothing[0]) for key in corners]
        return torch.stack(pictures), torch.stack(
            [self._digits.get(key, self._nothing[1]) for key in squares]
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        pictures, digits = self.parts(inputs)
        return pictures + digits


class Readout(Reader):
    """A linear layer on twenty features: ten of the picture, ten of the digit."""

    def __init__(self, dataset, pictures, trust: float, boost: float) -> None:
        super().__init__(dataset, pictures, torch.eye(10))
        self.linear = nn.Linear(20, 10, bias=False)
        with torch.no_grad():
            self.linear.weight[:] = torch.cat([trust * torch.eye(10), boost * torch.eye(10)], 1)

    def forward(self, inputs):
        return self.linear(torch.cat(self.parts(inputs), dim=1))


def noisy(labels: np.ndarray, strength: float, seed: int = 0) -> torch.Tensor:
    """Picture logits, (N, 10): normal noise, and ``strength`` on the label."""
    draws = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(labels), 10, generator=draws)
    return noise + strength * torch.eye(10)[torch.from_numpy(labels)]


@pytest.fixture(scope="module")
def normalise(embedded) -> Normaliser:
    return Normaliser(embedded, CPU)


def audited(embedded: Dataset, model: nn.Module) -> Audit:
    return audit(model.eval(), embedded.val, Normaliser(embedded, CPU), CPU, pasted=300)


@pytest.fixture(scope="module")
def cheater(embedded) -> Audit:
    blind = torch.zeros(len(embedded.val), 10)
    return audited(embedded, Reader(embedded, blind, 50 * torch.eye(10)))


@pytest.fixture(scope="module")
def robust(embedded) -> Audit:
    pictures = noisy(embedded.val.labels, 3)
    return audited(embedded, Reader(embedded, pictures, torch.zeros(10, 10)))


@pytest.fixture(scope="module", params=[0.0, 1.0, LN16, 6.0])
def boosted(request, embedded) -> tuple[float, Audit]:
    pictures = noisy(embedded.val.labels, 3)
    reader = Reader(embedded, pictures, request.param * torch.eye(10))
    return request.param, audited(embedded, reader)


def values(found: Audit) -> dict[str, float | None]:
    return {row.name: row.estimate and row.estimate.value for row in metrics(found)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accuracy", 0.1),
        ("aligned", 1),
        ("conflicting", 0),
        ("worst_cell", 0),
        ("following", 1),
        ("paired", 1),
        ("flips", 1),
        ("control", 0),
        ("any_flips", 1),
        ("picture_greyed", 1),
        ("digit_greyed", 0.1),
    ],
)
def test_a_cheater_has_the_cheaters_figures(cheater, name, value):
    assert values(cheater)[name] == pytest.approx(value, abs=0.002)


@pytest.mark.parametrize("name", ["paired", "flips", "control", "any_flips", "boost"])
def test_digits_do_nothing_to_a_robust_network(robust, name):
    assert values(robust)[name] == pytest.approx(0, abs=1e-6)


def test_a_robust_network_follows_digits_by_its_errors_alone(robust):
    found = values(robust)
    row = next(row for row in metrics(robust) if row.name == "following")
    assert row.estimate.low < (1 - found["accuracy"]) / 9 < row.estimate.high
    assert row.reference.robust == (1 - found["accuracy"]) / 9
    assert found["digit_greyed"] == found["accuracy"]
    assert found["picture_greyed"] == pytest.approx(0.1, abs=0.002)  # always class 0


def test_a_robust_network_is_as_accurate_on_aligned_images_as_on_others(robust):
    groups = robust.groups
    assert groups.aligned.low < groups.conflicting.value < groups.aligned.high


def test_a_boost_that_was_added_is_recovered_exactly(boosted):
    added, found = boosted
    assert found.swaps.pull.boost.value == pytest.approx(added, abs=1e-6)
    assert (
        found.swaps.pull.boost.high - found.swaps.pull.boost.low < 1e-6
    )  # every image has the same
    np.testing.assert_allclose(found.swaps.matrix, added * (np.eye(10) - 0.1), atol=1e-6)


def test_the_words_follow_the_boost(boosted, cheater, robust):
    added, found = boosted
    assert found.verdict.words == (
        "reads the picture" if added == 0 else "leans on the digit" if added < 5 else "cheats"
    )
    assert cheater.verdict.words == "cheats"
    assert robust.verdict.words == "reads the picture"


def test_a_network_that_always_says_the_same_reads_neither(embedded):
    pictures = torch.zeros(len(embedded.val), 10)
    found = audited(embedded, Reader(embedded, pictures, torch.zeros(10, 10)))
    assert found.verdict.words == "reads neither picture nor digit"


def test_reading_the_digit_as_another_class_is_sensitivity(embedded):
    """Other digits change what it says, and draw it to no class of their own."""
    pictures = noisy(embedded.val.labels, 3)
    found = audited(embedded, Reader(embedded, pictures, 2 * torch.eye(10).roll(1, dims=1)))
    assert found.swaps.pull.boost.value < 0
    assert found.verdict.words == "reads the picture"
    changed = 100 * found.swaps.flips.value
    assert found.verdict.sensitivity == (
        "and is sensitive to the digit: pasting another one changes "
        f"{changed:.1f}% of its predictions, though not towards its own class"
    )


def test_reading_the_digit_alone_as_another_class_is_named_so(embedded):
    """It reads no picture, and the digit draws it to no class of its own, but is read."""
    pictures = torch.zeros(len(embedded.val), 10)
    found = audited(embedded, Reader(embedded, pictures, 50 * torch.eye(10).roll(1, dims=1)))
    assert found.swaps.flips.value == 1
    assert found.verdict.words == "reads the digit, but not as its own class"
    assert found.verdict.sentence.endswith(
        "changes 100.0% of its predictions, though not towards its own class"
    )


def test_a_readout_that_cheats_on_good_features_gains_by_refitting(embedded):
    found = audited(embedded, Readout(embedded, noisy(embedded.val.labels, 3), trust=1, boost=2))
    assert found.decodability.gain.low > 0.02
    assert found.decodability.digit.value == 1
    assert (found.verdict.words, found.verdict.fault) == ("leans on the digit", "readout")


def test_a_robust_readout_gains_nothing_by_refitting(embedded):
    found = audited(embedded, Readout(embedded, noisy(embedded.val.labels, 3), trust=1, boost=0))
    assert found.decodability.gain.low < 0.01
    assert found.decodability.gain.value == pytest.approx(0, abs=0.03)
    assert (found.verdict.words, found.verdict.fault) == ("reads the picture", "")


def test_features_without_the_picture_are_at_fault_themselves(embedded):
    blind = noisy(embedded.val.labels, 0)
    found = audited(embedded, Readout(embedded, blind, trust=0, boost=1))
    assert (found.verdict.words, found.verdict.fault) == ("cheats", "features")


def test_figures_of_the_last_layer_are_left_out_with_a_reason(cheater):
    rows = {row.name: row for row in metrics(cheater)}
    assert rows["refit_gain"].estimate is None
    assert "not a linear function" in rows["refit_gain"].missing
    assert rows["mass"].missing == "its logits have no gradient"
    assert cheater.verdict.fault == "unknown"


def test_a_split_that_is_biased_itself_refits_nothing(embedded, normalise):
    split = DeviceSplit.of(embedded.train, CPU)
    assert "agree with the digit" in decodability(nn.Identity(), split, normalise)


def test_beta_equals_a_slow_loop():
    scores = np.random.default_rng(0).normal(size=(5, 10, 10))
    total = 0.0
    table = [[scores[:, k, c].mean() for k in range(10)] for c in range(10)]
    for k in range(10):
        row = sum(table[k]) / 10
        column = sum(table[c][k] for c in range(10)) / 10
        total += table[k][k] - row - column + sum(map(sum, table)) / 100
    assert beta(scores).value == pytest.approx(total / 10 * 10 / 9)
    np.testing.assert_allclose(matrix(scores).sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(matrix(scores).sum(axis=1), 0, atol=1e-12)


@pytest.mark.parametrize(("count", "images"), [(0, 7), (3, 10), (71, 100), (100, 100)])
def test_the_interval_of_a_share_is_wilsons(count, images):
    found = share(np.arange(images) < count)
    z, p = norm.ppf(0.975), count / images
    centre = (p + z**2 / (2 * images)) / (1 + z**2 / images)
    half = z / (1 + z**2 / images) * np.sqrt(p * (1 - p) / images + z**2 / (4 * images**2))
    assert (found.value, found.images) == (p, images)
    assert found.low == pytest.approx(centre - half, abs=1e-12)
    assert found.high == pytest.approx(centre + half, abs=1e-12)


def test_the_interval_of_a_paired_difference_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        draws = rng.choice(4, size=60, p=[0.6, 0.15, 0.05, 0.2])  # both, first, second, neither
        found = difference(draws <= 1, (draws == 0) | (draws == 2))
        held += found.low <= 0.1 <= found.high
    assert 930 <= held <= 985


def test_a_share_of_none_and_of_all_lies_within_its_interval():
    for images in range(1, 400):
        none, every = share(np.zeros(images, bool)), share(np.ones(images, bool))
        assert none.low == none.value == 0 < none.high < 1
        assert 0 < every.low < every.value == every.high == 1


def test_of_no_images_there_is_no_figure():
    nothing = np.zeros(0, dtype=bool)
    assert share(nothing) is mean(nothing.astype(float)) is difference(nothing, nothing) is None


def test_cells_equal_a_slow_loop():
    rng = np.random.default_rng(0)
    guesses, labels, digits = rng.integers(0, 10, (3, 400))
    for cell in groups_of(guesses, labels, digits, 10).cells:
        chosen = [
            g == y
            for g, y, d in zip(guesses, labels, digits, strict=True)
            if y == cell.label and (d == y) == cell.aligned
        ]
        assert cell.accuracy.images == len(chosen)
        assert cell.accuracy.value == pytest.approx(sum(chosen) / len(chosen))


def test_a_cell_without_images_has_no_accuracy():
    labels, digits = np.array([0, 1]), np.array([1, 1])
    cells = groups_of(labels, labels, digits, 10).cells
    empty = [(c.label, c.aligned) for c in cells if c.accuracy is None]
    assert (0, True) in empty and (0, False) not in empty and (1, True) not in empty


def test_the_least_of_many_small_cells_is_expected_well_below_the_truth():
    assert expected_minimum([50] * 100, [0.73] * 100) == pytest.approx(0.57, abs=0.01)
    draws = np.random.default_rng(0).binomial([20, 50, 200], [0.5, 0.6, 0.7], (40_000, 3))
    slow = (draws / [20, 50, 200]).min(axis=1).mean()
    assert expected_minimum([20, 50, 200], [0.5, 0.6, 0.7]) == pytest.approx(slow, abs=0.003)


def test_a_pasted_digit_is_of_the_wanted_kind_and_another_image(embedded):
    digits = embedded.val.digits
    places = np.arange(len(digits))
    found = sources(digits, places)
    for kind in range(10):
        assert (digits[found[:, kind]] == kind).all()
    assert (found != places[:, None]).all()


def test_a_digit_shown_once_is_its_own_source():
    digits = np.array([*range(10)])
    assert (np.diag(sources(digits, np.arange(10))) == np.arange(10)).all()


def test_another_digit_is_another():
    digits = np.repeat(np.arange(10), 50)
    found = other_than(digits)
    assert (found != digits).all() and set(found) == set(range(10))


def test_pasting_changes_the_digits_square_alone(embedded):
    images = torch.from_numpy(np.array(embedded.val.images[:20]))
    pasted = with_digits(images, images.flip(0))
    square = (slice(None), slice(PICTURE, None), slice(PICTURE, None))
    assert torch.equal(pasted[square], images.flip(0)[square])
    pasted[square] = images[square]
    assert torch.equal(pasted, images)


def test_greying_leaves_the_other_part(embedded):
    images = torch.from_numpy(np.array(embedded.val.images[:5]))
    assert (picture_greyed(images)[:, :PICTURE] == BACKGROUND).all()
    assert torch.equal(picture_greyed(images)[:, PICTURE:], images[:, PICTURE:])
    assert (digit_greyed(images)[:, PICTURE:] == BACKGROUND).all()
    assert torch.equal(digit_greyed(images)[:, :PICTURE], images[:, :PICTURE])


@pytest.mark.parametrize("name", architectures.available())
def test_the_logits_are_the_found_layers_function_of_the_features(embedded, normalise, name):
    torch.manual_seed(0)
    build = architectures.builder(name)
    model = build(image_shape=(40, 40, 3), classes=10, **SMALL.get(name, {})).eval()
    split = DeviceSplit.of(embedded.val.limited(20), CPU)
    layer = readout_name(model, normalise(split.images[:2]))
    features, _ = features_of(model, layer, split, normalise)
    readout = model.get_submodule(layer)
    with torch.no_grad():
        expected = model(normalise(split.images))
        found = features @ readout.weight.flatten(1).T + readout.bias
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_a_network_that_ends_otherwise_has_no_readout(normalise, embedded):
    ends = nn.Sequential(nn.Flatten(), nn.Linear(4800, 10), nn.Tanh())
    images = torch.from_numpy(np.array(embedded.val.images[:2]))
    assert readout_name(ends, normalise(images)) is None


@pytest.mark.parametrize(("part", "expected"), [("digit", 1.0), ("picture", 0.0)])
def test_attribution_lies_where_a_linear_network_looks(embedded, normalise, part, expected):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4800, 10))
    seen = torch.zeros(3, 40, 40)
    place = slice(PICTURE, None) if part == "digit" else slice(None, PICTURE)
    seen[:, place, place] = 1
    with torch.no_grad():
        model[1].weight *= seen.flatten()
    found = digit_mass(model, DeviceSplit.of(embedded.val.limited(20), CPU), normalise)
    assert found.trained.value == pytest.approx(expected)
    assert abs(AREA - 0.16) < 1e-12


def test_the_control_is_the_same_at_every_call_and_leaves_the_network_alone():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    before = model[0].weight.clone()
    model[1].running_mean += 3
    first, second = reinitialised(model), reinitialised(model)
    assert torch.equal(first[0].weight, second[0].weight)
    assert torch.equal(model[0].weight, before) and not torch.equal(first[0].weight, before)
    assert first[1].running_mean.abs().max() == 0 and model[1].running_mean.min() == 3


def test_the_figure_tells_its_verdict_in_title_numbers_and_caption():
    drawing = drawing_of("audit")
    words = drawing.numbers["verdict"]
    assert words in drawing.figure.get_suptitle() and words in drawing.caption.shows
    assert len(drawing.numbers["cells"]) == 20


def test_images_without_digits_are_not_audited():
    with pytest.raises(NotApplicableError, match="no digit"):
        draw(constructed("conv3", "cifar10"))
