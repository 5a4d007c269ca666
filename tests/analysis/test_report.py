"""What a report holds, as HTML and as PDF."""

import dataclasses
import json
import re
import tomllib
from base64 import b64decode
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise

import pytest
from conftest import ROOT
from matplotlib.figure import Figure
from PIL import Image
from pypdf import PdfReader
from subjects import constructed

from analysis import figures
from analysis.certificate import certify
from analysis.drawn import Gallery, draw_figures
from analysis.figures import Caption, Drawing, NotApplicableError
from analysis.report import numbers
from analysis.report.document import Report, heading, report_of
from analysis.report.html import html_text
from analysis.report.pdf import BOTTOM, write_pdf

MADE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AWKWARD = "<script>alert('x')</script> & 5 < 6 costs $3$"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


def drawing(subject) -> Drawing:
    figure = Figure(figsize=(4, 3))
    figure.subplots().plot([1, 2])
    verdict = {"subject": "the network", "sentence": "reads the digit", "evidence": "β is 2."}
    values = {f"verdict_{key}": text for key, text in verdict.items()}
    values |= {"beta": 1 / 3, "long": list(range(2000))}
    return Drawing(figure, values, Caption(AWKWARD, "Made so.", "Not that."))


def inapplicable(subject):
    raise NotApplicableError("the network has no such layer")


@pytest.fixture(scope="module")
def report(folder) -> Report:
    """A report of three real names, one of which does not apply, whose figures are made here."""
    subject = constructed("gap5")
    drawers = {"confusion": drawing, "samples": inapplicable, "audit": drawing}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "drawer", drawers.get)
        patch.setattr(figures, "group", lambda n: "audit" if n == "audit" else "predictions")
        gallery = draw_figures(subject, drawers, folder / "figures")
    return report_of(subject, certify(subject), gallery, MADE)


@pytest.fixture(scope="module")
def page(report) -> str:
    return html_text(report)


@pytest.fixture(scope="module")
def pdf(report, folder) -> PdfReader:
    write_pdf(report, folder / "report.pdf")
    return PdfReader(folder / "report.pdf")


