"""Which rows answer which question: the one place where sections, headings and figures ask for rows of the results.

A comparison is an arm against the reference, by the method that the protocol declares. The statistic of each method,
and which statistics are ratios, are read from where they are made (`analysis.comparison`, `stats.estimate`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from armwise.analysis.comparison import AS_ANALYSED, STATISTIC, is_comparison
from armwise.analysis.results import Results, Row
from armwise.protocol.model import Analysis, Protocol
from armwise.report.words import Words
from armwise.stats.estimate import RATIOS

#: The most important role first; a sensitivity analysis never answers for an endpoint.
ROLES = ("primary", "key-secondary", "secondary", "exploratory")
UNADJUSTED = ".unadjusted"

Table = dict[str, dict[str, Row]]
"""Rows by arm and visit."""


def usable(row: Mapping[str, Any] | None) -> bool:
    """Whether a row has an estimate to show."""
    return row is not None and row["status"] == "ok" and row["estimate"] is not None


def has_interval(row: Row) -> bool:
    """Whether both limits are there; they may be infinite."""
    return row["lower"] is not None and row["upper"] is not None


def is_ratio(row: Row) -> bool:
    """Whether no effect is 1 and not 0."""
    return row["statistic"] in RATIOS


def no_effect(row: Row) -> float:
    """The value of no effect of a row: 1 for ratios, 0 for the rest."""
    return 1.0 if is_ratio(row) else 0.0


def excludes_no_effect(row: Row) -> bool:
    """Whether the interval lies wholly on one side of no effect; a limit that lies on it does not exclude it."""
    if not usable(row) or not has_interval(row):
        return False
    return bool(row["lower"] > no_effect(row) or row["upper"] < no_effect(row))


def primary_name(protocol: Protocol) -> str:
    """The name of the primary analysis (the first one, should the protocol declare several)."""
    analyses = protocol.analyses
    return next((name for name, a in analyses.items() if a.role == "primary"), next(iter(analyses)))


def analysis_of(protocol: Protocol, name: str) -> Analysis:
    """The declared analysis; the unadjusted companion of an analysis is declared by it."""
    return protocol.analyses[name.removesuffix(UNADJUSTED)]


def treatments(protocol: Protocol) -> list[str]:
    """The arms that are compared with the reference, in the order of the protocol."""
    return [name for name in protocol.arms if name != protocol.reference]


def leading(results: Results, name: str, visit: str | None = None) -> list[Row]:
    """The comparisons that an analysis leads with: one row an arm, in the protocol's order.

    Args:
        results: the results.
        name: an analysis, or its `.unadjusted` companion.
        visit: one of its visits; by default the one that is tested, else the last.
    """
    declared = analysis_of(results.protocol, name)
    visit = visit or results.protocol.leading_visit(declared)
    found = results.rows(
        analysis=name,
        visit=visit,
        endpoint=declared.endpoint,
        statistic=STATISTIC[declared.method],
        subgroup=None,
    )
    of = name.removesuffix(UNADJUSTED)
    arms = {r["arm"]: r for r in reversed(found) if is_comparison(results.protocol, {**r, "analysis": of})}
    return [arms[arm] for arm in treatments(results.protocol) if arm in arms]


def comparison(results: Results, name: str, arm: str, visit: str) -> Row | None:
    """The comparison of one arm at one visit."""
    return next((r for r in leading(results, name, visit) if r["arm"] == arm), None)


def answers(results: Results, endpoint: str, visit: str) -> list[str]:
    """The analyses that compare an endpoint at a visit, the most important first; sensitivity analyses never lead."""
    protocol = results.protocol
    found = [
        (ROLES.index(a.role), i, name)
        for i, (name, a) in enumerate(protocol.analyses.items())
        if a.endpoint == endpoint
        and a.role in ROLES
        and visit in protocol.analysis_visits(a)
        and leading(results, name, visit)
    ]
    return [name for _, _, name in sorted(found)]


def differences(results: Results, endpoint: str) -> Table:
    """The comparison of each arm with the reference at each visit, by the analysis that answers there."""
    found: Table = {arm: {} for arm in treatments(results.protocol)}
    for visit in results.protocol.visits:
        for name in answers(results, endpoint, visit)[:1]:
            for row in leading(results, name, visit):
                found[row["arm"]][visit] = row
    return found


def repeated(protocol: Protocol) -> list[str]:
    """The analyses that are models for repeated measures, common to all arms, in the protocol's order."""
    return [n for n, a in protocol.analyses.items() if a.method == "mmrm" and a.models == "common"]


def one_model(results: Results, endpoint: str | None) -> str | None:
    """The model for repeated measures that makes all of an endpoint's leading comparisons, where there is one."""
    if endpoint is None:
        return None
    names = {row["analysis"] for rows in differences(results, endpoint).values() for row in rows.values()}
    return next((name for name in repeated(results.protocol) if names == {name}), None)


def model_means(results: Results, name: str, statistic: str) -> Table:
    """The LS means (`ls mean`), or the numbers observed (`n`), of a model for repeated measures: by arm and visit."""
    visits = results.protocol.measured_visits(results.protocol.analyses[name].endpoint)
    found = {
        (r["arm"], r["visit"]): r
        for r in results.rows(analysis=name, statistic=statistic, subgroup=None)
        if r["arm"]
    }
    return {arm: {v: found[arm, v] for v in visits if (arm, v) in found} for arm in results.protocol.arms}


