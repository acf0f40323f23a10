"""Rates and weights that change with the step: as written, as saved, as trained with."""

import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo import cli
from ganzoo.foundation import keywords, schedules
from ganzoo.training import runs

rng = np.random.default_rng(0)
POINTS = rng.standard_normal([64, 2]).astype("float32")


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (schedules.linear(2.0, 0.0, 10), {0: 2, 5: 1, 10: 0, 99: 0}),
        (schedules.linear(2.0, 0.0, 10, begin=4), {0: 2, 4: 2, 9: 1, 14: 0}),
        (schedules.linear(0.0, 1.0, 4), {0: 0, 1: 0.25, 4: 1}),
        (schedules.cosine(2.0, 1.0, 10), {0: 2, 5: 1.5, 10: 1, 2.5: 1.5 + math.sqrt(0.125)}),
        (schedules.exponential(1.0, 0.01, 10), {0: 1, 5: 0.1, 10: 0.01, 11: 0.01}),
    ],
    ids=str,
)
def test_closed_forms(schedule, values):
    for step, value in values.items():
        assert float(schedule(step)) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("shape", schedules.SHAPES)
def test_text_and_configuration_give_it_back(shape):
    schedule = schedules.Schedule(shape, 2e-3, 1e-5, 20000, 50)
    assert schedules.parse(str(schedule)) == schedule == schedules.parse(f" {schedule} ")
    config = keras.saving.serialize_keras_object(schedule)
    assert keras.saving.deserialize_keras_object(config) == schedule
    assert schedule != schedules.Schedule(shape, 2e-3, 1e-5, 20000)


@pytest.mark.parametrize(
    "text",
    [
        "linear", "linear()", "linear(1)", "linear(1,2,3,4,5)", "linear(a,b,c)", "step(1,2,3)",
        "linear(1,0,0)", "linear(-1,0,5)", "exponential(1,0,5)", "linear(nan,0,5)",
        "cosine(1,0,-2)", "linear(1,0,True)", "linear(1,0,9)(2)", "serialize(1)", "CosineDecay()",
        "CosineDecay(1e-3,100,x=1)", "CosineDecay('a',3)", "CosineDecay(-1,9)",
        "LearningRateSchedule()", "PiecewiseConstantDecay([1],[1.0])",
        "linear(1,0,__import__('os'))",
    ],
)  # fmt: skip
def test_text_that_is_not_a_schedule_gets_one_sentence(text):
    with pytest.raises(ValueError) as raised:
        schedules.parse(text)
    assert "\n" not in str(raised.value)


KERAS = keras.optimizers.schedules
OF_KERAS = [
    KERAS.CosineDecay(0.0, 100, warmup_target=1e-3, warmup_steps=10),
    KERAS.CosineDecayRestarts(1e-3, 10),
    KERAS.ExponentialDecay(1e-3, 10, 0.9, staircase=True),
    KERAS.InverseTimeDecay(1e-3, 10, 0.5),
    KERAS.PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.1]),
    KERAS.PolynomialDecay(1e-3, 10, power=2.0),
]


@pytest.mark.parametrize("schedule", OF_KERAS, ids=lambda schedule: type(schedule).__name__)
def test_keras_schedules_are_accepted_and_written_as_text(schedule):
    gan = ganzoo.get("gan", generator_learning_rate=schedule, penalties={"r1": schedule})
    assert gan.generator_learning_rate is gan.penalties["r1"] is schedule
    text = schedules.written(schedule)
    read = schedules.parse(text)
    assert type(read) is type(schedule) and read.get_config() == schedule.get_config()
    settings = [f"generator_learning_rate={text}", f"penalties=r1:{text}"]
    values = keywords.read("gan", settings)
    assert values["generator_learning_rate"].get_config() == schedule.get_config()
    assert keywords.written(values["penalties"]) == f"r1:{text}"


def test_a_schedule_that_cannot_be_saved_or_used_is_refused():
    class Unknown(KERAS.LearningRateSchedule):
        def __call__(self, step):
            return 1e-3

    @keras.saving.register_keras_serializable("test_schedules")
    class Unsaved(Unknown):
        pass

    @keras.saving.register_keras_serializable("test_schedules")
    class Own(Unknown):
        def get_config(self):
            return {}

    for schedule, words in (
        (Unknown(), "generator_learning_rate: the schedule Unknown could not be loaded"),
        (Unsaved(), "the schedule Unsaved cannot be saved: give its class a get_config"),
        (KERAS.CosineDecay(-1e-3, 9), "begins at -0.001"),
        (KERAS.CosineDecay("a", 9), "has no value at step 0"),
    ):
        with pytest.raises(ValueError, match=words):
            ganzoo.get("gan", generator_learning_rate=schedule)
        with pytest.raises(ValueError, match=words.removeprefix("generator_learning_rate: ")):
            ganzoo.get("gan", penalties={"r1": schedule})
    own = Own()
    assert ganzoo.get("gan", generator_learning_rate=own).generator_learning_rate is own


