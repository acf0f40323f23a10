"""Tables of mixed columns: encoding, training by sampling, conditions, measures."""

import json

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import tensorflow as tf

import ganzoo
from ganzoo.data import Column, Field, batches, table_learning, tables
from ganzoo.data.toys import (
    MEMBERS,
    REGIONS,
    SEGMENTS,
    SHARE_OF_REGION,
    SHARE_OF_SEGMENT,
    customers,
)
from ganzoo.evaluation import column_shapes, pair_trends
from ganzoo.training import runs

TABLE = {"table": Column("table")}


@pytest.fixture(scope="module")
def frame():
    return customers(600)


@pytest.fixture(scope="module")
def columns(frame):
    return table_learning.learn(frame)


@pytest.fixture(scope="module")
def gan(frame):
    gan = ganzoo.get("ctgan", width=16, latent_dim=4, packing=2)
    gan.fit(frame, batch_size=60, steps_per_epoch=5, verbose=0)
    return gan


def test_the_customers_have_their_known_joint_distribution():
    many = customers(200_000)
    shares = many["segment"].value_counts(normalize=True)
    for i, segment in enumerate(SEGMENTS):
        assert shares[segment] == pytest.approx(SHARE_OF_SEGMENT[i], abs=0.005)
        own = many[many["segment"] == segment]
        for j, region in enumerate(REGIONS):
            there = own["region"] == region
            assert there.mean() == pytest.approx(SHARE_OF_REGION[i, j], abs=0.01)
            assert own[there]["member"].mean() == pytest.approx(MEMBERS[i, j], abs=0.05)


# ---- encoding


def test_columns_are_learned_by_dtype_and_by_distinct_values(columns):
    assert [column.is_category for column in columns] == [True, True, True, False, False, False]
    income = columns[4]
    assert income.step == 0.01 and 0.05 < income.missing < 0.2
    assert income.choices == len(income.means) + 1 and income.width == income.choices + 1
    few = table_learning.learn(pd.DataFrame({"x": np.arange(100) % 5 / 2, "y": np.arange(100.0)}))
    assert few[0].categories == (0.0, 0.5, 1.0, 1.5, 2.0) and not few[1].is_category


def test_rows_survive_encoding_and_decoding(frame, columns):
    rows = tables.encode(tf.constant(tables.numbers(frame, columns)), columns)
    assert rows.shape == (600, tables.width(columns))
    back = tables.decode(rows.numpy(), columns)
    assert (back.dtypes == frame.dtypes).all() and list(back.columns) == list(frame.columns)
    for name in ("segment", "region", "member"):
        assert (back[name] == frame[name]).all()
    assert (back["income"].isna() == frame["income"].isna()).all()
    # Numbers beyond 3.96 standard deviations of their mode are clipped there; these are few.
    assert (back["age"] == frame["age"]).mean() > 0.99
    assert (back["since"] == frame["since"]).mean() > 0.99
    assert (back["income"].dropna() - frame["income"].dropna()).abs().median() < 0.005


def test_a_number_is_encoded_by_its_most_probable_mode():
    column = tables.TableColumn(
        "x", "float64", shares=(0.7, 0.3), means=(-1.0, 2.0), deviations=(0.5, 1.0), missing=0.1,
        offset=0.0, scale=1.0, low=-5.0, high=5.0,
    )  # fmt: skip
    values = np.array([-2.0, -0.4, 0.2, 0.6, 3.5, 99.0, np.nan], "float32")
    found = tables.encode(tf.constant(values[:, None]), (column,)).numpy()
    likely = np.stack(
        [w * scipy.stats.norm.pdf(values, m, s) for w, m, s in zip(
            column.shares, column.means, column.deviations, strict=True)], axis=1
    )  # fmt: skip
    mode = likely[:5].argmax(axis=1)
    np.testing.assert_array_equal(found[:5, 1:3].argmax(axis=1), mode)
    within = (values[:5] - np.take(column.means, mode)) / (4 * np.take(column.deviations, mode))
    np.testing.assert_allclose(found[:5, 0], within, rtol=1e-5)
    assert found[5, 0] == pytest.approx(0.99)
    np.testing.assert_array_equal(found[6], [0, 0, 0, 1])


