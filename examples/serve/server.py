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


app.get("/")(lambda: about)


@app.post("/forecast")
async def forecast(request: Request) -> list[dict]:
    """Return the forecast of each step, with the columns that ``keras_ts.forecast`` gives."""
    if not 0 < int(request.headers.get("content-length", 0)) <= 4_000_000:
        raise HTTPException(413, "Send a body of 1 to 4000000 bytes, with its Content-Length.")
    try:
        arrays = reader.arrays(await request.body())
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
    named = (zip(output["columns"], row, strict=True) for row in steps)
    return [{"step": number, **dict(row)} for number, row in enumerate(named, start=1)]
