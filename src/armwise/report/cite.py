"""Every number on the page cites its row: the markup that carries it, and the note that opens on it.

A number is a `<data>` (or, where it answers a question, a `<button>` with a note) with the attributes
`data-row`, the row's id, and `data-part`, which of the row's numbers it is when that is not its estimate. A test reads
them all back. Pointed at, a number shows both with its exact value: the style sheet writes them, once for all numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from armwise.report.comparisons import usable
from armwise.report.numbers import MINUS, number, p_value, percent, shown
from armwise.report.words import hyphenless, opening
from armwise.stats.estimate import RATIOS

Row = Mapping[str, Any]

#: The parts of a row that are not one of its numbers -> those that they show.
PARTS: Final[dict[str, tuple[str, ...]]] = {
    "share": ("estimate",),
    "limits": ("lower", "upper"),
    "interval": ("estimate", "lower", "upper"),
    "of": ("estimate", "n"),
}
NOTE = re.compile(r'popovertarget="n-(r[0-9a-f]{12})"')


def text(template: str, **parts: Any) -> Markup:
    """A sentence from a template of ours and parts from anywhere: the parts are escaped, unless they are markup."""
    return Markup(template).format(**parts)  # noqa: S704 (the template is ours)


def cited(row: Row | None, part: str, words: str, note: bool = False) -> Markup:
    """Words that show one part of a row: `estimate`, `limits`, `upper`, `p`, `n`, `n_arm` or `n_versus`.

    The part `share` is the estimate of a count over its `n` (`comparisons.share_of`); `interval` is the estimate and
    its limits; `of` is a count and its `n`.
    """
    if row is None:
        return Markup("")
    value = " ".join(exact(row[name]) for name in PARTS.get(part, (part,)))
    about = text(' data-row="{id}"', id=row["id"])
    if part not in ("estimate", "interval"):
        about += text(' data-part="{part}"', part=part)
    if not note:
        return text('<data value="{value}"{about}>{words}</data>', value=value, about=about, words=words)
    return text(
        '<button type="button" class="n" popovertarget="n-{id}"{about} data-value="{value}">{words}</button>',
        id=row["id"],
        about=about,
        value=value,
        words=words,
    )


def exact(value: float) -> str:
    """A number with the digits that a reader might want to see: six, and all of a whole number."""
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def estimate(
    row: Row | None,
    decimals: int | None = None,
    sd: float | None = None,
    unit: bool = False,
    note: bool = False,
) -> Markup:
    """A row's estimate; where there is none, the reason in words."""
    if row is None:
        return Markup("")
    if not usable(row):
        return text(
            '<span class="ne" title="{reason}">not estimable</span>', reason=row["reason"] or row["status"]
        )
    made = shown(row, decimals, sd)
    words = f"{made.estimate} {made.unit}" if unit and made.unit else made.estimate
    return cited(row, row.get("part", "estimate"), words, note)


def limits(row: Row | None, decimals: int | None = None, sd: float | None = None) -> Markup:
    """A row's interval, `18 to 63`; nothing where it has none."""
    if row is None or not usable(row) or row["lower"] is None:
        return Markup("")
    return cited(row, "limits", shown(row, decimals, sd).limits)


def with_limits(
    row: Row | None, decimals: int | None = None, note: bool = False, unit: bool = False, level: bool = False
) -> Markup:
    """`43 (18 to 63)`; with `unit` and `level`, `43 percentage points (95% CI 18 to 63)`."""
    if row is None or not usable(row):
        return estimate(row)
    made = shown(row, decimals)
    first = f"{made.estimate} {made.unit}" if unit and made.unit else made.estimate
    if not made.limits or row["lower"] is None:
        return estimate(row, decimals, unit=unit, note=note)
    span = f"({made.confidence} {made.limits})" if level else f"({made.limits})"
    together = span.replace(" ", "\u00a0")  # an interval does not break at the end of a line
    part = row.get("part", "estimate")
    if part == "estimate" and not note:
        return cited(row, "interval", f"{first} {together}")
    return text("{first} {span}", first=cited(row, part, first, note), span=cited(row, "limits", together))


def compared(row: Row | None, decimals: int | None = None, note: bool = False, level: bool = False) -> Markup:
    """A comparison under a head that says "difference": a ratio is named, `risk ratio 2.95 (1.2 to 7.3)`."""
    if row is None or not usable(row) or row["statistic"] not in RATIOS:
        return with_limits(row, decimals, note=note, level=level)
    return text("{what} {value}", what=row["statistic"], value=with_limits(row, note=note, level=level))


def p(row: Row | None) -> Markup:
    """A row's p-value; nothing where it has none."""
    return Markup("") if row is None or row["p"] is None else cited(row, "p", p_value(row["p"]))


def listed(parts: Sequence[Markup]) -> Markup:
    """`a`, `a and b`, `a, b and c`, of parts that hold numbers."""
    if len(parts) < 2:
        return parts[0] if parts else Markup("")
    return Markup(" and ").join([Markup(", ").join(parts[:-1]), parts[-1]])


def count(row: Row | None, part: str = "estimate") -> Markup:
    """A whole number of a row: a count, or one of its numbers of subjects."""
    if row is None or row[part] is None:
        return Markup("")
    return cited(row, part, number(row[part]))


def count_or_none(row: Row) -> Markup:
    """A count inside a sentence: `none` where it is zero."""
    return cited(row, "estimate", number(row["estimate"]) if row["estimate"] else "none")


def of(row: Row | None, share: bool = False) -> Markup:
    """A count among its `n`, `9 of 38`; with `share`, `9 of 38 (24%)`."""
    if row is None or row["estimate"] is None or row["n"] is None:
        return Markup("")
    words = f"{number(row['estimate'])}\u00a0of\u00a0{number(row['n'])}"
    if share and row["n"]:
        words += f" ({percent(row['estimate'] / row['n'])})"
    return cited(row, "of", words)


def note(row: Row) -> Markup:
    """The note that opens on a number: its row, analysis, method, patients and exact values."""
    title = shown(row).long if usable(row) else row["statistic"]
    where = [
        f"{hyphenless(name)} {row[name]}"
        for name in ("visit", "arm", "versus", "target", "category")
        if row[name]
    ]
    sizes = "" if row["n_arm"] is None else f" ({row['n_arm']} and {row['n_versus']})"
    exact = ", ".join(
        f"{name} {signed(row[name])}"
        for name in ("estimate", "se", "lower", "upper", "p")
        if row[name] is not None
    )
    facts = [
        ("Result", row["id"]),
        ("Analysis", ", ".join(part for part in (row["analysis"], row["role"], row["planned"]) if part)),
        (
            "What",
            ", ".join(
                [f"{row['statistic']} of {row['endpoint']}" if row["endpoint"] else row["statistic"], *where]
            ),
        ),
        ("Method", row["method"]),
        ("Patients", f"{row['n']}{sizes}" if row["n"] is not None else ""),
        ("Exact", exact),
        ("Note", row["reason"]),
    ]
    items = Markup("").join(text("<dt>{k}</dt><dd>{v}</dd>", k=k, v=v) for k, v in facts if v)
    return text(
        '<div popover id="n-{id}" role="dialog" aria-label="Where this number comes from"><p class="t">{title}</p>'
        "<dl>{items}</dl></div>\n",
        id=row["id"],
        title=opening(title),
        items=items,
    )


def notes(page: str, rows: Iterable[Row]) -> Markup:
    """The notes of all the numbers on a page that open one, each once."""
    wanted = set(NOTE.findall(page))
    return Markup("").join(note(row) for row in rows if row["id"] in wanted)


def signed(value: float) -> str:
    """The same for the eye."""
    return exact(value).replace("-", MINUS).replace("inf", "infinity")
