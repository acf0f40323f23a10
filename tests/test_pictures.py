"""Pictures of GANs: what is drawn of latents, classes, neighbours, points and lines."""

import io

import numpy as np
import pytest
from PIL import Image

import ganzoo
from ganzoo.core import latents
from ganzoo.data import toys
from ganzoo.diagnosis import Finding
from ganzoo.reporting import animation, curves, drawing, grids, line, plane

RNG = np.random.default_rng(0)


def found(failure, since):
    return Finding(failure, since, {}, "width=8")


def built(name, shape, classes=None, **hyperparameters):
    gan = ganzoo.get(name, width=8, **hyperparameters)
    if len(shape) == 3:
        fields = {"image": ganzoo.data.Field.learn(shape, "uint8", 0, 255)}
    else:
        width = shape[0]
        spread = ("standardise", (0.5,) * width, (2.0,) * width)
        fields = {"vector": ganzoo.data.Field(shape, "float32", *spread)}
    if classes:
        fields["label"] = ganzoo.data.Field.of_classes(classes)
    gan.build_for(fields)
    return gan


@pytest.fixture(scope="module")
def infogan():
    return built("infogan", (8, 8, 1), categories=4)


@pytest.fixture(scope="module")
def on_a_line():
    return built("gan", (1,), latent_dim=1)


@pytest.fixture(scope="module")
def in_a_plane():
    return built("gan", (2,))


def drawn(figure):
    """The sheet of images in a figure, and the names of its rows and columns."""
    (axes,) = figure.axes
    names = [[x.get_text() for x in labels] for labels in (axes.get_yticklabels(),
                                                           axes.get_xticklabels())]  # fmt: skip
    return np.asarray(axes.get_images()[0].get_array()), *names


# ---- grids


def test_a_grid_shows_each_image_once_and_where_it_belongs():
    grid = RNG.integers(0, 255, (2, 3, 16, 8, 3), dtype="uint8")
    sheet, rows, columns = drawn(grids.labelled(grid, rows=["a", "b"], columns=["1", "2", "3"]))
    assert (rows, columns) == (["a", "b"], ["1", "2", "3"])
    assert sheet.shape == (2 * 16 + 1, 3 * 8 + 2, 3)
    for row in range(2):
        for column in range(3):
            top, left = 17 * row, 9 * column
            np.testing.assert_array_equal(sheet[top : top + 16, left : left + 8], grid[row, column])


def test_a_grid_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"must be \(rows, columns, height, width, C\)"):
        grids.labelled(np.zeros((4, 8, 8, 1)))


def test_interpolation_leads_from_one_sample_to_another(infogan):
    sheet, _, columns = drawn(grids.interpolation(infogan, rows=2, steps=5))
    assert columns == ["0", "0.25", "0.5", "0.75", "1"]
    ends = latents.sample(infogan, latents.interpolate(infogan, 2, 5))
    np.testing.assert_array_equal(sheet[:8, :8], ends[0, 0, ..., 0])
    np.testing.assert_array_equal(sheet[-8:, -8:], ends[1, 4, ..., 0])


def test_traversals_name_what_varies(infogan):
    assert grids.traversable(infogan) == ["category", "code"]
    _, rows, columns = drawn(grids.traversal(infogan, "category", rows=2))
    assert (rows, columns) == ([], ["0", "1", "2", "3"])
    _, rows, columns = drawn(grids.traversal(infogan, "code", steps=3))
    assert (rows, columns) == (["code:0", "code:1"], ["-1", "0", "1"])
    _, rows, columns = drawn(grids.traversal(infogan, "code:1", rows=2, steps=3))
    assert (rows, columns) == ([], ["-1", "0", "1"])


def test_classes_have_the_same_latents_in_each_row():
    gan = built("cgan", (8, 8, 1), classes=3)
    sheet, rows, _ = drawn(grids.classes(gan, columns=4))
    assert rows == ["0", "1", "2"]
    twos = gan.sample(4, labels=2, latent=gan.draw_latents(4, 0)["latent"].numpy())
    np.testing.assert_array_equal(sheet[-8:, -8:], twos[3, ..., 0])
    with pytest.raises(ValueError, match="is not told the class"):
        grids.classes(built("lsgan", (8, 8, 1)))


def test_the_nearest_training_sample_stands_first(infogan):
    made = infogan.sample(2, 0)
    others = np.full((5, 8, 8, 1), 255, "uint8")
    train = np.concatenate([others, made[1:], others[:1] - 200, made[:1]])
    sheet, _, columns = drawn(grids.nearest(infogan, train, count=2, k=3))
    assert columns == ["sample", "1.", "2.", "3."]
    first = 9 + 4  # beyond the sample and the wider gap
    np.testing.assert_array_equal(sheet[:8, first : first + 8], made[0, ..., 0])
    np.testing.assert_array_equal(sheet[9:17, first : first + 8], made[1, ..., 0])
    with pytest.raises(ValueError, match="training samples have shape"):
        grids.nearest(infogan, train[:, :4])


