"""Which tests prove the same on every backend: what they run is NumPy alone.

CI runs them on TensorFlow, by the README's command; ``pytest`` and ``nox`` run them everywhere.
"""

# Folders and files below ``tests/``.
BACKEND_FREE = [
    "evaluation/arithmetic/",
    "test_testing.py",
    "windows/arithmetic/",
    "windows/reading/test_clock.py",
    "windows/reading/test_regular.py",
    "windows/reading/test_texts.py",
]


def beginnings():
    """Return the beginnings of the ids of these tests."""
    return tuple(f"tests/{beginning}" for beginning in BACKEND_FREE)
