"""Keras's Adam with one operation for each large weight."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

SMALL = 2**15


@keras.saving.register_keras_serializable("ganzoo")
class Adam(keras.optimizers.Adam):
    """Keras's optimizer with the same arguments, state and values, and less to do.

    Kingma, Ba 2015, arXiv:1412.6980, in the order of operations before its section 2.1:

        m ← m + (1 − β₁)(g − m)
        v ← v + (1 − β₂)(g² − v)
        θ ← θ − α √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)

    Keras computes this by a dozen operations, each of which reads and writes arrays of the size of
    the weight. TensorFlow has one kernel for all of it. It is used for weights from `SMALL` numbers
    on, because on a CPU the operations of small ones run at the same time and are faster.
    """

    def update_step(self, gradient: Any, variable: tf.Variable, learning_rate: Any) -> None:
        fits = variable.dtype == tf.float32 and variable.shape.num_elements() >= SMALL
        if self.amsgrad or not fits or not tf.is_tensor(gradient):
            super().update_step(gradient, variable, learning_rate)
            return
        place = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, tf.float32),
        )
