"""Takes every way out of Keras and back, with models that hold every layer of ours.

    python tests/roundtrips.py

saves on each backend, loads in a fresh process on each, and writes the table of results into
docs/compare/benchmarks.md. ``tests/saving/test_roundtrips.py`` runs the same.
"""

import copy
import importlib.util
import json
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

BACKENDS = ("tensorflow", "jax", "torch")
# The parts that Keras keeps beside the architecture, by way out.
KEEPS = {
    ".keras": "all",
    "pickle": "all",
    "deepcopy": "all",
    ".h5": "all",
    ".weights.h5": "all",
    "sharded weights": "all",
    "JSON": "architecture",
    "get_config": "architecture",
    "clone_model": "architecture",
}
# Keras does not load these, whatever the layers are: asserted, so that a change is noticed.
REFUSED = {(".h5", "masked"): "Unknown layer: 'NotEqual'"}
REASONS = {
    (".h5", "masked"): "`.h5` files of functional models with a `Masking` layer do not load: "
    "Keras writes operations into them that it cannot read. Every other model does.",
}


def models():
    """Return builders of models by name: every layer, every preset, every ``window_norm``."""
    import keras

    from keras_ts import (
        ExpandSeries,
        RecurrentPreset,
        ScaleOutput,
        WindowedSeries,
        from_preset,
        preset_names,
    )
    from keras_ts.layers.normalize_window import OF_WHOLE_WINDOWS, STATISTICS

    def layers():
        inputs = keras.Input((6,))
        x = keras.layers.Flatten()(ScaleOutput(0.1, -1.0)(ExpandSeries()(inputs)))
        x = ExpandSeries(axis=1)(keras.layers.Dense(2)(x))
        return keras.Model(inputs, ScaleOutput([10.0, -3.0], [1.0, 2.0])(x))

    def masked():
        inputs = keras.Input((6,))
        x = ScaleOutput(0.1)(keras.layers.Masking()(ExpandSeries()(inputs)))
        return keras.Model(inputs, keras.layers.SimpleRNN(3)(x))

    def preset(kind, norm):
        preset = RecurrentPreset(
            kind, "gru", units=(3, 2), window_norm=norm, features=2, dropout=0.1
        )
        return lambda: preset.build(window=6, outputs=2, target=1)

    def named(name):
        preset = from_preset(name)
        if preset.cell == "linear":  # It is solved from a dataset.
            return lambda: preset.build(WindowedSeries(6).build([float(n % 7) for n in range(40)]))
        return lambda: from_preset(name, units=(3,) * len(preset.units)).build(window=6)

    return {
        "layers": layers,
        "masked": masked,
        **{name: named(name) for name in preset_names()},
        **{
            f"{kind}_{norm}": preset(kind, norm)
            for kind in ("sequence_to_vector", "sequence_to_sequence")
            for norm in STATISTICS
            if norm not in OF_WHOLE_WINDOWS
        },
    }


def save(folder, names):
    """Save the models of these names in every way, with their outputs beside them."""
    import keras
    import numpy as np

    for name in names:
        keras.utils.set_random_seed(7)
        model = models()[name]()
        model.compile(keras.optimizers.Adam(0.01), keras.losses.MeanAbsoluteError())
        rng = np.random.default_rng(3)
        for variable in model.weights:
            variable.assign(rng.normal(scale=0.3, size=variable.shape))
        # As after some training, without its time.
        model.optimizer.build(model.trainable_variables)
        for variable in model.optimizer.variables[2:]:
            variable.assign(rng.uniform(0.1, 0.2, size=variable.shape))
        model.optimizer.iterations.assign(7)
        x = rng.normal(20.0, 3.0, (3, *model.input_shape[1:])).astype("float32")
        optimizer_state = {
            f"optimizer{i}": keras.ops.convert_to_numpy(variable)
            for i, variable in enumerate(model.optimizer.variables)
        }
        there = Path(folder) / name
        there.mkdir()
        y = keras.ops.convert_to_numpy(model(x))
        weights = {f"weight{i}": weight for i, weight in enumerate(model.get_weights())}
        np.savez(there / "expected.npz", x=x, y=y, **optimizer_state, **weights)
        model.save(there / "model.keras")
        (there / "model.pickle").write_bytes(pickle.dumps(model))
        copy.deepcopy(model).save(there / "deepcopy.keras")
        model.save_weights(there / "model.weights.h5")
        # In GB: more than the largest variable, and less than all of a net.
        model.save_weights(there / "model.weights.json", max_shard_size=1.5e-6)
        (there / "model.json").write_text(model.to_json())
        (there / "config.json").write_text(json.dumps(model.get_config()))
        (there / "compile.json").write_text(json.dumps(model.get_compile_config()))
        keras.models.clone_model(model).save(there / "clone.keras")
        # Last: it takes the optimizer off the model.
        model.save(there / "model.h5")


