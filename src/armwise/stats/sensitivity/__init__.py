"""How fragile a comparison is: what an unmeasured confounder, or the missing answers, would have to be to overturn it.

`e_value` (ratios), `unmeasured_confounding` (linear models), `tipping_point` (missing responders), `delta_shift`
(missing numbers), `imputed_shifts` and `regression_shifts` (the same under an imputation model), `ratio_of_risks`
(the ratio of two adjusted risks, from which the first starts).
"""
