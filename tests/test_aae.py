"""Adversarial autoencoders: the losses against NumPy, and linear networks against PCA."""

import keras
import numpy as np
import pytest
from sklearn.decomposition import PCA

import ganzoo
from ganzoo.core.update import Update
from ganzoo.foundation.randomness import Noise


def test_losses():
    x = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
    gan = ganzoo.get("aae", width=8, latent_dim=2)
    gan.build_from(x, batch_size=4)
    row = gan.spec.encode(x[:5])
    update = Update(gan, {"vector": row}, Noise(0), training=False)
    latents, codes = update.inputs["latent"], gan.encoder(row)
    real, fake = (gan.discriminator([z])["logits"].numpy() for z in (latents, codes))
    expected = np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()
    assert float(gan.discriminator_loss(update)["discriminator"]) == pytest.approx(
        expected, rel=1e-5
    )
    terms = gan.generator_loss(update)
    assert float(terms["generator"]) == pytest.approx(np.logaddexp(0, -fake).mean(), rel=1e-5)
    error = np.square(row - gan.generator(codes)).mean()
    assert float(terms["reconstruction"]) == pytest.approx(10 * error, rel=1e-5)
    np.testing.assert_allclose(gan.encode(x[:5]), codes, atol=1e-6)


def test_the_best_linear_autoencoder_is_pca(monkeypatch):
    """The weights of PCA are a stationary point of the reconstruction, which is PCA's error."""
    x = (np.random.default_rng(0).normal(size=(64, 4)) * (3, 2, 1, 0.5)).astype("float32")
    gan = ganzoo.get("aae", width=8, latent_dim=2)
    gan.build_from(x, batch_size=64)
    row = gan.spec.encode(x).numpy()
    pca = PCA(2).fit(row)
    encoder, decoder = (
        keras.Sequential([keras.Input([n]), keras.layers.Dense(m)]) for n, m in ((4, 2), (2, 4))
    )
    encoder.set_weights([pca.components_.T, -pca.mean_ @ pca.components_.T])
    decoder.set_weights([pca.components_, pca.mean_])
    monkeypatch.setitem(gan.__dict__, "encoder", encoder)
    monkeypatch.setitem(gan.__dict__, "generator", decoder)
    found = gan.generator_loss(Update(gan, {"vector": row}, Noise(0)))["reconstruction"]
    lost = np.square(row - pca.inverse_transform(pca.transform(row))).mean()
    assert float(found) == pytest.approx(10 * lost, rel=1e-4)
    rng = np.random.default_rng(1)
    for _ in range(5):
        encoder.layers[0].kernel.assign_add(rng.normal(0, 0.05, (4, 2)))
        worse = gan.generator_loss(Update(gan, {"vector": row}, Noise(0)))["reconstruction"]
        assert float(worse) > float(found)
