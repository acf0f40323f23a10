"""The members of two saved GANs, and no network."""

import socket

import keras
import pytest
from keras_files import apart, digits

import ganzoo


@pytest.fixture(scope="session")
def gan():
    gan = ganzoo.get("gan", width=8, latent_dim=4)
    gan.fit(digits(), batch_size=8, verbose=0)
    return gan


@pytest.fixture(scope="session")
def members(gan, tmp_path_factory):
    """The saved GAN's file, taken apart: name -> bytes."""
    path = tmp_path_factory.mktemp("saved") / "gan.keras"
    gan.save(path)
    return apart(path)


@pytest.fixture(scope="session")
def own(tmp_path_factory):
    """The configuration and the members of a GAN of the user's own networks."""
    path = tmp_path_factory.mktemp("own") / "own.keras"
    layers = keras.layers
    generator = [keras.Input([4]), layers.Dense(64), layers.Reshape([8, 8, 1])]
    discriminator = [keras.Input([8, 8, 1]), layers.Flatten(), layers.Dense(1)]
    pair = keras.Sequential(generator), keras.Sequential(discriminator)
    gan = ganzoo.get("gan", latent_dim=4, architecture=pair)
    gan.fit(digits(), batch_size=8, verbose=0)
    gan.save(path)
    return apart(path)


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    def refuse(*_):
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
