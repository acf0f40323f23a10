import numpy as np
import pytest
import tensorflow as tf
from data_cases import GREY, LABELS, PICTURES, VECTORS, WITH_LABELS, N, picture, slices, take
from PIL import Image

from ganzoo import data
from ganzoo.data import batches

# ---- toys


@pytest.mark.parametrize("name", ["ring", "grid", "gaussian"])
def test_mixtures(name):
    from scipy.stats import multivariate_normal

    mixture = getattr(data.toys, name)()
    assert mixture.num_modes == {"ring": 8, "grid": 25, "gaussian": 1}[name]
    x, mode = mixture.sample(2000, seed=3)
    assert (x.dtype, x.shape, mode.dtype) == ("float32", (2000, 2), "int32")
    np.testing.assert_array_equal(x, mixture.sample(2000, seed=3)[0])
    assert set(mode) == set(range(mixture.num_modes))
    np.testing.assert_allclose((x - mixture.means[mode]).std(0), mixture.sigma, rtol=0.1)

    modes = [multivariate_normal(m, mixture.sigma**2).pdf(x) for m in mixture.means]
    np.testing.assert_allclose(mixture.log_density(x), np.log(np.mean(modes, 0)), atol=1e-8)

    # The trapezoidal rule is exact to rounding on a Gaussian once its step is below sigma.
    step = mixture.sigma / 2
    around = np.arange(-8, 8.01, 0.5) * mixture.sigma
    patch = np.stack(np.meshgrid(around, around), -1).reshape(-1, 2)
    mass = sum(np.exp(mixture.log_density(m + patch)).sum() for m in mixture.means) * step**2
    np.testing.assert_allclose(mass, 1, atol=1e-9)
    assert np.isfinite(mixture.log_density([[1e3, 1e3]])).all()


# ---- load


def test_bundled():
    for name, shape, count in (("digits", (8, 8, 1), 1797), ("mnist5k", (28, 28, 1), 5000)):
        dataset = data.load(name)
        assert dataset.class_names == list("0123456789")
        assert dataset.cardinality() == count
        assert dataset.element_spec["image"] == tf.TensorSpec(shape, "uint8")
        everything = next(iter(dataset.batch(count)))
        assert np.ptp(everything["image"]) == 255
        assert set(np.unique(everything["label"])) == set(range(10))
    resized = data.load("digits", size=(12, 10))
    assert resized.element_spec["image"] == tf.TensorSpec((12, 10, 1), "uint8")
    assert resized.class_names == dataset.class_names
    points = data.load("ring", seed=2)
    x, mode = next(iter(points.batch(10)))
    np.testing.assert_array_equal(x, data.toys.ring().sample(50_000, 2)[0][:10])
    assert (points.cardinality(), len(points.class_names), mode.dtype) == (50_000, 8, tf.int32)
    assert batches(points, columns=WITH_LABELS).fields["label"].num_classes == 8


def test_available():
    names = [name for name, description in data.available()]
    assert {"digits", "mnist5k", "ring", "grid", "gaussian", "folder:PATH"} <= set(names)
    for wrong, hint in (("mnist5", "mnist5k"), ("digit", "digits"), ("rings", "ring")):
        with pytest.raises(ValueError, match=f"no data set '{wrong}' .*did you mean '{hint}'"):
            data.load(wrong)
    for wrong in ("", "folder:", "tfds", 3):
        with pytest.raises(ValueError, match="there are digits, mnist5k"):
            data.load(wrong)
    for name, size in (("ring", (8, 8)), ("digits", (8,)), ("digits", (0, 8)), ("digits", 8)):
        with pytest.raises(ValueError, match="size="):
            data.load(name, size=size)


