"""What users of Keras, pandas, SciPy and torch have at hand."""

import json
import types

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import tensorflow as tf
from data_cases import LABELS, PICTURES, RNG, WITH_LABELS, N, picture, slices, take
from PIL import Image

import ganzoo
from ganzoo import data
from ganzoo.data import Field, batches

FRAME = pd.DataFrame(
    {
        "age": RNG.integers(1, 90, N),
        "height": RNG.normal(size=N).astype("float32"),
        "member": RNG.random(N) > 0.5,
    }
)


def test_a_frame_comes_back_as_a_frame():
    b = batches(FRAME, batch_size=8)
    field = b.spec
    assert field == Field.from_config(json.loads(json.dumps(field.to_config())))
    again = field.decode(field.encode(FRAME.to_numpy("float64")))
    pd.testing.assert_frame_equal(again, FRAME, rtol=1e-5)
    plain = take(batches(FRAME, batch_size=8, shuffle=False).dataset, 1)
    other = batches(
        FRAME[["member", "age", "height"]], fields=b.fields, batch_size=8, shuffle=False
    )
    np.testing.assert_equal(take(other.dataset, 1), plain)
    with pytest.raises(ValueError, match="columns 'age', but the model was built for 'age', 'h"):
        batches(FRAME[["age"]], fields=b.fields, batch_size=8)
    with pytest.raises(ValueError, match=r"no plain numbers, 'name' \(.*\), 'born' \(date"):
        batches(FRAME.assign(name="x", born=pd.Timestamp("2020-01-01")))


def test_sparse_matrices_are_made_dense():
    x = scipy.sparse.random(N, 7, 0.3, format="csr", dtype="float32", random_state=0)
    (batch,) = take(batches(x, batch_size=N, shuffle=False).dataset, 1)
    np.testing.assert_array_equal(batch["vector"], x.toarray())
    with pytest.raises(ValueError, match=r"takes 745\.1 GiB as an array"):
        batches(scipy.sparse.csr_matrix((10**6, 10**5)))


def test_the_nested_pair_of_keras_datasets():
    nested = ((PICTURES[..., 0], LABELS), (PICTURES[:9, ..., 0], LABELS[:9]))
    with pytest.warns(UserWarning, match="the first pair is used"):
        b = batches(nested, columns=WITH_LABELS, batch_size=N, shuffle=False)
    (batch,) = take(b.dataset, 1)
    np.testing.assert_array_equal(batch["image"], PICTURES[..., :1])
    np.testing.assert_array_equal(batch["label"], LABELS)


