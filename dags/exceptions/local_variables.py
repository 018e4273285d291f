"""Local variables out of the texts of frames: `name=value`, one a row (native/host/values.c)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from capture.events.batch import Int64


def local_variables(frames: pa.Array) -> tuple[Int64, pa.Array, pa.Array]:
    """(which frame, name, value) of each variable. A frame without any has one entry, with nulls.

    >>> which, names, values = local_variables(pa.array(["x=1\\ny='='", None]))
    >>> which.tolist(), names.to_pylist(), values.to_pylist()
    ([0, 0, 1], ['x', 'y', None], ['1', "'='", None])
    """
    import pyarrow.compute as pc  # noqa: PLC0415 - takes 70 ms to import, and few programs raise anything

    texts = frames.fill_null("")
    rows = pc.split_pattern(texts, "\n")
    which: Int64 = np.repeat(np.arange(len(texts)), np.diff(rows.offsets.to_numpy()))
    changes = rows.flatten()
    names = pc.replace_substring_regex(changes, "(?s)=.*", "")
    values = pc.replace_substring_regex(changes, "(?s)^[^=]*=", "")
    is_none = pc.equal(changes, "")
    nothing = pa.scalar(None, pa.string())
    return which, pc.if_else(is_none, nothing, names), pc.if_else(is_none, nothing, values)
