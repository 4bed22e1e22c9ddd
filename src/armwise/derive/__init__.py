"""Tables -> scores -> endpoints: what analyses start from.

scores       one row a subject, visit and score
endpoints    one row a subject, visit and endpoint
covariates   one row a subject
populations  analysis sets, intercurrent events, missing outcomes
reasons      which reasons may be shown
derived      all of it together
"""
