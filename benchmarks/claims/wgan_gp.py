"""How many of the 25 Gaussians on a grid does the generator find?

The task of the paper's toy experiment. G and D are MLPs of three layers of 128 units with 2 latents
and λ = 0.1, as in the authors' code, which has 512 units and a rate of 1e-4 for 100,000 steps. Here
Adam's rates are 1e-3 and fall linearly to 0 in the second half of far fewer steps, with three
updates of D for each of G.
"""

from __future__ import annotations

from collections.abc import Iterator

import ganzoo
from ganzoo.evaluation import mode_coverage
from ganzoo.foundation import schedules


def claim(seed: int, steps: int = 12_000, critic_steps: int = 3) -> Iterator[dict[str, object]]:
    def falling(updates: int) -> schedules.Schedule:
        return schedules.linear(1e-3, 0.0, updates // 2, begin=updates // 2)

    gan = ganzoo.get(
        "wgan_gp",
        width=128,
        latent_dim=2,
        penalties={"gradient_penalty": 0.1},
        critic_steps=critic_steps,
        generator_learning_rate=falling(steps),
        discriminator_learning_rate=falling(critic_steps * steps),  # a rate counts D's updates
        seed=seed,
    )
    gan.fit(ganzoo.data.load("grid"), batch_size=256, steps_per_epoch=steps, verbose=0)
    truth = ganzoo.data.toys.grid()
    found = mode_coverage(gan.sample(2500, seed=seed), truth.means, truth.sigma)
    yield {
        "measure": "modes found of the 25 Gaussians on a grid",
        "value": float(found["modes"]),
        "bar": ">= 24",
        "beside": "share of samples within 3 standard deviations of a mode",
        "value_beside": float(found["high_quality"]),
        "steps": steps,
    }
