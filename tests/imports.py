"""Reads from the package's sources which way its imports run."""

import ast
import graphlib

# A file imports from rows above its own in this list; rooms of one row know nothing of each other,
# but for the files in the first.
ROOMS = [
    [
        "_backends",
        "_checks",
        "_dtypes",
        "_files",
        "_keras_private",
        "_models",
        "_per_window",
        "_progress",
        "_quantiles",
        "_registration",
        "_typing",
        "_version",
    ],
    ["losses", "metrics", "plotting", "datasets"],
    ["panel"],
    ["windows"],
    ["layers"],
    ["interface", "scores"],
    ["presets", "sweep", "saving"],
    ["forecasting"],
    ["exporting"],
    ["evaluation", "checks", "conversion", "scale"],
    ["testing", "baselines", "command"],
    ["__main__"],
]
# The files of these rooms import by the same rule.
WITHIN = {
    "panel": [
        ["rows", "labels", "cycles", "roles"],
        ["frequency"],
        ["settings", "inferring"],
        ["columns", "clock"],
        ["timestamps", "flat_series"],
        ["regular", "frames"],
        ["calendar", "stored", "tables"],
        ["panel"],
    ],
    "windows": [
        ["geometry", "scale"],
        ["sampler"],
        ["spec", "gather"],
        ["origins", "pipelines", "workers"],
        ["split"],
        ["weights"],
        ["source"],
        ["dataset", "blocks"],
        ["cut"],
        ["windowed_series"],
        ["compat", "carried"],
    ],
    "presets": [
        ["recipe", "event_days", "season", "share"],
        ["settings"],
        ["requirements"],
        ["blocks"],
        ["wiring"],
        ["regression"],
        ["initial_fit", "training_windows"],
        ["training"],
        ["gate"],
        ["description"],
        ["catalog"],
    ],
    "exporting": [["description"], ["formats"], ["export"]],
    "evaluation": [
        ["arithmetic"],
        ["judged"],
        ["forecasters"],
        ["report", "judgement"],
        ["judging"],
        ["entries", "tuning", "interval_errors"],
        ["compare", "calibrate"],
        ["backtests", "fine_tune", "importance", "score"],
    ],
    "scale": [["writing"], ["store", "batch_forecaster"], ["__init__"]],
    "sweep": [
        ["suggestion", "session"],
        ["callback"],
        ["find"],
    ],
}


def faults(sources):
    """Return the faults in the imports of some modules.

    Args:
        sources: Sources by the names of their modules, such as
            ``{"keras_ts.windows.spec": "import numpy"}``. The modules of packages end in
            ``.__init__``.
    """
    wrong, graph = [], {}
    for module, source in sources.items():
        if module == "keras_ts.__init__":
            continue
        tree = ast.parse(source)
        top = {id(node) for node in tree.body}
        graph[module] = set()
        for node in ast.walk(tree):
            for name in _imported(node):
                target = name if name in sources else name.rpartition(".")[0]
                if target not in sources:
                    wrong.append(f"{module} imports {name}, which is no module")
                    continue
                graph[module].add(target)
                if id(node) not in top:
                    wrong.append(f"{module} imports {target} out of sight")
                if not _runs_down(module, target):
                    wrong.append(f"{module} imports {target}, which stands above or beside it")
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        wrong.append("circle: " + " -> ".join(error.args[1]))
    return wrong


def _imported(node):
    """Return the full names that a statement imports from the package."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        module = "keras_ts" if node.level else node.module
        names = [f"{module}.{alias.name}" for alias in node.names]
    else:
        return []
    return [name for name in names if name.partition(".")[0] == "keras_ts"]


def _runs_down(module, target):
    (room, *place), (other, *other_place) = (name.split(".")[1:] for name in (module, target))
    if room != other:
        return _row(ROOMS, other) < _row(ROOMS, room) or (room in ROOMS[0] and other in ROOMS[0])
    if room not in WITHIN or place[0] == other_place[0]:
        return True
    return _row(WITHIN[room], other_place[0]) < _row(WITHIN[room], place[0])


def _row(rows, name):
    rows_with = [number for number, row in enumerate(rows) if name in row]
    assert rows_with, f"{name} stands in no row of ROOMS or WITHIN: give it one"
    return rows_with[0]
