"""The mixed model for repeated measures, from cross-products: `armwise.stats.mmrm` and what belongs to it.

The order of the walk: `wide` (rows) and `design` (columns) -> `cross_products` (one pass) -> `basis` (rank, orthonormal
columns) -> `start`, `likelihood`, `covariance`, `newton` -> `fitted` -> `satterthwaite`, `kenward_roger`, `robust` ->
`contrasts`. `formula/` makes rows and columns from a formula and a table, `engines/` the sums from what is larger than
memory, `many/` fits thousands of data sets at once.
"""
