"""The numbers of the figures of data, training and filters."""

import numpy as np
import pytest
import torch
from subjects import constructed, drawing_of, recorded, subject_of
from torchvision.models import resnet18

from analysis import figures
from analysis.figures import NotApplicableError
from analysis.panels import mosaic
from trainables.data import DataSpec
from trainables.recipe import Setting


def numbers(name: str, architecture: str = "gap5", set_name: str = "composite") -> dict:
    return drawing_of(name, architecture, set_name).numbers


def test_one_image_of_each_class_is_shown():
    subject = constructed("gap5")
    found = numbers("classes")["indices"]
    assert [subject.split.labels[index] for index in found.values()] == list(range(10))
    assert list(found) == list(subject.dataset.classes)


def test_class_counts_equal_a_slow_loop():
    subject = constructed("gap5")
    for name, split in (("training", subject.dataset.train), ("validation", subject.dataset.val)):
        slow = [sum(int(label) == kind for label in split.labels) for kind in range(10)]
        assert numbers("class_counts")[name] == slow


def test_the_composite_figure_tells_the_share_of_aligned_images():
    dataset = constructed("gap5").dataset
    found = numbers("composite")["aligned_share"]
    assert found["train"] == np.mean(dataset.train.digits == dataset.train.labels)
    assert found["val"] == np.mean(dataset.val.digits == dataset.val.labels)


def test_pictures_without_digits_have_no_composite_figure():
    with pytest.raises(NotApplicableError, match="no digit"):
        numbers("composite", "conv3", "cifar10")


def test_a_run_that_augments_nothing_has_no_augmentation_figure():
    plain = constructed("gap5")
    setting = Setting.of("gap5", {"pool_stride": 2, "flip": False}, 1, 0)
    run = recorded(setting, DataSpec(), plain.dataset)
    with pytest.raises(NotApplicableError, match="uses no augmentation"):
        figures.drawer("augmentation")(subject_of(run, run.model(plain.dataset), plain.dataset))


def test_the_augmentation_figure_names_what_the_run_used():
    assert numbers("augmentation")["augmentation"] == {"flip": True}


def test_the_parameters_add_up_to_the_network():
    subject = constructed("resnet18")
    found = numbers("parameters", "resnet18")
    assert found["total"] == sum(p.numel() for p in subject.model.parameters())
    assert sum(layer["parameters"] for layer in found["layers"]) == found["total"]


def test_a_plain_torchvision_network_is_counted_as_torch_counts_it():
    from analysis.figures.parameters import _count

    model = resnet18()
    assert _count(model) == 11_689_512


def test_the_schedule_is_the_recorded_rate():
    assert numbers("schedule")["lr"] == constructed("gap5").run.history["lr"]


def test_filter_norms_equal_a_slow_loop():
    weight = constructed("gap5").model.conv1.weight
    slow = [float(torch.sqrt((kernel**2).sum())) for kernel in weight.detach()]
    assert numbers("filters")["layers"][0]["norm_of_each_filter"] == pytest.approx(slow, abs=1e-5)


def test_filters_that_are_too_small_are_not_fitted_by_gabor_functions():
    with pytest.raises(NotApplicableError, match="3x3"):
        numbers("gabor", "conv3")


def test_the_sources_losses_stand_beside_conv3s_alone():
    published = numbers("curves", "conv3")["published"]
    assert len(published["train_loss"]) == len(published["val_loss"]) == 20
    assert min(published["val_loss"]) == published["val_loss"][5] == 0.7411
    assert numbers("curves", "gap5")["published"] == {}


def test_a_mosaic_keeps_every_tile_at_its_place():
    tiles = np.arange(5 * 2 * 3).reshape(5, 2, 3).astype(float)
    whole = mosaic(tiles, columns=3)
    assert whole.shape == (5, 11)
    assert np.array_equal(whole[3:5, 4:7], tiles[4])
    assert np.isnan(whole[2]).all()


def test_feature_maps_are_of_one_right_and_one_wrong_image():
    images = numbers("feature_maps")["images"]
    assert [row["label"] == row["predicted"] for row in images] == [True, False]
    assert set(images[0]["layers"]) == {"conv1", "conv3", "conv5"}