def test_pictures_of_images_refuse_vectors(in_a_plane):
    for draw in (grids.interpolation, grids.classes):
        with pytest.raises(ValueError, match="gan generates vectors"):
            draw(in_a_plane)


# ---- curves


def history(count):
    return [{"epoch": n + 1.0, "seconds": 1.0, "discriminator": n, "generator": -n}
            for n in range(count)]  # fmt: skip


def test_findings_are_marked_where_they_began():
    several = [found("mode_collapse", 30), found("overfitting", 90), found("too_early", 30)]
    rows = [{"step": n, "diversity": np.exp(-n / 50)} for n in range(100)]
    for figure, scale in (
        (curves.signal(rows, "diversity", several), 1),
        (curves.losses(history(10), several, steps_per_epoch=10), 10),
    ):
        (axes,) = figure.axes
        assert {text.get_text(): text.xy[0] * scale for text in axes.texts} == {
            "1, 3": 30, "2": 90,
        }  # fmt: skip
        upright = [x.get_xdata() for x in axes.lines if len(set(x.get_xdata())) == 1]
        assert [x[0] * scale for x in upright] == [30, 90]
    (axes,) = curves.losses(history(10), several).axes
    assert not axes.texts  # how many steps an epoch has isn't known


def test_the_numbers_of_findings_do_not_overlap():
    several = [found("a", 500), found("b", 504), found("c", 508)]
    rows = [{"step": n, "x": n} for n in range(0, 1000, 10)]
    figure = curves.signal(rows, "x", several)
    drawing.png(figure)
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 3
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])


def test_a_long_curve_is_smoothed_by_its_running_mean():
    values = RNG.normal(size=400)
    rows = [{"step": n, "x": value} for n, value in enumerate(values)]
    raw, smooth = curves.signal(rows, "x").axes[0].lines
    np.testing.assert_array_equal(raw.get_ydata(), values)
    shown = smooth.get_ydata()
    assert shown[200] == pytest.approx(values[196:205].mean())
    assert np.isnan(shown[:4]).all() and np.isfinite(shown[4:-4]).all()


def test_a_signal_that_was_not_always_recorded():
    rows = [{"step": 1.0, "x": np.nan}, {"step": 2.0}, {"step": 3.0, "x": 1.0}]
    (curve,) = curves.signal(rows, "x").axes[0].lines
    np.testing.assert_array_equal(curve.get_ydata(), [np.nan, np.nan, 1.0])


def test_compared_runs_have_a_line_each():
    runs = {"a": history(3), "b": history(5), "c": [{"epoch": 1.0, "other": 1.0}]}
    lines = curves.compared(runs, "generator").axes[0].lines
    assert [(x.get_label(), len(x.get_xdata())) for x in lines] == [("a", 3), ("b", 5)]
    assert len({x.get_linestyle() for x in lines}) == 2  # told apart in grey


# ---- animations


def test_an_animation_has_all_frames_and_stays_on_the_last(tmp_path):
    frames = [Image.new("RGB", (20, 10), (n, n, n)) for n in (0, 120, 250)]
    animation.save(frames, tmp_path / "a.webp", milliseconds=100)
    with Image.open(tmp_path / "a.webp") as moving:
        assert (moving.n_frames, moving.size) == (3, (20, 18))
        shown, times = [], []
        for n in range(3):
            moving.seek(n)
            moving.load()
            shown.append(moving.convert("L").getpixel((10, 4)))
            times.append(moving.info["duration"])
    assert shown == pytest.approx([0, 120, 250], abs=6)
    assert times == [100, 100, 300]
    assert [path.name for path in tmp_path.iterdir()] == ["a.webp"]


def test_what_is_no_animation(tmp_path):
    frames = [Image.new("RGB", (9, 9)), Image.new("RGB", (9, 8))]
    with pytest.raises(ValueError, match="one size"):
        animation.webp(frames)
    with pytest.raises(ValueError, match="at least 2 frames"):
        animation.webp(frames[:1])
    with pytest.raises(ValueError, match=r"must end in \.webp"):
        animation.save(frames, tmp_path / "a.gif")


def test_an_animation_of_pictures_thins_them_out(tmp_path):
    for n in range(9):
        Image.new("L", (9, 9), 25 * n).save(tmp_path / f"epoch_{n:04}.png")
    paths = list(tmp_path.iterdir())
    moving = Image.open(io.BytesIO(animation.of_pictures(paths, most=5)))
    assert moving.n_frames == 5
    assert moving.convert("L").getpixel((4, 4)) == pytest.approx(0, abs=6)
    moving.seek(4)
    assert moving.convert("L").getpixel((4, 4)) == pytest.approx(200, abs=6)
    assert animation.of_pictures(paths[:1]) is None


# ---- points in the plane


