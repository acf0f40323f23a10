"""Series: how they are read and measured, the data sets, and the networks of rcgan and wavegan."""

import re

import numpy as np
import pytest
import tensorflow as tf
from scipy import linalg, stats

import ganzoo
from ganzoo import data
from ganzoo.data import series as known
from ganzoo.evaluation import measured as intervals
from ganzoo.evaluation import series as measured
from ganzoo.foundation.randomness import Noise
from ganzoo.networks import recurrent, waveform
from ganzoo.networks.waveform import PhaseShuffle
from ganzoo.reporting import plots

COLUMNS = {"series": data.Column("sample", ranks=(2,))}
ROWS = np.arange(600)


def learned(x, **options):
    return data.batches(x, columns=COLUMNS, **options)


# -- how they are read -------------------------------------------------------------------------


def test_each_feature_is_standardised_over_all_times():
    x = np.random.default_rng(0).normal((5, -300), (2, 40), (100, 7, 2))
    field = learned(x).spec
    coded = field.encode(x).numpy()
    np.testing.assert_allclose(coded.mean((0, 1)), 0, atol=1e-6)
    np.testing.assert_allclose(coded.std((0, 1)), 1, atol=1e-6)
    # What differs from time to time stays: the mean at one time is not 0.
    np.testing.assert_allclose(coded[:, 3], (x[:, 3] - x.mean((0, 1))) / x.std((0, 1)), atol=1e-6)
    np.testing.assert_allclose(field.decode(coded), x, atol=1e-4)
    assert field.is_series and field.kind == "series" and field.value_range is None


def test_a_value_range_becomes_minus_one_to_one():
    x = np.linspace(-32768, 32767, 64 * 20).astype("int16").reshape(64, 20, 1)
    field = learned(x, value_range=(-32768, 32768)).spec
    np.testing.assert_allclose(field.encode(x).numpy(), x / 32768, atol=1e-6)
    np.testing.assert_array_equal(field.decode(field.encode(x)), x)


@pytest.mark.parametrize("form", ["array", "pair", "dict", "dataset", "batched", "npz"])
def test_forms(form, tmp_path):
    x, y = known.sines(np.arange(64))[0], np.arange(64) % 3
    np.savez(tmp_path / "x.npz", series=x, label=y)
    forms = {
        "array": x,
        "pair": (x, y),
        "dict": {"series": x, "label": y},
        "dataset": tf.data.Dataset.from_tensor_slices({"series": x}),
        "batched": tf.data.Dataset.from_tensor_slices((x, y)).batch(16),
        "npz": data.load(f"npz:{tmp_path / 'x.npz'}"),
    }
    found = learned(forms[form], batch_size=64, shuffle=False)
    np.testing.assert_array_equal(next(iter(found.dataset))["series"], x)
    assert found.sample_name == "series"


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((99, 30, 1), "float32"),
        {"series": np.zeros((99, 30, 1), "float32")},
        tf.data.Dataset.from_tensor_slices({"series": np.zeros((99, 30, 1), "float32")}),
    ],
    ids=["array", "dict", "dataset"],
)
def test_games_on_images_refuse_series(x):
    with pytest.raises(ValueError, match="choose a GAN that learns series") as error:
        ganzoo.get("lsgan").fit(x)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["rcgan", "wavegan"])
@pytest.mark.parametrize(
    "x",
    [
        np.zeros((99, 8, 8, 1), "float32"),
        np.zeros((99, 8), "float32"),
        {"image": np.zeros((99, 8, 8), "float32")},
        data.load("digits"),
        data.load("ring"),
    ],
    ids=["images", "vectors", "called image", "digits", "ring"],
)
def test_games_on_series_refuse_images_and_vectors(name, x):
    with pytest.raises(ValueError, match="this GAN learns series") as error:
        ganzoo.get(name).fit(x)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "options", "shape", "message"),
    [
        ("rcgan", {}, (300, 1), "at most 256 steps"),
        ("wavegan", {}, (15, 1), "at least 16 steps"),
        ("rcgan", {"architecture": "dcgan"}, (30, 1), "dcgan"),
        ("wavegan", {"architecture": "recurrent"}, (30, 1), "latents of its own"),
        ("rcgan", {"generator_normalization": "batch"}, (30, 1), "no normalisation 'batch'"),
        ("wavegan", {"augment": "diffaugment"}, (30, 1), "the data are series"),
    ],
)
def test_what_networks_refuse(name, options, shape, message):
    gan = ganzoo.get(name, **options)
    with pytest.raises(ValueError, match=message):
        gan.build_from(np.random.default_rng(0).normal(size=(400, *shape)))


