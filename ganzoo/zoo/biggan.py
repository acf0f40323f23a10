from ganzoo.core.gan import GAN
from ganzoo.core.inputs import Labelled
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives


@register("biggan")
class BigGAN(Labelled, GAN):
    """Large Scale GAN Training for High Fidelity Natural Image Synthesis.

    Brock, Donahue, Simonyan 2019, arXiv:1809.11096, section 3 and eq. 3: the losses of SAGAN, and
    an orthogonal regularisation of G's kernels W, whose rows are the filters.

        L_D = E relu(1 − D(x, y)) + E relu(1 + D(G(z, y), y))
        L_G = −E D(G(z, y), y) + β Σ ‖WWᵀ ⊙ (1 − I)‖²

    Each stage of G gets a part of the latents and an embedding of the class, which all stages
    share, through its batch normalisation. D is told the class by a projection. G and D have
    spectral normalisation, and samples come from averaged weights. Set β with
    `regularisers={"orthogonal": β}`.

    Deviations: D has one update for each one of G, and not two, the rates are G's 1e-3 and D's
    4e-4, and not 5e-5 and 2e-4, and the decay of the averages is 0.99, and not 0.9999, because
    training is shorter. Batches are those that `fit` is given; the paper's have 2048 samples.

    Reported: FID 4.16 on CIFAR-10 with 50,000 samples, as trained by Kang, Shin,
    Park 2022, arXiv:2206.09479 (figures of their library StudioGAN).
    """

    objective = objectives.hinge
    architecture_of_images = "biggan"
    conditioning = "projection"
    generator_normalization = "spectral_conditional_batch"
    discriminator_normalization = "spectral"
    regularisers = {"orthogonal": 1e-4}
    latent_dim = 80
    generator_learning_rate = 1e-3
    discriminator_learning_rate = 4e-4
    beta_1 = 0.0
    ema = 0.99
