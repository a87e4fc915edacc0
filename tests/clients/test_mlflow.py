"""A forecaster that was logged to MLflow forecasts in a process that knows MLflow alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pages
from helpers import BACKEND
from keras_ts import (
    RecurrentPreset,
    WindowedSeries,
    calibrate,
    compare,
    forecast,
    from_preset,
    save_model,
)
from keras_ts.datasets import store_sales

mlflow = pytest.importorskip("mlflow")
from keras_ts.tracking import log_forecaster  # noqa: E402 - it imports MLflow, which may be missing

# In 120 days no store is closed, and in the plan all are on December 25.
pytestmark = pytest.mark.filterwarnings("ignore:future lacks rows")
TABLE, PLAN = (pd.DataFrame(part) for part in store_sales(days=120))
FRAME = pd.concat([TABLE.assign(known_ahead=False), PLAN.assign(known_ahead=True)])
WINDOWS = WindowedSeries(
    14, 7, target_columns="units", future_columns=["promotion"], static_columns="type",
    calendar="week", id_column="store", time_column="day", missing="mask_targets", min_inputs=7,
)  # fmt: skip
ALONE = TABLE.loc[TABLE["store"] == "store 1", ["day", "units"]].reset_index(drop=True)
PRESET = RecurrentPreset(cell="gru", units=(3,), window_norm="mean")


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory):
    """A store of MLflow in a folder of its own; nothing is sent anywhere."""
    before, folder = Path.cwd(), tmp_path_factory.mktemp("mlflow")
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.chdir(folder)
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    yield
    mlflow.set_tracking_uri(None)
    os.chdir(before)
    del os.environ["MLFLOW_DISABLE_TELEMETRY"]


@pytest.fixture(scope="module")
def parts():
    return WINDOWS.split(TABLE, at=-30)


@pytest.fixture(scope="module")
def model(parts):
    return PRESET.build(parts[0])


@pytest.fixture(scope="module")
def report(model, parts):
    return compare(model, *parts, period=7)


@pytest.fixture(scope="module")
def logged(model, report):
    """The run and the model that one call logs."""
    preset = from_preset("seasonal_gru", units=(3,))
    with mlflow.start_run() as run:
        info = log_forecaster(model, TABLE, future=PLAN, report=report, preset=preset)
    return mlflow.get_run(run.info.run_id), info


FRESH = """
import json, sys
import mlflow
import pandas as pd
mlflow.pyfunc
assert not {"keras", "keras_ts"} & set(sys.modules)
loaded = mlflow.pyfunc.load_model(sys.argv[1])
ahead = loaded.predict(pd.read_parquet(sys.argv[2]))
import keras
print(json.dumps([keras.config.backend(), json.loads(ahead.to_json(orient="split"))]))
"""


def run(python, code, *arguments, **environment):
    """Run ``code`` in an interpreter that has imported nothing; return the last line it prints."""
    kept = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    result = subprocess.run(
        [python, "-c", code, *arguments], env=kept | environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout.splitlines()[-1]


def check_forecast(model, printed, backend, rtol):
    """Compare what ``FRESH`` printed with the forecast of this process."""
    its_backend, ahead = json.loads(printed)
    wanted = forecast(model, TABLE, future=PLAN)
    assert (its_backend, ahead["columns"]) == (backend, wanted.columns.tolist())
    frame = pd.DataFrame(ahead["data"], columns=ahead["columns"])
    assert frame["store"].tolist() == wanted["store"].tolist()
    np.testing.assert_allclose(frame["units"].astype(float), wanted["units"], rtol=rtol)


def test_a_fresh_process_forecasts_by_mlflow_alone(model, logged, tmp_path):
    """It imports neither Keras nor keras_ts itself, and gives the numbers of ``forecast``.

    Nothing chooses the backend there but the logged model.
    """
    FRAME.to_parquet(tmp_path / "frame.parquet")
    frame = str(tmp_path / "frame.parquet")
    printed = run(sys.executable, FRESH, logged[1].model_uri, frame)
    check_forecast(model, printed, BACKEND, rtol=1e-5)


@pytest.mark.slow
def test_the_flavor_of_mlflow_for_keras_does_not_load_there(model):
    """If this fails, MLflow has learned to load such models: change the guide."""
    with mlflow.start_run():
        info = mlflow.keras.log_model(model, name="tensors")
    code = (
        "import sys, mlflow\ntry: mlflow.pyfunc.load_model(sys.argv[1])\n"
        "except Exception as error: print(error)\nelse: print('loaded')"
    )
    assert "keras_ts>WindowedInput" in run(sys.executable, code, info.model_uri)


@pytest.mark.slow
def test_it_loads_where_another_backend_alone_is_installed(model, logged, tmp_path):
    """An environment that lacks the backend by which the model was logged."""
    other = "tensorflow" if BACKEND == "jax" else "jax"
    FRAME.to_parquet(tmp_path / "frame.parquet")
    python = pages.linked(tmp_path / "venv", [f".[{other},mlflow]"], pages.ROOT / "keras_ts")
    lacks = "import importlib.util as i, sys; print(i.find_spec(sys.argv[1]))"
    assert run(python, lacks, BACKEND, PYTHONPATH="") == "None"
    arguments = logged[1].model_uri, str(tmp_path / "frame.parquet")
    check_forecast(model, run(python, FRESH, *arguments, PYTHONPATH=""), other, rtol=1e-4)


def test_the_run_says_what_the_forecaster_is_and_how_good(report, logged):
    data = logged[0].data
    assert data.params["windows.window"] == "14"
    assert data.params["preset.units"] == "[3]"
    assert data.params["recipe.learning_rate"] == "0.01"
    assert "windows.stride" in data.params
    assert not any("None" in value for value in data.params.values())
    row = {name: float(values[0]) for name, values in report.table.items() if name != "name"}
    assert {name: data.metrics[name] for name in row} == pytest.approx(row, rel=1e-5)
    best = report.table["mase"][report.table["name"].tolist().index(report.best)]
    assert data.metrics["best_baseline_mase"] == pytest.approx(best, rel=1e-5)
    tags = {"keras_ts.verdict": report.verdicts["model"], "keras_ts.best_baseline": report.best}
    assert tags.items() <= data.tags.items()
    client, run = mlflow.MlflowClient(), logged[0].info.run_id
    by_step = {m.step: m.value for m in client.get_metric_history(run, "mase_by_step")}
    steps = report.scores("step")
    wanted = steps["mase"][steps["name"] == "model"]
    assert by_step == pytest.approx(dict(enumerate(wanted, 1)), rel=1e-5)
    own = {Path(file.path).name for file in client.list_artifacts(run, "forecaster")}
    assert {"README.md", "errors.png", "forecast.png", "settings.json"} <= own


def test_signature_and_requirements_are_inferred(logged):
    info = logged[1]
    inputs = {column.name: str(column.type) for column in info.signature.inputs}
    assert list(inputs) == ["store", "day", "units", "promotion", "type", "known_ahead"]
    assert (inputs["store"], inputs["day"]) == ("DataType.string", "DataType.datetime")
    assert [column.name for column in info.signature.outputs] == ["store", "day", "step", "units"]
    folder = Path(mlflow.artifacts.download_artifacts(info.model_uri))
    lines = (folder / "requirements.txt").read_text().splitlines()
    required = {line.partition("==")[0] for line in lines}
    assert {"keras-ts", "keras", BACKEND, "mlflow", "narwhals"} <= required


def served(info, body):
    """Return the status and body of an answer of MLflow's own server."""
    from fastapi.testclient import TestClient
    from mlflow.pyfunc.scoring_server import init

    client = TestClient(init(mlflow.pyfunc.load_model(info.model_uri)))
    answer = client.post(
        "/invocations", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    return answer.status_code, answer.text


@pytest.mark.parametrize("orient", ["split", "records"])
def test_the_server_of_mlflow_takes_dates_as_text(model, logged, orient):
    body = {f"dataframe_{orient}": json.loads(FRAME.to_json(orient=orient, date_format="iso"))}
    status, text = served(logged[1], {**body, "params": {"steps": 3}})
    assert status == 200
    ahead = pd.DataFrame(json.loads(text)["predictions"])
    wanted = forecast(model, TABLE, steps=3, future=PLAN)
    assert pd.to_datetime(ahead["day"]).tolist() == wanted["day"].tolist()
    np.testing.assert_allclose(ahead["units"].astype(float), wanted["units"], rtol=1e-5)


def test_the_server_names_a_column_that_is_missing(logged):
    lacking = FRAME.drop(columns="promotion")
    body = {"dataframe_split": json.loads(lacking.to_json(orient="split", date_format="iso"))}
    status, text = served(logged[1], body)
    assert status == 400
    assert "promotion" in text


def loaded(*arguments, **keywords):
    """Log a forecaster in a run of its own, and load it."""
    with mlflow.start_run():
        info = log_forecaster(*arguments, **keywords)
    return mlflow.pyfunc.load_model(info.model_uri)


def test_integers_and_floats_are_one(model, logged):
    """The units of one frame may be floats, since some are missing, and of the next integers."""
    again = mlflow.pyfunc.load_model(logged[1].model_uri)
    whole = FRAME.assign(
        units=FRAME["units"].fillna(0).astype(int), promotion=FRAME["promotion"] > 0
    )
    wanted = forecast(model, TABLE.assign(units=TABLE["units"].fillna(0)), future=PLAN)
    pd.testing.assert_frame_equal(again.predict(whole), wanted, check_dtype=False, rtol=1e-5)


def test_times_with_a_zone_may_be_text():
    """MLflow has no type for them: its own example holds text, and so does JSON."""
    days = pd.date_range("2024-03-20", periods=60, tz="Europe/Berlin")  # over a change of the clock
    table = pd.DataFrame({"day": days, "units": np.random.default_rng(0).normal(size=60)})
    windows = WindowedSeries(7, 2, target_columns="units", time_column="day", calendar="week")
    net = RecurrentPreset(units=(2,)).build(windows.build(table))
    with mlflow.start_run():
        loaded = mlflow.pyfunc.load_model(log_forecaster(net, table).model_uri)
    wanted = forecast(net, table)
    for rows in (table, loaded.input_example, table.assign(day=[d.isoformat() for d in days])):
        pd.testing.assert_frame_equal(loaded.predict(rows), wanted)


@pytest.mark.parametrize("dtype", ["Float64", "double[pyarrow]"])
def test_numbers_of_nullable_types_may_be_missing(dtype):
    table = pd.DataFrame({"units": np.random.default_rng(0).normal(size=40)})
    table.loc[35, "units"] = np.nan
    windows = WindowedSeries(7, 2, target_columns="units", missing="mask")
    net = RecurrentPreset(units=(2,)).build(windows.build(table))
    with mlflow.start_run():
        loaded = mlflow.pyfunc.load_model(log_forecaster(net, table).model_uri)
    ahead = loaded.predict(table.astype(dtype))
    pd.testing.assert_frame_equal(ahead, forecast(net, table))


def test_the_example_is_of_a_series_that_the_plan_goes_on_with(model):
    ended = TABLE[TABLE["store"] == TABLE["store"].iloc[0]].assign(store="ended long ago")
    before = pd.concat([ended.assign(day=ended["day"] - pd.Timedelta(days=4000)), ended])
    with mlflow.start_run():
        info = log_forecaster(model, pd.concat([TABLE, before]), future=PLAN)
    assert set(mlflow.pyfunc.load_model(info.model_uri).input_example["store"]) < set(PLAN["store"])


def test_a_series_that_is_too_short_can_get_nan(logged):
    again = mlflow.pyfunc.load_model(logged[1].model_uri)
    short = FRAME[
        (FRAME["store"] != "store 1") | (FRAME["day"] > TABLE["day"].max() - pd.Timedelta("2D"))
    ]
    with pytest.raises(ValueError, match=r"store 1.*too short"):
        again.predict(short)
    ahead = again.predict(short, params={"incomplete": "nan"})
    first = ahead["store"] == "store 1"
    assert ahead.loc[first, "units"].isna().all()
    assert ahead.loc[~first, "units"].notna().any()


def test_one_series_with_intervals():
    """A calibrated model of one series without an id or anything known ahead."""
    windows = WindowedSeries(
        14, 3, target_columns="units", time_column="day", missing="mask_targets"
    )
    train, held_out = windows.split(ALONE, at=-60)
    model = calibrate(PRESET.build(train), held_out, coverage=0.8)
    ahead = loaded(model, ALONE).predict(ALONE)
    assert ahead.columns.tolist() == ["day", "step", "units_0.1", "units", "units_0.9"]
    pd.testing.assert_frame_equal(ahead, forecast(model, ALONE), check_dtype=False, rtol=1e-5)


@pytest.mark.parametrize("kind", ["no times", "zone", "category", "whole numbers", "polars"])
def test_tables_of_other_kinds(kind):
    table, settings = ALONE[-60:], {"time_column": "day"}
    if kind == "no times":
        table, settings = table[["units"]], {}
    elif kind == "zone":
        table = table.assign(day=table["day"].dt.tz_localize("Europe/Berlin"))
    elif kind == "whole numbers":
        table = table.assign(day=np.arange(len(table)))
    elif kind == "category":
        table = table.assign(store=pd.Categorical(["a"] * len(table)))
        settings["id_column"] = "store"
    table = table.fillna({"units": 1.0})
    given = pytest.importorskip("polars").from_pandas(table) if kind == "polars" else table
    model = PRESET.build(WindowedSeries(14, 3, target_columns="units", **settings).build(given))
    ahead = loaded(model, given).predict(table)
    wanted = forecast(model, table)
    # MLflow makes texts of categories.
    pd.testing.assert_frame_equal(
        ahead, wanted, check_dtype=False, check_categorical=False, rtol=1e-5
    )


def test_a_second_forecaster_needs_a_run_of_its_own(model, parts):
    """The same settings may be logged again, and a nested run takes other ones."""
    other = PRESET.build(
        WindowedSeries(14, 3, target_columns="units").build(ALONE[["units"]].fillna(1.0))
    )
    with mlflow.start_run() as run:
        log_forecaster(model, TABLE, future=PLAN)
        log_forecaster(model, TABLE, future=PLAN, name="again")
        before = mlflow.get_run(run.info.run_id).data.params
        with pytest.raises(mlflow.MlflowException, match="Changing param values"):
            log_forecaster(other, ALONE)
        assert mlflow.get_run(run.info.run_id).data.params == before
        with mlflow.start_run(nested=True):
            log_forecaster(other, ALONE)


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"series": TABLE["units"].to_numpy()}, TypeError, "series must be a frame.*ndarray"),
        (
            {"series": TABLE.drop(columns="type")},
            ValueError,
            r"series lacks the columns \['type'\]",
        ),
        ({"future": None}, ValueError, "pass future="),
        ({"future": PLAN.drop(columns="promotion")}, ValueError, "future lacks the columns"),
        ({"series": TABLE.groupby("store").tail(3)}, ValueError, "too short"),
        ({"series": TABLE.head(0)}, ValueError, "without a row"),
        ({"preset": "seasonal_gru"}, TypeError, "preset must be a RecurrentPreset"),
        ({"report": 3}, TypeError, "report must be what compare"),
        ({"name": 3}, TypeError, "name must be a text"),
        ({"name": "v1.2"}, ValueError, "name must be a text without"),
        ({"model": "model.keras"}, TypeError, "model must be a Keras model"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_logged(model, wrong, error, says):
    arguments = {"model": model, "series": TABLE, "future": PLAN, **wrong}
    with mlflow.start_run() as run, pytest.raises(error, match=says):
        log_forecaster(arguments.pop("model"), arguments.pop("series"), **arguments)
    assert mlflow.get_run(run.info.run_id).data.params == {}


def test_a_model_without_windows_is_refused():
    with pytest.raises(ValueError, match="carries no windows"):
        log_forecaster(PRESET.build(window=14), TABLE)


def test_a_model_that_was_trained_on_an_array_is_refused():
    model = PRESET.build(WindowedSeries(14).build(np.arange(40.0)))
    with pytest.raises(ValueError, match="trained on an array"):
        log_forecaster(model, ALONE)


def test_requirements_of_ones_own_are_added(model):
    with mlflow.start_run():
        info = log_forecaster(model, TABLE, future=PLAN, extra_pip_requirements=["six"])
    folder = Path(mlflow.artifacts.download_artifacts(info.model_uri))
    lines = (folder / "requirements.txt").read_text().splitlines()
    assert "six" in lines
    assert any(line.startswith("keras-ts==") for line in lines)


def test_scores_of_other_weights_are_refused(parts, tmp_path):
    """A model that was trained further since it was judged must be judged again."""
    model = PRESET.build(parts[0])
    save_model(model, tmp_path / "sales", report=compare(model, *parts))
    model.set_weights([2 * weights for weights in model.get_weights()])
    with mlflow.start_run(), pytest.raises(ValueError, match="Then pass report="):
        log_forecaster(model, TABLE, future=PLAN)


def test_rows_known_ahead_must_be_marked_by_true_and_false(logged):
    again = mlflow.pyfunc.load_model(logged[1].model_uri).unwrap_python_model()
    for marks in (None, "yes", 2):
        with pytest.raises(ValueError, match="'known_ahead' must be True"):
            again.predict(None, FRAME.assign(known_ahead=marks))
