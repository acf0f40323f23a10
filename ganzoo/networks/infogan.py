"""The networks of InfoGAN's MNIST experiment: those of DCGAN with one more dense layer each.

Chen et al. 2016, arXiv:1606.03657, appendix C.1. The dense layer of the discriminator sees the
whole image, which Q needs to tell categories apart.

Deviation: the dense layers have 4·width = 256 units and not 1024, which at 28×28 is a sixth of the
weights.
"""

from __future__ import annotations

from functools import partial

from ganzoo.networks import dcgan

check = dcgan.check
NORMALIZATION = dcgan.NORMALIZATION
generator = partial(dcgan.generator, dense=4)
features = partial(dcgan.features, dense=4)
