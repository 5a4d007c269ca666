"""How every figure looks: nothing is cut, nothing hides anything, and letters are large enough."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import combinations

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from pypdf import PdfReader
from subjects import constructed, drawing_of, noisy, small_search
from torch import nn

from analysis import figures, look
from analysis.attribution.panels import control, signed
from analysis.certificate import certify
from analysis.drawn import draw_figures
from analysis.figures import NotApplicableError
from analysis.look import styled
from analysis.report.document import report_of
from analysis.report.html import html_text
from analysis.report.pdf import write_pdf
from analysis.setting_scale import SettingScale
from analysis.subject import Subject
from analysis.trials import RecordedTrial
from search.trials.record import Status
from trainables.data.shortcut import Shortcut

NAMES = tuple(
    f"{stem}-{n}" for n in range(4) for stem in ("a-name-that-is-too-long", "W" * 40, "wM")
)
SUBJECTS = ("gap5", "long names", "two classes")
LEFT_OUT = ("audit",)  # a wide table, which the page scrolls
every = pytest.mark.parametrize("name", [n for n in figures.available() if n not in LEFT_OUT])


@contextmanager
def drawn_texts() -> Iterator[list[Text]]:
    """Every text that is drawn, ticks that are out of sight left out."""
    texts, draw = [], Text.draw

    def recording(text: Text, *arguments: object, **more: object) -> None:
        texts.append(text)
        draw(text, *arguments, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", recording)
        yield texts


@cache
def hostile(names: tuple[str, ...]) -> Subject:
    """Classes of these names, and a search whose name is long."""
    model = nn.Sequential(
        nn.Conv2d(3, 12, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 70, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(70, len(names)),
    )
    shortcut = Shortcut(csv="corners.csv", column="corner", region=(0, 0, 4, 4))
    subject = noisy(names, model, shortcut=shortcut)
    subject.__dict__["search"] = replace(small_search(), name="a-search-of-a-long-name" * 5)
    return subject


@cache
def figure_of(name: str, subject: str) -> Figure:
    try:
        if subject == "gap5":
            return drawing_of(name).figure
        names = NAMES if subject == "long names" else ("no", "yes")
        return figures.drawer(name)(hostile(names)).figure
    except NotApplicableError as reason:
        pytest.skip(str(reason))


def boxes(figure: Figure, slanted: bool = True) -> dict[str, Bbox]:
    """Of each text that is drawn its frame, in pixels; those of slanted ones are mostly empty."""
    with styled(), drawn_texts() as texts:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        return {
            f"{place} {text.get_text()!r}": text.get_window_extent(renderer)
            for place, text in enumerate(dict.fromkeys(texts))
            if text.get_visible()
            and text.get_text().strip()
            and (slanted or text.get_rotation() % 90 == 0)
        }


@every
@pytest.mark.parametrize("subject", SUBJECTS)
def test_no_text_leaves_the_figures_frame(name, subject):
    figure = figure_of(name, subject)
    frame = figure.bbox.padded(1)
    outside = {
        text: (box.extents - frame.extents).round()
        for text, box in boxes(figure).items()
        if not (frame.contains(*box.min) and frame.contains(*box.max))
    }
    assert outside == {}


@every
@pytest.mark.parametrize("subject", SUBJECTS)
def test_no_text_lies_over_another(name, subject):
    found = boxes(figure_of(name, subject), slanted=False)
    over = [
        (first, second)
        for (first, a), (second, b) in combinations(found.items(), 2)
        if Bbox.intersection(a.padded(-1), b.padded(-1)) is not None
    ]
    assert over == []


@every
@pytest.mark.parametrize("subject", SUBJECTS)
def test_letters_are_large_enough_and_the_figure_fits_a_page(name, subject):
    figure = figure_of(name, subject)
    assert figure.get_figwidth() <= look.WIDTH + 1e-6
    with styled(), drawn_texts() as texts:
        FigureCanvasAgg(figure).draw()
    assert min(text.get_fontsize() for text in texts if text.get_text().strip()) >= look.SMALL


def test_ticks_of_a_setting_are_values_that_were_tried():
    found = {axes.get_xlabel(): axes for axes in drawing_of("slices").figure.axes}
    tried = {trial.record.values["lr"] for trial in small_search().trials}
    assert {tick.get_text() for tick in found["lr"].get_xticklabels()} <= {
        f"{v:.3g}" for v in tried
    }
    assert [tick.get_text() for tick in found["optimizer"].get_xticklabels()] == ["adam", "sgd"]


@pytest.mark.parametrize(
    ("distribution", "tried", "labels", "places"),
    [
        (IntDistribution(1, 2), [2, 1, 2], ["1", "2"], [0, 1]),
        (IntDistribution(1, 4), [4, 1, 2], ["1", "2", "4"], [0, 0.5, 1]),
        (CategoricalDistribution(["False", "True"]), ["True", "False"], ["False", "True"], [0, 1]),
        (FloatDistribution(0, 1), [0.0, 1.0, 0.0], ["0", "1"], [0, 1]),
        (FloatDistribution(0, 1), [0.0, 0.1, 1.0], ["0", "1"], [0, 1]),
        (FloatDistribution(0, 1), [0.0, 0.6, 1.0], ["0", "0.6", "1"], [0, 0.6, 1]),
        (
            FloatDistribution(1e-4, 1, log=True),
            [1e-4, 1.0, 0.01],
            ["0.0001", "0.01", "1"],
            [0, 0.5, 1],
        ),
        (IntDistribution(1, 20), list(range(1, 21)), ["1", "5", "9", "13", "17"], None),
        (FloatDistribution(3, 3), [3.0], ["3"], [0]),
    ],
)
def test_a_settings_axis_names_tried_values_at_their_places(distribution, tried, labels, places):
    found_places, found_labels = SettingScale.of(distribution, tried).ticks
    assert found_labels == labels
    assert places is None or found_places == pytest.approx(places)


def test_the_dots_of_the_calibration_are_whole_and_have_intervals_and_counts():
    drawing = drawing_of("calibration")
    upper, lower = drawing.figure.axes
    low, high = upper.get_ylim()
    assert low < 0
    assert high > 1
    bins = drawing.numbers["bins"]
    assert [len(line.get_segments()) for line in upper.containers[1].lines[2]] == [len(bins)]
    assert all(row["low"] <= row["accuracy"] <= row["high"] for row in bins)
    counts = [text.get_text() for text in lower.texts if text.get_text()]
    assert counts == [f"{row['images']:,}" for row in bins]


def test_the_confused_pairs_stand_below_the_matrix():
    drawing = drawing_of("confusion")
    classes, most = drawing.numbers["classes"], drawing.numbers["most"]
    expected = [f"{classes[pair['true']]} as {classes[pair['predicted']]}" for pair in most]
    pairs = next(axes for axes in drawing.figure.axes if "Most confused" in axes.get_title())
    assert [tick.get_text() for tick in pairs.get_yticklabels()] == expected


def test_the_least_accurate_class_is_on_top_and_no_share_is_beyond_1():
    drawing = drawing_of("per_class")
    (axes,) = drawing.figure.axes
    heights = {tick.get_text(): tick.get_window_extent().y0 for tick in axes.get_yticklabels()}
    names = [row["class"] for row in drawing.numbers["classes"]]
    assert sorted(heights, key=heights.__getitem__, reverse=True) == names
    assert axes.get_xlim() == (0, 1)


@pytest.mark.parametrize("panel", [0, 1, 2])
def test_the_curves_fill_their_panels(panel):
    axes = drawing_of("curves").figure.axes[panel]
    lines = [line for line in axes.lines if line.get_marker() == "o"]
    values = np.concatenate([line.get_ydata() for line in lines])
    low, high = axes.get_ylim()
    assert np.ptp(values) > 0.8 * (high - low)


def test_the_history_rises_in_steps():
    drawing = drawing_of("history")
    best = next(line for line in drawing.figure.axes[0].lines if line.get_label() == "best so far")
    assert best.get_drawstyle() == "steps-post"
    accuracies = [accuracy for _, accuracy in drawing.numbers["best_of_each_trial"]]
    assert list(best.get_ydata()) == list(np.maximum.accumulate(accuracies))


def test_the_history_tells_stopped_trials_from_whole_ones():
    drawing = drawing_of("history")
    marks = {line.get_label(): line for line in drawing.figure.axes[0].lines}
    stopped = [t.record.number for t in small_search().trials if t.record.status is Status.PRUNED]
    assert list(marks["stopped early"].get_xdata()) == stopped == drawing.numbers["stopped"]
    assert marks["stopped early"].get_marker() != marks["trained to the end"].get_marker()


def test_no_line_of_the_parallel_coordinates_is_as_pale_as_paper():
    axes = drawing_of("parallel").figure.axes[0]
    lines = [line for line in axes.lines if line.get_marker() == "o"]
    assert len(lines) == len(small_search().trials)
    assert min(contrast_with_white(to_rgb(line.get_color())) for line in lines) > 1.5


def contrast_with_white(colour: tuple[float, float, float]) -> float:
    """WCAG 2's."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in colour]
    return 1.05 / (0.05 + 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])


