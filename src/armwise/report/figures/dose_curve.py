"""A curve of an outcome over a measure with its pointwise interval, between the 5th and the 95th percentile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from armwise.analysis.results import Row
from armwise.report.figures.scale import Scale, ticks
from armwise.report.figures.style import BLUE, DESKTOP, GREY, INK, NOTE, SMALL
from armwise.report.figures.svg import Drawing, middle, px
from armwise.report.figures.text import width as text_width
from armwise.report.figures.text import wrap
from armwise.report.numbers import confidence, number, shown

HEIGHT = 230.0


@dataclass(frozen=True, slots=True)
class Point:
    """One place of the curve: the row of the measure's value and the row of the fitted mean there."""

    value: Row
    mean: Row


def dose_curve(
    points: Sequence[Point],
    *,
    name: str,
    measure: str,
    outcome: str,
    log: bool,
    cuts: Sequence[float] = (),
    simulated: bool,
    width: int = 720,
) -> str:
    """The fitted curve with its interval, over the measure on its own (or a logarithmic) scale.

    Args:
        points: places of the curve, from the lowest measure to the highest.
        name: of the drawing, unique in a page.
        measure: the measure with its unit, in words.
        outcome: the outcome with its unit, in words.
        log: whether the measure's axis is logarithmic.
        cuts: declared cut points, drawn dotted.
        simulated: whether the data were drawn by a computer.
        width: px.

    Returns:
        An SVG.
    """
    drawing = Drawing(name, width)
    note = NOTE if width >= DESKTOP else SMALL
    marks = ticks([0.0, *(p.mean[s] for p in points for s in ("lower", "upper"))], 6)
    left = max(text_width(marks.label(v), note) for v in marks.values) + 10
    xs = [p.value["estimate"] for p in points]
    x = Scale(xs[0], xs[-1], left + 6, width - 8.0, log)
    top = drawing.lines(0, 13, wrap(outcome, width, note), size=note, colour=GREY) - 2
    y = Scale(marks.values[0], marks.values[-1], top + HEIGHT, top)
    for value in marks.values:
        drawing.rule(left, y(value), width, y(value), *((INK, 1.2) if value == 0 else ()))
        drawing.text(
            left - 8, y(value) + middle(note), marks.label(value), size=note, colour=GREY, anchor="end"
        )
    for cut in cuts:
        if xs[0] < cut < xs[-1]:
            drawing.rule(x(cut), top, x(cut), top + HEIGHT, GREY, 1.2, "2 3")
            drawing.text(x(cut) + 5, top + 12, f"cut {number(cut)}", size=note, colour=GREY)
    drawing.area(_path(x, y, points, "upper") + _path(x, y, points[::-1], "lower").replace("M", "L"), BLUE)
    drawing.curve(_path(x, y, points, "estimate"), BLUE)
    last = -1e9
    for point in points:  # where there is room, the percentile's value under its mark
        place = x(point.value["estimate"])
        if point.mean["at"] not in (5, 10, 25, 50, 75, 90, 95):
            continue
        drawing.mark("disc", place, y(point.mean["estimate"]), BLUE, 3.6, point.mean)
        said = shown(point.value, 0 if point.value["estimate"] >= 100 else 1).estimate
        half = text_width(said, note) / 2
        centre = min(max(place, half), width - half)
        if centre - half > last + 6:
            drawing.text(centre, top + HEIGHT + 17, said, size=note, anchor="middle", row=point.value)
            last = centre + half
    bottom = drawing.lines(
        0, top + HEIGHT + 36, wrap(_axis(measure, points, log), width, note), size=note, colour=GREY
    )
    return drawing.svg(bottom - 8, f"{outcome} over {measure}", _description(points, measure), simulated)


def _path(x: Scale, y: Scale, points: Sequence[Point], part: str) -> str:
    return "M" + "L".join(f"{px(x(p.value['estimate']))} {px(y(p.mean[part]))}" for p in points)


def _axis(measure: str, points: Sequence[Point], log: bool) -> str:
    how = ", logarithmic" if log else ""
    level = confidence(points[0].mean["conf_level"] or 0.95)
    return (
        f"{measure}{how}, from the 5th to the 95th percentile; dots: 5th, 10th, 25th, 50th, 75th, 90th, 95th; "
        f"band: {level} at each place"
    )


def _description(points: Sequence[Point], measure: str) -> str:
    parts = [
        f"at {shown(p.value, 0 if p.value['estimate'] >= 100 else 1).estimate}: {shown(p.mean).text}"
        for p in points
        if p.mean["at"] in (5, 50, 95)
    ]
    return f"Fitted mean by {measure}: {'; '.join(parts)}."
