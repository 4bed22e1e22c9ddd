"""EQ-5D-3L: every state of every value set, and the published forms as a second way to the same numbers."""

from __future__ import annotations

import csv
import itertools
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from armwise.errors import FileError, InstrumentError
from armwise.instruments import load, score
from armwise.instruments.value_sets import columns, values

FIXTURES = Path(__file__).parent / "fixtures"
DIMENSIONS = ("MO", "SC", "UA", "PD", "AD")
ITEMS = ("eq5d3l_mo", "eq5d3l_sc", "eq5d3l_ua", "eq5d3l_pd", "eq5d3l_ad")
STATES = list(itertools.product((1, 2, 3), repeat=5))
RENAMED = {"usa": "us", "southkorea": "south_korea", "srilanka": "sri_lanka", "newzealand": "new_zealand"}


def read(name: str) -> dict[str, list[str]]:
    with (FIXTURES / name).open() as lines:
        rows = list(csv.DictReader(lines))
    return {column: [row[column] for row in rows] for column in rows[0]}


def own_name(column: str) -> str:
    technique, country = column.lower().split("_", 1)
    return f"{RENAMED.get(country, country)}_{technique}"


ALL = {
    own_name(column): cells for column, cells in read("eq5d3l_all_valuesets.csv").items() if column != "state"
}


def index(value_set: str, decimals: object = "tabulated") -> list[float]:
    frame = pl.DataFrame(dict(zip(ITEMS, zip(*STATES, strict=True), strict=True)))
    options = {"value_set": value_set, "decimals": decimals}
    return score(frame, "eq5d3l", options=options, scores=["index"])["eq5d3l_index"].to_list()


def terms(state: tuple[int, ...]) -> dict[str, float]:
    """The terms of the published forms, for one state, by the names of the literature."""
    n2, n3 = state.count(2), state.count(3)
    d1, i2, i3 = max(n2 + n3 - 1, 0), max(n2 - 1, 0), max(n3 - 1, 0)
    found: dict[str, float] = {
        f"{d}{k}": float(level == k) for d, level in zip(DIMENSIONS, state, strict=True) for k in (2, 3)
    }
    found |= {"A2": n2 + n3 > 0, "A3": n3 > 0, "D1": d1, "I2": i2, "I2sq": i2**2, "I3": i3, "I3sq": i3**2}
    found |= {"C2sq": n2**2, "C3sq": n3**2, "X5": n2 + n3 == 5}
    found |= {
        "O2": n2 > 0 and n3 == 0,
        "O3": n3 > 0 and n2 == 0,
        "Z2": n2 > 0 and n3 > 0,
        "Z3": n2 if n3 else 0,
    }
    return {name: float(value) for name, value in found.items()}


TERMS = [terms(state) for state in STATES]
MAIN = [f"{d}{k}" for d in DIMENSIONS for k in (2, 3)]


def test_the_44_value_sets_of_the_fixture_are_the_44_choices() -> None:
    choices = load("eq5d3l").options["value_set"].choices
    assert sorted(map(str, choices)) == sorted(ALL)
    assert len(ALL) == 44
    assert sum(name.endswith("_tto") for name in ALL) == 33
    assert columns("eq5d3l.csv", "eq5d3l.yaml") == tuple(choices)


@pytest.mark.parametrize("value_set", sorted(ALL))
def test_every_state_of_every_value_set_has_its_index(value_set: str) -> None:
    expected = [float(cell) for cell in ALL[value_set]]
    # The fixture is printed to 4 decimals; the set of the United States is shipped unrounded.
    tolerance = 5.1e-5 if value_set == "us_tto" else 1e-12
    assert index(value_set) == pytest.approx(expected, abs=tolerance, rel=0)


@pytest.mark.parametrize(
    ("column", "value_set", "decimals"),
    [
        ("uk_tto", "uk_tto", 3),
        ("us_tto", "us_tto", 3),
        ("uk_vas", "uk_vas", 3),
        ("us_tto_unrounded", "us_tto", "tabulated"),
    ],
)
def test_uk_and_us_equal_the_independent_program(column: str, value_set: str, decimals: object) -> None:
    expected = [float(cell) for cell in read("eq5d3l_us_uk.csv")[column]]
    assert index(value_set, decimals) == expected


def decimals(text: str) -> list[Decimal]:
    return [Decimal(number) for number in text.split()]


def additive(constants: str, coefficients: str) -> dict[str, Decimal]:
    """Decrements as the papers print them: any level above 1, any 3; then levels 2 and 3 of each dimension."""
    numbers = zip(("A2", "A3", *MAIN), decimals(f"{constants} {coefficients}"), strict=True)
    return {name: -number for name, number in numbers}


