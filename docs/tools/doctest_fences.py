"""Puts fences around the doctests of docstrings, which follow Keras in not indenting them.

Markdown would read an unfenced ``>>>`` as a quote in a quote in a quote. The docstrings
keep Keras's form; only what the site shows of them changes.
"""

import re
from typing import Any

import griffe

_DOCTEST = re.compile(r"^>>> .*\n?(?:^\S.*\n?|^ +\S.*\n?)*", re.MULTILINE)


class DoctestFences(griffe.Extension):
    """Rewrites each docstring as it is collected."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Fence the doctests in the docstring of ``obj``."""
        if obj.docstring:
            obj.docstring.value = _DOCTEST.sub(
                lambda found: f"```pycon\n{found.group().rstrip()}\n```\n",
                obj.docstring.value,
            )
