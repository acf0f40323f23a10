"""Training in bfloat16 and float16: what is computed in which, scaled losses, overflows."""

import functools
import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo import cli
from ganzoo.core.update import Update
from ganzoo.devices import precision
from ganzoo.foundation.randomness import Noise
from ganzoo.losses import penalties
from ganzoo.testing import checks

HALVES = ("bfloat16", "float16")
IMAGES = np.random.default_rng(0).integers(256, size=(128, 8, 8, 1), dtype="uint8")
LABELS = np.arange(128) % 10


def made(name="lsgan", **chosen):
    gan = ganzoo.get(name, width=8, **chosen)
    subject = checks.Subject(type(gan))
    rows = subject.rows(subject.images[:128] if subject.is_series else IMAGES, LABELS)
    rows = subject.digits if subject.is_table else rows
    rows = {k: np.tile(x, (1, 2, 2, 1)) for k, x in rows.items()} if name == "pix2pix" else rows
    gan.build_from(rows, batch_size=20 if subject.is_table else 16)
    return gan


def fitted(name="lsgan", steps=2, **chosen):
    gan = made(name, **chosen)
    gan.fit(IMAGES, LABELS, batch_size=16, steps_per_epoch=steps, verbose=0)
    return gan


SLOW = {"biggan", "cyclegan", "fastgan", "projection_gan", "reacgan", "sagan"}
"""Their networks take seconds to build."""
SAME = {
    "dragan", "fgan", "minimax_gan", "pacgan", "r1gan", "ragan", "rsgan", "unrolled_gan", "wgan",
    "wgan_gp",
}  # fmt: skip
"""Their networks are those of `gan` and `dcgan`."""
NETWORKS = [
    pytest.param(name, kind, marks=[pytest.mark.slow] * (name in SLOW | SAME or kind == "float16"))
    for name in ganzoo.names()
    for kind in HALVES
]


@pytest.mark.parametrize(("name", "kind"), NETWORKS)
def test_every_network_computes_in_half_and_ends_in_float32(name, kind):
    gan = made(name, precision=kind)
    for model in gan.layers:
        assert all(weight.dtype == "float32" for weight in model.weights)
        computed = {layer.compute_dtype for layer in model._flatten_layers() if layer.weights}
        assert kind in computed
        given = model.input if hasattr(model, "input") else model.inputs
        outputs = model(tf.nest.map_structure(lambda x: tf.zeros([2, *x.shape[1:]]), given))
        assert {x.dtype for x in tf.nest.flatten(outputs)} == {tf.float32}


@functools.cache
def before_and_after(name):
    """The weights of float32."""
    gan = made(name, precision="float32")
    before = gan.get_weights()
    gan.fit(IMAGES, LABELS, batch_size=16, steps_per_epoch=2, verbose=0)
    return before, gan.get_weights()


@pytest.mark.parametrize("kind", HALVES)
@pytest.mark.parametrize("name", [pytest.param("wgan_gp", marks=pytest.mark.slow), "r3gan", "cgan"])
def test_it_trains_about_what_float32_trains(name, kind):
    before, exact = before_and_after(name)
    half = fitted(name, precision=kind).get_weights()
    for a, b, c in zip(exact, half, before, strict=True):
        moved = np.abs(a - c).max()
        assert np.isfinite(b).all()
        # The gradient of D's last bias is what real and fake leave of each other: mostly rounding.
        assert a.size == 1 or np.median(np.abs(a - b)) <= 0.1 * moved + 1e-6


@pytest.mark.parametrize("kind", HALVES)
def test_samples_are_made_in_float32(kind):
    half, exact = fitted(precision=kind), made()
    exact.set_weights(half.get_weights())
    np.testing.assert_array_equal(half.sample(20, seed=1), exact.sample(20, seed=1))
    assert half.generator.layers[1].compute_dtype == kind  # and it goes on in half


def test_an_average_of_the_weights_is_kept_beside_scaled_losses():
    gan = fitted(precision="float16", ema=0.5)
    assert gan.sample(4, seed=0).dtype == "uint8"