def test_lstms_have_no_projection():
    with pytest.raises(ValueError, match="conditioning"):
        ganzoo.get("rcgan", conditioning="projection")


# -- the data sets -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", known.NAMED)
def test_rows_depend_on_seed_and_number_alone(name):
    draw = known.NAMED[name]
    x, _ = draw(np.arange(20), 3)
    np.testing.assert_array_equal(draw([7, 19, 7], 3)[0], x[[7, 19, 7]])
    assert (draw(np.arange(20), 4)[0] != x).any()
    loaded = data.load(name, seed=3)
    assert loaded.known_series == name and len(loaded) == 50_000
    np.testing.assert_array_equal(next(iter(loaded.batch(20)))["series"], x)


def test_sines_have_their_distribution():
    _, factors = known.sines(np.arange(4000))
    for key, (low, high) in known.RANGES.items():
        assert stats.kstest(factors[key], stats.uniform(low, high - low).cdf).pvalue > 1e-3


def test_the_autoregressive_process_is_stationary_with_its_autocorrelation():
    """Yule and Walker's equations against the Lyapunov equation of the companion matrix."""
    transition = np.array([known.COEFFICIENTS, (1.0, 0.0)])
    noise = np.diag([known.innovation() ** 2, 0.0])
    covariance = linalg.solve_discrete_lyapunov(transition, noise)
    np.testing.assert_allclose(covariance, linalg.toeplitz(known.autocorrelation(1)), atol=1e-12)
    powers = [np.linalg.matrix_power(transition, k) @ covariance for k in range(12)]
    np.testing.assert_allclose(known.autocorrelation(11), [p[0, 0] for p in powers], atol=1e-12)
    x, _ = known.ar(np.arange(20_000))
    np.testing.assert_allclose(x.std(0), 1, atol=0.03)
    np.testing.assert_allclose(
        measured.autocorrelation(x)[:, 0], known.autocorrelation(measured.LAGS), atol=0.02
    )


# -- measures ----------------------------------------------------------------------------------


def test_fitted_sines_are_the_true_ones():
    x, factors = known.sines(ROWS, seed=5)
    found = measured.fit_sines(x)
    np.testing.assert_allclose(found.frequency, factors["frequency"], atol=1e-6)
    np.testing.assert_allclose(found.amplitude, factors["amplitude"], atol=1e-6)
    off = np.angle(np.exp(1j * (found.phase - factors["phase"])))
    np.testing.assert_allclose(off, 0, atol=1e-5)
    assert found.residual.max() < 1e-10 and (np.abs(found.phase) <= np.pi).all()


def test_the_residual_is_the_share_of_what_is_no_sine():
    time = np.arange(1, 513) / 512
    wave, other = (np.sin(2 * np.pi * f * time) for f in (40.0, 100.0))
    found = measured.fit_sines((2 * wave + other)[None])
    np.testing.assert_allclose([found.frequency[0], found.amplitude[0]], [40, 2], atol=1e-2)
    np.testing.assert_allclose(found.residual, 1 / 5, atol=1e-3)
    assert measured.fit_sines(np.zeros((1, 30))).residual[0] == 1


