"""The works behind the methods that a report used: only those, each with the rule that says when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from armwise.analysis.results import Results
from armwise.report.words import Words


@dataclass(frozen=True, slots=True)
class Used:
    """What a report used: names of methods and statistics in its rows, and its study's words."""

    methods: str
    statistics: frozenset[str]
    analyses: frozenset[str]
    words: Words

    @classmethod
    def of(cls, results: Results, words: Words) -> Used:
        """What these results used."""
        table = results.table
        own = table.filter((table["role"] != "external") | table["role"].is_null())
        methods = " | ".join(str(m) for m in own["method"].drop_nulls().unique().sort())
        return cls(
            methods, frozenset(own["statistic"].drop_nulls()), frozenset(own["analysis"].drop_nulls()), words
        )

    def method(self, *names: str) -> bool:
        """Whether a method with one of these names was used."""
        return any(name.lower() in self.methods.lower() for name in names)


@dataclass(frozen=True, slots=True)
class Reference:
    """One work, and when it is cited."""

    citation: str
    when: Callable[[Used], bool]


REFERENCES: Final = (
    Reference(
        "Altman DG. Confidence intervals for the number needed to treat. BMJ 1998;317:1309-1312.",
        lambda u: "number needed to treat" in u.statistics,
    ),
    Reference(
        "Austin PC. Balance diagnostics for comparing the distribution of baseline covariates between treatment groups"
        " in propensity-score matched samples. Stat Med 2009;28:3083-3107.",
        lambda u: "standardised difference" in u.statistics,
    ),
    Reference(
        "Bland JM, Altman DG. Comparisons against baseline within randomised groups are often used and can be highly"
        " misleading. Trials 2011;12:264.",
        lambda u: any(e.kind == "change" for e in u.words.protocol.endpoints.values()),
    ),
    Reference(
        "Des Jarlais DC, Lyles C, Crepaz N. Improving the reporting quality of nonrandomized evaluations of behavioral"
        " and public health interventions: the TREND statement. Am J Public Health 2004;94:361-366.",
        lambda u: u.words.nonrandomised,
    ),
    Reference(
        "Ding P, Li F. A bracketing relationship between difference-in-differences and lagged-dependent-variable"
        " adjustment. Polit Anal 2019;27:605-615.",
        lambda u: "lord" in u.statistics,
    ),
    Reference(
        "Donner A, Zou GY. Closed-form confidence intervals for functions of the normal mean and standard deviation. "
        "Stat Methods Med Res 2012;21:347-359.",
        lambda u: u.method("MOVER"),
    ),
    Reference(
        "Fisher RA. The logic of inductive inference. J R Stat Soc 1935;98:39-82.",
        lambda u: u.method("Fisher"),
    ),
    Reference(
        "Giesbrecht FG, Burns JC. Two-stage analysis based on a mixed model: large-sample asymptotic theory and"
        " small-sample simulation results. Biometrics 1985;41:477-486.",
        lambda u: u.method("Satterthwaite"),
    ),
    Reference(
        "Hedges LV. Distribution theory for Glass’s estimator of effect size and related estimators. J Educ Stat"
        " 1981;6:107-128.",
        lambda u: "hedges g" in u.statistics,
    ),
    Reference(
        "Hodges JL, Lehmann EL. Estimates of location based on rank tests. Ann Math Stat 1963;34:598-611.",
        lambda u: "shift" in u.statistics,
    ),
    Reference(
        "Holm S. A simple sequentially rejective multiple test procedure. Scand J Stat 1979;6:65-70.",
        lambda u: any(f.order == "holm" for f in u.words.protocol.families.values()),
    ),
    Reference(
        "Hopewell S, Chan AW, Collins GS, and others. CONSORT 2025 statement: updated guideline for reporting"
        " randomised trials. BMJ 2025:e081123. doi 10.1136/bmj-2024-081123.",
        lambda u: not u.words.nonrandomised,
    ),
    Reference(
        "International Council for Harmonisation. E9(R1): addendum on estimands and sensitivity analysis in clinical"
        " trials to the guideline on statistical principles for clinical trials. 2019.",
        lambda u: bool(u.words.protocol.estimands),
    ),
    Reference(
        "Kenward MG, Roger JH. Small sample inference for fixed effects from restricted maximum likelihood. Biometrics"
        " 1997;53:983-997.",
        lambda u: u.method("Kenward-Roger"),
    ),
    Reference(
        "Kish L. Survey Sampling. New York: Wiley; 1965.", lambda u: "effective sample size" in u.statistics
    ),
    Reference(
        "Li F, Morgan KL, Zaslavsky AM. Balancing covariates via propensity score weighting. J Am Stat Assoc"
        " 2018;113:390-400.",
        lambda u: u.method("overlap"),
    ),
    Reference(
        "Lord FM. A paradox in the interpretation of group comparisons. Psychol Bull 1967;68:304-305.",
        lambda u: "lord" in u.statistics,
    ),
    Reference(
        "Mallinckrodt CH, Lane PW, Schnell D, Peng Y, Mancuso JP. Recommendations for the primary analysis of"
        " continuous endpoints in longitudinal clinical trials. Drug Inf J 2008;42:303-319.",
        lambda u: u.method("MMRM"),
    ),
    Reference(
        "McCullagh P. Regression models for ordinal data. J R Stat Soc B 1980;42:109-142.",
        lambda u: u.method("proportional odds"),
    ),
    Reference(
        "Newcombe RG. Confidence intervals for an effect size measure based on the Mann-Whitney statistic. Part 2:"
        " asymptotic methods and evaluation. Stat Med 2006;25:559-573.",
        lambda u: u.method("all pairs"),
    ),
    Reference(
        "Terluin B, Eekhout I, Terwee CB. The anchor-based minimal important change, based on receiver operating"
        " characteristic analysis or predictive modeling, may need to be adjusted for the proportion of improved"
        " patients. J Clin Epidemiol 2017;83:90-100.",
        lambda u: u.method("adjusted predictive modelling"),
    ),
    Reference(
        "Mann HB, Whitney DR. On a test of whether one of two random variables is stochastically larger than the other."
        " Ann Math Stat 1947;18:50-60.",
        lambda u: "shift" in u.statistics,
    ),
    Reference(
        "Miettinen O, Nurminen M. Comparative analysis of two rates. Stat Med 1985;4:213-226.",
        lambda u: u.method("Miettinen"),
    ),
    Reference(
        "Newcombe RG. Interval estimation for the difference between independent proportions: comparison of eleven"
        " methods. Stat Med 1998;17:873-890.",
        lambda u: u.method("Newcombe"),
    ),
    Reference(
        "Pham TM, White IR, Kahan BC, Morris TP, Stanworth SJ, Forbes G. A comparison of methods for analyzing a binary"
        " composite endpoint with partially observed components in randomized controlled trials. Stat Med"
        " 2021;40:6634-6650. doi 10.1002/sim.9203.",
        lambda u: any(e.of for e in u.words.protocol.endpoints.values()),
    ),
    Reference(
        "Von Elm E, Altman DG, Egger M, and others. The Strengthening the Reporting of Observational Studies in"
        " Epidemiology (STROBE) statement: guidelines for reporting observational studies. Lancet 2007;370:1453-1457.",
        lambda u: u.words.nonrandomised,
    ),
    Reference(
        "Welch BL. The generalization of ‘Student’s’ problem when several different population variances are involved. "
        "Biometrika 1947;34:28-35.",
        lambda u: u.method("Welch"),
    ),
    Reference(
        "Wilson EB. Probable inference, the law of succession, and statistical inference. J Am Stat Assoc"
        " 1927;22:209-212.",
        lambda u: u.method("Wilson"),
    ),
    Reference(
        "Yang D, Dalton JE. A unified approach to measuring the effect size between two groups using SAS. SAS Global"
        " Forum 2012, paper 335-2012.",
        lambda u: u.method("Yang and Dalton"),
    ),
)


def used(results: Results, words: Words) -> tuple[str, ...]:
    """The citations of the methods that these results used, in alphabetical order."""
    found = Used.of(results, words)
    return tuple(sorted(r.citation for r in REFERENCES if r.when(found)))
