"""How D and G are told the class, by name, for any game."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo import networks
from ganzoo.foundation.keras_compat import layer_before
from ganzoo.networks import layers

rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (32, 8, 8, 1), "uint8")
LABELS = np.arange(32) % 4
SMALL = {"width": 4, "latent_dim": 4}


def built(name, **hyperparameters):
    gan = ganzoo.get(name, **SMALL | hyperparameters)
    gan.build_from(IMAGES, LABELS, batch_size=8)
    return gan


@pytest.mark.parametrize("conditioning", ["concatenation", "projection", "classifier"])
def test_any_game_can_be_told_the_class(conditioning, tmp_path):
    gan = ganzoo.get("lsgan", conditioning=conditioning, **SMALL)
    history = gan.fit(IMAGES, LABELS, batch_size=8, steps_per_epoch=2, verbose=0).history
    classifies = conditioning == "classifier"
    assert ({"class_of_real", "class_of_fake", "class"} <= set(history)) == classifies
    assert (len(gan.discriminator.inputs) == 1) == classifies
    assert "discriminator" not in gan.label_to or not classifies
    assert (gan.sample(3, labels=0) != gan.sample(3, labels=1)).any()
    gan.save(tmp_path / "gan.keras")
    again = ganzoo.load(tmp_path / "gan.keras")
    np.testing.assert_array_equal(
        again.sample(3, labels=[0, 1, 2]), gan.sample(3, labels=[0, 1, 2])
    )
    if classifies:
        np.testing.assert_array_equal(again.classify(IMAGES), gan.classify(IMAGES))


def test_without_labels_the_data_are_refused():
    with pytest.raises(ValueError, match="labels are to be learned, but the data has none"):
        ganzoo.get("lsgan", conditioning="projection", **SMALL).fit(IMAGES)


def test_the_projection_is_the_product_of_features_and_embedding():
    gan = built("lsgan", conditioning="projection", architecture="mlp")
    d, x = gan.discriminator, tf.constant(IMAGES / 127.5 - 1.0, tf.float32)
    features = keras.Model(d.inputs[0], d.get_layer("logits").input)(x).numpy()
    head, embedding = d.get_layer("logits"), d.get_layer("embedding").kernel
    found = d([x, tf.one_hot(LABELS, 4)])["logits"]
    expected = features @ head.kernel.numpy() + head.bias.numpy()
    expected += np.sum(features * embedding.numpy()[LABELS], 1, keepdims=True)
    np.testing.assert_allclose(found, expected, 1e-4, 1e-5)
    # Adding a to all embeddings and taking it from w changes nothing.
    a = rng.normal(size=embedding.shape[1]).astype("float32")
    embedding.assign(embedding + a)
    head.kernel.assign(head.kernel - a[:, None])
    np.testing.assert_allclose(d([x, tf.one_hot(LABELS, 4)])["logits"], found, 1e-3, 1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_conditional_batch_normalization_is_numpys(training):
    x, y = rng.normal(1.0, 2.0, (6, 3, 4, 5)).astype("float32"), np.array([0, 1, 2, 0, 1, 2])
    maps, label = keras.Input(x.shape[1:]), keras.Input([3])
    model = keras.Model([maps, label], layers.conditional_batch(maps, label))
    (modulation,) = (layer for layer in model.layers if isinstance(layer, layers.Modulation))
    gain, offset = (layer_before(x).kernel for x in modulation.input[1:])
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    (batch,) = (layer for layer in model.layers if isinstance(layer, layers.BatchNormalization))
    plain = (x - (mean if training else 0)) / np.sqrt((variance if training else 1) + 1e-5)
    inputs = [tf.constant(x), tf.one_hot(y, 3)]
    np.testing.assert_allclose(model(inputs, training=training), plain, 1e-3, 1e-4)
    values = [rng.normal(size=(3, 5)).astype("float32") for _ in range(2)]
    gain.assign(values[0])
    offset.assign(values[1])
    batch.moving_mean.assign(np.zeros(5))
    batch.moving_variance.assign(np.ones(5))
    expected = plain * (1 + values[0][y])[:, None, None] + values[1][y][:, None, None]
    np.testing.assert_allclose(model(inputs, training=training), expected, 1e-3, 1e-4)


@pytest.mark.parametrize("scale", [True, False])
def test_batch_normalization_without_scale_is_that_of_keras(scale):
    x = rng.normal(1.0, 2.0, (6, 3, 4, 5)).astype("float32")
    results = []
    for kind in (layers, keras.layers):
        layer = kind.BatchNormalization(scale=scale, center=not scale)
        results.append([layer(x, training=True), layer.moving_mean, layer.moving_variance])
    for own, of_keras in zip(*results, strict=True):
        np.testing.assert_allclose(own, of_keras, 1e-3, 2e-4)


def test_codes_stay_beside_the_latents_where_batch_normalization_is_told_the_class():
    gan = built("infogan", generator_normalization="conditional_batch")
    assert set(gan.generator.input) == {"latent", "label"}
    assert gan.generator.input["latent"].shape[1] == 4 + gan.categories + gan.codes
    drawn = gan.draw_latents(2, 0)
    other = drawn | {"category": (drawn["category"] + 1) % 10}
    assert (gan.serve(drawn).numpy() != gan.serve(other).numpy()).any()
    assert gan.label_to == ("generator",)


def test_labels_move_a_generator_that_is_told_by_batch_normalization():
    gan = ganzoo.get("projection_gan", **SMALL)
    gan.fit(IMAGES, LABELS, batch_size=8, steps_per_epoch=1, verbose=0)
    assert (gan.sample(3, labels=0) != gan.sample(3, labels=1)).any()


OWN = (
    keras.Sequential([keras.Input([4]), keras.layers.Dense(2)]),
    keras.Sequential([keras.Input([2]), keras.layers.Dense(1)]),
)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("bigan", {"conditioning": "projection"}, "whose discriminator has outputs of its own"),
        ("began", {"conditioning": "classifier"}, "whose discriminator has outputs of its own"),
        ("pix2pix", {"conditioning": "projection"}, "whose generator maps samples to samples"),
        ("sgan", {"generator_normalization": "conditional_batch"}, "whose labels may be missing"),
        ("lsgan", {"conditioning": "projection", "packing": 2}, "packing=2 is not defined with"),
        ("acgan", {"packing": 2}, "packing=2 is not defined with conditioning='classifier'"),
        ("lsgan", {"class_weight": 2.0}, "class_weight=2.0 is the weight of a classifier"),
        ("cgan", {"conditioning": "none"}, "conditioning='none' must be one of"),
        (
            "gan",
            {"architecture": OWN, "generator_normalization": "conditional_batch"},
            "networks of your own",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(name, given, message):
    with pytest.raises(ValueError, match=message):
        ganzoo.get(name, **given)


def test_networks_made_without_labels_are_refused():
    gan = ganzoo.get("gan", as_published=True, conditioning="projection")
    with pytest.raises(ValueError, match="whose discriminator is made without labels"):
        gan.build_from(IMAGES, LABELS, batch_size=8)


def test_own_networks_take_a_projection_if_they_end_in_features():
    points = rng.normal(size=(32, 2)).astype("float32")
    generator = keras.Sequential([keras.Input([4 + 4]), keras.layers.Dense(2)])
    one_logit = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    gan = ganzoo.get(
        "gan", latent_dim=4, architecture=(generator, one_logit), conditioning="projection"
    )
    with pytest.raises(ValueError, match=r"let it end in features \[batch, n\]"):
        gan.build_from(points, LABELS, batch_size=8)
    features = keras.Sequential([keras.Input([2]), keras.layers.Dense(5, "relu")])
    gan = ganzoo.get(
        "gan", latent_dim=4, architecture=(generator, features), conditioning="projection"
    )
    gan.fit(points, LABELS, batch_size=8, steps_per_epoch=1, verbose=0)


def test_attention_starts_as_the_identity_and_can_move():
    x = rng.normal(size=(2, 5, 6, 8)).astype("float32")
    maps = keras.Input(x.shape[1:])
    model = keras.Model(maps, layers.self_attention(maps))
    np.testing.assert_array_equal(model(x), x)
    (scale,) = (layer for layer in model.layers if isinstance(layer, layers.Scale))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(model(x)))
    assert abs(float(tape.gradient(loss, scale.gamma.value))) > 1e-3
    scale.gamma.assign(0.5)
    made = sorted(
        (layer for layer in model.layers if hasattr(layer, "kernel")),
        key=lambda layer: int("0" + layer.name.removeprefix("conv2d").removeprefix("_")),
    )
    theta, phi, g, o = (layer.kernel.numpy()[0, 0] for layer in made)
    shapes = {kernel.shape for kernel in (theta, phi, g, o)}
    assert shapes == {(8, 1), (8, 4), (4, 8)}

    def pooled(values):  # 5 rows are padded to 6
        values = np.pad(values, [(0, 0), (0, 1), (0, 0), (0, 0)], constant_values=-np.inf)
        return values.reshape(2, 3, 2, 3, 2, -1).max((2, 4)).reshape(2, 9, -1)

    scores = np.einsum("bqc,bkc->bqk", (x @ theta).reshape(2, 30, -1), pooled(x @ phi))
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    gathered = (weights @ pooled(x @ g)).reshape(2, 5, 6, -1)
    np.testing.assert_allclose(model(x), x + 0.5 * gathered @ o, 1e-4, 1e-4)


def test_orthogonal_regularisation_leaves_the_embedding_of_classes_out():
    gan = built("biggan", latent_dim=6)
    ((regulariser, _),) = gan._regularisers
    kernels = [layer.kernel for layer in regulariser.layers]
    others = [v for v in gan.generator.trainable_variables if v.name == "kernel"]
    (left_out,) = (v for v in others if not any(v is kernel for kernel in kernels))
    assert left_out.shape == (4, networks.NAMED["biggan"].EMBEDDING)


def test_reacgans_loss_is_the_papers():
    gan = built("reacgan", embedding=6)
    update = type("Update", (), {})()
    y = np.array([0, 1, 1, 3, 0])
    h, v = (rng.normal(size=shape) for shape in ((5, 6), (4, 6)))
    h, v = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (h, v))
    outputs = {"embedding": h, "class": h @ v.T}
    update.labels = tf.constant(y)
    update.real_outputs = {key: tf.constant(x, tf.float32) for key, x in outputs.items()}
    p = np.exp(np.minimum((h * v[y]).sum(1) - 0.98, 0) / 0.5)
    n = np.exp(np.maximum(h @ h.T - 0.02, 0) / 0.5) * (y[:, None] != y)
    expected = np.mean(-np.log(p / (p + n.sum(1))))
    assert float(gan.class_loss(update, "real")) == pytest.approx(expected, rel=1e-5)


PUBLISHED = {  # arXiv:2005.02494's implementation "mimicry"
    "generator": (lambda: networks.NAMED["resnet"].generator(128, (32, 32, 3)), 4_276_739),
    "discriminator": (
        lambda: networks.with_heads(
            networks.NAMED["resnet"].features((32, 32, 3)), {"logits": [keras.layers.Dense(1)]}
        ),
        1_053_825,
    ),
}


@pytest.mark.parametrize("part", PUBLISHED)
def test_residual_networks_have_the_published_number_of_parameters(part):
    make, count = PUBLISHED[part]
    assert sum(int(np.prod(v.shape)) for v in make().trainable_variables) == count


@pytest.mark.parametrize("name", ["resnet", "sagan", "biggan"])
@pytest.mark.parametrize("shape", [(8, 8, 1), (13, 9, 3), (28, 28, 1), (64, 48, 3), (128, 128, 3)])
def test_sizes_follow_the_data(name, shape):
    module = networks.NAMED[name]
    assert module.generator(8, shape, width=1).output_shape[1:] == shape
    assert len(module.features(shape, width=1).output_shape) == 2


@pytest.mark.parametrize("name", ["resnet", "sagan", "biggan"])
def test_small_images_and_vectors_are_refused(name):
    for shape in ((7, 9, 1), (5,)):
        with pytest.raises(ValueError, match="needs images of at least 8×8"):
            networks.choose(name, shape)
    with pytest.raises(ValueError, match="needs at least 4 latents"):
        networks.NAMED["biggan"].generator(3, (32, 32, 3), width=1)
