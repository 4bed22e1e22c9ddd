"""The figures of a report: functions of results and a width that return one SVG, with text as text.

    estimates      the primary estimate under every declared analysis
    flow           participants from assessment to analysis
    trajectory     the main score over time, and the difference on the same axis
    ls_means       the same of a model for repeated measures
    responders     responders by visit
    subgroups      one comparison within each subgroup
    distribution   cumulative distribution of change
    balance_cell   a covariate's balance, in a row of Table 1
    interval_cell  an interval in SD units, in a row of the table of all outcomes

Each is drawn anew for each width, never scaled: 720 px and 350 px are meant, others work.
"""

from __future__ import annotations

from armwise.report.figures.balance import balance_cell
from armwise.report.figures.distribution import distribution
from armwise.report.figures.estimates import estimates
from armwise.report.figures.flow import flow
from armwise.report.figures.interval_cell import interval_cell
from armwise.report.figures.ls_means import ls_means
from armwise.report.figures.responders import responders
from armwise.report.figures.subgroups import subgroups
from armwise.report.figures.trajectory import trajectory

__all__ = [
    "balance_cell",
    "distribution",
    "estimates",
    "flow",
    "interval_cell",
    "ls_means",
    "responders",
    "subgroups",
    "trajectory",
]
