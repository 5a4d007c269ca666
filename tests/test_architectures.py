"""What every architecture must do, and what single ones are known to be."""

import inspect
import re

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from search.space.reader import SPACES, read_space
from trainables import architectures
from trainables.boundary.errors import UsageError

NAMES = architectures.available()


def build(name: str, image_size: int = 32, **parameters) -> nn.Module:
    torch.manual_seed(0)
    shape = (image_size, image_size, 3)
    return architectures.build(name, image_shape=shape, classes=10, **parameters)


def images(count: int = 8, size: int = 32) -> torch.Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [32, 40])
def test_logits_have_a_column_a_class_at_both_image_sizes(name, size):
    assert build(name, size)(images(size=size)).shape == (8, 10)


# With the defaults, at 32x32 and ten classes. gap6's is its source's own count, and resnet18's that
# of kuangliu/pytorch-cifar's; the others follow from the layers, as tests below show.
PARAMETERS = {
    "alexnet": 24_740_746,
    "conv3": 620_362,
    "gap5": 95_882,
    "gap6": 4_079_429,
    "nin": 402_918,
    "resnet18": 11_173_962,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_an_architecture_has_its_count_of_parameters(name):
    assert sum(p.numel() for p in build(name).parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_reaches_every_parameter(name):
    model = build(name)
    nn.functional.cross_entropy(model(images()), torch.arange(8)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_state_gives_the_same_logits(name):
    model, other = build(name).eval(), build(name)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1)
    other.load_state_dict(model.state_dict())
    assert torch.equal(model(images()), other.eval()(images()))


@pytest.mark.parametrize("name", NAMES)
def test_eval_mode_does_not_depend_on_the_batch(name):
    model = build(name).eval()
    together, alone = model(images()), torch.cat([model(x[None]) for x in images()])
    assert torch.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_against_the_gradient_lowers_the_loss(name):
    plain = {"dropout": 0.0} if "dropout" in architectures.parameters(name) else {}
    model, labels = build(name, **plain), torch.arange(8)
    before = nn.functional.cross_entropy(model(images()), labels)
    before.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.01 * parameter.grad
    assert nn.functional.cross_entropy(model(images()), labels) < before


def relu_nodes(output: torch.Tensor) -> int:
    """ReLUs in the autograd graph, however they were called."""
    seen, queue = set(), [output.grad_fn]
    while queue:
        node = queue.pop()
        if node is not None and node not in seen:
            seen.add(node)
            queue += [parent for parent, _ in node.next_functions]
    return sum("Relu" in node.name() or "Clamp" in node.name() for node in seen)


@pytest.mark.parametrize("name", NAMES)
def test_every_relu_is_a_module_of_its_own_called_once_and_not_inplace(name):
    model, calls = build(name), []
    relus = [module for module in model.modules() if isinstance(module, nn.ReLU)]
    for relu in relus:
        relu.register_forward_hook(lambda module, *_: calls.append(id(module)))
    output = model(images())
    assert sorted(calls) == sorted(id(relu) for relu in relus)
    assert relu_nodes(output) == len(relus)
    assert not any(relu.inplace for relu in relus)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_has_a_default_and_a_docstring_entry(name):
    known = architectures.parameters(name)
    assert inspect.Parameter.empty not in known.values()
    assert all(f"{key}:" in architectures.builder(name).__doc__ for key in known)


@pytest.mark.parametrize("name", NAMES)
def test_a_space_searches_it_and_its_baseline_builds(name):
    space = read_space(SPACES / f"{name}.yaml")
    own = {k: v for k, v in space.baseline.items() if k in architectures.parameters(name)}
    assert space.architecture == name
    assert build(name, **own)(images()).shape == (8, 10)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [0, 1, 2, 3, 5, 7, 8, 10, 11, 13])
def test_a_small_image_works_or_is_refused_with_the_layer_and_what_it_gets(name, size):
    try:
        model = build(name, size)
    except UsageError as error:
        assert re.match(rf"{name}: (conv|pool)\w* gets (-?\d+)x\2 pixels, too few", str(error))
    else:
        assert model(images(size=size)).isfinite().all()


@pytest.mark.parametrize(
    ("name", "least"), [("conv3", 8), ("gap5", 4), ("gap6", 4), ("nin", 11), ("alexnet", 1)]
)
def test_the_least_image_is_what_the_layers_need(name, least):
    build(name, least)
    with pytest.raises(UsageError, match="pixels, too few"):
        build(name, least - 1)


def test_an_unknown_architecture_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="conv3, gap5"):
        architectures.builder("gap55")


