"""Pretrained generators: their files and cards, and that a restored GAN is the trained one."""

import hashlib

import numpy as np
import own_weights
import pytest

import ganzoo
from ganzoo import cli, pretrained

CARDS = ganzoo.weights()
DIGITS = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1), "uint8")


def test_there_are_small_ones_of_each_kind():
    assert {"lsgan", "cgan", "acgan", "projection_gan", "infogan", "bigan", "pix2pix"} <= {
        card.gan for card in CARDS
    }
    assert all(card.bytes <= 3e6 for card in CARDS)
    assert sum(card.bytes for card in CARDS) <= 30e6


@pytest.mark.parametrize("card", CARDS, ids=lambda card: f"{card.gan}-{card.name}")
def test_a_card_tells_of_its_file(card):
    content = card.path.read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (card.bytes, card.sha256)
    assert card.measured and card.minutes > 0
    assert f'ganzoo.get("{card.gan}", weights="{card.name}")' in str(card)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: f"{card.gan}-{card.name}")
def test_it_draws_what_it_was_trained_for(card):
    gan = ganzoo.get(card.gan, weights=card.name)
    given = {
        name: np.random.default_rng(0).integers(0, 256, (2, *gan.fields[name].shape), "uint8")
        for name in gan.given_inputs
    }
    samples = gan.sample(2, seed=0, **given)
    assert samples.shape == (2, *card.shape)
    assert np.std(samples) > 0


@pytest.fixture
def own(monkeypatch, tmp_path):
    """A trained `lsgan` with an average of weights, and its weights "mine"."""
    gan = ganzoo.get("lsgan", width=8, ema=0.9, seed=3)
    gan.fit(DIGITS, batch_size=16, steps_per_epoch=20, verbose=0)
    own_weights.put(tmp_path, [(gan, {"width": 8, "ema": 0.9})], monkeypatch)
    yield gan
    pretrained._all.cache_clear()


def test_a_restored_gan_draws_the_samples_of_the_trained_one(own):
    restored = ganzoo.get("lsgan", weights="mine", seed=3)
    found, wanted = (gan.sample(8, seed=1).astype(float) for gan in (restored, own))
    assert np.abs(found - wanted).max() <= 3  # of 255: the weights are rounded
    assert np.std(wanted) > 0


def test_training_goes_on_from_there(own):
    restored = ganzoo.get("lsgan", weights="mine", generator_learning_rate=1e-5)
    before = restored.sample(4, seed=1).astype(float)
    restored.fit(DIGITS, batch_size=16, steps_per_epoch=1, verbose=0)
    assert np.abs(restored.sample(4, seed=1) - before).max() <= 8
    assert restored.step == 1


@pytest.mark.parametrize(
    ("name", "keywords", "said"),
    [
        ("lsgan", {"weights": "mime"}, "no weights of lsgan is called 'mime'"),
        ("lsgan", {"weights": 3}, "no weights of lsgan is called 3"),
        ("gan", {"weights": "mine"}, "gan has no pretrained weights"),
        ("lsgan", {"weights": "mine", "width": 16}, "width=16: leave out what changes"),
        ("lsgan", {"weights": "mine", "widht": 16}, "widht"),
        ("lsgann", {"weights": "mine"}, "lsgann"),
    ],
)
def test_what_does_not_exist_or_fit_is_refused(own, name, keywords, said):
    with pytest.raises(ValueError, match=said):
        ganzoo.get(name, **keywords)


def test_a_damaged_file_is_refused(own, tmp_path):
    path = tmp_path / "lsgan-mine.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is damaged: install ganzoo again"):
        ganzoo.get("lsgan", weights="mine")


def test_the_command_line_lists_samples_and_exports_them(own, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["weights"]) == 0
    assert "mine" in capsys.readouterr().out
    assert cli.main(["weights", "lsgan"]) == 0
    assert 'weights="mine"' in capsys.readouterr().out
    assert cli.main(["sample", "lsgan", "--weights", "mine", "-n", "3", "--out", "s.npy"]) == 0
    assert np.load("s.npy").shape == (3, 8, 8, 1)
    assert cli.main(["export", "lsgan", "--weights", "mine", "--out", "lsgan.onnx"]) == 0
    assert (tmp_path / "lsgan.onnx").stat().st_size > 1000
    assert cli.main(["weights", "gan"]) == 2
    assert "gan has no pretrained generators" in capsys.readouterr().err
