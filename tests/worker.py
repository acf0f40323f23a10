"""One of two workers: trains each GAN for three steps and writes the weights.

python tests/worker.py INDEX PORT,PORT OUT.npz NAME [NAME ...]
"""

import json
import os
import sys

import numpy as np


def train(names):
    """The logs of the first step, and the weights after it and after two more. SGD for the reason
    that `check_two_replicas_equal_one` gives."""
    import keras

    from ganzoo.foundation import registry
    from ganzoo.testing import checks

    found = {}
    for name in names:
        subject = checks.Subject(registry.find(name))
        gan = subject.make(seed=0)
        gan.compile(
            generator_optimizer=keras.optimizers.SGD(0.01),
            discriminator_optimizer=keras.optimizers.SGD(0.01),
        )
        options = {"batch_size": 16, "steps_per_epoch": 1, "verbose": 0}
        history = gan.fit(subject.digits, **options)
        found |= {f"{name}/{k}": np.array(v[0]) for k, v in history.history.items()}
        found |= {f"{name}/first/{n}": weights for n, weights in enumerate(gan.get_weights())}
        gan.fit(subject.digits, initial_epoch=1, epochs=3, **options)
        found |= {f"{name}/third/{n}": weights for n, weights in enumerate(gan.get_weights())}
    return found


if __name__ == "__main__":
    index, ports, out, *names = sys.argv[1:]
    os.environ["TF_CONFIG"] = json.dumps(
        {
            "cluster": {"worker": [f"127.0.0.1:{port}" for port in ports.split(",")]},
            "task": {"type": "worker", "index": int(index)},
        }
    )
    from ganzoo.devices import strategies

    strategy = strategies.make("multiworker")
    with strategy.scope():
        found = train(names)
    assert strategies.from_chief(strategy, int(index) + 7) == 7
    np.savez(out, **found)
    strategies.check_together(strategy, 0)
