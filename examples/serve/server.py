"""Answers rows with a forecast, without Keras: all that it has to know stands in the ONNX file.

MODEL=sales.onnx uvicorn --app-dir examples/serve server:app
"""

import json
import os

import numpy as np
import onnxruntime
from fastapi import FastAPI, HTTPException, Request
from rows import Reader

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1  # A window is too small to divide among threads.
session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
about = json.loads(session.get_modelmeta().custom_metadata_map["keras_ts"])
reader, output, app = Reader(about, os.environ.get("ZONE")), about["output"], FastAPI()

# What a request holds, for the page /docs.
PLACE = "#/paths/~1forecast/post/requestBody/content/application~1json/schema/$defs/{model}"
schema = {"schema": reader.request.json_schema(ref_template=PLACE)}
body = {"requestBody": {"required": True, "content": {"application/json": schema}}}

app.get("/")(lambda: about)


@app.post("/forecast", openapi_extra=body)
async def forecast(request: Request) -> dict[str, list]:
    """Return the forecast of a series: time, step and values of each step; and warnings."""
    if not 0 < int(request.headers.get("content-length", 0)) <= 4_000_000:
        raise HTTPException(413, "Send a body of 1 to 4000000 bytes, with its Content-Length.")
    try:
        arrays, times = reader.read(await request.body())
    except ValueError as error:
        raise HTTPException(422, str(error)) from None
    [ahead] = session.run([output["name"]], arrays)
    closed = np.zeros(len(ahead[0]), bool)
    if output["closes_steps"]:
        closed = np.isnan(arrays["future"][0]).any(axis=-1)[: len(closed)]
    if not np.isfinite(ahead[0, ~closed]).all():
        raise HTTPException(422, "The forecast is not finite: the values are too large.")
    # A step that the plan closes is NaN, for which JSON has null.
    steps = np.where(np.isnan(ahead), None, ahead).reshape(-1, len(output["columns"])).tolist()
    names = ["step", *output["columns"]]
    rows = [dict(zip(names, [n, *row], strict=True)) for n, row in enumerate(steps, start=1)]
    if times:
        rows = [{reader.time: time, **row} for time, row in zip(times, rows, strict=False)]
    return {"forecast": rows, "warnings": list(reader.warnings(arrays))}