class Sequence(keras.utils.PyDataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        rows = slice(8 * index, 8 * index + 8)
        return PICTURES[rows], LABELS[rows]


def generator():
    while True:
        yield from (Sequence()[i] for i in range(5))


def loader(batches_of):
    """What the torch package has, as far as it is asked for here."""
    module = types.ModuleType("torch.utils.data")
    kind = type(
        "DataLoader",
        (),
        {
            "__module__": module.__name__,
            "__len__": lambda self: len(batches_of),
            "__iter__": lambda self: iter(batches_of),
        },
    )
    return kind()


def test_batches_of_python_objects():
    torch = [[np.moveaxis(x, -1, 1), y] for x, y in (Sequence()[i] for i in range(5))]
    for x, options in (
        (Sequence(), {}),
        (loader(torch), {}),
        (generator(), {"steps_per_epoch": 5, "num_classes": 4}),
    ):
        b = batches(x, columns=WITH_LABELS, **options)
        seen = take(b.dataset, 10)
        np.testing.assert_array_equal(np.concatenate([s["image"] for s in seen[:5]]), PICTURES)
        np.testing.assert_array_equal(np.concatenate([s["label"] for s in seen[5:]]), LABELS)
    for x, words in (
        (generator(), "pass steps_per_epoch="),
        (loader([]), "empty"),
        (loader([[object()]]), "DataLoader yields"),
    ):
        with pytest.raises(ValueError, match=words):
            batches(x)
    with pytest.raises(ValueError, match="pass num_classes="):
        batches(generator(), columns=WITH_LABELS, steps_per_epoch=5)


def test_a_loader_of_torch():
    torch = pytest.importorskip("torch")
    rows = torch.utils.data.TensorDataset(
        torch.from_numpy(np.moveaxis(PICTURES, -1, 1).copy()), torch.from_numpy(LABELS)
    )
    real = torch.utils.data.DataLoader(rows, batch_size=8)
    b = batches(real, columns=WITH_LABELS)
    seen = take(b.dataset, 5)
    np.testing.assert_array_equal(np.concatenate([s["image"] for s in seen]), PICTURES)
    np.testing.assert_array_equal(np.concatenate([s["label"] for s in seen]), LABELS)
    gan = ganzoo.get("cgan", width=8)
    gan.fit(real, steps_per_epoch=1, verbose=0)
    assert gan.sample(2, labels=[0, 3]).shape == (2, 6, 5, 3)


def test_an_epoch_holds_all_full_batches():
    class Ragged(Sequence):
        def __getitem__(self, index):
            return tuple(x[: 3 if index == 4 else 8] for x in super().__getitem__(index))

    for x, options, steps in (
        (Sequence(), {}, 5),
        (Sequence(), {"batch_size": 20}, 2),
        (Ragged(), {}, 4),
    ):
        assert batches(x, **options).steps_per_epoch == steps
    for rows, drop_last, steps in ((40, False, 5), (40, True, 5), (39, False, 4), (47, True, 5)):
        x = loader([[PICTURES[:8]]] * (rows // 8 if drop_last else -(-rows // 8)))
        x.batch_size, x.drop_last, x.sampler = 8, drop_last, range(rows)
        assert batches(x).steps_per_epoch == steps


def test_a_last_batch_that_fails_is_named():
    class Short(Sequence):
        def __getitem__(self, index):
            return super().__getitem__(index) if index < 4 else [][index]

    with pytest.raises(ValueError, match="the last batch of the Short can't be read"):
        batches(Short())


def test_channels_first_is_refused():
    moved = np.moveaxis(PICTURES, -1, 1)  # (N, 3, 6, 5)
    for x, mend in (
        (moved, r"np\.moveaxis\(x, 1, -1\)"),
        (slices(moved), r"tf\.transpose\(x, \[1, 2, 0\]\)"),
        (slices(moved).batch(9), r"tf\.transpose\(x, \[0, 2, 3, 1\]\)"),
        (np.zeros((N, 1, 28, 28), "uint8"), "channels first"),
    ):
        with pytest.raises(ValueError, match=mend):
            batches(x, batch_size=4)
    for shape in ((1, 1, 64), (4, 4, 512), (8, 8, 32), (3, 8, 4), (1, 128, 16)):
        assert batches(np.zeros((N, *shape), "uint8"), batch_size=4).spec.shape == shape


def test_weights_of_samples_are_refused():
    with pytest.raises(ValueError, match=r"sample weights .* are not supported"):
        batches((PICTURES, LABELS, np.ones(N)))


def test_split():
    train, held = data.split(PICTURES, LABELS, fraction=0.25)
    np.testing.assert_array_equal(train[0], PICTURES[:30])
    np.testing.assert_array_equal(held[1], LABELS[30:])
    assert len(data.split({"image": PICTURES}, fraction=0.5)[1]["image"]) == 20
    assert data.split(FRAME, fraction=0.1)[1].index.tolist() == [36, 37, 38, 39]
    for x, fraction, words in (
        (slices(PICTURES), 0.5, "can't be split"),
        (PICTURES, 1.5, "not between 0 and 1"),
        (PICTURES[:1], 0.5, "leaves 0"),
        ((PICTURES, LABELS[1:]), 0.5, "40 and 39 rows"),
    ):
        with pytest.raises(ValueError, match=words):
            data.split(x, fraction=fraction)


@pytest.mark.parametrize("kind", ["webp", "bmp", "tiff", "tif", "gif"])
def test_other_kinds_of_pictures_are_read(tmp_path, kind):
    options = {"lossless": True} if kind == "webp" else {}
    shape = (6, 5) if kind == "gif" else (6, 5, 3)
    pixels = [picture(tmp_path / f"{i}.{kind}", shape, seed=i, **options) for i in range(2)]
    picture(tmp_path / "z.png", shape, seed=2)
    found = {element["image"].numpy().tobytes() for element in data.load(f"folder:{tmp_path}")}
    if kind == "gif":  # which has a palette of colours
        pixels = [np.repeat(x[..., None], 3, axis=-1) for x in pixels]
    assert len(found) == 3 and {x.tobytes() for x in pixels} <= found


def test_pictures_that_nothing_reads_are_named(tmp_path):
    picture(tmp_path / "a.png", (6, 5))
    (tmp_path / "b.heic").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"b\.heic can't be read, as pictures must be PNG"):
        data.load(f"folder:{tmp_path}")


def test_fits(tmp_path):
    pixels = np.zeros((4, 8, 3), "uint8")
    pixels[:, 2:6] = 200
    Image.fromarray(pixels).save(tmp_path / "a.png")

    def fitted(**options):
        (element,) = data.load(f"folder:{tmp_path}", size=(4, 4), **options)
        return element["image"].numpy()[..., 0]

    np.testing.assert_array_equal(fitted(), fitted(fit="crop"))
    np.testing.assert_array_equal(fitted(), 200)
    padded = fitted(fit="pad")
    assert (padded[[0, 3]] == 0).all() and padded[1:3].max() > 100
    squashed = fitted(fit="squash")
    assert squashed[0, 0] < 100 and squashed[0, 1] > 100 and (squashed[0] == squashed[3]).all()
    with pytest.raises(ValueError, match="fit='stretch' is unknown: pass one of 'crop'"):
        data.load("digits", fit="stretch")


def test_flips(tmp_path):
    pixels = [picture(tmp_path / f"{i}.png", (6, 5, 3), seed=i) for i in range(3)]
    both = sorted(x.tobytes() for p in pixels for x in (p, p[:, ::-1]))
    dataset = data.load(f"folder:{tmp_path}", flip=True)
    assert dataset.cardinality() == 6
    for b in (batches(dataset, batch_size=6), batches(dataset.map(lambda e: e), batch_size=6)):
        for batch in take(b.dataset, 2):
            assert sorted(x.tobytes() for x in batch["image"]) == both
    digits = data.load("digits", flip=True)
    assert digits.cardinality() == 2 * 1797
    one, other = (e["image"].numpy() for e in digits.take(2))
    np.testing.assert_array_equal(one, other[:, ::-1])
    for name, options, words in (
        ("ring", {"flip": True}, "flip=True was given, but 'ring' holds no images"),
        ("digits", {"flip": 1}, "flip=1 is not a bool"),
    ):
        with pytest.raises(ValueError, match=words):
            data.load(name, **options)


def test_tensors_of_tensorflow_are_arrays():
    assert batches(tf.constant(PICTURES), batch_size=4).spec.shape == (6, 5, 3)


def test_samples_of_a_class_are_asked_for_by_its_name(tmp_path):
    names = np.array(["cat", "cow", "dog", "eel"])[LABELS]
    gan = ganzoo.get("cgan", width=4, latent_dim=3, architecture="mlp")
    gan.fit(PICTURES, names, batch_size=8, steps_per_epoch=1, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = ganzoo.load(tmp_path / "gan.keras")
    assert loaded.fields == gan.fields
    expected = gan.sample(2, labels=[2, 0])
    np.testing.assert_array_equal(loaded.sample(2, labels=["dog", "cat"]), expected)
    with pytest.raises(ValueError, match="hold 'ox', but the classes are"):
        gan.sample(1, labels="ox")
