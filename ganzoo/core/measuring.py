"""How good a GAN is on data: `evaluate`, and the terms of the losses on rows not trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import tensorflow as tf

from ganzoo import data
from ganzoo.core.building import Building
from ganzoo.core.update import Update
from ganzoo.data.checks import check_int
from ganzoo.foundation.randomness import Noise

if TYPE_CHECKING:
    from ganzoo.diagnosis import Diagnosis, Recorder
    from ganzoo.evaluation import Evaluation


HELD_OUT = 128  # rows on which a callback watches the discriminator


class Measuring(Building):
    """The part of a `GAN` that measures it on data."""

    recorder: Recorder | None = None
    """What `ganzoo.callbacks.Diagnose` recorded of the last training."""

    def diagnose(
        self,
        x: Any = None,
        y: Any = None,
        *,
        value_range: tuple[float, float] | None = None,
    ) -> Diagnosis:
        """Says whether the training is healthy, or which failure it has, since when, on what
        evidence and what mends it.

            gan.fit(data, epochs=20, callbacks=[ganzoo.callbacks.Diagnose()])
            print(gan.diagnose())

        Args:
            x, y, value_range: training data as in `fit`. They are read if no signals were recorded,
                to judge the GAN as it is now; what needs a history is then left out, and `notes`
                says so.

        Raises:
            ValueError: the GAN was not built yet, or the data don't fit it.
        """
        from ganzoo import diagnosis

        self._check_built("be diagnosed")
        return diagnosis.of_gan(self, x, y, value_range=value_range)

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        *,
        value_range: tuple[float, float] | None = None,
        samples: int = 2500,
        extractor: Any = None,
        seed: int = 0,
        verbose: Any = "auto",
        **unsupported: Any,
    ) -> Evaluation:
        """Measures the samples against data: name -> `ganzoo.evaluation.Measured`, a float that
        also stores its interval, N, extractor and the score of real samples at the same N.

            found = gan.evaluate(images)
            found["frechet"]        # a float with low, high, n, extractor, reference and ratio
            found["frechet"].ratio  # 1 if the samples are as good as real ones
            found.refused           # name -> why it was not measured

        The first numbers are the terms of all losses on all of the data, with the networks in
        inference mode. They show whether D tells these data from its training data. The others
        depend on the data:

        - features: `frechet` (its ratio is that of Fréchet distances over random splits against a
          fixed, disjoint half), `kid`, `precision`, `recall`, `density`, `coverage`;
          `nearer_than_real` and `copies` tell of memorisation if this is the training data.
        - labelled images: `label_kl`, `confidence` and the Inception-style `score` by a judge, a
          small classifier that is trained on the data and cached; `agreement` with the requested
          class if G is told the class; `matching` of category and labels if G has a category.
        - series: `acf_difference` of the autocorrelations.
        - tables: `shapes` and `trends`, how alike columns and pairs of columns are, 1 at best.
        - images: `parzen` and `parzen_centroids`, in nats on pixels in [0, 1].
        - where the generator maps given samples (pix2pix), the samples are drawn with those of the
          data. They should be near to the targets, so that the numbers that tell of copies, and
          Parzen windows, make no sense and are left out. Paired images: `psnr` (dB) and `ssim`
          against the targets, `psnr_of_source` and `ssim_of_source` of the source itself.
        - the distributions of `ganzoo.data.load`: `modes`, `modes_lenient`, `high_quality`,
          `mode_kl`, `mode_std`; those of series: see `ganzoo.evaluation.series`; one feature:
          `wasserstein_1`, `histogram_jsd`; a category that D reads back: `category_bound` on its
          information, in nats.

        Numbers that can't be measured with so few samples are left out; `.refused` says why.

        Args:
            x, y, value_range: as in `fit`.
            batch_size: rows of the batches on which the losses are computed.
            samples: how many samples to draw, and at most half as many as the data have rows, so
                that real samples can be measured at the same N. 0 measures the losses only.
            extractor: what computes the features: "efficientnet_lite0" (the package of the extra
                [extractors], offline) or "inception" (weights that Keras downloads) for natural
                images, a Keras model of samples in the data's units, or an object with `name`,
                `hash` and `features(x)`. By default it is the judge for labelled images, and
                otherwise the numbers themselves or their first 64 principal components. `frechet`
                needs more samples than features: 1,280 of EfficientNet-Lite0, 2,048 of Inception.
            seed: the seed of the samples and the splits.
            verbose: ignored, because nothing is shown.

        Raises:
            ValueError: not built yet, or the data or the extractor don't fit.
        """
        from ganzoo import evaluation

        self._refuse(self.evaluate, unsupported)
        self._check_built("evaluate")
        samples = check_int("samples", samples, 0)
        check_int("seed", seed, 0, 2**63 - 1)
        extractor = evaluation.extractor_of(extractor, self.spec)  # before any time is spent
        terms, rows = self._terms_on(x, y, batch_size=batch_size, value_range=value_range)
        critic: dict[str, Any] = {
            "extractor": f"critic of {self.registry_name}",
            "hash": evaluation.KerasFeatures(self.discriminator).hash,
            "split": f"all {rows} rows",
        }
        losses = {
            key: evaluation.mean_of_batches(values, rows).with_reference(**critic)
            for key, values in terms.items()
        }
        if not samples:
            return evaluation.Evaluation(losses)
        found = evaluation.evaluate(
            self,
            x,
            y,
            value_range=value_range,
            samples=samples,
            extractor=extractor,
            seed=seed,
        )
        return evaluation.Evaluation(losses | found, found.refused)

    def test_on_batch(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises ValueError: the losses are measured by `evaluate`."""
        raise ValueError(
            f"{self.registry_name} has no test_on_batch: call evaluate(x, samples=0), which "
            "measures the losses."
        )

    def _terms_on(self, x: Any, y: Any = None, **options: Any) -> tuple[dict[str, list], int]:
        """The terms of all losses on each batch of data, with the networks in inference mode, and
        the number of rows."""
        stream = self.batches(x, y, shuffle=False, steps=1, replicas=1, **options)
        if self._evaluator is None:
            self._evaluator = tf.function(self._evaluate_terms, autograph=False)
        terms: dict[str, list[float]] = {}
        rows = 0
        with data.clear_errors():
            for step, batch in enumerate(stream.dataset.take(stream.steps_per_epoch or -1)):
                rows += len(batch[stream.sample_name])
                for key, value in self._evaluator(batch, tf.constant(step, tf.int64)).items():
                    terms.setdefault(key, []).append(float(value))
        return terms, rows

    def _rows_held_out(self, x: Any, y: Any = None, **options: Any) -> Mapping[str, tf.Tensor]:
        """The first held-out rows."""
        stream = self.batches(x, y, shuffle=False, steps=1, replicas=1, batch_size=1, **options)
        return next(iter(stream.dataset.rebatch(HELD_OUT).take(1)))

    def _terms_held_out(self, x: Any, y: Any = None, **options: Any) -> dict[str, float]:
        """The means of these terms by name, with `val_` before each."""
        terms, _ = self._terms_on(x, y, **options)
        return {f"val_{key}": float(np.mean(values)) for key, values in terms.items()}

    def _evaluate_terms(
        self, batch: Mapping[str, tf.Tensor], number: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        # Negative steps are draws that no training step makes.
        with Noise(self.seed, -1 - number) as noise:
            update = Update(self, self.encoded(batch), noise, training=False)
            return self._all_of([getattr(self, f"{p}_loss")(update) for p in self.players])
