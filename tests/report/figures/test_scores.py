from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from armwise.analysis.overlap import IN_BIN, PERCENTILE
from armwise.analysis.results import Results, row, table
from armwise.report.figures.scores import scores

ABOVE, BELOW = [0, 3, 5, 2], [4, 4, 1, 1]


def drawn(two_arms: Results, ranges: tuple[tuple[float, float], ...] = ((0.3, 0.9), (0.1, 0.8))) -> Results:
    """Results with a histogram of four bins an arm."""
    rows = []
    for arm, versus, counts, (low, high) in (
        ("bmc", "control", ABOVE, ranges[0]),
        ("control", "bmc", BELOW, ranges[1]),
    ):
        about: dict[str, Any] = {"analysis": "overlap", "arm": arm, "versus": versus, "n": sum(counts)}
        for at, value in ((0.0, low), (50.0, (low + high) / 2), (100.0, high)):
            rows.append(row(PERCENTILE, value, at=at, unit="probability", **about))
        for i, count in enumerate(counts):
            rows.append(
                row("count", count, category=IN_BIN, at=i / 4, at2=(i + 1) / 4, unit="subjects", **about)
            )
    return dataclasses.replace(two_arms, table=table(rows))


def bars(svg: str) -> list[tuple[float, float, float, float]]:
    """x, from y, to y and width of each thick line."""
    found = re.findall(
        r'<line x1="([\d.]+)" y1="([\d.]+)" x2="[\d.]+" y2="([\d.]+)" stroke="#\w+" stroke-width="([\d.]+)"/>', svg
    )  # fmt: skip
    return [tuple(map(float, f)) for f in found if float(f[3]) > 5]  # type: ignore[misc]


@pytest.mark.parametrize("width", [720, 350])
def test_bars_stand_above_the_axis_for_the_arm_and_below_it_for_the_reference_as_high_as_their_counts(
    two_arms: Results, width: int
) -> None:
    found = bars(scores(drawn(two_arms), "bmc", width=width))
    axis = found[0][1]
    assert all(y == axis for _, y, _, _ in found)
    heights = [axis - to for _, _, to, _ in found]
    counts = [k for k in ABOVE if k] + [-k for k in BELOW if k]
    assert len(found) == len(counts)
    step = heights[0] / counts[0]
    assert heights == pytest.approx([k * step for k in counts], abs=0.2)
    assert all(0 < x < width for x, _, _, _ in found)


def test_the_range_of_both_arms_is_marked_where_there_is_one(two_arms: Results) -> None:
    svg = scores(drawn(two_arms), "bmc")
    assert svg.count('stroke-dasharray="2 3"') == 2
    assert "range of both arms" in svg
    assert "Both arms: 0.30 to 0.80." in svg
    apart = scores(drawn(two_arms, ((0.6, 0.9), (0.1, 0.4))), "bmc")
    assert 'stroke-dasharray="2 3"' not in apart
    assert "no range of the probability has both arms" in apart
    assert "The two ranges do not meet." in apart


def test_a_figure_of_simulated_data_says_so(two_arms: Results) -> None:
    assert "SIMULATED DATA" in scores(drawn(two_arms), "bmc")
