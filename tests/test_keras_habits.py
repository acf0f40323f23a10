"""What a Keras user does with a model, done with a GAN."""

import copy
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.core.gan import GAN
from ganzoo.foundation import registry
from ganzoo.losses import objectives, penalties, regularisers

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(128, 2)).astype("float32")
SMALL = {"width": 8, "latent_dim": 4}
QUIET = {"batch_size": 16, "verbose": 0}


def made(name="gan", **chosen):
    return ganzoo.get(name, **SMALL | chosen)


def fitted(name="gan", epochs=2, callbacks=None, **chosen):
    gan = made(name, **chosen)
    gan.fit(POINTS, epochs=epochs, steps_per_epoch=2, callbacks=callbacks, **QUIET)
    return gan


def rates(gan):
    found = (getattr(gan, f"{player}_optimizer").learning_rate for player in gan.players)
    return [float(keras.ops.convert_to_numpy(rate)) for rate in found]


def test_learning_rate_scheduler_scales_the_rates_of_both_players():
    seen = []

    def halve(epoch, rate):
        seen.append(rate)
        return rate / 2

    gan = fitted(
        callbacks=[keras.callbacks.LearningRateScheduler(halve)],
        generator_learning_rate=4e-4, discriminator_learning_rate=1e-4,
    )  # fmt: skip
    assert seen == pytest.approx([4e-4, 2e-4])
    assert rates(gan) == pytest.approx([0.25e-4, 1e-4])


def test_reduce_lr_on_plateau():
    never = {"monitor": "generator", "mode": "min", "min_delta": 1e9, "patience": 1, "factor": 0.5}
    gan = fitted(epochs=3, callbacks=[keras.callbacks.ReduceLROnPlateau(**never)])
    assert rates(gan)[1] < 5e-4


def test_a_callback_that_sets_the_rate_of_a_schedule_is_refused():
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-3, 10, 0.5)
    with pytest.raises(ValueError, match="has a schedule of its own"):
        fitted(
            generator_learning_rate=schedule,
            callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch, rate: 1e-4)],
        )


def diverging():
    """A GAN whose generator's loss becomes NaN in its second step."""

    class Bad(registry.find("gan")):
        def generator_loss(self, update):
            terms = super().generator_loss(update)
            step = tf.convert_to_tensor(self.log.iterations)
            return {k: v * tf.where(step > 0, float("nan"), 1.0) for k, v in terms.items()}

    gan = Bad(**SMALL)
    gan.compile()
    return gan


@pytest.mark.parametrize("reader", [True, False])
def test_a_fit_into_nan_names_the_step_and_the_term(reader):
    callbacks = (
        [keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)]
        if reader
        else []
    )
    with pytest.raises(ganzoo.callbacks.Diverged, match="at step 2, where generator became nan"):
        diverging().fit(POINTS, steps_per_epoch=5, callbacks=callbacks, **QUIET)


def test_the_last_step_of_a_fit_is_looked_at_too():
    with pytest.raises(ganzoo.callbacks.Diverged, match="at step 2"):
        diverging().fit(POINTS, steps_per_epoch=2, **QUIET)


def test_terminate_on_nan_stops_without_an_error():
    gan = diverging()
    history = gan.fit(
        POINTS, epochs=5, steps_per_epoch=4, callbacks=[keras.callbacks.TerminateOnNaN()], **QUIET
    )
    assert gan.step == 2 and len(history.epoch) == 1


def test_early_stopping_restores_weights_and_leaves_the_step():
    stop = keras.callbacks.EarlyStopping(
        "generator", patience=0, mode="max", baseline=1e9, restore_best_weights=True
    )
    gan = fitted(epochs=4, callbacks=[stop])
    assert gan.step == int(gan.generator_optimizer.iterations.numpy()) > 0


