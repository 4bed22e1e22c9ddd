"""What belongs to the model for repeated measures alone, and what it cannot mean."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from armwise.protocol import plan
from armwise.protocol.check_repeated import OWN
from armwise.protocol.load import read_protocol
from armwise.protocol.model import Analysis, Protocol
from armwise.protocol.schema import schema

MMRM = {
    "endpoint": "change", "at": "m3", "role": "primary", "method": "mmrm", "adjust": "covariates",
    "covariates": ["baseline", "age"],
}  # fmt: skip
ANCOVA = {**MMRM, "method": "ancova"}


def read(
    small: Any, tmp_path: Path, declared: dict[str, Any], **sections: Any
) -> tuple[Protocol | None, list[str]]:
    data = {**copy.deepcopy(small.protocol), "analyses": {"primary": declared}, **sections}
    (tmp_path / "protocol.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    protocol, problems = read_protocol(tmp_path)
    return protocol, [f"{p.column}: {p.what}; {p.todo}" for p in problems if p.severity == "error"]


def test_what_is_left_out_is_unstructured_kenward_roger_and_missing_at_random(
    small: Any, tmp_path: Path
) -> None:
    protocol, mistakes = read(small, tmp_path, MMRM)
    assert mistakes == []
    assert protocol is not None
    a = protocol.analyses["primary"]
    assert (a.covariance, a.second_covariance) == ("unstructured", "heterogeneous-ar1")
    assert (a.degrees_of_freedom, a.missing, a.one_effect) == ("kenward-roger", "likelihood", ())


@pytest.mark.parametrize(
    ("covariance", "fallback", "second"),
    [
        ("unstructured", None, "heterogeneous-ar1"),
        ("unstructured", "none", None),
        ("unstructured", "compound-symmetry", "compound-symmetry"),
        ("heterogeneous-ar1", None, None),  # itself: there is nothing to fall back to
        ("toeplitz", None, "heterogeneous-ar1"),
    ],
)
def test_the_second_covariance_is_the_fallback_unless_it_is_the_first(
    covariance: str, fallback: str | None, second: str | None
) -> None:
    said = {} if fallback is None else {"fallback": fallback}
    a = Analysis.model_validate({**MMRM, "covariance": covariance, **said})
    assert a.second_covariance == second


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        *(({**ANCOVA, key: value}, f"analyses.primary.{key}: `{key}` belongs to a model of all visits (mmrm), and "
           "ancova compares at one; leave it out, or use mmrm")
          for key, value in (("covariance", "unstructured"), ("fallback", "none"), ("one_effect", ["age"]),
                             ("degrees_of_freedom", "satterthwaite"))),
        ({**ANCOVA, "missing": "likelihood"}, "analyses.primary.missing: `likelihood` is how a model of all visits "
         "(mmrm) takes missing answers, not ancova; use complete-cases, or mmrm"),
        ({**MMRM, "missing": "complete-cases"}, "analyses.primary.missing: mmrm uses every observed visit and takes "
         "answers to be missing at random: complete cases would leave out patients whose other visits the model uses; "
         "write `likelihood`, or leave it out"),
        ({**MMRM, "missing": "locf"}, "analyses.primary.missing: mmrm uses every observed visit and takes answers to "
         "be missing at random: a value carried forward would enter as if it had been observed; write `likelihood`, or "
         "leave it out"),
        ({**MMRM, "missing": "worst-case"}, "analyses.primary.missing: mmrm uses every observed visit and takes "
         "answers to be missing at random: worst-case is a rule for responders; write `likelihood`, or leave it out"),
        *(({**MMRM, "fallback": name}, f"analyses.primary.fallback: `{name}` is no fallback: it is itself singular or "
           "not converged in a few per cent of studies; use heterogeneous-ar1, another structure, or none; ")
          for name in ("toeplitz", "heterogeneous-toeplitz")),
        ({**MMRM, "covariance": "ar1", "fallback": "unstructured"}, "analyses.primary.fallback: `unstructured` is no "
         "fallback: it has the most parameters of all: where another has no fit it has none either; use "
         "heterogeneous-ar1, another structure, or none; "),
        ({**MMRM, "covariance": "us"}, "analyses.primary.covariance: found `us`; a protocol spells it out: "
         "`unstructured`; "),
        ({**MMRM, "fallback": "cs"}, "analyses.primary.fallback: found `cs`; a protocol spells it out: "
         "`compound-symmetry`; "),
        ({**MMRM, "fallback": "heterogenous-ar1"}, "analyses.primary.fallback: found `heterogenous-ar1`, expected one "
         "of heterogeneous-ar1, ar1, heterogeneous-compound-symmetry, compound-symmetry, "
         "heterogeneous-ante-dependence, ante-dependence, spatial-exponential, heterogeneous-independence, "
         "independence, none; did you mean "
         "`heterogeneous-ar1`?"),
        ({**MMRM, "one_effect": ["age", "age"]}, "analyses.primary.one_effect[1]: `age` stands twice; leave it out"),
        ({**MMRM, "covariance": "ar1", "fallback": "ar1"}, "analyses.primary.fallback: the fallback is the covariance "
         "itself (`ar1`): it would fail in the same way; use another structure, or none"),
        ({**MMRM, "one_effect": ["agee"]}, "analyses.primary.one_effect[0]: unknown covariate of the analysis `agee`; "
         "did you mean `age`?"),
        ({**MMRM, "also": ["hedges-g"]}, "analyses.primary.also[0]: hedges-g does not go with mmrm; leave it out"),
        ({**MMRM, "adjust": "none"}, "analyses.primary: `adjust: none` with 2 covariates; say how: "
         "`adjust: covariates`"),
        ({**MMRM, "adjust": "overlap-weights"}, "analyses.primary.adjust: mmrm cannot be adjusted by overlap-weights; "
         "use covariates or none"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_told_once_with_what_to_do(
    small: Any, tmp_path: Path, declared: dict[str, Any], told: str
) -> None:
    assert read(small, tmp_path, declared)[1] == [told]


def test_what_may_stand_in_for_a_covariance_is_every_other_but_those_that_fail_themselves() -> None:
    assert set(get_args(plan.Fallback)) == {*get_args(plan.Covariance), "none"} - set(plan.NO_FALLBACK)
    assert schema()["$defs"]["Analysis"]["properties"]["fallback"]["enum"] == list(get_args(plan.Fallback))


def test_every_key_of_its_own_is_refused_for_another_method() -> None:
    assert set(OWN) < set(Analysis.model_fields)
    assert {"covariance", "fallback", "degrees_of_freedom", "one_effect", "models"} == set(OWN)


def test_a_model_without_covariates_is_allowed(small: Any, tmp_path: Path) -> None:
    plain = {k: v for k, v in MMRM.items() if k not in ("adjust", "covariates")}
    assert read(small, tmp_path, plain)[1] == []


def test_an_endpoint_measured_at_one_visit_has_nothing_repeated(small: Any, tmp_path: Path) -> None:
    forms = copy.deepcopy(small.protocol["forms"])
    forms["scale"]["at"] = ["baseline", "m3"]
    (told,) = read(small, tmp_path, MMRM, forms=forms)[1]
    assert told == "analyses.primary.method: `change` is measured at m3 only: nothing is repeated; use ancova"


def test_responders_are_not_compared_by_it(small: Any, tmp_path: Path) -> None:
    (told,) = read(small, tmp_path, {**MMRM, "endpoint": "better"})[1]
    assert told.startswith(
        "analyses.primary.method: mmrm compares numbers, and `better` is of kind responder"
    )


def test_a_model_uses_the_visits_at_which_its_endpoint_is_measured(small: Any, tmp_path: Path) -> None:
    visits = {**small.protocol["visits"], "m6": {"day": 180, "window": [-20, 20]}}
    forms = copy.deepcopy(small.protocol["forms"])
    forms["mood"]["at"] = ["baseline", "m1", "m6"]
    protocol, mistakes = read(small, tmp_path, MMRM, visits=visits, forms=forms)
    assert mistakes == []
    assert protocol is not None
    assert protocol.measured_visits("change") == ("m1", "m3", "m6")
    assert protocol.measured_visits("happier") == ("m1", "m6")
    assert protocol.measured_visits("either") == ("m1", "m6")  # both of its scores
