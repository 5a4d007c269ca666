"""The report of an analysis, as one HTML file and as PDF."""

HTML_FILE, PDF_FILE, JSON_FILE = "report.html", "report.pdf", "report.json"
FIGURES = "figures"  # the folder of the figures, next to these files


def artifact_name(split: str) -> str:
    """Name of the artifact that holds a run's report on the images of a split."""
    return "analysis" if split == "val" else f"analysis-{split}"
