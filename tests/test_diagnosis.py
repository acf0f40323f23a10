"""Diagnosis: rules on signals whose verdict is known, the callback, and the command."""

import dataclasses
import json

import keras
import numpy as np
import pytest

import ganzoo
from ganzoo import diagnosis
from ganzoo.diagnosis import mends, rules, signals
from ganzoo.diagnosis.table import read
from ganzoo.foundation import keywords
from ganzoo.testing import checks
from ganzoo.training import callbacks, runs

HEALTHY = {
    "real_logits": 1.0, "fake_logits": -1.0, "held_out_logits": 0.9, "accuracy": 0.9, "slope": 0.6,
    "discriminator_slope": 0.6, "precision": 0.9, "missing": 0.1,
    "generator_update": 0.003, "discriminator_update": 0.003, "steepness": 0.3, "diversity": 0.9,
    "duplicates": 0.0, "copies": 0.0,
}  # fmt: skip
DIGITS = np.random.default_rng(1).integers(0, 255, (64, 8, 8, 1), dtype="uint8")
WON = {"accuracy": 0.99, "discriminator_slope": 0.03, "diversity": 0.5}
USUAL = {
    "objective": "non_saturating", "generator_learning_rate": 2e-4, "architecture": "auto",
    "discriminator_learning_rate": 2e-4, "beta_1": 0.5,
}  # fmt: skip


def facts(is_image=True, **chosen):
    return mends.Facts(USUAL | chosen, USUAL, is_image)


def rows(count=10, **changes):
    """Records every 50 steps; a change is a number, or a list of one for each record."""
    found = []
    for n in range(count):
        row = {k: v[n] if isinstance(v, list) else v for k, v in (HEALTHY | changes).items()}
        found.append({"step": 50.0 * (n + 1)} | row)
    return found


# ---- rules


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "healthy"),
        ({"diversity": 0.25}, "mode_collapse"),
        ({"diversity": 0.26}, "healthy"),
        ({"duplicates": 0.5}, "mode_collapse"),
        ({"slope": [0.5] + [0.01] * 9, "accuracy": 0.99}, "vanishing_gradients"),
        ({"slope": [0.5] + [0.011] * 9, "accuracy": 0.99}, "healthy"),
        ({"slope": [0.5] + [0.01] * 9, "accuracy": 0.98}, "healthy"),
        ({"accuracy": 1.0}, "healthy"),  # a perfect D does no harm while both have a slope
        (WON, "vanishing_gradients"),
        (WON | {"discriminator_slope": 0.031}, "healthy"),
        (WON | {"accuracy": 0.98}, "healthy"),
        (WON | {"diversity": 0.51}, "healthy"),  # G learns from a sure D too
        (WON | {"diversity": 0.9, "precision": 0.1}, "vanishing_gradients"),
        (WON | {"duplicates": 0.5}, "mode_collapse"),
        ({"missing": 0.35, "precision": 0.1}, "mode_collapse"),
        ({"missing": 0.34}, "healthy"),
        ({"missing": 0.9, "precision": 0.09}, "healthy"),  # G has not learned anything yet
        ({"missing": [0.1] * 4 + [0.9] * 6}, "mode_collapse"),
        ({"missing": [0.1] * 5 + [0.9] * 5}, "healthy"),  # not for long enough
        ({"precision": [0.3, 0.54] * 5}, "convergence_failure"),
        ({"precision": [0.3, 0.53] * 5}, "healthy"),
        ({"diversity": [0.7, 0.9] * 5}, "convergence_failure"),
        ({"diversity": [0.72, 0.9] * 5}, "healthy"),
        ({"diversity": [0.9, 0.7, 0.5, 0.3, 0.3, 0.5, 0.7, 0.9, 0.9, 0.9]}, "healthy"),
        ({"precision": [n / 9 for n in range(10)]}, "healthy"),  # it only learns
        ({"generator_update": 0.05}, "convergence_failure"),
        ({"discriminator_update": 0.3}, "healthy"),  # of a clipped critic
        ({"steepness": 20.0}, "convergence_failure"),
        ({"held_out_logits": -0.2}, "overfitting"),
        ({"held_out_logits": -0.19}, "healthy"),
        ({"held_out_logits": -1.0, "accuracy": 0.74}, "healthy"),
        ({"copies": 0.25}, "overfitting"),
        (dict.fromkeys(HEALTHY, float("nan")), "healthy"),
        ({"generator_update": 0.1, "diversity": 0.0}, "convergence_failure"),
    ],
)
def test_each_threshold(changes, verdict):
    assert diagnosis.diagnose(rows(**changes), facts()).verdict == verdict


