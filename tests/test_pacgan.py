"""PacGAN's networks as published."""

import numpy as np
import pytest

import ganzoo


@pytest.mark.slow
def test_the_published_networks():
    """G: 2 → 4 × 400 → 2; D: 2 samples of 2 features → 3 × 200 maxout units of 5 pieces → 1."""
    gan = ganzoo.get("pacgan", as_published=True)
    gan.build_from(ganzoo.data.load("ring"), batch_size=4)
    hidden = 2 * 400 + 3 * 400 * 400
    assert sum(np.prod(w.shape) for w in gan.generator_variables) == (
        hidden + 4 * 2 * 400 + 400 * 2 + 2  # γ and β of the normalisation, the last layer
    )
    assert sum(np.prod(w.shape) for w in gan.discriminator_variables) == (
        (4 + 1) * 1000 + 2 * (200 + 1) * 1000 + 200 + 1
    )
    assert (gan.latent_dim, gan.beta_1, gan.generator_learning_rate) == (2, 0.8, 1e-4)


def test_the_published_networks_refuse_images():
    gan = ganzoo.get("pacgan", as_published=True)
    with pytest.raises(ValueError, match="points in the plane, but the data are images"):
        gan.build_from(np.zeros([8, 8, 8, 1], "uint8"), batch_size=4)
