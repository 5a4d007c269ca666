"""What every architecture must do, and what single ones are known to be."""

import inspect

import pytest
import torch
from torch import nn

from search.space import SPACES, read_space
from trainables import architectures
from trainables.errors import UsageError

NAMES = architectures.available()


def build(name: str, image_size: int = 32, **parameters) -> nn.Module:
    torch.manual_seed(0)
    return architectures.builder(name)(image_size=image_size, classes=10, **parameters)


def images(count: int = 8, size: int = 32) -> torch.Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [32, 40])
def test_logits_have_a_column_a_class_at_both_image_sizes(name, size):
    assert build(name, size)(images(size=size)).shape == (8, 10)


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
    model, labels = build(name, dropout=0.0), torch.arange(8)
    before = nn.functional.cross_entropy(model(images()), labels)
    before.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.01 * parameter.grad
    assert nn.functional.cross_entropy(model(images()), labels) < before


@pytest.mark.parametrize("name", NAMES)
def test_relus_are_modules_and_not_inplace(name):
    relus = [module for module in build(name).modules() if isinstance(module, nn.ReLU)]
    assert relus
    assert not any(relu.inplace for relu in relus)
    source = inspect.getsource(inspect.getmodule(architectures.builder(name)))
    assert ".relu(" not in source


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
def test_an_image_too_small_is_refused_with_the_layer(name):
    with pytest.raises(UsageError, match=rf"{name}: image size 3 collapses at pool"):
        build(name, image_size=3)


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
    ],
)
def test_a_parameter_out_of_range_is_refused(name, parameters):
    with pytest.raises(UsageError, match=next(iter(parameters))):
        build(name, **parameters)
