"""The model by a formula and a long table, and what needs the formula: LS means, tests of terms, standardised means."""
