"""Augmentations against closed forms and other implementations, and ADA's state in training."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

import ganzoo
from ganzoo.augmentation import ADA, DiffAugment, ada, diffaugment, warps
from ganzoo.foundation import schedules
from ganzoo.foundation.randomness import Noise
from ganzoo.losses import objectives
from ganzoo.testing import checks

RNG = np.random.default_rng(0)
SMALL = {"width": 4, "latent_dim": 4}
PIXELS = RNG.integers(0, 256, (64, 8, 8, 1), "uint8")
SHAPES = [(8, 8, 1), (9, 13, 3), (1, 5, 1), (12, 7, 2)]


def images(shape, count=6):
    return tf.constant(RNG.uniform(-1, 1, (count, *shape)).astype("float32"))


def randomly(probability):
    return ADA(probability=probability, turns=True)


def built(augmentation, gan="dcgan"):
    """An augmentation as a GAN on images has it."""
    model = ganzoo.get(gan, augment=augmentation, **SMALL)
    model.build_from(PIXELS)
    return model._augmentation


@pytest.mark.parametrize(
    "shape", [*SHAPES[:2], *[pytest.param(shape, marks=pytest.mark.slow) for shape in SHAPES[2:]]]
)
def test_ada_with_probability_0_is_the_identity(shape):
    x = images(shape)
    augment = built(randomly(0.0))
    np.testing.assert_array_equal(augment(x, Noise(0)), x)
    assert np.abs(built(randomly(1.0))(x, Noise(0)) - x).max() > 0.1


def test_the_identity_parameters_of_diffaugment_are_the_identity():
    x, zero = images((9, 13, 3)), tf.zeros([6], tf.int32)
    ones = tf.ones([6, 1, 1, 1])
    np.testing.assert_array_equal(warps.translate(x, zero, zero), x)
    np.testing.assert_array_equal(diffaugment.colour(x, 0.0 * ones, ones, ones), x)
    np.testing.assert_array_equal(diffaugment.cutout(x, [zero, zero], [0, 0]), x)


@pytest.mark.parametrize("policy", [*diffaugment.POLICIES, diffaugment.POLICIES])
@pytest.mark.parametrize("shape", SHAPES)
def test_diffaugment_works_for_any_size_and_draws_for_each_sample(policy, shape):
    x = tf.repeat(images(shape, 1), 32, axis=0)
    one, other = (DiffAugment(policy)(x, Noise(seed)).numpy() for seed in (0, 1))
    assert one.shape == x.shape
    if min(shape[:2]) > 4:
        assert len({image.tobytes() for image in one}) > 4
        assert (one != other).any()
    np.testing.assert_array_equal(one, DiffAugment(policy)(x, Noise(0)))


def test_a_translation_moves_the_pixels_and_fills_with_0():
    x, down, right = images((5, 7, 2)), [0, 1, -1, 2, 5, -4], [0, -2, 3, 0, 1, 6]
    moved = warps.translate(x, tf.constant(down), tf.constant(right))
    for image, y, d, r in zip(x.numpy(), moved.numpy(), down, right, strict=True):
        np.testing.assert_array_equal(y, ndimage.shift(image, (d, r, 0), order=0))


def test_the_gradient_of_a_translation_is_the_inverse_translation():
    x, y = images((5, 7, 2)), images((5, 7, 2))
    down, right = tf.constant([0, 1, -1, 2, 5, -4]), tf.constant([0, -2, 3, 0, 1, 6])
    with tf.GradientTape() as tape:
        tape.watch(x)
        product = tf.reduce_sum(y * warps.translate(x, down, right))
    gradient = tape.gradient(product, x)
    np.testing.assert_array_equal(gradient, warps.translate(y, -down, -right))


def test_diffaugment_has_the_ranges_of_the_paper():
    count = 4000
    point = np.zeros((count, 16, 24, 1), "float32")
    point[:, 8, 12] = 1.0
    moved = DiffAugment("translation")(tf.constant(point), Noise(3)).numpy()
    rows, columns = np.unravel_index(moved.reshape(count, -1).argmax(1), (16, 24))
    for found, most in ((rows - 8, 2), (columns - 12, 3)):
        values, counts = np.unique(found, return_counts=True)
        np.testing.assert_array_equal(values, np.arange(-most, most + 1))
        assert counts.min() > 0.8 * count / (2 * most + 1)
    holes = DiffAugment("cutout")(tf.ones([count, 16, 24, 1]), Noise(3)).numpy() == 0
    assert holes.any((1, 2, 3)).all() and holes.sum((1, 2, 3)).max() == 8 * 12
    # A square whose centre is at any of 17 rows keeps between 4 and 8 rows within the image.
    height = holes.any((2, 3)).sum(1)
    assert height.min() == 4 and height.mean() == pytest.approx((9 * 8 + 2 * 22) / 17, rel=0.02)
    grey = tf.fill([count, 2, 2, 3], 0.25)
    bright = DiffAugment("color")(grey, Noise(3)).numpy()[:, 0, 0, 0] - 0.25
    assert bright.min() == pytest.approx(-0.5, abs=0.01)
    assert bright.max() == pytest.approx(0.5, abs=0.01)
    assert bright.std() == pytest.approx(12**-0.5, rel=0.05)


def test_colour_changes_the_distance_from_the_means():
    x, b, s, c = images((3, 4, 3), 1), 0.2, 1.7, 0.6
    parts = (tf.fill([1, 1, 1, 1], value) for value in (b, s, c))
    expected = x.numpy() + b
    mean = expected.mean(-1, keepdims=True)
    expected = mean + s * (expected - mean)
    expected = expected.mean() + c * (expected - expected.mean())
    np.testing.assert_allclose(diffaugment.colour(x, *parts), expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 13, 3), (1, 5, 1)])
def test_an_affine_warp_is_that_of_scipy(shape):
    """Bilinear interpolation, continued by mirror images at the edges."""
    x, draws = images(shape), ada.Draws(Noise(5), 6, tf.constant(1.0))
    matrices = ada.geometry(draws, shape[:2], turns=True).numpy()
    warped = warps.affine(x, tf.constant(matrices)).numpy()
    middle = (np.array(shape[:2]) - 1) / 2
    for image, found, matrix in zip(x.numpy(), warped, matrices, strict=True):
        turn, move = matrix[1::-1, 1::-1], matrix[1::-1, 2]  # rows before columns
        for channel in range(shape[-1]):
            expected = ndimage.affine_transform(
                image[..., channel].astype(float), turn, middle + move - turn @ middle,
                order=1, mode="mirror",
            )  # fmt: skip
            np.testing.assert_allclose(found[..., channel], expected, atol=1e-4)


def test_colours_are_turned_about_the_luma_axis():
    """Saturation 2, hue by 120 degrees and luma flip, each as a matrix of its own."""
    x = images((2, 2, 3), 5)

    class Fixed(ada.Draws):
        def maybe(self, value, identity, p=None):
            return tf.fill([self.count], next(values))

    values = iter([0.1, 1.5, -1.0, 2 * np.pi / 3, 2.0])  # in the order in which they are drawn
    found = ada.recoloured(Fixed(Noise(0), 5, tf.constant(1.0)), x)
    luma = np.full((3, 3), 1 / 3)
    saturate = luma + 2 * (np.eye(3) - luma)
    permute = np.eye(3)[[2, 0, 1]]  # a turn by a third about (1, 1, 1): red -> green -> blue
    flip = np.eye(3) - 2 * luma
    expected = (x.numpy() + 0.1) @ (1.5 * saturate @ permute @ flip).T
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_ada_has_the_distributions_of_the_paper():
    """Scales and stretches are 2^N(0, 0.2²); places move by U(±1/8) and N(0, 1/8²) of a side."""
    count, side = 8000, 64
    draws = ada.Draws(Noise(1), count, tf.constant(1.0))
    matrices = ada.geometry(draws, (side, side), turns=False).numpy().astype(float)
    turned = matrices[:, :2, :2]
    of_scale = np.log2(np.linalg.det(turned)) / 2
    assert of_scale.std() == pytest.approx(0.2, rel=0.05) and abs(of_scale.mean()) < 0.01
    longest, shortest = np.linalg.svd(turned, compute_uv=False).T
    assert np.log2(longest / shortest).mean() == pytest.approx(0.4 * (2 / np.pi) ** 0.5, rel=0.05)
    grown = np.exp(4 * (0.2 * np.log(2)) ** 2)  # the mean square of scale and stretch together
    expected = ((side / 4) ** 2 / 12 + (side / 8) ** 2 * grown) ** 0.5
    assert matrices[:, :2, 2].std() == pytest.approx(expected, rel=0.05)

    draws = ada.Draws(Noise(2), count, tf.constant(0.3))
    matrices = ada.geometry(draws, (side, side), turns=False).numpy()
    kept = (matrices == np.eye(3)).all((1, 2)).mean()
    assert kept == pytest.approx(0.7**5, abs=0.015)  # both rotations together are one of the five


def test_ada_has_the_colours_of_the_paper():
    """Brightness N(0, 0.2²), contrast 2^N(0, 0.5²), saturation 2^N(0, 1), any hue, luma flips."""
    count = 8000
    primary = tf.tile(tf.eye(3)[None, None], [count, 1, 1, 1])  # pixels of red, green and blue
    found = ada.recoloured(ada.Draws(Noise(1), count, tf.constant(1.0)), primary).numpy()[:, 0]
    moved = found[:, 0] - found[:, 1]  # where the colour (1, −1, 0) goes
    strength = np.log2(np.linalg.norm(moved, axis=1) / 2**0.5)
    assert strength.std() == pytest.approx((0.5**2 + 1) ** 0.5, rel=0.05)
    angle = np.arctan2(moved @ [1, 1, -2] / 6**0.5, moved @ [1, -1, 0] / 2**0.5)
    assert np.histogram(angle, 8, (-np.pi, np.pi))[0].min() > 0.85 * count / 8
    brightness, contrast = ada._tone(ada.Draws(Noise(2), count, tf.constant(1.0)))
    assert brightness.numpy().std() == pytest.approx(0.2, rel=0.05)
    assert np.log2(contrast).std() == pytest.approx(0.5, rel=0.05)
    luma = found.sum((1, 2)) / 3  # ±c (1 + 3b)
    assert (luma < 0).mean() == pytest.approx(0.5, abs=0.03)
    kept = ada.recoloured(ada.Draws(Noise(3), count, tf.constant(0.3)), primary).numpy()
    # a flip leaves half of the samples as they are
    same = np.isclose(kept, primary, atol=1e-6).all((1, 2, 3)).mean()
    assert same == pytest.approx(0.7**4 * 0.85, abs=0.02)


@pytest.mark.parametrize(
    "augment", [DiffAugment(), ADA(probability=1.0, turns=True)], ids=["diffaugment", "ada"]
)
@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 7, 3)])
def test_first_and_second_derivatives_are_those_of_finite_differences(augment, shape):
    x, direction, weights = images(shape, 3), images(shape, 3), images(shape, 3)
    augment = built(augment)

    def loss(x):
        return tf.reduce_sum(tf.tanh(0.3 * weights * augment(x, Noise(7))))

    def slope(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(x)
        return tape.gradient(value, x)

    def penalty(x):
        return tf.reduce_sum(tf.square(slope(x)))

    for function in (loss, penalty):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        found = tf.reduce_sum(tape.gradient(value, x) * direction)
        h = 0.02
        difference = (function(x + h * direction) - function(x - h * direction)) / (2 * h)
        assert float(found) == pytest.approx(float(difference), rel=5e-3, abs=1e-3)


def test_penalties_differentiate_d_at_what_it_saw():
    """D is linear in what it sees, so that R1 is the same for any augmentation."""
    found = {}
    for augment in ("none", "diffaugment"):
        gan = ganzoo.get("dcgan", architecture="mlp", augment=augment, penalties={"r1": 2.0})
        gan.build_from(PIXELS)
        gan.discriminator = linear()
        gan.play({"image": PIXELS[:4]}, lambda player, u, g=gan: getattr(g, f"{player}_loss")(u))
        updates = []
        gan.play({"image": PIXELS[:4]}, lambda player, u, seen=updates: seen.append(u) or {})
        found[augment] = float(gan.discriminator_loss(updates[0])["r1"])
    assert found["none"] == pytest.approx(found["diffaugment"], rel=1e-5)
    assert found["none"] == pytest.approx(64 * 0.1**2, rel=1e-5)


def linear():
    x = keras.Input([8, 8, 1])
    dense = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(0.1))
    return keras.Model(x, {"logits": dense(keras.layers.Flatten()(x))})


@keras.saving.register_keras_serializable("tests")
def halved(samples, noise):
    return 0.5 * samples


def seen(gan, rows):
    updates = []
    gan.play(rows, lambda player, update: updates.append((player, update)) or {})
    return updates


def test_both_kinds_of_samples_are_augmented_in_every_update_of_every_player():
    gan = ganzoo.get("dcgan", augment=halved, critic_steps=2, fakes="shared", **SMALL)
    gan.build_from(PIXELS, batch_size=8)
    updates = seen(gan, {"image": PIXELS[:8]})
    assert [player for player, _ in updates] == ["discriminator", "discriminator", "generator"]
    for _, update in updates:
        np.testing.assert_array_equal(update.real_seen, 0.5 * update.real)
        np.testing.assert_array_equal(update.fake_seen, 0.5 * update.fake)
    gan = ganzoo.get("dcgan", augment="diffaugment", packing=2, **SMALL)
    gan.build_from(PIXELS)
    (_, first), (_, second) = seen(gan, {"image": PIXELS[:8]})
    assert first.real_seen.shape == (4, 8, 8, 2)
    for one in (first, second):
        assert (one.real_seen.numpy() != ganzoo_pack(one.real)).any()
    assert (first.real_seen != second.real_seen).numpy().any()


def ganzoo_pack(samples):
    from ganzoo.core.packing import pack

    return pack(samples, 2).numpy()


def test_of_a_pair_the_image_is_augmented_and_the_latents_are_not():
    gan = ganzoo.get("bigan", augment=halved, **SMALL)
    gan.build_from(PIXELS)
    (_, update), _ = seen(gan, {"image": PIXELS[:4]})
    for samples, shown in ((update.real, update.real_seen), (update.fake, update.fake_seen)):
        np.testing.assert_array_equal(shown[0], 0.5 * samples[0])
        np.testing.assert_array_equal(shown[1], samples[1])


# -- ADA's probability -------------------------------------------------------------------------


class Judged:
    """An update whose logits on real samples are given."""

    def __init__(self, logits):
        self.real_outputs, self.count = {"logits": tf.constant(logits, tf.float32)}, len(logits)


@functools.cache
def game(name):
    gan = ganzoo.get(name, **SMALL)
    gan.build_from(PIXELS)
    return gan


def moved(augment, name="dcgan", rounds=()):
    """The probability after each round of updates of the game."""
    augment.check(game(name))
    augment.build(game(name))
    path = []
    for logits in rounds:
        augment.after(Judged(logits))
        path.append(float(augment.p))
    return path


def test_p_moves_as_the_closed_form():
    sure, unsure = np.ones((10, 1)), -np.ones((10, 1))
    path = moved(ADA(images=1000), rounds=[sure] * 10 + [unsure] * 6)
    # 40 images by 1,000 after each fourth update; 2 sure and 2 unsure ones have r = 0 < 0.6.
    expected = [0] * 3 + [0.04] * 4 + [0.08] * 4 + [0.04] * 4 + [0.0]
    np.testing.assert_allclose(path, expected, atol=1e-6)
    assert moved(ADA(images=30), rounds=[sure] * 8)[-1] == 1.0
    assert moved(ADA(images=30), rounds=[unsure] * 4)[-1] == 0.0


def test_r_is_the_mean_of_the_signs_of_all_updates():
    """17 of 20 logits above 0 have r = 0.7, and 15 have 0.5; the target is 0.6."""
    logits = np.where(np.arange(20) < 17, 3.0, -50.0).reshape(4, 5, 1)
    assert moved(ADA(images=1000), rounds=logits)[-1] == pytest.approx(0.02)
    logits = np.where(np.arange(20) < 15, 3.0, -50.0).reshape(4, 5, 1)
    assert moved(ADA(images=1000, target=0.4), rounds=logits)[-1] == pytest.approx(0.02)
    assert moved(ADA(images=1000), rounds=logits)[-1] == 0.0


def test_the_neutral_logit_is_that_of_equal_chances():
    found = {name: ada.neutral(objective) for name, objective in objectives.NAMED.items()}
    assert found == {
        "non_saturating": 0.0, "minimax": 0.0, "least_squares": 0.5, "hinge": 0.0, "kl": 1.0,
        "reverse_kl": 0.0, "pearson": 0.0, "squared_hellinger": 0.0, "jensen_shannon": 0.0,
        "wasserstein": None, "relativistic": None, "relativistic_average": None,
        "total_variation": None,
    }  # fmt: skip
    logits = np.full((4, 1), 0.2)  # below the ½ of LSGAN, above the 0 of the other
    assert moved(ADA(images=64), rounds=[logits] * 4)[-1] == 0.25
    assert moved(ADA(images=64), "lsgan", rounds=[logits] * 4)[-1] == 0.0


def test_a_given_probability_is_not_adapted_and_may_be_a_schedule():
    assert moved(ADA(probability=0.3), rounds=[np.ones((4, 1))] * 8)[-1] == pytest.approx(0.3)
    gan = ganzoo.get(
        "wgan", critic_steps=1, augment=ADA(probability=schedules.linear(0, 0.6, 4)), **SMALL
    )
    gan.fit(PIXELS, batch_size=4, steps_per_epoch=2, verbose=0)
    assert float(gan._augmentation.p) == pytest.approx(0.3)


def fitted(steps, augment="ada", **chosen):
    gan = ganzoo.get("dcgan", augment=augment, **SMALL | chosen)
    gan.fit(PIXELS, batch_size=16, steps_per_epoch=steps, verbose=0)
    return gan


def state(gan):
    return gan._augmentation.state.numpy()


@pytest.mark.slow
def test_training_with_ada_resumes_exactly(tmp_path):
    augment = ADA(images=64, target=-1.0)  # p is 1 after four steps
    whole, half = fitted(8, augment), fitted(5, augment)
    assert state(half)[0] == 1.0 and state(half)[2] == 1.0
    assert half.history.history["augment_probability"] == [pytest.approx(0.4)]
    half.save(tmp_path / "half.keras")
    resumed = ganzoo.load(tmp_path / "half.keras")
    assert resumed.augment.get_config() == augment.get_config()
    np.testing.assert_array_equal(state(half), state(resumed))
    resumed.fit(PIXELS, batch_size=16, steps_per_epoch=3, verbose=0)
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_two_replicas_share_p_and_train_as_one():
    def train(strategy):
        with strategy.scope():
            gan = ganzoo.get("dcgan", augment=ADA(images=64, target=-1.0), **SMALL)
            sgd = keras.optimizers.SGD(0.01)
            gan.compile(generator_optimizer=sgd, discriminator_optimizer=sgd)
        gan.fit(PIXELS, batch_size=16, steps_per_epoch=6, verbose=0)
        return gan

    one, two = train(tf.distribute.get_strategy()), train(checks.two_replicas())
    np.testing.assert_allclose(state(one), state(two), atol=1e-6)
    assert state(one)[0] == 1.0
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_one_augmentation_given_to_two_gans_has_a_state_in_each():
    augment = ADA(images=64, target=-1.0)
    one, other = (ganzoo.get("dcgan", augment=augment, **SMALL) for _ in range(2))
    for gan in (one, other):
        gan.build_from(PIXELS)
    for _ in range(4):
        one._augmentation.after(Judged(np.ones((16, 1))))
    assert state(one)[0] == 1.0 and state(other)[0] == 0.0


def test_an_own_function_is_saved_and_loaded(tmp_path):
    fitted(1, halved).save(tmp_path / "own.keras")
    assert ganzoo.load(tmp_path / "own.keras").augment is halved
    with pytest.raises(ValueError, match="register_keras_serializable"):
        fitted(1, lambda x, noise: x).save(tmp_path / "lambda.keras")


def test_an_own_function_augments_vectors():
    gan = ganzoo.get("gan", augment=halved, **SMALL)
    gan.fit(RNG.normal(size=(64, 3)), batch_size=16, steps_per_epoch=1, verbose=0)
    assert gan.step == 1 and np.isfinite(gan.sample(4)).all()


@pytest.mark.parametrize(
    ("name", "augment", "data", "sentence"),
    [
        ("dcgan", "difaugment", PIXELS, "must be one of 'none', 'diffaugment', 'ada'"),
        ("dcgan", 3, PIXELS, "must be one of 'none', 'diffaugment', 'ada'"),
        ("gan", "diffaugment", RNG.normal(size=(64, 3)), "the data are vectors: leave it out"),
        ("gan", "ada", RNG.normal(size=(64, 3)), "the data are vectors: leave it out"),
        ("bigan", halved, RNG.normal(size=(64, 3)), "not defined for bigan on vectors"),
        ("wgan_gp", "ada", PIXELS, "wgan_gp gives the sign no meaning: use 'diffaugment'"),
        ("r3gan", "ada", PIXELS, "r3gan gives the sign no meaning"),
        ("began", "ada", PIXELS, "began gives the sign no meaning"),
        ("dcgan", lambda x: x, PIXELS, "can't be called with two arguments"),
        ("dcgan", lambda x, noise: x[:, :4], PIXELS, "must return a tensor of the same shape"),
        ("dcgan", lambda x, noise: None, PIXELS, "augment returned None"),
    ],
)
def test_what_makes_no_sense_is_refused(name, augment, data, sentence):
    with pytest.raises(ValueError, match=sentence):
        ganzoo.get(name, augment=augment, **SMALL).build_from(data)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: DiffAugment(("colour",)), "'color'"),
        (lambda: DiffAugment(()), "policy is empty"),
        (lambda: ADA(target=2), "target=2 must be a number from -1 to 1"),
        (lambda: ADA(images=0), "images=0 must be a number"),
        (lambda: ADA(turns="yes"), "turns='yes' must be"),
        (lambda: ADA(probability=1.5), "probability=1.5 must be a number from 0 to 1"),
    ],
)
def test_bad_arguments_are_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="no augmentation is called 'difaugment': did you mean"):
        ganzoo.augmentation.get("difaugment")
