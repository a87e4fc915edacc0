"""The package keeps its promises: names, registration, and a cheap, clean import."""

import inspect
import itertools
import json
import re
import sys
from operator import attrgetter
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import keras
import pytest

import api_index
import keras_ts
import keras_ts.scale
import pages
from helpers import BACKEND, run_fresh
from imports import faults
from keras_ts import scale
from keras_ts._typing import FitArguments
from keras_ts.evaluation.forecasters.baselines import Baseline, default_baselines
from keras_ts.exporting import formats
from keras_ts.layers import plumbing
from keras_ts.layers.normalize_window import STATISTICS
from keras_ts.panel.settings import HANDLING
from keras_ts.presets.settings import CELLS, PresetOverrides, PresetSettings
from keras_ts.sweep import callback, suggestion
from keras_ts.windows.spec import WindowSettings, WindowSpec
from registered import REGISTERED

IMPORT = """
import json, sys, keras
def new():
    return sorted(set(sys.modules) - before)
before = set(sys.modules)
import keras_ts
import keras_ts.scale
ours = new()
import hypothesis
print(json.dumps([ours, new()]))
"""


@pytest.mark.parametrize("name", REGISTERED)
def test_registered_names_are_frozen(name):
    item = REGISTERED[name]()
    stored = json.loads(json.dumps(keras.saving.serialize_keras_object(item), allow_nan=False))
    assert stored["registered_name"] == name
    assert stored["module"] == "keras_ts"
    again = keras.saving.deserialize_keras_object(stored)
    assert type(again) is type(item)
    assert json.dumps(again.get_config()) == json.dumps(item.get_config())


def test_nothing_else_is_registered():
    ours = {name for name in keras.saving.get_custom_objects() if name.startswith("keras_ts>")}
    assert ours == set(REGISTERED)


def test_public_names():
    """Layers, losses, metrics and baselines stand in modules of their own, all of them."""
    registered = {type(make()) for make in REGISTERED.values()}
    for module, base in (
        (keras_ts.layers, keras.layers.Layer),
        (keras_ts.losses, keras.losses.Loss),
        (keras_ts.metrics, keras.metrics.Metric),
        (keras_ts.baselines, Baseline),
    ):
        listed = {getattr(module, name) for name in module.__all__}
        assert sorted(module.__all__) == module.__all__
        assert all(issubclass(item, base) for item in listed)
        ours = {cls for cls in registered if issubclass(cls, base)}
        # The layers that presets alone are wired of stand in a file, and in no list.
        wiring = {cls for cls in ours if cls in vars(plumbing).values()}
        assert not wiring & listed
        assert ours - wiring - {keras_ts.Rollout} <= listed
    assert sorted(keras_ts.__all__) == keras_ts.__all__
    assert len(keras_ts.__all__) <= 45
    for name in keras_ts.__all__:
        assert getattr(keras_ts, name) is not None


MODULES = ["baselines", "datasets", "layers", "losses", "metrics"]


def test_dir_shows_public_names_alone():
    """A notebook completes by it."""
    assert dir(keras_ts) == sorted([*keras_ts.__all__, *MODULES])
    for module in (keras_ts.layers, keras_ts.losses, keras_ts.metrics, keras_ts.baselines):
        assert dir(module) == module.__all__


def test_at_most_75_names_are_public():
    """Those of modules that are imported by their own names, too."""
    modules = [keras_ts, *(getattr(keras_ts, name) for name in MODULES), keras_ts.scale]
    names = {name for module in modules for name in module.__all__} - {"__version__"}
    names |= {"check_windowing", "reference_windows"}
    names |= {"panels", "series", "windowed_series"}
    assert len(names) <= 75


def test_all_baselines_are_public():
    """With a period, every model is judged beside all of them; totals have one more."""
    by_default = {type(baseline) for baseline in default_baselines(2)}
    assert by_default == {getattr(keras_ts.baselines, name) for name in keras_ts.baselines.__all__}


def literals(annotation):
    """Return the words that an annotation allows, in a set, without None."""
    words = get_args(annotation)
    inner = [get_args(word) for word in words if get_origin(word) is Literal]
    return set(inner[0] if inner else words)


