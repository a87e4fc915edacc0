"""Which tests prove the same on any backend: what they test asks models, and computes in NumPy.

The files of these rooms build models of Keras's layers and of ours, fit them, ask them for
forecasts and read their weights, all by Keras's own functions. They hold no line that a backend
runs: no operation on tensors, no layer, no callback, no question of ``keras_ts._backends``.
``tests/test_any_backend.py`` reads that off their sources. What they ask has tests of its own,
which run on every backend: layers, losses, blocks of presets, feeding, loops of forecasts, files.

CI runs these tests on PyTorch by the newest and the oldest Keras, ``pytest`` and ``nox``
everywhere. The examples of docstrings are among them: they show what tests prove.
"""

# Folders of ``tests/``, whose rooms have the same name in ``keras_ts/``.
ROOMS = [
    "command",
    "conversion",
    "evaluation",
    "forecasting",
    "plotting",
    "presets",
    "scale",
    "scores",
    "panel",
]
# What of them runs on every backend. First, of files of ``keras_ts/`` that do more than ask.
ELSEWHERE = {
    # It trains with callbacks of its own.
    "evaluation/tuning.py": ["evaluation/test_fine_tune.py", "evaluation/test_tuning.py"],
    "forecasting/loop.py": [
        "forecasting/test_batches.py",
        "forecasting/test_closed.py",
        "forecasting/test_compiled.py",
        "forecasting/test_forecast.py",
        "forecasting/test_loop.py",
        "forecasting/test_samples.py",
    ],
    "forecasting/rollout.py": ["forecasting/test_rollout.py"],
    # It runs a core on zeros, and what a core passes on.
    "presets/blocks/core.py": ["presets/blocks/"],
}
# Then where what a test expects depends on the backend, and how its models read windows.
BY_BACKEND = [
    "evaluation/score/test_follow.py",
    "presets/regression/test_model.py",
    "presets/test_bounds.py",
    "presets/test_missing_targets.py",
    "presets/test_recipe.py",
    "presets/test_training_windows.py",
    "panel/test_calendar.py",
    # Every preset by its name.
    "presets/test_catalog.py",
]


def is_listed(nodeid):
    """Return True if the test of this id is among them."""
    if nodeid.startswith("keras_ts/"):
        return True
    elsewhere = [*BY_BACKEND, *(file for files in ELSEWHERE.values() for file in files)]
    listed = nodeid.startswith(_below_tests([f"{room}/" for room in ROOMS]))
    return listed and not nodeid.startswith(_below_tests(elsewhere))


def _below_tests(paths):
    return tuple(f"tests/{path}" for path in paths)
