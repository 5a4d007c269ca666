"""Figures of any number of classes and with any names: bounded, readable, and without warnings."""

import json
import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from PIL import Image
from subjects import noisy, small_search
from torch import nn

from analysis import figures, fonts
from analysis.class_names import figure_names, shortened, unwritten
from analysis.comparison import compare
from analysis.drawn import MAX_SIDE, Gallery, draw_figures
from analysis.subject import Subject
from analysis.trials import RecordedSearch, RecordedTrial
from trainables.data.shortcut import Shortcut

# The figures in which classes are named.
NAMING = ("audit", "cam", "class_counts", "class_norms", "classes", "composite", "confusion")
NAMING += ("feature_maps", "per_class", "samples")
CORNER = Shortcut(csv="corners.csv", column="corner", region=(0, 0, 4, 4))
SHORT, LONG, HAN = "oak", "an-exporter's-name-of-fifty-letters-for-class-", "猫"


def network(classes: int, filters: int = 4) -> nn.Module:
    """Its second convolution sees maps of one pixel."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, filters, 5, padding=2),
        nn.BatchNorm2d(filters),
        nn.ReLU(),
        nn.MaxPool2d(12),
        nn.Conv2d(filters, filters, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(filters, classes),
    )


def slow(*counts: int) -> list[object]:
    return [pytest.param(count, marks=pytest.mark.slow) for count in counts]


def names(classes: int, stem: str = "class-") -> tuple[str, ...]:
    return tuple(f"{stem}{label:04}" for label in range(classes))


@cache
def many(classes: int) -> Subject:
    return noisy(names(classes), network(classes), without=1 if classes > 2 else None)


def checked(subject: Subject, folder: Path, *chosen: str) -> Gallery:
    """The gallery of ``chosen``, or of all figures, none of which fails, warns, or is too large."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # glyphs that are missing, layouts that fail
        gallery = draw_figures(subject, chosen or figures.available(), folder / "figures")
    assert gallery.failed == {}
    for drawn in gallery.drawn:
        with Image.open(folder / "figures" / f"{drawn.name}.png") as image:
            assert max(image.size) <= MAX_SIDE, drawn.name
            image.load()
    return gallery


@pytest.mark.parametrize("classes", [200, *slow(2, 20, 1000)])
def test_every_figure_of_any_number_of_classes_has_a_bounded_size(classes, tmp_path):
    checked(many(classes), tmp_path)


@pytest.mark.parametrize("classes", [2, 20, *slow(200)])
def test_the_figures_of_a_shortcut_among_any_number_of_classes_have_a_bounded_size(
    classes, tmp_path
):
    subject = noisy(names(classes), network(classes), shortcut=CORNER)
    assert len(checked(subject, tmp_path, "audit", "composite").drawn) == 2


@pytest.mark.slow
def test_the_figures_of_512_filters_have_a_bounded_size(tmp_path):
    checked(noisy(names(3), network(3, 512)), tmp_path)


def test_a_table_of_500_layers_has_a_bounded_size(tmp_path):
    deep = nn.Sequential(network(3), *(nn.Identity() for _ in range(500)))
    gallery = checked(noisy(names(3), deep), tmp_path, "parameters")
    assert len(gallery.drawn[0].numbers["layers"]) == 509


@pytest.mark.parametrize("trials", [1, *slow(500)])
def test_the_figures_of_any_number_of_trials_and_settings_have_a_bounded_size(trials, tmp_path):
    subject = replace(many(2))
    first = small_search().trials[0]
    spec = first.record.spec
    subject.__dict__["search"] = RecordedSearch(
        "made",
        tuple(
            RecordedTrial.of(
                f"{number:032d}",
                replace(
                    spec,
                    number=number,
                    label=str(number),
                    values={f"key{k}": k * number for k in range(60)},
                ),
                first.record.status,
                {"val_accuracy": [(1, number / 500)]},
            )
            for number in range(trials)
        ),
        (),
    )
    search = [name for name in figures.available() if figures.group(name) == "search"]
    checked(subject, tmp_path, *search)


def test_a_class_without_validation_images_has_no_accuracy_instead_of_none_right(tmp_path):
    gallery = checked(many(20), tmp_path, "per_class")
    rows = {row["class"]: row for row in gallery.drawn[0].numbers["classes"]}
    assert rows["class-0001"] == {"class": "class-0001", "accuracy": None, "images": 0}
    assert all(row["accuracy"] is not None for name, row in rows.items() if name != "class-0001")


def test_a_figure_that_shows_some_classes_holds_all_in_its_numbers(tmp_path):
    gallery = checked(many(200), tmp_path, "per_class", "classes", "confusion", "class_counts")
    numbers = {drawn.name: drawn.numbers for drawn in gallery.drawn}
    assert len(numbers["per_class"]["classes"]) == 200
    assert len(numbers["classes"]["indices"]) == 199  # one has no validation images
    assert len(numbers["confusion"]["counts"]) == len(numbers["class_counts"]["training"]) == 200


