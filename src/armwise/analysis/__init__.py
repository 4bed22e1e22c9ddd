"""The protocol's analyses of a study -> results: one table, one row an estimate (docs/results.md).

The whole:
run                  a study -> Results
results              the table, and what travels with it
manifest             where the results come from
planned              pre-specified or post hoc: each analysis against the locked plan

The analyses that the protocol declares:
compare              each by its method
comparison           the rows of data behind one analysis at one visit
means, risks, ordinal, mixed_model   the rows of a method
adjusted             arms that were chosen, compared in a target population
weights              the weights of the primary analysis, for Table 1
repeated             who enters a model of all visits, and its fit
crowding             too many covariates for the patients, or some that do not vary
unlike_arms          where arms differ too much in size and in SD for one covariance
imputation           missing scores drawn, and the outcomes that follow from them
model_imputation     outcomes of all visits drawn on one model, or by reference to the other arm
within_sites, sites  arms compared within site; the result without each site
multiplicity         the families, and which p-values count

What could overturn them:
overlap              propensity scores side by side
fragility            unmeasured confounders, E-values, bounds
negative_control     outcomes that the treatment cannot touch
missing_answers, shifted_answers   what the missing answers would have to be
intercurrent_events  how many had each

What else was measured:
baseline             Table 1
flow                 participants and questionnaires
describe             scores and endpoints by visit and arm
thresholds           responders by several thresholds, and at every one
repeated_responders  responders over several visits in one model
anchor               the minimal important change by the patients' own rating
effect_modification  interactions
associations, measures   associations within an arm, and what they are with
cell_product         what was injected
exposure             care, medication and procedures
medication           opioids at each visit
imaging, imaging_agreement   shifts of grades; agreement of readers
safety               adverse events
detectable           what a study of the planned size can detect
published            figures from outside
"""
