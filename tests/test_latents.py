"""Truncated draws, paths, traversals, principal directions and inversion against closed forms."""

import keras
import numpy as np
import pytest
from scipy import stats

import ganzoo
from ganzoo import latents
from ganzoo.core.inputs import Setting
from ganzoo.foundation import registry

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(64, 5)).astype("float32")
IMAGES = RNG.integers(0, 256, (64, 8, 8, 1), "uint8")
LARGE = np.pad(IMAGES, [(0, 0), (4, 4), (4, 4), (0, 0)])
LABELS = np.arange(64) % 3
SMALL = {"width": 4, "latent_dim": 3}


def built(name="lsgan", x=IMAGES, y=None, **chosen):
    gan = ganzoo.get(name, **SMALL | chosen)
    gan.build_from(x, y)
    return gan


@pytest.fixture(scope="module")
def linear():
    """A GAN of points whose generator is affine, and its matrix in network units, [3, 5]."""
    generator = keras.Sequential([keras.Input([3]), keras.layers.Dense(5)])
    critic = keras.Sequential([keras.Input([5]), keras.layers.Dense(1)])
    gan = ganzoo.get("lsgan", latent_dim=3, architecture=(generator, critic))
    gan.build_from(POINTS)
    kernel = RNG.normal(size=(3, 5)).astype("float32")
    gan.generator.layers[-1].set_weights([kernel, RNG.normal(size=5).astype("float32")])
    return gan, kernel


@pytest.fixture(scope="module")
def infogan():
    return built("infogan", codes=2, categories=4)


# ---- truncation


@pytest.mark.parametrize("t", [0.1, 0.7, 2.0])
def test_truncated_draws_have_the_moments_of_the_truncated_normal(t):
    gan = built(latent_dim=16)
    drawn, plain = (latents.draw(gan, 5000, 3, truncation)["latent"] for truncation in (t, None))
    assert drawn.dtype == np.float32 and np.abs(drawn).max() <= t
    within = np.abs(plain) <= t
    np.testing.assert_array_equal(drawn[within], plain[within])
    assert stats.kstest(drawn.ravel(), stats.truncnorm(-t, t).cdf).pvalue > 1e-3
    assert drawn.std() == pytest.approx(stats.truncnorm(-t, t).std(), rel=0.01)
    assert drawn.mean() == pytest.approx(0, abs=5 * t / np.sqrt(drawn.size))


def test_samples_are_those_of_the_truncated_draws():
    gan = built()
    drawn = latents.draw(gan, 6, 2, 0.5)["latent"]
    np.testing.assert_array_equal(gan.sample(6, 2, truncation=0.5), gan.sample(6, 2, latent=drawn))
    assert (gan.sample(6, 2, truncation=0.5) != gan.sample(6, 2)).any()
    np.testing.assert_array_equal(gan.sample(6, 2, truncation=99), gan.sample(6, 2))


def test_a_generator_that_is_told_a_truncation_gets_it():
    class Told(registry.find("lsgan")):
        def make_inputs(self):
            return super().make_inputs() | {"truncation": Setting()}

        def encode_inputs(self, values, network):
            told = {"truncation": values["truncation"][:, None]}
            return super().encode_inputs(values, network) | told

    gan = Told(**SMALL)
    gan.build_from(IMAGES)
    assert latents.draw(gan, 2, 0, 0.25)["truncation"].tolist() == [0.25, 0.25]
    drawn = latents.draw(gan, 2)["latent"]
    np.testing.assert_array_equal(
        gan.sample(2, truncation=0.25), gan.sample(2, latent=drawn, truncation=[0.25, 0.25])
    )
    assert (gan.sample(2, truncation=0.25) != gan.sample(2)).any()
    with pytest.raises(ValueError, match="truncation of dtype"):
        gan.sample(2, truncation="x")
    grid = latents.interpolate(gan, 2, 3, truncation=0.5)
    assert latents.sample(gan, grid).shape == (2, 3, 8, 8, 1)
    assert gan.encode(IMAGES[:2], steps=1).shape == (2, 3)


# ---- paths


def test_slerp_keeps_the_norm_and_turns_evenly():
    a, b = RNG.normal(size=(2, 7, 16))
    b *= np.linalg.norm(a, axis=1, keepdims=True) / np.linalg.norm(b, axis=1, keepdims=True)
    t = np.linspace(0, 1, 9)
    path = latents.slerp(a, b, t)
    assert path.shape == (7, 9, 16)
    norms = np.linalg.norm(a, axis=1)
    np.testing.assert_allclose(np.linalg.norm(path, axis=2), norms[:, None].repeat(9, 1))
    np.testing.assert_allclose(path[:, 0], a)
    np.testing.assert_allclose(path[:, -1], b)
    cosines = np.sum(path * a[:, None], axis=2) / norms[:, None] ** 2
    angles = np.arccos(np.clip(cosines, -1, 1))
    np.testing.assert_allclose(angles, angles[:, -1:] * t, atol=1e-7)


