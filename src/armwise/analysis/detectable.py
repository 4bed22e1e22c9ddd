"""What a study of this size can detect: from what was planned, never from what was observed."""

from __future__ import annotations

from collections.abc import Iterator

from armwise.analysis.comparison import unit_of_difference
from armwise.analysis.results import Row, row
from armwise.derive.derived import Derived
from armwise.errors import UsageError
from armwise.stats import detectable_mean_difference, detectable_risk_difference


def detectable(derived: Derived) -> Iterator[Row]:
    """The smallest true difference that the planned study finds: from its planned size, never the observed effect."""
    protocol = derived.study.protocol
    size, reference = protocol.size, protocol.reference
    planned = {name: arm.planned for name, arm in protocol.arms.items() if arm.planned is not None}
    if size is None or reference not in planned:
        return
    if size.sd is not None:
        method, given = "two-sided t test", f"SD {size.sd:g}"
    else:
        method, given = "two-sided test of two proportions", f"{size.risk:.0%} in the reference arm"
    reason = f"planned size; {given}" + (f" ({size.source})" if size.source else "")
    for arm in planned:
        if arm == reference:
            continue
        sizes = (planned[arm], planned[reference])
        try:
            found = (
                detectable_mean_difference(*sizes, size.sd, size.power, size.alpha)
                if size.sd is not None
                else detectable_risk_difference(*sizes, size.risk or 0.0, size.power, size.alpha)
            )
            why = reason if found is not None else f"{reason}; no difference is found with this power"
        except UsageError as error:
            found, why = None, str(error)
        yield row(
            "detectable difference", found, at=size.power, at2=size.alpha, n_arm=sizes[0], n_versus=sizes[1],
            analysis="detectable", role="descriptive", endpoint=size.endpoint, arm=arm, versus=reference,
            unit=unit_of_difference(derived.unit_of(size.endpoint)), method=method, reason=why,
            status="ok" if found is not None else "not estimable",
        )  # fmt: skip
