"""The blocks of medication and care against the protocol: classes, arms, visits and users that exist."""

from __future__ import annotations

from collections.abc import Iterator

from armwise.protocol.model import Form
from armwise.simulate.medication_kinds import CareByVisit, Medications
from armwise.simulate.names import Finding, Known, unknown
from armwise.yaml_lines import KeyPath, nearest


def check_medication(
    table: Medications | CareByVisit, form: Form, here: KeyPath, known: Known
) -> Iterator[Finding]:
    """Every name of the block that the protocol does not know."""
    if isinstance(table, CareByVisit):
        care = known.protocol.treatments.care if known.protocol.treatments else None
        item = form.items.get(care.kind if care else "kind")
        if item and item.choices:
            yield from unknown("choice", table.shares, item.choices, (*here, "shares"))
        for kind, by_arm in table.shares.items():
            yield from unknown("arm", by_arm, known.arms, (*here, "shares", kind))
            for arm, by_visit in by_arm.items():
                visits = list(known.protocol.visits)
                yield from unknown("visit", by_visit, visits, (*here, "shares", kind, arm))
        return
    opioids = table.opioids
    users = [name for name in known.covariates if "." in name]
    if opioids.users not in users:
        what = f"found `{opioids.users}`, expected covariate.category"
        yield (*here, "opioids", "users"), what, nearest(opioids.users, users)
    for key in ("ratio", "stop", "start"):
        yield from unknown("arm", getattr(opioids, key), known.arms, (*here, "opioids", key))
    for arm, by_visit in opioids.ratio.items():
        yield from unknown("visit after baseline", by_visit, known.later, (*here, "opioids", "ratio", arm))
    declared = known.protocol.medication
    item = form.items.get(declared.drug_class or "") if declared else None
    if item and item.choices:
        yield from unknown("choice", table.others, item.choices, (*here, "others"))
    for name, other in table.others.items():
        for key in ("users", "stop", "start"):
            yield from unknown("arm", getattr(other, key), known.arms, (*here, "others", name, key))
