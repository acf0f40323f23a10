"""The files of examples/ run, where the package that they show is installed."""

import importlib
import runpy
from pathlib import Path

import pytest

EXAMPLES = {
    "gradio_app": ("gradio", "page"),
    "hugging_face_datasets": ("datasets", "samples"),
    "keras_tuner_search": ("keras_tuner", "best"),
    "scikit_learn_pipeline": ("sklearn", "new"),
    "torch_data_loader": ("torch", "samples"),
}
SLOW = {"keras_tuner_search"}
FOLDER = Path(__file__).parents[1] / "examples"


def test_each_has_a_test():
    assert sorted(path.stem for path in FOLDER.glob("*.py")) == sorted(EXAMPLES)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in EXAMPLES],
)
def test_it_runs(name):
    package, result = EXAMPLES[name]
    try:
        importlib.import_module(package)
    except ImportError:
        pytest.skip(f"{package} is not installed")
    found = runpy.run_path(str(FOLDER / f"{name}.py"))
    assert found[result] is not None
    if name == "gradio_app":
        drawn = found["draw"](3, 0)
        assert (len(drawn), drawn[0].shape) == (12, (28, 28))
