"""`ganzoo.load` on hostile configurations: one sentence, and nothing of theirs runs or grows."""

import json
import os

import keras
import numpy as np
import pytest
from keras_files import described, item, pack, refused

from ganzoo.core import archives


def function(module, name):
    return item(module, "function", name, name)


def in_a_lambda(function):
    return item("keras.layers", "Lambda", {"name": "l", "function": function, "arguments": {}})


def dump(canary):
    """Python's code for writing a file, as Keras puts it into a configuration."""
    layer = keras.layers.Lambda(lambda z: (open(canary, "w").close(), z)[1])
    return keras.saving.serialize_keras_object(layer)


HOSTILE = {
    "a module's class": item("os", "system", {"command": "touch canary"}),
    "a built-in class": item("builtins", "eval", {"source": "open('canary', 'w')"}),
    "a process": item("subprocess", "Popen", {"args": ["touch", "canary"]}),
    "an unknown registered name": item("evil", "Layer", {}, "evil>Layer"),
    "no module": {"class_name": "Dense", "config": {"units": 1}},
    "a module's function": in_a_lambda(function("os", "system")),
    "a download": in_a_lambda(function("keras.utils", "get_file")),
    "a data set": in_a_lambda(function("keras.datasets.mnist", "load_data")),
    "weights from elsewhere": in_a_lambda(function("keras.applications", "MobileNet")),
    "a picture of the network": in_a_lambda(function("keras.utils", "plot_model")),
    "a loader": item("keras.models", "load_model", {"filepath": "x"}),
    "unsafe mode": in_a_lambda(function("keras.config", "enable_unsafe_deserialization")),
    "a pickle": item("keras.layers", "TorchModuleWrapper", {"module": "gASVAAAA", "name": "t"}),
    "a program": item("keras.layers", "TFSMLayer", {"filepath": ".", "call_endpoint": "x"}),
    "a type": {"class_name": "__typespec__", "spec_name": "x", "module": "os", "config": []},
    "a callback": item("keras.callbacks", "CSVLogger", {"filename": "canary"}),
    "no name": item("keras.layers", ["Dense"]),
}


@pytest.mark.parametrize("where", ["architecture", "objective", "fields"])
@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_part_of_a_network_is_refused(own, tmp_path, monkeypatch, what, where):
    monkeypatch.chdir(tmp_path)
    value = HOSTILE[what]
    if where == "architecture":
        value = [value, json.loads(own["config.json"])["config"]["architecture"][1]]
    elif where == "fields":
        fields = json.loads(own["config.json"])["config"]["fields"]
        value = {name: field | {"dtype": value} for name, field in fields.items()}
    refused(pack(tmp_path / "gan.keras", described(own, **{where: value})), "no network is made of")
    assert os.listdir(tmp_path) == ["gan.keras"]


def inserted(own, layer):
    """The members of `own` with another layer in its generator."""
    config = json.loads(own["config.json"])
    config["config"]["architecture"][0]["config"]["layers"].insert(1, layer)
    return own | {"config.json": json.dumps(config)}


def test_a_built_in_function_is_none_of_kerass(own, tmp_path):
    path = pack(tmp_path / "gan.keras", inserted(own, in_a_lambda(function("builtins", "eval"))))
    refused(path, "Could not locate function 'eval'")


@pytest.mark.parametrize("unsafe", [False, True])
def test_code_in_the_file_never_runs(own, tmp_path, unsafe):
    """Not even where the user allowed it for other files."""
    path = pack(tmp_path / "gan.keras", inserted(own, dump(str(tmp_path / "canary"))))
    scope = keras.src.saving.serialization_lib.SafeModeScope
    with scope(None):
        if unsafe:
            keras.config.enable_unsafe_deserialization()
        refused(path, "names __lambda__, which no network is made of")
    assert os.listdir(tmp_path) == ["gan.keras"]