def come_back(way, there, stored):
    """Load a model in one way, and put in by hand what this way does not hold."""
    import keras

    def built():
        return keras.models.model_from_json((there / "model.json").read_text())

    if way in (".keras", "deepcopy", ".h5"):
        file = {".keras": "model.keras", "deepcopy": "deepcopy.keras", ".h5": "model.h5"}[way]
        return keras.saving.load_model(there / file)
    if way == "pickle":
        return pickle.loads((there / "model.pickle").read_bytes())
    if way in (".weights.h5", "sharded weights"):
        model = built()
        model.compile_from_config(json.loads((there / "compile.json").read_text()))
        model.load_weights(there / f"model.weights.{'h5' if way == '.weights.h5' else 'json'}")
        return model
    if way == "JSON":
        model = built()
    elif way == "get_config":
        model = keras.Model.from_config(json.loads((there / "config.json").read_text()))
    else:
        model = keras.saving.load_model(there / "clone.keras")
    model.set_weights([stored[f"weight{i}"] for i in range(len(model.weights))])
    return model


def load(folder):
    """Load every model in every way; write how far off its outputs are, and if all is kept."""
    import keras
    import numpy as np

    import keras_ts  # noqa: F401 - a program that loads needs no more

    results = {}
    for there in sorted(Path(folder).iterdir()):
        if not there.is_dir():
            continue
        stored = np.load(there / "expected.npz")
        for way, keeps in KEEPS.items():
            try:
                model = come_back(way, there, stored)
            except Exception as error:
                results[f"{way}|{there.name}"] = f"{type(error).__name__}: {str(error)[:300]}"
                continue
            y = keras.ops.convert_to_numpy(model(stored["x"]))
            off = np.abs(y - stored["y"]).max() / np.abs(stored["y"]).max()
            kept = keeps == "architecture" or (
                model.compiled
                and type(model.loss).__name__ == "MeanAbsoluteError"
                and all(
                    np.array_equal(keras.ops.convert_to_numpy(v), stored[f"optimizer{i}"])
                    for i, v in enumerate(model.optimizer.variables)
                )
            )
            results[f"{way}|{there.name}"] = [float(off), bool(kept)]
    sys.stdout.write(json.dumps(results))


def run(backend, *arguments):
    """Run this file in a fresh process on ``backend``; return the last line that it prints."""
    result = subprocess.run(
        [sys.executable, __file__, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout.splitlines()[-1] if result.stdout else ""


def installed(backend):
    return importlib.util.find_spec(backend) is not None


def table():
    """Return the table of the benchmarks: differences by way out, on one backend and another."""
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for saver in BACKENDS:
            (Path(folder) / saver).mkdir()
            run(saver, "save", Path(folder) / saver, *models())
            for loader in BACKENDS:
                results[saver, loader] = json.loads(run(loader, "load", Path(folder) / saver))
    alike = {}  # Ways out by the cells of their row.
    notes = []
    for way in KEEPS:
        cells = []
        for same in (True, False):
            outcomes = [
                (key.partition("|")[2], value)
                for (saver, loader), values in results.items()
                for key, value in values.items()
                if (saver == loader) == same and key.startswith(f"{way}|")
            ]
            failed = {REASONS[way, name] for name, value in outcomes if isinstance(value, str)}
            numbers = [value for _, value in outcomes if not isinstance(value, str)]
            assert all(kept for _, kept in numbers), (way, outcomes)
            notes += failed.difference(notes)
            off = max(value for value, _ in numbers)
            marks = "".join(f" ({notes.index(reason) + 1})" for reason in sorted(failed))
            cells.append((f"{off:.0e}" if off else "0") + marks)
        alike.setdefault(tuple(cells), []).append(way)
    count = len(results["jax", "jax"]) // len(KEEPS)
    return "\n".join(
        [
            f"Largest difference of a prediction, over the largest prediction, of {count} models.",
            "",
            "| way out | on the same backend | on another |",
            "| --- | --- | --- |",
            *(f"| {', '.join(ways)} | {same} | {other} |" for (same, other), ways in alike.items()),
            "",
            *(f"({i}) {note}" for i, note in enumerate(notes, 1)),
        ]
    )


def write_table():
    page = Path(__file__).parents[1] / "docs" / "compare" / "benchmarks.md"
    before, begin, rest = page.read_text().partition("<!-- table of tests/roundtrips.py -->\n")
    _, end, after = rest.partition("<!-- end of table -->")
    assert begin
    assert end
    page.write_text(f"{before}{begin}\n{table()}\n\n{end}{after}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["save"]:
        save(sys.argv[2], sys.argv[3:])
    elif sys.argv[1:2] == ["load"]:
        load(sys.argv[2])
    else:
        write_table()
