"""The report of an analysis: what it holds, as one HTML file and as PDF."""

HTML_FILE, PDF_FILE, JSON_FILE = "report.html", "report.pdf", "report.json"
FIGURES = "figures"  # the folder of the figures, beside these files


def artifact_name(split: str) -> str:
    """Where a run's artifacts hold its report on the images of a split."""
    return "analysis" if split == "val" else f"analysis-{split}"
