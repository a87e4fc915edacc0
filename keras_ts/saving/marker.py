"""The line in a model card by which ``save_model`` recognizes a card of its own.

It holds a digest of all other lines, so a card that somebody changed is not replaced.
"""

import hashlib
import re
from collections.abc import Sequence

_MARKER = (
    "<!-- keras_ts.save_model wrote this card (digest {}), and replaces it only while nothing in "
    "it is changed. -->"
)
# Cards without a digest count, too.
_LINE = re.compile(r"^<!-- keras_ts\.save_model wrote this card.*-->\n", re.MULTILINE)


def marked(head: Sequence[str], body: Sequence[str]) -> str:
    """Return the text of a card, with the marker between the lines of its head and its body."""
    marker = _MARKER.format(_digest("\n".join([*head, *body])))
    return "\n".join([*head, marker, *body])


def is_marked(text: str) -> bool:
    """Return True if ``save_model`` wrote the card, whoever may have changed it since."""
    return _LINE.search(text) is not None


def is_unchanged(text: str) -> bool:
    """Return True if ``save_model`` wrote the card, and every line is still as it was."""
    marker = _LINE.search(text)
    if marker is None:
        return False
    rest = text[: marker.start()] + text[marker.end() :]
    return marker.group() == _MARKER.format(_digest(rest)) + "\n"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
