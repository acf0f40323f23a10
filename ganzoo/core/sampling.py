"""What a trained GAN gives: samples, inferred latents, exports."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo import data
from ganzoo.foundation.randomness import Noise
from ganzoo.foundation.registry import unknown

Latents = dict[str, tf.Tensor]


MOST = 10**6  # samples in one call: they are held in memory at once


class Sampling:
    """The generator's side of a `GAN`, in the units of the training data."""

    encode_images: Callable[[tf.Tensor], tf.Tensor] | None = None
    """Samples in network units -> latents [batch, latent_dim], where the game infers them."""

    def sample(
        self, count: int, seed: int = 0, labels=None, *, batch_size: int = 256, **latents
    ) -> np.ndarray:
        """`count` samples in the units and dtype of the training data, [count, *shape]; at most a
        million at once.

        The same seed gives the same samples. The generator runs as it is deployed, with moving
        batch statistics: early in training samples can look worse than the training batches did.

        Args:
            labels: one class or `count` of them, where the GAN is conditional; else drawn.
            latents: any of `latent_spec` by name, to set it instead of drawing it: one row for
                all samples or a row each.

        Raises:
            ValueError: not built yet, labels out of range, or latents that this GAN doesn't have.
        """
        self._check_built("sample")
        for name, value, least, most in (
            ("count", count, 1, MOST),
            ("batch_size", batch_size, 1, MOST),
            ("seed", seed, -(2**63), 2**63 - 1),
        ):
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            if not (whole and least <= value <= most):
                raise ValueError(
                    f"{name}={value!r} won't do: it takes an int of at least {least} and at most "
                    f"{most}."
                )
        drawn = {k: v.numpy() for k, v in self.draw_latents(int(count), seed).items()}
        if labels is not None:
            if "label" in latents:
                raise ValueError("labels= and label= were both given: leave one out.")
            latents["label"] = data.asked_labels(labels, self.fields.get("label"))
        for key, value in latents.items():
            if key not in drawn:
                if key == "label":
                    raise ValueError(
                        f"{self.registry_name} was trained without labels: leave labels= out, or "
                        "train a conditional GAN such as cgan."
                    )
                raise ValueError(unknown(f"latent of {self.registry_name}", key, drawn))
            drawn[key] = self._fixed_latent(key, value, drawn[key])
        if self._sampler is None:
            sampler = tf.function(lambda latents: self.generate(latents), autograph=False)
            self._sampler = sampler.get_concrete_function(self.latent_spec)
        chunks = [
            self._sampler({k: v[i : i + batch_size] for k, v in drawn.items()}).numpy()
            for i in range(0, count, batch_size)
        ]
        return self.spec.decode(np.concatenate(chunks))

    def _fixed_latent(self, key: str, value: Any, drawn: np.ndarray) -> np.ndarray:
        try:
            value = np.asarray(value)
        except ValueError:
            raise ValueError(
                f"{key} has rows of different lengths: it takes one row for all samples or "
                f"{drawn.shape}, a row each."
            ) from None
        if np.issubdtype(drawn.dtype, np.integer):
            classes = self.latent_classes(key)
            if not np.issubdtype(value.dtype, np.integer):
                raise ValueError(f"{key}s are integers from 0 to {classes - 1}, not {value.dtype}.")
            if value.size and (value.min() < 0 or value.max() >= classes):
                seen = value.max() if value.max() >= classes else value.min()
                raise ValueError(f"{key} {seen} is out of range: there are 0 to {classes - 1}.")
        elif value.dtype.kind not in "fiu" or not np.isfinite(value.astype(drawn.dtype)).all():
            raise ValueError(
                f"{key} of dtype {value.dtype} won't do: it takes finite numbers of "
                f"{drawn.dtype}, one row for all samples or {drawn.shape}, a row each."
            )
        try:
            return np.broadcast_to(value.astype(drawn.dtype), drawn.shape)
        except ValueError:
            raise ValueError(
                f"{key} has shape {value.shape}: it takes one row for all samples or "
                f"{drawn.shape}, a row each."
            ) from None

    def encode(self, x, *, batch_size: int = 256) -> np.ndarray:
        """Infers the latents of samples in the units of the training data, [N, latent_dim].

        Raises:
            ValueError: this GAN infers no latents, or the samples don't fit it.
        """
        if self.encode_images is None:
            raise ValueError(
                f"{self.registry_name} doesn't infer latents: train one that does, such as bigan."
            )
        self._check_built("encode")
        x = np.asarray(x)
        if x.shape[1:] != self.spec.shape or str(x.dtype) != self.spec.dtype:
            raise ValueError(
                f"samples are {x.dtype} {x.shape}, and {self.registry_name} learned "
                f"{self.spec.dtype} of shape (N, {', '.join(map(str, self.spec.shape))})."
            )
        chunks = [
            self.encode_images(self.spec.encode(x[i : i + batch_size])).numpy()
            for i in range(0, len(x), batch_size)
        ]
        return np.concatenate(chunks)

    def export(self, filepath, format: str = "tf_saved_model", **options) -> pathlib.Path:
        """Ships the generator: `filepath/VERSION/` in `format`, certified against this model.

        See `ganzoo.exporters.export` for layout, names, options and errors.
        """
        from ganzoo import exporters

        self._check_built("export")
        return exporters.export(self, filepath, format=format, **options)

    def serve(self, latents: Latents) -> tf.Tensor:
        """What is deployed: images in [-1, 1] as the network gives them, vectors in the data's
        units; float32 [batch, *shape]."""
        samples = self.generate(latents)
        return samples if self.spec.is_image else self.spec.decode_tensor(samples)

    def draw_latents(self, count, seed) -> Latents:
        """The latents of `sample(count, seed)`, in graph or out of it."""
        return self.latents(Noise(seed), count)

    @property
    def latent_spec(self) -> dict[str, tf.TensorSpec]:
        """Name -> TensorSpec of what the generator samples from, batch None."""
        one = self.latents(Noise(0), 1)
        return {k: tf.TensorSpec([None, *v.shape[1:]], v.dtype, name=k) for k, v in one.items()}

    def latent_classes(self, name: str) -> int:
        """How many values the integer latent `name` takes."""
        raise KeyError(name)

    @property
    def latent_ranges(self) -> dict[str, str]:
        """How each latent is distributed, in words, for whoever is handed an export."""
        return {"latent": "standard normal"}

    @property
    def output_name(self) -> str:
        """The name of the samples in data and exports: "image" or "vector"."""
        return data.main_sample(self.fields)