def test_a_keras_schedule_goes_through_a_file_and_a_checkpoint(tmp_path):
    def made(steps):
        rate = KERAS.PolynomialDecay(1e-2, steps, 0.0)
        weights = {"r1": KERAS.ExponentialDecay(1.0, 10, 0.5)}
        return ganzoo.get("gan", width=8, generator_learning_rate=rate, penalties=weights)

    gan = made(4)
    gan.fit(POINTS, steps_per_epoch=2, verbose=0, checkpoint=tmp_path / "checkpoints")
    assert float(gan.generator_optimizer.learning_rate) == pytest.approx(5e-3)
    gan.save(tmp_path / "gan.keras")
    loaded = ganzoo.load(tmp_path / "gan.keras")
    for key in ("generator_learning_rate", "penalties"):
        ours, theirs = (keras.saving.serialize_keras_object(getattr(g, key)) for g in (gan, loaded))
        assert ours == theirs
    again = {"epochs": 2, "steps_per_epoch": 2, "verbose": 0}
    loaded.fit(POINTS, steps_per_epoch=2, verbose=0)
    assert float(loaded.generator_optimizer.learning_rate) == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="generator_learning_rate="):
        made(5).fit(POINTS, checkpoint=tmp_path / "checkpoints", **again)
    resumed = made(4)
    resumed.fit(POINTS, checkpoint=tmp_path / "checkpoints", **again)
    for one, other in zip(loaded.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (KERAS.PolynomialDecay(4.0, 4, 0.0), [4, 3, 2, 1, 0]),
        (KERAS.PiecewiseConstantDecay([1], [2.0, 1.0]), [2, 2, 1, 1, 1]),
    ],
    ids=["PolynomialDecay", "PiecewiseConstantDecay"],
)
def test_a_schedule_of_keras_has_its_value_at_each_step(schedule, values):
    found = tf.function(lambda step: schedules.value_at(schedule, step))
    assert [float(found(tf.constant(step, tf.int64))) for step in range(5)] == values
    assert schedules.value_at(2.0, 3) == 2.0


def test_only_what_is_scheduled_takes_one():
    with pytest.raises(ValueError, match="beta_1="):
        ganzoo.get("gan", beta_1=schedules.linear(0.5, 0, 10))
    with pytest.raises(ValueError, match="a schedule"):
        ganzoo.get("gan", generator_learning_rate="linear")


def test_a_weight_follows_its_schedule_in_training():
    """The logged penalty over the one with weight 1, from the same weights."""
    weight = schedules.linear(4.0, 0.0, 4)
    scheduled = ganzoo.get("gan", width=8, penalties={"r1": weight})
    plain = ganzoo.get("gan", width=8, penalties={"r1": 1.0})
    scheduled.build_from(POINTS)
    plain.build_for(scheduled.fields)
    still = {"generator_optimizer": keras.optimizers.SGD(0.0)}
    for gan in (scheduled, plain):
        gan.compile(**still, discriminator_optimizer=keras.optimizers.SGD(0.0))
    logs = [
        [h for h in gan.fit(POINTS, epochs=6, steps_per_epoch=1, verbose=0).history["r1"]]
        for gan in (scheduled, plain)
    ]
    np.testing.assert_allclose(np.divide(*logs), [4, 3, 2, 1, 0, 0], rtol=1e-4, atol=1e-6)


def test_a_rate_follows_its_schedule_through_a_save(tmp_path):
    gan = ganzoo.get("gan", width=8, generator_learning_rate=schedules.linear(1e-2, 0.0, 4))
    gan.fit(POINTS, steps_per_epoch=2, verbose=0)
    assert float(gan.generator_optimizer.learning_rate) == pytest.approx(5e-3)
    gan.save(tmp_path / "gan.keras")
    loaded = ganzoo.load(tmp_path / "gan.keras")
    assert loaded.generator_learning_rate == gan.generator_learning_rate
    for _ in range(2):
        loaded.fit(POINTS, steps_per_epoch=1, verbose=0)
    assert float(loaded.generator_optimizer.learning_rate) == pytest.approx(0, abs=1e-9)
    before = [v.numpy() for v in loaded.generator_variables]
    loaded.fit(POINTS, steps_per_epoch=1, verbose=0)
    for old, new in zip(before, loaded.generator_variables, strict=True):
        np.testing.assert_array_equal(old, new.numpy())


def test_the_command_line_reads_and_the_run_records_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = [
        *("train", "r3gan", "width=8", "generator_learning_rate=cosine(1e-3, 0, 9)"),
        "discriminator_learning_rate=ExponentialDecay(2e-4, 10, decay_rate=0.5)",
        *("penalties=r1:exponential(1,0.1,5),r2:2", "packing=2", "ema=0.9"),
        *("--data", "ring", "--steps", "3", "--no-export", "--out", "run"),
    ]
    assert cli.main(line) == 0
    written = json.loads((tmp_path / "run/config.json").read_text())["hyperparameters"]
    assert written["generator_learning_rate"] == "cosine(0.001, 0, 9, 0)"
    assert written["penalties"] == {"r1": "exponential(1, 0.1, 5, 0)", "r2": 2.0}
    rate = schedules.parse(written["discriminator_learning_rate"])
    assert isinstance(rate, KERAS.ExponentialDecay)
    gan = runs.load(tmp_path / "run")
    assert gan.discriminator_learning_rate.get_config() == rate.get_config()
    assert gan.penalties == {"r1": schedules.exponential(1.0, 0.1, 5.0), "r2": 2.0}
    assert (gan.packing, gan.ema) == (2, 0.9)
    assert cli.main(["train", "gan", "generator_learning_rate=linear(1)", "--data", "ring"]) == 2
