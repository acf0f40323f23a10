"""Sampling, inference of latents, classification and export with a trained GAN."""

from __future__ import annotations

import inspect
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo import data
from ganzoo.core import latents
from ganzoo.core.building import Building
from ganzoo.core.inputs import Normal, Setting
from ganzoo.data.checks import check_int
from ganzoo.foundation.randomness import Noise
from ganzoo.foundation.registry import unknown

Latents = dict[str, tf.Tensor]


MOST = 10**6  # samples in one call, which are all in memory at once


class Sampling(Building):
    """The generator's side of a `GAN`, in the units of the training data."""

    encode_images: Callable[[tf.Tensor], tf.Tensor] | None = None
    """Samples in network units -> latents [batch, latent_dim]; None if it infers no latents."""

    def sample(
        self,
        count: int | None = None,
        seed: int = 0,
        labels: Any = None,
        *,
        truncation: float | None = None,
        batch_size: int = 256,
        **inputs: Any,
    ) -> np.ndarray:
        """`count` samples in the units and dtype of the training data, [count, *shape]; at most a
        million at once.

        The same seed gives the same samples. The generator runs as it is deployed, with moving
        batch statistics: early in training samples can look worse than the training batches did.

            gan.sample(16, seed=1)
            gan.sample(4, labels=[3, 3, 7, 7])
            gan.sample(16, truncation=0.7)
            pix2pix.sample(source=photographs)

        Args:
            count: how many; as many as there are rows of an input that the caller must give.
            seed: the same seed gives the same samples.
            labels: one class or `count` of them, by number or by name, where the generator is told
                the class; else drawn.
            truncation: normal latents z with |z| above this number are drawn again, see
                `ganzoo.latents.draw`: samples vary less and are more typical.
            inputs: any of the generator's inputs by name (`gan.inputs`), to set it instead of
                drawing it: one row for all samples or a row each. Pictures that the generator
                maps are given in the data's units.
            batch_size: samples that are generated together.

        Raises:
            ValueError: the GAN is not built, `count`, `seed`, `truncation` or a label is out of
                range, or the GAN has no such input.
        """
        self._check_built("sample")
        given = {key: value for key, value in inputs.items() if key in self.given_inputs}
        if missing := [key for key in self.given_inputs if key not in given]:
            raise ValueError(
                f"{self.registry_name} maps samples to samples: pass {missing[0]}=…, an array "
                f"[N, {', '.join(map(str, self.fields[missing[0]].shape))}] in the data's units."
            )
        given = {key: self._encoded(key, value) for key, value in given.items()}
        if given and count is None:
            count = len(next(iter(given.values())))
        count = check_int("count", count, 1, MOST)
        check_int("batch_size", batch_size, 1, MOST)
        check_int("seed", seed, -(2**63), 2**63 - 1)
        drawn = latents.draw(self, count, seed, truncation)
        if labels is not None:
            if "label" in inputs:
                raise ValueError("labels= and label= were both given: leave one out.")
            inputs["label"] = labels
        normal = [key for key, x in self.inputs.items() if isinstance(x, Normal)]
        if truncation is not None and "truncation" not in drawn and {*normal} <= inputs.keys():
            raise ValueError(f"{normal[0]}= is not drawn: leave truncation= out, or {normal[0]}=.")
        for key, value in inputs.items():
            if key not in drawn:
                if key == "label":
                    raise ValueError(
                        f"the generator of {self.registry_name} is not told the class: leave "
                        "labels= out, or train a GAN whose generator is, such as cgan."
                    )
                raise ValueError(unknown(f"input of {self.registry_name}", key, drawn))
            drawn[key] = self._fixed(key, given.get(key, value), drawn[key])
        return self.spec.decode(self._generated(drawn, batch_size))

    def _generated(self, inputs: dict[str, np.ndarray], batch_size: int) -> np.ndarray:
        """Samples in network units, generated from inputs by name, `batch_size` at a time."""
        if self._sampler is None:
            sampler = tf.function(
                lambda inputs: self.generate(inputs)[self.output_name], autograph=False
            )
            self._sampler = sampler.get_concrete_function(self.latent_spec)
        count = len(next(iter(inputs.values())))
        chunks = [
            self._sampler({k: tf.constant(v[i : i + batch_size]) for k, v in inputs.items()})
            for i in range(0, count, batch_size)
        ]
        return np.concatenate([chunk.numpy() for chunk in chunks])

    def given(self, rows: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs that the caller must give, for rows of the data: name -> [N, *shape], in the
        data's units. A game that computes them from another column of the data overrides it.

        Raises:
            ValueError: the rows lack a column.
        """
        if missing := [name for name in self.given_inputs if name not in rows]:
            raise ValueError(
                f"{self.registry_name} maps samples to samples, and these rows have no "
                f"{missing[0]!r}: pass {{{', '.join(f'{name!r}: …' for name in missing)}}}."
            )
        return {name: np.asarray(rows[name]) for name in self.given_inputs}

    @property
    def given_inputs(self) -> list[str]:
        """The names of the inputs that the caller must give, such as "source" of pix2pix."""
        return [key for key, x in self.inputs.items() if not x.drawn]

    def _encoded(self, name: str, x: Any) -> np.ndarray:
        """Samples of a field in the data's units -> network units, [N, *shape]."""
        field = self.fields[name]
        x = field.as_array(x)
        if x.shape[1:] != field.batch_spec().shape[1:] or str(x.dtype) != field.dtype:
            raise ValueError(
                f"{name}s are {x.dtype} {x.shape}, and {self.registry_name} learned "
                f"{field.dtype} of shape (N, {', '.join(map(str, field.shape))})."
            )
        return field.encode(x).numpy()

    def _fixed(self, key: str, value: Any, drawn: np.ndarray) -> np.ndarray:
        if key in self.fields and self.fields[key].is_label:
            value = data.asked_labels(value, self.fields[key])
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
                f"{key} of dtype {value.dtype} must be finite numbers of "
                f"{drawn.dtype}, one row for all samples or {drawn.shape}, a row each."
            )
        try:
            return np.broadcast_to(value.astype(drawn.dtype), drawn.shape)
        except ValueError:
            raise ValueError(
                f"{key} has shape {value.shape}: it takes one row for all samples or "
                f"{drawn.shape}, a row each."
            ) from None

    def encode(
        self,
        x: Any,
        *,
        steps: int | None = None,
        seed: int = 0,
        batch_size: int = 256,
        **inputs: Any,
    ) -> np.ndarray:
        """Infers the latents of samples in the units of the training data, [N, latent_dim]. Where
        the generator maps samples of another column, these are inferred, [N, *shape], in the units
        of that column.

        A GAN with an encoder computes them: bigan has one, and `fit_encoder` fits one to others.
        Without an encoder, `steps` steps of L-BFGS search for z with the smallest ‖G(z) − x‖², from
        a normal draw; Zhu, Krähenbühl, Shechtman, Efros 2016, arXiv:1609.03552, section 3.1, with
        the distance of samples in place of features. An encoder's latents are improved in the same
        way if `steps` are given.

            bigan.encode(x)
            lsgan.encode(x, steps=100)
            cgan.encode(x, steps=100, label=y)

        Args:
            x: samples in the units of the training data, [N, *shape].
            steps: of the search, at most; needed if the GAN has no encoder.
            batch_size: samples whose latents are found together.
            seed: of the draw from which the search starts.
            inputs: all further inputs of the generator by name, except settings such as
                truncation, which may be left out: one row for all samples or a row each.

        Raises:
            ValueError: this GAN infers no latents without `steps`, inputs are missing, or the
                samples don't fit it.
        """
        if self.encode_images is None and steps is None:
            raise ValueError(
                f"{self.registry_name} has no encoder: pass steps=100 to search for latents with "
                "L-BFGS, fit one with fit_encoder(x), or train a GAN that infers latents, such as "
                "bigan."
            )
        self._check_built("encode")
        if steps is None and inputs:
            raise ValueError(f"{next(iter(inputs))}= is for a search with steps=…: leave it out.")
        if steps is not None:
            check_int("steps", steps, 1)
        check_int("batch_size", batch_size, 1, MOST)
        x = self._encoded(self.output_name, x)
        start = None
        if self.encode_images is not None:
            chunks = [
                self.encode_images(tf.constant(x[i : i + batch_size])).numpy()
                for i in range(0, len(x), batch_size)
            ]
            start = np.concatenate(chunks)
            if steps is None:
                inferred = next(iter(self.inputs))
                known = inferred in self.fields
                return self.fields[inferred].decode(start) if known else start
        assert steps is not None
        check_int("seed", seed, -(2**63), 2**63 - 1)
        drawn = latents.draw(self, len(x), seed)
        if "latent" not in drawn:
            raise ValueError(f"the generator of {self.registry_name} has no latents to search for.")
        if start is not None:
            drawn["latent"] = start
        drawn = self._with_further(drawn, inputs)
        return latents.invert(self, x, drawn, steps=steps, batch_size=batch_size)

    def _with_further(self, drawn: latents.Inputs, inputs: Mapping[str, Any]) -> latents.Inputs:
        """Draws by name, in which all inputs beside the latents have the values that the caller
        gives; settings may be left out.

        Raises:
            ValueError: an input is missing, or there is none of that name.
        """
        further = [key for key in drawn if key != "latent"]
        for key in [*inputs, *further]:
            if key not in further:
                raise ValueError(unknown(f"further input of {self.registry_name}", key, further))
            if key not in inputs:
                if isinstance(self.inputs[key], Setting):
                    continue
                raise ValueError(
                    f"the generator of {self.registry_name} is also given {', '.join(further)}: "
                    f"pass {key}=…."
                )
            drawn[key] = self._fixed(key, inputs[key], drawn[key])
        return drawn

    def classify(self, x: Any, *, batch_size: int = 256) -> np.ndarray:
        """Names the class of samples in the units of the training data, [N]: by number or, where
        the labels were strings, by name.

        Raises:
            ValueError: this GAN has no classifier, or the samples don't fit it.
        """
        if self.class_logits is None:
            raise ValueError(
                f"{self.registry_name} has no classifier: train one that does, such as sgan or "
                "acgan."
            )
        self._check_built("classify")
        x = self._encoded(self.output_name, x)
        found = [
            tf.argmax(self.class_logits(tf.constant(x[i : i + batch_size])), axis=-1).numpy()
            for i in range(0, len(x), batch_size)
        ]
        return self.fields["label"].decode(np.concatenate(found))

    def export(
        self,
        filepath: str | os.PathLike,
        format: str = "tf_saved_model",
        verbose: Any = None,
        **options: Any,
    ) -> pathlib.Path:
        """Exports the generator to `filepath/VERSION/` and checks the export against this model.

        If `filepath` ends in `.onnx` and the format is "onnx", it writes this one file.

        See `ganzoo.exporters.export` for layout, names, options and errors. `verbose` is ignored,
        because nothing is shown.
        """
        from ganzoo import exporters

        known = inspect.signature(exporters.export).parameters
        self._refuse(exporters.export, {k: v for k, v in options.items() if k not in known})
        self._check_built("export")
        return exporters.export(self, filepath, format=format, **options)

    def serve(self, latents: Latents) -> tf.Tensor:
        """The samples of an exported generator, float32 [batch, *shape]: images in [-1, 1], vectors
        and series in the data's units, encoded rows of a table."""
        samples = self.generate(latents)[self.output_name]
        return samples if self.spec.is_served_encoded else self.spec.decode_tensor(samples)

    def draw_latents(self, count: int | tf.Tensor, seed: int | tf.Tensor) -> Latents:
        """The latents of `sample(count, seed)`; in a graph, both may be tensors."""
        return self.draw(Noise(seed), count)

    @property
    def latent_spec(self) -> dict[str, tf.TensorSpec]:
        """Name -> TensorSpec of each input of the generator; the batch axis is None."""
        one = self.draw(Noise(0), 1)
        return {k: tf.TensorSpec([None, *v.shape[1:]], v.dtype, name=k) for k, v in one.items()}

    def latent_classes(self, name: str) -> int:
        """How many values the integer input `name` takes."""
        classes = self.inputs[name].classes
        if classes is None:
            raise ValueError(f"the input {name} of {self.registry_name} is no class.")
        return classes

    @property
    def latent_ranges(self) -> dict[str, str]:
        """The distribution of each latent, in words, for the users of an export."""
        return {name: x.distribution for name, x in self.inputs.items()}

    def _named_inputs(self, inputs: Any) -> Latents:
        """The argument of `call` or `predict` as a dict of the generator's inputs."""
        self._check_built("generate")
        if isinstance(inputs, dict):
            missing = [name for name in self.inputs if name not in inputs]
        else:
            missing = [name for name in self.inputs if name != "latent"]
            inputs = {"latent": inputs}
        if missing or ("latent" not in self.inputs and "latent" in inputs):
            raise ValueError(
                f"the generator of {self.registry_name} is given {', '.join(self.inputs)}: pass a "
                "dict of these by name, or call sample, which draws what isn't given."
            )
        return {name: self._tensor(name, inputs[name], s) for name, s in self.latent_spec.items()}

    def _tensor(self, name: str, value: Any, spec: tf.TensorSpec) -> tf.Tensor:
        needs = f"{spec.dtype.name} (N, {', '.join(map(str, spec.shape[1:]))})".replace(", )", ",)")
        try:
            tensor = tf.convert_to_tensor(value, spec.dtype)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{name} of type {type(value).__name__} is no array: {self.registry_name} takes "
                f"{needs}."
            ) from error
        if not spec.shape.is_compatible_with(tensor.shape):
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)}: {self.registry_name} takes {needs}."
            )
        return tensor

    def predict(
        self, x: Any, batch_size: int = 256, verbose: Any = "auto", **unsupported: Any
    ) -> np.ndarray:
        """Samples in network units, [N, *shape], from latents [N, latent_dim] or a dict of all the
        generator's inputs by name, computed `batch_size` at a time. `sample` draws the latents and
        gives samples in the data's units. Nothing is shown, whatever `verbose` says.

        Raises:
            ValueError: not built yet, or the inputs don't fit.
        """
        self._refuse(self.predict, unsupported)
        inputs = {name: value.numpy() for name, value in self._named_inputs(x).items()}
        return self._generated(inputs, batch_size)
