"""`shapes` and `glyphs` are what their factors say, and any row can be drawn at any time."""

import colorsys

import numpy as np
import pytest
import tensorflow as tf
from data_cases import WITH_LABELS
from matplotlib.path import Path
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage, stats

from ganzoo import data
from ganzoo.data import drawn, glyphs, shapes

BOTH = pytest.mark.parametrize("module", [shapes, glyphs], ids=["shapes", "glyphs"])
LABEL = {shapes: "shape", glyphs: "character"}


def scene(module, **given):
    """One scene of these factors; the others are the same in all tests."""
    fixed = module.factors([3], seed=5)
    return {name: np.array([given.get(name, value[0])]) for name, value in fixed.items()}


def coverage(module, side, **given):
    """How much of each pixel is covered, computed from the red and green of the picture."""
    picture = module.render(scene(module, hue=0.0, background_hue=0.5, **given), side)[0]
    background, top = picture[0, 0, 0] / 255, 1.0
    return (picture[..., 0] / 255 - background) / (top - background)


@BOTH
def test_a_row_depends_on_the_seed_and_its_number_alone(module):
    rows = np.array([7, 2**40, 0, 41, 7])
    many = module.factors(rows, seed=3)
    for place, row in enumerate(rows):
        alone = module.factors([row], seed=3)
        assert {name: value[0] for name, value in alone.items()} == {
            name: value[place] for name, value in many.items()
        }
    pictures = module.render(many)
    assert pictures.dtype == "uint8" and pictures.shape == (5, 32, 32, 3)
    np.testing.assert_array_equal(pictures[0], pictures[4])
    np.testing.assert_array_equal(pictures[1:2], module.render(module.factors([2**40], seed=3)))
    assert not np.array_equal(module.factors(rows, seed=4)["hue"], many["hue"])


def test_the_draws_are_those_of_a_fresh_philox():
    rows = [5, 0, 2**50]
    for row, ours in zip(rows, drawn.uniforms(rows, 9, seed=2**60 + 1), strict=True):
        philox = np.random.Philox(key=2**60 + 1, counter=row << 64)
        np.testing.assert_array_equal(ours, np.random.Generator(philox).random(9))


@BOTH
def test_the_factors_are_uniform_and_independent(module):
    found = module.factors(np.arange(4000))
    for name, (low, high) in module.RANGES.items():
        assert low <= found[name].min() and found[name].max() < high
        assert stats.kstest(found[name], stats.uniform(low, high - low).cdf).pvalue > 1e-3
    classes = [name for name, value in found.items() if value.dtype == "int64"]
    for name in classes:
        assert stats.chisquare(np.bincount(found[name])).pvalue > 1e-3
    if module is shapes:
        turn = shapes.TURN[found["shape"]]
        found["orientation"] = (found["orientation"] / np.where(turn, turn, 1))[turn > 0]
        assert stats.kstest(found.pop("orientation"), "uniform").pvalue > 1e-3
    correlations = np.corrcoef([*found.values()]) - np.eye(len(found))
    assert np.abs(correlations).max() < 4 / np.sqrt(4000)


@BOTH
@pytest.mark.parametrize("size", [32, 64])
def test_colours_and_margins(module, size):
    factors = module.factors(np.arange(200), seed=1)
    pictures = module.render(factors, size).astype("float64")
    inner = (slice(None), slice(1, -1), slice(1, -1))
    border = pictures.copy()
    border[inner] = pictures[:, :1, :1]
    assert (border == pictures[:, :1, :1]).all()  # no object reaches the edge
    for name, row, saturation, value in (
        ("background_hue", pictures[:, 0, 0], 0.6, 0.4),
        ("hue", pictures.reshape(200, -1, 3)[range(200), _farthest(pictures)], 0.85, 1.0),
    ):
        hsv = np.array([colorsys.rgb_to_hsv(*pixel / 255) for pixel in row])
        near = np.abs((hsv[:, 0] - factors[name] + 0.5) % 1 - 0.5)
        # Thin letters may cover no pixel of a small picture completely.
        whole = np.abs(hsv[:, 2] - value) < 0.01
        assert whole.mean() > (0.9 if module is shapes or size == 64 else 0.5)
        assert near[whole].max() < 0.02
        np.testing.assert_allclose(hsv[whole, 1], saturation, atol=0.05)


def _farthest(pictures):
    """The pixel of each picture that differs most from its corner."""
    return np.abs(pictures - pictures[:, :1, :1]).sum(-1).reshape(len(pictures), -1).argmax(1)


@pytest.mark.parametrize("name", shapes.NAMES)
def test_area_and_centre_of_shapes(name):
    given = {"shape": shapes.NAMES.index(name), "size": 0.18, "x": 0.45, "y": 0.6}
    seen = coverage(shapes, 64, orientation=0.3, **given)
    assert seen.sum() / 64**2 == pytest.approx(np.pi * 0.18**2, rel=0.01)
    y, x = (np.array(ndimage.center_of_mass(seen)) + 0.5) / 64
    assert (x, y) == (pytest.approx(0.45, abs=0.003), pytest.approx(0.6, abs=0.003))


def outline(name):
    """Corners of a shape of area π, the y axis upwards, independent of the renderer's lines."""
    circle = lambda k, first: np.exp(1j * (first + 2 * np.pi * np.arange(k) / k))  # noqa: E731
    if name == "circle":
        corners = circle(500, 0)
    elif name == "square":
        corners = circle(4, np.pi / 4)
    elif name == "triangle":
        corners = circle(3, np.pi / 2)
    elif name == "star":
        corners = circle(10, np.pi / 2) * np.tile([1, 0.5], 5)
    else:
        arm = np.array([3 - 1j, 3 + 1j, 1 + 1j])
        corners = np.concatenate([arm * 1j**k for k in range(4)])
    area = 0.5 * np.sum(corners.conj() * np.roll(corners, -1)).imag
    return corners * np.sqrt(np.pi / area)


