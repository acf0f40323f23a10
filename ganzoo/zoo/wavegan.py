from collections.abc import Mapping

from ganzoo import data
from ganzoo.core.gan import GAN
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives


@register("wavegan")
class WaveGAN(GAN):
    """Adversarial Audio Synthesis.

    Donahue, McAuley, Puckette 2018, arXiv:1802.04208, section 3: DCGAN's convolutions in one
    dimension, with kernels of 25 steps and strides of 4, trained as WGAN-GP. D shuffles the phase
    of its maps by −2 to 2 steps, so that it can't tell fakes by the phase of their artefacts.

        L_D = E D(G(z)) − E D(x) + λ E(‖∇D(x̂)‖ − 1)²,  x̂ = εx + (1 − ε)G(z),  ε ~ U(0, 1)
        L_G = −E D(G(z))

    It learns series (N, time, features) of at least 16 steps, such as sound of 1,024 to 16,384
    samples. λ is 10, the critic has five updates for each one of G, and Adam has the rate 1e-4 and
    β = (0.5, 0.9).

    The data set "tones" takes a minute on one core with batches of 32, `critic_steps=2`, 1,200
    steps and rates of 1e-3 that fall to 0.

    Deviations: latents are N(0, 1) as in the rest of the library, and not U(−1, 1). By default the
    networks are 16 channels wide, for a CPU; the paper's are `width=64`. Series are standardised,
    and G's output is linear; the paper's sound is in [-1, 1], with a tanh. The phase is shuffled
    for each sample alone, where the authors' code draws one shift for a batch.
    """

    columns: Mapping[str, data.Column] = {"series": data.Column("sample", ranks=(2,))}
    checked_shapes: Mapping[str, tuple[int, ...]] = {
        "as short as can be": (16, 1),
        "an odd number of steps, three features": (71, 3),
    }
    default_data = "tones"
    architecture = "waveform"
    recipe = {}
    objective = objectives.wasserstein
    penalties = {"gradient_penalty": 10.0}
    critic_steps = 5
    latent_dim = 100
    generator_learning_rate = 1e-4
    discriminator_learning_rate = 1e-4
    beta_2 = 0.9
