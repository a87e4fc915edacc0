"""Where the targets of some windows lie, to tell later if a model has seen others."""

import hashlib

import numpy as np

from keras_ts.evaluation.judged.reading import JudgedWindows
from keras_ts.windows.arithmetic.spans import Spans

# By so many of its first rows a series without timestamps is recognized.
_FIRST_ROWS = 8


def spans_of(judged: JudgedWindows) -> Spans:
    """Return the first and the last target of each series, by a digest of its id."""
    panel, first, last = judged.panel, judged.first_targets(), judged.last_targets()
    if first.dtype.kind == "M":
        first, last = first.astype("datetime64[us]"), last.astype("datetime64[us]")
    ends = np.stack([first.astype(np.int64), last.astype(np.int64)], axis=1).tolist()
    spans = {}
    for number in np.unique(judged.ranges.series).tolist():
        name = f"{first.dtype.kind} {judged.labels[number]}".encode()
        if panel.clock is None:
            begin, end = panel.offsets[number : number + 2].tolist()
            rows = panel.values[begin : min(begin + _FIRST_ROWS, end)]
            rows = rows.reshape(len(rows), -1)[:, judged.columns].astype(np.float64)
            name += rows.tobytes()
        spans[hashlib.blake2b(name, digest_size=8).hexdigest()] = ends[number]
    return spans