PUBLISHED = {
    "uk_tto": additive("0.081 0.269", "0.069 0.314 0.104 0.214 0.036 0.094 0.123 0.386 0.071 0.236"),
    "germany_tto": additive("0.001 0.323", "0.099 0.327 0.087 0.174 0 0 0.112 0.315 0 0.065"),
    "japan_tto": additive("0.152 0", "0.075 0.418 0.054 0.102 0.044 0.133 0.080 0.194 0.063 0.112"),
    "spain_tto": additive("0.024 0.291", "0.106 0.430 0.134 0.309 0.071 0.195 0.089 0.261 0.062 0.144"),
    "netherlands_2006_tto": additive(
        "0.071 0.234", "0.036 0.161 0.082 0.152 0.032 0.057 0.086 0.329 0.124 0.325"
    ),
    "netherlands_2026_tto": additive(
        "0.154 0", "0.045 0.424 0.059 0.144 0.011 0.132 0.114 0.509 0.096 0.360"
    ),
    "us_tto": additive(
        "0 0",
        "0.146016 0.557685 0.1753425 0.4711896 0.1397295 0.3742594 0.1728907 0.5371011 0.156223 0.4501876",
    )
    | dict(
        zip(("D1", "I2sq", "I3", "I3sq"), decimals("0.1395949 -0.0106868 0.1215579 0.0147963"), strict=True)
    ),
}


@pytest.mark.parametrize("value_set", sorted(PUBLISHED))
def test_the_printed_coefficients_give_every_state_of_the_table(value_set: str) -> None:
    coefficients = PUBLISHED[value_set]
    by_hand = [
        sum((c * Decimal(found[name]) for name, c in coefficients.items()), Decimal(1)) for found in TERMS
    ]
    assert index(value_set) == [float(value) for value in by_hand]
    rounded = [float(value.quantize(Decimal("0.001"), ROUND_HALF_UP)) for value in by_hand]
    assert index(value_set, 3) == rounded


FORMS = {
    "argentina_tto": ["O2", "O3", "Z2", "Z3", "C2sq", "C3sq"],
    "bermuda_tto": [],
    "brazil_tto": ["A2"],
    "canada_tto": ["A2"],
    "chile_tto": ["A2", "C3sq", "X5"],
    "china_tto": ["A2", "A3"],
    "denmark_tto": ["A2"],
    "ecuador_tto": ["A2", "C3sq"],
    "france_tto": ["A3"],
    "hungary_tto": ["A2"],
    "italy_tto": ["D1"],
    "jordan_tto": [],
    "pakistan_tto": [],
    "poland_tto": ["A2"],
    "portugal_tto": ["D1", "I2", "I3sq"],
    "russia_tto": [],
    "singapore_tto": ["A3"],
    "south_korea_tto": ["A2", "A3"],
    "sweden_tto": ["A3"],
    "taiwan_tto": ["A2", "A3"],
    "thailand_tto": ["A2", "A3"],
    "trinidad_and_tobago_tto": ["A2"],
    "tunisia_tto": [],
    "zimbabwe_tto": ["A2"],
    "belgium_vas": ["A2", "A3"],
    "denmark_vas": ["A2"],
    "europe_vas": ["A2", "A3"],
    "finland_vas": ["A2"],
    "iran_vas": ["A2", "I3sq"],
    "malaysia_vas": ["A2", "A3"],
    "new_zealand_vas": ["A2", "A3"],
    "slovenia_vas": ["A2"],
    "spain_vas": ["A2", "A3"],
    "uk_vas": ["A2", "A3"],
}
STATED = {
    "france_tto": {"A3": -0.174},
    "denmark_tto": {"A2": -0.114},
    "italy_tto": {"D1": 0.043},
    "portugal_tto": {"D1": 0.43663, "I2": -0.24028, "I3sq": 0.03358},
    "chile_tto": {"A2": -0.092, "C3sq": 0.027, "X5": -0.049},
    "ecuador_tto": {"A2": 0.03479, "C3sq": -0.02427},
    "iran_vas": {"I3sq": 0.0089},
}


def test_every_value_set_is_checked_by_a_form_of_its_own() -> None:
    special = {"australia_tto", "sri_lanka_tto", "germany_vas"}
    assert set(FORMS) | set(PUBLISHED) | special == set(ALL)


@pytest.mark.parametrize("value_set", sorted(FORMS))
def test_243_values_follow_the_sets_published_form(value_set: str) -> None:
    """With 10 to 16 coefficients behind 243 values, a mistyped value or a swapped column would show."""
    names = [*MAIN, *FORMS[value_set]]
    y = np.array(index(value_set))
    x = np.array([[found[name] for name in names] for found in TERMS])
    coefficients, *_ = np.linalg.lstsq(x, y - y[0], rcond=None)
    four_decimals = np.any(np.abs(y * 1000 - np.round(y * 1000)) > 1e-6)
    assert np.abs(x @ coefficients - (y - y[0])).max() < (7e-5 if four_decimals else 1e-12)
    for name, value in STATED.get(value_set, {}).items():
        assert coefficients[names.index(name)] == pytest.approx(value, abs=2e-5)


def test_germanys_vas_set_is_a_product() -> None:
    names = [*MAIN, "A2"]
    y = np.array(index("germany_vas"))
    x = np.array([[found[name] for name in names] for found in TERMS])
    logs, *_ = np.linalg.lstsq(x, np.log(y), rcond=None)
    assert np.exp(x @ logs) == pytest.approx(y, abs=1e-4)
    assert np.exp(logs[-1]) == pytest.approx(0.9256, abs=1e-4)


