"""What the choices of a protocol are called on a page: one mapping a key, from its value to the words for it.

Data only. What is called by a label of the study's own (arms, visits, endpoints) is in `words.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: Whom an estimate speaks of, by `target`.
TARGETS: Final[Mapping[str, str]] = {
    "everyone": "everyone in the analysis set",
    "treated": "patients like those who had the treatment",
    "overlap": "patients for whom either arm was a realistic choice",
}

#: How a patient came to an arm, by `study.allocated_by`; each is a clause that can end a heading.
ALLOCATED: Final[Mapping[str, str]] = {
    "random": "treatment was assigned at random",
    "patient-choice": "the patients chose their treatment",
    "clinician": "clinicians chose the treatment",
    "site": "the site decided the treatment",
    "period": "the period of enrolment decided the treatment",
    "unstated": "treatment was not assigned at random",
}

#: What becomes of an intercurrent event, by its strategy.
STRATEGIES: Final[Mapping[str, str]] = {
    "treatment-policy": "counted whatever happened",
    "non-response": "counted as no response",
    "hypothetical": "answers after it are set aside, as if it had not happened",
    "while-on-treatment": "the last answer before it counts",
}

#: An adjustment in the words of a method.
ADJUSTED: Final[Mapping[str, str]] = {
    "none": "not adjusted",
    "covariates": "adjusted for covariates",
    "overlap-weights": "overlap weights",
    "inverse-probability": "inverse-probability weights",
    "entropy-balancing": "entropy balancing",
    "g-computation": "g-computation",
    "aipw": "weights and outcome models",
}
#: How a weighted comparison adjusts, to open a sentence.
WEIGHTING: Final[Mapping[str, str]] = {
    "overlap-weights": "After weighting to balance {}",
    "inverse-probability": "After inverse-probability weighting on {}",
    "entropy-balancing": "After weighting that balances {}",
    "g-computation": "After standardising over {}",
    "aipw": "After weighting on and standardising over {}",
}
#: A rule for missing outcomes, in a few words.
MISSING: Final[Mapping[str, str]] = {
    "complete-cases": "complete cases",
    "non-response": "missing answers count as no response",
    "worst-case": "worst case for missing answers",
    "locf": "last answer carried forward",
    "likelihood": "all observed visits",
    "impute": "missing answers imputed",
    "jump-to-reference": "missing answers jump to the reference",
    "copy-reference": "missing answers copy the reference",
    "copy-increments": "missing answers change like the reference",
    "last-mean-carried-forward": "missing answers keep the last mean",
}
#: The same in a clause that says what is done.
MISSING_RULES: Final[Mapping[str, str]] = {
    "complete-cases": "patients without the answer are left out (complete cases)",
    "non-response": "a missing answer counts as no response",
    "worst-case": "missing answers count against the treatment (no response there, response in the reference arm)",
    "likelihood": (
        "every observed visit is used, and a missing answer is taken to be missing at random, given arm, covariates"
        " and the visits that were observed"
    ),
    "locf": "a missing answer takes the last one before it (last observation carried forward)",
    "impute": (
        "missing scores are drawn many times, given arm, covariates and the visits that were observed, and the"
        " estimates pooled (multiple imputation, missing at random)"
    ),
    "jump-to-reference": "after leaving, a patient is taken to have the mean of the reference arm at once",
    "copy-reference": "a patient who left is taken to have been in the reference arm throughout",
    "copy-increments": "after leaving, a patient is taken to change as the reference arm does",
    "last-mean-carried-forward": "after leaving, a patient is taken to keep the mean of the last visit attended",
}

#: A method of comparison; the others are called by their own names.
METHODS: Final[Mapping[str, str]] = {
    "ancova": "analysis of covariance",
    "mean-difference": "difference in means",
    "mann-whitney": "Mann-Whitney test with the Hodges-Lehmann shift",
    "permutation": "difference in means by permutation of the arms",
    "mmrm": "mixed model for repeated measures (all visits)",
    "risk-difference": "difference in risks",
    "risk-ratio": "ratio of risks",
    "odds-ratio": "ratio of odds",
    "fisher-exact": "Fisher's exact test",
}
