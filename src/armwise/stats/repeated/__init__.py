"""The mixed model for repeated measures, from cross-products: `armwise.stats.mmrm` and what belongs to it.

The order of the files is the order of the walk: `wide` (rows) and `design` (columns) -> `cross_products` (one pass)
-> `basis` (rank, orthonormal columns) -> `start`, `likelihood`, `covariance`, `newton` -> `fitted` -> `contrasts`.
"""
