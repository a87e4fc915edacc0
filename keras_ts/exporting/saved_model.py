"""Rewrites Keras's SavedModel so that it describes itself and refuses what the model cannot take.

TensorFlow Serving answers every request that the graph can compute: a window of another length, or
a missing value that nothing masks, would come back as a number. So the checks are operations of the
graph, and a request that fails one gets an error with its text.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from keras_ts.exporting.description import KEY

_NOT_FINITE = (
    "The forecast is not finite: the inputs are larger than those that the model can square. "
    "Divide the series by a number, before training too."
)


def describe_saved_model(path: Path, description: dict[str, Any]) -> None:
    """Rewrite a SavedModel with the signatures ``serving_default`` and ``description``, JSON."""
    import tensorflow as tf

    from_keras = path.rename(path.with_name(f"{path.name}-from-keras"))
    module = tf.Module()
    # The graph reads variables of what was loaded, which are saved as part of the module.
    module.loaded = tf.saved_model.load(str(from_keras))
    run = module.loaded.signatures["serving_default"]
    inputs, output = description["inputs"], description["output"]
    specs = {
        role: tf.TensorSpec(entry["shape"], entry["dtype"], name=role)
        for role, entry in inputs.items()
    }
    names = matched(list(specs), list(run.structured_input_signature[1]))

    def serve(**values: Any) -> dict[str, Any]:
        fed = {names[role]: _checked(tf, role, values[role], inputs[role]) for role in specs}
        [ahead] = run(**fed).values()
        if not output["closes_steps"]:
            ahead = tf.debugging.assert_all_finite(ahead, _NOT_FINITE)
        return {output["name"]: ahead}

    def describe() -> dict[str, Any]:
        return {"json": tf.constant(json.dumps(description))}

    signatures = {
        "serving_default": tf.function(serve).get_concrete_function(**specs),
        "description": tf.function(describe).get_concrete_function(),
    }
    # JAX leaves gradients that cannot be saved again, and a server asks for none.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(path), signatures, options)
    shutil.rmtree(from_keras)
    # The place for what people add; it is read without TensorFlow.
    extra = path / "assets.extra"
    extra.mkdir()
    (extra / f"{KEY}.json").write_text(json.dumps(description))


def matched(roles: list[str], names: list[str]) -> dict[str, str]:
    """Return a file's names of its inputs by their roles; old Keras numbers them in that order."""
    if set(roles) == set(names):
        return {role: role for role in roles}
    return dict(zip(roles, names, strict=True))


def _checked(tf: Any, role: str, values: Any, entry: dict[str, Any]) -> Any:
    """Return an input of the graph that passes on only what the model can take."""
    # TensorFlow does not compare what it is fed with the shape of a signature; this operation does.
    values = tf.ensure_shape(values, entry["shape"])
    columns, may_be_missing = entry["columns"], entry["may_be_missing"]
    checks = []
    refused = [place for place, name in enumerate(columns) if name not in may_be_missing]
    if refused:
        part = values if len(refused) == len(columns) else tf.gather(values, refused, axis=-1)
        named = "" if len(refused) == len(columns) else f" in {[columns[at] for at in refused]}"
        text = f"{role} holds a missing or infinite value{named}, which the model does not mask."
        checks.append(tf.debugging.assert_all_finite(part, text))
    if entry.get("present") is not None:
        needed = entry["present"]
        text = (
            f"{role} has no value of {needed['columns']} in "
            f"{'one of its rows' if needed['in_one_row'] else 'its rows'} to forecast from."
        )
        checks.append(tf.debugging.Assert(_present(tf, values, columns, needed), [text]))
    with tf.control_dependencies(checks):
        return tf.identity(values)


def _present(tf: Any, values: Any, columns: list[Any], needed: dict[str, Any]) -> Any:
    """Return True if every window of a batch has the values that the model goes on from."""
    values = tf.reshape(values, [-1, values.shape[1], len(columns)])[:, :: needed["every"]]
    places = [columns.index(name) for name in needed["columns"]]
    finite = tf.math.is_finite(tf.gather(values, places, axis=-1))
    if needed["in_one_row"]:
        return tf.reduce_all(tf.reduce_any(tf.reduce_all(finite, axis=2), axis=1))
    return tf.reduce_all(tf.reduce_any(finite, axis=1))