def shapes(model: nn.Module, size: int) -> dict[str, tuple[int, ...]]:
    found = {}
    for name, module in model.named_children():
        module.register_forward_hook(
            lambda _m, _i, out, name=name: found.update({name: tuple(out.shape[1:])})
        )
    model(images(2, size))
    return found


def test_gap5_has_the_parameters_of_its_table():
    table = [(3, 16, 7), (16, 32, 3), (32, 48, 3), (48, 64, 3), (64, 80, 3)]
    convolutions = sum(k * k * i * o + o for i, o, k in table)
    norms = sum(2 * width for width in (16, 32, 48, 64))
    total = sum(p.numel() for p in build("gap5").parameters())
    assert total == convolutions + norms + 80 * 10 + 10 == 95_882


@pytest.mark.parametrize(("stride", "sides"), [(1, (40, 39, 38, 37)), (2, (40, 20, 10, 5))])
def test_gap5_has_the_sides_of_its_pool_stride(stride, sides):
    found = shapes(build("gap5", 40, pool_stride=stride), 40)
    assert found["relu1"] == (16, sides[0], sides[0])
    assert found["relu2"] == (32, sides[1], sides[1])
    assert found["relu3"] == (48, sides[2], sides[2])
    assert found["relu4"] == (64, sides[3], sides[3])
    assert found["conv5"] == (80, sides[3], sides[3])
    assert found["gap"] == (80, 1, 1)


def test_gap5_has_neither_norm_nor_relu_after_its_last_convolution():
    names = [name for name, _ in build("gap5").named_children()]
    assert names[names.index("conv5") + 1] == "gap"
    assert "bn5" not in names


@pytest.mark.parametrize("stride", [1, 2])
def test_gap5_equals_the_network_as_drawn_with_relu_before_pool(stride):
    model = build("gap5", 40, pool_stride=stride).eval()
    x = images(4, 40)
    h = model.relu1(model.bn1(model.conv1(x)))
    for block in (1, 2, 3):
        convolution = getattr(model, f"conv{block + 1}")(h)
        h = torch.relu(getattr(model, f"bn{block + 1}")(convolution))
        h = nn.functional.max_pool2d(h, 2, stride)
    drawn = model.linear(model.conv5(h).mean(dim=(2, 3)))
    assert torch.allclose(model(x), drawn, atol=1e-5)


def test_conv3_equals_the_source_code_with_its_own_weights():
    model = build("conv3").eval()
    pool, relu = nn.MaxPool2d(2, 2), torch.relu
    x = images(4)
    h = x
    for block in (1, 2, 3):
        h = pool(relu(getattr(model, f"conv{block}")(h)))
    expected = model.linear(relu(model.dense(h.view(4, 2048))))
    assert torch.allclose(model(x), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("gap5", {"pool_stride": 3}),
        ("gap5", {"dropout": 1.0}),
        ("conv3", {"dropout": -0.1}),
        ("conv3", {"dense": 0}),
        ("nin", {"kernel": 0}),
        ("nin", {"stride": 5}),
        ("nin", {"width": 0.001}),
        ("alexnet", {"batch_norm": "some"}),
        ("alexnet", {"stride": 0}),
        ("alexnet", {"dense": 0}),
        ("alexnet", {"width": float("nan")}),
        ("gap6", {"channel_dropout": -1.0}),
        ("gap6", {"width": 0.0}),
        ("resnet18", {"width": 17.0}),
        ("resnet18", {"dropout": 1.0}),
    ],
)
def test_a_parameter_out_of_range_is_refused(name, parameters):
    with pytest.raises(UsageError, match=next(iter(parameters))):
        build(name, **parameters)


def test_gap6_has_the_parameters_that_its_source_counts():
    counts = [sum(p.numel() for p in m.parameters()) for m in build("gap6").children()]
    source = [4800, 128, 190400, 238, 236691, 442, 1414400, 512, 589824, 512, 1638400, 512, 2570]
    assert [count for count in counts if count] == source
    assert sum(counts) == 4_079_429