def model_differences(results: Results, name: str) -> Table:
    """The comparisons of a model for repeated measures: by arm and visit."""
    table: Table = {arm: {} for arm in treatments(results.protocol)}
    for visit in results.protocol.analysis_visits(results.protocol.analyses[name]):
        for row in leading(results, name, visit):
            table[row["arm"]][visit] = row
    return table


def described(results: Results, endpoint: str, visit: str, arm: str, statistic: str) -> Row | None:
    """One row of the description of an endpoint or score by visit and arm."""
    rows = results.rows(
        analysis="describe", endpoint=endpoint, visit=visit, arm=arm, statistic=statistic, subgroup=None
    )
    return rows[0] if rows else None


def by_visit(results: Results, endpoint: str, statistic: str) -> Table:
    """The descriptive rows of a score or an endpoint: every arm, and its visits in their order."""
    found: Table = {}
    for row in results.rows(analysis="describe", endpoint=endpoint, statistic=statistic, subgroup=None):
        found.setdefault(row["arm"], {}).setdefault(row["visit"], row)
    order = list(results.protocol.visits)
    return {
        arm: {v: found[arm][v] for v in order if v in found.get(arm, {})} for arm in results.protocol.arms
    }


def analysed(results: Results, name: str, visit: str, arm: str, statistic: str) -> Row | None:
    """One row of the patients behind a comparison: their count of responders and share, or their mean and SD.

    They are those whom the analysis used, with what its rule for missing answers filled in; where it has no such row
    (nothing could be compared) the answer is the description of the endpoint.
    """
    if statistic == "risk":
        return _share_analysed(results, name, visit, arm)
    found = results.rows(
        analysis=name, visit=visit, arm=arm, statistic=statistic, method=AS_ANALYSED, subgroup=None
    )
    declared = analysis_of(results.protocol, name)
    return found[0] if found else described(results, declared.endpoint, visit, arm, statistic)


def _share_analysed(results: Results, name: str, visit: str, arm: str) -> Row | None:
    """The share of those analysed who responded: of the count beside it, never a weighted one.

    A row of the results where one has that share, and then with its interval; else the count itself, read as a share.
    """
    count = analysed(results, name, visit, arm, "responders")
    declared = analysis_of(results.protocol, name)
    if count is None or count["method"] != AS_ANALYSED:
        return described(results, declared.endpoint, visit, arm, "risk")
    found = [
        *results.rows(
            analysis=name, visit=visit, arm=arm, statistic="risk", method=AS_ANALYSED, subgroup=None
        ),
        *results.rows(analysis=name, visit=visit, arm=arm, statistic="risk", subgroup=None),
        described(results, declared.endpoint, visit, arm, "risk"),
    ]
    return next((r for r in found if r is not None and _is_share_of(r, count)), share_of(count))


def share_of(count: Row) -> Row | None:
    """A count among `n` read as a share, for a count whose share has no row: the same row, of the same id."""
    if not count["n"]:
        return None
    share = count["estimate"] / count["n"]
    return {**count, "statistic": "risk", "estimate": share, "unit": "proportion", "part": "share"}


def _is_share_of(risk: Row, count: Row) -> bool:
    if not usable(risk) or not usable(count) or not count["n"] or risk["n"] != count["n"]:
        return False
    return bool(abs(risk["estimate"] - count["estimate"] / count["n"]) < 1e-9)


def flow(results: Results, category: str, arm: str | None = None, visit: str | None = None) -> Row | None:
    """One count of the participant flow (not the ones by reason)."""
    rows = results.rows(analysis="flow", category=category, arm=arm, item=None)
    rows = [r for r in rows if r["statistic"] == "count" and (visit is None or r["visit"] == visit)]
    return rows[0] if rows else None


def adjusted_p(results: Results, row: Row) -> Row | None:
    """The adjusted p-value that stands beside a comparison, where its analysis is in a family."""
    found = results.rows(analysis=row["analysis"], visit=row["visit"], arm=row["arm"], statistic="adjusted p")
    return found[0] if found else None


def rejected(adjusted: Row | None) -> bool:
    """Whether the family of a comparison lets its hypothesis be rejected; true where it is in no family."""
    return adjusted is None or (adjusted["reason"] or "").startswith("rejected")


def margin(results: Results, row: Row) -> Row | None:
    """The verdict on the margin of a non-inferiority or equivalence analysis."""
    found = results.rows(analysis=row["analysis"], visit=row["visit"], arm=row["arm"], statistic="margin")
    return found[0] if found else None


def main_score(words: Words) -> str:
    """The score whose course is shown: the (first) score behind the primary endpoint."""
    return words.score_of(words.protocol.analyses[primary_name(words.protocol)].endpoint)


def change_endpoint(protocol: Protocol, score: str) -> str | None:
    """The endpoint that is the change (else the value) of a score, if the protocol has one."""
    kinds = {
        kind: name
        for name, e in reversed(protocol.endpoints.items())
        if e.score == score
        for kind in [e.kind]
    }
    return kinds.get("change") or kinds.get("value") or kinds.get("percent-change")
