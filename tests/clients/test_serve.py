"""Proves that the server of examples/serve answers rows with ``forecast``'s numbers, or a reason.

It runs by uvicorn in a process of its own, which asserts that no Keras is imported, on loopback.
"""

import copy
import http.client
import json
import re
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keras_ts import RecurrentPreset, Rollout, WindowedSeries, forecast
from keras_ts.datasets import store_sales
from keras_ts.exporting.description import describe

for package in ("fastapi", "uvicorn", "onnxruntime", "onnx"):
    pytest.importorskip(package)

# Warnings of converters are theirs.
pytestmark = pytest.mark.filterwarnings("ignore")
FOLDER = Path(__file__).parents[2] / "examples" / "serve"
TABLE, PLAN = map(pd.DataFrame, store_sales())
COLUMNS = ["units_0.1", "units", "units_0.9"]
RUN = """
import sys
import uvicorn
sys.path.insert(0, sys.argv[1])
from server import app
assert not {"keras", "keras_ts", "tensorflow", "jax", "torch"} & set(sys.modules)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
"""


def load(name):
    """Import a file of the example."""
    sys.path.insert(0, str(FOLDER))
    try:
        return __import__(name)
    finally:
        sys.path.remove(str(FOLDER))


client = load("client")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("serve") / "sales.onnx"
    return load("make_model").main(path, epochs=1), path


