"""``predictions.txt``: the predicted class of every test image."""

import csv
from io import StringIO

from analysis.subject import Subject


def predictions_text(subject: Subject) -> str:
    """A line ``filename,label`` for every test image, sorted by name; label is the class index.

    For a folder the name is the file's; for the built-in data it is the image's index. The sealed
    labels are not read. A name with a comma is in quotes, as in CSV. Source of the format:
    001_851a82de433892fa.txt, section 4.2.
    """
    test = subject.dataset.test
    if not len(test):
        return ""
    labels = subject.tested.predictions.tolist()
    pairs = list(zip(test.names(), labels, strict=True))
    if test.filenames is not None:
        pairs.sort()
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(pairs)
    return text.getvalue()