@pytest.mark.parametrize("kind", ["float16", pytest.param("bfloat16", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", sorted(penalties.NAMED))
def test_penalties_and_what_they_teach_are_those_of_float32(name, kind):
    found = []
    for p in ("float32", kind):
        gan = made("wgan_gp", precision=p, penalties={name: 1.0})
        batch = {"image": tf.constant(IMAGES[:64])}
        update = Update(gan, gan.encoded(batch), Noise(0))
        with tf.GradientTape() as tape:
            value = penalties.get(name)(update)
        gradients = tape.gradient(value, gan.discriminator_variables)
        found.append(
            (value, np.concatenate([g.numpy().ravel() for g in gradients if g is not None]))
        )
    (exact, taught), (value, gradient) = found
    np.testing.assert_allclose(value, exact, rtol=0.03)
    assert taught @ gradient > 0.99 * np.linalg.norm(taught) * np.linalg.norm(gradient)


def test_float16_scales_both_losses():
    gan, exact = made(precision="float16"), made()
    for player in ("generator", "discriminator"):
        optimizer = getattr(gan, f"{player}_optimizer")
        assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        optimizer.dynamic_scale.assign(512.0)
        variables = [[v.value for v in getattr(g, f"{player}_variables")] for g in (gan, exact)]
        gradients = []
        for g, sources in zip((gan, exact), variables, strict=True):
            rows = g.encoded({"image": tf.constant(IMAGES[:16])})
            update = Update(g, rows, Noise(0), player=player)
            with tf.GradientTape() as tape:
                terms = getattr(g, f"{player}_loss")(update)
            own = getattr(g, f"{player}_optimizer")
            gradients.append(precision.gradients(tape, terms, sources, own))
        for half, full in zip(*gradients, strict=True):
            largest = np.abs(full).max() + 1e-6
            np.testing.assert_allclose(half / 512, full, atol=0.05 * largest)


def test_an_overflow_is_left_out_and_the_scale_halved():
    gan = made(precision="float16")
    gan.discriminator_optimizer.dynamic_scale.assign(1e38)
    gan.generator_optimizer.dynamic_scale.assign(512.0)
    before = [v.numpy() for v in gan.discriminator_variables]
    gan.fit(IMAGES, batch_size=16, steps_per_epoch=1, verbose=0)
    for old, variable in zip(before, gan.discriminator_variables, strict=True):
        np.testing.assert_array_equal(variable.numpy(), old)
    assert float(gan.discriminator_optimizer.dynamic_scale) == pytest.approx(5e37)
    assert gan.step == 1 and gan.generator_optimizer.inner_optimizer.iterations.numpy() == 1


@pytest.mark.parametrize("broken", [0, 1])
def test_an_infinity_on_any_replica_leaves_the_update_out_on_all(broken):
    strategy = checks.two_replicas()
    with strategy.scope():
        weight = keras.Variable([1.0, 2.0])
        optimizer = precision.optimizer(keras.optimizers.SGD(0.1), "float16")
        optimizer.build([weight])

    @tf.function(autograph=False)
    def step():
        def update():
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            factor = tf.where(replica == broken, np.inf, 1.0)
            with tf.GradientTape() as tape:
                tape.watch(weight.value)
                terms = {"loss": tf.reduce_sum(weight * factor)}
            gradients = precision.gradients(tape, terms, [weight.value], optimizer)
            optimizer.apply(gradients, [weight])

        strategy.run(update)

    step()
    assert [v.numpy().tolist() for v in strategy.experimental_local_results(weight.value)] == [
        [1.0, 2.0],
        [1.0, 2.0],
    ]
    assert float(optimizer.dynamic_scale.numpy()) == optimizer.initial_scale / 2


def test_float16_on_two_replicas_trains_both_alike():
    with checks.two_replicas().scope():
        gan = ganzoo.get("lsgan", width=8, precision="float16")
    gan.fit(IMAGES, batch_size=16, steps_per_epoch=3, verbose=0)
    assert gan.generator_optimizer.inner_optimizer.iterations.numpy() > 0
    for variable in gan.trainable_variables:
        one, other = (v.numpy() for v in variable.value.values)
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", ["float16", pytest.param("bfloat16", marks=pytest.mark.slow)])
def test_it_resumes_exactly(kind, tmp_path):
    whole = fitted(steps=4, precision=kind)
    fitted(steps=2, precision=kind).save(tmp_path / "gan.keras")
    gan = ganzoo.load(tmp_path / "gan.keras")
    assert gan.precision == kind
    gan.fit(IMAGES, LABELS, batch_size=16, steps_per_epoch=2, verbose=0)
    for optimizer in ("generator_optimizer", "discriminator_optimizer"):
        for a, b in zip(
            getattr(whole, optimizer).variables, getattr(gan, optimizer).variables, strict=True
        ):
            np.testing.assert_array_equal(a.numpy(), b.numpy(), a.path)
    for a, b in zip(whole.get_weights(), gan.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("format", ["onnx", "tf_saved_model"])
def test_exports_are_float32(format, tmp_path):
    gan = fitted(precision="bfloat16")
    folder = gan.export(tmp_path / format, format=format)  # certified against the GAN
    assert (folder / "certificate.json").exists()


@pytest.mark.parametrize(
    ("capabilities", "chosen"),
    [
        ([(9, 0)], "bfloat16"),
        ([(8, 0), (8, 6)], "bfloat16"),
        ([(8, 0), (7, 5)], "float16"),
        ([(6, 1)], "float32"),
        ([None], "float32"),
    ],
)
def test_auto_is_chosen_by_the_gpus(capabilities, chosen, monkeypatch, caplog):
    details = [{} if c is None else {"compute_capability": c} for c in capabilities]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: details)
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: gpu)
    assert precision.choose("auto") == chosen
    with caplog.at_level(logging.INFO, "ganzoo"):
        precision.tell()
    assert f"precision=auto is {chosen} on GPUs" in caplog.text


def test_the_command_line_says_what_auto_is(tmp_path, capsys):
    words = ["train", "gan", "width=8", "precision=auto", "--data", "digits", "--steps", "1"]
    assert cli.main([*words, "--no-export", "--out", str(tmp_path / "run")]) == 0
    assert "ganzoo: precision=auto is " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("features", "chosen"),
    [(["amx_bf16"], "bfloat16"), (["avx512f", "avx512_bf16"], "bfloat16"), (["avx2"], "float32")],
)
def test_auto_is_chosen_by_the_cpu(features, chosen, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    monkeypatch.setattr(precision, "_cpu_has", lambda feature: feature in features)
    assert ganzoo.get("gan", precision="auto").precision == chosen


def test_auto_keeps_recurrent_networks_in_float32_on_a_cpu(monkeypatch, caplog):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    monkeypatch.setattr(precision, "_cpu_has", lambda feature: feature == "avx512_bf16")
    with caplog.at_level(logging.INFO, "ganzoo"):
        chosen = {name: made(name, precision="auto").precision for name in ("rcgan", "lsgan")}
    assert chosen == {"rcgan": "float32", "lsgan": "bfloat16"}
    assert "precision=auto is float32 on a CPU for recurrent networks" in caplog.text