@pytest.mark.parametrize("name", shapes.NAMES)
def test_shapes_beside_supersampled_polygons(name):
    number, orientation = shapes.NAMES.index(name), 0.4
    seen = coverage(shapes, 48, shape=number, size=0.2, x=0.52, y=0.47, orientation=orientation)
    corners = outline(name) * 0.2 * np.exp(1j * orientation) + (0.52 - 0.47j)
    path = Path(np.stack([corners.real, -corners.imag], 1))  # y downwards
    fine = (np.arange(48 * 12) + 0.5) / (48 * 12)
    points = np.stack(np.meshgrid(fine, fine), -1).reshape(-1, 2)
    expected = path.contains_points(points).reshape(48, 12, 48, 12).mean((1, 3))
    # The largest difference is at tips, which are narrower than a pixel.
    assert np.abs(seen - expected).max() < (0.35 if name == "star" else 0.25)
    assert np.abs(seen - expected).mean() < 0.002


@pytest.mark.parametrize("number", range(1, 5))
def test_shapes_look_the_same_after_a_turn(number):
    turns = [0.2 + k * shapes.TURN[number] for k in range(3)]
    one, *others = (coverage(shapes, 32, shape=number, orientation=turn) for turn in turns)
    for other in others:
        np.testing.assert_allclose(one, other, atol=0.01)


@pytest.mark.parametrize("character", ["H", "0", "Q", "W"])
def test_glyphs_beside_pillow(character):
    number = glyphs.NAMES.index(character)
    for font, name in enumerate(glyphs.FONTS):
        given = {"character": number, "font": font, "size": 0.5, "x": 0.5, "y": 0.5}
        seen = coverage(glyphs, 128, turn=0.0, **given)
        expected = _by_pillow(name, character, 64, 128)
        assert np.abs(seen - expected).mean() < 0.02
        turned = coverage(glyphs, 128, turn=0.3, **given)
        as_turned = ndimage.rotate(expected, np.degrees(0.3), reshape=False, order=1)
        assert np.abs(turned - as_turned).mean() < 0.02


def _by_pillow(font, character, capital, side):
    import matplotlib

    file = f"{matplotlib.get_data_path()}/fonts/ttf/{font}.ttf"
    _, top, _, bottom = ImageFont.truetype(file, 1000).getbbox("H")
    image = Image.new("L", (side, side))
    sized = ImageFont.truetype(file, 1000 * capital / (bottom - top))
    box = sized.getbbox(character)
    at = [(side - box[k] - box[k + 2]) / 2 for k in (0, 1)]
    ImageDraw.Draw(image).text(at, character, 255, sized)
    return np.asarray(image) / 255


@BOTH
def test_load_and_batches(module):
    name = module.__name__.rpartition(".")[2]
    dataset = data.load(name, size=(40, 40), seed=2)
    assert dataset.class_names == list(module.NAMES) and dataset.cardinality() == 50_000
    assert dataset.element_spec["image"] == tf.TensorSpec((40, 40, 3), "uint8")
    truth = module.factors(np.arange(50_000), seed=2)
    first = next(iter(dataset.batch(20)))
    expected = module.render({k: v[:20] for k, v in truth.items()}, 40)
    np.testing.assert_array_equal(first["image"], expected)
    np.testing.assert_array_equal(first["label"], truth[LABEL[module]][:20])

    def step(first_step):
        stream = data.batches(
            dataset, columns=WITH_LABELS, batch_size=32, seed=1, first_step=first_step
        )
        assert stream.fields["label"].num_classes == len(module.NAMES)
        assert stream.steps_per_epoch == 50_000 // 32
        return iter(stream.dataset)

    steps = step(0)
    batch = [next(steps) for _ in range(4)][-1]
    again = next(step(3))
    np.testing.assert_array_equal(batch["image"], again["image"])
    np.testing.assert_array_equal(batch["label"], again["label"])
    part = dataset.records.between(10, 15)
    assert part.count == 5
    np.testing.assert_array_equal(part.read(tf.constant([2], tf.int64))["image"][0], expected[12])


def test_mirror_images_and_more_rows():
    mirrored = data.load("shapes", flip=True)
    assert mirrored.cardinality() == 100_000
    one, other = mirrored.take(2)
    np.testing.assert_array_equal(one["image"][:, ::-1], other["image"])
    assert shapes.dataset(10**7, size=16).cardinality() == 10**7


@BOTH
def test_what_is_refused(module):
    factors, names = module.factors([0]), module.__name__.rpartition(".")[2]
    for size in ((32, 48), (8, 8), (1024, 1024)):
        with pytest.raises(ValueError, match="squares of 16 to 512 pixels"):
            data.load(names, size=size)
    for wrong, words in (
        ({k: v for k, v in factors.items() if k != "hue"}, "factors has no 'hue': pass "),
        (factors | {"hue": np.zeros(2)}, "of one length"),
        (factors | {LABEL[module]: np.array([36])}, r"must be ints from 0 to (4|35)\."),
        (factors | {LABEL[module]: np.array([0.5])}, "must be ints"),
    ):
        with pytest.raises(ValueError, match=words):
            module.render(wrong)
    with pytest.raises(ValueError, match="size=8 must be an int of at least 16"):
        module.render(factors, 8)
    for rows in ([-1], [0.5], 3):
        with pytest.raises(ValueError, match="pass row numbers of at least 0"):
            module.factors(rows)
    with pytest.raises(ValueError, match="seed=-1"):
        module.factors([0], seed=-1)
    with pytest.raises(ValueError, match="count=0"):
        module.dataset(0)