def test_gap6_drops_channels_with_the_probabilities_of_its_source():
    drops = [m.p for m in build("gap6").modules() if isinstance(m, nn.Dropout2d)]
    assert drops == [0.04, 0.05, 0.02, 0.09, 0.08]
    without = build("gap6", channel_dropout=0.0)
    assert not any(isinstance(m, nn.Dropout2d) for m in without.modules())


def test_resnet18_equals_torchvisions_with_a_small_stem():
    model = build("resnet18").eval()
    theirs = resnet18(num_classes=10)
    theirs.conv1, theirs.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    state = {name.replace("fc.1", "fc"): value for name, value in model.state_dict().items()}
    theirs.load_state_dict(state)
    assert torch.allclose(model(images()), theirs.eval()(images()), atol=1e-5)


def test_resnet18_pools_after_its_stem_only_when_asked():
    sides = {
        pool: shapes(build("resnet18", stem_pool=pool), 32)["layer1"][1] for pool in (False, True)
    }
    assert sides == {False: 32, True: 16}


def source_nin() -> nn.Sequential:
    """The network as its source writes it, but for the last block's BN and ReLU."""

    def block(inputs, outputs, kernel, stride, padding):
        return [
            nn.Conv2d(inputs, outputs, kernel, stride, padding),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 1),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 1),
        ]

    def end(channels):
        return [nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(3, stride=2)]

    layers = [*block(3, 96, 5, 3, 0), *end(96), *block(96, 256, 3, 1, 2), *end(256)]
    layers += [nn.Dropout(0.5), *block(256, 10, 3, 1, 1), nn.AdaptiveAvgPool2d((1, 1))]
    return nn.Sequential(*layers, nn.Flatten())


def test_nin_equals_its_source_without_the_last_norm_and_relu():
    model, theirs = build("nin").eval(), source_nin().eval()
    theirs.load_state_dict(
        dict(zip(theirs.state_dict(), model.state_dict().values(), strict=True)), strict=True
    )
    assert torch.allclose(model(images()), theirs(images()), atol=1e-5)


def test_nins_logits_are_the_means_of_its_last_maps():
    model, found = build("nin").eval(), {}
    model.conv3_3.register_forward_hook(lambda _m, _i, out: found.update(maps=out))
    logits = model(images())
    assert torch.allclose(logits, found["maps"].mean(dim=(2, 3)), atol=1e-6)
    assert (logits < 0).any()


@pytest.mark.parametrize(("stride", "sides"), [(1, (32, 16, 8, 4)), (2, (16, 8, 4, 2))])
def test_alexnet_halves_its_maps_after_the_first_the_second_and_the_last_convolution(stride, sides):
    found = shapes(build("alexnet", stride=stride, width=0.25, dense=64), 32)
    layers = ("conv1", "conv2", "conv3", "pool5")
    assert tuple(found[layer][1] for layer in layers) == sides


