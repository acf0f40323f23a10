"""The networks of InfoGAN's MNIST experiment: DCGAN's with one dense hidden layer in each player.

Chen et al. 2016, arXiv:1606.03657, appendix C.1. The critic then sees the picture as a whole; with
DCGAN's, half of the digits had the wrong category. Deviation: 4·width = 256 units where the paper
has 1024, a sixth of the weights at 28×28.
"""

from functools import partial

from ganzoo.networks import dcgan

check = dcgan.check
NORMALIZATION = dcgan.NORMALIZATION
generator = partial(dcgan.generator, dense=4)
features = partial(dcgan.features, dense=4)
