"""GANs of the zoo after one step, and what Keras answers to each signature."""

import subprocess

import numpy as np
import tensorflow as tf

import ganzoo

SHAPES = {"cgan": (8, 8, 3), "bigan": (8, 8, 1), "gan": (2,)}  # what each is trained on here


def trained(name):
    gan = ganzoo.get(name, width=8, latent_dim=6)
    gan.compile()
    data = np.random.default_rng(0).uniform(-1, 1, (32, *SHAPES[name])).astype("float32")
    gan.fit(data, np.arange(32) % 4, batch_size=8, steps_per_epoch=1, verbose=0)
    return gan


def asked_and_expected(gan, rows, seed):
    """Signature -> (inputs by name, Keras's answer); the answer to `png` is grey levels."""
    latents = gan.draw_latents(tf.constant(rows), tf.constant(seed, tf.int64))
    output = gan.serve(latents).numpy()
    latents = {name: tensor.numpy() for name, tensor in latents.items()}
    asked = {
        "serving_default": (latents, output),
        "sample": ({"count": np.int32(rows), "seed": np.int64(seed)}, output),
    }
    if gan.spec.is_image:
        asked["png"] = (latents, (output + 1) * 127.5)
    if gan.encode_images:
        asked["encode"] = ({gan.output_name: output}, gan.encode_images(output).numpy())
    return asked


def run(*command, timeout=300, **options):
    """The finished process; its output is shown where it fails."""
    command = [str(part) for part in command]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished
