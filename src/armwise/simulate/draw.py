"""A protocol, its assumptions and a seed -> the tables of one study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.errors import UsageError
from armwise.instruments.definition import Instrument
from armwise.protocol.model import Form, Protocol
from armwise.protocol.scores import instrument_of, scores_of
from armwise.simulate.answers import reachable
from armwise.simulate.associated import associated
from armwise.simulate.assumptions import Assumptions
from armwise.simulate.attendance import attend, iso, pick
from armwise.simulate.enrolled import Enrolled
from armwise.simulate.impressions import draw_impressions
from armwise.simulate.paths import Ranges, draw_paths, find_constants
from armwise.simulate.people import enrolled
from armwise.simulate.questionnaires import draw_form
from armwise.simulate.streams import stream
from armwise.simulate.table_kinds import Impressions, YesNo
from armwise.simulate.tables import draw_table
from armwise.simulate.yes_no import draw_yes_no

Tables = dict[str, pl.DataFrame]


def simulate(
    protocol: Protocol,
    assumptions: Assumptions,
    *,
    seed: int,
    instruments_folder: Path | None = None,
    per_arm: Mapping[str, int] | None = None,
) -> Tables:
    """Draws one study.

    Args:
        protocol: the study's protocol.
        assumptions: what to draw from, checked against the same protocol (`load_assumptions`).
        seed: 0 or more; the same seed gives the same tables.
        instruments_folder: the study folder whose `instruments/` holds definitions of the study's own.
        per_arm: patients in each arm, where it is not what the assumptions say.

    Returns:
        form name -> table, as it stands in a CSV file: numbers, text, ISO dates.

    Raises:
        UsageError: a seed or an arm that cannot be used, or assumptions that cannot be met together.
    """
    _usable(protocol, seed, per_arm)
    arms = (protocol.reference, *(a for a in protocol.arms if a != protocol.reference))
    visits = tuple(protocol.visits)
    sizes = dict(per_arm or assumptions.size.per_arm)
    instruments = {name: instrument_of(form, instruments_folder) for name, form in protocol.forms.items()}
    ranges = _ranges(protocol, assumptions, instruments, instruments_folder)
    constants = find_constants(assumptions, arms, visits, ranges)
    people = enrolled(assumptions, arms, sizes, stream(seed, "people"))
    paths = draw_paths(assumptions, constants, people, arms, visits, ranges, stream(seed, "paths"))
    attendance = attend(protocol, assumptions, people, arms, seed)
    site, subject, screening = _screened(assumptions, attendance.enrolled, seed)
    everyone = Enrolled(protocol, subject, arms, people, attendance)

    tables: Tables = {"subjects": _subjects(everyone, site)}
    if screening is not None:
        known = protocol.forms["screening"].items if "screening" in protocol.forms else {}
        tables["screening"] = screening.drop([] if "eligible" in known else ["eligible"])
    for name, form in protocol.forms.items():
        if name in ("subjects", "screening", "events"):
            continue
        mine = {ref.split(".")[1]: path for ref, path in paths.items() if ref.split(".")[0] == name}
        if mine:
            tables[name] = draw_form(name, form, instruments[name], mine, everyone, assumptions, seed)
        elif isinstance(table := assumptions.tables.get(name), Impressions):
            better = scores_of(protocol, instruments_folder)[table.of].higher_is_better is not False
            rng, blank = stream(seed, "table", name), assumptions.missing.forms
            tables[name] = draw_impressions(table, form, paths[table.of], better, everyone, blank, rng)
        elif isinstance(table, YesNo):
            rng, blank = stream(seed, "table", name), assumptions.missing.forms
            tables[name] = draw_yes_no(table, form, everyone, blank, rng)
        elif name in assumptions.tables:
            tables[name] = draw_table(assumptions.tables[name], form, everyone, stream(seed, "table", name))
            tables[name] = associated(
                assumptions.tables[name], tables[name], paths, everyone, stream(seed, "follows", name)
            )
    events = _events(everyone, assumptions, seed)
    if events is not None:
        tables["events"] = events
    return tables


def _usable(protocol: Protocol, seed: int, per_arm: Mapping[str, int] | None) -> None:
    if seed < 0:
        raise UsageError(f"simulate: found seed {seed}; expected a whole number, 0 or more")
    if per_arm is not None and (set(per_arm) != set(protocol.arms) or min(per_arm.values()) < 1):
        expected = ", ".join(protocol.arms)
        raise UsageError(
            f"simulate: found per_arm={dict(per_arm)}; expected 1 patient or more for each of {expected}"
        )


def _ranges(
    protocol: Protocol,
    assumptions: Assumptions,
    instruments: Mapping[str, Instrument | None],
    folder: Path | None,
) -> Ranges:
    """form.score -> the scores that can be reached under the protocol's options."""
    known = scores_of(protocol, folder)
    found: dict[str, tuple[float, float]] = {}
    for ref in assumptions.outcomes:
        form, name = ref.split(".")
        instrument = instruments[form]
        if instrument is not None:
            found[ref] = reachable(instrument, protocol.forms[form].options, name)
        else:
            lo, hi = known[ref].lo, known[ref].hi
            found[ref] = (-np.inf if lo is None else lo, np.inf if hi is None else hi)
    return found