def test_a_field_of_a_table_survives_json(columns):
    field = Field((tables.width(columns),), "float32", "table", table=columns)
    assert Field.from_config(json.loads(json.dumps(field.to_config()))) == field


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1, 2, None] * 40, dtype="Int64"),
        pd.Series([True, None, False] * 40, dtype="boolean"),
        pd.Series(["a", None, "b"] * 40),
        pd.Series(pd.Categorical(["a", "b", None] * 40, ["b", "a", "c"], ordered=True)),
        pd.Series(pd.date_range("2020", periods=120, freq="D", tz="Europe/Paris")),
        pd.Series(pd.to_timedelta(np.arange(120), "h")),
        pd.Series(np.linspace(0, 1, 120).astype("float32")),
        pd.Series(np.arange(1, 240, 2, dtype="uint8")),
        pd.Series([None] * 120, dtype="float64"),
        pd.Series(["only"] * 120),
        pd.Series([7] * 120),
    ],
    ids=lambda series: str(series.dtype),
)  # fmt: skip
def test_dtypes_come_back(series):
    frame = pd.DataFrame({0: series})
    learned = table_learning.learn(frame)
    rows = tables.encode(tf.constant(tables.numbers(frame, learned)), learned)
    back = tables.decode(rows.numpy(), learned)[0]
    assert back.dtype == series.dtype
    assert (back.isna() == series.isna()).all()
    known = ~series.isna()
    if series.dtype.kind in "Mmf":
        assert back[known].between(series.min(), series.max()).all()
    else:
        assert (back[known] == series[known]).mean() > 0.95


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (np.zeros((9, 2)), "pandas DataFrames: pass"),
        (pd.DataFrame(), "0 rows and 0 columns"),
        (pd.DataFrame({"a": []}), "0 rows and 1 columns"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "several columns named a"),
        (pd.DataFrame({"a": [1.0, np.inf] * 9}), "infinite numbers: replace"),
        (pd.DataFrame({"a": ["x", 1] * 9}), "holds int and str: convert"),
        (pd.DataFrame({"a": [[1], [2]] * 9}), "values of type list"),
        (pd.DataFrame({"a": [1j, 2j]}), "dtype complex128"),
        (pd.DataFrame({"a": pd.period_range("2020", periods=9)}), "dtype period"),
        (pd.DataFrame({"a": [f"id{i}" for i in range(10_000)]}), "10,000 categories in 10,000"),
        (pd.DataFrame({"a": [f"id{i % 2000}" for i in range(10_000)]}), "2,000 categories"),
        (pd.DataFrame({"a": np.random.default_rng(0).permutation(200)}), "numbers the rows"),
        (pd.DataFrame({"a": pd.to_datetime([None] * 9)}), "no value in any row"),
        (pd.DataFrame({"a": [b"x", b"y"] * 9}), "values of type bytes"),
    ],
)
def test_hostile_tables_get_one_sentence(frame, words):
    with pytest.raises(ValueError, match=words) as caught:
        batches(frame, columns=TABLE)
    assert "\n" not in str(caught.value)


def test_a_new_table_must_fit_the_one_that_was_learned(gan, frame):
    for wrong, words in (
        (frame.drop(columns="age"), "lacks the columns 'age'"),
        (frame.assign(region="moon"), "'moon', which is none of the 3"),
        (frame.assign(age=np.nan), "built without: drop"),
        (frame.assign(age="old"), "was built for int64"),
    ):
        with pytest.raises(ValueError, match=words):
            gan.evaluate(wrong, samples=0)


# ---- training by sampling


def counted(frame, columns):
    """How many rows have each category, by column."""
    chosen = tables.categories_of(columns)
    return [frame[c.name].value_counts().reindex(list(c.categories)).to_numpy() for c in chosen]


