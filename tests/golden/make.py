"""Writes the golden files: a small saved GAN for each mechanism, and the samples it then gave.

    python tests/golden/make.py NAME      # one that is new; others stay as they were written

tests/test_golden.py loads them, so that a file that was saved keeps loading. Never write an old one
anew to make a test pass.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import ganzoo
from ganzoo.core.gan import GAN
from ganzoo.foundation import schedules

HERE = Path(__file__).parent
SAVED, MORE = 3, 2  # steps

CASES = {  # name of the file -> name of the GAN, hyper-parameters
    "gan": ("gan", {}),
    "labels": ("cgan", {}),
    "codes": ("infogan", {}),
    "encoder": ("bigan", {}),
    "fitted_encoder": ("lsgan", {}),
    "state": ("began", {}),
    "penalties": ("r3gan", {"regularise_every": 2}),
    "critic_steps": ("wgan_gp", {"critic_steps": 2}),
    "composed": (
        "dcgan",
        {
            "regularisers": {"lecam": 0.3},
            "ema": 0.9,
            "packing": 2,
            "fakes": "shared",
            "generator_learning_rate": schedules.linear(2e-3, 1e-3, 9),
        },
    ),
    "classifier": ("acgan", {}),
    "missing_labels": ("sgan", {}),
    "given": ("pix2pix", {}),
    "spectral": ("projection_gan", {"architecture": "mlp"}),
    "ada": ("dcgan", {"augment": ganzoo.augmentation.ADA(target=-1.0, images=16)}),
    "styles": ("stylegan2", {"regularise_every": 2}),
    "replay": ("cyclegan", {"blocks": 1, "replay": 10}),
}


def rows(name: str) -> object:
    """The data of a case, as `fit` takes them."""
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (32, 8, 8, 1), "uint8")
    if name == "given":
        x = random.integers(0, 256, (32, 16, 16, 1), "uint8")
        return {"source": x, "target": 255 - x}
    if name == "replay":
        return {"a": x, "b": 255 - x[:20]}
    y = np.arange(32) % 3
    return x, np.where(y == 2, -1, y) if name == "missing_labels" else y


def trained(gan: GAN, name: str, steps: int) -> GAN:
    gan.fit(rows(name), batch_size=4, steps_per_epoch=steps, verbose=0)
    return gan


def samples(gan: GAN, name: str) -> np.ndarray:
    given = {"given": "source", "replay": "a"}.get(name)
    given = {given: rows(name)[given][:4]} if given else {}
    return gan.sample(4, seed=1, **given)


def main() -> None:
    for name in sys.argv[1:] or CASES:
        if (HERE / f"{name}.keras").exists():
            print(f"{name} is there and stays as it is")
            continue
        kind, hyperparameters = CASES[name]
        small = {"width": 2, "latent_dim": 3}
        known = ganzoo.card(kind).hyperparameters
        small = {key: value for key, value in small.items() if key in known}
        gan = trained(ganzoo.get(kind, **small | hyperparameters), name, SAVED)
        scored = {}
        if name == "fitted_encoder":
            gan.fit_encoder(rows(name)[0], steps=SAVED, batch_size=4)
            scored = {"scores": gan.anomaly_score(rows(name)[0])}
        gan.save(HERE / f"{name}.keras")
        saved = samples(gan, name)
        resumed = samples(trained(gan, name, MORE), name)
        np.savez_compressed(HERE / f"{name}.npz", saved=saved, resumed=resumed, **scored)


if __name__ == "__main__":
    main()
