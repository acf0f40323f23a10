"""A GAN with the little that the exporters ask for."""

import keras
import tensorflow as tf

from ganzoo.data import Field

FORMATS = ["tf_saved_model", "onnx"]  # the others have files of their own


class FakeGAN:
    """The little of a GAN that the exporters may ask for."""

    registry_name = "fake"
    built = True

    def __init__(self, shape=(8, 12, 1), labels=False, encoder=False, policy="float32"):
        self.spec = Field(shape, "float32")
        self.output_name = "image" if self.spec.is_image else "vector"
        self.latent_spec = {"latent": tf.TensorSpec([None, 5], tf.float32)}
        self.latent_ranges = {"latent": "standard normal"}
        self.given_inputs = []
        if labels:
            self.latent_spec["label"] = tf.TensorSpec([None], tf.int32)
            self.latent_ranges["label"] = "0..9"
        keras.utils.set_random_seed(0)
        with_policy = {"dtype": policy}
        latent, label = keras.Input([5], name="latent"), keras.Input([], dtype="int32")
        hidden = latent
        if labels:
            embedded = keras.layers.Embedding(10, 3, **with_policy)(label)
            hidden = keras.layers.Concatenate()([latent, embedded])
        hidden = keras.layers.Dense(24 * 8, use_bias=False, **with_policy)(hidden)
        statistics = {"moving_mean_initializer": "random_normal"}  # inference is unlike training
        hidden = keras.layers.BatchNormalization(**statistics, **with_policy)(hidden)
        hidden = keras.layers.LeakyReLU(**with_policy)(hidden)
        if self.spec.is_image:
            height, width, channels = shape
            hidden = keras.layers.Reshape([height // 2, width // 2, -1])(hidden)
            hidden = keras.layers.Conv2DTranspose(
                channels, 4, 2, "same", activation="tanh", **with_policy
            )(hidden)
        else:
            hidden = keras.layers.Dense(*shape, bias_initializer="ones", **with_policy)(hidden)
        self.generator = keras.Model([latent, label] if labels else [latent], hidden)
        self.encode_images = None
        if encoder:
            self.encoder = keras.Sequential(
                [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(5)]
            )
            self.encode_images = lambda x: self.encoder(x, training=False)

    def serve(self, latents):
        return tf.cast(self.generator(list(latents.values()), training=False), tf.float32)

    def draw_latents(self, count, seed):
        latents = {"latent": tf.random.stateless_normal([count, 5], tf.stack([seed, 0]))}
        if "label" in self.latent_spec:
            latents["label"] = tf.random.stateless_uniform(
                [count], tf.stack([seed, 1]), 0, 10, tf.int32
            )
        return latents


def latents_of(gan, rows, seed=3):
    return gan.draw_latents(tf.constant(rows), tf.constant(seed, tf.int64))


def arrays(tensors):
    return {name: tensor.numpy() for name, tensor in tensors.items()}