def test_rows_have_their_condition_and_rare_categories_come_often(frame, columns):
    stream = batches(frame, columns=TABLE, batch_size=500, seed=3)
    rows = list(stream.dataset.take(40).as_numpy_iterator())
    numbers = np.concatenate([row["table"] for row in rows])
    condition = np.concatenate([row["condition"] for row in rows])
    sizes = [column.choices for column in tables.categories_of(columns)]
    column = np.repeat(np.arange(3), sizes)[condition]
    code = condition - np.cumsum([0, *sizes[:-1]])[column]
    np.testing.assert_array_equal(numbers[np.arange(len(numbers)), column], code)
    logs = [np.log1p(counts) for counts in counted(frame, columns)]
    expected = np.concatenate([n / n.sum() / 3 for n in logs])
    shares = np.bincount(condition, minlength=sum(sizes)) / len(condition)
    np.testing.assert_allclose(shares, expected, atol=0.01)
    # Among the rows of one category, each is as likely as any other.
    members = numbers[condition == sum(sizes) - 1]
    _, seen = np.unique(np.nan_to_num(members, nan=-99.0), axis=0, return_counts=True)
    assert len(seen) == frame["member"].sum() and seen.max() < 6 * seen.mean()


def test_batches_go_on_from_any_step(frame):
    def steps(first, count):
        stream = batches(frame, columns=TABLE, batch_size=20, seed=5, first_step=first)
        return [row["table"] for row in stream.dataset.take(count).as_numpy_iterator()]

    np.testing.assert_array_equal(steps(0, 9)[7:], steps(7, 2))
    parts = [batches(frame, columns=TABLE, batch_size=20, seed=5, part=(i, 2)) for i in (0, 1)]
    halves = [next(part.dataset.as_numpy_iterator())["table"] for part in parts]
    np.testing.assert_array_equal(np.concatenate(halves), steps(0, 1)[0])


def test_without_shuffling_all_rows_come_in_order(frame, columns):
    stream = batches(frame, columns=TABLE, batch_size=100, shuffle=False)
    rows = np.concatenate([r["table"] for r in stream.dataset.take(6).as_numpy_iterator()])
    np.testing.assert_array_equal(rows, tables.numbers(frame, columns))


# ---- the GAN


def test_conditions_hold_exactly(gan, frame):
    asked = {"segment": "pupil", "member": True}
    rows = gan.sample(40, seed=1, conditions=asked)
    assert len(rows) == 40 and (rows["segment"] == "pupil").all() and rows["member"].all()
    assert rows.equals(gan.sample(40, seed=1, conditions=asked))
    for wrong, words in (
        ({"age": 3}, "'age', which holds numbers"),
        ({"shoe": 3}, "'shoe', which is no column"),
        ({"region": "moon"}, "no category 'moon': there are 'islands', 'north', 'south'"),
    ):
        with pytest.raises(ValueError, match=words):
            gan.sample(2, conditions=wrong)
    with pytest.raises(ValueError, match="conditions="):
        gan.sample(2, labels=1)


def test_a_condition_is_as_frequent_as_in_the_data(gan, frame):
    drawn = gan.draw_latents(20_000, 0)["condition"].numpy()
    shares = np.bincount(drawn, minlength=9) / len(drawn)
    real = np.concatenate(counted(frame, gan.table)) / len(frame) / 3
    np.testing.assert_allclose(shares, real, atol=0.015)


