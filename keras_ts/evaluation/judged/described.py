"""Says on which data forecasters were judged, in plain values that a file keeps."""

import hashlib
from typing import Any

import numpy as np

from keras_ts._typing import IntArray
from keras_ts.evaluation.arithmetic.verdict import Origins
from keras_ts.evaluation.judged.reading import JudgedWindows
from keras_ts.scores.schema import task_of
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


def described(
    judged: JudgedWindows, series: IntArray, flat: IntArray, origins: Origins, fingerprint: str
) -> dict[str, Any]:
    """Describe the data that was judged on, as plain values: counts, ends, fingerprint, task."""
    targets = [flat + judged.ahead[0], flat + judged.ahead[-1]]
    clock = judged.panel.clock
    if clock is None:
        starts = judged.panel.offsets[series]
        first, last = str((targets[0] - starts).min()), str((targets[1] - starts).max())
    else:
        ends = clock.times[targets[0]].argmin(), clock.times[targets[1]].argmax()
        first, last = (clock.written(int(t[e])) for t, e in zip(targets, ends, strict=True))
    return {
        "windows": len(flat),
        "series": origins.num_series,
        "origins": origins.num_times,
        "first": first,
        "last": last,
        "fingerprint": fingerprint,
        **task_of(judged.dataset.windows, judged.panel.columns),
    }