def test_an_outsized_figure_is_drawn_with_fewer_dots(tmp_path, monkeypatch):
    wide = figures.drawer("schedule")(many(2))
    wide.figure.set_size_inches(500, 2)
    monkeypatch.setattr(figures, "drawer", lambda name: lambda subject: wide)
    gallery = draw_figures(many(2), ["schedule"], tmp_path / "figures")
    with Image.open(tmp_path / "figures" / "schedule.png") as image:
        assert image.size[0] == MAX_SIDE
    assert gallery.failed == {}


HOSTILE = ("a$b$c", "$x", "a_b^{c}", "50% & <i>more</i>", "\\frac{", "猫", "🦖", "عربي", "Кошка")


def test_long_names_fit_the_figures_and_are_whole_in_their_numbers(tmp_path):
    subject = noisy(names(10, LONG), network(10), shortcut=CORNER)
    assert len(checked(subject, tmp_path, *NAMING).drawn) == len(NAMING)
    for name in ("confusion", "samples"):
        whole = json.loads((tmp_path / "figures" / f"{name}.json").read_text())["classes"]
        assert tuple(whole) == subject.dataset.classes


def test_names_in_any_letters_are_drawn_without_a_warning_or_a_formula(tmp_path):
    checked(noisy(HOSTILE, network(len(HOSTILE)), shortcut=CORNER), tmp_path, *NAMING)


def test_two_networks_are_compared_in_any_letters():
    first, second = (noisy(HOSTILE, network(len(HOSTILE), n)) for n in (3, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compare(first, second).figure.draw_without_rendering()


def test_a_name_with_dollars_is_written_as_it_is():
    figure = figures.drawer("per_class")(noisy(HOSTILE, network(len(HOSTILE)))).figure
    figure.draw_without_rendering()
    ticks = figure.axes[0].get_yticklabels()
    assert {"a$b$c", "$x", "\\frac{"} <= {tick.get_text() for tick in ticks}
    assert not any(tick.get_parse_math() for tick in ticks)


def test_a_long_name_loses_its_middle_and_keeps_its_ends():
    assert shortened("a" * 30 + "z" * 30) == "aaaaaaaa…zzzzzzz"
    assert shortened("sixteen-letters.") == "sixteen-letters."


def test_wide_letters_count_twice():
    assert shortened("猫" * 30) == "猫猫猫猫…猫猫猫"


def test_names_that_differ_in_the_middle_alone_are_told_apart():
    clashing = tuple("a" * 20 + middle + "z" * 20 for middle in "xyz")
    told = figure_names((*clashing, SHORT))
    assert told == ("0 aaaaaaa…zzzzzz", "1 aaaaaaa…zzzzzz", "2 aaaaaaa…zzzzzz", SHORT)


@pytest.fixture
def only_matplotlibs_fonts(monkeypatch):
    """As on a machine without fonts of its own."""
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    manager = font_manager.fontManager
    own = [entry for entry in manager.ttflist if "mpl-data" in entry.fname]
    monkeypatch.setattr(manager, "ttflist", own)
    fonts._choice.cache_clear()
    yield
    fonts._choice.cache_clear()


@pytest.mark.usefixtures("only_matplotlibs_fonts")
def test_names_that_no_font_can_write_are_called_by_their_index_and_counted_in_a_line():
    assert figure_names((HAN, SHORT)) == ("class 0", SHORT)
    assert "can write 1 of 2 class names" in unwritten((HAN, SHORT))
    assert fonts.legible(f"{HAN} {SHORT}") == "\\u732b oak"


@pytest.mark.usefixtures("only_matplotlibs_fonts")
def test_a_font_of_the_machine_that_has_the_letters_is_used(tmp_path, monkeypatch):
    path = font_with(HAN, tmp_path / "han.ttf")
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [str(path)])
    assert figure_names((HAN, SHORT)) == (HAN, SHORT)
    assert fonts.families(HAN)[-1] == "Han of a test"
    assert unwritten((HAN, SHORT)) == ""
    checked(noisy((HAN, SHORT), network(2)), tmp_path, "confusion", "per_class", "cam")


def font_with(letter: str, path: Path) -> Path:
    """A font of one letter, a square."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 800), (800, 800), (800, 0)):
        pen.lineTo(corner)
    pen.closePath()
    empty = TTGlyphPen(None).glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "square"])
    builder.setupCharacterMap({ord(letter): "square"})
    builder.setupGlyf({".notdef": empty, "square": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (900, 0), "square": (900, 0)})
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": "Han of a test", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return path