def finals(subject: Subject) -> Subject:
    """The search of ``subject``, with trial 5 trained again as the run, and trial 3 besides."""
    search = small_search()
    repeats = []
    for run_id, number in ((subject.run.run_id, 5), ("f" * 32, 3)):
        trial = search.trials[number]
        spec = replace(trial.record.spec, label=f"finalist-{number}", number=0, repeats=number)
        repeats.append(RecordedTrial.of(run_id, spec, Status.COMPLETED, trial.history))
    other = replace(subject)
    trials = tuple(replace(trial, run_id=f"{n + 1:032d}") for n, trial in enumerate(search.trials))
    other.__dict__["search"] = replace(search, trials=trials, repeats=tuple(repeats))
    return other


def test_the_winner_the_finalists_and_the_stopped_differ_among_the_curves_of_a_search():
    axes = figures.drawer("search_curves")(finals(constructed("gap5"))).figure.axes[0]
    colours: dict[str, int] = {}
    for line in axes.lines:
        if len(line.get_xdata()) in (2, 6):
            colours[to_hex(line.get_color())] = colours.get(to_hex(line.get_color()), 0) + 1
    assert colours[to_hex(look.THIS_RUN)] == 1
    assert colours[to_hex(look.FINALIST)] == 3  # both settings in the search, one trained again
    assert colours[to_hex(look.BASELINE)] == 1


