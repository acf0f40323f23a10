"""`ganzoo.load` on damaged and foreign files and on hostile archives: one sentence."""

import io
import json
import os
import struct
import zipfile

import h5py
import keras
import numpy as np
import onnx
import pytest
from keras_files import WEIGHTS, digits, pack, refused

import ganzoo
from ganzoo import cli
from ganzoo.reporting import plots

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
    gan.compile(
        generator_optimizer=keras.optimizers.AdamW(rate),
        discriminator_optimizer=keras.optimizers.RMSprop(1e-3, clipnorm=1.0),
    )
    gan.fit(digits(), batch_size=8, verbose=0)
    gan.save(tmp_path / "own.keras")
    loaded = ganzoo.load(tmp_path / "own.keras")
    np.testing.assert_array_equal(loaded.sample(4), gan.sample(4))
    assert loaded.step == gan.step
