"""Does the measure M fall while the samples become better, and does G keep all ten digits?

D's rate is a twentieth of G's. D minimises p(x) L(x) − k g(x) L(x) over the densities p of the data
and g of the samples, so it turns against a kind of sample only where g > p/k. With equal rates a
small k already keeps the balance, and G may then generate few kinds. A slower D needs a larger k.
"""

from __future__ import annotations

from collections.abc import Iterator

from arrays import arrays

import ganzoo
from ganzoo.foundation import schedules


def claim(seed: int, steps: int = 4000, parts: int = 4) -> Iterator[dict[str, object]]:
    def falling(rate: float) -> schedules.Schedule:
        return schedules.linear(rate, 0.0, steps // 2, begin=steps // 2)

    x, y = arrays("digits")
    gan = ganzoo.get(
        "began",
        width=16,
        latent_dim=16,
        beta_2=0.9,
        ema=0.995,
        proportional_gain=1.0,
        generator_learning_rate=falling(2e-3),
        discriminator_learning_rate=falling(1e-4),
        seed=seed,
    )
    measures, distances = [], []
    for _ in range(parts):
        history = gan.fit(x, y, steps_per_epoch=steps // parts, verbose=0).history
        found = gan.evaluate(x, y, samples=1000, seed=seed)
        measures.append(history["convergence"][-1])
        distances.append(float(found["kid"]))
    kl = found["label_kl"]
    yield {
        "measure": "KL of the labels of samples from those of the data",
        "value": float(kl),
        "bar": "<= 0.1",
        "beside": "that of real digits",
        "value_beside": kl.reference,
        "steps": steps,
    }
    for measure, values in (("M", measures), ("KID", distances)):
        yield {
            "measure": f"last {measure} over that after the first of {parts} parts of the training",
            "value": values[-1] / values[0],
            "bar": "< 1",
            "steps": steps,
        }
