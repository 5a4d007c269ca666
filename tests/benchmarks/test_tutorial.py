"""The tutorial's way computes what Convoy does, only slower."""

from itertools import islice

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from benchmarks import tutorial
from trainables import architectures
from trainables.data import DataSpec, load
from trainables.data.batches import DeviceSplit, Normaliser
from trainables.evaluation import evaluate

CPU = torch.device("cpu")
VARIANTS = [("conv3", {}), ("gap5", {"pool_stride": 1}), ("gap5", {"pool_stride": 2})]


def both(name, parameters, size=40):
    """Convoy's network and the textbook's with its weights, dropout off."""
    given = {"image_shape": (size, size, 3), "classes": 10, "dropout": 0.0, **parameters}
    ours, theirs = architectures.builder(name)(**given), tutorial.TEXTBOOK[name](**given)
    theirs.load_state_dict(ours.state_dict())
    return ours.double(), theirs.double()


@pytest.mark.parametrize(("name", "parameters"), VARIANTS)
@pytest.mark.parametrize("training", [True, False])
def test_a_textbook_network_is_the_same_function(name, parameters, training):
    torch.manual_seed(0)
    ours, theirs = both(name, parameters)
    images = torch.randn(4, 3, 40, 40, dtype=torch.float64)
    ours.train(training)
    theirs.train(training)
    torch.testing.assert_close(theirs(images), ours(images))


@pytest.mark.parametrize(("name", "parameters"), VARIANTS)
def test_a_textbook_network_has_the_same_gradients(name, parameters):
    torch.manual_seed(0)
    ours, theirs = both(name, parameters)
    images = torch.randn(4, 3, 40, 40, dtype=torch.float64)
    for model in (ours, theirs):
        model(images).square().sum().backward()
    gradients = {key: value.grad for key, value in ours.named_parameters()}
    for key, value in theirs.named_parameters():
        torch.testing.assert_close(value.grad, gradients[key], msg=key)


@pytest.mark.parametrize("name", tutorial.TEXTBOOK)
def test_a_textbook_network_is_initialised_alike_from_the_same_seed(name):
    networks = []
    for build in (architectures.builder(name), tutorial.TEXTBOOK[name]):
        torch.manual_seed(5)
        networks.append(build(image_shape=(32, 32, 3), classes=10).state_dict())
    assert all(torch.equal(networks[0][key], networks[1][key]) for key in networks[1])


def test_without_augmentation_the_pixels_are_those_of_convoy(embedded):
    images = tutorial.images_of(embedded, embedded.val, "embedded", tutorial.transform_of(embedded))
    theirs = torch.stack([images[index][0] for index in range(20)])
    ours = Normaliser(embedded, CPU)(torch.from_numpy(np.array(embedded.val.images[:20])))
    torch.testing.assert_close(theirs, ours, rtol=0, atol=2e-6)
    assert [images[index][1] for index in range(20)] == embedded.val.labels[:20].tolist()


def test_cifar10_is_narrowed_to_the_split(real_data):
    dataset = load(DataSpec("cifar10"), real_data)
    images = tutorial.images_of(dataset, dataset.val, real_data, None)
    picture, label = images[7]
    assert len(images) == len(dataset.val)
    assert np.array_equal(np.asarray(picture), dataset.val.images[7])
    assert label == dataset.val.labels[7]


def test_both_ways_find_the_same_accuracy(embedded):
    torch.manual_seed(0)
    model = tutorial.network("gap5", embedded, {"pool_stride": 2})
    split = embedded.val.limited(300)
    plain = tutorial.PilImages(split, tutorial.transform_of(embedded))
    ours = evaluate(model, DeviceSplit.of(split, CPU), Normaliser(embedded, CPU))
    theirs = tutorial.accuracy(model, DataLoader(plain, batch_size=70), CPU)
    assert theirs == pytest.approx(ours.metrics()["val_accuracy"])


def test_an_endless_loader_gives_every_image_once_a_pass(embedded):
    split = embedded.val.limited(30)
    images = tutorial.PilImages(split, lambda picture: np.asarray(picture).sum(dtype=np.int64))
    batches = islice(tutorial.endless(images, 10, workers=0), 6)
    sums = [int(value) for sums, _ in batches for value in sums]
    expected = sorted(int(image.sum(dtype=np.int64)) for image in split.images)
    assert sorted(sums[:30]) == sorted(sums[30:]) == expected
    assert sums[:30] != sums[30:]


def test_a_step_lowers_the_loss_of_its_batch():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3))
    batch = (torch.randn(8, 3, 2, 2), torch.arange(8) % 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    totals = [loss for _, loss in tutorial.train(model, [batch] * 5, optimizer, CPU)]
    losses = np.diff([0.0, *totals])
    assert (np.diff(losses) < 0).all()
