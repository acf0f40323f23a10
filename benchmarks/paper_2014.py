"""Figure 1 of the paper of 2014, drawn from a training: results/gan-1d.png and results/gan-1d.webp.

    python benchmarks/paper_2014.py

Goodfellow et al. 2014, arXiv:1406.2661: the density of the data (dotted), that of the model
(solid), D (dashed), and below them how G maps latents to samples. `gan` learns N(4, 0.5²) from
20,000 numbers; G has one normal latent. The thin line is D* = p / (p + g), the best D for that
model, where g is estimated from 8,192 samples and p is known. Training takes half a minute.
"""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from scipy import stats

import ganzoo
from ganzoo.reporting import drawing, line

RESULTS = Path(__file__).parent.parent / "results"
DATA = stats.norm(4.0, 0.5)
STEPS, EVERY = 1600, 20
SHOWN = (20, 100, 400, 1600)


def main():
    x = DATA.rvs((20_000, 1), random_state=0).astype("float32")
    # Rates that fall to 0 end the oscillation of the two players.
    rates = {f"{player}_learning_rate": keras.optimizers.schedules.CosineDecay(rate, STEPS)
             for player, rate in (("generator", 1e-3), ("discriminator", 2e-3))}  # fmt: skip
    gan = ganzoo.get("gan", latent_dim=1, width=32, seed=1, **rates)
    states = []
    # wider than the data, because the model begins elsewhere
    limits = (1.0, 7.0)
    watching = line.States(states, limits, EVERY)
    gan.fit(x, epochs=1, steps_per_epoch=STEPS, batch_size=256, verbose=0, callbacks=[watching])
    shown = [one for one in states if one.step in SHOWN]
    drawing.save(line.figure(shown, x, DATA.pdf), RESULTS / "gan-1d.png")
    line.save_animation(states[::2], x, RESULTS / "gan-1d.webp", DATA.pdf)
    last = states[-1].samples
    print(f"samples at step {states[-1].step}: mean {last.mean():.3f}, std {last.std(ddof=1):.3f}")
    print(f"mean |D − ½| where p is above 5% of its peak: {_unsure(states[-1]):.3f}")


def _unsure(one):
    p = DATA.pdf(one.at)
    judged = 1 / (1 + np.exp(-one.logits))
    return np.abs(judged - 0.5)[p > 0.05 * p.max()].mean()


if __name__ == "__main__":
    main()
