"""The networks of SAGAN: residual ones with self-attention.

Zhang et al. 2019, arXiv:1805.08318, section 3. Attention is before G's last stage and after D's
first one.
"""

from __future__ import annotations

from functools import partial

from ganzoo.networks import resnet

check = resnet.check
NORMALIZATION = resnet.NORMALIZATION
DISCRIMINATOR_NORMALIZATION = resnet.DISCRIMINATOR_NORMALIZATION
generator = partial(resnet.generator, attention=True)
features = partial(resnet.features, attention=True)
