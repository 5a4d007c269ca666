"""The report of an analysis: what it holds, as one HTML file and as PDF."""
