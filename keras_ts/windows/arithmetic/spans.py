"""Spans: where the targets lie on which a model was trained or calibrated, kept in its file.

A span is the first and the last moment of a series, by a key that tells the series from others.
Keys are digests, so the smallest of them are a random sample of very many series.
"""

from typing import Any

from keras_ts import _checks

Spans = dict[str, list[int]]

# Two parts that share a twentieth of their series almost surely share some of these.
MOST = 100
_LONGEST_KEY = 64


def joined(*parts: Spans | None) -> Spans | None:
    """Return the union of spans, of a sample of series if there are many; None without any."""
    spans: Spans = {}
    for key, (first, last) in (item for part in parts for item in (part or {}).items()):
        earlier, later = spans.get(key, (first, last))
        spans[key] = [min(first, earlier), max(last, later)]
    return dict(sorted(spans.items())[:MOST]) or None


def overlap(some: Spans | None, others: Spans) -> bool:
    """Return True if a series has a moment in both."""
    return any(
        first <= others[key][1] and others[key][0] <= last
        for key, (first, last) in (some or {}).items()
        if key in others
    )


def checked(name: str, spans: Any) -> Spans | None:
    """Return spans from a config, which may come from an untrusted file, or raise an error."""
    if spans is None or isinstance(spans, str):  # Up to 0.2 a digest of all targets.
        return None
    valid = isinstance(spans, dict) and len(spans) <= MOST
    for key, span in spans.items() if valid else ():
        moments = list(span) if isinstance(span, list | tuple) else []
        valid &= isinstance(key, str) and len(key) <= _LONGEST_KEY
        valid &= len(moments) == 2 and all(type(moment) is int for moment in moments)
    if not valid:
        raise TypeError(
            f"{name} must be what calibrate or fine_tune made, or None. Received: "
            f"{name}={_checks.shown(spans)}."
        )
    return {key: list(span) for key, span in spans.items()}
