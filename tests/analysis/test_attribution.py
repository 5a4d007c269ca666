"""Attribution maps against independent references."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from subjects import constructed, drawing_of
from torch import nn

from analysis.attribution import strength
from analysis.attribution.cam import cam, class_maps, grad_cam
from analysis.attribution.deconvolution import (
    SHORTCUT,
    TRUNK,
    deconvolution,
    deconvolve_channel,
    through,
)
from analysis.attribution.explanation import digit_mass, explain
from analysis.attribution.guided_backprop import guided_backprop
from analysis.attribution.head import feature_maps, head_of
from analysis.attribution.integrated_gradients import completeness_error, integrated_gradients
from analysis.attribution.occlusion import occlusion
from analysis.attribution.relus import check_relus
from analysis.sanity import (
    last_layer,
    meaning,
    rank_correlations,
    untrained,
    with_last_layer_redrawn,
)
from trainables import architectures
from trainables.architectures.resnet18 import SeparateReluBlock
from trainables.boundary.errors import UsageError

GAP = ("gap5", "gap6", "nin", "resnet18")
DENSE = ("alexnet", "conv3")


def images(count: int = 3, side: int = 40) -> torch.Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(2))


TARGETS = torch.tensor([1, 7, 2])


def model_of(name: str) -> nn.Module:
    """With BN and weights away from their initial values."""
    return copy.deepcopy(constructed(name).model).eval()


def with_relu_rule(model: nn.Module, rule, inputs: torch.Tensor, score) -> torch.Tensor:
    """Gradient of ``score(output)`` where every ReLU's backward is ``rule(gradient, input)``."""

    class Relu(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.clamp(min=0)

        @staticmethod
        def backward(ctx, gradient):
            return rule(gradient, *ctx.saved_tensors)

    class Module(nn.Module):
        def forward(self, x):
            return Relu.apply(x)

    model = copy.deepcopy(model)
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.ReLU):
                setattr(parent, name, Module())
    inputs = inputs.clone().requires_grad_()
    score(model(inputs)).backward()
    return inputs.grad


def guided(gradient, x):
    return gradient.clamp(min=0) * (x > 0)


def deconvolved(gradient, x):
    return gradient.clamp(min=0)


def of_targets(logits):
    return logits[torch.arange(len(TARGETS)), TARGETS].sum()


@pytest.mark.parametrize("name", architectures.available())
def test_guided_backprop_is_the_gradient_with_a_hand_written_relu(name):
    model, x = model_of(name), images()
    expected = with_relu_rule(model, guided, x, of_targets)
    torch.testing.assert_close(guided_backprop(model, x, TARGETS), expected)


@pytest.mark.parametrize("name", architectures.available())
def test_deconvolution_is_the_gradient_with_a_hand_written_relu(name):
    model, x = model_of(name), images()
    expected = with_relu_rule(model, deconvolved, x, of_targets)
    torch.testing.assert_close(deconvolution(model, x, TARGETS), expected)


def test_a_filters_deconvolution_projects_its_positive_map_back():
    """Written out for conv3: unpooling at the switches, transposed convolutions, ReLUs."""
    model, x = model_of("conv3"), images()
    switches, sizes, forward = [], [], x
    with torch.no_grad():
        for block in (1, 2, 3):
            forward = model.get_submodule(f"conv{block}")(forward)
            sizes.append(forward.shape)
            forward, where = F.max_pool2d(forward, 2, return_indices=True)
            switches.append(where)
            forward = forward.relu()
        chosen = forward.mean(dim=(2, 3)).argmax(dim=1)
        back = torch.zeros_like(forward)
        rows = torch.arange(len(x))
        back[rows, chosen] = forward[rows, chosen]
        for block in (3, 2, 1):
            back = F.max_unpool2d(
                back.relu(), switches[block - 1], 2, output_size=sizes[block - 1][2:]
            )
            back = F.conv_transpose2d(back, model.get_submodule(f"conv{block}").weight, padding=1)
    torch.testing.assert_close(deconvolve_channel(model, x, chosen), back)


