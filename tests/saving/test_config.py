"""One walk over a saved config: every object, with the layers or the part it stands in."""

import keras

from keras_ts.saving.config import entries, is_stock, title, walk


def model():
    inner = keras.Sequential([keras.Input((4, 1)), keras.layers.GRU(2, name="gru")], name="inner")
    inputs = keras.Input((4, 1), name="windows")
    outputs = keras.layers.Dense(1, name="dense")(inner(inputs))
    model = keras.Model(inputs, outputs, name="outer")
    model.compile(keras.optimizers.SGD(name="descent"), keras.losses.Huber(name="loss"))
    return model


def test_every_object_stands_where_it_belongs():
    places = {
        title(entry): place
        for place, entry in entries(keras.saving.serialize_keras_object(model()))
    }
    assert places["Functional"].layers == ("outer",)
    assert places["GRU"].layers == ("outer", "inner", "gru")
    assert str(places["GRU"]) == "Layer 'gru'"
    assert str(places["Orthogonal"]) == "Layer 'gru'"
    assert str(places["Huber"]) == "The model's loss"
    assert str(places["SGD"]) == "The model's optimizer"


def test_an_outer_object_comes_before_those_inside_it():
    titles = [title(entry) for _, entry in entries(keras.saving.serialize_keras_object(model()))]
    assert titles.index("Functional") < titles.index("Sequential") < titles.index("GRU")
    assert titles.index("GRU") < titles.index("Dense")


def test_a_dict_may_be_changed_before_the_walk_goes_into_it():
    config = {"old": [{"x": 1}], "kept": [1, 2]}
    seen = []
    for _, value in walk(config):
        if isinstance(value, dict) and "old" in value:
            value["new"] = value.pop("old")
        seen.append(value)
    assert seen == [config, [1, 2], [{"x": 1}], {"x": 1}]


def test_no_depth_is_too_deep():
    config = []
    for _ in range(100_000):
        config = [config]
    assert sum(1 for _ in walk(config)) == 100_001


def test_stock_is_what_keras_alone_knows():
    assert is_stock({"class_name": "Dense", "module": "keras.layers", "config": {}})
    assert is_stock({"class_name": "function", "config": "relu", "module": "builtins"})
    assert is_stock({"class_name": "Dense", "config": {}})
    assert not is_stock({"class_name": "function", "config": "squares", "module": "builtins"})
    ours = {"class_name": "Dense", "module": "keras.layers", "registered_name": "keras_ts>Dense"}
    assert not is_stock({**ours, "config": {}})