def test_safe_mode_stays_on_behind_the_check(own, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_is_harmless", lambda item: True)
    path = pack(tmp_path / "gan.keras", inserted(own, dump(str(tmp_path / "canary"))))
    with keras.src.saving.serialization_lib.SafeModeScope(None):
        keras.config.enable_unsafe_deserialization()
        refused(path, "lambda")
    assert os.listdir(tmp_path) == ["gan.keras"]


def test_a_file_can_not_read_another(own, tmp_path):
    (tmp_path / "secret.txt").write_text("a\nb\n")
    lookup = {"vocabulary": str(tmp_path / "secret.txt"), "name": "s"}
    layer = item("keras.layers", "StringLookup", lookup)
    refused(pack(tmp_path / "gan.keras", inserted(own, layer)), "vocabulary")


@pytest.mark.parametrize(
    "config",
    [b"", b"{", b"[]", b"null", b'{"config": 3}', b"[" * 100_000, b"\xff\xfe", b'{"config": {}}'],
)
def test_configurations_that_are_none(members, tmp_path, config):
    refused(pack(tmp_path / "gan.keras", members | {"config.json": config}))


@pytest.mark.parametrize("name", ["ganzoo>nogan", "ganzoo>LeakyReLU", "ganzoo>", "a>gan", None])
def test_names_that_are_no_gans(members, tmp_path, name):
    config = json.loads(members["config.json"]) | {
        "registered_name": name,
        "class_name": "\x1b[2J" + "x" * 1000,
    }
    refused(
        pack(tmp_path / "gan.keras", members | {"config.json": json.dumps(config)}),
        "not a GAN of the zoo|GAN nogan, whose class is not known here",
    )


FIELD = {"codec": "affine", "dtype": "float32", "offset": 0.0, "scale": 1.0, "num_classes": None}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"width": 10**9}, "width=1000000000 for"),
        ({"width": 2**14}, "asks for more than its"),
        ({"width": 10**30}, "damaged: its config.json has width"),
        ({"latent_dim": 10**12}, "latent_dim=1000000000000 for"),
        ({"latent_dim": archives.SLACK}, "at most 65536"),
        ({"fields": {"image": FIELD | {"shape": [10**9]}}}, "shape of image=1000000000 for"),
        (
            {"fields": {"image": FIELD | {"shape": [10**5, 10**5, 1]}}},
            "shape of image=10000000000 for",
        ),
        ({"fields": {"image": FIELD | {"shape": [4000, 4000, 1]}}}, "asks for more than its"),
        ({"fields": {"image": FIELD | {"shape": [-8, -8, 1]}}}, None),
        ({"fields": {"image": FIELD | {"shape": "8"}}}, None),
        (
            {"fields": {"label": FIELD | {"shape": [], "num_classes": 10**9}}},
            "num_classes of label=10",
        ),
        ({"fields": {}}, "never seen data"),
    ],
)
def test_absurd_sizes_are_refused_before_they_are_allocated(members, tmp_path, changes, match):
    refused(pack(tmp_path / "gan.keras", described(members, **changes)), match)


def layer(name, **config):
    return item("keras.layers", name, {"name": "big"} | config)


@pytest.mark.parametrize(
    "big",
    [
        layer("Dense", units=10**12),
        layer("Embedding", input_dim=10**9, output_dim=10**3),
        layer(
            "Dense",
            units=4,
            bias_initializer=item(
                "keras.initializers",
                "Constant",
                {"value": item(None, "__numpy__", {"value": [0] * 99, "dtype": "V1000000000"})},
            ),
        ),
        item("keras", "Sequential", {"name": "s", "layers": [layer("Dense", units=10**6)] * 3}),
        layer("LSTM", units=10**5),
    ],
)
def test_absurd_layers_are_refused_before_they_are_allocated(own, tmp_path, big):
    refused(pack(tmp_path / "gan.keras", inserted(own, big)))


def test_other_threads_and_later_models_have_no_allowance(members, tmp_path):
    make = keras.Variable.__init__
    path = pack(tmp_path / "gan.keras", described(members, width=10**6))
    refused(path)
    assert keras.Variable.__init__ is make
    with archives.allowance(0):
        keras.Variable(np.zeros(3))
        with pytest.raises(ValueError, match="more than its 0 weights"):
            keras.Variable("zeros", (archives.SLACK,))
    keras.Variable("zeros", (archives.SLACK,))
