"""How many of the ring's modes are found with five unrolled steps, beside the plain GAN?

The ring, the batch size and the rates are the paper's. A mode counts if 20 of 2,500 samples are
within three standard deviations of it; lenient modes are nearest to one such sample.
"""

from __future__ import annotations
