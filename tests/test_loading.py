"""`ganzoo.load` on damaged, foreign and hostile files: one sentence, and nothing of theirs runs."""

import io
import json
import os
import resource
import socket
import struct
import time
import zipfile

import h5py
import keras
import numpy as np
import onnx
import pytest

import ganzoo
from ganzoo import cli
from ganzoo.core import archives
from ganzoo.reporting import plots

WEIGHTS = "model.weights.h5"


def digits():
    return np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1), "uint8")


@pytest.fixture(scope="module")
def gan():
    gan = ganzoo.get("gan", width=8, latent_dim=4)
    gan.fit(digits(), batch_size=8, verbose=0)
    return gan


@pytest.fixture(scope="module")
def members(gan, tmp_path_factory):
    """The saved GAN's file, taken apart: name -> bytes."""
    path = tmp_path_factory.mktemp("saved") / "gan.keras"
    gan.save(path)
    return apart(path)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The configuration and the members of a GAN of the user's own networks."""
    path = tmp_path_factory.mktemp("own") / "own.keras"
    layers = keras.layers
    generator = [keras.Input([4]), layers.Dense(64), layers.Reshape([8, 8, 1])]
    discriminator = [keras.Input([8, 8, 1]), layers.Flatten(), layers.Dense(1)]
    pair = keras.Sequential(generator), keras.Sequential(discriminator)
    gan = ganzoo.get("gan", latent_dim=4, architecture=pair)
    gan.fit(digits(), batch_size=8, verbose=0)
    gan.save(path)
    return apart(path)


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    def refuse(*_):
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def apart(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refused(path, match=None):
    """The sentence with which `load` refuses a file, soon and for little memory."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=match) as caught:
        ganzoo.load(path)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert time.monotonic() - began < 10 and after - before < 400 * 1024  # KiB
    sentence = str(caught.value)
    assert sentence.startswith(str(path)) and sentence.endswith(".")
    assert sentence.isprintable() and len(sentence) < len(str(path)) + 300
    return sentence


# Damage


def test_truncated_files_get_one_sentence(members, tmp_path):
    whole = pack(tmp_path / "gan.keras", members).read_bytes()
    path = tmp_path / "part.keras"
    for part in range(0, 20):
        path.write_bytes(whole[: len(whole) * part // 20])
        refused(path, "is no saved GAN, or is damaged")
    path.write_bytes(whole[:-1])
    refused(path, "is no saved GAN, or is damaged")


def test_a_flipped_bit_is_found_or_harmless(gan, members, tmp_path):
    """Harmless are those in dates and permissions, which no checksum covers."""
    whole = pack(tmp_path / "gan.keras", members).read_bytes()
    path = tmp_path / "flipped.keras"
    directory = whole.index(b"PK\x01\x02")
    generator = np.random.default_rng(0)
    places = [
        *generator.integers(0, len(whole), 40),
        *generator.integers(directory, len(whole), 20),
    ]
    found = 0
    for place in places:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << generator.integers(8)
        path.write_bytes(flipped)
        try:
            loaded = ganzoo.load(path)
        except ValueError as error:
            assert str(error).startswith(f"{path} is no saved GAN, or is damaged: ")
            assert str(error).isprintable()
            found += 1
        else:
            for one, other in zip(gan.weights, loaded.weights, strict=True):
                np.testing.assert_array_equal(one, other)
    assert found > 40


def test_weights_of_another_gan_are_refused(members, tmp_path):
    config = json.loads(members["config.json"])
    config["config"]["width"] = 16
    path = pack(tmp_path / "gan.keras", members | {"config.json": json.dumps(config)})
    refused(path, "its weights don't fit its config.json")


# Foreign files


def foreign(folder):
    images = folder / "picture.png"
    plots.save_samples(digits(), images, value_range=(0, 255))
    yield "a picture", images.read_bytes(), "is no saved GAN"
    yield "nothing", b"", "is no saved GAN"
    graph = onnx.helper.make_graph([], "g", [], [])
    yield "an ONNX model", onnx.helper.make_model(graph).SerializeToString(), "is no saved GAN"
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file["x"] = np.zeros(3)
    yield "HDF5", memory.getvalue(), "is no saved GAN"
    keras.Sequential([keras.Input([2]), keras.layers.Dense(1)]).save(folder / "m.keras")
    plain = (folder / "m.keras").read_bytes()
    yield "another Keras model", plain, "holds a Sequential, not a GAN of the zoo"
    other = pack(folder / "x.zip", {"a.txt": b"a"}).read_bytes()
    yield "another archive", other, "holds a.txt where Keras writes config.json"


def test_foreign_files_get_one_sentence(tmp_path, capsys):
    for number, (what, content, match) in enumerate(foreign(tmp_path)):
        path = tmp_path / f"foreign-{number}.keras"
        path.write_bytes(content)
        sentence = refused(path, match)
        for command in (["sample", str(path)], ["export", str(path)]):
            assert cli.main(command) == 2, what
            printed = capsys.readouterr()
            assert printed.err == f"ganzoo: {sentence}\n" and not printed.out


def test_what_is_no_file_is_told_apart(members, tmp_path):
    (tmp_path / "folder.keras").mkdir()
    refused(tmp_path / "folder.keras", "is a folder: name the .keras file")
    refused(pack(tmp_path / "gan.zip", members), r"the name of one ends in \.keras")
    with pytest.raises(FileNotFoundError, match="there is no saved GAN at"):
        ganzoo.load(tmp_path / "none.keras")


# Hostile archives


@pytest.mark.parametrize(
    "name", ["../escaped.txt", "/escaped.txt", "assets/../../escaped.txt", "a\\b", "assets/a"]
)
def test_members_that_keras_never_writes_are_refused(members, tmp_path, name):
    path = pack(tmp_path / "gan.keras", members | {name: b"x"})
    refused(path, "where Keras writes config.json, metadata.json, model.weights.h5")
    assert os.listdir(tmp_path) == ["gan.keras"]


def test_duplicates_links_and_compressed_members_are_refused(members, tmp_path):
    path = tmp_path / "gan.keras"
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "w") as archive:
        for name in (*members, "config.json"):
            archive.writestr(name, members[name])
    refused(path, "it holds config.json, config.json")
    for gone in members:
        some = {name: content for name, content in members.items() if name != gone}
        refused(pack(path, some), "where Keras writes")
    bomb = members | {WEIGHTS: bytes(30_000_000)}
    refused(pack(path, bomb, compression=zipfile.ZIP_DEFLATED), "is compressed")
    assert path.stat().st_size < 50_000
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o120777 if name == WEIGHTS else 0o100600) << 16
            archive.writestr(entry, content)
    refused(path, "model.weights.h5 is a link")


def test_a_size_that_the_directory_invents_is_refused(members, tmp_path):
    path = pack(tmp_path / "gan.keras", members)
    whole = bytearray(path.read_bytes())
    place = whole.rindex(b"PK\x01\x02")
    struct.pack_into("<LL", whole, place + 20, 4_000_000_000, 4_000_000_000)
    path.write_bytes(whole)
    refused(path, "its members overlap|damaged")


def weights(members, change):
    """The members with `change(file)` done to the HDF5 file of weights."""
    memory = io.BytesIO(members[WEIGHTS])
    with h5py.File(memory, "r+") as file:
        change(file)
    return members | {WEIGHTS: memory.getvalue()}


KERNEL = "generator/layers/dense/vars/0"


def replace(**options):
    def change(file):
        del file[KERNEL]
        file.create_dataset(KERNEL, **options)

    return change


def link(to):
    def change(file):
        del file[KERNEL]
        file[KERNEL] = to

    return change


def virtual(file):
    layout = h5py.VirtualLayout((4, 8), "float32")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4, 8))
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, layout)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (link(h5py.SoftLink("/vars/0")), "lead elsewhere at generator/layers/dense/vars/0"),
        (link(h5py.ExternalLink("/etc/passwd", "/x")), "lead elsewhere"),
        (lambda file: file.update({"far": h5py.ExternalLink("x.h5", "/")}), "elsewhere at far"),
        (replace(shape=(4, 8), dtype="f4", external=[("/etc/passwd", 0, 128)]), "never writes"),
        (virtual, "never writes"),
        (replace(shape=(10**6, 10**6), dtype="f4", chunks=(100, 100)), "never writes"),
        (replace(data=np.zeros((4, 8)), compression="gzip"), "never writes"),
        (replace(shape=(10**6, 10**6), dtype="f4"), "isn't there in full"),
        (replace(data=["text"] * 8), "no numbers"),
        (lambda file: file.__delitem__(KERNEL), "don't fit its config.json"),
    ],
)
def test_hostile_weights_are_refused(members, tmp_path, change, match):
    refused(pack(tmp_path / "gan.keras", weights(members, change)), match)


def test_a_group_that_contains_itself_ends(gan, members, tmp_path):
    path = tmp_path / "gan.keras"
    pack(path, weights(members, lambda file: file.update({"generator/again": file["generator"]})))
    np.testing.assert_array_equal(ganzoo.load(path).sample(2), gan.sample(2))


# Hostile configurations


def described(members, **changes):
    """The members with `changes` to the GAN's own configuration."""
    config = json.loads(members["config.json"])
    config["config"] |= changes
    return members | {"config.json": json.dumps(config)}


def item(module, name, config=None, registered=None):
    parts = {"module": module, "class_name": name, "config": config or {}}
    return parts | {"registered_name": registered}


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


# Absurd sizes

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


# What is not hostile


def test_networks_of_the_users_own_come_back(tmp_path):
    @keras.saving.register_keras_serializable("test_loading")
    def wave(x):
        return keras.ops.sin(x)

    z = keras.Input([4])
    x = keras.layers.Dense(64, wave, kernel_regularizer="l2", kernel_constraint="max_norm")(z)
    x = keras.layers.Dense(64, "gelu", dtype="bfloat16")(x)
    x = keras.layers.Lambda(keras.ops.tanh)(keras.ops.cast(x, "float32") * 0.5)
    generator = keras.Model(z, keras.layers.Reshape([8, 8, 1])(x))
    sample = keras.Input([8, 8, 1])
    y = keras.layers.Dropout(0.2, seed=2**31)(keras.layers.Conv2D(3, 3)(sample))
    y = keras.layers.Activation(keras.activations.silu)(keras.layers.GroupNormalization(3)(y))
    discriminator = keras.Model(sample, keras.layers.Dense(1)(keras.layers.Flatten()(y)))
    discriminator.compile(keras.optimizers.SGD(0.1), keras.losses.MeanSquaredError())
    rate = keras.optimizers.schedules.CosineDecay(1e-3, 10**9)
    gan = ganzoo.get("gan", latent_dim=4, seed=2**40, architecture=(generator, discriminator))
    gan.compile(keras.optimizers.AdamW(rate), keras.optimizers.RMSprop(1e-3, clipnorm=1.0))
    gan.fit(digits(), batch_size=8, verbose=0)
    gan.save(tmp_path / "own.keras")
    loaded = ganzoo.load(tmp_path / "own.keras")
    np.testing.assert_array_equal(loaded.sample(4), gan.sample(4))
    assert loaded.step == gan.step
