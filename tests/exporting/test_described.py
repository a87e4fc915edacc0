"""An ONNX file gets the names of the roles, whatever its converter called them."""

import json

import numpy as np
import pytest

from keras_ts.exporting.described import put_description

DESCRIPTION = {"inputs": {"past": {}, "static": {}}, "output": {"name": "forecast"}}


@pytest.mark.parametrize("names", [("in_0", "in_1", "out"), ("past", "static", "forecast")])
def test_names_in_an_onnx_file(names, tmp_path):
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    first, second, last = names
    node = helper.make_node("Sub", [first, second], [last])
    inputs = [helper.make_tensor_value_info(name, kind, ["n", 2]) for name in (first, second)]
    outputs = [helper.make_tensor_value_info(last, kind, ["n", 2])]
    model = helper.make_model(
        helper.make_graph([node], "graph", inputs, outputs),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    model.metadata_props.add(key="author", value="somebody")
    path = tmp_path / "model.onnx"
    onnx.save(model, str(path))
    put_description("onnx", path, DESCRIPTION)
    session = runtime.InferenceSession(str(path))
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["keras_ts"]) == DESCRIPTION
    assert metadata["author"] == "somebody"
    x = {"past": np.full((3, 2), 5.0, "float32"), "static": np.ones((3, 2), "float32")}
    [out] = session.run(["forecast"], x)
    assert out.tolist() == [[4.0, 4.0]] * 3
