"""A built page that loads from elsewhere is found; one that links elsewhere is not."""

import pytest
from loaded import elsewhere, main


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ('<script src="https://unpkg.com/a.js"></script>', ".html"),
        ('<img src="//pictures.org/a.png">', ".html"),
        ('<link rel="stylesheet" href="https://fonts.googleapis.com/css">', ".html"),
        ('<link rel="preconnect" href="https://fonts.gstatic.com" crossorigin>', ".html"),
        ("<style>body { background: url(http://a.org/b.png) }</style>", ".html"),
        ("@import 'https://a.org/b.css';", ".css"),
        ('@font-face { src: url("https://a.org/b.woff2") }', ".css"),
    ],
)
def test_what_is_loaded_from_elsewhere_is_found(text, suffix):
    assert len(elsewhere(text, suffix)) == 1


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ('<a href="https://a.org">there</a>', ".html"),
        ('<link rel="canonical" href="https://a.org/page.html">', ".html"),
        ('<script src="assets/a.js"></script><img src="b.png">', ".html"),
        ("a { background: url(data:image/svg+xml;base64,xxx) } /* https://a.org */", ".css"),
    ],
)
def test_links_and_own_files_are_left_alone(text, suffix):
    assert elsewhere(text, suffix) == []


def test_a_site_that_loads_from_elsewhere_is_refused(tmp_path, capsys):
    (tmp_path / "a.html").write_text("<script src='https://a.org/b.js'></script>")
    assert main(tmp_path) == 1
    assert capsys.readouterr().err == f"{tmp_path / 'a.html'}: loads https://a.org/b.js\n"


def test_a_site_without_pages_is_refused(tmp_path):
    assert main(tmp_path) == 1