@pytest.fixture(scope="module")
def connection(model):
    """An open connection to the server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-c", RUN, FOLDER, str(port)], env={"MODEL": str(model[1])}
    )
    try:
        for _ in range(300):
            assert server.poll() is None
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        yield connection
        connection.close()
    finally:
        server.terminate()
        server.wait()


def ask(connection, request):
    body = request if isinstance(request, str) else json.dumps(request)
    connection.request("POST", "/forecast", body)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


@pytest.mark.parametrize("store", ["store 1", "store 5"])
def test_right_rows_give_the_numbers_of_forecast(model, connection, store):
    """The plan closes two days, for which the answer is null, as NaN in the frame."""
    status, answer = ask(connection, client.request_of(TABLE, PLAN, store))
    assert status == 200
    wanted = forecast(model[0], TABLE[TABLE["store"] == store], future=PLAN[PLAN["store"] == store])
    assert not answer["warnings"]
    frame = pd.DataFrame(answer["forecast"])
    assert frame.columns.tolist() == ["day", "step", *COLUMNS]
    assert pd.to_datetime(frame["day"]).tolist() == wanted["day"].tolist()
    assert frame["step"].tolist() == list(range(1, 15))
    assert frame["units"].isna().sum() == 2
    numbers = frame[COLUMNS].astype(float)
    np.testing.assert_allclose(numbers, wanted[COLUMNS], rtol=1e-4, atol=1e-3)


def test_columns_in_any_order_and_few_rows(model, connection):
    store = TABLE[TABLE["store"] == "store 2"]
    request = client.request_of(TABLE, PLAN, "store 2", days=9)
    request["past"] = [dict(reversed(row.items())) for row in request["past"]]
    status, answer = ask(connection, request)
    assert status == 200
    wanted = forecast(model[0], store.tail(9), future=PLAN[PLAN["store"] == "store 2"])
    numbers = pd.DataFrame(answer["forecast"])[COLUMNS].astype(float)
    np.testing.assert_allclose(numbers, wanted[COLUMNS], rtol=1e-4, atol=1e-3)


def test_a_value_far_outside_of_training_is_named(model, connection):
    """As ``forecast`` does; the forecast comes all the same."""
    far = change(client.request_of(TABLE, PLAN, "store 1"), "future", 2, promotion=30.0)
    status, answer = ask(connection, far)
    assert (status, len(answer["forecast"])) == (200, 14)
    wanted = ["future promotion: 30 is far outside the 0 to 1 of training."]
    assert answer["warnings"] == wanted
    wild = change(client.request_of(TABLE, PLAN, "store 1"), "past", -1, units=1e5)
    assert ask(connection, wild)[1]["warnings"][0].startswith("past units: 100000 is far outside")
    plan = PLAN.assign(promotion=PLAN["promotion"] * 30.0)
    with pytest.warns(UserWarning, match="30 in column 'promotion', far outside the 0 to 1"):
        forecast(model[0], TABLE, future=plan)


def test_the_page_of_the_server_says_what_a_request_holds(connection):
    connection.request("GET", "/openapi.json")
    schema = json.loads(connection.getresponse().read())
    body = schema["paths"]["/forecast"]["post"]["requestBody"]["content"]["application/json"]
    for role, rows in REQUEST.items():
        place = schema
        for key in body["schema"]["properties"][role]["items"]["$ref"].split("/")[1:]:
            place = place[key.replace("~1", "/")]
        assert set(place["required"]) == set(rows[0])


def change(request, role, row, **columns):
    """Return a request with other values in a row; KeyError for a column that is not there."""
    changed = copy.deepcopy(request)
    for name, value in columns.items():
        if value is KeyError:
            del changed[role][row][name]
        else:
            changed[role][row][name] = value
    return changed


REQUEST = client.request_of(TABLE, PLAN, "store 1")


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (change(REQUEST, "past", 3, units=KeyError), "past 3 units: Field required"),
        (change(REQUEST, "past", 3, price=1.0), "past 3 price: Extra inputs are not permitted"),
        (change(REQUEST, "past", 3, units="7"), "past 3 units: Input should be a valid number"),
        (change(REQUEST, "past", 3, units=True), "past 3 units: Input should be a valid number"),
        (change(REQUEST, "past", 3, units=1e300), "past 3 units: Input should be less than"),
        (change(REQUEST, "past", 3, units=float("nan")), "past 3 units: Input should be a finite"),
        (change(REQUEST, "static", 0, type=None), "type: Input should be a valid string"),
        (change(REQUEST, "past", 3, day="soon"), "past 3 day: Input should be a valid datetime"),
        (change(REQUEST, "past", 3, day="2020-01-01"), "Send each time once, in order"),
        ({**REQUEST, "past": REQUEST["past"][::-1]}, "2024-12-19 .* Send each time once, in order"),
        ({**REQUEST, "past": REQUEST["past"][:2]}, "past: List should have at least 4 items"),
        ({**REQUEST, "past": REQUEST["past"] * 2}, "past: List should have at most 28 items"),
        ({**REQUEST, "future": REQUEST["future"][1:]}, "future: List should have at least 14"),
        ({**REQUEST, "past": REQUEST["past"][:-1]}, "Send the row of 2024-12-20 00:00"),
        (
            {**REQUEST, "past": [{**row, "units": None} for row in REQUEST["past"]]},
            r"past: no value of \['units'\]",
        ),
        # The plan closes two days, whose null hides no other.
        (
            {**REQUEST, "past": [{**row, "units": 1e30} for row in REQUEST["past"]]},
            "The forecast is not finite",
        ),
        ({"past": REQUEST["past"]}, "future: Field required"),
        ({**REQUEST, "weather": []}, "weather: Extra inputs"),
        ("[]", "Input should be an object"),
        ("nonsense", "Invalid JSON"),
    ],
)
def test_bad_rows_are_refused_with_a_reason(connection, request_, says):
    status, answer = ask(connection, request_)
    assert status == 422
    assert re.search(says, answer["detail"]), answer["detail"]


def reader_of(dataset, zone=None):
    """Return a small model of a dataset, and a reader of its description."""
    model = RecurrentPreset(units=(2,)).build(dataset)
    return model, load("rows").Reader(json.loads(json.dumps(describe(Rollout(model)))), zone)


def records(frame):
    """Return the rows of a frame as a client sends them."""
    rows = frame.assign(day=[day.isoformat() for day in frame["day"]])
    return json.loads(rows.to_json(orient="records"))


def outputs(model, reader, past, future):
    arrays = reader.arrays(json.dumps({"past": records(past), "future": records(future)}))
    return np.asarray(Rollout(model)(arrays))[0]


def test_null_is_refused_unless_the_model_masks():
    """The model of the server masks; this one, of an array, does not."""
    _, reader = reader_of(WindowedSeries(3).build(np.arange(20.0)))
    assert reader.arrays('{"past": [{"0": 1}, {"0": 3}, {"0": 2}]}')["past"].tolist() == [[1, 3, 2]]
    with pytest.raises(ValueError, match="past 1 0: Input should be a valid number"):
        reader.arrays('{"past": [{"0": 1}, {"0": null}, {"0": 2}]}')


def test_null_for_a_text_that_is_known_ahead_closes_the_day():
    days = pd.DataFrame({
        "day": pd.date_range("2024-01-01", periods=80),
        "promotion": np.where(np.arange(80) % 3, "none", "big"),
        "units": np.sin(np.arange(80.0)),
    })  # fmt: skip
    days.loc[[70, 78], "promotion"] = None
    days.loc[70, "units"] = np.nan
    past, ahead = days.iloc[:77], days.iloc[77:][["day", "promotion"]]
    windows = WindowedSeries(
        8, 3, target_columns="units", future_columns="promotion", time_column="day",
        calendar="week", missing="mask_targets",
    )  # fmt: skip
    model, reader = reader_of(windows.build(past))
    wanted = forecast(model, past, future=ahead)["units"]
    assert wanted.isna().tolist() == [False, True, False]
    ahead_of = outputs(model, reader, past.tail(8), ahead)
    np.testing.assert_allclose(ahead_of, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("unseen", ["mean", "raise"])
def test_a_text_that_no_series_had(unseen):
    tables = [
        pd.DataFrame({"shop": kind, "kind": kind, "units": np.arange(20.0)})
        for kind in ("city", "mall")
    ]
    windows = WindowedSeries(
        3, target_columns="units", static_columns="kind", id_column="shop", unseen=unseen
    )
    _, reader = reader_of(windows.build(pd.concat(tables)))
    past = [{"units": 1.0}] * 3
    request = {"past": past, "static": [{"kind": "kiosk"}]}
    if unseen == "raise":
        with pytest.raises(ValueError, match="kind: Input should be 'city' or 'mall'"):
            reader.arrays(json.dumps(request))
    else:
        arrays = reader.arrays(json.dumps(request))
        assert arrays["static"].tolist() == [[0.5, 0.5]]
        says = ["static kind: training lacked a text, read as the mean."]
        assert list(reader.warnings(arrays)) == says
        assert not list(reader.warnings(arrays | {"static": np.array([[0.0, 1.0]])}))
    request["static"] = [{"kind": "mall"}]
    assert reader.arrays(json.dumps(request))["static"].tolist() == [[0.0, 1.0]]


def test_holidays_are_computed_from_the_day():
    pytest.importorskip("holidays")
    table = pd.DataFrame({"day": pd.date_range("2023-01-01", periods=700)})
    table["units"] = np.sin(np.arange(700.0))
    windows = WindowedSeries(
        8, 3, target_columns="units", time_column="day", calendar=["week", "holidays:DE"]
    )
    model, reader = reader_of(windows.build(table))
    end = table.index[table["day"] == "2024-05-07"][0]
    past, ahead = table.iloc[end - 8 : end], table.iloc[end : end + 3][["day"]]
    wanted = forecast(model, past)["units"]
    np.testing.assert_allclose(outputs(model, reader, past, ahead), wanted, rtol=1e-4)
    body = json.dumps({"past": records(past), "future": records(ahead)})
    # The eve of Ascension Day, and the day.
    assert reader.arrays(body)["future"][0, :, 2:].sum(axis=1).tolist() == [0, 1, 1]
    late = [frame.assign(day=frame["day"] + pd.Timedelta(days=9131)) for frame in (past, ahead)]
    with pytest.raises(ValueError, match="the file has the holidays of 2023 to 2034"):
        outputs(model, reader, *late)


@pytest.mark.parametrize("moment", ["2024-03-31 03:00", "2024-10-27 01:00"])
def test_hours_around_a_change_of_the_clock(moment):
    """Times have an offset, that of the zone or another, and none is left out."""
    days = pd.date_range("2024-03-01", periods=7000, freq="h", tz="Europe/Berlin")
    table = pd.DataFrame({"day": days, "units": np.sin(np.arange(7000.0))})
    windows = WindowedSeries(6, 3, target_columns="units", time_column="day", calendar="day")
    model, reader = reader_of(windows.build(table.head(200)), "Europe/Berlin")
    end = table.index[table["day"] == pd.Timestamp(moment, tz="Europe/Berlin")][0] + 2
    past, ahead = table.iloc[end - 6 : end], table.iloc[end : end + 3][["day"]]
    wanted = forecast(model, past)["units"]
    in_utc = past.assign(day=past["day"].dt.tz_convert("UTC"))
    for rows in (past, in_utc):
        np.testing.assert_allclose(outputs(model, reader, rows, ahead), wanted, rtol=1e-4)
    dropped = table["day"][end - 3].tz_convert("UTC")
    with pytest.raises(ValueError, match=f"Send the row of {dropped:%Y-%m-%d %H:%M}"):
        outputs(model, reader, past.drop(index=end - 3).pipe(_one_before, table), ahead)
    local = past.assign(day=past["day"].dt.tz_localize(None))
    with pytest.raises(ValueError, match="should have timezone info"):
        outputs(model, reader, local, ahead)


def _one_before(rows, table):
    return pd.concat([table.iloc[[rows.index[0] - 1]], rows])


def test_days_that_are_even_in_utc():
    days = pd.date_range("2024-03-01", periods=60, tz="UTC").tz_convert("Europe/Berlin")
    table = pd.DataFrame({"day": days, "units": np.sin(np.arange(60.0))})
    windows = WindowedSeries(3, 2, target_columns="units", time_column="day", calendar="week")
    model, reader = reader_of(windows.build(table), "Europe/Berlin")
    past, ahead = table.iloc[28:31], table.iloc[31:33][["day"]]
    wanted = forecast(model, past)["units"]
    np.testing.assert_allclose(outputs(model, reader, past, ahead), wanted, rtol=1e-4)
    with pytest.raises(ValueError, match="Send the row of 2024-03-30 00:00"):
        outputs(model, reader, table.iloc[[27, 28, 30]], ahead)


@pytest.mark.parametrize("name", ["_units", "model_dump", "model_config", "__doc__"])
def test_columns_of_any_name_without_a_calendar(name):
    """Times are required all the same, so that a row that was left out is noticed."""
    table = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=20), name: np.arange(20.0)})
    windows = WindowedSeries(3, target_columns=name, time_column="day")
    _, reader = reader_of(windows.build(table))
    rows = records(table)
    x = reader.arrays(json.dumps({"past": rows[:3]}))
    assert x["past"].ravel().tolist() == [0, 1, 2]
    for past, says in (
        ([*rows[:2], rows[3]], "day: 2024-01-04 00:00:00 follows 2024-01-02 00:00:00"),
        ([{name: 1.0}] * 3, "past 2 day: Field required$"),
    ):
        with pytest.raises(ValueError, match=says):
            reader.arrays(json.dumps({"past": past}))


def test_a_body_that_is_too_large_is_refused(connection):
    """By its header: the server does not read the body."""
    connection.close()  # The server ends one that was idle; the next request opens it again.
    connection.request("POST", "/forecast", "{}", {"Content-Length": "4000001"})
    response = connection.getresponse()
    assert response.status == 413
    assert "a body of 1 to 4000000 bytes" in json.loads(response.read())["detail"]
    connection.close()


def test_the_client_raises_the_reason(connection):
    host = f"127.0.0.1:{connection.port}"
    assert len(client.ask(host, REQUEST)["forecast"]) == 14
    with pytest.raises(ValueError, match="past 3 units: Field required"):
        client.ask(host, change(REQUEST, "past", 3, units=KeyError))


def test_a_thousand_requests(connection, capsys):
    """All are answered alike; their times are printed."""
    connection.close()
    seconds, answers = [], set()
    body = json.dumps(REQUEST)
    for _ in range(1000):
        begun = time.perf_counter()
        status, answer = ask(connection, body)
        seconds.append(time.perf_counter() - begun)
        assert status == 200
        answers.add(json.dumps(answer))
    assert len(answers) == 1
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    with capsys.disabled():
        sys.stdout.write(f"\n1,000 requests: p50 {p50:.2f} ms, p99 {p99:.2f} ms\n")
    assert p50 < 100


def test_the_server_is_short():
    assert len((FOLDER / "server.py").read_text().splitlines()) <= 60


def test_times_ahead_without_a_plan():
    """Of steps in seconds to days; by the zone's clock, and in UTC."""
    stamps = pd.date_range("2024-03-29", periods=60, freq="h", tz="Europe/Berlin")
    for times, zone in ((stamps[:40].tz_localize(None), None), (stamps, "Europe/Berlin")):
        table = pd.DataFrame({"day": times, "units": np.arange(len(times)) / 9})
        windows = WindowedSeries(3, 4, gap=1, target_columns="units", time_column="day")
        model, reader = reader_of(windows.build(table), zone)
        past = table.iloc[37:40] if zone is None else table.iloc[45:48]
        _, ahead = reader.read(json.dumps({"past": records(past)}))
        assert ahead == forecast(model, past)["day"].tolist()
    months = table.head(20).assign(day=pd.date_range("2024-01-01", periods=20, freq="MS"))
    _, reader = reader_of(replace(windows, gap=0).build(months))
    assert reader.read(json.dumps({"past": records(months.tail(3))}))[1] is None