def test_arrows_follow_the_descent_of_the_generators_loss(in_a_plane):
    gan = in_a_plane
    points = RNG.normal(size=(6, 2)).astype("float32")
    pull, eps = plane.pull(gan, points), 1e-2
    for axis in range(2):
        moved = [points + side * eps * np.eye(2, dtype="float32")[axis] for side in (1, -1)]
        # L_G of one sample is −log D(x) = log(1 + exp(−logits)).
        up, down = (np.log1p(np.exp(-plane.logits(gan, x))) for x in moved)
        per_data_unit = -(up - down) / (2 * eps)
        scale = float(gan.spec.decode_tensor([[1.0, 1.0]])[0, axis])
        scale -= float(gan.spec.decode_tensor([[0.0, 0.0]])[0, axis])
        # A step in network units, seen in the units of the data.
        np.testing.assert_allclose(pull[:, axis], per_data_unit * scale**2, rtol=0.03, atol=1e-4)


@pytest.mark.parametrize("mixture", [None, toys.ring()])
def test_figures_of_the_plane(in_a_plane, mixture):
    real = toys.ring().sample(200)[0]
    over = plane.samples(in_a_plane, real, mixture=mixture, count=50)
    judged = plane.discriminator(in_a_plane, real, count=50)
    for figure in (over, judged):
        limits = figure.axes[0].get_xlim()
        assert limits[0] < real[:, 0].min() and real[:, 0].max() < limits[1]
        assert len(drawing.png(figure)) > 5000


def test_the_plane_refuses_what_it_cannot_draw(on_a_line):
    points = np.zeros((9, 2))
    with pytest.raises(ValueError, match="shows points of two features"):
        plane.samples(on_a_line, points)
    packed = built("gan", (2,), packing=2)
    assert "judges 2 samples together" in plane.why_unjudged(packed)
    with pytest.raises(ValueError, match="judges 2 samples together"):
        plane.discriminator(packed, points)
    for name in ("bigan", "aae"):
        assert "doesn't judge samples alone" in plane.why_unjudged(built(name, (2,)))
    assert plane.why_unjudged(built("wgan_gp", (2,))) is None


# ---- numbers on the line


def test_the_density_of_samples_is_that_of_their_distribution():
    x = np.linspace(-4, 4, 400)
    estimate = line.estimated(RNG.normal(size=20_000), x)
    truth = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(estimate, truth, atol=0.02)
    assert np.trapezoid(estimate, x) == pytest.approx(1, abs=0.01)
    point = line.estimated(np.zeros(99), x)  # a generator that collapsed has no spread
    assert np.isfinite(point).all() and np.trapezoid(point, x) == pytest.approx(1, abs=0.01)
    assert line.estimated(np.full(99, 50.0), x).max() == 0


def test_the_best_discriminator_is_drawn_beside_d(on_a_line):
    real = RNG.normal(size=2000)
    now = line.state(on_a_line, line.limits_of(real), count=500)
    assert now.is_probability and len(now.mapped) == line.ARROWS
    figure = line.figure([now], real, lambda x: np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))
    curves_by_name = {x.get_label(): x for axes in figure.axes for x in axes.lines}
    p, g = (curves_by_name[name].get_ydata() for name in ("data, p", "model, g"))
    best = curves_by_name["best D, D* = p/(p + g)"].get_ydata()
    known = np.isfinite(best)
    assert known.any()
    np.testing.assert_allclose(best[known], (p / (p + g))[known])
    judged = curves_by_name["D"].get_ydata()
    np.testing.assert_allclose(judged, 1 / (1 + np.exp(-now.logits)))


def test_arrows_lead_from_latents_to_their_samples(on_a_line):
    now = line.state(on_a_line, (-3.0, 3.0), count=64)
    middle = now.mapped[line.ARROWS // 2]
    assert now.shares[line.ARROWS // 2] == 0.5
    np.testing.assert_allclose(middle, on_a_line.sample(1, latent=[0.0])[0, 0], rtol=1e-5)


def test_the_figure_of_a_critic_has_no_probabilities():
    critic = built("wgan_gp", (1,))
    now = line.state(critic, (-3.0, 3.0), count=64)
    assert not now.is_probability and not len(now.mapped)
    names = {x.get_label() for axes in line.figure([now], np.arange(9.0)).axes for x in axes.lines}
    assert "D’s logits" in names and "D" not in names


def test_states_are_recorded_while_it_trains(tmp_path):
    states, x = [], RNG.normal(size=(256, 1)).astype("float32")
    gan = ganzoo.get("gan", latent_dim=1, width=8)
    watching = line.States(states, line.limits_of(x), every=2, until=4)
    gan.fit(x, steps_per_epoch=6, verbose=0, callbacks=[watching])
    assert [one.step for one in states] == [2, 4]
    line.save_animation(states, x, tmp_path / "line.webp")
    with Image.open(tmp_path / "line.webp") as moving:
        assert moving.n_frames == 2


def test_the_line_refuses_what_it_cannot_draw(in_a_plane, on_a_line):
    with pytest.raises(ValueError, match="shows single numbers"):
        line.state(in_a_plane, (0, 1))
    with pytest.raises(ValueError, match="low < high"):
        line.state(on_a_line, (1, 1))
    with pytest.raises(ValueError, match="at least one state"):
        line.figure([], np.zeros(9))
