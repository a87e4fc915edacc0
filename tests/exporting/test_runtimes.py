"""What keeps an export from being run is named: a package, or a format that Keras does not know."""

from pathlib import Path

import keras
import pytest

from export_helpers import X, faked, needs, recurrent
from helpers import BACKEND, run_fresh
from keras_ts import check_export
from keras_ts.exporting import export
from keras_ts.exporting.formats import FORMATS


def test_a_format_that_this_keras_does_not_know(monkeypatch):
    """As LiteRT in Keras 3.12."""
    monkeypatch.setitem(FORMATS, "tape", FORMATS["onnx"]._replace(suffix=".tape"))
    with pytest.raises(ValueError, match=f"Keras {keras.__version__} does not export to 'tape'"):
        export.exported(recurrent(12), X, "tape", Path())


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(export.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs ai-edge-litert, .*pip install ai-edge-litert"):
        check_export(recurrent(12), X, "litert")


def unimportable(error):
    """As Keras reports that a converter did not import: without the reason."""

    def fail(*_, **__):
        try:
            raise error
        except ImportError:
            raise ImportError("This requires converter: pip install converter")  # noqa: B904 - as Keras

    return fail


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            ModuleNotFoundError("No module", name="graphs.core"),
            "needs graphs, .*pip install graphs",
        ),
        (
            ImportError("cannot import name 'f' from 'graphs'"),
            "needs a package that cannot be imported: cannot import",
        ),
    ],
)
def test_a_package_that_a_converter_lacks_is_named(monkeypatch, error, says):
    model = faked(monkeypatch, recurrent(None), lambda outputs: outputs)
    monkeypatch.setattr(model, "export", unimportable(error), raising=False)
    with pytest.raises(ImportError, match=f"'onnx'.* on the {BACKEND} backend {says}"):
        check_export(model, X, "onnx")


def test_a_package_that_a_runtime_lacks_is_named(monkeypatch):
    def fail(outputs):
        raise ModuleNotFoundError("No module named 'graphs'", name="graphs")

    model = faked(monkeypatch, recurrent(None), fail)
    with pytest.raises(ImportError, match=r"needs graphs, .*pip install graphs"):
        check_export(model, X, "onnx")


@pytest.mark.slow
@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf2onnx converts from TensorFlow")
def test_a_real_converter_without_a_package_of_its_own(tmp_path):
    needs("onnx")
    run_fresh(
        "import sys\n"
        "sys.modules['onnx'] = None\n"
        "import numpy as np, keras_ts\n"
        "model = keras_ts.RecurrentPreset(units=(2,)).build(window=5)\n"
        "try:\n"
        "    keras_ts.check_export(model, np.ones((2, 5)), 'onnx')\n"
        "except ImportError as error:\n"
        "    assert 'pip install onnx' in str(error), error\n"
        "else:\n"
        "    raise AssertionError\n"
    )
