"""Which tests prove the same on any backend: what they test asks models, and computes in NumPy.

The files of these rooms fit models, ask them for forecasts and read their weights, all by Keras's
own functions, and hold no line that a backend runs: no operation on tensors, no layer, no callback,
no question of ``keras_ts._backends``. ``tests/test_any_backend.py`` reads that off their sources.
CI runs these tests on TensorFlow by the newest Keras and on PyTorch by the oldest, ``pytest`` and
``nox`` everywhere. The examples of docstrings are among them: they show what tests prove.
"""

# Folders of ``tests/``, whose rooms have the same name in ``keras_ts/``.
ROOMS = ["command", "conversion", "evaluation", "plotting", "scale", "scores", "windows/reading"]
# What of them runs on every backend: by file, the file of ``keras_ts/`` that does more than ask.
ELSEWHERE = {
    # Trains with callbacks of its own.
    "evaluation/test_tuning.py": "evaluation/tuning.py",
    "evaluation/test_fine_tune.py": "evaluation/fine_tune.py",
    # What the test expects depends on the backend.
    "evaluation/score/test_follow.py": None,
    "windows/reading/test_calendar.py": None,
}


def is_listed(nodeid):
    """Return True if the test of this id is among them."""
    if nodeid.startswith("keras_ts/"):
        return True
    elsewhere = nodeid.startswith(tuple(f"tests/{file}" for file in ELSEWHERE))
    return nodeid.startswith(tuple(f"tests/{room}/" for room in ROOMS)) and not elsewhere