@pytest.mark.parametrize(
    ("annotation", "table"),
    [
        (get_type_hints(PresetSettings)["cell"], {*CELLS, "linear"}),
        (get_type_hints(PresetSettings)["window_norm"], STATISTICS),
        (get_type_hints(WindowSpec)["missing"], HANDLING),
        (formats.Format, formats.FORMATS),
        (callback.Rule, suggestion.RULES),
    ],
    ids=["cell", "window_norm", "missing", "format", "rule"],
)
def test_types_list_what_the_tables_hold(annotation, table):
    """A type checker reads the words of a ``Literal`` from the source alone."""
    assert literals(annotation) == set(table)


@pytest.mark.parametrize(
    ("table", "callers", "argument", "page"),
    [
        (STATISTICS, ["layers.NormalizeWindow"], "statistic", "models/normalizing.md"),
        (STATISTICS, ["RecurrentPreset"], "window_norm", "models/normalizing.md"),
        (HANDLING, ["WindowedSeries"], "missing", "data/missing.md"),
        (formats.FORMATS, ["export_model"], "format", "use/exporting.md"),
    ],
    ids=["statistic", "window_norm", "missing", "format"],
)
def test_what_the_tables_hold_is_told_where_people_look_for_it(table, callers, argument, page):
    """In the argument's paragraph of the docstring, and in a row of a table on the page."""
    rows = (pages.ROOT / "docs" / page).read_text()
    for name, caller in itertools.product(table, callers):
        told = attrgetter(caller)(keras_ts).__doc__.partition(f"\n        {argument}: ")[2]
        assert f'``"{name}"``' in re.split(r"\n {,8}\S", told)[0], f"{caller}: {name}"
        assert re.search(rf'^\| `"?{name}"?`', rows, re.M), f"docs/{page}: {name}"


@pytest.mark.parametrize(
    ("keywords", "settings", "without"),
    [
        (WindowSettings, WindowSpec, {"_", "horizon", "targets", "window"}),
        (PresetOverrides, PresetSettings, {"_"}),
    ],
)
def test_keywords_that_editors_complete_are_the_settings(keywords, settings, without):
    """``window`` may also be None, for that of the recipe."""
    by_keyword, fields = get_type_hints(keywords), get_type_hints(settings)
    by_keyword.pop("window", None)
    assert by_keyword == {name: fields[name] for name in fields if name not in without}


def test_arguments_of_fit_are_those_of_keras():
    of_keras = inspect.signature(keras.Model.fit).parameters
    left_out = {"self", "x", "y", "batch_size", "sample_weight", "validation_split"}
    assert set(get_type_hints(FitArguments)) == set(of_keras) - left_out


def test_help_shows_and_explains_all_arguments():
    """``help`` shows what ``__new__`` takes if a class has its own, as Keras's layers do."""
    modules = [keras_ts, *(getattr(keras_ts, name) for name in MODULES), keras_ts.scale]
    public = [getattr(module, name) for module in modules for name in module.__all__]
    signatures = {item: inspect.signature(item) for item in public if callable(item)}
    assert len(signatures) > 60
    hidden = [item for item, of in signatures.items() if str(of).startswith("(*")]
    assert [item for item in hidden if inspect.isclass(item)] == []
    del signatures[keras_ts.WindowDataset]  # People get one from ``WindowedSeries``.
    for item, of in signatures.items():
        for name in of.parameters:
            assert re.search(rf"^ +[*]*{name}: ", item.__doc__, re.MULTILINE), (item, name)


def test_the_examples_of_files_in_all_folders_are_executed():
    """``conftest.py`` names the folders by their depth."""
    package, tests = Path(keras_ts.__file__).parent, Path(__file__).parent.parent / "conftest.py"
    patterns = re.findall(r'"keras_ts/([*/]*)\*\.py"', tests.read_text())
    depths = {len(path.relative_to(package).parents) - 1 for path in package.rglob("*.py")}
    assert {pattern.count("/") for pattern in patterns} >= depths