def test_distances_of_sines_are_those_of_their_distributions():
    """U(1, 3) is ½ away from U(1, 5), and amplitudes that are doubled are ½ away from U(.1, .9)."""
    _, factors = known.sines(np.arange(3000), seed=2)
    frequency = 1 + (factors["frequency"] - 1) / 2
    time = np.arange(1, 31) / 30
    turns = 2 * np.pi * frequency[:, None] * time + factors["phase"][:, None]
    found = measured.of_sines(2 * factors["amplitude"][:, None] * np.sin(turns))
    assert found["frequency_ks"] == pytest.approx(0.5, abs=0.03)
    # P(2A ≤ 0.9) = (0.45 − 0.1) / 0.8, where the true distribution has 1
    assert found["amplitude_ks"] == pytest.approx(1 - 0.35 / 0.8, abs=0.03)
    assert found["phase_ks"] < 0.04 and found["sine_residual"] < 1e-6


def test_coefficients_of_an_autoregression_are_exact_without_noise():
    x = np.random.default_rng(0).normal(size=(50, 12))
    for t in range(2, 12):
        x[:, t] = 0.7 * x[:, t - 1] - 0.4 * x[:, t - 2]
    coefficients, left = measured.autoregression(x)
    np.testing.assert_allclose(coefficients, [0.7, -0.4], atol=1e-10)
    assert left < 1e-10


def test_another_process_is_told_from_the_true_one(monkeypatch):
    """Of white noise the coefficients are 0, and the autocorrelation is 0 in place of 0.75."""
    monkeypatch.setattr(intervals, "RESAMPLES", 2)  # no interval is looked at
    noise = np.random.default_rng(1).normal(size=(3000, 30, 1))
    found, true = measured.of_ar(noise), measured.of_ar(known.ar(np.arange(3000), 4)[0])
    assert found["ar_error"] == pytest.approx(1.2, abs=0.03)
    assert found["acf_error"] == pytest.approx(0.75, abs=0.03)
    assert found["innovation_ratio"] == pytest.approx(1 / known.innovation(), abs=0.03)
    assert true["ar_error"] < 0.02 and true["acf_error"] < 0.03 and true["std_error"] < 0.08
    assert true["innovation_ratio"] == pytest.approx(1, abs=0.02)
    apart = measured.acf_difference(noise, known.ar(np.arange(3000), 4)[0])
    assert apart == pytest.approx(0.75, abs=0.03)


def test_pitches_are_found_within_a_cent():
    x, factors = known.tones(np.arange(64), seed=1)
    pitch = measured.fit_sines(x).frequency * known.RATE / known.SAMPLES
    assert np.abs(1200 * np.log2(pitch / factors["pitch"])).max() < 1


def test_tones_out_of_tune_and_of_one_note():
    """Half of the tones are a quarter tone sharp; all are nearest to A4, so the KL is log 8."""
    pitch = 440 * 2 ** (np.repeat([0, 0.45], 20) / 12)
    turns = 2 * np.pi * pitch[:, None] * np.arange(1024) / known.RATE
    found = measured.of_tones(np.sin(turns) + 0.5 * np.sin(3 * turns))
    assert found["in_tune"] == 0.5
    assert found["note_kl"] == pytest.approx(np.log(8))
    assert found["tone_residual"] < 1e-4
    # A wave that is no overtone has its share of the energy.
    found = measured.of_tones(np.sin(turns) + 0.5 * np.sin(2.5 * turns))
    assert found["tone_residual"] == pytest.approx(0.2, abs=0.01)


# -- networks ----------------------------------------------------------------------------------


def test_lstms_know_the_past_only():
    generator = recurrent.generator(6 * 5, (6, 2), width=4)
    features = recurrent.features((6, 2), width=4)
    rng = np.random.default_rng(0)
    z, x = rng.normal(size=(1, 6, 5)), rng.normal(size=(1, 6, 2))
    for model, value in ((generator, z), (features, x)):
        other = value.copy()
        other[:, 3] += 1
        outputs = [model(v.reshape(1, *model.input_shape[1:])).numpy() for v in (value, other)]
        differs = (outputs[0] != outputs[1]).any((0, 2))
        np.testing.assert_array_equal(differs, [False] * 3 + [True] * 3)


