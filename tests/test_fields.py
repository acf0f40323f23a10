import json

import numpy as np
import pytest
import tensorflow as tf
from data_cases import PICTURES, RNG, VECTORS, N

from ganzoo.data import Field, batches

SPECS = {
    "uint8": (PICTURES, None),
    "unit": (PICTURES / 255, None),
    "symmetric": ((PICTURES / 127.5 - 1).astype("float32"), None),
    "bfloat16": (tf.constant(PICTURES / 255, tf.bfloat16).numpy(), None),
    "float16": (np.float16(PICTURES / 255), None),
    "int16": (PICTURES.astype("int16") * 4 - 100, (-100, 920)),
    "wide": (PICTURES.astype("float32"), (0, 255)),
    "bool": (PICTURES > 99, None),
    "vectors": (VECTORS, None),
    "int vectors": (RNG.integers(-9, 9, (N, 3)), None),
    "ranged vectors": (VECTORS, (-20, 20)),
    "time stamps": (1_700_000_000_000 + np.arange(2 * N).reshape(N, 2), None),
}


@pytest.mark.parametrize(("x", "value_range"), SPECS.values(), ids=SPECS)
def test_spec_round_trips(x, value_range):
    spec = batches(x, batch_size=8, value_range=value_range).spec
    assert spec == Field.from_config(json.loads(json.dumps(spec.to_config())))
    assert spec.is_image == (x.ndim == 4)
    encoded = tf.function(spec.encode)(x).numpy()
    assert encoded.dtype == np.float32
    if spec.value_range is None:
        np.testing.assert_allclose(encoded.mean(0), 0, atol=1e-4)
        np.testing.assert_allclose(encoded.std(0), 1, atol=1e-4)
    else:
        assert -1 <= encoded.min() <= encoded.max() <= 1
    decoded = spec.decode(encoded)
    assert decoded.dtype == x.dtype and decoded.shape == x.shape
    close = {"rtol": 1e-2 if x.dtype.itemsize == 2 else 1e-6, "atol": 1e-4}
    np.testing.assert_allclose(decoded.astype(float), x.astype(float), **close)
    np.testing.assert_allclose(spec.decode_tensor(encoded), x.astype("float32"), 1e-2, 1e-4)


def test_integers_are_clipped_and_floats_are_not():
    beyond = np.array([-3.0, 3.0], "float32").reshape(1, 2, 1, 1)
    kept = {"uint8": [0, 255], "int16": [-5, 5], "float32": [-15, 15], "bool": [0, 1]}
    for dtype, values in kept.items():
        lo, hi = {"uint8": (0, 300), "bool": (0, 1)}.get(dtype, (-5, 5))
        spec = Field((2, 1, 1), dtype, "affine", (lo + hi) / 2, (hi - lo) / 2)
        assert spec.decode(beyond).ravel().tolist() == values
    assert Field((1,), "uint8", "standardise", (100.0,), (30.0,)).decode(
        [[-9.0], [2.0]]
    ).tolist() == [[0], [160]]


def test_what_becomes_minus_one_and_one():
    for x, expected in (
        (PICTURES, (0, 255)),
        (PICTURES / 255, (0, 1)),
        (PICTURES / 127.5 - 1, (-1, 1)),
        (PICTURES / 255 - 1e-5, (0, 1)),  # the overshoot of a resize
    ):
        assert batches(x, batch_size=4).spec.value_range == expected
    constant = np.full((9, 1), 0.1, "float32")
    assert batches(constant, batch_size=4).spec.scale == (1.0,)
