"""The protocol's analyses of a study -> results: one table, one row an estimate (docs/results.md).

run            a study -> Results
results        the table, and what travels with it
comparison     the rows of data behind one analysis at one visit
compare        the protocol's analyses, each by its method (means, risks)
multiplicity   the families, and which p-values count
weights        the overlap weights of an analysis
baseline       Table 1
describe       scores and endpoints by visit and arm
flow           participants and questionnaires
detectable     what a study of the planned size can detect
published      figures from outside
manifest       where the results come from
"""
