"""Anomaly scores, and the encoder that is fitted to a trained GAN for them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo import data, networks
from ganzoo.core import latents
from ganzoo.core.fitting import Diverged
from ganzoo.core.inputs import Setting
from ganzoo.core.packing import pack
from ganzoo.core.sampling import MOST, Sampling
from ganzoo.core.update import Update
from ganzoo.data.checks import check_int
from ganzoo.devices import precision
from ganzoo.foundation.keras_compat import layer_before, leaves
from ganzoo.foundation.randomness import Noise, seeded_initializers

_STORED = "encoder"


class FittedEncoder:
    """An encoder that was fitted to a trained GAN: samples in network units -> latents.

    Keras doesn't count its weights among those of the GAN, since they are no player's, and training
    the GAN any further makes them useless.
    """

    def __init__(self, model: keras.Model):
        self.model = model

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        return self.model(images, training=False)


class Detecting(Sampling):
    """The part of a `GAN` that finds samples which are unlike its training data."""

    def fit_encoder(
        self,
        x: Any,
        y: Any = None,
        *,
        steps: int = 1000,
        batch_size: int = 64,
        weight: float = 1.0,
        learning_rate: float = 1e-3,
        value_range: tuple[float, float] | None = None,
    ) -> np.ndarray:
        """Fits an encoder E to a trained GAN, whose own networks stay as they are. `encode` and
        `anomaly_score` then use it, `save` keeps it, and a SavedModel has it as `encode`.

            lsgan.fit(x, epochs=20)
            lsgan.fit_encoder(x, steps=1000)
            codes = lsgan.encode(x)

        Schlegl et al. 2019, doi:10.1016/j.media.2019.01.010, the encoder "izi_f": E minimises
        ‖x − G(E(x))‖²/n + κ ‖f(x) − f(G(E(x)))‖²/m over samples x, where f are the features of D
        before its logits, see `anomaly_score`.

        Deviations: Adam with a rate that falls to 0 along a cosine, in place of RMSprop with 5e-5
        for 50,000 steps. E has the layers of D's architecture without normalisation, and not a
        residual network.

        Args:
            x, y, value_range: training data as in `fit`; `y` where the generator is told the class.
            weight: κ.
            learning_rate: of the first step.

        Returns:
            The loss of each step, float64 [steps].

        Raises:
            ValueError: not built yet, this GAN was trained with an encoder, its generator takes
                other inputs than latents and labels, or the data don't fit it.
            Diverged: the loss became NaN or infinite.
        """
        self._check_reconstructs("fit an encoder")
        if type(self).encode_images is not None:
            raise ValueError(
                f"{self.registry_name} was trained with an encoder of its own: call encode or "
                "anomaly_score."
            )
        others = [
            name
            for name, given in self.inputs.items()
            if name != "latent" and name not in self.fields and not isinstance(given, Setting)
        ]
        if others:
            raise ValueError(
                f"the generator of {self.registry_name} is also given {', '.join(others)}, which "
                "an encoder of latents doesn't know: train another GAN, such as lsgan."
            )
        check_int("steps", steps, 1)
        check_int("batch_size", batch_size, 1, MOST)
        for name, number in (("weight", weight), ("learning_rate", learning_rate)):
            if not 0 <= number < float("inf"):
                raise ValueError(f"{name}={number!r:.200} must be a number of at least 0.")
        found = self.batches(
            x, y, batch_size=batch_size, value_range=value_range, steps=1, replicas=1
        )
        encoder, judge = self._new_encoder(), self._judge()
        optimizer = keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(learning_rate, steps)
        )
        optimizer.build(encoder.trainable_variables)

        def step(batch: dict[str, tf.Tensor], number: tf.Tensor) -> tf.Tensor:
            rows, sources = self.encoded(batch), [v.value for v in encoder.trainable_variables]
            noise = Noise(self.seed, number)
            inputs = self.draw(noise, tf.shape(rows[self.output_name])[0], rows)
            with tf.GradientTape(watch_accessed_variables=False) as tape, noise:
                tape.watch(sources)
                z = encoder(rows[self.output_name], training=True)
                again, of_x, of_again = self._reconstructed(rows, inputs | {"latent": z}, judge)
                loss = tf.reduce_mean(tf.square(rows[self.output_name] - again))
                if judge is not None:
                    loss += weight * tf.reduce_mean(tf.square(of_x - of_again))
            optimizer.apply(tape.gradient(loss, sources), encoder.trainable_variables)
            return loss

        step, losses = tf.function(step, autograph=False), []
        with data.clear_errors():
            for number, batch in enumerate(found.dataset.repeat().take(steps)):
                losses.append(float(step(batch, tf.constant(number, tf.int64))))
                if not np.isfinite(losses[-1]):
                    raise Diverged(
                        f"the encoder diverged at step {number + 1}, where its loss became "
                        f"{losses[-1]}: try a lower learning_rate than {learning_rate:g}."
                    )
        self.encode_images = FittedEncoder(encoder)
        return np.asarray(losses)

    def anomaly_score(
        self, x: Any, *, weight: float | None = None, batch_size: int = 256, **inputs: Any
    ) -> np.ndarray:
        """How unlike the training data samples are, float64 [N]: larger is more anomalous. It is
        the error of the reconstruction G(E(x)), in values and in D's features.

            bigan.anomaly_score(x)
            lsgan.fit_encoder(x_train, steps=1000)
            lsgan.anomaly_score(x)

        - bigan: (1 − w) ‖x − G(E(x))‖₁ + w ‖f(x, E(x)) − f(G(E(x)), E(x))‖₁, w = 0.1. The norms
          are sums. EGBAD, Zenati et al. 2018, arXiv:1802.06222.
        - any other GAN: ‖x − G(E(x))‖²/n + κ ‖f(x) − f(G(E(x)))‖²/m, κ = 1. Both are means. E is
          the GAN's own encoder (aae), or that of `fit_encoder`. f-AnoGAN, Schlegl et al. 2019,
          doi:10.1016/j.media.2019.01.010.

        Values are in network units: images in [-1, 1], and vectors as they are standardised. f are
        the inputs of the layer that gives D's logits. Where D is an autoencoder, they are its
        outputs, and where D judges no samples (aae), there is no second term. In packs, D judges
        copies of one sample. The score of a sample doesn't depend on the others in `x`.

        `ganzoo.evaluation.anomaly_threshold` makes a threshold of the scores of held-out normal
        samples.

        Args:
            x: samples in the data's units, as `encode` takes them.
            weight: w, from 0 to 1, or κ, at least 0.
            batch_size: samples that are scored together.
            inputs: the generator's other inputs by name, such as `label=y`: one for all samples or
                one each.

        Raises:
            ValueError: not built yet, the generator maps samples, there is no encoder, inputs are
                missing, or the samples don't fit it.
        """
        from ganzoo.evaluation import anomalies

        self._check_reconstructs("score samples")
        if self.encode_images is None:
            raise ValueError(
                f"{self.registry_name} has no encoder, or was trained since one was fitted: call "
                "fit_encoder(x) with normal samples first."
            )
        check_int("batch_size", batch_size, 1, MOST)
        x = self._encoded(self.output_name, x)
        if not len(x):
            raise ValueError("there are no samples to score: pass at least one row.")
        given = self._with_further(latents.draw(self, len(x)), inputs)
        judge, formula = self._judge(), anomalies.FORMULAS[self.anomaly_formula]
        options = {} if weight is None else {"weight": weight}
        if judge is not None and any(getattr(x, "mixes_samples", False) for x in leaves(judge)):
            batch_size = 1  # D compares the samples of a batch with each other
        scores = []
        for first in range(0, len(x), batch_size):
            rows = x[first : first + batch_size]
            named = {k: tf.constant(v[first : first + batch_size]) for k, v in given.items()}
            named["latent"] = self.encode_images(tf.constant(rows))
            parts = self._reconstructed({self.output_name: tf.constant(rows)}, named, judge)
            scores.append(formula(rows, *(part.numpy() for part in parts), **options))
        return np.concatenate(scores)

    def _check_reconstructs(self, verb: str) -> None:
        """Raises ValueError for a GAN that is not built, or that makes no samples of latents."""
        self._check_built(verb)
        if self.given_inputs or "latent" not in self.inputs:
            raise ValueError(
                f"{self.registry_name} maps samples to samples and can't {verb}: train a GAN that "
                "generates samples from latents, such as bigan."
            )

    def _judge(self) -> keras.Model | None:
        """D up to the features on which its logits are computed; all outputs of a D without logits.
        None if D judges no samples."""
        if not self.judges_samples:
            return None
        features = outputs = self.discriminator.output
        if isinstance(outputs, dict) and "features" in outputs:
            features = outputs["features"]
        elif isinstance(outputs, dict) and "logits" in outputs:
            layers = {layer.name: layer for layer in self.discriminator.layers}
            last = layers.get("logits") or layer_before(outputs["logits"])
            features = outputs["logits"] if isinstance(last, keras.Model) else last.input
        return keras.Model(self.discriminator.inputs, keras.tree.flatten(features))

    def _reconstructed(
        self, rows: dict[str, tf.Tensor], inputs: dict[str, tf.Tensor], judge: keras.Model | None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """G(E(x)), and D's features of x and of it, [batch, width]; a width of 0 without a judge.

        Args:
            rows: samples x by the name of their field, in network units.
            inputs: the generator's inputs by name; "latent" is E(x).
        """
        update = Update(self, rows, Noise(self.seed), training=False)
        update.__dict__["inputs"] = inputs
        again = update.generated[self.output_name]
        if judge is None:
            nothing = tf.zeros([tf.shape(again)[0], 0])
            return again, nothing, nothing
        condition = self.condition(inputs)

        def features(samples: Any) -> tf.Tensor:
            parts = [*keras.tree.flatten(samples), *([] if condition is None else [condition])]
            copies = [pack(tf.repeat(part, self.packing, axis=0), self.packing) for part in parts]
            with precision.in_float32(judge):
                found = judge(copies, training=False)
            flat = [tf.reshape(part, [tf.shape(part)[0], -1]) for part in keras.tree.flatten(found)]
            return tf.concat(flat, axis=1)

        return again, features(update.real), features(update.fake)

    def _new_encoder(self) -> keras.Model:
        """A model of samples in network units -> latents, [batch, latent_dim]."""
        named, of_images = self.named_architecture, self.architecture_of_images
        chosen = networks.choose(named, self.spec.shape, of_images)
        with seeded_initializers(self.seed):
            features = chosen.features(self.spec.shape, width=self.width, normalization="none")
            codes = keras.layers.Dense(self.latent_dim)(features.outputs[0])
        return keras.Model(features.inputs[0], codes, name="encoder")

    def forget_encoder(self) -> None:
        """Drops a fitted encoder, because the weights that it was fitted to are about to change."""
        if isinstance(self.encode_images, FittedEncoder):
            self.encode_images = None

    def save_own_variables(self, store: Any) -> None:
        """Keras's hook, which also saves a fitted encoder."""
        super().save_own_variables(store)
        if isinstance(self.encode_images, FittedEncoder):
            for number, value in enumerate(self.encode_images.model.get_weights()):
                store[f"{_STORED}_{number}"] = value

    def load_own_variables(self, store: Any) -> None:
        """Keras's hook, the inverse of `save_own_variables`."""
        state = {key: store[key] for key in list(store.keys())}
        self.forget_encoder()
        count = sum(key.startswith(f"{_STORED}_") for key in state)
        stored = [state.pop(f"{_STORED}_{number}") for number in range(count)]
        super().load_own_variables(state)
        if stored and self.built and type(self).encode_images is None:
            self.encode_images = FittedEncoder(self._new_encoder())
            self.encode_images.model.set_weights([np.asarray(value) for value in stored])
