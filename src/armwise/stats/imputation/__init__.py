"""Imputation of missing outcomes and covariates: chained regressions, the mixed model by reference, pooling.

In the order of the two walks. `chained` (`chained_arm`, `normal_draws`, `probit_draws`, `limits`, `chain_means`) fills
in scores and covariates arm by arm. `outcomes`, `marginal_fits`, `strategies`, `conditional_normal` and
`visit_regressions` are the steps of `reference_based`, which fills in one outcome on the mixed model;
`imputed_outcomes` is what it gives. `rubin` makes one estimate of many sets, `pooled_arms` one comparison of adjusted
arms.
"""
