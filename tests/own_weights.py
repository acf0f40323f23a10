"""Pretrained weights of a test's own, in a folder of its own."""

import dataclasses
import hashlib
import json

from ganzoo import pretrained


def put(folder, gans, monkeypatch):
    """Lets the weights "mine" of each GAN be the only ones there are. `gans` holds pairs of a built
    GAN and the hyper-parameters that it was made with."""
    monkeypatch.setattr(pretrained, "FOLDER", folder)
    monkeypatch.setattr(pretrained, "CARDS", folder / "cards.json")
    cards = []
    for gan, hyperparameters in gans:
        content = pretrained.content(gan)
        card = pretrained.Weights(
            gan=gan.registry_name,
            name="mine",
            data="noise",
            shape=gan.spec.shape,
            hyperparameters=hyperparameters,
            steps=20,
            batch_size=16,
            seed=3,
            minutes=0.1,
            measured={"kid": 1.0},
            command="none",
            versions="",
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            fields={name: field.to_config() for name, field in gan.fields.items()},
        )
        card.path.write_bytes(content)
        cards.append(dataclasses.asdict(card))
    pretrained.CARDS.write_text(json.dumps(cards))
    pretrained._all.cache_clear()