def test_backup_and_restore_goes_on_as_without_the_break(tmp_path):
    class Broken(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    with pytest.raises(KeyboardInterrupt):
        fitted(epochs=4, callbacks=[backup(), Broken()])
    resumed = fitted(epochs=4, callbacks=[backup()])
    whole = fitted(epochs=4)
    assert resumed.step == whole.step == 8
    np.testing.assert_array_equal(resumed.sample(5), whole.sample(5))


def test_model_checkpoint_writes_what_load_reads(tmp_path):
    saved = keras.callbacks.ModelCheckpoint(tmp_path / "gan.keras")
    gan = fitted(callbacks=[saved])
    np.testing.assert_array_equal(ganzoo.load(tmp_path / "gan.keras").sample(3), gan.sample(3))


def test_weights_alone_build_the_gan_they_are_loaded_into(tmp_path):
    """As KerasTuner's get_best_models does."""
    gan = fitted("gan")
    gan.save_weights(tmp_path / "gan.weights.h5")
    other = made()
    other.load_weights(tmp_path / "gan.weights.h5")
    assert other.step == gan.step
    np.testing.assert_array_equal(other.sample(3), gan.sample(3))


@pytest.mark.slow
def test_keras_tuner_finds_the_best_learning_rate_and_gives_the_model(tmp_path):
    tuner = pytest.importorskip("keras_tuner")

    def build(chosen):
        rate = chosen.Choice("generator_learning_rate", [1e-4, 1e-2])
        return made(generator_learning_rate=rate)

    search = tuner.RandomSearch(
        build, tuner.Objective("val_generator", "min"), max_trials=2, directory=tmp_path, seed=0
    )
    search.search(POINTS, steps_per_epoch=1, validation_data=POINTS[:32], **QUIET)
    trials = search.oracle.get_best_trials(2)
    assert len(trials) == 2 and trials[0].score < trials[1].score
    (best,) = search.get_best_models()
    (chosen,) = search.get_best_hyperparameters()
    assert best.generator_learning_rate == chosen["generator_learning_rate"] and best.step == 1
    assert best.sample(3).shape == (3, 2)


def test_train_on_batch_is_a_step_of_fit():
    gan = made()
    logs = gan.train_on_batch(POINTS[:16], return_dict=True)
    assert gan.step == 1 and logs.keys() == {"discriminator", "generator"}
    assert len(gan.train_on_batch(POINTS[:16])) == 2 and gan.step == 2


def test_predict_and_call_take_latents():
    gan, z = fitted(), RNG.normal(size=(5, 4)).astype("float32")
    np.testing.assert_allclose(gan.predict(z, batch_size=2), gan(z), rtol=1e-5, atol=1e-6)
    decoded = gan.spec.decode(gan.predict(z))
    np.testing.assert_allclose(decoded, gan.sample(5, latent=z), rtol=1e-5, atol=1e-6)
    cgan = made("cgan")
    cgan.fit(POINTS, np.arange(128) % 3, steps_per_epoch=1, **QUIET)
    with pytest.raises(ValueError, match="is given latent, label: pass a dict"):
        cgan.predict(z)


@pytest.mark.parametrize(
    "act",
    [
        lambda gan: gan(np.zeros([1, 4], "float32")),
        lambda gan: gan.predict(np.zeros([1, 4], "float32")),
        lambda gan: gan.sample(1),
        lambda gan: gan.generator,
        lambda gan: gan.discriminator_optimizer,
        lambda gan: gan.spec,
    ],
)
def test_before_the_first_fit_one_sentence_says_what_to_do(act):
    with pytest.raises((ValueError, AttributeError), match=r"fit|build_from"):
        act(made())


def test_summary_and_networks_can_be_had_before_training(capsys):
    gan = made()
    with pytest.raises(ValueError, match="can't be summarised: fit it first, or call build_from"):
        gan.summary()
    gan.build_from(POINTS)
    gan.summary()
    assert "generator" in capsys.readouterr().out and gan.generator.output_shape == (None, 2)


@pytest.mark.parametrize(
    "arguments",
    [
        {"optimizer": "adam"},
        {"d_optimizer": "adam", "g_optimizer": "adam", "loss_fn": None},
        {"loss": "mse"},
        {"metrics": ["mae"]},
    ],
)
def test_compile_says_which_optimizers_it_takes(arguments):
    with pytest.raises(ValueError, match="generator_optimizer="):
        made().compile(**arguments)


def test_compile_refuses_one_optimizer_for_all_by_position():
    with pytest.raises(ValueError, match="optimizer=…"):
        made().compile("adam", "mse")


def test_a_callback_sets_rates_that_a_strategy_mirrors():
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        gan = made()
    gan.build_from(POINTS)
    before = rates(gan)
    gan.optimizer.learning_rate = gan.optimizer.learning_rate / 2
    assert rates(gan) == pytest.approx([rate / 2 for rate in before])
    assert keras.ops.convert_to_numpy(gan.optimizer.iterations) == 0


@pytest.mark.parametrize(
    "act, sentence",
    [
        (lambda gan: gan.evaluate(POINTS, steps=3), "no argument of evaluate is called 'steps'"),
        (lambda gan: gan.export("x", input_signature=[]), "of export is called 'input_signature'"),
        (lambda gan: gan.predict(np.zeros([2, 4]), steps=2), "of predict is called 'steps'"),
        (
            lambda gan: gan.predict(np.zeros([2, 9])),
            r"latent has shape \(2, 9\): gan takes float32 ",
        ),
        (
            lambda gan: gan.predict(tf.data.Dataset.from_tensors([0.0])),
            "latent of type .* no array",
        ),
        (lambda gan: gan.test_on_batch(POINTS), r"call evaluate\(x, samples=0\)"),
    ],
)
def test_what_keras_takes_and_a_gan_does_not_gets_one_sentence(act, sentence):
    gan = made()
    gan.build_from(POINTS)
    with pytest.raises(ValueError, match=sentence) as caught:
        act(gan)
    assert "\n" not in str(caught.value)


def test_verbose_is_taken(tmp_path):
    gan = made()
    gan.build_from(POINTS)
    assert gan.evaluate(POINTS, samples=0, verbose=0).keys() == {"discriminator", "generator"}
    assert gan.export(tmp_path / "gan.onnx", format="onnx", verbose=False).is_file()


@pytest.mark.parametrize(
    "change, value, usual",
    [
        (keras.config.set_dtype_policy, "mixed_bfloat16", "float32"),
        (keras.config.set_image_data_format, "channels_first", "channels_last"),
    ],
)
def test_global_settings_that_networks_can_not_follow_are_refused(change, value, usual, tmp_path):
    file = tmp_path / "gan.keras"
    gan = made()
    gan.build_from(POINTS)
    gan.save(file)
    change(value)
    try:
        with pytest.raises(ValueError, match=f"{value}.*call keras.config.{change.__name__}"):
            made().build_from(POINTS)
        with pytest.raises(ValueError, match=f"^Keras's .*{value}"):
            ganzoo.load(file)
    finally:
        change(usual)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda gan: pickle.loads(pickle.dumps(gan))])
