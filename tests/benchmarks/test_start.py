"""What is shown of searches that were timed from outside."""

from benchmarks.start import Start, start_table


def test_the_table_has_the_median_of_all_searches_and_the_extremes():
    starts = [Start(0.5, 5.0 + n, 7.0, 7.1, 7.4, 7.5) for n in (0, 4, 1)]
    [line] = [line for line in start_table(starts).splitlines() if "first trial" in line]
    assert line.split()[-2:] == ["6.00", "(5.00-9.00)"]
