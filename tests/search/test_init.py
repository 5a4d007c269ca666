"""``init``: where a search takes the weights from which its trainings start."""

import pytest
import torch
import yaml

from search.request.parser import search_options
from search.request.planning import requests
from search.space.reader import SPACES
from trainables import architectures
from trainables.boundary.errors import UsageError
from trainables.checkpoint import save


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A file that is named by ``weights.pt``, of gap5 with its shipped pools, for 4 classes."""
    monkeypatch.chdir(tmp_path)
    model = architectures.build("gap5", image_shape=(32, 32, 3), classes=4, pool_stride=2)
    save(model.state_dict(), tmp_path / "weights.pt")
    return tmp_path / "weights.pt"


def asked(*flags: str):
    (request,) = requests(search_options(("--data", "embedded", "--space", *flags)))
    return request


def settings(request) -> list[dict]:
    return [request.proposals.first(), request.proposals.space.search]


@pytest.mark.parametrize("flags", [("--init", "weights.pt"), ("--set", "init=weights.pt")])
def test_every_trial_starts_from_the_weights_that_a_flag_names(weights, flags):
    request = asked("gap5", *flags)
    assert request.proposals.first()["init"] == request.fixed["init"] == str(weights)
    assert request.initial[0].described == (
        f"init {weights}: sets 30 tensors of the baseline; random: linear"
    )


@pytest.mark.parametrize("domain", ["weights.pt", ["none", "weights.pt"], {"weights.pt": None}])
def test_a_space_names_weights_from_where_the_command_is_run(weights, tmp_path, domain):
    space = yaml.safe_load((SPACES / "gap5.yaml").read_text())
    space["search"]["init"] = domain
    space["baseline"]["init"] = "weights.pt"
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(space))
    request = asked("own.yaml")
    assert request.proposals.first()["init"] == str(weights)
    assert [each.path for each in request.initial] == [str(weights)]


def test_a_search_whose_weights_have_changed_is_another_one(weights):
    before = asked("gap5", "--init", "weights.pt").identity
    assert before == asked("gap5", "--init", "weights.pt").identity
    save({k: v + 1 for k, v in torch.load(weights).items()}, weights)
    assert before != asked("gap5", "--init", "weights.pt").identity


def test_a_search_from_random_weights_is_recorded_as_ever():
    assert "init" not in asked("gap5").identity


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (("gap5", "--init", "gone.pt"), "init: .*/gone.pt does not exist"),
        (("gap5", "--set", "init=."), "init: .* does not exist"),
        (("gap5", "--init", "run"), "--init run needs --from-run RUN_ID"),
        (("gap5", "--init", "a.pt", "--set", "init=b.pt"), "--init and --set init say the same"),
        (("gap5", "--set", "class_weights=yes"), "class_weights must be one of none, balanced"),
        (("gap5", "--set", "sampling=1"), "sampling must be one of none, balanced"),
        (("nin", "--init", "weights.pt"), "no layer of .*/weights.pt fits"),
    ],
)
def test_weights_that_cannot_be_used_are_named_before_anything_is_written(weights, flags, error):
    with pytest.raises(UsageError, match=error):
        asked(*flags)
    assert [each.name for each in weights.parent.iterdir()] == ["weights.pt"]