@pytest.mark.parametrize("built", [False, True])
def test_copies_go_on_like_the_original(copied, built):
    gan = fitted() if built else made()
    other = copied(gan)
    for model in (gan, other):
        model.fit(POINTS, steps_per_epoch=1, **QUIET)
    assert other.step == gan.step
    np.testing.assert_array_equal(other.sample(3), gan.sample(3))


def test_validation_data_and_split_are_in_the_logs():
    gan = made()
    history = gan.fit(
        POINTS, epochs=2, steps_per_epoch=1, validation_data=POINTS[:32], **QUIET
    ).history
    assert {"val_discriminator", "val_generator"} <= history.keys()
    assert len(history["val_generator"]) == 2 and np.isfinite(history["val_generator"]).all()
    split = made().fit(POINTS, validation_split=0.25, **QUIET).history
    assert "val_discriminator" in split
    with pytest.raises(ValueError, match="both given"):
        made().fit(POINTS, validation_split=0.25, validation_data=POINTS, **QUIET)


@pytest.mark.parametrize("name", ["sample_weight", "class_weight"])
def test_weights_of_rows_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} is not supported, since"):
        made().fit(POINTS, **{name: np.ones(128)}, **QUIET)


class MyGAN(registry.find("lsgan")):
    """A subclass that is not registered under a name."""


def test_an_unregistered_subclass_is_saved_and_loaded(tmp_path):
    gan = MyGAN(**SMALL)
    gan.compile()
    gan.fit(POINTS, steps_per_epoch=1, checkpoint=tmp_path / "steps", **QUIET)
    gan.save(tmp_path / "mine.keras")
    loaded = ganzoo.load(tmp_path / "mine.keras")
    assert type(loaded) is MyGAN
    np.testing.assert_array_equal(loaded.sample(3), gan.sample(3))
    gan.fit(POINTS, epochs=2, steps_per_epoch=1, checkpoint=tmp_path / "steps", **QUIET)
    assert gan.step == 2


def test_a_file_of_a_class_that_is_not_imported_says_which_module_to_import(tmp_path):
    class Elsewhere(registry.find("lsgan")):
        pass

    gan = Elsewhere(**SMALL)
    gan.compile()
    gan.fit(POINTS, steps_per_epoch=1, **QUIET)
    gan.save(tmp_path / "gan.keras")
    del keras.saving.get_custom_objects()["ganzoo>Elsewhere"]
    with pytest.raises(ValueError, match=r"holds the GAN Elsewhere, whose class is not known here"):
        ganzoo.load(tmp_path / "gan.keras")