def test_every_public_name_has_a_page():
    folder = Path(__file__).parent.parent / "docs" / "api"
    pages = "\n".join(path.read_text() for path in folder.glob("*.md"))
    documented = set(re.findall(r"^::: ([\w.]+)$", pages, re.MULTILINE))
    public = {f"keras_ts.{name}" for name in keras_ts.__all__ if name in vars(keras_ts)}
    at_the_top = {getattr(keras_ts, name) for name in keras_ts.__all__}
    for module in (
        keras_ts.layers, keras_ts.losses, keras_ts.metrics, keras_ts.baselines, keras_ts.datasets,
        keras_ts.scale,
    ):  # fmt: skip
        others = (name for name in module.__all__ if getattr(module, name) not in at_the_top)
        public |= {f"{module.__name__}.{name}" for name in others}
    public |= {f"keras_ts.scale.{name}" for name in scale.__all__}
    # The rest are reports, on the pages of the functions that return them.
    assert public - documented == {"keras_ts.__version__"}
    assert all(
        name.endswith(("Report", "ReloadDifference", "Scorecard")) for name in documented - public
    )


def test_the_index_of_the_api_has_a_line_for_every_page():
    """If it fails, run docs/tools/api_index.py."""
    written = (api_index.ROOT / api_index.INDEX).read_text()
    assert written == api_index.index()
    pages = {path.name for path in (api_index.ROOT / "docs/api").glob("*.md")} - {"index.md"}
    assert pages == set(re.findall(r"\((\w+\.md)#keras_ts\.", written))


PICKLED = """
import pickle, sys
import keras_ts
for name in sys.argv[1:]:
    # What pickle writes for an object whose class says module keras_ts, whatever file it is in.
    cls = pickle.loads(f"ckeras_ts\\n{name}\\n.".encode())
    assert (cls.__name__, pickle.loads(pickle.dumps(cls))) == (name, cls), name
    assert name in keras_ts.__all__ or name not in dir(keras_ts), name
try:
    keras_ts.no_such_name
except AttributeError as error:
    print(error)
"""


def test_pickles_that_name_the_package_load_in_a_fresh_process():
    """Classes that left the top of the package are still found there, though listed nowhere."""
    names = [name.removeprefix("keras_ts>") for name in REGISTERED]
    assert set(names) - set(keras_ts.__all__)
    assert "has no attribute 'no_such_name'" in run_fresh(PICKLED, *names)


def test_the_backend_is_the_one_asked_for():
    assert keras.config.backend() == BACKEND


def test_import_brings_only_our_own_modules():
    """The same process imports another module afterwards, to show that the test can fail."""
    alone, with_another = json.loads(run_fresh(IMPORT).splitlines()[-1])
    unwanted = {"tensorflow", "jax", "torch", "matplotlib", "pandas", "polars", "hypothesis",
                "narwhals", "grain", "statsmodels", "ray", "pyspark"}  # fmt: skip
    assert "keras_ts" in alone
    assert not unwanted & {name.split(".")[0] for name in alone}
    assert unwanted & {name.split(".")[0] for name in with_another} == {"hypothesis"}


@pytest.mark.skipif(BACKEND == "tensorflow", reason="TensorFlow is the backend")
def test_no_tensorflow_on_other_backends():
    loaded = run_fresh("import sys, keras_ts\nprint('tensorflow' in sys.modules)")
    assert loaded.strip() == "False"


def package_sources():
    folder = Path(keras_ts.__file__).parent
    paths = {path: path.relative_to(folder.parent).with_suffix("") for path in folder.rglob("*.py")}
    return {".".join(name.parts): path.read_text() for path, name in paths.items()}


def test_imports_run_one_way():
    """``imports`` has the rows. No import hides in a function or under TYPE_CHECKING."""
    sources = package_sources()
    assert len(sources) > 50
    assert faults(sources) == []


@pytest.mark.parametrize(
    ("module", "statement", "says"),
    [
        ("keras_ts.windows.spec", "from keras_ts.layers.scale_output import ScaleOutput", "above"),
        ("keras_ts.presets.recipe", "from keras_ts.saving import load", "beside it"),
        ("keras_ts.windows.spec", "import keras_ts.windows.dataset", "above"),
        (
            "keras_ts.panel.flat_series",
            "from keras_ts.windows.split import parts",
            "above",
        ),
        ("keras_ts.windows.spec", "if TYPE_CHECKING:\n    import keras_ts._checks", "out of sight"),
        ("keras_ts.windows.spec", "def f():\n    from keras_ts import _checks", "out of sight"),
        ("keras_ts.saving.archive", "from keras_ts.saving.load import load_model", "circle: "),
        ("keras_ts._checks", "from keras_ts import forecast", "no module"),
    ],
)
def test_the_test_of_imports_can_fail(module, statement, says):
    sources = package_sources()
    sources[module] += "\n" + statement
    assert any(says in fault for fault in faults(sources))