def test_folder_of_classes(tmp_path):
    pixels = {}
    for i, name in enumerate(["b/1.png", "b/sub/2.PNG", "a/1.png", "a/2.png", "a/3.jpg"]):
        pixels[i] = picture(tmp_path / name, (6, 5, 3), seed=i)
    picture(tmp_path / ".hidden/1.png", (9, 9, 3))
    (tmp_path / "empty").mkdir()
    (tmp_path / "a/notes.txt").write_text("no picture")
    dataset = data.load(f"folder:{tmp_path}")
    assert dataset.class_names == ["a", "b"] and dataset.cardinality() == 5
    assert dataset.element_spec["image"] == tf.TensorSpec((6, 5, 3), "uint8")
    found = {e["image"].numpy().tobytes(): int(e["label"]) for e in dataset}
    assert sorted(found.values()) == [0, 0, 0, 1, 1]
    assert [found[pixels[i].tobytes()] for i in range(4)] == [1, 1, 0, 0]
    assert batches(dataset, columns=WITH_LABELS, batch_size=2).fields["label"].num_classes == 2


def test_flat_folder(tmp_path):
    grey = [picture(tmp_path / f"{i}.png", (6, 5), seed=i) for i in range(3)]
    dataset = data.load(f"folder:{tmp_path}")
    assert dataset.element_spec == {"image": tf.TensorSpec((6, 5, 1), "uint8")}
    assert not hasattr(dataset, "class_names")
    found = {e["image"].numpy().tobytes() for e in dataset}
    assert found == {pixels.tobytes() for pixels in grey}
    firsts = [next(iter(data.load(f"folder:{tmp_path}", seed=seed)))["image"] for seed in range(9)]
    assert len({first.numpy().tobytes() for first in firsts}) > 1

    picture(tmp_path / "colour.jpg", (6, 5, 3))
    assert data.load(f"folder:{tmp_path}").element_spec["image"].shape == (6, 5, 3)

    picture(tmp_path / "large.png", (9, 5))
    with pytest.raises(ValueError, match=r"0\.png is 6×5, but \S*large\.png is 9×5.*size="):
        data.load(f"folder:{tmp_path}")
    mixed = data.load(f"folder:{tmp_path}", size=(4, 8))
    assert mixed.element_spec["image"] == tf.TensorSpec((4, 8, 3), "uint8")
    assert [e["image"].shape for e in mixed] == [(4, 8, 3)] * 5


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_of_picture_decodes(tmp_path, mode):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype="uint8")
    if mode == "I;16":
        image = Image.fromarray(pixels[..., 0].astype("uint16") * 257)
    else:
        image = Image.fromarray(pixels).convert(mode)
    image.save(tmp_path / ("x.jpg" if mode == "CMYK" else "x.png"))
    (element,) = data.load(f"folder:{tmp_path}")
    if mode == "I;16":
        expected = pixels[..., :1]
    elif mode in ("1", "L", "LA"):
        expected = np.asarray(image.convert("L"))[..., None]
    else:
        expected = np.asarray(image.convert("RGB"))
    if mode != "CMYK":
        np.testing.assert_array_equal(element["image"], expected)
    assert element["image"].shape == expected.shape


