"""Association within one group: slopes, curves, rank correlations. Nothing here was assigned to anybody."""
