"""The failures that benchmarks/diagnosis.py builds: each a GAN, its data and how long it trains."""

import dataclasses
from collections.abc import Callable
from functools import partial

import keras
import numpy as np

import ganzoo
from ganzoo.foundation import registry
from ganzoo.testing.checks import Subject

HELD_OUT = 500


def digits(name, few=None):
    """8×8 digits as the GAN takes them: training rows, of which there may be few, and others."""
    subject = Subject(registry.find(name))
    images, labels = (
        x.numpy() for x in next(iter(ganzoo.data.load("digits").batch(1797))).values()
    )
    if len(subject.samples) > 1:
        images = np.pad(images, [(0, 0), (4, 4), (4, 4), (0, 0)])
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order], labels[order]
    train, held_out = slice(HELD_OUT, HELD_OUT + few if few else None), slice(HELD_OUT)
    return subject.rows(images[train], labels[train]), subject.rows(
        images[held_out], labels[held_out]
    )


def vectors(name, few=None):
    """The digits as vectors of 64 numbers in [-1, 1]."""
    (x, _), (held_out, _) = digits(name, few)
    return tuple(a.reshape(len(a), -1).astype("float32") / 127.5 - 1 for a in (x, held_out))


def ring(name):
    """5,000 points of 8 Gaussians on a circle, and others."""
    points = ganzoo.data.toys.ring().sample(5000 + HELD_OUT)[0]
    return points[:5000], points[5000:]


def photographs(name, count=300, side=64):
    """Square parts of two photographs, of random places and sizes: uint8 [300, 64, 64, 3], and
    100 others, which overlap them."""
    import tensorflow as tf
    from sklearn.datasets import load_sample_images

    rng, parts = np.random.default_rng(0), []
    whole = load_sample_images().images
    for number in range(count + 100):
        image = whole[number % 2]
        size = int(rng.integers(96, 320))
        top, left = (int(rng.integers(0, n - size + 1)) for n in image.shape[:2])
        part = image[top : top + size, left : left + size]
        parts.append(tf.image.resize(part, (side, side), antialias=True).numpy())
    images = np.clip(np.stack(parts), 0, 255).astype("uint8")
    return images[:count], images[count:]


def blind(shape):
    """Networks of which G ignores its latents."""
    latent = keras.Input([16])
    return _networks(shape, latent, keras.layers.Rescaling(0.0)(latent), "random_normal")


def four(shape):
    """Networks of which G sees little more of its latents than two signs: it makes samples of four
    kinds."""
    latent = keras.Input([16])
    signs = keras.layers.Rescaling(3.0)(keras.ops.sign(latent[:, :2]))
    rest = keras.layers.Rescaling(0.05)(latent[:, 2:])
    return _networks(shape, latent, keras.layers.Concatenate()([signs, rest]), "zeros")


def _networks(shape, latent, x, bias, width=64):
    last = "tanh" if len(shape) > 1 else "linear"  # the range of images; points have none
    for _ in range(2):
        x = keras.layers.LeakyReLU()(keras.layers.Dense(width)(x))
    x = keras.layers.Dense(int(np.prod(shape)), last, bias_initializer=bias)(x)
    generator = keras.Model(latent, keras.layers.Reshape(shape)(x))
    features = keras.Sequential([keras.Input(shape), keras.layers.Flatten()])
    for _ in range(2):
        features.add(keras.layers.Dense(width))
        features.add(keras.layers.LeakyReLU())
    return generator, features


@dataclasses.dataclass(frozen=True)
class Case:
    """What is built.

    Attributes:
        failure: the verdict that is due.
        name: the GAN's registry name.
        chosen: its hyper-parameters.
        data: the name -> training rows, held-out rows.
        steps, batch: of the training.
    """

    failure: str
    name: str
    chosen: dict = dataclasses.field(default_factory=dict)
    data: Callable = digits
    steps: int = 800
    batch: int = 64

    @property
    def is_image(self):
        return self.data not in (ring, FEW_VECTORS)


def rates(generator, discriminator=None):
    return {
        "generator_learning_rate": generator,
        "discriminator_learning_rate": discriminator or generator,
    }