def test_broken_folders(tmp_path):
    picture(tmp_path / "good.png", (32, 32, 3))
    for name, shape in (("cut.png", (32, 32, 3)), ("cut.jpg", (32, 32, 3))):
        file = tmp_path / name
        picture(file, shape)
        file.write_bytes(file.read_bytes()[:-400])
        with pytest.raises(ValueError, match=f"{name} can't be read as a picture: repair"):
            data.load(f"folder:{tmp_path}")
        file.unlink()
    picture(tmp_path / "gif.png", (8, 8), format="GIF")
    (tmp_path / "nothing.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"gif\.png can't be read .*, nor can 1 other"):
        data.load(f"folder:{tmp_path}")
    picture(tmp_path / "class/x.png", (8, 8))
    with pytest.raises(ValueError, match="pictures of its own and sub-folders"):
        data.load(f"folder:{tmp_path}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no pictures"):
        data.load(f"folder:{tmp_path}/empty")
    with pytest.raises(ValueError, match="nowhere is not a folder"):
        data.load(f"folder:{tmp_path}/nowhere")


def test_npz(tmp_path):
    for arrays, spec in (
        ({"x": PICTURES, "y": LABELS}, {"image": (6, 5, 3), "label": ()}),
        ({"images": PICTURES, "labels": LABELS}, {"image": (6, 5, 3), "label": ()}),
        ({"x_train": GREY, "y_train": LABELS, "x_test": GREY}, {"image": (8, 8, 1), "label": ()}),
        ({"anything": VECTORS}, {"vector": (2,)}),
        ({"x": VECTORS, "unrelated": LABELS}, {"vector": (2,)}),
    ):
        np.savez(tmp_path / "data.npz", **arrays)
        dataset = data.load(f"npz:{tmp_path}/data.npz")
        assert {k: s.shape for k, s in dataset.element_spec.items()} == spec
        assert batches(dataset, batch_size=8).steps_per_epoch == 5
    for arrays, words in (
        ({"a": LABELS, "b": LABELS}, "holds the arrays a, b: name them x/y"),
        ({"x": PICTURES, "y": LABELS[1:]}, r"x \(40, 6, 5, 3\) and y \(39,\)"),
        ({"x": LABELS}, r"x \(40,\)"),
        ({"x": np.array([None, "a"])}, "can't be read as .npz"),
    ):
        np.savez(tmp_path / "data.npz", **arrays)
        with pytest.raises(ValueError, match=words):
            data.load(f"npz:{tmp_path}/data.npz")
    (tmp_path / "junk.npz").write_bytes(b"junk")
    for name in ("junk.npz", "nowhere.npz"):
        with pytest.raises(ValueError, match=f"{name} can't be read"):
            data.load(f"npz:{tmp_path}/{name}")


def test_tfds(tmp_path, monkeypatch):
    import requests
    import tensorflow_datasets as tfds

    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    features = {
        "image": tfds.features.Image(shape=(6, 5, 3)),
        "label": tfds.features.ClassLabel(names=list("abcd")),
        "id": np.int64,
    }
    rows = {"image": PICTURES, "label": LABELS, "id": LABELS}
    text = tfds.features.FeaturesDict({"words": tfds.features.Text()})
    for name, split, kind, dataset in (
        ("tiny_pictures", "train", tfds.features.FeaturesDict(features), slices(rows)),
        ("only_tested", "test", tfds.features.FeaturesDict(features), slices(rows)),
        ("only_words", "train", text, slices({"words": ["a", "b"]})),
    ):
        tfds.dataset_builders.store_as_tfds_dataset(
            name=name,
            version="1.0.0",
            features=kind,
            split_datasets={split: dataset},
            data_dir=tmp_path,
            disable_shuffling=True,
        )
    dataset = data.load("tfds:tiny_pictures")
    assert dataset.class_names == list("abcd")
    assert dataset.cardinality() == N and set(dataset.element_spec) == {"image", "label"}
    both = next(iter(dataset.batch(N)))
    np.testing.assert_array_equal(both["image"], PICTURES)
    np.testing.assert_array_equal(both["label"], LABELS)
    assert batches(dataset, columns=WITH_LABELS, batch_size=8).fields["label"].num_classes == 4
    small = data.load("tfds:tiny_pictures", size=(3, 4))
    assert small.element_spec["image"] == tf.TensorSpec((3, 4, 3), "uint8") and len(small) == N
    both = take(batches(small, batch_size=N, shuffle=False).dataset, 1)[0]
    assert both["image"].shape == (N, 3, 4, 3)

    def unplugged(*args, **kwargs):
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", unplugged)
    for name, words in (
        ("only_tested", "no train split, but test"),
        ("only_words", "no 'image'.*words"),
        ("mnits", "no 'mnits'.*did you mean 'mnist'"),
        ("mnist:9.9.9", "refuses 'mnist:9.9.9'"),
        ("mnist", "not prepared in .*ConnectionError.*TFDS_DATA_DIR"),
    ):
        with pytest.raises(ValueError, match=words):
            data.load(f"tfds:{name}")
