"""The randomised trial that a non-randomised study stands in for, as `protocol.yaml` may write it.

Eight components, each as the trial would have it and as these data have it, side by side (TARGET 2025, items 6a to 7h;
Hernán and Robins 2016, Am J Epidemiol 183:758). What the data have is said by the rest of the protocol where nothing is
written here.
"""

from __future__ import annotations

from armwise.protocol.section import Section


class Components(Section):
    """The components of a trial, each in a sentence or two."""

    eligibility: str = ""
    strategies: str = ""
    assignment: str = ""
    follow_up: str = ""
    outcomes: str = ""
    contrasts: str = ""
    assumptions: str = ""
    analysis: str = ""


class TargetTrial(Section):
    """The trial that was meant, and how the study departs from it."""

    trial: Components
    study: Components = Components()