@pytest.mark.parametrize("length", [16, 17, 63, 64, 100, 1024, 4096])
def test_convolutions_of_any_length(length):
    sizes = waveform.lengths(length)
    assert sizes[0] == length and 4 <= sizes[-1] <= 16
    generator = waveform.generator(5, (length, 2), width=2)
    assert generator.output_shape == (None, length, 2)
    assert waveform.features((length, 2), width=2).input_shape == (None, length, 2)


def test_phase_shuffle_moves_and_mirrors():
    layer, x = PhaseShuffle(2), np.arange(7.0)[None, :, None] + np.zeros((2000, 1, 1))
    np.testing.assert_array_equal(layer(x), x)
    with Noise(3):
        moved = layer(tf.constant(x), training=True).numpy()[..., 0]
    padded = np.pad(np.arange(7.0), 2, mode="reflect")
    rows, counts = np.unique(moved, axis=0, return_counts=True)
    expected = [padded[start : start + 7] for start in range(5)]
    np.testing.assert_array_equal(rows, np.unique(expected, axis=0))
    assert stats.chisquare(counts).pvalue > 1e-3
    with Noise(3):
        np.testing.assert_array_equal(layer(tf.constant(x), training=True)[..., 0], moved)
    with Noise(4):
        assert (layer(tf.constant(x), training=True).numpy()[..., 0] != moved).any()


def test_phase_shuffle_has_the_gradient_of_a_linear_map():
    layer, rng = PhaseShuffle(2, dtype="float64"), np.random.default_rng(0)
    x, y = (tf.constant(rng.normal(size=(9, 8, 3))) for _ in range(2))

    def moved(value):
        with Noise(0):
            return layer(value, training=True)

    with tf.GradientTape() as tape:
        tape.watch(x)
        product = tf.reduce_sum(moved(x) * y)
    adjoint = tape.gradient(product, x)
    other = tf.constant(rng.normal(size=x.shape))
    np.testing.assert_allclose(
        tf.reduce_sum(moved(other) * y), tf.reduce_sum(other * adjoint), rtol=1e-10
    )


# -- the games ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wave():
    gan = ganzoo.get("wavegan", width=2, latent_dim=3, critic_steps=1)
    gan.fit(data.series.dataset("tones", 400), batch_size=8, steps_per_epoch=2, verbose=0)
    return gan


def test_evaluate_knows_the_distribution(wave):
    found = wave.evaluate(known.dataset("tones", 120), samples=60)
    assert found["tone_residual"].reference < 1e-4
    assert {"in_tune", "note_kl", "tone_residual", "acf_difference", "frechet"} <= (
        found.keys() | found.refused.keys()
    )
    assert found["in_tune"].reference == 1 and found["tone_residual"] > 0.1
    unknown = wave.evaluate(known.tones(np.arange(120))[0], samples=60)
    assert "acf_difference" in unknown and "in_tune" not in unknown


def test_pictures_of_series(wave, tmp_path):
    x, _ = known.tones(np.arange(3))
    plots.save_picture(wave, tmp_path / "a.png", real=x)
    plots.save_samples(x, tmp_path / "b.png")
    for name in ("a.png", "b.png"):
        width, height = plots.opened(tmp_path / name).size
        assert width > 300 and height > 200


def test_a_web_page_of_series_is_refused(wave, tmp_path):
    message = re.escape("wavegan generates series and a web page shows images")
    with pytest.raises(ValueError, match=message):
        wave.export(tmp_path / "page", format="web")


def test_rcgan_is_told_the_class():
    x, factors = known.tones(np.arange(64))
    gan = ganzoo.get("rcgan", conditioning="concatenation", width=4)
    gan.fit(x[:, :5], factors["note"], steps_per_epoch=1, batch_size=8, verbose=0)
    assert gan.latent_spec["latent"].shape == (None, 5 * gan.latent_dim)
    one, other = (gan.sample(3, seed=0, labels=label) for label in (0, 1))
    assert (one != other).all()
