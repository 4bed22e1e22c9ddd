"""Pure statistics: arrays (or a data frame) in, small frozen values out.

Nothing here knows a protocol, a file or a plot. Each name below is loaded when it is first used, so that
one method costs one module. No public name is the name of a module: `armwise.stats.x` would be either,
depending on what was imported before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from armwise.stats.agreement import agreement_kappa as agreement_kappa
    from armwise.stats.agreement import agreement_weights as agreement_weights
    from armwise.stats.agreement import gwet_agreement as gwet_agreement
    from armwise.stats.agreement import percent_agreement as percent_agreement
    from armwise.stats.analysis_of_covariance import Ancova as Ancova
    from armwise.stats.analysis_of_covariance import ancova as ancova
    from armwise.stats.analysis_of_covariance import ancova_fit as ancova_fit
    from armwise.stats.anchor import AnchoredChange as AnchoredChange
    from armwise.stats.anchor import anchored_change as anchored_change
    from armwise.stats.association.correlation import detectable_correlation as detectable_correlation
    from armwise.stats.association.correlation import power_correlation as power_correlation
    from armwise.stats.association.correlation import rank_correlation as rank_correlation
    from armwise.stats.association.regression_slope import slopes as slopes
    from armwise.stats.association.three_knot_spline import Spline as Spline
    from armwise.stats.association.three_knot_spline import spline as spline
    from armwise.stats.balance import chance_imbalance as chance_imbalance
    from armwise.stats.balance import distribution_distance as distribution_distance
    from armwise.stats.balance import standardised_difference as standardised_difference
    from armwise.stats.balance import variance_ratio as variance_ratio
    from armwise.stats.baseline_table import TableOne as TableOne
    from armwise.stats.baseline_table import table_one as table_one
    from armwise.stats.detectable import detectable_mean_difference as detectable_mean_difference
    from armwise.stats.detectable import detectable_risk_difference as detectable_risk_difference
    from armwise.stats.detectable import power_mean_difference as power_mean_difference
    from armwise.stats.detectable import power_risk_difference as power_risk_difference
    from armwise.stats.effect_modification import Interaction as Interaction
    from armwise.stats.effect_modification import ancova_interaction as ancova_interaction
    from armwise.stats.effect_modification import difference_of_differences as difference_of_differences
    from armwise.stats.equivalence import Verdict as Verdict
    from armwise.stats.equivalence import verdict as verdict
    from armwise.stats.estimate import Estimate as Estimate
    from armwise.stats.firth import Firth as Firth
    from armwise.stats.firth import firth_logistic as firth_logistic
    from armwise.stats.fisher import fisher_exact as fisher_exact
    from armwise.stats.generalised_estimating_equations import Gee as Gee
    from armwise.stats.generalised_estimating_equations import gee as gee
    from armwise.stats.generalised_estimating_equations import gee_contrast as gee_contrast
    from armwise.stats.imputation.chained import Imputed as Imputed
    from armwise.stats.imputation.chained import impute_chained as impute_chained
    from armwise.stats.imputation.imputed_outcomes import ConditionalMeans as ConditionalMeans
    from armwise.stats.imputation.imputed_outcomes import DrawnOutcomes as DrawnOutcomes
    from armwise.stats.imputation.pooled_arms import pool_arms as pool_arms
    from armwise.stats.imputation.reference_based import conditional_means as conditional_means
    from armwise.stats.imputation.reference_based import impute_outcomes as impute_outcomes
    from armwise.stats.imputation.rubin import Pooled as Pooled
    from armwise.stats.imputation.rubin import PooledVector as PooledVector
    from armwise.stats.imputation.rubin import pool as pool
    from armwise.stats.imputation.rubin import pool_vector as pool_vector
    from armwise.stats.means import Summary as Summary
    from armwise.stats.means import hedges_g as hedges_g
    from armwise.stats.means import mean_interval as mean_interval
    from armwise.stats.means import summary as summary
    from armwise.stats.means import welch as welch
    from armwise.stats.multiplicity import Decision as Decision
    from armwise.stats.multiplicity import bonferroni as bonferroni
    from armwise.stats.multiplicity import fixed_sequence as fixed_sequence
    from armwise.stats.multiplicity import holm as holm
    from armwise.stats.number_needed import NumberNeededToTreat as NumberNeededToTreat
    from armwise.stats.number_needed import number_needed_to_treat as number_needed_to_treat
    from armwise.stats.ordinal import ProportionalOdds as ProportionalOdds
    from armwise.stats.ordinal import proportional_odds as proportional_odds
    from armwise.stats.pairwise import Pairwise as Pairwise
    from armwise.stats.pairwise import better_outcome as better_outcome
    from armwise.stats.permutation import permuted_mean_difference as permuted_mean_difference
    from armwise.stats.propensity_score import Propensity as Propensity
    from armwise.stats.propensity_score import propensity as propensity
    from armwise.stats.proportions import clopper_pearson as clopper_pearson
    from armwise.stats.proportions import mover as mover
    from armwise.stats.proportions import odds_ratio as odds_ratio
    from armwise.stats.proportions import risk_difference as risk_difference
    from armwise.stats.proportions import risk_ratio as risk_ratio
    from armwise.stats.proportions import wilson as wilson
    from armwise.stats.ranks import mann_whitney as mann_whitney
    from armwise.stats.rates import exact_risk as exact_risk
    from armwise.stats.rates import poisson_rate as poisson_rate
    from armwise.stats.rates import rule_of_three as rule_of_three
    from armwise.stats.repeated.contrasts import Contrasts as Contrasts
    from armwise.stats.repeated.contrasts import JointTest as JointTest
    from armwise.stats.repeated.contrasts import contrasts as contrasts
    from armwise.stats.repeated.contrasts import joint_test as joint_test
    from armwise.stats.repeated.cross_products import CrossProducts as CrossProducts
    from armwise.stats.repeated.engines.saved_products import read_cross_products as read_cross_products
    from armwise.stats.repeated.engines.saved_products import save_cross_products as save_cross_products
    from armwise.stats.repeated.engines.streams import Summed as Summed
    from armwise.stats.repeated.engines.streams import products_from as products_from
    from armwise.stats.repeated.fitted import Mmrm as Mmrm
    from armwise.stats.repeated.fitting import mmrm_cross_products as mmrm_cross_products
    from armwise.stats.repeated.fitting import mmrm_wide as mmrm_wide
    from armwise.stats.repeated.formula.by_formula import mmrm as mmrm
    from armwise.stats.repeated.formula.least_squares_means import LsEstimates as LsEstimates
    from armwise.stats.repeated.formula.least_squares_means import lsmeans as lsmeans
    from armwise.stats.repeated.formula.standardisation import Standardised as Standardised
    from armwise.stats.repeated.formula.standardisation import standardised_means as standardised_means
    from armwise.stats.repeated.formula.type_three import TermTests as TermTests
    from armwise.stats.repeated.formula.type_three import term_tests as term_tests
    from armwise.stats.repeated.many.fits import ManyContrasts as ManyContrasts
    from armwise.stats.repeated.many.fits import ManyFits as ManyFits
    from armwise.stats.repeated.many.fits import mmrm_many as mmrm_many
    from armwise.stats.repeated.many.fits import mmrm_many_products as mmrm_many_products
    from armwise.stats.repeated.prediction import Prediction as Prediction
    from armwise.stats.repeated.prediction import fitted_values as fitted_values
    from armwise.stats.repeated.prediction import predict as predict
    from armwise.stats.repeated.prediction import simulate as simulate
    from armwise.stats.repeated.residuals import residuals as residuals
    from armwise.stats.repeated.summary import coefficients as coefficients
    from armwise.stats.replicates import Failed as Failed
    from armwise.stats.replicates import Replicates as Replicates
    from armwise.stats.replicates import replicate as replicate
    from armwise.stats.responder_counts import Responders as Responders
    from armwise.stats.responder_counts import responders as responders
    from armwise.stats.responder_curves import ResponderCurve as ResponderCurve
    from armwise.stats.responder_curves import responder_curve as responder_curve
    from armwise.stats.responder_model import NormalTail as NormalTail
    from armwise.stats.responder_model import normal_tail_risk_difference as normal_tail_risk_difference
    from armwise.stats.sensitivity.delta_shift import DeltaGrid as DeltaGrid
    from armwise.stats.sensitivity.delta_shift import delta_grid as delta_grid
    from armwise.stats.sensitivity.delta_shift import predicted_missing as predicted_missing
    from armwise.stats.sensitivity.delta_shift import shifted_ancova as shifted_ancova
    from armwise.stats.sensitivity.delta_shift import tipping_shift as tipping_shift
    from armwise.stats.sensitivity.e_value import EValues as EValues
    from armwise.stats.sensitivity.e_value import e_value_of as e_value_of
    from armwise.stats.sensitivity.e_value import e_values as e_values
    from armwise.stats.sensitivity.e_value import e_values_of_means as e_values_of_means
    from armwise.stats.sensitivity.e_value import e_values_of_ratio as e_values_of_ratio
    from armwise.stats.sensitivity.imputed_shifts import ShiftedSets as ShiftedSets
    from armwise.stats.sensitivity.imputed_shifts import sets_under_shifts as sets_under_shifts
    from armwise.stats.sensitivity.ratio_of_risks import mover_ratio as mover_ratio
    from armwise.stats.sensitivity.ratio_of_risks import ratio_of_risks as ratio_of_risks
    from armwise.stats.sensitivity.regression_shifts import shifted_regressions as shifted_regressions
    from armwise.stats.sensitivity.tipping_point import Missing as Missing
    from armwise.stats.sensitivity.tipping_point import TippingGrid as TippingGrid
    from armwise.stats.sensitivity.tipping_point import least_favourable as least_favourable
    from armwise.stats.sensitivity.tipping_point import tipping_grid as tipping_grid
    from armwise.stats.sensitivity.unmeasured_confounding import LinearComparison as LinearComparison
    from armwise.stats.sensitivity.unmeasured_confounding import adjusted_for as adjusted_for
    from armwise.stats.sensitivity.unmeasured_confounding import as_strong_as as as_strong_as
    from armwise.stats.sensitivity.unmeasured_confounding import linear_comparison as linear_comparison
    from armwise.stats.sensitivity.unmeasured_confounding import partial_r2 as partial_r2
    from armwise.stats.sensitivity.unmeasured_confounding import robustness_value as robustness_value
    from armwise.stats.sign_flip import sign_flip_mean as sign_flip_mean
    from armwise.stats.weighting.arm_means import ArmMeans as ArmMeans
    from armwise.stats.weighting.comparison import AdjustedComparison as AdjustedComparison
    from armwise.stats.weighting.comparison import mean_comparison as mean_comparison
    from armwise.stats.weighting.comparison import risk_comparison as risk_comparison
    from armwise.stats.weighting.entropy_balancing import balanced_means as balanced_means
    from armwise.stats.weighting.entropy_balancing import many_balanced_means as many_balanced_means
    from armwise.stats.weighting.intervals import ArmEstimates as ArmEstimates
    from armwise.stats.weighting.intervals import means_with_t as means_with_t
    from armwise.stats.weighting.intervals import risks_with_mover as risks_with_mover
    from armwise.stats.weighting.outcome_models import augmented_means as augmented_means
    from armwise.stats.weighting.outcome_models import many_augmented_means as many_augmented_means
    from armwise.stats.weighting.outcome_models import (
        many_standardised_outcomes as many_standardised_outcomes,
    )
    from armwise.stats.weighting.outcome_models import standardised_outcomes as standardised_outcomes
    from armwise.stats.weighting.overlap import overlap_mean_difference as overlap_mean_difference
    from armwise.stats.weighting.overlap import overlap_risk_difference as overlap_risk_difference
    from armwise.stats.weighting.propensity_weights import many_weighted_means as many_weighted_means
    from armwise.stats.weighting.propensity_weights import weighted_means as weighted_means
    from armwise.stats.weighting.score_overlap import ScoreOverlap as ScoreOverlap
    from armwise.stats.weighting.score_overlap import positivity as positivity
    from armwise.stats.weighting.sites import Sites as Sites
    from armwise.stats.weighting.sites import leave_one_site_out as leave_one_site_out
    from armwise.stats.weighting.sites import sites_of as sites_of
    from armwise.stats.weighting.targets import effective_sample_size as effective_sample_size
    from armwise.stats.weighting.targets import overlap_weights as overlap_weights
    from armwise.stats.weighting.targets import weights_to as weights_to

PUBLIC: dict[str, tuple[str, str]] = {
    "Estimate": ("estimate", "one estimate with its interval, p, counts and method"),
    "Summary": ("means", "n, mean, SD, median, quartiles, range"),
    "summary": ("means", "describe one sample"),
    "mean_interval": ("means", "a mean with its t interval"),
    "welch": ("means", "difference of two means, unequal variances"),
    "hedges_g": ("means", "standardised mean difference, pooled SD, corrected for small samples"),
    "Ancova": ("analysis_of_covariance", "differences and LS means of one analysis of covariance"),
    "ancova": ("analysis_of_covariance", "analysis of covariance on a data frame"),
    "ancova_fit": ("analysis_of_covariance", "analysis of covariance on arrays"),
    "mann_whitney": ("ranks", "Hodges-Lehmann shift with Mann-Whitney's interval and p"),
    "rank_correlation": ("association.correlation", "Spearman's or Kendall's correlation with an interval"),
    "detectable_correlation": ("association.correlation", "smallest correlation with a given power"),
    "power_correlation": ("association.correlation", "power of the test of no correlation"),
    "slopes": ("association.regression_slope", "an outcome on one characteristic, alone or beside others"),
    "Spline": ("association.three_knot_spline", "a curve with three knots"),
    "spline": ("association.three_knot_spline", "an outcome on a restricted cubic spline with three knots"),
    "Interaction": ("effect_modification", "a difference between arms by one characteristic"),
    "ancova_interaction": ("effect_modification", "arm by covariate in analysis of covariance"),
    "difference_of_differences": ("effect_modification", "the difference of two subgroups' differences"),
    "wilson": ("proportions", "one risk, Wilson's interval"),
    "clopper_pearson": ("proportions", "one risk, exact interval"),
    "exact_risk": ("rates", "one risk, exact limits on both sides or on one"),
    "rule_of_three": ("rates", "the upper limit of a risk when none of n had the event, 3/n"),
    "poisson_rate": ("rates", "events over person time, exact limits"),
    "permuted_mean_difference": ("permutation", "difference of two means, p and interval by permutation"),
    "risk_difference": ("proportions", "difference of two risks, Newcombe or Miettinen-Nurminen"),
    "risk_ratio": ("proportions", "ratio of two risks, score interval"),
    "odds_ratio": ("proportions", "odds ratio, score interval"),
    "mover": ("proportions", "limits of a difference from the limits of its parts"),
    "agreement_kappa": (
        "agreement",
        "Cohen's kappa of two readings, weighted or not, interval over subjects",
    ),
    "gwet_agreement": ("agreement", "Gwet's AC1 and AC2 of readings, interval over subjects"),
    "percent_agreement": ("agreement", "share of places on which readings agree, interval over subjects"),
    "agreement_weights": ("agreement", "linear and quadratic weights of a pair of categories"),
    "sign_flip_mean": ("sign_flip", "mean change of one group: p and interval by flipping signs"),
    "Gee": ("generalised_estimating_equations", "a fit by generalised estimating equations"),
    "gee": ("generalised_estimating_equations", "a mean model of outcomes that repeat within subjects"),
    "gee_contrast": ("generalised_estimating_equations", "a contrast of its coefficients, t on subjects"),
    "NumberNeededToTreat": ("number_needed", "number needed to treat, to benefit and to harm"),
    "number_needed_to_treat": ("number_needed", "number needed to treat from a risk difference"),
    "mmrm": (
        "repeated.formula.by_formula",
        "mixed model for repeated measures, by formula from a long table",
    ),
    "mmrm_wide": ("repeated.fitting", "the same from wide arrays, the quickest way in"),
    "mmrm_cross_products": ("repeated.fitting", "the same from sums over patterns, without the rows"),
    "mmrm_many": ("repeated.many.fits", "the same for thousands of data sets at once"),
    "mmrm_many_products": ("repeated.many.fits", "the same from many sums over patterns"),
    "ManyContrasts": ("repeated.many.fits", "contrasts of many fits"),
    "ManyFits": ("repeated.many.fits", "fits of one model to many data sets"),
    "Mmrm": ("repeated.fitted", "a fitted model for repeated measures"),
    "CrossProducts": (
        "repeated.cross_products",
        "the sums that a model for repeated measures needs; they add up",
    ),
    "products_from": (
        "repeated.engines.streams",
        "those sums in one pass over a frame, Parquet files or a DuckDB relation",
    ),
    "Summed": ("repeated.engines.streams", "the sums of a pass, and the rows that were left out"),
    "save_cross_products": (
        "repeated.engines.saved_products",
        "write the sums to a file that a site can send",
    ),
    "read_cross_products": ("repeated.engines.saved_products", "read such a file, and refuse a damaged one"),
    "coefficients": (
        "repeated.summary",
        "coefficients with standard errors, degrees of freedom, p, intervals",
    ),
    "Contrasts": ("repeated.contrasts", "contrasts of coefficients with intervals and tests"),
    "contrasts": ("repeated.contrasts", "linear contrasts of a fit, one degree of freedom each"),
    "JointTest": ("repeated.contrasts", "an F test of several contrasts"),
    "joint_test": ("repeated.contrasts", "several contrasts of a fit tested together"),
    "LsEstimates": ("repeated.formula.least_squares_means", "least-squares means, or differences of them"),
    "lsmeans": ("repeated.formula.least_squares_means", "least-squares means of a fit, by visit or averaged"),
    "Standardised": ("repeated.formula.standardisation", "means standardised to the observed covariates"),
    "standardised_means": ("repeated.formula.standardisation", "marginal standardisation of a fit"),
    "residuals": ("repeated.residuals", "residuals of a fit: raw, Pearson, normalised"),
    "fitted_values": ("repeated.prediction", "the model's mean of each subject at each visit"),
    "Prediction": ("repeated.prediction", "predicted outcomes with limits"),
    "predict": ("repeated.prediction", "predictions, marginal or given a subject's observed visits"),
    "simulate": ("repeated.prediction", "draws of outcomes from a fit"),
    "TermTests": ("repeated.formula.type_three", "tests of the terms of a fit"),
    "term_tests": ("repeated.formula.type_three", "type III (or II) tests of the terms of a fit"),
    "replicate": ("replicates", "run a function many times, each with draws of its own"),
    "Replicates": ("replicates", "what became of every replicate"),
    "Failed": ("replicates", "a replicate without a result, and why"),
    "Responders": ("responder_counts", "responders by arm, and each arm against the reference"),
    "responders": ("responder_counts", "compare responders in a data frame"),
    "ResponderCurve": ("responder_curves", "two arms compared at every threshold"),
    "responder_curve": ("responder_curves", "difference in responders at every threshold, simultaneous band"),
    "NormalTail": ("responder_model", "two arms' risks from a normal model of the change"),
    "normal_tail_risk_difference": ("responder_model", "responders without dichotomising, a sensitivity"),
    "AnchoredChange": ("anchor", "the minimal important change by an anchor, and what stands beside it"),
    "anchored_change": ("anchor", "minimal important change by adjusted predictive modelling"),
    "ProportionalOdds": ("ordinal", "two arms compared by the proportional odds model"),
    "proportional_odds": ("ordinal", "odds ratio of a better category, profile interval, Brant's test"),
    "Pairwise": ("pairwise", "probability of a better outcome and win odds"),
    "better_outcome": ("pairwise", "two arms compared pair by pair, Newcombe's interval"),
    "Firth": ("firth", "a penalised logistic regression"),
    "firth_logistic": ("firth", "odds ratios that separation leaves finite, profile intervals"),
    "fisher_exact": ("fisher", "Fisher's exact test, conditional odds ratio"),
    "Imputed": ("imputation.chained", "completed data sets, and how their chains ran"),
    "impute_chained": ("imputation.chained", "multiple imputation by chained regressions, arm by arm"),
    "ConditionalMeans": (
        "imputation.imputed_outcomes",
        "outcomes with conditional means in their gaps, jackknifed",
    ),
    "DrawnOutcomes": ("imputation.imputed_outcomes", "completed sets of outcomes, analysed and pooled"),
    "conditional_means": (
        "imputation.reference_based",
        "conditional-mean imputation of outcomes, reference-based or at random, with the jackknife",
    ),
    "impute_outcomes": (
        "imputation.reference_based",
        "multiple imputation of outcomes on the MMRM, reference-based or at random",
    ),
    "pool_arms": (
        "imputation.pooled_arms",
        "two adjusted arms in many completed data sets made one comparison",
    ),
    "Pooled": ("imputation.rubin", "one estimate of many completed data sets"),
    "PooledVector": (
        "imputation.rubin",
        "several estimates of many completed data sets, with their covariance",
    ),
    "pool": ("imputation.rubin", "Rubin's rules with Barnard and Rubin's degrees of freedom"),
    "pool_vector": ("imputation.rubin", "the same for several estimates, with their covariance"),
    "Propensity": ("propensity_score", "a fitted propensity model"),
    "propensity": ("propensity_score", "probability of the arm given covariates, separation detected"),
    "ArmMeans": ("weighting.arm_means", "two adjusted arm means with their covariance, no interval yet"),
    "AdjustedComparison": ("weighting.comparison", "two arms compared in one target population"),
    "ArmEstimates": ("weighting.intervals", "a difference and its two arms as estimates"),
    "weighted_means": ("weighting.propensity_weights", "arm means under propensity weights to a target"),
    "many_weighted_means": ("weighting.propensity_weights", "the same for many imputations at once"),
    "balanced_means": ("weighting.entropy_balancing", "arm means under entropy-balancing weights"),
    "many_balanced_means": ("weighting.entropy_balancing", "the same for many imputations at once"),
    "standardised_outcomes": ("weighting.outcome_models", "g-computation: arm models averaged over a target"),
    "many_standardised_outcomes": ("weighting.outcome_models", "the same for many imputations at once"),
    "augmented_means": ("weighting.outcome_models", "augmented inverse-probability weighting (AIPW)"),
    "many_augmented_means": ("weighting.outcome_models", "the same for many imputations at once"),
    "ScoreOverlap": ("weighting.score_overlap", "the propensity scores of two arms side by side"),
    "positivity": ("weighting.score_overlap", "whether both arms could have had either treatment"),
    "Sites": ("weighting.sites", "the sites of a study and what they can be compared on"),
    "sites_of": ("weighting.sites", "which sites have both arms, and which carry no comparison"),
    "leave_one_site_out": ("weighting.sites", "an estimate without each site in turn"),
    "means_with_t": ("weighting.intervals", "two means and their covariance made a difference with t"),
    "risks_with_mover": ("weighting.intervals", "two risks and their covariance made a difference by MOVER"),
    "mean_comparison": ("weighting.comparison", "arm means of any estimator made a difference with t"),
    "risk_comparison": ("weighting.comparison", "arm risks of any estimator made a difference by MOVER"),
    "weights_to": ("weighting.targets", "weights to everyone, the treated or the overlap"),
    "overlap_weights": ("weighting.targets", "each subject's probability of the other arm"),
    "effective_sample_size": ("weighting.targets", "Kish's effective sample size"),
    "overlap_mean_difference": (
        "weighting.overlap",
        "overlap-weighted difference of means, stacked sandwich",
    ),
    "overlap_risk_difference": ("weighting.overlap", "overlap-weighted difference of risks, MOVER-Wilson"),
    "standardised_difference": ("balance", "standardised difference of one covariate"),
    "distribution_distance": ("balance", "weighted Kolmogorov-Smirnov distance of a covariate"),
    "variance_ratio": ("balance", "ratio of a covariate's variances"),
    "chance_imbalance": ("balance", "how often chance alone looks like imbalance"),
    "TableOne": ("baseline_table", "Table 1 as values"),
    "table_one": ("baseline_table", "covariates by arm in a data frame, no p"),
    "Decision": ("multiplicity", "what a procedure decided about one hypothesis"),
    "bonferroni": ("multiplicity", "Bonferroni"),
    "holm": ("multiplicity", "Holm's step-down procedure"),
    "fixed_sequence": ("multiplicity", "hypotheses tested in a fixed order"),
    "power_mean_difference": ("detectable", "power of the t test"),
    "power_risk_difference": ("detectable", "power of the z test of two proportions"),
    "detectable_mean_difference": ("detectable", "smallest difference of means with a given power"),
    "detectable_risk_difference": ("detectable", "smallest increase of a risk with a given power"),
    "EValues": ("sensitivity.e_value", "E-values of an estimate and of its nearer limit"),
    "e_value_of": ("sensitivity.e_value", "the E-value of a risk ratio"),
    "e_values": ("sensitivity.e_value", "E-values of a risk ratio and of its nearer limit"),
    "e_values_of_ratio": ("sensitivity.e_value", "the same from an estimate of a risk or odds ratio"),
    "e_values_of_means": ("sensitivity.e_value", "approximate E-values of a difference of means"),
    "mover_ratio": ("sensitivity.ratio_of_risks", "limits of a ratio from the limits of its parts"),
    "ratio_of_risks": ("sensitivity.ratio_of_risks", "the ratio of two adjusted risks, from their intervals"),
    "LinearComparison": (
        "sensitivity.unmeasured_confounding",
        "a linear comparison, strengths of covariates",
    ),
    "linear_comparison": ("sensitivity.unmeasured_confounding", "the same by least squares"),
    "adjusted_for": ("sensitivity.unmeasured_confounding", "an estimate had a confounder been measured"),
    "as_strong_as": ("sensitivity.unmeasured_confounding", "a confounder k times as strong as a covariate"),
    "partial_r2": ("sensitivity.unmeasured_confounding", "partial R2 of a coefficient"),
    "robustness_value": (
        "sensitivity.unmeasured_confounding",
        "the confounding that would overturn an estimate",
    ),
    "Missing": ("sensitivity.tipping_point", "responders observed and answers missing in one arm"),
    "TippingGrid": ("sensitivity.tipping_point", "risk differences under every outcome of the missing"),
    "tipping_grid": ("sensitivity.tipping_point", "the same by Newcombe's interval"),
    "least_favourable": ("sensitivity.tipping_point", "responders placed against a weighted difference"),
    "DeltaGrid": ("sensitivity.delta_shift", "differences of means under shifts of the missing"),
    "delta_grid": ("sensitivity.delta_shift", "the same from any estimator"),
    "shifted_ancova": ("sensitivity.delta_shift", "analysis of covariance, missing outcomes shifted"),
    "predicted_missing": ("sensitivity.delta_shift", "what it predicts for missing outcomes, before a shift"),
    "tipping_shift": ("sensitivity.delta_shift", "the smallest shift that overturns a difference of means"),
    "ShiftedSets": ("sensitivity.imputed_shifts", "a pooled difference by shifts of imputed outcomes"),
    "sets_under_shifts": ("sensitivity.imputed_shifts", "the same from any estimator that is linear"),
    "shifted_regressions": ("sensitivity.regression_shifts", "the same of imputed trials by ANCOVA"),
    "Verdict": ("equivalence", "whether an interval clears a margin"),
    "verdict": ("equivalence", "superiority, non-inferiority or equivalence by an interval"),
}
"""Public name -> (module, meaning in one line)."""

__all__ = sorted(PUBLIC)


def __getattr__(name: str) -> Any:
    """Load a public name from its module when it is first asked for (PEP 562)."""
    if name not in PUBLIC:
        raise AttributeError(f"module 'armwise.stats' has no attribute {name!r}")
    return getattr(import_module(f"armwise.stats.{PUBLIC[name][0]}"), name)


def __dir__() -> list[str]:
    return __all__
