from typing import Any

import keras

from ganzoo.core.adam import Adam
from ganzoo.core.gan import GAN
from ganzoo.core.inputs import Input, Setting
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives
from ganzoo.networks import stylegan2
from ganzoo.networks.equalized import EqualizedDense


@register("stylegan2")
class StyleGAN2(GAN):
    """Analyzing and Improving the Image Quality of StyleGAN.

    Karras, Laine, Aittala, Hellsten, Lehtinen, Aila 2020, arXiv:1912.04958, eqs. 1 to 4: a network
    f maps the latents z to styles w, and each convolution of the synthesis network g is scaled by
    them. G has a regulariser of the length ‖Jᵀy‖ of paths in w, J = ∂g/∂w, y ~ N(0, 1)/√(HW).

        L_D = −E log D(x) − E log(1 − D(G(z))) + γ/2 E‖∇D(x)‖²
        L_G = −E log D(G(z)) + λ E(‖Jᵀy‖ − a)²
        G(z) = g(w̄ + ψ(w − w̄)),  w = f(z)

    a and w̄ are running means. ψ is the truncation: `gan.sample(16, truncation=0.7)` gives less
    varied samples of higher quality. In training ψ is 1, and a part of the layers gets the style of
    another latent with the probability `style_mixing`. Weights γ and λ are `penalties={"r1": γ}`
    and `regularisers={"path_length": λ}`.

    With `as_published=True` latents and styles have 512 values, the mapping network has 8 layers,
    convolutions have up to 512 channels, the probability of style mixing is 0.9, and the average of
    G's weights has the decay 0.999. At 256×256 the authors have γ = 0.0002·256²/batch.

    Deviations: the defaults are smaller for short runs on a CPU. Both regularisers take part in
    each 8th step, and not R1 in each 16th and the other one in each 4th. Style mixing draws a layer
    for each sample, and not for each batch. Samples and exports have constant noise, so that G is a
    function of its inputs, and are clipped to [-1, 1]. Groups of the minibatch standard deviation
    are consecutive samples. With `regularise_every=k` Adam's rate and the exponents of its decays
    are multiplied by k/(k + 1) for both players, as in appendix B, but a schedule of the rate is
    used as it is given.

    Reported: FID 3.78 on CIFAR-10 with 50,000 samples, as trained by Kang, Shin,
    Park 2022, arXiv:2206.09479 (figures of their library StudioGAN).
    """

    objective = objectives.non_saturating
    architecture_of_images = "stylegan2"
    checked_shapes = {"rectangular, three channels": (10, 16, 3), "base of 7×7": (14, 14, 1)}
    waivers = {"check_tiny_problem": "its networks are for images"}
    architecture: str = Hyperparameter(str, "auto", "G with styles, residual D", choices=("auto",))
    generator_normalization: str = Hyperparameter(
        str, "auto", "demodulation takes its place", choices=("auto",)
    )
    discriminator_normalization: str = Hyperparameter(
        str, "auto", "the paper has none", choices=("auto",)
    )
    latent_dim = 32
    penalties = {"r1": 0.5}
    regularisers = {"path_length": 2.0}
    regularise_every = 8
    ema = 0.99
    generator_learning_rate = 2.5e-3
    discriminator_learning_rate = 2.5e-3
    beta_1 = 0.0
    beta_2 = 0.99
    mapping_layers: int = Hyperparameter(
        int, 2, "dense layers of the mapping network", at_least=1, at_most=64
    )
    style_mixing: float = Hyperparameter(
        float, 0.9, "probability of two styles in a sample, in training", at_least=0, at_most=1
    )
    as_published: bool = Hyperparameter(bool, False, "the widths of the paper's configuration F")

    def __init__(self, **hyperparameters: Any):
        if hyperparameters.get("as_published") is True:
            published = {"latent_dim": 512, "mapping_layers": 8, "ema": 0.999}
            hyperparameters = published | hyperparameters
        super().__init__(**hyperparameters)

    def make_inputs(self) -> dict[str, Input]:
        return super().make_inputs() | {"truncation": Setting()}

    def make_networks(self) -> None:
        if self.as_published and self.width is None:
            self.width = min(2**15 // max(self.spec.shape[:2]), 512)
        super().make_networks()

    def make_generator(self) -> keras.Model:
        width = self.input_width("generator") - 1  # without the truncation
        inputs, outputs = stylegan2.synthesis(
            width, self.spec.shape, width=self.width, depth=self.mapping_layers,
            mixing=self.style_mixing, drawn=self.latent_dim,
        )  # fmt: skip
        return keras.Model({x.name: x for x in inputs}, outputs, name="generator")

    def make_heads(self) -> dict[str, list[keras.layers.Layer]]:
        return super().make_heads() | {"logits": [EqualizedDense(1, name="logits")]}

    def optimizer_for(self, learning_rate: Any) -> keras.optimizers.Optimizer:
        # Appendix B: regularisers that are left out of steps don't count as steps of Adam.
        every = self.regularise_every
        share = every / (every + 1) if every > 1 else 1.0
        if isinstance(learning_rate, float):
            learning_rate *= share
        return Adam(learning_rate, self.beta_1**share, self.beta_2**share, epsilon=1e-8)
