"""Turn the public NHEFS data (PyPI `causaldata`) into this example's study folder.

Run `pip install "armwise[examples]"`, then `python examples/nhefs/make_data.py`. The tables that it writes are
committed, so nobody needs to run it to analyse the example. Codes become words; no value is changed, and no change
of weight is derived here, because armwise derives it. The squares are here because the published propensity model
has them as terms of their own.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import polars as pl
from causaldata import nhefs

DATA = Path(__file__).parent / "data"
ARMS = {1: "quit", 0: "smoked_on"}
#: The codes of the data set's codebook, as words.
WORDS = {
    "sex": {0: "male", 1: "female"},
    "race": {0: "white", 1: "other"},
    "education": {
        1: "eighth grade or less",
        2: "left high school",
        3: "high school",
        4: "left college",
        5: "college or more",
    },
    "exercise": {0: "much", 1: "moderate", 2: "little or none"},
    "active": {0: "very active", 1: "moderately active", 2: "inactive"},
}
SQUARED = ("age", "cigarettes", "years_smoked", "weight_1971")


def source() -> pd.DataFrame:
    """The 1,629 smokers of 1971 as the package holds them, one row a person."""
    return nhefs.load_pandas().data.sort_values("seqn", ignore_index=True)


def subjects(raw: pd.DataFrame) -> pl.DataFrame:
    """One row a person: arm, and what was known of them in 1971."""
    frame = pl.DataFrame(
        {
            "subject": raw["seqn"].astype(int).to_list(),
            "arm": [ARMS[int(code)] for code in raw["qsmk"]],
            "enrolled": [None] * len(raw),  # the public data have no dates; visits go by their label
            "age": raw["age"].astype(int).to_list(),
            **{name: [words[int(code)] for code in raw[name]] for name, words in WORDS.items()},
            "cigarettes": raw["smokeintensity"].astype(int).to_list(),
            "years_smoked": raw["smokeyrs"].astype(int).to_list(),
            "weight_1971": raw["wt71"].round(2).to_list(),
        }
    )
    return frame.with_columns((pl.col(name) ** 2).round(4).alias(f"{name}_squared") for name in SQUARED)


def weight(raw: pd.DataFrame) -> pl.DataFrame:
    """One row a weighing: 1971 for everybody, 1982 for the 1,566 who were weighed again."""
    rows = [
        (int(seqn), visit, round(float(kg), 8))
        for seqn, first, second in zip(raw["seqn"], raw["wt71"], raw["wt82"], strict=True)
        for visit, kg in (("y1971", first), ("y1982", second))
        if not pd.isna(kg)
    ]
    return pl.DataFrame(rows, schema=["subject", "visit", "kg"], orient="row")


def provenance() -> str:
    """Where the tables come from: real persons, not simulated."""
    return (
        json.dumps(
            {
                "kind": "captured",
                "source": "NHANES I Epidemiologic Follow-up Study, National Center for Health Statistics, public use",
                "package": "causaldata",
                "package_version": version("causaldata"),
                "made_by": "examples/nhefs/make_data.py",
            },
            indent=2,
        )
        + "\n"
    )


def main() -> None:
    """Write every table of `data/`."""
    DATA.mkdir(exist_ok=True)
    raw = source()
    for table in (subjects, weight):
        frame = table(raw)
        frame.write_csv(DATA / f"{table.__name__}.csv", line_terminator="\n")
        print(f"data/{table.__name__}.csv: {frame.height} rows, {frame.width} columns")
    (DATA / "provenance.json").write_text(provenance(), encoding="utf-8")


if __name__ == "__main__":
    main()