def test_alexnet_has_the_layers_of_its_source_in_their_order():
    model = build("alexnet")
    convolutions = [m for m in model if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == [96, 256, 384, 384, 256]
    assert [m.kernel_size[0] for m in convolutions] == [5, 5, 3, 3, 3]
    dense = [m.out_features for m in model if isinstance(m, nn.Linear)]
    assert dense == [4096, 4096, 10]
    kinds = [type(m).__name__ for m in model if not isinstance(m, nn.ReLU | nn.BatchNorm2d)]
    head = ["Flatten", "Linear", "Dropout", "Linear", "Dropout", "Linear"]
    body = ["Conv2d", "MaxPool2d", "Conv2d", "MaxPool2d", *3 * ["Conv2d"], "MaxPool2d"]
    assert kinds == [*body, *head]
    weights = [(75, 96), (2400, 256), (2304, 384), (3456, 384), (3456, 256)]
    weights += [(256 * 2 * 2, 4096), (4096, 4096), (4096, 10)]
    norm = 2 * 256
    assert sum(i * o + o for i, o in weights) + norm == PARAMETERS["alexnet"]


@pytest.mark.parametrize(("norm", "count"), [("none", 0), ("grouped", 1), ("every", 5)])
def test_alexnet_has_the_norms_that_are_asked_for(norm, count):
    model = build("alexnet", width=0.25, dense=64, batch_norm=norm)
    assert sum(isinstance(m, nn.BatchNorm2d) for m in model.modules()) == count


@pytest.mark.parametrize("name", ["nin", "alexnet", "gap6", "resnet18"])
def test_width_scales_the_filters(name):
    def filters(width: float) -> list[int]:
        model = build(name, width=width)
        return [m.out_channels for m in model.modules() if isinstance(m, nn.Conv2d)]

    full, half = filters(1.0), filters(0.5)
    scaled = [(a, b) for a, b in zip(full, half, strict=True) if a != 10]
    assert all(b == round(a * 0.5) for a, b in scaled)


class Tuple(nn.Linear):
    """A network that gives its logits in a tuple, as torchvision's Inception does."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        return (super().forward(images.flatten(1)),)


PIXELS = 3 * 8 * 8


@pytest.mark.parametrize(
    ("model", "line"),
    [
        (nn.Sequential(nn.Flatten(), nn.LazyLinear(5)), "1.weight has no size yet; use no lazy"),
        (nn.Flatten(), "it has no weights"),
        (nn.Sequential(nn.Flatten(), nn.Linear(7, 5)), "fails on images of shape (2, 3, 8, 8): "),
        (nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 4)), "returns (2, 4) for images"),
        (
            Tuple(PIXELS, 5),
            "returns tuple for images of shape (2, 3, 8, 8); return logits of shape",
        ),
    ],
)
def test_a_network_that_cannot_be_trained_is_refused(model, line):
    with pytest.raises(UsageError, match=re.escape(line)):
        architectures.check_trainable("mine", model, image_shape=(8, 8, 3), classes=5)


@pytest.mark.parametrize("name", NAMES)
def test_a_network_that_comes_along_is_not_refused(name):
    architectures.check_trainable(name, build(name), image_shape=(32, 32, 3), classes=10)


SHAPES = [(32, 32, 3), (32, 32, 1), (48, 64, 3), (28, 36, 1)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_architecture_takes_images_of_any_shape(name, shape):
    height, width, channels = shape
    with torch.no_grad():
        model = architectures.build(name, image_shape=shape, classes=3).eval()
        assert model(torch.randn(2, channels, height, width)).shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "parameters", "least"),
    [
        ("conv3", {}, 8),
        ("gap5", {}, 4),
        ("gap5", {"pool_stride": 2}, 8),
        ("gap6", {}, 4),
        ("nin", {}, 11),
        ("nin", {"kernel": 11, "stride": 1}, 13),
    ],
)
def test_an_image_too_small_is_refused_with_the_least_that_is_taken(name, parameters, least):
    for shape in ((least, 40, 1), (40, least, 3)):
        architectures.check_builds(name, image_shape=shape, classes=3, **parameters)
    for shape in ((least - 1, 40, 1), (40, least - 1, 3)):
        with pytest.raises(
            UsageError, match=rf"; {name} needs {least} pixels or more per side here$"
        ):
            architectures.check_builds(name, image_shape=shape, classes=3, **parameters)


def former(*, image_size: int, classes: int, dense: int = 4) -> nn.Module:
    """A network as it was written before images had a shape."""
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * image_size**2, classes))


@pytest.fixture
def own(monkeypatch):
    monkeypatch.setattr(architectures, "builder", {"mine": former}.__getitem__)


def test_a_network_that_takes_an_image_size_goes_on_with_squares_of_colours(own):
    model = architectures.build("mine", image_shape=(6, 6, 3), classes=5)
    architectures.check_trainable("mine", model, image_shape=(6, 6, 3), classes=5)
    assert list(architectures.parameters("mine")) == ["dense"]


@pytest.mark.parametrize(
    ("shape", "words"), [((6, 8, 3), "6x8"), ((6, 6, 1), "6x6 grey"), ((8, 6, 1), "8x6 grey")]
)
def test_a_network_that_takes_an_image_size_names_what_it_lacks_for_others(own, shape, words):
    line = (
        f"architecture mine takes only square RGB images, not {words}: its build has no parameter "
        "image_shape; replace image_size with image_shape, (height, width, channels)"
    )
    with pytest.raises(UsageError, match=f"^{re.escape(line)}$"):
        architectures.build("mine", image_shape=shape, classes=5)
