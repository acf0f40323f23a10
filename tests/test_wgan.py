"""Weight clipping through the real `fit`, against the closed form of a linear critic."""

import keras
import numpy as np
import pytest

import ganzoo


class Shift(keras.layers.Layer):
    """z + θ."""

    def build(self, input_shape):
        self.theta = self.add_weight(shape=(1,), initializer="ones")

    def call(self, z):
        return z + self.theta


@pytest.mark.parametrize("shift", [3.0, -2.0])
def test_a_clipped_linear_critic_measures_the_distance_of_the_means(shift):
    """D(x) = wx with |w| ≤ c: the best has w = ±c, and −L_D is c times the distance."""
    x = np.random.default_rng(0).standard_normal((64, 1)).astype("float32")
    generator = keras.Sequential([keras.Input([1]), Shift()])
    generator.set_weights([np.array([shift])])
    critic = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False)])
    gan = ganzoo.get("wgan", architecture=(generator, critic), latent_dim=1, clip=0.01)
    gan.compile(
        generator_optimizer=keras.optimizers.SGD(0.0),
        discriminator_optimizer=keras.optimizers.SGD(0.1),
    )
    gan.fit(x, batch_size=12, steps_per_epoch=5, verbose=0)
    weight = float(critic.weights[0][0, 0])
    assert weight == pytest.approx(-np.sign(shift) * 0.01)
    real = gan.spec.encode(x).numpy()
    fake = gan.generate(gan.draw_latents(64, 0))["vector"].numpy()
    logits = [gan.discriminate(part, None, False)["logits"].numpy().mean() for part in (real, fake)]
    assert logits[0] - logits[1] == pytest.approx(0.01 * np.abs(real.mean() - fake.mean()))


def test_all_weights_of_the_critic_are_clipped_after_loading_too(tmp_path):
    x = np.random.default_rng(0).standard_normal((40, 2)).astype("float32")
    gan = ganzoo.get("wgan", width=8, clip=0.05, critic_steps=2, discriminator_learning_rate=1.0)
    gan.fit(x, batch_size=4, steps_per_epoch=2, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = ganzoo.load(tmp_path / "gan.keras")
    loaded.fit(x, batch_size=4, steps_per_epoch=2, verbose=0)
    for model in (gan, loaded):
        largest = [np.abs(w.numpy()).max() for w in model.discriminator_variables]
        assert max(largest) == np.float32(0.05)
        assert max(np.abs(w.numpy()).max() for w in model.generator_variables) > 0.05


def test_adams_decays_are_refused():
    with pytest.raises(ValueError, match="wgan has its own beta_1"):
        ganzoo.get("wgan", beta_1=0.9)
