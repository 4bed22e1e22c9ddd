"""Which rows are records, and which only say that a form was not filled in."""

from __future__ import annotations

import polars as pl

from armwise.protocol.known import RESERVED

#: What `status` says of a form that was not filled in: what would stand in it is not known.
NOT_DONE = "not done"


def recorded(table: pl.DataFrame) -> pl.Expr:
    """Whether a row is a record, and not the note that nothing was recorded: `not done`, and no item filled in."""
    if table.schema.get("status") != pl.String:
        return pl.lit(True)
    items = [c for c in table.columns if c not in RESERVED and not c.startswith("_")]
    filled = pl.any_horizontal(pl.col(items).is_not_null()) if items else pl.lit(False)
    return (pl.col("status") != NOT_DONE).fill_null(True) | filled
