"""What families of meter-days learn a risk from."""

from __future__ import annotations

import pandas as pd

from metrify.errors import EmptyTable, OneClass

__all__ = ["lesson"]


def lesson(rows: pd.DataFrame, family: str) -> pd.DataFrame:
    """The rows with a target, by day and meter.

    Raises EmptyTable where no row has a target, OneClass where all have the same.
    """
    found = rows[rows["target"].notna()].sort_values(["local_date", "meter_id"], kind="stable")
    if found.empty:
        raise EmptyTable("READING", "Training wants meter-days whose next day is covered by readings to its end.")
    if found["target"].nunique() < 2:
        all_of_them = "every one" if found["target"].iloc[0] > 0 else "none"
        said = f"of {len(found):,} meter-days {all_of_them} was followed by a day that needs estimation"
        raise OneClass(family, said, "Give it more days or more meters; the rules judge readings without it.")
    return found
