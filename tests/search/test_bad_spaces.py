"""Space files that are none: refused in one line, soon, and without running what they hold."""

import copy

import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.space.reader import MAX_BYTES, SPACES, available, read_space, space_file
from search.space.space import Space
from trainables.boundary.errors import UsageError

ANY_FILE = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
TEXTS = {name: (SPACES / f"{name}.yaml").read_text() for name in available()}
DOCUMENTS = [yaml.safe_load(text) for text in TEXTS.values()]


def read(tmp_path, content: bytes) -> Space | str:
    """The space, or the line that it is refused with."""
    file = tmp_path / "space.yaml"
    file.write_bytes(content)
    try:
        return read_space(file)
    except UsageError as error:
        assert "\n" not in str(error)
        assert str(error).startswith(f"{file}: ")
        return str(error)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.binary(max_size=5)
    | st.sampled_from([2**70, 10**400, 1e308, "lr", "gap5"])
)
KEYS = SCALARS | st.sampled_from(["low", "high", "log", "set", "lr", "dropout", "cosine"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def places(part, here=()):
    """Every place in a document, as keys from its top."""
    if here:
        yield here
    inner = dict(enumerate(part)) if isinstance(part, list) else part
    for key, value in inner.items() if isinstance(inner, dict) else ():
        yield from places(value, (*here, key))


@ANY_FILE
@given(data=st.data())
def test_a_space_with_anything_at_any_place_is_a_space_or_refused(tmp_path, data):
    document = copy.deepcopy(data.draw(st.sampled_from(DOCUMENTS)))
    *outer, last = data.draw(st.sampled_from(list(places(document))))
    part = document
    for key in outer:
        part = part[key]
    part[last] = data.draw(VALUES)
    text = yaml.dump(document, sort_keys=False, allow_unicode=True)
    read(tmp_path, text.encode("utf-8", "surrogatepass"))


SNIPPETS = st.sampled_from(
    ["{", "[", "&a ", "*a", "<<: ", "? ", "- ", "---\n", "...\n", "%YAML 9\n", "!!set ", "!!omap x"]
).map(str.encode)


@ANY_FILE
@given(
    text=st.sampled_from(list(TEXTS.values())),
    share=st.floats(0, 0.999),
    length=st.integers(0, 12),
    written=SNIPPETS | st.binary(max_size=6),
)
def test_a_space_with_some_bytes_changed_is_a_space_or_refused(
    tmp_path, text, share, length, written
):
    content, start = text.encode(), int(share * len(text))
    read(tmp_path, content[:start] + written + content[start + length :])


@ANY_FILE
@given(content=st.binary(max_size=200))
def test_any_bytes_are_refused(tmp_path, content):
    assert isinstance(read(tmp_path, content), str)


# What PyYAML answers with AttributeError, IndexError, KeyError and so on.
TAGS = [
    "!!timestamp x",
    "!!int ''",
    "!!int z",
    "!!bool maybe",
    "!!map [a]",
    "!!omap x",
    "!!binary é",
]


@pytest.mark.parametrize("value", TAGS)
def test_a_value_that_does_not_fit_its_tag_is_refused(tmp_path, value):
    assert isinstance(read(tmp_path, f"architecture: {value}".encode()), str)
    assert isinstance(read(tmp_path, value.encode()), str)


@pytest.mark.parametrize(
    "tag", ["python/object/apply:os.system", "python/object/new:os.system", "python/name:os.system"]
)
def test_a_tag_that_would_run_code_is_refused_and_runs_none(tmp_path, tag):
    text = f"{TEXTS['gap5']}\nmine: !!{tag} ['touch {tmp_path}/ran']\n"
    assert "could not determine a constructor" in read(tmp_path, text.encode())
    assert not (tmp_path / "ran").exists()


def test_aliases_that_mean_millions_are_refused_at_once(tmp_path):
    levels = [f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}, z: *a{n - 1}}}" for n in range(1, 40)]
    text = "\n".join(["a0: &a0 {x: 1}", *levels])
    assert "line 2: an alias; write out what it stands for" in read(tmp_path, text.encode())


def test_a_file_that_is_far_too_large_is_refused_unread(tmp_path):
    assert "larger than 100,000 bytes" in read(tmp_path, b"#" * (MAX_BYTES + 1))


@pytest.mark.parametrize("text", ["[" * 40_000, "{a: " * 20_000, "{a: " * 300 + "1" + "}" * 300])
def test_what_is_nested_too_deep_is_refused(tmp_path, text):
    assert isinstance(read(tmp_path, text.encode()), str)


@pytest.mark.parametrize("name", ["alexnet", "gap6", "resnet18"])
def test_a_network_of_any_size_is_checked_without_memory_for_it(tmp_path, name):
    """At sixteen times its width resnet18 would take 11 GB and most of a minute."""
    document = yaml.safe_load(TEXTS[name])
    document["search"]["width"] = [16.0, document["baseline"]["width"]]
    before = torch.get_rng_state()
    assert isinstance(read(tmp_path, yaml.safe_dump(document).encode()), Space)
    assert torch.equal(torch.get_rng_state(), before)  # weights would have been drawn from it


@pytest.mark.parametrize("name", ["a b.yaml", "'.yaml", "...yaml", "-x.yaml", "é.yaml"])
def test_a_file_whose_name_cannot_be_a_spaces_is_refused(tmp_path, name):
    (tmp_path / name).write_text(TEXTS["gap5"])
    with pytest.raises(UsageError, match="use only letters"):
        space_file(str(tmp_path / name))


@pytest.mark.parametrize("name", ["x" * 300, "\udcff", "a\x00b", "a\nb.yaml"])
def test_a_name_that_is_no_path_is_refused(name):
    with pytest.raises(UsageError, match=r"--space .* not a path that can be used"):
        space_file(name)
