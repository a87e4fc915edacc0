"""Makes a corpus of files that mislead, damage or break in, and opens them all.

Run as a program, it opens every file of a folder, under an audit hook that watches Python, and
writes the outcomes as JSON.
"""

import base64
import contextlib
import io
import json
import marshal
import os
import resource
import sys
import zipfile
from pathlib import Path

MARK, RESULTS = "KERAS_TS_MALICIOUS_MARK", "KERAS_TS_MALICIOUS_RESULTS"
# A module that leaves a mark as soon as anybody imports it.
EVIL_MODULE = (
    f"import os, pathlib\npathlib.Path(os.environ[{MARK!r}]).touch()\nEvil = evil = print\n"
)
OURS = ("ExpandSeries", "NormalizeWindow", "ScaleOutput", "RestoreWindow")
_ASCENDING = [float(value) for value in range(1, 1025)]


def payload():
    """Return the bytecode of a function that leaves a mark when it is called."""
    source = (
        f"lambda x: __import__('pathlib').Path(__import__('os').environ[{MARK!r}]).touch() or x"
    )
    return base64.b64encode(marshal.dumps(eval(source).__code__)).decode()


def base_model(path):
    """Save a small model that holds every layer of ours, compiled, its windows inside."""
    import keras
    import numpy as np

    import keras_ts

    series = keras.Input((8,), name="series")
    x = keras_ts.ExpandSeries(name="ExpandSeries")(series)
    x, location, scale = keras_ts.layers.NormalizeWindow("mean", name="NormalizeWindow")(x)
    x = keras.layers.GlobalAveragePooling1D()(keras.layers.Dense(2, name="inner")(x))
    x = keras_ts.ScaleOutput(100.0, name="ScaleOutput")(keras.layers.Dense(1, name="dense")(x))
    x = keras_ts.layers.RestoreWindow(name="RestoreWindow")([x, location, scale])
    model = keras.Model(series, x)
    model.compile(keras.optimizers.SGD(1e-3), "mae")
    keras_ts.save_model(model, path, keras_ts.WindowedSeries(8))
    return model.predict(inputs(np), verbose=0)


def inputs(np):
    """Return the inputs on which every model is tried."""
    return np.random.RandomState(0).randn(3, 8).astype("float32")


