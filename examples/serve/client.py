"""Asks the server for the next days of a store.

    python examples/serve/client.py 127.0.0.1:8000 "store 1"

A request holds the last rows of the store and the rows of its plan, by the names of columns. There
is a row for each day: on one that was closed, or will be, the values are null.
"""

import http.client
import json
import sys
from contextlib import closing

import pandas as pd

from keras_ts.datasets import store_sales


def records(rows: pd.DataFrame, columns: list[str]) -> list[dict]:
    """Return a record for each day, with null on days without a row."""
    daily = rows.set_index("day")[columns].asfreq("D").reset_index()
    return json.loads(daily.to_json(orient="records", date_format="iso", date_unit="s"))


def request_of(table: pd.DataFrame, plan: pd.DataFrame, store: str, days: int = 28) -> dict:
    """Return the request for a store."""
    past, ahead = (frame[frame["store"] == store] for frame in (table, plan))
    return {
        "past": records(past, ["units", "promotion"])[-days:],
        "future": records(ahead, ["promotion"]),
        "static": [{"type": past["type"].iloc[-1]}],
    }


def ask(host: str, request: dict) -> dict[str, list]:
    """Return the answer of the server, or raise an error with its reason."""
    with closing(http.client.HTTPConnection(host, timeout=30)) as connection:
        connection.request("POST", "/forecast", json.dumps(request))
        response = connection.getresponse()
        answer = json.load(response)
    if response.status != 200:
        raise ValueError(answer["detail"])
    return answer


def main(host: str, store: str) -> None:
    """Print the forecast."""
    table, plan = map(pd.DataFrame, store_sales())
    answer = ask(host, request_of(table, plan, store))
    print(*answer["warnings"], pd.DataFrame(answer["forecast"]).to_string(index=False), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
