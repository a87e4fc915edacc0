"""A file's names of its inputs are found by their roles, and windows need what they go on from."""

import ast
import re
from contextlib import nullcontext
from pathlib import Path

import keras
import numpy as np
import pytest

from export_helpers import WORK
from keras_ts import save_model
from keras_ts.exporting.formats import FORMATS, _checked, _matched, _present
from keras_ts.forecasting.rollout import _TRIED

NAN = np.nan
ROOT = Path(__file__).parents[2]


def test_every_format_is_tried_with_its_packages_and_has_a_place_on_the_pages():
    """What a row of ``FORMATS`` lacks elsewhere is said nowhere else: tests would be skipped."""
    assert set(FORMATS) == set(_TRIED) == {name for names in WORK.values() for name in names}
    module = ast.parse((ROOT / "noxfile.py").read_text())
    [session] = [part for part in module.body if getattr(part, "name", "") == "exports"]
    calls = (call for call in ast.walk(session) if isinstance(call, ast.Call))
    [installed] = [ast.unparse(call) for call in calls if "install" in ast.unparse(call.func)]
    for backend, names in WORK.items():
        for form in (FORMATS[name] for name in names):
            for package in filter(None, (form.runtime, form.converters.get(backend))):
                assert package in installed, f"noxfile.py, exports: {package}"
    typed = (ROOT / "pyproject.toml").read_text().partition("[[tool.mypy.overrides]]")[2]
    for package in {form.runtime for form in FORMATS.values()}:
        assert f'"{package.replace("-", "_")}.*"' in typed, f"pyproject.toml, mypy: {package}"
    pages = {"docs/use/exporting.md": 2, "docs/use/serving.md": 2, "docs/compare/index.md": 1}
    for page, least in {**pages, "keras_ts/exporting/export.py": 1}.items():
        text = (ROOT / page).read_text().lower().replace("_", "")
        tables = [block for block in text.split("\n\n") if block.startswith("|")]
        for name in FORMATS:
            word = name.removeprefix("tf_").replace("_", "")
            assert sum(word in table for table in tables) >= least, f"{page}: {name}"
    looping = (ROOT / "docs/use/exporting.md").read_text().partition("Past the horizon ")[2]
    names = re.findall(r"`(\w+)`", looping.partition(" hold it")[0])
    assert names == [name for name, reason in _TRIED.items() if reason is None]


@pytest.mark.parametrize("suffix", sorted({form.suffix for form in FORMATS.values()} - {""}))
def test_a_file_for_a_server_is_no_place_for_a_keras_model(suffix, tmp_path):
    model = keras.Sequential([keras.Input((20, 1)), keras.layers.GRU(2)])
    with pytest.raises(ValueError, match=r"must end in \.keras, or name a folder"):
        save_model(model, tmp_path / f"model{suffix}")
    assert not [*tmp_path.iterdir()]


def test_names_are_roles_or_stand_in_their_order():
    assert _matched(["past", "static"], ["static", "past"]) == {"past": "past", "static": "static"}
    assert _matched(["past", "static"], ["a", "b"]) == {"past": "a", "static": "b"}


@pytest.mark.parametrize(
    ("window", "in_one_row", "each"),
    [
        ([[1, 2], [NAN, NAN], [NAN, NAN]], True, True),
        ([[1, NAN], [NAN, NAN], [NAN, 2]], False, True),
        ([[1, NAN], [NAN, 2], [3, NAN]], False, False),
        ([[NAN, NAN], [1, 2], [NAN, NAN]], False, False),
    ],
)
def test_values_to_forecast_from(window, in_one_row, each):
    """Of the rows 0 and 2, which the model reads, and of every window in a batch."""
    tf = pytest.importorskip("tensorflow")
    whole = np.ones((3, 2))
    for one_row, wanted in ((True, in_one_row), (False, each)):
        needed = {"columns": ["b", "a"], "in_one_row": one_row, "every": 2}
        result = _present(tf, tf.constant([whole, window]), ["a", "b"], needed)
        assert bool(result) == wanted


@pytest.mark.parametrize(("one_row", "least"), [(True, "a row with a value"), (False, "a value")])
def test_a_request_without_such_values_says_which_are_needed(one_row, least):
    tf = pytest.importorskip("tensorflow")
    needed = {"columns": ["a", "b"], "in_one_row": one_row, "every": 1}
    entry = {
        "shape": [None, 2, 2], "columns": ["a", "b"], "may_be_missing": ["a", "b"],
        "present": needed,
    }  # fmt: skip
    says = rf"past must have {least} of each of \['a', 'b'\] to forecast from"
    with pytest.raises(tf.errors.InvalidArgumentError, match=says):
        _checked(tf, "past", tf.constant([[[1.0, NAN], [2.0, NAN]]]), entry)
    with pytest.raises(tf.errors.InvalidArgumentError, match=says) if one_row else nullcontext():
        _checked(tf, "past", tf.constant([[[1.0, NAN], [NAN, 2.0]]]), entry)
    _checked(tf, "past", tf.constant([[[NAN, NAN], [1.0, 2.0]]]), entry)