@keras.saving.register_keras_serializable()
class Own(keras.Model):
    """A subclassed network."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden, self.last = keras.layers.Dense(8, "relu"), keras.layers.Dense(units)

    def call(self, x):
        return self.last(self.hidden(x))

    def get_config(self):
        return {"units": self.units}


def test_own_subclassed_networks_train_and_are_saved(tmp_path):
    gan = ganzoo.get("gan", latent_dim=4, architecture=(Own(2), Own(1)))
    gan.fit(POINTS, steps_per_epoch=1, **QUIET)
    gan.save(tmp_path / "own.keras")
    np.testing.assert_array_equal(ganzoo.load(tmp_path / "own.keras").sample(3), gan.sample(3))


@keras.saving.register_keras_serializable()
def one_sided(update):
    norms = penalties.squared_norms(update.gradient("real"))
    return tf.reduce_mean(tf.nn.relu(norms - 1.0))


@keras.saving.register_keras_serializable()
def own_loss(real, fake):
    return tf.reduce_mean(fake) - tf.reduce_mean(real)


def test_own_objective_penalty_and_regulariser_are_taken_and_saved(tmp_path):
    chosen = {
        "objective": objectives.Objective(own_loss, objectives.wasserstein_generator),
        "penalties": {one_sided: 2.0, "r1": 0.1},
        "regularisers": {regularisers.LeCam(0.5): 0.1},
    }
    gan = fitted("dcgan", **chosen)
    assert {"one_sided", "r1", "lecam"} <= set(gan.log.names)
    gan.save(tmp_path / "gan.keras")
    loaded = ganzoo.load(tmp_path / "gan.keras")
    assert loaded.penalties == {one_sided: 2.0, "r1": 0.1}
    assert loaded._regularisers[0][0].decay == 0.5
    for model in (gan, loaded):
        model.fit(POINTS, steps_per_epoch=1, **QUIET)
    np.testing.assert_array_equal(loaded.sample(3), gan.sample(3))


def test_an_own_function_that_can_not_be_found_again_is_refused_when_saved(tmp_path):
    gan = fitted(penalties={lambda update: tf.reduce_mean(update.gradient("real")) ** 2: 1.0})
    with pytest.raises(ValueError, match="decorate it with @keras"):
        gan.save(tmp_path / "gan.keras")
    assert list(tmp_path.iterdir()) == []


class Encoded(registry.find("bigan")):
    """BiGAN with its encoder as a third player."""

    players = ("discriminator", "encoder", "generator")

    @property
    def generator_variables(self):
        return self.generator.trainable_variables

    @property
    def encoder_variables(self):
        return self.encoder.trainable_variables

    def generator_loss(self, update):
        return GAN.generator_loss(self, update)

    def encoder_loss(self, update):
        logits = update.real_outputs["logits"]
        return {"encoder": tf.reduce_mean(tf.nn.softplus(logits))}


def test_a_third_player_has_its_own_optimizer_and_resumes(tmp_path):
    gan = Encoded(**SMALL)
    gan.compile(encoder_optimizer=keras.optimizers.SGD(0.1))
    gan.fit(POINTS, steps_per_epoch=2, **QUIET)
    assert "encoder" in gan.log.names and isinstance(gan.encoder_optimizer, keras.optimizers.SGD)
    gan.save(tmp_path / "gan.keras")
    loaded = ganzoo.load(tmp_path / "gan.keras")
    for model in (gan, loaded):
        model.fit(POINTS, steps_per_epoch=2, **QUIET)
    for one, other in zip(gan.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_shared_fakes_are_those_that_d_has_seen():
    gan = made(fakes="shared")
    gan.build_from(POINTS, batch_size=16)
    seen = []

    def record(player, update):
        seen.append(update.generated["vector"].numpy())
        return {}

    gan.play({"vector": tf.constant(POINTS[:16])}, record)
    np.testing.assert_array_equal(*seen)
    fresh = made()
    fresh.build_for(gan.fields)
    seen.clear()
    fresh.play({"vector": tf.constant(POINTS[:16])}, record)
    assert (seen[0] != seen[1]).any()


def test_a_step_gives_the_gradients_of_shared_fakes():
    """G moves by the gradient of its loss on the fakes that D has seen, by hand."""
    gan = made(fakes="shared")
    gan.build_from(POINTS, batch_size=16)
    gan.compile(
        generator_optimizer=keras.optimizers.SGD(1.0),
        discriminator_optimizer=keras.optimizers.SGD(0.0),
    )
    before = [v.numpy() for v in gan.generator_variables]
    rows = {"vector": tf.constant(POINTS[:16])}
    expected = []

    def by_hand(player, update):
        if player == "generator":
            with tf.GradientTape() as tape:
                fakes = gan.generate(update.inputs, training=True)["vector"]
                logits = gan.discriminator(fakes, training=True)["logits"]
                loss = tf.reduce_mean(tf.nn.softplus(-logits))
            expected.extend(tape.gradient(loss, [v.value for v in gan.generator_variables]))
        return {}

    gan.play(rows, by_hand)
    gan.train_step(rows)
    for old, new, gradient in zip(before, gan.generator_variables, expected, strict=True):
        np.testing.assert_allclose(old - new.numpy(), gradient, rtol=1e-4, atol=1e-6)
