"""The server of examples/serve beside ``model.predict`` and ``forecast`` called for each request.

Prints times of one request, requests a second, and the memory of the server over 10,000 requests.
Needs fastapi, uvicorn, onnxruntime and a converter to ONNX, on Linux.
"""

import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from keras_ts import Rollout, forecast
from keras_ts.datasets import store_sales

SERVE = Path(__file__).parent.parent / "examples" / "serve"
sys.path.insert(0, str(SERVE))

import client  # noqa: E402 - from the folder of the example
import make_model  # noqa: E402 - likewise

PORT, REQUESTS = 8765, 10_000


def report(what, seconds):
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    print(f"{what}: p50 {p50:.2f} ms, p99 {p99:.2f} ms, {1 / np.mean(seconds):.0f} a second")


def timed(call, count):
    call()
    seconds = []
    for _ in range(count):
        begun = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begun)
    return seconds


def memory(process):
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def caller(body):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)

    def call():
        connection.request("POST", "/forecast", body)
        response = connection.getresponse()
        text = response.read()
        assert response.status == 200, text

    return call


def main():
    table, plan = map(pd.DataFrame, store_sales())
    body = json.dumps(client.request_of(table, plan, "store 1"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sales.onnx"
        model = make_model.main(path, epochs=1)
        command = [sys.executable, "-m", "uvicorn", "--app-dir", str(SERVE), "server:app"]
        process = subprocess.Popen(  # noqa: S603 - the example's server
            [*command, "--port", str(PORT), "--log-level", "warning"],
            env={**os.environ, "MODEL": str(path)},
        )
        try:
            time.sleep(10)
            call = caller(body)
            call()
            print(f"load of the machine: {os.getloadavg()[0]:.1f}; memory of the server, in MB:")
            print(f"  after 1 request: {memory(process):.1f}")
            seconds = []
            for upto in (1000, 2500, 5000, 7500, REQUESTS):
                seconds += timed(call, upto - len(seconds))
                print(f"  after {upto} requests: {memory(process):.1f}")
            report("the server, one request after the other", seconds)
            calls = [caller(body) for _ in range(4)]
            begun = time.perf_counter()
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda call: timed(call, 499), calls))
            print(f"the server, four clients: {2000 / (time.perf_counter() - begun):.0f} a second")
        finally:
            process.terminate()
            process.wait()
    inputs = {
        name: np.zeros((1, *part.shape[1:]), "float32")
        for name, part in Rollout(model).input.items()
    }
    report("model.predict", timed(lambda: model.predict(inputs, verbose=0), 200))
    store = table[table["store"] == "store 1"].tail(28)
    report("forecast of a frame", timed(lambda: forecast(model, store, future=plan), 100))


if __name__ == "__main__":
    main()
