"""``report.html``: the report as one file that needs no other file and no internet."""

from base64 import b64encode

from jinja2 import Environment, PackageLoader, StrictUndefined

from analysis.report.document import Report, heading
from analysis.report.numbers import excerpt

TEMPLATE = "report.html.j2"
CSS_INCH = 96  # pixels, by definition


def html_text(report: Report) -> str:
    """The report as HTML, with images and style inside and without scripts."""
    environment = Environment(
        loader=PackageLoader(__package__, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(heading=heading, excerpt=excerpt, data_uri=_data_uri)
    return environment.get_template(TEMPLATE).render(report=report, css_inch=CSS_INCH)


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{b64encode(png).decode()}"