def test_the_gradient_of_a_pool_without_overlap_is_max_unpool2d():
    x = images(side=12).requires_grad_()
    pooled, switches = F.max_pool2d(x, 2, return_indices=True)
    value = torch.randn(pooled.shape, generator=torch.Generator().manual_seed(3))
    (gradient,) = torch.autograd.grad(pooled, x, value)
    assert torch.equal(gradient, F.max_unpool2d(value, switches, 2))


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 1, 0), (3, 2, 1)])
def test_the_gradient_of_an_overlapping_pool_sums_at_the_switches(kernel, stride, padding):
    x = images(side=11).requires_grad_()
    pooled, switches = F.max_pool2d(x, kernel, stride, padding, return_indices=True)
    value = torch.randn(pooled.shape, generator=torch.Generator().manual_seed(3))
    (gradient,) = torch.autograd.grad(pooled, x, value)
    expected = torch.zeros(3, 3, 121).scatter_add(2, switches.flatten(2), value.flatten(2))
    torch.testing.assert_close(gradient.flatten(2), expected)


class TinyResidual(nn.Module):
    """One block with a projection and one without, behind a stem."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        down = nn.Sequential(nn.Conv2d(4, 6, 1, stride=2, bias=False), nn.BatchNorm2d(6))
        self.stem, self.relu = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()
        self.first = SeparateReluBlock(4, 6, stride=2, downsample=down)
        self.second = SeparateReluBlock(6, 6)
        self.gap, self.flatten, self.linear = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 9)

    def forward(self, x):
        x = self.second(self.first(self.relu(self.stem(x))))
        return self.linear(self.flatten(self.gap(x)))


def by_one_branch(model: TinyResidual, x: torch.Tensor, branch: str) -> torch.Tensor:
    """The last maps, written out, with the other branch of each block cut off."""
    x = model.relu(model.stem(x))
    for block in (model.first, model.second):
        trunk = block.bn2(block.conv2(block.relu1(block.bn1(block.conv1(x)))))
        shortcut = x if block.downsample is None else block.downsample(x)
        trunk, shortcut = (
            (trunk, shortcut.detach()) if branch == TRUNK else (trunk.detach(), shortcut)
        )
        x = block.relu2(trunk + shortcut)
    return x


@pytest.mark.parametrize("branch", [TRUNK, SHORTCUT])
def test_a_filter_is_projected_back_through_one_branch_alone(branch):
    model, x, channels = TinyResidual().eval(), images(), torch.tensor([0, 3, 5])

    class Written(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x):
            return by_one_branch(self.model, x, branch)

    def half_square(maps):
        return 0.5 * maps[torch.arange(3), channels].square().sum()

    expected = with_relu_rule(Written(), deconvolved, x, half_square)
    found = deconvolve_channel(through(model, branch), x, channels)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("branch", [TRUNK, SHORTCUT])
def test_cutting_a_branch_leaves_the_outputs(branch):
    model, x = model_of("resnet18"), images()
    assert torch.equal(through(model, branch)(x), model(x))


@pytest.mark.parametrize("name", GAP)
def test_the_mean_of_a_class_activation_map_and_the_bias_are_the_logit(name):
    model, x = model_of(name), images()
    head = head_of(model, x)
    assert head.averages
    bias = 0 if head.linear is None else head.linear.bias[TARGETS]
    with torch.no_grad():
        logits = model(x)[torch.arange(3), TARGETS]
    maps = class_maps(model, x, TARGETS)
    torch.testing.assert_close(maps.mean(dim=(1, 2, 3)) + bias, logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", GAP)
def test_grad_cam_times_its_area_is_the_class_activation_map(name):
    model, x = model_of(name), images()
    maps = class_maps(model, x, TARGETS)
    area = maps.shape[2] * maps.shape[3]
    other = grad_cam(model, x, TARGETS, head_of(model, x).entry)
    torch.testing.assert_close(other * area, maps, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", DENSE)
def test_a_dense_head_has_grad_cam(name):
    model, x = model_of(name), images()
    head = head_of(model, x)
    assert not head.averages
    features = feature_maps(model, x, head.entry).requires_grad_()
    layers = list(model.children())
    of_targets(nn.Sequential(*layers[layers.index(head.entry) :])(features)).backward()
    expected = (features.grad.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1, keepdim=True)
    torch.testing.assert_close(class_maps(model, x, TARGETS), expected.detach())


def test_a_dense_head_behind_a_global_pool_has_no_exact_map():
    torch.manual_seed(0)
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 9)]
    model = nn.Sequential(nn.Conv2d(3, 4, 3), *head)
    assert not head_of(model, images()).averages


def test_a_pool_to_several_pixels_is_no_global_one():
    model = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 9))
    assert not head_of(model, images()).averages


def test_a_network_without_a_known_head_is_named_so():
    with pytest.raises(UsageError, match="no nn"):
        head_of(nn.Conv2d(3, 4, 3), images())


def test_class_activation_maps_are_stretched_to_the_image():
    assert cam(model_of("gap5"), images(), TARGETS).shape == (3, 1, 40, 40)


def test_integrated_gradients_sum_to_the_difference_of_the_logits():
    model, x = model_of("gap5"), images()
    zero = torch.zeros_like(x)
    maps = integrated_gradients(model, x, TARGETS, steps=100)
    with torch.no_grad():
        expected = (model(x) - model(zero))[torch.arange(3), TARGETS]
    sums = maps.sum(dim=(1, 2, 3))
    torch.testing.assert_close(sums, expected, rtol=0.02, atol=0.002)
    error = completeness_error(model, x, TARGETS, maps)
    torch.testing.assert_close(error, sums - expected, atol=1e-5, rtol=0)


def test_integrated_gradients_of_a_linear_network_are_weight_times_input():
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Flatten(), nn.Linear(4800, 10)), images()
    expected = model[1].weight[TARGETS].reshape(3, 3, 40, 40) * x
    torch.testing.assert_close(integrated_gradients(model, x, TARGETS, steps=4), expected)


@pytest.mark.parametrize(("window", "stride"), [(8, 4), (10, 10), (40, 4)])
def test_occlusion_is_a_slow_loop_over_patches(window, stride):
    model, x = model_of("gap5"), images()
    rows = torch.arange(3)
    lost, covers = torch.zeros(3, 40, 40), torch.zeros(40, 40)
    with torch.no_grad():
        whole = model(x)[rows, TARGETS]
        for top in range(0, 40 - window + 1, stride):
            for left in range(0, 40 - window + 1, stride):
                covered = x.clone()
                covered[:, :, top : top + window, left : left + window] = 0
                loss = (whole - model(covered)[rows, TARGETS])[:, None, None]
                lost[:, top : top + window, left : left + window] += loss
                covers[top : top + window, left : left + window] += 1
    found = occlusion(model, x, TARGETS, window, stride)
    torch.testing.assert_close(found[:, 0], lost / covers, rtol=1e-4, atol=1e-5)


def test_a_functional_relu_is_rejected():
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.relu = nn.Linear(4800, 10), nn.ReLU()

        def forward(self, x):
            return F.relu(self.relu(self.linear(x.flatten(1))))

    for method in (guided_backprop, deconvolution):
        with pytest.raises(UsageError, match=r"1 ReLU call\(s\) are functional"):
            method(Functional(), images(), TARGETS)


def test_a_clamped_relu_is_rejected():
    class Clamped(nn.Module):
        def forward(self, x):
            return x.flatten(1).clamp(min=0)

    with pytest.raises(UsageError, match="functional"):
        check_relus(Clamped(), images())


def test_an_inplace_relu_is_rejected():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4800, 10), nn.ReLU(inplace=True))
    with pytest.raises(UsageError, match="ReLU 2 works in place"):
        guided_backprop(model, images(), TARGETS)


@pytest.mark.parametrize("name", architectures.available())
def test_the_relus_of_every_architecture_are_accepted(name):
    check_relus(model_of(name), images())


def test_rank_correlations_are_scipys():
    a, b = images().abs().sum(dim=1), images().roll(1, 2).abs().sum(dim=1)
    b[0] = a[0].exp()  # the same order
    b[1] = b[1].round()  # ties
    found = rank_correlations(a, b)
    expected = [spearmanr(x.flatten(), y.flatten()).statistic for x, y in zip(a, b, strict=True)]
    assert found == pytest.approx(expected)
    assert found[0] == pytest.approx(1)


def test_a_constant_map_has_no_rank_correlation():
    assert rank_correlations(torch.ones(1, 4, 4), torch.rand(1, 4, 4)) == [None]


@pytest.mark.parametrize(
    ("value", "word"),
    [(0.9, "edge-like, not evidence"), (0.5, "weak"), (0.1, "depend"), (None, "constant")],
)
def test_a_correlation_is_put_into_words(value, word):
    assert word in meaning(value)


@pytest.mark.parametrize(
    ("name", "layer"), [("gap5", "linear"), ("nin", "conv3_3"), ("resnet18", "fc.1")]
)
def test_only_the_last_layer_is_redrawn(name, layer):
    model, x = model_of(name), images()
    assert last_layer(model, x) == layer
    before, after = model.state_dict(), with_last_layer_redrawn(model, x).state_dict()
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed == {f"{layer}.weight", f"{layer}.bias"}


def test_redrawing_is_pytorchs_initialisation_and_repeats_with_its_seed():
    model, x = model_of("gap5"), images()
    first, again, other = (with_last_layer_redrawn(model, x, seed).linear for seed in (0, 0, 1))
    assert torch.equal(first.weight, again.weight)
    assert not torch.equal(first.weight, other.weight)
    bound = 80**-0.5
    assert 0.95 * bound < first.weight.abs().max() <= bound
    assert first.weight.std().item() == pytest.approx(
        nn.Linear(80, 10).weight.std().item(), rel=0.1
    )


def test_an_untrained_network_has_no_weight_of_the_trained_one():
    model = model_of("gap5")
    before, after = model.state_dict(), untrained(model).state_dict()
    assert not any(torch.equal(before[key], after[key]) for key in before if "weight" in key)


def test_the_digits_mass_is_the_share_in_its_square():
    maps = torch.zeros(2, 3, 40, 40)
    maps[0, :, 24:, 24:], maps[0, 0, :16, :16] = -1, 1
    assert digit_mass(maps) == [0.75, None]


def test_an_even_map_has_the_mass_of_the_area():
    assert digit_mass(torch.ones(1, 1, 40, 40)) == [pytest.approx(0.16)]


def test_an_explanation_correlates_the_maps_strengths_over_draws():
    subject = constructed("gap5")
    found = explain(subject, guided_backprop, draws=2)
    draws = [
        strength(guided_backprop(network, found.inputs, found.targets)).flatten(1)
        for network in (with_last_layer_redrawn(subject.model, found.inputs, s) for s in (0, 1))
    ]
    own = strength(guided_backprop(subject.model, found.inputs, found.targets)).flatten(1)
    expected = [
        np.mean([spearmanr(a, b).statistic for b in pair])
        for a, *pair in zip(own, *draws, strict=True)
    ]
    assert found.correlations == pytest.approx(expected)


@pytest.mark.parametrize("name", ["cam", "guided_backprop", "deconvolution", "occlusion"])
def test_the_sanity_figure_stands_on_the_figure(name):
    drawing = drawing_of(name)
    value = drawing.numbers["sanity"]["rank_correlation"]
    words = " ".join(text.get_text() for text in drawing.figure.texts)
    assert f"last layer redrawn {value:.2f}" in words
    assert f"{value:.2f}" in drawing.caption.limits


def test_a_run_without_digits_has_no_digit_mass():
    numbers = drawing_of("guided_backprop", "conv3", "cifar10").numbers
    assert "digit_mass" not in numbers


@pytest.mark.parametrize(("name", "method"), [("gap5", "CAM"), ("conv3", "Grad-CAM")])
def test_the_kind_of_class_map_is_named(name, method):
    drawing = drawing_of("cam", name)
    assert drawing.numbers["method"] == method
    assert method in drawing.figure.axes[6].get_ylabel()


def test_a_network_without_residual_blocks_is_named_so():
    drawing = drawing_of("deconvolution")
    assert drawing.numbers["branches"] == []
    assert "no residual blocks" in drawing.caption.shows
    assert drawing_of("deconvolution", "resnet18").numbers["branches"]
