"""Files made to mislead, damage or break in: refused clearly, or harmless; nothing runs."""

import itertools
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import forks
import malicious_files
from helpers import BACKEND
from keras_ts import ScaleOutput, load_model, migrate_lambdas
from registered import REGISTERED

# These files are as good as the one that they were made from.
# A scorecard of plain values is read when somebody asks for it.
HARMLESS = ("no settings", "metadata no layers", "scorecard")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "good.keras"
    return path, malicious_files.base_model(path)


@pytest.fixture(scope="module")
def corpus(good, tmp_path_factory):
    """The whole corpus, and what came of each file in a process of its own."""
    folder = tmp_path_factory.mktemp("corpus")
    names = malicious_files.build(good[0], folder)
    (folder / "good").mkdir()
    # The first file that is opened imports much; the memory of that is nobody's fault.
    for suffix in ("keras", "h5"):
        keras.saving.load_model(good[0]).save(folder / "good" / f"good.{suffix}")
    modules = tmp_path_factory.mktemp("modules")
    (modules / "evil_module.py").write_text(malicious_files.EVIL_MODULE)
    mark, results = modules / "mark", modules / "results.json"
    path = os.pathsep.join([str(modules), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {
        **os.environ,
        "KERAS_BACKEND": BACKEND,
        "PYTHONPATH": path,
        malicious_files.MARK: str(mark),
        malicious_files.RESULTS: str(results),
    }
    source = Path(malicious_files.__file__).read_text()
    ran = forks.run(source, [folder], environment)
    assert ran.returncode == 0, ran.stderr[-3000:]
    found = json.loads(results.read_text())
    assert sorted(found) == sorted(names)
    return found, mark, environment


def test_nothing_ran(corpus):
    found, mark, _ = corpus
    assert not mark.exists()
    assert {name: result["calls"] for name, result in found.items() if result["calls"]} == {}


def test_the_mark_can_be_left(corpus):
    """The payload, the module and the hook would have told."""
    environment = corpus[2]
    trials = [
        "import evil_module",
        "import base64, malicious_files, marshal, types; "
        "code = marshal.loads(base64.b64decode(malicious_files.payload())); "
        "types.FunctionType(code, globals())(1)",
    ]
    for trial in trials:
        subprocess.run(
            [sys.executable, "-c", trial],
            env={**environment, "PYTHONPATH": os.pathsep.join(
                [environment["PYTHONPATH"], str(Path(malicious_files.__file__).parent)])},
            check=True,
        )  # fmt: skip
        mark = Path(environment[malicious_files.MARK])
        assert mark.exists()
        mark.unlink()
    assert malicious_files.noted("import", ("evil_module",)) == "import evil_module"
    assert malicious_files.noted("os.system", ("true",)) == "os.system"


def test_every_file_is_refused_or_harmless(corpus, good, capsys):
    found, truth, counts = corpus[0], good[1], {"refused": 0, "harmless": 0}
    wrong = {}
    for name, result in found.items():
        loaded = result["load_model"]
        if isinstance(loaded, str):
            counts["refused"] += 1
            clear = loaded.startswith("ValueError: '") and loaded.count("\n") < 5
            if not clear or len(loaded) > 1000:
                wrong[name] = loaded
        elif any(word in name for word in HARMLESS) and np.allclose(loaded, truth, rtol=1e-5):
            counts["harmless"] += 1
        else:
            wrong[name] = loaded
        if not isinstance(result["scorecard"], str):
            wrong[f"{name}, scorecard"] = "opened"
        for way in ("migrate_lambdas", "load_windows", "scorecard"):
            said = result[way]
            if isinstance(said, str) and (said.startswith("ESCAPED") or len(said) > 1000):
                wrong[f"{name}, {way}"] = said
        if not isinstance(result["migrate_lambdas"], str):
            wrong[f"{name}, migrate_lambdas"] = "opened"
    assert wrong == {}
    with capsys.disabled():
        sys.stdout.write(f"\nmalicious files: {len(found)}, of which {counts} by load_model\n")
    assert len(found) > 250


def test_memory(corpus):
    most = {name: result["megabytes"] for name, result in corpus[0].items()}
    assert max(most.values()) <= 200, sorted(most.items(), key=lambda item: -item[1])[:5]


def test_a_payload_does_not_run_when_its_lambda_is_replaced(good, tmp_path, monkeypatch):
    monkeypatch.setenv(malicious_files.MARK, str(tmp_path / "mark"))
    files = malicious_files.Corpus(good[0], tmp_path)
    malicious_files.with_code(files)
    tried = [name for name in files.names if name.startswith("lambda") and "ScaleOutput" in name]
    for name in tried:
        if "keras_ts_ExpandSeries" in name:
            continue  # Says two things about what it is, and is refused above.
        model = migrate_lambdas(tmp_path / name, {"ScaleOutput": ScaleOutput(100.0)})
        x = malicious_files.inputs(np)
        np.testing.assert_allclose(model.predict(x, verbose=0), good[1], rtol=1e-5, atol=1e-6)
    assert len(tried) == 6
    assert not (tmp_path / "mark").exists()


@given(data=st.data())
def test_flipped_bits(good, tmp_path_factory, data):
    """Some bits mean nothing; no other may be flipped unnoticed."""
    path, truth = good
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(content) * 8 - 1))
        content[position // 8] ^= 1 << position % 8
    broken = tmp_path_factory.getbasetemp() / "flipped.keras"
    broken.write_bytes(content)
    try:
        model = load_model(broken)
    except ValueError:
        return
    predictions = model.predict(malicious_files.inputs(np), verbose=0)
    np.testing.assert_allclose(predictions, truth, rtol=1e-5)


@given(part=st.floats(0, 1, exclude_max=True))
def test_cut_anywhere(good, tmp_path_factory, part):
    content = good[0].read_bytes()
    broken = tmp_path_factory.getbasetemp() / "cut.keras"
    broken.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(ValueError, match=r"cut\.keras"):
        load_model(broken)


def number(value):
    try:
        return not isinstance(value, bool | str) and math.isfinite(value)
    except (TypeError, OverflowError):
        return False


def whole(low, high=2**63):
    return lambda value: type(value) is int and low <= value < high


def one_of(*values):
    return lambda value: isinstance(value, str | None) and value in values


def maybe(check):
    return lambda value: value is None or check(value)


def some(check):
    """One value or a flat list of a sensible length."""
    return lambda value: (
        check(value)
        or (isinstance(value, list) and 1 <= len(value) <= 1024 and all(map(check, value)))
    )


def fits(value):
    return number(value) and abs(value) < 3.4e38


def scale(value):
    return fits(value) and value != 0


def column(value):
    return isinstance(value, str) or whole(-(2**63))(value)


def columns(value):
    return value is None or column(value) or (
        isinstance(value, list) and value and all(map(column, value))
        and len(set(value)) == len(value)
    )  # fmt: skip


def calendar(value):
    """No period or cycle: a name needs a time_column, which the config that is tried has not."""
    return value is None or (
        isinstance(value, list) and value and len(set(value)) == len(value)
        and all(number(cycle) and cycle > 1 for cycle in value)
    )  # fmt: skip


def spans(value):
    return value is None or all(
        len(key) <= 64 and len(span) == 2 and all(type(end) is int for end in span)
        for key, span in value.items()
    )


def flag(value):
    return isinstance(value, bool)


def positive(value):
    return number(value) and value > 0


def levels(value):
    return (
        isinstance(value, list) and 0.5 in value and all(map(number, value))
        and all(low < high for low, high in itertools.pairwise([0, *value, 1]))
    )  # fmt: skip


def index_or_indices(value):
    return whole(0)(value) or (isinstance(value, list) and value and all(map(whole(0), value)))


# The values that each setting may have, written down apart from the code that checks them.
RIGHT = {
    "ExpandSeries": {"axis": whole(-3, 3)},
    "ScaleOutput": {"scale": some(scale), "offset": some(fits)},
    "NormalizeWindow": {
        "statistic": one_of("last", "mean", "standard"), "period": one_of(None),
        "causal": flag, "epsilon": lambda value: fits(value) and value > 1e-38,
        "masked": flag, "multiplicative": lambda value: value is False},
    "RestoreWindow": {
        "feature": maybe(index_or_indices), "period": maybe(whole(1)), "gap": whole(0, 1)},
    "SelectColumns": {"columns": lambda value: isinstance(value, list) and index_or_indices(value)},
    "RootMeanSquare": {},
    "KnownAhead": {},
    "MaskMissing": {"features": one_of("any", "all")},
    "CarryForward": {"start": lambda value: value == "first" or maybe(number)(value)},
    "LevelByStatic": {"fewest": whole(1)},
    "MissingAsColumns": {},
    "MaskAsColumn": {},
    "MaskLike": {},
    "Unmask": {},
    "SmoothedForecast": {
        "steps": whole(1), "gap": whole(0), "unit": maybe(some(positive)), "masked": flag,
        "backtest_steps": maybe(whole(1)), "sampling_rate": whole(1)},
    "LinearForecast": {"steps": whole(1)},
    "CalendarEvents": {
        "outputs": whole(1), "steps": maybe(whole(1)),
        "moving": maybe(lambda value: isinstance(value, list) and len(set(value)) == 2
                        and all(map(whole(0), value))),
        "names": lambda value: isinstance(value, list) and all(isinstance(n, str) for n in value)},
    "LastSteps": {"steps": whole(1)},
    "SortedQuantiles": {"quantiles": levels},
    "Bounded": {
        "minimum": lambda value: value is None or (fits(value) and value < 5),
        "maximum": lambda value: value is None or (fits(value) and value > 0)},
    "ConformalInterval": {
        "coverage": lambda value: (
            isinstance(value, list) and value
            and all(low < high for low, high in itertools.pairwise([0, *value, 1]))
        ),
        "quantiles": one_of(None), "targets": maybe(index_or_indices), "sequence": flag,
        "calibrated_on": spans, "keep_others": flag,
        "compiled_with": maybe(lambda value: isinstance(value, dict) and len(str(value)) < 10_000),
        "halves": maybe(lambda value: isinstance(value, list) and len(value) == 2
                        and all(number(share) and 0 <= share <= 1 for share in value)),
        "inputs": lambda value: isinstance(value, list) and value and all(map(whole(0), value))},
    "QuantileLoss": {"quantiles": levels},
    "MaskedLoss": {"loss": one_of("huber")},
    "MaskedMAE": {},
    "StandardizedMSE": {"unit": some(positive)},
    "MedianMAE": {"quantiles": levels},
    "IntervalCoverage": {"quantiles": levels},
    "WindowedInput": {
        "windows": lambda value: isinstance(value, dict), "columns": one_of(None),
        "frequency": lambda value: isinstance(value, str | None), "quantiles": maybe(levels),
        "period": maybe(whole(2)),
        "scorecard": lambda value: isinstance(value, dict | None), "trained_on": spans,
        "ranges": maybe(lambda value: all(
            len(ends) == 2 and all(map(fits, ends)) and ends[0] <= ends[1]
            for ends in value.values()))},
    "Rollout": {
        "model": lambda value: isinstance(value, dict),
        "carried": lambda value: isinstance(value, dict), "steps": whole(1)},
    "WindowedSeries": {
        **dict.fromkeys(("window", "horizon", "stride", "sampling_rate", "batch_size"), whole(1)),
        "gap": whole(0), "targets": one_of("vector", "sequence"), "target_columns": columns,
        "future_columns": columns, "static_columns": columns,
        "id_column": lambda value: isinstance(value, str | None),
        "time_column": lambda value: isinstance(value, str | None),
        "missing": one_of("raise", "drop", "keep"), "shuffle": flag,
        "seed": maybe(whole(0)), "remainder": one_of("keep", "drop", "pad"),
        "calendar": calendar, "categories": one_of(None), "min_inputs": one_of(None),
        "unseen": one_of("raise", "mean"), "holidays": one_of(None),
        "origins": one_of(None, "first row"),
        "weighting": lambda value: value == "inverse_scale" or maybe(whole(1))(value)},
    "RecurrentPreset": {
        "kind": one_of("sequence_to_vector", "sequence_to_sequence"),
        "cell": one_of("simple_rnn", "gru", "lstm"), "units": some(whole(1)),
        "bidirectional": flag, "features": maybe(whole(1)),
        "output_scale": maybe(some(scale)),
        "window_norm": one_of(None, "last", "mean", "standard"),
        "period": one_of(None), "smoothing": one_of(None), "quantiles": maybe(levels),
        "memory": maybe(whole(1)), "minimum": maybe(fits), "maximum": maybe(fits),
        "dropout": lambda value: number(value) and 0 <= value < 1,
        "recipe": lambda value: value is None or (
            isinstance(value, dict) and all(RECIPE[name](item) for name, item in value.items()))},
    "ExponentialLRSweep": {
        "start_lr": positive, "end_lr": maybe(positive), "steps": maybe(whole(2)),
        "steps_per_decade": maybe(positive), "every": one_of("batch", "epoch"),
        "smoothing": lambda value: number(value) and 0 <= value < 1,
        "stop_factor": maybe(positive), "restore": flag},
}  # fmt: skip
RECIPE = {
    "loss": lambda value: isinstance(value, str), "optimizer": one_of("sgd", "adamw"),
    "learning_rate": positive, "batch_size": whole(1), "epochs": whole(1),
    "least_updates": whole(0), "window": maybe(whole(1)), "window_periods": whole(0),
    "window_share": lambda value: number(value) and 0 <= value < 1,
    "momentum": lambda value: number(value) and 0 <= value < 1, "cosine_decay": flag,
    "steps_per_decade": maybe(whole(1)), "most_steps": maybe(whole(1)),
}  # fmt: skip
KERAS_OWN = {"name", "trainable", "dtype", "activity_regularizer", "autocast", "reduction"}
VALUES = [
    # A list of twice the most that a setting may have is as wrong as one of half a million.
    *{**malicious_files.WRONG, "long": malicious_files.WRONG["long"][:2048]}.values(),
    None,
    True,
    0,
    1,
    2.5,
    "last",
    [1, 1],
    [True],
    1e-50,
    10**30,
]


def read(entry):
    """Read an entry of a file; return the new config, or None if it is refused."""
    try:
        # NaN and the rest travel as Python's JSON has them.
        item = keras.saving.deserialize_keras_object(json.loads(json.dumps(entry)))
    except (TypeError, ValueError):
        return None
    return json.loads(json.dumps(item.get_config()))


@pytest.mark.parametrize("registered_name", REGISTERED)
def test_every_setting_of_every_class(registered_name):
    name = registered_name.partition(">")[2]
    entry = json.loads(
        json.dumps(keras.saving.serialize_keras_object(REGISTERED[registered_name]()))
    )
    assert set(RIGHT[name]) == set(entry["config"]) - KERAS_OWN
    tried = 0
    for setting in RIGHT[name]:
        for value in VALUES:
            config = read({**entry, "config": {**entry["config"], setting: value}})
            tried += 1
            if config is not None:
                wrong = {k: v for k, v in config.items()
                         if k not in KERAS_OWN and not RIGHT[name][k](v)}  # fmt: skip
                assert wrong == {}, f"{setting}={value!r}"[:200]
    for config in (7, {**entry["config"], "unknown": 1}):
        assert read({**entry, "config": config}) is None
    assert tried >= 20 * bool(RIGHT[name])


@pytest.mark.parametrize("setting", RECIPE)
def test_every_setting_of_a_recipe(setting):
    entry = keras.saving.serialize_keras_object(REGISTERED["keras_ts>RecurrentPreset"]())
    for value in VALUES:
        recipe = {**entry["config"]["recipe"], setting: value}
        config = read({**entry, "config": {**entry["config"], "recipe": recipe}})
        assert config is None or RECIPE[setting](config["recipe"][setting]), value