def _screened(
    assumptions: Assumptions, day: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.str_], NDArray[np.str_], pl.DataFrame | None]:
    """Site and number of each patient, and the screening table: numbers run in the order of screening."""
    rng = stream(seed, "screening")
    n = len(day)
    screening = assumptions.screening
    # Counts are for the planned size; another size keeps the proportions.
    scale = n / sum(assumptions.size.per_arm.values())
    lost = [("no", r, k) for r, k in (screening.not_eligible if screening else {}).items()]
    lost += [("yes", r, k) for r, k in (screening.declined if screening else {}).items()]
    eligible = (
        np.repeat([e for e, _, _ in lost], [round(k * scale) for _, _, k in lost]) if lost else np.array([])
    )
    reasons = (
        np.repeat([r for _, r, _ in lost], [round(k * scale) for _, _, k in lost]) if lost else np.array([])
    )
    m = len(reasons)
    others = rng.integers(day.min(), day.max() + 1, m)
    dates = np.concatenate([day, others])
    order = np.argsort(dates, kind="stable")
    number = np.empty(n + m, dtype=np.int64)
    number[order] = np.arange(1, n + m + 1)
    sites = assumptions.enrolment.sites or {"01": 1.0}
    site = pick(rng, sites, n + m)
    template = assumptions.enrolment.subject
    subject = np.array([template.format(site=s, number=int(k)) for s, k in zip(site, number, strict=True)])
    frame = None
    if screening is not None:
        frame = pl.DataFrame(
            {
                "subject": subject[order],
                "date": iso(dates[order]),
                "eligible": np.concatenate([np.full(n, "yes"), eligible])[order],
                "enrolled": np.concatenate([np.full(n, "yes"), np.full(m, "no")])[order],
                "reason": [r or None for r in np.concatenate([np.full(n, ""), reasons])[order].tolist()],
            }
        )
    return site[:n], subject[:n], frame


def _subjects(everyone: Enrolled, site: NDArray[np.str_]) -> pl.DataFrame:
    people = everyone.people
    columns: dict[str, object] = {
        "subject": everyone.subject,
        "site": site,
        "arm": np.array(everyone.arms)[people.arm],
        "enrolled": iso(everyone.attendance.enrolled),
    }
    form = everyone.protocol.forms.get("subjects", Form())
    for name, item in form.items.items():
        if name in people.covariates:
            values = people.covariates[name]
            columns[name] = values.astype(np.int64) if item.type == "integer" else values
    return pl.DataFrame(columns)


def _events(everyone: Enrolled, assumptions: Assumptions, seed: int) -> pl.DataFrame | None:
    """The table of intercurrent events; None when the assumptions have none."""
    if not assumptions.events and assumptions.missing.dropout is None:
        return None
    attendance = everyone.attendance
    rows: list[tuple[int, int, str, str]] = []
    if assumptions.missing.dropout is not None:
        for i in np.flatnonzero(attendance.left):
            word = assumptions.missing.dropout.event
            rows.append((int(i), int(attendance.left[i]), word, str(attendance.left_reason[i])))
    end = attendance.until()
    for word, event in assumptions.events.items():
        rng = stream(seed, "event", word)
        happens = rng.random(len(everyone.people)) < everyone.by_arm(dict(event.by_arm))
        day = attendance.zero + rng.integers(event.days[0], event.days[1] + 1, len(happens))
        reasons = pick(rng, event.reasons, len(happens)) if event.reasons else np.full(len(happens), "")
        for i in np.flatnonzero(happens & (day <= end)):
            rows.append((int(i), int(day[i]), word, str(reasons[i])))
    rows.sort()
    return pl.DataFrame(
        {
            "subject": [str(everyone.subject[i]) for i, _, _, _ in rows],
            "date": iso(np.array([d for _, d, _, _ in rows], dtype=np.int64)),
            "event": [e for _, _, e, _ in rows],
            "reason": [r or None for _, _, _, r in rows],
        },
        schema={"subject": pl.String, "date": pl.String, "event": pl.String, "reason": pl.String},
    )