MIRRORED = [
    "checks", "conversion", "evaluation", "exporting", "layers", "panel", "saving", "scale",
    "scores", "sweep", "windows",
]  # fmt: skip


def untested(modules, tests):
    """Return the modules without a test file of their own, in the same place under tests/."""
    mirrored = [path.with_name(f"test_{path.name}") for path in modules if path.stem != "__init__"]
    return sorted(str(path) for path in set(mirrored) - set(tests))


def test_tests_mirror_the_code():
    folders = Path(keras_ts.__file__).parent, Path(__file__).parent
    modules, tests = [
        [path.relative_to(folder) for room in MIRRORED for path in (folder / room).rglob("*.py")]
        for folder in folders
    ]
    assert len(modules) > 60
    assert untested(modules, tests) == []
    tests.remove(Path("panel/test_flat_series.py"))
    assert untested(modules, tests) == ["panel/test_flat_series.py"]


def absent(tables):
    """Return the paths in CONTRIBUTING's tables, and the names in files, that do not exist."""
    package, root = Path(keras_ts.__file__).parent, pages.ROOT
    rows = re.findall(r"^\| (.*?) \| (.*?) \|$", tables, re.MULTILINE)
    rooms, changes = (
        rows[: rows.index(("to add", "change"))],
        rows[rows.index(("to add", "change")) :],
    )
    missing = []
    for names, _ in rooms:
        # A folder before the names that lie in it.
        folder = (re.match(r"`([\w/]+/)` `", names) or ["", ""])[1]
        names = re.findall(r"`([\w/]+)`", names.removeprefix(f"`{folder}` " if folder else ""))
        missing += [
            folder + name
            for name in names
            if not any((package / (folder + name + end)).exists() for end in ("", ".py"))
        ]
    for path in re.findall(r"`([\w/]+(?:/|\.py|\.md))`", " ".join(map(" ".join, changes))):
        # The last names of a path are enough where it is clear.
        ends = [*package.rglob(path.rstrip("/")), *root.glob(path)]
        missing += [] if ends else [path]
    # A name before the file that holds it, as "`RULES` in `frequency.py`".
    for name, path in re.findall(r"`(\w+)` (?:of|in) `([\w/]+\.py)`", tables):
        texts = [file.read_text() for file in (*package.rglob(path), *root.glob(path))]
        missing += [] if any(name in text for text in texts) else [f"{name} in {path}"]
    return missing


def test_contributing_names_files_that_exist():
    text = (pages.ROOT / "CONTRIBUTING.md").read_text()
    assert absent(text) == []
    text = text.replace("`compat`", "`compat`, `pad`")
    text = text.replace("`frames.py`", "`frames.py`, `padding.py`", 1)
    assert absent(text) == ["windows/pad", "padding.py"]
    assert absent(text.replace("`RULES` in", "`RULE_S` in"))[2:] != []


class Column:
    """A column of a library that is neither pandas nor polars."""

    columns = ("x",)

    def to_numpy(self):
        return None


@pytest.mark.parametrize(
    ("package", "call"),
    [
        ("matplotlib", lambda: keras_ts.plot_series([1.0, 2.0])),
        ("narwhals", lambda: keras_ts.plot_forecast(Column(), Column())),
        ("narwhals", lambda: keras_ts.WindowedSeries(3).build(Column())),
        ("narwhals", lambda: keras_ts.calendar_features(Column(), ["day"])),
        ("grain", lambda: keras_ts.WindowedSeries(3).build(range(9)).to_grain()),
    ],
)
def test_the_error_of_a_missing_package_names_the_package(monkeypatch, package, call):
    """No index has this package yet, so its extras cannot be installed by name."""
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"pip install {package}\b") as caught:
        call()
    assert "keras-ts" not in str(caught.value)
