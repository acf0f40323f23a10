"""The terms of games' losses against NumPy, from given outputs of D."""

import types

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

import ganzoo

COUNT, CLASSES = 12, 5
DRAW = np.random.default_rng(0)
REAL, FAKE = DRAW.normal(size=(2, COUNT, 1)).astype("float32")
REAL_CLASS, FAKE_CLASS = DRAW.normal(size=(2, COUNT, CLASSES)).astype("float32")
LABELS, ASKED = DRAW.integers(CLASSES, size=(2, COUNT), dtype="int32")


def sp(x):
    return np.logaddexp(0.0, x)


def cross_entropies(logits, labels):
    return -scipy.special.log_softmax(logits, axis=1)[np.arange(len(labels)), labels]


def update(**parts):
    """An update whose discriminator and generator have answered already."""
    tensors = tf.nest.map_structure(tf.constant, parts)
    return types.SimpleNamespace(regularise=False, **tensors)


def check(terms, **expected):
    assert terms.keys() == expected.keys()
    for name, value in expected.items():
        assert float(terms[name]) == pytest.approx(value, rel=1e-5), name


def test_acgan():
    gan = ganzoo.get("acgan", class_weight=2.5)
    seen = update(
        real_outputs={"logits": REAL, "class": REAL_CLASS},
        fake_outputs={"logits": FAKE, "class": FAKE_CLASS},
        labels=LABELS,
        inputs={"label": ASKED},
    )
    of_real = 2.5 * cross_entropies(REAL_CLASS, LABELS).mean()
    of_fake = 2.5 * cross_entropies(FAKE_CLASS, ASKED).mean()
    check(
        gan.discriminator_loss(seen),
        discriminator=sp(-REAL).mean() + sp(FAKE).mean(),
        class_of_real=of_real,
        class_of_fake=of_fake,
    )
    check(gan.generator_loss(seen), **{"generator": sp(-FAKE).mean(), "class": of_fake})


@pytest.mark.parametrize("labelled", [COUNT // 2, 0])
def test_sgan(labelled):
    gan = ganzoo.get("sgan")
    labels = np.where(np.arange(COUNT) < labelled, LABELS, -1).astype("int32")
    features = DRAW.normal(size=(2, COUNT, 7)).astype("float32")
    seen = update(
        real_outputs={"logits": REAL, "class": REAL_CLASS, "features": features[0]},
        fake_outputs={"logits": FAKE, "class": FAKE_CLASS, "features": features[1]},
        data={"label": labels},
    )
    known = cross_entropies(REAL_CLASS, labels)[:labelled]
    check(
        gan.discriminator_loss(seen),
        **{
            "discriminator": 0.5 * (sp(-REAL).mean() + sp(FAKE).mean()),
            "class": known.mean() if labelled else 0.0,
        },
    )
    difference = features[0].mean(0) - features[1].mean(0)
    check(gan.generator_loss(seen), generator=np.sum(difference**2))


def test_sgan_is_sure_of_a_sample_as_of_its_classes():
    gan = ganzoo.get("sgan", architecture="mlp", width=4)
    gan.build_from(DRAW.normal(size=(16, 2)).astype("float32"), np.arange(16) % 3, batch_size=8)
    outputs = gan.discriminate(tf.constant(DRAW.normal(size=(8, 2)), tf.float32), None, False)
    expected = scipy.special.logsumexp(outputs["class"].numpy(), axis=1, keepdims=True)
    np.testing.assert_allclose(outputs["logits"], expected, rtol=1e-5)


def test_infogan():
    gan = ganzoo.get("infogan", categories=CLASSES, codes=2, information_weight=0.7)
    codes, found = DRAW.uniform(-1, 1, (2, COUNT, 2)).astype("float32")
    seen = update(
        real_outputs={"logits": REAL},
        fake_outputs={"logits": FAKE, "category": FAKE_CLASS, "code": found},
        inputs={"category": ASKED, "code": codes},
    )
    # Q is a Gaussian of scale 1 around the code, whose entropy is that of U(-1, 1), log 2.
    entropy = cross_entropies(FAKE_CLASS, ASKED).mean()
    squares = ((codes - found) ** 2).mean(0)
    gaussians = np.sum(0.5 * squares + 0.5 * np.log(2 * np.pi) - np.log(2))
    bound = 0.7 * (entropy - np.log(CLASSES) + gaussians)
    check(
        gan.discriminator_loss(seen),
        discriminator=sp(-REAL).mean() + sp(FAKE).mean(),
        posterior=bound,
    )
    check(gan.generator_loss(seen), generator=sp(-FAKE).mean(), information=bound)
    check(
        gan.after_step(seen, {}),
        category_information=np.log(CLASSES) - entropy,
        code_information=np.sum(np.log(2) - 0.5 * np.log(2 * np.pi * np.e * squares)),
    )


def test_bigan():
    seen = update(real_outputs={"logits": REAL}, fake_outputs={"logits": FAKE})
    check(
        ganzoo.get("bigan").generator_loss(seen),
        generator=sp(-FAKE).mean(),
        encoder=sp(REAL).mean(),
    )


def test_pix2pix():
    gan = ganzoo.get("pix2pix", width=4, reconstruction_weight=3.0)
    made, target = DRAW.uniform(-1, 1, (2, COUNT, 16, 16, 1)).astype("float32")
    gan.build_from({"source": made, "target": target}, batch_size=4)
    seen = update(
        real_outputs={"logits": REAL},
        fake_outputs={"logits": FAKE},
        generated={"target": made},
        sample=target,
    )
    check(gan.discriminator_loss(seen), discriminator=0.5 * (sp(-REAL).mean() + sp(FAKE).mean()))
    check(
        gan.generator_loss(seen),
        generator=sp(-FAKE).mean(),
        reconstruction=3.0 * np.abs(made - target).mean(),
    )


@pytest.mark.parametrize(("fake", "k"), [(0.5, 0.37), (9.0, 0.0), (-9.0, 1.0)])
def test_began(fake, k):
    """D's logits are the errors of its reconstructions; k balances them within [0, 1]."""
    gan = ganzoo.get("began", gamma=0.6, proportional_gain=0.1, architecture="mlp", width=4)
    gan.build_from(DRAW.normal(size=(16, 2)).astype("float32"), batch_size=8)
    gan.k.assign(0.3)
    errors = np.float32([1.0, 3.0])
    seen = update(real_outputs={"logits": errors}, fake_outputs={"logits": fake + errors - 2.0})
    check(gan.discriminator_loss(seen), discriminator=2.0 - 0.3 * fake)
    terms = gan.generator_loss(seen)
    check(terms, generator=fake)
    check(gan.after_step(seen, terms), k=k, convergence=2.0 + abs(0.6 * 2.0 - fake))
    assert float(gan.k.numpy()) == pytest.approx(k)