def test_slerp_of_unequal_parallel_and_opposite_ends():
    path = latents.slerp([3.0, 0], [0, 1.0], np.linspace(0, 1, 5))
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), np.linspace(3, 1, 5))
    np.testing.assert_allclose(np.arctan2(path[:, 1], path[:, 0]), np.linspace(0, np.pi / 2, 5))
    np.testing.assert_allclose(latents.slerp([1.0, 1], [3.0, 3], 0.5), [2, 2])
    np.testing.assert_allclose(latents.slerp([1.0], [-3.0], [0, 0.5, 1]), [[1], [-1], [-3]])
    np.testing.assert_allclose(latents.slerp([0.0, 0], [2.0, 0], 0.25), [0.5, 0])


def test_a_path_leads_from_one_draw_to_another(infogan):
    grid = latents.interpolate(infogan, rows=3, steps=5, seed=1)
    assert {k: v.shape for k, v in grid.items()} == {
        "latent": (3, 5, 3), "category": (3, 5), "code": (3, 5, 2)
    }  # fmt: skip
    drawn = latents.draw(infogan, 6, 1)
    for key in ("latent", "code"):
        np.testing.assert_allclose(grid[key][:, 0], drawn[key][:3], rtol=1e-5)
        np.testing.assert_allclose(grid[key][:, -1], drawn[key][3:], rtol=1e-5)
    np.testing.assert_allclose(np.diff(grid["code"], 2, axis=1), 0, atol=1e-6)
    assert (grid["category"] == drawn["category"][:3, None]).all()
    samples = latents.sample(infogan, grid)
    assert samples.shape == (3, 5, 8, 8, 1) and samples.dtype == np.uint8
    row = infogan.sample(5, **{k: v[1] for k, v in grid.items()})
    np.testing.assert_array_equal(samples[1], row)


# ---- traversals


def test_a_traversal_varies_one_input_and_fixes_the_others(infogan):
    grid = latents.traverse(infogan, "category", rows=3, seed=1)
    assert (grid["category"] == np.arange(4)).all() and grid["latent"].shape == (3, 4, 3)
    drawn = latents.draw(infogan, 3, 1)
    assert (grid["latent"] == drawn["latent"][:, None]).all()
    assert (grid["code"] == drawn["code"][:, None]).all()

    grid = latents.traverse(infogan, "code", steps=5, seed=1)
    one = latents.draw(infogan, 1, 1)
    assert grid["code"].shape == (2, 5, 2) and (grid["latent"] == one["latent"]).all()
    for row in (0, 1):
        np.testing.assert_allclose(grid["code"][row, :, row], np.linspace(-1, 1, 5))
        assert (grid["code"][row, :, 1 - row] == one["code"][0, 1 - row]).all()

    grid = latents.traverse(infogan, "latent:2", rows=4, steps=3, seed=1)
    np.testing.assert_allclose(grid["latent"][..., 2], np.tile([-2, 0, 2], (4, 1)), atol=1e-6)
    four = latents.draw(infogan, 4, 1)["latent"]
    np.testing.assert_allclose(grid["latent"][..., :2], four[:, None, :2].repeat(3, 1))


def test_a_traversal_of_labels_has_all_classes():
    grid = latents.traverse(built("cgan", IMAGES, LABELS), "label", rows=2)
    assert grid["label"].tolist() == [[0, 1, 2]] * 2


# ---- directions


def test_principal_directions_of_a_linear_generator_are_its_singular_vectors(linear):
    gan, kernel = linear
    _, values, vectors = np.linalg.svd(kernel.T)
    found = latents.directions(gan, samples=3)
    np.testing.assert_allclose(found.effects, values, rtol=1e-5)
    overlaps = np.abs(np.sum(found.vectors * vectors, axis=1))
    np.testing.assert_allclose(overlaps, 1, rtol=1e-6)
    grid = latents.traverse(gan, "directions:1", rows=2, steps=3)
    np.testing.assert_allclose(
        grid["latent"] @ found.vectors[1], np.tile([-2, 0, 2], (2, 1)), atol=1e-6
    )
    still = grid["latent"] @ found.vectors[[0, 2]].T
    np.testing.assert_allclose(still, still[:, :1].repeat(3, 1), atol=1e-6)


