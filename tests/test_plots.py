"""Pictures: what is drawn where, and that files appear whole or not at all."""

import numpy as np
import pytest
from PIL import Image

import ganzoo
from ganzoo.foundation import files
from ganzoo.reporting import plots

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "columns", "rows", "across", "factor", "channels"),
    [
        ((64, 8, 8, 1), None, 8, 8, 7, 1),
        ((64, 28, 28, 1), None, 8, 8, 2, 1),
        ((10, 8, 8, 3), 5, 2, 5, 10, 3),
        ((7, 20, 33, 3), None, 3, 3, 5, 3),
        ((1, 8, 8, 1), None, 1, 1, 50, 1),
        ((3, 8, 8, 2), 8, 1, 3, 17, 1),
        ((4, 256, 256, 4), None, 2, 2, 1, 3),
    ],
)
def test_contact_sheet_tiles_and_enlarges(shape, columns, rows, across, factor, channels):
    images = RNG.integers(0, 255, shape, dtype="uint8")
    sheet = plots.contact_sheet(images, columns)
    height, width = factor * shape[1], factor * shape[2]
    gap = plots.GAP
    assert sheet.dtype == np.uint8
    assert sheet.shape == (rows * (height + gap) - gap, across * (width + gap) - gap, channels)
    assert sheet.shape[1] >= plots.WIDTH
    for number, image in enumerate(images):
        row, column = divmod(number, across)
        top, left = row * (height + gap), column * (width + gap)
        shown = sheet[top : top + height : factor, left : left + width : factor]
        np.testing.assert_array_equal(shown, image[..., :channels])


@pytest.mark.parametrize(
    ("value_range", "values"),
    [((-1, 1), [-1.0, 0.0, 1.0, 7.0, np.nan]), ((0, 1), [0.0, 0.5, 1.0, 7.0, np.nan])],
)
def test_contact_sheet_of_floats(value_range, values):
    images = np.float32(values).reshape(-1, 1, 1, 1)
    middles = plots.contact_sheet(images, 5, value_range=value_range)[0, 40::82, 0]
    assert middles.tolist() == [0, 128, 255, 255, 0]


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((4, 8, 8)), "NHWC|height, width"),
        (np.zeros((0, 8, 8, 1), "uint8"), "height, width"),
        (np.zeros((4, 8, 8, 1)), "value_range"),
    ],
)
def test_contact_sheet_refuses(images, words):
    with pytest.raises(ValueError, match=words):
        plots.contact_sheet(images)


@pytest.mark.parametrize(
    "shape", [(9, 8, 8, 1), (9, 8, 8, 3), (300, 1), (300, 2), (300, 5), (300, 40)]
)
@pytest.mark.parametrize("with_real", [False, True])
def test_save_samples_of_every_shape(tmp_path, shape, with_real):
    samples = RNG.normal(size=shape)
    samples[0] = np.nan
    real = RNG.normal(size=shape) if with_real and len(shape) == 2 else None
    plots.save_samples(samples, tmp_path / "s.png", value_range=(-1, 1), real=real)
    with Image.open(tmp_path / "s.png") as picture:
        assert picture.width >= plots.WIDTH
        assert picture.mode == {1: "L", 3: "RGB"}.get(shape[-1]) or len(shape) == 2
        assert len(set(picture.convert("L").tobytes())) > 1
    assert [path.name for path in tmp_path.iterdir()] == ["s.png"]


@pytest.mark.parametrize("epochs", [0, 1, 3, 200])
def test_save_history(tmp_path, epochs):
    rows = [
        {"epoch": e + 1.0, "seconds": 9.0, "generator": 1 / (e + 1), "discriminator": float(e)}
        for e in range(epochs)
    ]
    plots.save_history(rows, tmp_path / "losses.png")
    with Image.open(tmp_path / "losses.png") as picture:
        assert picture.size == (800, 500)


def test_a_file_that_fails_leaves_the_one_before(tmp_path):
    path = tmp_path / "s.png"
    path.write_bytes(b"before")
    refused = pytest.raises(OSError, match=r"s\.png was not written: disk full")
    with refused, files.replacing(path) as draft:
        draft.write_bytes(b"half")
        raise OSError("disk full")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def built(name, shape, **hyperparameters):
    gan = ganzoo.get(name, width=8, **hyperparameters)
    x = RNG.integers(0, 255, (64, *shape)).astype("uint8" if len(shape) == 3 else "float32")
    gan.fit(
        x, np.arange(64) % 10 if "generator" in gan.label_to else None, steps_per_epoch=1, verbose=0
    )
    return gan


@pytest.mark.parametrize(
    ("name", "hyperparameters", "rows", "columns"),
    [
        ("lsgan", {}, 8, 8),
        ("cgan", {}, 10, 7),
        ("infogan", {"categories": 2}, 8, 8),
    ],
)
def test_save_picture_goes_by_class(tmp_path, monkeypatch, name, hyperparameters, rows, columns):
    gan, drawn = built(name, (8, 8, 1), **hyperparameters), []
    monkeypatch.setattr(plots, "save_samples", lambda s, path, **options: drawn.append(s))
    plots.save_picture(gan, tmp_path / "s.png")
    (samples,) = drawn
    assert samples.shape == (rows * columns, 8, 8, 1)
    if name == "cgan":
        latents = gan.draw_latents(columns, 0)["latent"].numpy()
        sevens = gan.sample(columns, labels=7, latent=latents)
        np.testing.assert_array_equal(samples[7 * columns : 8 * columns], sevens)


def test_save_picture_of_points_draws_many(tmp_path, monkeypatch):
    gan, drawn = built("gan", (2,)), []
    monkeypatch.setattr(plots, "save_samples", lambda s, path, **options: drawn.append(s))
    plots.save_picture(gan, tmp_path / "s.png", count=16)
    assert drawn[0].shape == (plots.POINTS, 2)