@pytest.mark.parametrize("name", ["slices", "history"])
def test_the_setting_of_a_run_that_was_trained_again_is_marked(name):
    figure = figures.drawer(name)(finals(constructed("gap5"))).figure
    (best,) = (t.record.best_score for t in small_search().trials if t.record.number == 5)
    marks = [
        point
        for axes in figure.axes
        for line in axes.lines
        if to_hex(line.get_color()) == to_hex(look.THIS_RUN)
        for point in line.get_xydata().tolist()
    ]
    rings = [
        ring
        for axes in figure.axes
        for ring in axes.collections
        if to_hex(ring.get_edgecolor()[0]) == to_hex(look.THIS_RUN)
    ]
    assert marks == [[5, best]] if name == "history" else len(rings) == 2


def test_no_legend_of_the_counts_lies_over_a_bar():
    figure = drawing_of("class_counts").figure
    FigureCanvasAgg(figure).draw()
    (legend,), (axes,) = figure.legends, figure.axes
    assert legend.get_window_extent().y0 >= axes.get_window_extent().y1


def test_aligned_and_conflicting_images_have_the_colours_of_every_figure():
    panels = drawing_of("composite").figure.axes
    inks = [axes.spines["top"].get_edgecolor() for axes in panels if axes.images]
    expected = [look.ALIGNED, look.CONFLICTING]
    assert inks == [to_rgba(ink) for ink in expected for _ in range(len(inks) // 2)]


def test_a_colour_stands_for_one_thing():
    meanings = ("RIGHT", "WRONG", "ALIGNED", "CONFLICTING", "TRAINING", "VALIDATION")
    meanings += ("THIS_RUN", "FINALIST", "TRIAL", "STOPPED", "BASELINE", "PLAIN", "PALE")
    assert len({to_hex(getattr(look, name)) for name in meanings}) == len(meanings)


def test_a_layer_that_is_not_drawn_is_named():
    drawing = drawing_of("filters", "resnet18")
    drawn_layers = [layer["layer"] for layer in drawing.numbers["layers"]]
    missing = drawing.numbers["not_drawn"]
    assert {*drawn_layers, *missing} == {layer.name for layer in constructed("resnet18").layers}
    assert f"Not drawn: {missing[0]}, " in drawing.caption.shows


def test_kernels_of_all_later_layers_have_one_size():
    panels = [
        axes for axes in drawing_of("filters").figure.axes if "(down)" in axes.get_title("left")
    ]
    sizes = {
        tuple(np.ptp(axes.transData.transform([(0, 0), (1, 1)]), axis=0).round()) for axes in panels
    }
    assert len(panels) == 4
    assert len(sizes) == 1


def test_the_blocks_of_feature_maps_are_of_one_size():
    figure = drawing_of("feature_maps").figure
    FigureCanvasAgg(figure).draw()
    blocks = [
        axes.images[0].get_window_extent() for axes in figure.axes if "maps" in axes.get_title()
    ]
    assert len({(round(block.width), round(block.height)) for block in blocks}) == 1


def test_every_top_image_has_its_class_above_it():
    subject, figure = constructed("gap5"), drawing_of("top_images").figure
    for axes in figure.axes:
        assert len(axes.texts) == len(axes.images)
        shown = [text.get_text() for text in axes.texts]
        layer, statistic = axes.get_title().split(": largest ")
        tops = subject.activations[layer].top[statistic].images
        filters = [int(tick.get_text().split()[1]) for tick in axes.get_yticklabels()]
        labels = subject.split.labels[tops[filters].ravel()]
        assert shown == [subject.figure_names[label] for label in labels]


@pytest.mark.parametrize("name", ["cam", "integrated_gradients", "occlusion"])
def test_a_map_and_its_control_have_one_scale(name):
    figure = drawing_of(name).figure
    scales = {
        axes.images[-1].get_clim()
        for axes in figure.axes
        if axes.images and axes.images[-1].get_cmap().name == look.SIGNED
    }
    assert len(scales) == 1


def test_a_control_is_drawn_as_strong_as_what_it_controls_times_the_factor_in_its_label():
    maps = torch.linspace(-4, 4, 200).reshape(2, 1, 10, 10)
    like = signed("map", maps, "logit", [])
    row = control("redrawn", maps / 8, like, [])
    assert row.label == "redrawn, x 8"
    assert row.scale == like.scale
    assert np.allclose(row.pictures, like.pictures)


def test_a_control_that_is_nothing_is_left_so():
    row = control(
        "redrawn", torch.zeros(1, 1, 2, 2), signed("map", torch.ones(1, 1, 2, 2), "", []), []
    )
    assert row.label == "redrawn, x 1"
    assert not np.any(row.pictures)


def test_no_cell_of_the_table_of_layers_is_cut():
    figure = drawing_of("parameters", "resnet18").figure
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    (table,) = figure.axes[0].tables
    for cell in table.get_celld().values():
        text = cell.get_text().get_window_extent(renderer)
        frame = cell.get_window_extent(renderer)
        assert frame.x0 <= text.x0
        assert text.x1 <= frame.x1


def test_what_holds_for_all_attributions_stands_once_above_them(tmp_path):
    subject = constructed("gap5")
    gallery = draw_figures(subject, ("cam", "guided_backprop"), tmp_path / "figures")
    report = report_of(subject, certify(subject), gallery, datetime(2026, 3, 1, tzinfo=UTC))
    assert html_text(report).count("(Adebayo et al. 2018)") == 1
    write_pdf(report, tmp_path / "report.pdf")
    text = " ".join(page.extract_text() for page in PdfReader(tmp_path / "report.pdf").pages)
    assert text.count("Adebayo") == 1