@pytest.mark.parametrize(
    ("shown", "first"),
    [
        ([], None),
        ([1, 1, 1], None),
        ([1, 1, 1, 1], 0),
        ([0, 1, 1, 1], 1),
        ([0, 0, 1, 1], None),
        ([0, 0, 0, 1, 1, 0, 1], 3),
        ([1, 1, 1, 1, 0, 0, 0], None),  # it recovered
        ([1, 1, 1, 1, 0, 0, 1, 1, 1], 6),  # and failed again
    ],
)
def test_lasting(shown, first):
    assert rules.lasting(np.array(shown, bool)) == first


def test_swing_is_the_way_beyond_one_turn():
    precision = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0])
    # 7 moves of 1 where one would do; then 6 moves, from 1 to 1, where a fall and a rise would do
    found = rules.swing({"precision": precision, "diversity": np.ones(9)})
    np.testing.assert_allclose(found[7:], [6 / 7, 4 / 7])
    assert np.isnan(found[:7]).all()
    few = {"precision": precision[:7], "diversity": np.ones(7)}
    assert np.isnan(rules.swing(few)).all()
    turning = {"precision": np.linspace(-1, 1, 8) ** 2, "diversity": np.ones(8)}
    assert rules.swing(turning)[7] == pytest.approx(0)
    turning["diversity"] = np.exp([0, 1] * 4)
    assert rules.swing(turning)[7] == pytest.approx(6 / 7)
    turning["diversity"] = np.array([0.01, 1e-6] * 4)  # one sample
    assert rules.swing(turning)[7] == pytest.approx(0)


def test_a_failure_over_eight_records_began_with_their_first():
    (finding,) = diagnosis.diagnose(rows(missing=[0.1] * 2 + [0.9] * 8), facts()).findings
    assert (finding.since, finding.evidence) == (150, {"missing": 0.9, "precision": 0.9})
    (finding,) = diagnosis.diagnose(
        rows(20, precision=[0.9] * 6 + [0.1, 0.9] * 7), facts(beta_1=0.9)
    ).findings
    assert finding.failure == "convergence_failure" and (
        finding.mend == 'beta_1=0.5, penalties={"r1": 1.0}'
    )
    assert finding.evidence == {"swing": pytest.approx(0.8 * 6 / 7)}
    assert not diagnosis.diagnose(rows(20, precision=[0.1, 0.9] * 5 + [0.9] * 10), facts()).findings


def test_a_finding_says_since_when_on_what_evidence_and_what_mends_it():
    alike = [0.9] * 4 + [0.1] * 6
    found = diagnosis.diagnose(rows(diversity=alike), facts(generator_learning_rate=5e-3))
    (finding,) = found.findings
    assert (found.step, finding.since) == (500, 250)
    assert finding.evidence == {"diversity": 0.1, "duplicates": 0.0}
    assert finding.mend == "generator_learning_rate=0.0002, discriminator_learning_rate=0.0002"
    assert finding.options == "generator_learning_rate=0.0002 discriminator_learning_rate=0.0002"
    assert "mode collapse since step 250 (diversity 0.1" in str(found)
    assert json.loads(json.dumps(found.as_dict()))["findings"][0] == dataclasses.asdict(finding)


@pytest.mark.parametrize(("count", "verdict"), [(0, "too_early"), (3, "too_early"), (4, "healthy")])
def test_too_early(count, verdict):
    found = diagnosis.diagnose(rows(count), facts())
    assert found.verdict == verdict and bool(found.notes) == (count == 0)


@pytest.mark.parametrize(
    ("failure", "known", "mend"),
    [
        ("vanishing_gradients", facts(objective="minimax"), 'objective="non_saturating"'),
        ("vanishing_gradients", facts(), 'penalties={"r1": 1.0}'),
        ("vanishing_gradients", mends.Facts({}, {}), 'penalties={"r1": 1.0}'),
        ("mode_collapse", facts(architecture="own"), 'architecture="auto"'),
        ("mode_collapse", facts(beta_1=0.9), "beta_1=0.5"),
        ("mode_collapse", facts(), 'penalties={"r1": 1.0}'),
        (
            "convergence_failure",
            facts(generator_learning_rate=0.02, discriminator_learning_rate=0.02, beta_1=0.9),
            "generator_learning_rate=0.0002, discriminator_learning_rate=0.0002, beta_1=0.5",
        ),
        ("convergence_failure", facts(), 'penalties={"r1": 1.0}'),
        ("convergence_failure", facts(beta_1=0.9), "beta_1=0.5"),
        ("oscillation", facts(beta_1=0.9), 'beta_1=0.5, penalties={"r1": 1.0}'),
        ("oscillation", facts(), 'penalties={"r1": 1.0}'),
        ("overfitting", facts(), 'augment="diffaugment"'),
        ("overfitting", facts(is_image=False), ""),
        ("a_won_game", facts(), ""),
        ("a_won_game", facts(beta_1=0.9), "beta_1=0.5"),
        (
            "a_won_game",
            facts(discriminator_learning_rate=1e-3),
            "generator_learning_rate=0.0002, discriminator_learning_rate=0.0002",
        ),
    ],
)
def test_mends(failure, known, mend):
    assert getattr(mends, f"of_{failure}")(known) == mend
    name = {"a_won_game": "vanishing_gradients", "oscillation": "convergence_failure"}
    finding = diagnosis.Finding(name.get(failure, failure), 1, {}, mend)
    # typed on the command line, it is the same
    assert keywords.read("gan", finding.options.split()) == mends.read(mend)
    assert bool(mend) != ("no setting is known" in str(finding))


