from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armwise.report.sections.problems import general

KNOWN = frozenset({"m3", "pain", "odi.total", "patient unwell", "pain for less than 6 months"})


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("m3 on day 114, outside its window (day 70 to 112)", "m3 on day …, outside its window (day … to …)"),
        ("subject BMC-0417: `pain` is 12, expected 0 to 10", "a subject: pain is …, expected … to …"),
        ("patient Müller has two records", "a patient has two records"),
        ("`Anna` is not an arm", "… is not an arm"),
        ("no scoreable record of `odi.total`", "no scoreable record of odi.total"),
        ("the same subject, visit as in row 12", "the same subject, visit as in row …"),
        ("this subject is not in the table subjects", "this subject is not in the table subjects"),
        ("a patient unwell at m3", "a patient unwell at m3"),
        ("2 events of subjects who are not in the set", "… events of subjects who are not in the set"),
        ("began after the subject had left the study", "began after the subject had left the study"),
        ("the same for every patient seen at both", "the same for every patient seen at both"),
        ("the patient Anna has two records", "a patient has two records"),
        ("this subject A-17 has no time zero", "a subject has no time zero"),
        ("patient: Anna, twice", "a patient twice"),
        ("subject anna: twice", "a subject: twice"),
        ("outcome missing: patient unwell", "outcome missing: patient unwell"),
        ("not enrolled: pain for less than 6 months", "not enrolled: pain for less than 6 months"),
    ],
)
def test_a_problem_is_said_without_values_dates_or_names(what: str, expected: str) -> None:
    assert general(what, KNOWN) == expected


@given(
    st.from_regex(r"[A-Z]{1,4}-?[0-9]{1,6}", fullmatch=True),
    st.sampled_from(
        ["subject {}: twice", "`{}` twice", "found {}", "row of {}, again", "the patient {} again"]
    ),
)
def test_no_identifier_with_a_digit_survives(name: str, template: str) -> None:
    assert name not in general(template.format(name), KNOWN)
