"""What a state replaced, without its text standing on the disk twice.

Most values that a segment's states replace stand in the same segment, as `new` of an earlier row. There `old` is null
and OLD_ROWS_BACK says how many rows before; 0 means that `old` itself tells. Half of the time of sealing went into
texts, a third of it into these. Counted backwards, so that segments are merged by laying them end to end.

>>> states = {"old": ["a", None, None], "new": ["b", "c", None], OLD_ROWS_BACK: [0, 1, 0]}
>>> completed(pa.table(states))["old"].to_pylist()
['a', 'b', None]
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from capture.errors import FormatError

OLD_ROWS_BACK = "old_rows_back"


def completed(states: pa.Table) -> pa.Table:
    """The rows with every `old` in its place, and without the column that said where.

    Raises: FormatError when a row points before the first one.
    """
    at = states.schema.get_field_index(OLD_ROWS_BACK)
    if at < 0:
        return states
    back = np.asarray(states[OLD_ROWS_BACK].fill_null(0)).astype(np.int64)
    states = states.remove_column(at)
    rows = np.arange(len(back))
    if (back < 0).any() or (back > rows).any():
        raise FormatError("A row of states points to a value that is not there.")
    if not back.any():
        return states
    old, new = (states[name].combine_chunks() for name in ("old", "new"))
    places = np.where(back > 0, rows - back, len(rows) + rows)
    told = pa.concat_arrays([new, old.cast(new.type)]).take(pa.array(places))
    return states.set_column(states.schema.get_field_index("old"), "old", told)