# ---- the callback


def fitted(name, watch, steps=3, **options):
    gan = ganzoo.get(name, width=8, **options)
    callback = callbacks.Diagnose(every=1)
    gan.fit(
        (DIGITS, np.arange(64) % 4), batch_size=8, epochs=1, steps_per_epoch=steps, verbose=0,
        callbacks=[callback] if watch else [], validation_data=(DIGITS, np.arange(64) % 4),
    )  # fmt: skip
    return gan, callback


@pytest.mark.parametrize(
    "options",
    [
        {"name": "dcgan", "discriminator_normalization": "spectral"},
        {"name": "wgan", "critic_steps": 2},
    ],
    ids=str,
)
def test_a_watched_training_is_the_same_bit_for_bit(options):
    one, callback = fitted(watch=True, **options)
    other, _ = fitted(watch=False, **options)
    assert [row["step"] for row in callback.recorder.rows] == [1, 2, 3]
    assert not any(np.isnan(list(row.values())).any() for row in callback.recorder.rows)
    ours, theirs = (g.weights + g.generator_optimizer.variables for g in (one, other))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)


def test_update_to_weight_ratio_is_that_of_the_step(monkeypatch):
    gan = ganzoo.get("gan", width=8)
    gan.build_from(DIGITS)
    norms = []

    class Own(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.before = [w.numpy() for w in self.model.generator_variables]

        def on_train_batch_end(self, batch, logs=None):
            now = [w.numpy() for w in self.model.generator_variables]
            moved = sum(np.sum((a - b) ** 2) for a, b in zip(now, self.before, strict=True))
            norms.append(np.sqrt(moved / sum(np.sum(a**2) for a in now)))

    callback = callbacks.Diagnose(every=1)
    gan.fit(
        DIGITS, steps_per_epoch=2, batch_size=8, verbose=0, callbacks=[Own(), callback],
        validation_data=DIGITS,
    )  # fmt: skip
    told = [row["generator_update"] for row in callback.recorder.rows]
    np.testing.assert_allclose(told, norms, rtol=1e-4)


def test_replicas_and_several_steps_per_execution(tmp_path):
    strategy = checks.two_replicas()
    with strategy.scope():
        gan = ganzoo.get("gan", width=8)
    callback = callbacks.Diagnose(tmp_path / "s.csv", every=2)
    gan.fit(DIGITS, steps_per_epoch=2, batch_size=8, verbose=0, callbacks=[callback])
    assert [row["step"] for row in read(tmp_path / "s.csv")] == [1, 2]
    gan = ganzoo.get("gan", width=8)
    gan.compile(steps_per_execution=2)
    callback = callbacks.Diagnose(every=2)
    gan.fit(DIGITS, steps_per_epoch=4, batch_size=8, verbose=0, callbacks=[callback])
    assert [row["step"] for row in callback.recorder.rows] == [2, 4]
    assert np.isnan(callback.recorder.rows[0]["generator_update"])  # of several steps


def test_the_file_is_continued_and_repeated_steps_are_replaced(tmp_path):
    path = tmp_path / "signals.csv"
    recorder = diagnosis.Recorder(path)
    recorder.rows = [dict.fromkeys(signals.NAMES, 0.5) | {"step": float(n)} for n in (1, 50, 100)]
    recorder.write()
    again = diagnosis.Recorder(path)
    again.begin(60)
    assert [row["step"] for row in again.rows] == [1, 50]
    path.write_text("step,accuracy\n1,what\n")
    with pytest.raises(ValueError, match=r"signals\.csv can't be read"):
        diagnosis.Recorder(path).begin(60)
    with pytest.raises(ValueError, match="every=0"):
        callbacks.Diagnose(every=0)


def test_diagnose_without_signals_says_what_it_needs():
    gan = ganzoo.get("gan", width=8, latent_dim=4)
    gan.build_from(DIGITS)
    found = gan.diagnose()
    assert found.verdict == "too_early" and "ganzoo.callbacks.Diagnose()" in found.notes[0]
    found = gan.diagnose(DIGITS)
    assert found.verdict == "too_early" and "Judged by the present alone" in found.notes[0]
    gan.log.iterations.assign(500)  # as if it had been trained, and all samples are still alike
    (finding,) = gan.diagnose(DIGITS).findings
    assert (finding.failure, finding.since) == ("mode_collapse", 500)
    with pytest.raises(ValueError, match="has not seen data yet"):
        ganzoo.get("gan").diagnose()


# ---- the command


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    small = {"hyperparameters": {"width": 8}, "steps": 3, "export": False}
    return runs.train("gan", "digits", out=tmp_path_factory.mktemp("r") / "a", **small)


def test_train_records_and_the_command_judges(run, ganzoo_in):
    assert [row["step"] for row in read(run.path / "signals.csv")] == [1]
    code, out, err = ganzoo_in(run.path.parent, "diagnose a")
    assert (code, err) == (0, "") and out.startswith("too early at step 1")
    recorded = diagnosis.Recorder(run.path / "signals.csv")
    blank = dict.fromkeys(signals.NAMES, float("nan"))
    recorded.rows = [blank | row for row in rows(diversity=0.01)]
    recorded.write()
    code, out, err = ganzoo_in(run.path.parent, "diagnose a --json")
    told = json.loads(out)
    assert (code, err, told["verdict"], told["step"]) == (0, "", "mode_collapse", 500)
    assert set(told["findings"][0]) == {"failure", "since", "evidence", "mend"}


@pytest.mark.parametrize(
    ("path", "sentence"), [("a/config.json", "is a file"), ("b", "there is no run at b")]
)
def test_bad_paths_get_one_sentence(run, ganzoo_in, path, sentence):
    code, out, err = ganzoo_in(run.path.parent, f"diagnose {path}")
    assert (code, out) == (2, "") and sentence in err and err.count("\n") == 1


# ---- numbers that are not finite


def poison(gan):
    weight = gan.generator_variables[0]
    weight.assign(np.full(weight.shape, np.nan, "float32"))


class Poison(keras.callbacks.Callback):
    """Makes a weight NaN after the last step of the second epoch, when all terms are finite."""

    def on_train_batch_end(self, batch, logs=None):
        if self.model.step == 4:
            poison(self.model)


def test_a_weight_that_is_not_finite_stops_training_and_names_the_last_checkpoint(tmp_path):
    gan = ganzoo.get("gan", width=8)
    seen = [Poison(), callbacks.SamplePictures(tmp_path / "s", count=4), callbacks.Diagnose()]
    with pytest.raises(callbacks.Diverged, match=r"by step 4, where the weight .*kernel") as error:
        gan.fit(
            DIGITS, epochs=3, steps_per_epoch=2, batch_size=8, verbose=0, callbacks=seen,
            checkpoint=tmp_path / "c",
        )  # fmt: skip
    assert str(error.value).endswith(f"checkpoint is {tmp_path / 'c' / 'step_00000002.keras'}.")
    assert [p.name for p in (tmp_path / "c").iterdir()] == ["step_00000002.keras"]
    assert [p.name for p in (tmp_path / "s").iterdir()] == ["epoch_0001.png"]
    (finding,) = gan.diagnose().findings
    assert (finding.failure, finding.since) == ("convergence_failure", 4)


def test_a_quiet_end_saves_no_broken_weights(tmp_path):
    gan = ganzoo.get("gan", width=8)
    with pytest.warns(UserWarning, match="was not saved, since the weight .* is not finite"):
        gan.fit(
            DIGITS, epochs=2, steps_per_epoch=2, batch_size=8, verbose=0, checkpoint=tmp_path,
            callbacks=[Poison(), keras.callbacks.TerminateOnNaN()],
        )  # fmt: skip
    assert [p.name for p in tmp_path.iterdir()] == ["step_00000002.keras"]


def test_no_file_is_overwritten_with_broken_weights(tmp_path):
    gan = ganzoo.get("gan", width=8)
    gan.build_from(DIGITS)
    gan.save(tmp_path / "good.keras")
    poison(gan)
    with pytest.raises(ValueError, match=r"is not finite, .*good\.keras may be better"):
        gan.save(tmp_path / "good.keras")
    assert np.isfinite(ganzoo.load(tmp_path / "good.keras").sample(4)).all()
    gan.save(tmp_path / "to_study.keras")
