"""How fragile a comparison is: what an unmeasured confounder, or the missing answers, would have to be to overturn it.

`e_value` (ratios), `unmeasured_confounding` (linear models), `tipping_point` (missing responders), `delta_grid`
(missing numbers), `ratio_of_risks` (the ratio of two adjusted risks, from which the first starts).
"""
