"""A cost model of training on several workers, and what it says of StyleGAN2 on 1 to 64 GPUs.

    compute  = max(w, n·c / cores)
    exchange = 2(n−1)/n · bytes/bandwidth + collectives · 2(n−1) · rtt

The first term of the exchange is that of a ring all-reduce (Patarasuk and Yuan 2009,
doi:10.1016/j.jpdc.2008.09.002). The second one counts the ring's 2(n−1) hops, each of which costs a
request and its answer in TensorFlow's ring, for each of the step's all-reduces, one after another:
G's gradients need the updated D. Computing and exchange don't overlap. Lost packets are
not in the model.
"""

import math


def predicted(n, alone, cpu, cores, size, collectives, rtt, bandwidth):
    """The model: seconds of computing and of exchange.

    n: workers. alone, cpu: seconds, and seconds of CPU time, of a step of one worker on its rows.
    cores: which all workers share; infinite if each has its own. size: bytes of the gradients.
    collectives: all-reduces of a step, one after another. rtt, bandwidth: of the network, in
    seconds and bytes per second.
    """
    compute = max(alone, n * cpu / cores)
    return compute, 2 * (n - 1) / n * size / bandwidth + collectives * 2 * (n - 1) * rtt


GENERATOR, DISCRIMINATOR = 23_191_522, 24_001_089  # weights, see `paper`
A100 = {1: (16, 12.53), 2: (32, 6.36), 4: (64, 3.20), 8: (64, 2.38)}
FABRICS = {  # bytes per second of a ring that leaves each node of 8 GPUs once, seconds per hop
    "NVLink": (300e9, 5e-6),
    "8 × 200 Gbit/s InfiniBand per node": (200e9, 10e-6),
    "1 × 25 Gbit/s Ethernet per node": (3.125e9, 50e-6),
}


def paper():
    """StyleGAN2 at 256 pixels, by the same model; `published` where there is something to compare.

    Assumptions:

    - The step of one GPU is that which NVIDIA published for an A100: seconds per 1,000 images and
      batch in `A100`, from the table "Old StyleGAN2-ADA configurations, default configuration",
      256², of docs/configs.md in github.com/NVlabs/stylegan3 (PyTorch, mixed precision,
      `--cbase=16384 --map-depth=2`). 16 rows take 12.53·16 ms on one GPU; 8 rows take 2.38·64 ms
      less the exchange on eight. Fewer rows follow from the straight line through both.
    - Each player's gradients are exchanged once in a step, in float32, and nothing of it overlaps
      with computing, as in TensorFlow's strategy. The weights are counted from the layers of that
      configuration (G 23.2 million, D 24.0 million). Lazy regularisation adds no exchange here.
    - Bandwidths are nominal, those of a DGX A100 (NVIDIA's data sheet: NVLink 600 GB/s both ways
      together, 8 ports of 200 Gbit/s), or of one 25 Gbit/s port per node. The latencies of a hop
      are round guesses.
    - The ring is flat over all GPUs, so that its slowest link decides.
    """
    size = 4 * (GENERATOR + DISCRIMINATOR)

    def exchange(n, fabric):
        bandwidth, hop = FABRICS[fabric]
        return predicted(n, 0, 0, math.inf, size, 2, hop, bandwidth)[1]

    published = {n: (batch // n, seconds * batch / 1000) for n, (batch, seconds) in A100.items()}
    full = published[1][1]
    half = published[8][1] - exchange(8, "NVLink")
    per_row = (full - half) / 8

    def made(n, rows, fabric, known=None):
        compute, wait = half + (rows - 8) * per_row, exchange(n, fabric) if n > 1 else 0.0
        total = compute + wait
        return dict(
            workers=n, link=fabric, rows=rows * n, compute=compute, exchange=wait, predicted=total,
            waits=wait / total, bytes=size, collectives=2, published=known,
            per_second=rows * n / total,
        )  # fmt: skip

    for n in (1, 2, 4):
        yield made(n, published[n][0], "NVLink", published[n][1])
    for fabric in FABRICS:
        for n in (8, 16, 32, 64):
            if (fabric == "NVLink") == (n == 8):
                yield made(n, 16, fabric)
    for fabric in list(FABRICS)[1:]:
        yield made(16, 4, fabric)