def test_balancing_makes_shares_right_and_keeps_odds_ratios():
    rng = np.random.default_rng(0)
    columns = (
        tables.TableColumn("a", "object", ("x", "y"), (0.9, 0.1)),
        tables.TableColumn("b", "object", ("u", "v", "w"), (0.5, 0.3, 0.2)),
    )
    joint = np.array([[0.3, 0.1, 0.1], [0.1, 0.1, 0.3]])  # the shares of a are far off
    drawn = rng.choice(6, 40_000, p=joint.ravel())
    x = np.stack([drawn // 3, drawn % 3], axis=1).astype("float32")
    kept = tables.balanced(x, columns, 10_000, seed=1)
    assert len(np.unique(kept)) == 10_000
    made = np.histogram2d(x[kept, 0], x[kept, 1], [2, 3])[0] / 10_000
    np.testing.assert_allclose(made.sum(axis=1), [0.9, 0.1], atol=0.002)
    np.testing.assert_allclose(made.sum(axis=0), [0.5, 0.3, 0.2], atol=0.002)
    for one in (made, joint):
        ratios = one[0, 0] * one[1, 1:] / (one[0, 1:] * one[1, 0])
        np.testing.assert_allclose(ratios, [3.0, 9.0], rtol=0.2)
    np.testing.assert_array_equal(kept, tables.balanced(x, columns, 10_000, seed=1))


def test_samples_have_the_shares_of_the_data(gan, frame):
    """This GAN was hardly trained, so that its own shares are far off."""
    far = {}
    for balance in (True, False):
        rows = gan.sample(3000, seed=4, balance=balance)
        assert len(rows) == 3000
        far[balance] = max(
            (frame[n].value_counts(normalize=True) - rows[n].value_counts(normalize=True))
            .abs()
            .max()
            for n in ("segment", "region", "member")
        )
    assert far[True] < 0.25 * far[False]


def test_gumbel_noise_draws_categories_with_the_probabilities_of_their_logits(gan):
    noise = gan.draw_latents(20_000, 1)["gumbel"].numpy()[:, :4]
    logits = np.array([0.5, -1.0, 2.0, 0.0])
    shares = np.bincount((logits + noise).argmax(axis=1), minlength=4) / len(noise)
    np.testing.assert_allclose(shares, np.exp(logits) / np.exp(logits).sum(), atol=0.015)


def test_the_generator_is_told_to_make_its_condition(gan, frame):
    """The term is the cross entropy of the asked category, by an independent computation."""
    from ganzoo.core.update import Update
    from ganzoo.foundation.randomness import Noise

    row = next(
        batches(frame, columns=TABLE, fields=gan.fields, batch_size=30).dataset.as_numpy_iterator()
    )
    with Noise(0) as noise:
        update = Update(gan, gan.encoded(row), noise, training=False, player="generator")
        term = float(gan.generator_loss(update)["condition"])
        made = update.generated["categories"].numpy()
    np.testing.assert_allclose(
        [np.exp(part).sum(axis=1) for part in np.split(made, [4, 7], axis=1)], 1.0, rtol=1e-5
    )
    assert term == pytest.approx(-made[np.arange(30), row["condition"]].mean(), rel=1e-5)


def test_a_table_of_numbers_alone_needs_no_condition():
    x = np.random.default_rng(0).normal(size=(200, 2))
    gan = ganzoo.get("ctgan", width=8, latent_dim=4, packing=1)
    gan.fit(pd.DataFrame(x, columns=["a", "b"]), batch_size=20, steps_per_epoch=2, verbose=0)
    assert list(gan.inputs) == ["latent", "gumbel"] and gan.sample(5).shape == (5, 2)
    with pytest.raises(ValueError, match="columns of categories, none"):
        gan.sample(2, conditions={"a": 1})


def test_a_run_goes_on_with_its_batch_size(frame, tmp_path):
    frame.to_csv(tmp_path / "table.csv", index=False)
    run = runs.train(
        "ctgan", f"table:{tmp_path / 'table.csv'}", steps=2, out=tmp_path / "run", metric="none",
        hyperparameters={"width": 8, "latent_dim": 4, "packing": 2}, export=False,
    )  # fmt: skip
    assert run.config["batch_size"] == 500


def test_a_saved_model_holds_no_rows(gan, frame, tmp_path):
    """It keeps categories, their shares, ranges and modes. A number that is neither the least nor
    the largest is in no file."""
    secret = 31.4159
    frame = frame.assign(income=frame["income"].where(frame.index != 5, secret))
    gan = ganzoo.get("ctgan", width=8, latent_dim=4, packing=2)
    gan.fit(frame, batch_size=20, steps_per_epoch=2, verbose=0)
    gan.save(tmp_path / "gan.keras")
    assert b"31.41" not in (tmp_path / "gan.keras").read_bytes()
    values = [np.ravel(v.numpy()) for v in gan.weights]
    assert not any(
        np.isclose(v.astype("float64"), secret, atol=1e-4).any() for v in values if v.size
    )
    loaded = ganzoo.load(tmp_path / "gan.keras")
    assert loaded.sample(20, seed=2).equals(gan.sample(20, seed=2))


def test_an_export_is_decoded_by_its_own_metadata(gan, tmp_path):
    import onnx
    from onnxruntime import InferenceSession

    path = gan.export(tmp_path / "table.onnx", format="onnx")
    session = InferenceSession(path)
    latents = {name: value.numpy() for name, value in gan.draw_latents(7, 3).items()}
    (rows,) = session.run(["table"], latents)
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    made = Field.from_config(json.loads(metadata["table"])).decode(rows)
    assert made.equals(gan.sample(7, seed=3, balance=False))


def test_what_a_table_has_not_is_refused():
    for keywords, words in (
        ({"conditioning": "projection"}, "the categories of the table"),
        ({"architecture": "dcgan"}, "auto"),
        ({"generator_normalization": "layer"}, "auto"),
    ):
        with pytest.raises(ValueError, match=words):
            ganzoo.get("ctgan", **keywords)
    with pytest.raises(ValueError, match="augment"):
        ganzoo.get("ctgan", augment="diffaugment").fit(customers(100), verbose=0)
    with pytest.raises(ValueError, match="y= was given with a table"):
        ganzoo.get("ctgan").fit(customers(100), np.zeros(100), verbose=0)


# ---- measures


def test_shapes_and_trends_against_closed_forms():
    columns = (
        tables.TableColumn("c", "object", ("a", "b"), (0.5, 0.5)),
        *(tables.TableColumn(name, "float64", (), (1.0,), means=(0.0,), deviations=(1.0,))
          for name in "xy"),
    )  # fmt: skip
    n = 400
    x = np.linspace(0, 1, n)
    real = np.stack([np.arange(n) % 2, x, x], axis=1)
    assert column_shapes(real, real, columns) == 1 and pair_trends(real, real, columns) == 1
    fake = np.stack([np.arange(n) % 4 == 0, x + 0.25, -x], axis=1)
    # TV of (1/2, 1/2) and (3/4, 1/4) is 1/4; a shift by a quarter has KS 1/4; [-1, 0] is apart.
    assert column_shapes(real, fake, columns) == pytest.approx((0.75 + 0.75 + 0) / 3, abs=0.01)
    # c and x stay as they are. The negative y all lie in the first of ten bins, which holds a tenth
    # of the real ones. The correlations of x and y are 1 and −1, whose similarity is 0.
    pairs = pair_trends(real, real * [1, 1, -1], columns)
    assert pairs == pytest.approx((1 + 0.1 + 0) / 3, abs=0.01)


def test_evaluate_measures_columns_pairs_and_copies(gan, frame):
    found = gan.evaluate(frame, samples=200)
    assert 0 < found["shapes"] < found["shapes"].reference <= 1
    assert 0 < found["trends"] < found["trends"].reference <= 1
    assert {"frechet", "precision", "recall", "nearer_than_real", "copies"} <= found.keys()


# ---- files


def test_reading_a_large_table_tells_its_progress(tmp_path, monkeypatch, frame, caplog):
    from ganzoo.data.sources import tables as files

    monkeypatch.setattr(files, "PART", 100)
    monkeypatch.setattr(files, "SECONDS", 0)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    with caplog.at_level("INFO", logger="ganzoo"):
        ganzoo.data.load(f"table:{tmp_path / 'rows.csv'}")
    told = [record.getMessage().split(": ")[-1] for record in caplog.records]
    assert told == [f"{n} rows read so far" for n in range(100, len(frame) + 1, 100)]


def test_csv_and_parquet_are_read_in_parts(tmp_path, monkeypatch, frame):
    from ganzoo.data.sources import tables as files

    monkeypatch.setattr(files, "PART", 100)
    for ending, write in ((".csv", "to_csv"), (".parquet", "to_parquet")):
        path = tmp_path / f"customers{ending}"
        getattr(frame, write)(path, index=False)
        read = ganzoo.data.load(f"table:{path}")
        assert len(read) == 600 and str(read["region"].dtype) == "category"
        assert (read["region"].astype(str) == frame["region"]).all()
        assert read["income"].isna().sum() == frame["income"].isna().sum()
        assert (read["since"] == frame["since"]).all()
        assert read["income"].sum() == pytest.approx(frame["income"].sum())
    for name, words in (("none.csv", "no file"), ("x.txt", ".csv or .parquet")):
        with pytest.raises(ValueError, match=words):
            ganzoo.data.load(f"table:{tmp_path / name}")
    (tmp_path / "broken.parquet").write_bytes(b"no")
    with pytest.raises(ValueError, match="can't be read as a table"):
        ganzoo.data.load(f"table:{tmp_path / 'broken.parquet'}")