@pytest.mark.parametrize("name", ["dcgan", "began"])
def test_effects_are_those_of_finite_differences(name):
    gan = built(name, ema=0.9)
    found, size = latents.directions(gan, samples=20, seed=4), 1e-2
    z = latents.draw(gan, 20, 4)["latent"]
    for vector, effect in zip(found.vectors, found.effects, strict=True):
        ends = [gan.predict((z + s * size * vector).astype("float32")) for s in (-1, 1)]
        moved = (ends[1] - ends[0]).reshape(20, -1) / (2 * size)
        assert np.sqrt(np.mean(np.sum(moved**2, axis=1))) == pytest.approx(effect, rel=0.02)
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(3), atol=1e-9)
    assert (np.diff(found.effects) <= 0).all()


# ---- inversion


def test_encode_inverts_a_linear_generator_exactly(linear):
    gan, _ = linear
    z = latents.draw(gan, 30, 7)["latent"]
    x = gan.sample(30, 7)
    found = gan.encode(x, steps=50)
    assert found.shape == (30, 3) and found.dtype == np.float32
    np.testing.assert_allclose(found, z, atol=2e-5)
    np.testing.assert_array_equal(found, gan.encode(x, steps=50))
    np.testing.assert_allclose(gan.encode(x, steps=50, batch_size=7, seed=9), z, atol=2e-5)


def test_encode_takes_the_other_inputs_and_improves_an_encoder():
    gan = built("cgan", IMAGES, LABELS)
    before = [w.numpy() for w in gan.weights]
    assert gan.encode(IMAGES[:5], steps=2, label=LABELS[:5]).shape == (5, 3)
    for old, new in zip(before, gan.weights, strict=True):
        np.testing.assert_array_equal(old, new.numpy())
    bigan = built("bigan")
    plain, better = bigan.encode(IMAGES), bigan.encode(IMAGES, steps=40)

    def error(z):
        return np.mean((bigan.predict(z) - bigan.spec.encode(IMAGES).numpy()) ** 2)

    assert error(better) < error(plain)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda g: g["lsgan"].encode(IMAGES), "lsgan has no encoder: pass steps=100"),
        (lambda g: g["cgan"].encode(IMAGES, steps=2), "is also given label: pass label="),
        (lambda g: g["lsgan"].encode(IMAGES, steps=2, label=1), "no further input of lsgan"),
        (lambda g: g["lsgan"].encode(IMAGES, steps=0), "steps=0"),
        (lambda g: g["lsgan"].encode(POINTS, steps=1), "learned uint8 of shape"),
        (lambda g: g["bigan"].encode(IMAGES, latent=1), "latent= is for a search"),
        (lambda g: g["pix2pix"].encode(LARGE, steps=1), "has no latents to search for"),
        (lambda g: g["lsgan"].sample(2, truncation=0), "truncation=0 must be a number above 0"),
        (lambda g: g["lsgan"].sample(2, truncation="x"), "truncation='x' must be a number above 0"),
        (lambda g: g["lsgan"].sample(2, latent=np.ones(3), truncation=1), "latent= is not drawn"),
        (lambda g: latents.draw(g["pix2pix"], 2, 0, 1.0), "no latents that can be truncated"),
        (lambda g: latents.interpolate(g["pix2pix"]), "no latents that can be interpolated"),
        (lambda g: latents.interpolate(g["lsgan"], steps=1), "steps=1"),
        (lambda g: latents.traverse(g["lsgan"], "code"), "no input of lsgan to vary is called"),
        (lambda g: latents.traverse(g["lsgan"], "latent:3"), "the places of latent are 0 to 2"),
        (lambda g: latents.traverse(g["cgan"], "label:1"), "label is one number"),
        (lambda g: latents.traverse(g["pix2pix"], "source"), "no latents that can be traversed"),
        (lambda g: latents.directions(g["cgan"], "label"), "no normal or uniform input of cgan"),
        (lambda g: latents.interpolate(ganzoo.get("lsgan")), "has not seen data yet"),
    ],
)
def test_what_makes_no_sense_is_refused(some, ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask(some)


@pytest.fixture(scope="module")
def some():
    pix2pix = ganzoo.get("pix2pix", width=4)
    pix2pix.build_from({"source": LARGE, "target": LARGE})
    names = {"lsgan": None, "cgan": LABELS, "bigan": None}
    return {name: built(name, IMAGES, y) for name, y in names.items()} | {"pix2pix": pix2pix}
