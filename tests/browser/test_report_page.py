"""The report as a browser shows it: on a desk and on a phone, without a network."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from subjects import constructed

from analysis import figures
from analysis.certificate import certify
from analysis.drawn import draw_figures
from analysis.look import WIDTH
from analysis.report.document import Report, report_of
from analysis.report.html import CSS_INCH, html_text

pytestmark = pytest.mark.slow
DESK, PHONE = 1280, 390  # pixels


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Report:
    subject = constructed("gap5")
    folder = tmp_path_factory.mktemp("drawn") / "figures"
    gallery = draw_figures(subject, figures.available(), folder)
    return report_of(subject, certify(subject), gallery, datetime(2026, 3, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def address(report, tmp_path_factory) -> str:
    path: Path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html_text(report), encoding="utf-8")
    return path.as_uri()


@dataclass(frozen=True)
class Opened:
    """The page, with what the browser asked for and complained of while it was opened."""

    page: Page
    width: int
    requests: list[str]
    complaints: list[str]


@pytest.fixture(scope="module", params=[DESK, PHONE])
def opened(request, browser: Browser, address):
    page = browser.new_page(viewport={"width": request.param, "height": 844})
    requests, complaints = [], []
    page.on("request", lambda asked: requests.append(asked.url))
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    yield Opened(page, request.param, requests, complaints)
    page.close()


def test_the_browser_has_nothing_to_complain_of(opened):
    assert opened.complaints == []


def test_no_request_leaves_the_page(opened, address):
    assert {url for url in opened.requests if not url.startswith("data:")} == {address}


def test_every_figure_is_visible_in_a_plate_within_the_window(opened, report):
    plates = opened.page.locator("figure .plate").all()
    assert len(plates) == len(report.figures)
    for plate in plates:
        plate.scroll_into_view_if_needed()
        image, box = plate.locator("img"), plate.bounding_box()
        assert image.evaluate("image => image.complete && image.naturalWidth > 0")
        assert image.is_visible()
        assert box["height"] > 50
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= opened.width


def test_a_figures_letters_are_as_large_as_they_were_drawn(opened, report):
    for drawn, image in zip(report.figures, opened.page.locator("figure img").all(), strict=True):
        if drawn.size[0] <= WIDTH:
            shown = image.bounding_box()["width"]
            assert shown == pytest.approx(CSS_INCH * drawn.size[0], abs=3), drawn.name


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def test_the_page_is_no_wider_than_its_window(opened):
    assert overflow(opened.page) <= 0


def test_open_numbers_do_not_widen_the_page(opened):
    for summary in opened.page.locator("summary").all():
        summary.click()
    assert overflow(opened.page) <= 0


def test_full_size_on_a_desk_and_the_whole_figure_on_a_phone_stay_within_the_frame(opened):
    image, box = opened.page.locator("figure img").first, opened.page.locator(".full").first
    natural = image.evaluate("image => image.naturalWidth")
    box.check()
    width = image.bounding_box()["width"]
    if opened.width == DESK:
        assert width == pytest.approx(natural, abs=1)
    else:
        assert width < PHONE
    assert overflow(opened.page) <= 0
    box.uncheck()


@pytest.mark.parametrize("words", ["Full size", "Fit to the screen"])
def test_the_switch_says_what_it_does(opened, words):
    expected = (words == "Full size") == (opened.width == DESK)
    assert opened.page.get_by_text(words, exact=True).first.is_visible() == expected


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(opened, scheme):
    """WCAG 2's contrast of at least 4.5 for every visible text."""
    opened.page.emulate_media(color_scheme=scheme)
    pairs = opened.page.evaluate(COLOURS)
    assert len(pairs) > 20
    assert min(contrast(ink, ground) for ink, ground in pairs) >= 4.5


COLOURS = """() => {
  const ground = element => {
    const colour = getComputedStyle(element).backgroundColor;
    return colour === 'rgba(0, 0, 0, 0)' ? ground(element.parentElement) : colour;
  };
  const rgb = colour => colour.match(/[0-9.]+/g).slice(0, 3).map(Number);
  return [...document.body.querySelectorAll('p, a, h1, h2, h3, dt, dd, label, summary, pre, b')]
    .map(element => [rgb(getComputedStyle(element).color), rgb(ground(element))]);
}"""


def contrast(ink: list[float], ground: list[float]) -> float:
    lights = sorted(luminance(colour) + 0.05 for colour in (ink, ground))
    return lights[1] / lights[0]


def luminance(colour: list[float]) -> float:
    linear = [
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
        for v in (value / 255 for value in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