class Tags(HTMLParser):
    """All start tags of a page, in order, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def named(self, *names: str) -> list[dict]:
        return [attrs for tag, attrs in self.found if tag in names]


def test_figures_are_grouped_in_the_groups_order(report):
    assert [section.group for section in report.sections] == ["audit", "predictions"]
    assert [figure.name for figure in report.figures] == ["audit", "confusion"]


def test_the_figures_are_saved_with_their_numbers(report, folder):
    names = sorted(path.name for path in (folder / "figures").iterdir())
    assert names == ["audit.json", "audit.png", "confusion.json", "confusion.png"]
    figure = report.figures[0]
    assert (folder / "figures" / "audit.png").read_bytes() == figure.png
    assert json.loads((folder / "figures" / "audit.json").read_text()) == figure.numbers


def test_the_audits_verdict_is_told_before_any_figure(report, page):
    assert report.verdict == "This network reads the digit."
    assert page.index(report.verdict) < page.index("<img")


def test_without_an_audit_there_is_no_verdict(report):
    assert 'class="verdict"' not in html_text(dataclasses.replace(report, verdict=None))


def test_a_weight_that_is_not_certified_is_told_so(report):
    words = "Not certified: 60% was logged."
    changed = html_text(dataclasses.replace(report, certified=False, certificate=words))
    assert words in changed
    assert 'class="certificate no"' in changed


def test_the_page_tells_run_date_and_versions(report, page):
    subject = constructed("gap5")
    for text in (subject.run.run_id, "constructed", "01 March 2026", "torch", "Convoy"):
        assert text in page
    assert f"{100 * subject.run.val_accuracy:.2f}%" in page


def test_the_page_needs_nothing_outside_itself(page):
    tags = Tags(page)
    addresses = [a[key] for _, a in tags.found for key in ("src", "href") if key in a]
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert not tags.named("script", "iframe", "object")
    style = page[page.index("<style>") : page.index("</style>")]
    assert not re.search(r"url\(|@import", style)


def test_the_images_are_those_that_were_saved(report, page):
    images = [image["src"].split(",")[1] for image in Tags(page).named("img")]
    assert [b64decode(image) for image in images] == [figure.png for figure in report.figures]


def test_every_image_has_words_and_every_link_a_target(page):
    tags = Tags(page)
    assert all(len(image["alt"]) > 10 for image in tags.named("img"))
    ids = [attrs["id"] for _, attrs in tags.found if "id" in attrs]
    assert len(set(ids)) == len(ids)
    assert {a["href"].removeprefix("#") for a in tags.named("a")} <= set(ids)


def test_headings_go_down_one_level_at_a_time(page):
    levels = [int(tag[1]) for tag, _ in Tags(page).found if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_words_are_shown_as_they_are_and_not_as_markup(page):
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_what_was_left_out_is_named_with_its_reason(report, page):
    assert report.left_out == (("Sample predictions", "the network has no such layer"),)
    assert "the network has no such layer" in page


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"lr": 0.008, "flip": True}, {"epochs": "2", "lr": "0.008", "flip": "yes"}),
        ({}, {"epochs": "2", "pool_stride": "2", "optimizer": "adamw", "nesterov": "yes"}),
    ],
)
def test_settings_are_what_the_trial_chose_or_else_all_of_its_recipe(values, expected):
    subject = constructed("gap5")
    record = subject.run.record
    chosen = dataclasses.replace(record, spec=dataclasses.replace(record.spec, values=values))
    known = dataclasses.replace(subject, run=dataclasses.replace(subject.run, record=chosen))
    settings = dict(report_of(known, certify(known), Gallery((), {}), MADE).settings)
    assert settings.items() >= expected.items()
    assert ("nesterov" in settings) == (not values)


def test_numbers_are_json_to_six_figures():
    text, cut = numbers.excerpt({"a": 1 / 3, "b": [1, 2], "c": None, "d": {"e": ["x" * 90] * 3}})
    assert json.loads(text) == {
        "a": 0.333333,
        "b": [1, 2],
        "c": None,
        "d": {"e": ["x" * 90] * 3},
    }
    assert not cut


def test_many_numbers_are_cut_and_say_where_the_rest_is(page):
    text, cut = numbers.excerpt({"rows": [{"value": [i] * 40} for i in range(100)]})
    assert cut
    assert text.count("\n") + 1 == numbers.LINES
    assert "figures/audit.json" in page


def test_a_name_without_a_title_of_its_own_reads_as_words():
    assert heading("some_new_figure") == "Some new figure"


def test_the_template_comes_with_the_package():
    assert files("analysis.report").joinpath("report.html.j2").is_file()
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert setup["package-data"]["analysis.report"] == ["*.j2"]


def test_the_pdf_has_a_title_page_a_page_a_figure_and_an_end(report, pdf):
    texts = [page.extract_text() for page in pdf.pages]
    assert report.title in texts[0]
    assert report.certificate in texts[0]
    assert report.verdict in texts[0]
    starts = [n for n, text in enumerate(texts) if "What it shows" in text]
    assert [heading(f.name) in texts[n] for n, f in zip(starts, report.figures, strict=True)]
    assert "the network has no such layer" in texts[-1]


def test_the_pdfs_caption_is_text_as_it_stands(pdf):
    text = " ".join(" ".join(page.extract_text() for page in pdf.pages).split())
    assert AWKWARD in text


def test_the_pdf_is_named_after_the_run(report, pdf):
    assert report.title in pdf.metadata.title


def test_the_pdf_holds_the_saved_images_whole(report, pdf, folder):
    sizes = [image.image.size for image in pdf.pages[0].images]  # the pages share their images
    expected = [Image.open(folder / "figures" / f"{f.name}.png").size for f in report.figures]
    assert sizes == expected


def test_a_caption_of_any_length_stays_on_its_page(report, folder):
    figure = report.figures[0]
    long = Caption("word " * 300, "word " * 200, "last words")
    section = dataclasses.replace(
        report.sections[0], figures=(dataclasses.replace(figure, caption=long, size=(6, 20)),)
    )
    write_pdf(dataclasses.replace(report, sections=(section,)), folder / "long.pdf")
    places = []
    pages = PdfReader(folder / "long.pdf").pages
    page = next(page for page in pages if "What it shows" in page.extract_text())
    page.extract_text(visitor_text=lambda text, cm, *_: places.append((cm[5], text)))
    assert next(y for y, text in places if "last words" in text) > 72 * BOTTOM