class Corpus:
    """Files made from one good file, in a folder, by name."""

    def __init__(self, good, folder):
        self.good, self.folder, self.names = Path(good), Path(folder), []
        with zipfile.ZipFile(good) as archive:
            self.members = {name: archive.read(name) for name in archive.namelist()}

    def raw(self, name, content, suffix=".keras"):
        """Add a file with this content alone."""
        (self.folder / (name + suffix)).write_bytes(content)
        self.names.append(name + suffix)

    def members_of(self, name, compression=zipfile.ZIP_STORED, **changed):
        """Add the good file with some members changed; a function changes a JSON member."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as archive:
            for member, content in self.members.items():
                change = changed.get(member.partition(".")[0])
                if callable(change):
                    value = json.loads(content)
                    value = change(value) or value
                    content = json.dumps(value).encode()
                elif change is not None:
                    content = change
                archive.writestr(member, content)
            for member, content in changed.get("added", {}).items():
                archive.writestr(member, content)
        self.raw(name, buffer.getvalue())

    def layer(self, name, layer, **changed):
        """Add the good file with the entry of a layer changed, or its settings."""

        def change(config):
            entry = next(e for e in config["config"]["layers"] if e["config"]["name"] == layer)
            entry["config"].update(changed.pop("settings", {}))
            entry.update(changed)

        self.members_of(name, config=change)


def build(good, folder):
    """Make the whole corpus; return the names of its files."""
    corpus = Corpus(good, folder)
    with_code(corpus)
    _settings(corpus)
    _names(corpus)
    _archives(corpus)
    _hdf5(corpus)
    return corpus.names


def with_code(corpus):
    """Add Lambdas, functions and modules, in every place where a file can name them."""
    lambda_ = {"class_name": "__lambda__", "config": {
        "code": payload(), "defaults": None, "closure": None}}  # fmt: skip
    old = {"function": [payload(), None, None], "function_type": "lambda", "arguments": {}}
    new = {"function": lambda_, "arguments": {}}
    for place in ("inner", "ScaleOutput"):
        for kind, config in (("new", new), ("old", old)):
            for registered in (None, "Lambda", "keras_ts>ExpandSeries"):
                corpus.layer(
                    f"lambda {kind} {place} {registered or ''}".replace(">", "_"), place,
                    module="keras.layers", class_name="Lambda", registered_name=registered,
                    config={"name": place, **config},
                )  # fmt: skip
    inner = {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "l", **new},
             "registered_name": None}  # fmt: skip
    for wrapper in ("TimeDistributed", "Bidirectional", "SpectralNormalization"):
        corpus.layer(
            f"lambda inside {wrapper}", "inner", class_name=wrapper,
            config={"name": "inner", "layer": inner},
        )  # fmt: skip
    functions = {
        "lambda": lambda_,
        "system": {"module": "os", "class_name": "function", "config": "system",
                   "registered_name": "system"},
        "eval": {"module": "builtins", "class_name": "function", "config": "eval",
                 "registered_name": "eval"},
        "load_model": {"module": "keras.saving", "class_name": "function", "config": "load_model",
                       "registered_name": "load_model"},
        "get_file": {"module": "keras.utils", "class_name": "get_file", "registered_name": None,
                     "config": {"fname": "x", "origin": "file:///etc/passwd"}},
        "evil": {"module": "evil_module", "class_name": "function", "config": "evil",
                 "registered_name": "evil"},
        "evil class": {"module": "evil_module", "class_name": "Evil", "config": {},
                       "registered_name": "evil>Evil"},
        "ours": {"module": "keras_ts._files", "class_name": "function", "config": "replacing",
                 "registered_name": "replacing"},
        "module of ours": {"module": "keras_ts.presets", "class_name": "importlib", "config": {},
                           "registered_name": None},
    }  # fmt: skip
    for name, function in functions.items():
        corpus.layer(f"activation {name}", "dense", settings={"activation": function})
        corpus.layer(f"initializer {name}", "dense", settings={"kernel_initializer": function})
        corpus.layer(f"scale {name}", "ScaleOutput", settings={"scale": function})
        corpus.layer(f"layer {name}", "dense", **function)
        for part in ("loss", "optimizer"):
            corpus.members_of(
                f"{part} {name}",
                config=lambda config, part=part, function=function: config["compile_config"].update(
                    {part: function}
                ),
            )
        corpus.members_of(f"model {name}", config=lambda config, function=function: function)


# These values are wrong for every setting of ours; the tests try them in each field of each class.
WRONG = {
    "text": "1", "empty": "", "minus": -7, "huge": 10**400, "large": 1e39, "nan": float("nan"),
    "infinite": float("-inf"), "list": [], "long": _ASCENDING * 150, "nested": [[1.0]],
    "mixed": [1.0, "1"], "dict": {}, "null in list": [None],
    "array": {"class_name": "__numpy__", "config": {"value": [[1.0]], "dtype": "float32"}},
    "tensor": {"class_name": "__tensor__", "config": {"value": [[1.0]], "dtype": "float32"}},
    "object": {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1},
               "registered_name": None},
    "slice": {"class_name": "slice", "config": {"start": 0, "stop": 10**9, "step": 1}},
    "bytes": {"class_name": "__bytes__", "config": {"value": "AAAA"}},
}  # fmt: skip


def _settings(corpus):
    """Add wrong types and sizes in the settings of our layers and of the windows."""
    import keras

    fields = {"ExpandSeries": ["axis"], "NormalizeWindow": ["statistic", "causal", "epsilon"],
              "ScaleOutput": ["scale", "offset"], "RestoreWindow": ["feature"]}  # fmt: skip
    for layer, names in fields.items():
        for field in names:
            for kind in ("text", "huge", "nan", "long", "nested", "array", "object"):
                corpus.layer(f"{layer} {field} {kind}", layer, settings={field: WRONG[kind]})
        corpus.layer(f"{layer} unknown setting", layer, settings={"unknown": 1})
        corpus.layer(f"{layer} dtype", layer, settings={"dtype": "float8192"})
    corpus.layer("ScaleOutput zero", "ScaleOutput", settings={"scale": 0.0})
    corpus.layer("ScaleOutput too many", "ScaleOutput", settings={"scale": [1.0, 2.0]})
    corpus.layer("ScaleOutput true", "ScaleOutput", settings={"scale": True})
    # TensorFlow waits ten seconds for room where the number of bytes is a number that it knows;
    # JAX ends the process where it is none.
    units = 2 ** (61 if keras.backend.backend() == "tensorflow" else 50)
    corpus.layer("Dense units", "dense", settings={"units": units})
    for kind, value in {**WRONG, "number": 7}.items():
        corpus.members_of(f"windows {kind}", metadata=lambda data, value=value: data.update(
            keras_ts={"windows": value} if value != [] else {"windows": 0}))  # fmt: skip
        corpus.members_of(f"windows window {kind}", metadata=lambda data, value=value: data.update(
            keras_ts={"windows": {"window": value if value != 7 else 0}}))  # fmt: skip
        corpus.members_of(f"scorecard {kind}", metadata=lambda data, value=value: data.update(
            keras_ts={"windows": {"window": 8}, "scorecard": value}))  # fmt: skip


def _names(corpus):
    """Add entries that name two classes."""
    for name in OURS:
        for ours in OURS:
            if name != ours:
                corpus.layer(f"{name} as {ours}", name, registered_name=f"keras_ts>{ours}")
        for stock in ("Dense", "Lambda"):
            corpus.layer(f"{name} as {stock}", name, registered_name=stock)
            corpus.layer(f"{stock} as {name}", name, class_name=stock, module="keras.layers",
                         config={"name": name, "units": 1})  # fmt: skip
        corpus.layer(f"{name} gone", name, registered_name="keras_ts>Gone", class_name="Gone")
        corpus.layer(f"{name} no text", name, registered_name=7, class_name=None)
        corpus.layer(f"{name} no settings", name, config=None)
    corpus.layer("another package", "ScaleOutput", registered_name="other>ScaleOutput")


def _archives(corpus):
    """Add archives that lie, and pieces of archives."""
    for number, member in enumerate(("../../up", "/absolute", "C:\\drive", "a/../../b", "..\\up")):
        corpus.members_of(f"path {number}", added={member: b"x"})
    corpus.members_of("unpacks to much", zipfile.ZIP_DEFLATED, added={"zeros": bytes(1 << 28)})
    corpus.members_of("long config", zipfile.ZIP_DEFLATED, config=b'{"a": "' + b"b" * (1 << 28))
    corpus.members_of("deep config", config=b"[" * 100_000)
    corpus.members_of("deep object", config=b'{"config":' * 100_000)
    deep = b'{"class_name": "Sequential", "config": {"layers": [' * 200 + b"]}}" * 200
    corpus.members_of("deep models", config=deep)
    for name, content in {"none": b"", "text": b"model", "list": b"[]", "null": b"null",
                          "no layers": b"{}", "binary": bytes(range(256))}.items():  # fmt: skip
        corpus.members_of(f"config {name}", config=content)
        corpus.members_of(f"metadata {name}", metadata=content)
        corpus.members_of(f"weights {name}", model=content)
        corpus.raw(f"file {name}", content)
        corpus.raw(f"file {name}", content, ".h5")
    whole = corpus.good.read_bytes()
    for part in range(1, 20):
        corpus.raw(f"cut {part}", whole[: len(whole) * part // 20])


def _hdf5(corpus):
    """Add models in the older format: a payload, links, and nonsense for a config."""
    import h5py
    import keras

    good = corpus.folder / "good.h5"
    keras.saving.load_model(corpus.good).save(good)
    settings = {"name": "dense", "function": [payload(), None, None], "function_type": "lambda"}
    lambda_ = {"class_name": "Lambda", "config": settings}

    def changed(name, change):
        corpus.raw(name, good.read_bytes(), ".h5")
        with h5py.File(corpus.folder / f"{name}.h5", "r+") as file:
            change(file)

    def layer(file):
        config = json.loads(file.attrs["model_config"])
        entry = next(e for e in config["config"]["layers"] if e["config"]["name"] == "dense")
        entry.update(lambda_)
        file.attrs["model_config"] = json.dumps(config)

    changed("payload", layer)
    changed("link out", lambda file: file.update({"x": h5py.ExternalLink("/etc/passwd", "/")}))
    changed("too large", lambda file: file.create_dataset("x", (1 << 40,), "f4", chunks=(1 << 20,)))
    changed("no config", lambda file: file.attrs.pop("model_config"))
    for kind, text in {"text": "model", "list": "[]", "deep": "[" * 50_000, "number": 7}.items():
        changed(f"config {kind}", lambda file, text=text: file.attrs.update(model_config=text))
    good.unlink()


def outcome(path, np):
    """Return the error or the result of each of our functions that read a file."""
    import keras_ts

    def migrate_lambdas(path):
        return keras_ts.migrate_lambdas(path, {})

    outcomes = {}
    for open_ in (
        keras_ts.load_model, migrate_lambdas, keras_ts.load_windows, keras_ts.scorecard
    ):  # fmt: skip
        try:
            opened = open_(path)
        except (ValueError, TypeError) as error:
            outcomes[open_.__name__] = f"{type(error).__name__}: {error}"
        except BaseException as error:
            outcomes[open_.__name__] = f"ESCAPED {type(error).__name__}: {str(error)[:500]}"
        else:
            model = open_ in (keras_ts.load_model, migrate_lambdas)
            outcomes[open_.__name__] = (
                opened.predict(inputs(np), verbose=0).tolist() if model else {"opened": True}
            )
    return outcomes


def main(folder):
    """Open every file in ``folder``; write outcomes, memory, and the events that the hook saw."""
    import keras
    import numpy as np

    keras.utils.disable_interactive_logging()
    for good in Path(folder).glob("good/*"):
        outcome(str(good), np)
    calls = []
    sys.addaudithook(lambda event, given: calls.append(noted(event, given)))
    results = {}
    for path in sorted(Path(folder).glob("*.*")):
        _forget_peak()
        before = _peak()
        calls.clear()
        outcomes = outcome(str(path), np)
        seen = sorted(set(filter(None, calls)))
        results[path.name] = {**outcomes, "calls": seen, "megabytes": (_peak() - before) >> 10}
    Path(os.environ[RESULTS]).write_text(json.dumps(results))


def noted(event, given):
    """Return the text of an event that no file may cause, or None for any other event."""
    if event in ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen",
                 "socket.connect"):  # fmt: skip
        return event
    if event == "import" and "evil" in str(given[0]):
        return f"import {given[0]}"
    if event == "open" and isinstance(given[0], str) and "passwd" in given[0]:
        return f"open {given[0]}"
    return None


def _forget_peak():
    """Let Linux measure the most memory anew; elsewhere it only ever grows."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak():
    """Return the most memory taken so far, in kilobytes."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(status.partition("VmHWM:")[2].split()[0])


if __name__ == "__main__":
    main(sys.argv[1])