FEW_IMAGES, FEW_VECTORS = partial(digits, few=40), partial(vectors, few=40)

BUILT = {
    # a minimax game with a far better D
    "far_better_d": Case(
        "vanishing_gradients", "minimax_gan", rates(2e-5, 1e-3) | {"critic_steps": 5}
    ),
    "far_better_d_conv": Case(
        "vanishing_gradients", "dcgan",
        {"objective": "minimax", "discriminator_learning_rate": 2e-3, "critic_steps": 3,
         "width": 16, "discriminator_normalization": "none"},
    ),
    # a D that has won although the loss does not saturate; the early one wins in some seeds only,
    # and G then catches up by itself in some hundreds of steps
    "won_photographs": Case(
        "vanishing_gradients", "dcgan", rates(5e-5, 1e-3) | {"width": 32}, photographs, 800, 16
    ),
    "won_early": Case("vanishing_gradients", "dcgan", {}, photographs, 100, 16),
    "won_digits": Case("vanishing_gradients", "dcgan", rates(2e-5, 2e-3) | {"width": 16}),
    # a G that ignores its latents
    "blind_g": Case("mode_collapse", "gan", {"architecture": blind, "latent_dim": 16}),
    "blind_g_lsgan": Case("mode_collapse", "lsgan", {"architecture": blind, "latent_dim": 16}),
    # a G that is trained far faster than D
    "fast_g": Case("mode_collapse", "gan", rates(5e-3, 1e-4)),
    "fast_g_hinge": Case(
        "mode_collapse", "dcgan",
        rates(3e-3, 3e-5) | {"objective": "hinge", "architecture": "mlp"},
    ),
    "faster_g": Case("mode_collapse", "gan", rates(1.5e-3, 5e-4)),
    "momentum": Case("mode_collapse", "gan", {"beta_1": 0.9}),
    # a G that keeps some of eight modes
    "some_modes": Case("mode_collapse", "gan", {}, ring, 3000),
    "four_modes": Case(
        "mode_collapse", "gan", {"architecture": four, "latent_dim": 16, "penalties": {"r1": 1.0}},
        ring, 2000,
    ),
    # rates at which training diverges, or circles
    "leaping": Case("convergence_failure", "gan", rates(0.1)),
    "oscillating": Case("convergence_failure", "gan", rates(0.02) | {"beta_1": 0.9}),
    "circling": Case(
        "convergence_failure", "gan", rates(2e-3) | {"width": 64, "beta_1": 0.98}, ring, 2000
    ),
    "free_critic": Case(
        "convergence_failure", "dcgan", {"objective": "wasserstein", "architecture": "mlp"}
    ),
    # 40 training samples
    "few_images": Case("overfitting", "dcgan", {"width": 16}, FEW_IMAGES, 6400, 40),
    "few_images_mlp": Case("overfitting", "gan", {}, FEW_IMAGES, 1600, 40),
    "few_vectors": Case("overfitting", "gan", {}, FEW_VECTORS, 1600, 40),
}  # fmt: skip

SLOW = {  # steps of the healthy networks that take long on a CPU; the others are trained for 800
    "stylegan2": 300, "biggan": 300, "sagan": 300, "fastgan": 150, "cyclegan": 300,
    "reacgan": 400, "projection_gan": 400, "sngan": 400, "srgan": 400, "pix2pix": 400,
    "unrolled_gan": 500, "wgan": 500, "wgan_gp": 500,
}  # fmt: skip


def find(case):
    """The case of that name; "healthy:NAME" is a GAN as it is, made smaller where it is slow."""
    if case in BUILT:
        return BUILT[case]
    name = case.removeprefix("healthy:")
    known = registry.find(name).hyperparameters()
    small = {"width": 16, "blocks": 1} if name in SLOW and name != "unrolled_gan" else {}
    chosen = {key: value for key, value in small.items() if key in known}
    return Case("healthy", name, chosen, steps=SLOW.get(name, 800))


def names():
    learn_images = (name for name in ganzoo.names() if "series" not in ganzoo.card(name).data)
    return [*BUILT, *(f"healthy:{name}" for name in learn_images)]