def pair(state: tuple[int, ...], a: str, b: str) -> bool:
    return all(state[DIMENSIONS.index(part[:2])] == int(part[2]) for part in (a, b))


def test_sri_lankas_set_has_a_constant_of_0152_and_seven_pair_terms() -> None:
    pairs = [
        (f"{a}{i}", f"{b}{j}")
        for a, b in itertools.combinations(DIMENSIONS, 2)
        for i in (2, 3)
        for j in (2, 3)
    ]
    names = [*MAIN, "A2"]
    y = np.array(index("sri_lanka_tto"))
    x = np.array(
        [
            [f[n] for n in names] + [float(pair(s, *p)) for p in pairs]
            for s, f in zip(STATES, TERMS, strict=True)
        ]
    )
    coefficients, *_ = np.linalg.lstsq(x, y - 1, rcond=None)
    assert np.abs(x @ coefficients - (y - 1)).max() < 1e-12
    assert coefficients[10] == pytest.approx(-0.152)
    assert int((np.abs(coefficients[11:]) > 1e-9).sum()) == 7


def test_australias_set_is_additive_but_for_22_replaced_states() -> None:
    main = dict(
        zip(
            MAIN,
            (-0.068, -0.374, -0.087, -0.267, -0.053, -0.139, -0.068, -0.449, -0.097, -0.397),
            strict=True,
        )
    )
    pairs = dict(
        zip(
            [(f"{a}3", f"{b}3") for a, b in itertools.combinations(DIMENSIONS, 2)],
            (0.064, -0.025, 0.092, 0.013, -0.055, 0.09, 0.105, 0.025, 0.043, 0.185),
            strict=True,
        )
    )
    differ = []
    for state, found, value in zip(STATES, TERMS, index("australia_tto"), strict=True):
        additive_value = 1 - 0.105 * found["A2"] + sum(c * found[name] for name, c in main.items())
        additive_value += sum(c for p, c in pairs.items() if pair(state, *p))
        if abs(additive_value - value) > 6e-4:
            differ.append("".join(map(str, state)))
    assert len(differ) == 22
    assert all("3" in state for state in differ)


@pytest.mark.parametrize(
    ("value_set", "worst", "second_best", "negative", "mean"),
    [
        ("uk_tto", -0.594, 0.883, 84, 0.1368),
        ("us_tto", -0.109, 0.860, 10, 0.3690),
        ("germany_tto", -0.205, 0.999, 24, None),
        ("japan_tto", -0.111, 0.804, 6, None),
        ("spain_tto", -0.654, 0.914, 91, None),
        ("netherlands_2006_tto", -0.329, 0.897, 36, None),
    ],
)
def test_worst_second_best_negative_states_and_mean(
    value_set: str, worst: float, second_best: float, negative: int, mean: float | None
) -> None:
    found = index(value_set, 3)
    assert found[-1] == worst
    assert sorted(found)[-2] == second_best
    assert sum(value < 0 for value in found) == negative
    if mean is not None:
        assert np.mean(index(value_set)) == pytest.approx(mean, abs=5e-5)


@pytest.mark.parametrize(
    ("state", "uk", "us"),
    [
        ("11121", 0.796, 0.827),
        ("21221", 0.691, 0.778),
        ("22222", None, 0.597),
        ("22232", -0.016, 0.308),
        ("12321", 0.329, None),
    ],
)
def test_spot_values(state: str, uk: float | None, us: float | None) -> None:
    at = STATES.index(tuple(map(int, state)))
    assert uk is None or index("uk_tto", 3)[at] == uk
    assert us is None or index("us_tto", 3)[at] == us


def test_a_state_in_full_health_is_one_except_in_swedens_experience_based_set() -> None:
    full = {name: index(name)[0] for name in ALL}
    assert full.pop("sweden_tto") == 0.9694
    assert set(full.values()) == {1.0}


def test_rounding_is_half_away_from_zero_on_the_decimal_value(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("state,a\n1,0.0005\n2,-0.0005\n3,1.0045\n")
    found = values("own.csv", str(tmp_path / "own.yaml"), "a", 3)
    assert found == {1: 0.001, 2: -0.001, 3: 1.005}


def test_a_value_set_without_states_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("profile,a\n1,0.5\n")
    with pytest.raises(InstrumentError, match="no column `state`"):
        columns("own.csv", str(tmp_path / "own.yaml"))


def test_a_value_set_that_holds_words_is_refused(tmp_path: Path) -> None:
    (tmp_path / "words.csv").write_text("state,a\n1,half\n")
    with pytest.raises(InstrumentError, match="is no number"):
        values("words.csv", str(tmp_path / "own.yaml"), "a", None)


def test_a_value_set_that_is_not_there_is_a_file_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="value set cannot be read"):
        columns("absent.csv", str(tmp_path / "own.yaml"))
