"""What `ganzoo train` chooses where the user has not: one size for the pictures of a folder, the
recipe of a GAN for images, and smaller networks and batches where there is no GPU."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from ganzoo import data
from ganzoo.foundation import schedules

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN

LARGE = 48  # sides of images with which the usual networks take seconds for a step on a CPU
NARROW = ("stylegan2", "fastgan")  # their own width is 16, that of the others 64

# kinds of sources whose pictures are somebody's own
FOLDERS = ("folder", "pairs", "unpaired", "shards")
SIZE = (64, 64)


def loaded(name: str, how: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """A data set, and how it was loaded: as asked, but pictures of a folder that have different
    sizes, or longer sides than `SIZE`, get that size where none is given.

    Args:
        name, how: as for `ganzoo.data.load`; `how` holds its keywords.

    Raises:
        ValueError: as for `ganzoo.data.load`.
    """
    sized = {**how, "size": SIZE}
    chooses = how["size"] is None and name.partition(":")[0] in FOLDERS
    try:
        found = data.load(name, **how)
    except data.DifferentSizes:
        if not chooses:
            raise
        return data.load(name, **sized), sized
    parts = found.values() if isinstance(found, dict) else [found]
    if chooses and any(_is_large(spec) for part in parts for spec in part.element_spec.values()):
        return data.load(name, **sized), sized
    return found, dict(how)


def _is_large(spec: tf.TensorSpec) -> bool:
    return len(spec.shape) == 3 and max(spec.shape[:2]) > max(SIZE)


def chosen(
    gan: GAN,
    examples: Any,
    value_range: tuple[float, float] | None = None,
    decided: Collection[str] = (),
) -> dict[str, Any]:
    """Hyper-parameters of the GAN, `steps` and `batch_size` for these data on this machine, without
    those that the user has `decided`.

    Nothing for vectors. Images and tables get the GAN's recipe. Where there is no GPU and the sides
    of images are at least 48 pixels long, networks of width 32 and batches of 16 make steps of a
    fraction of a second.
    """
    with data.clear_errors():
        spec = gan.batches(
            examples, batch_size=1, steps=1, replicas=1, value_range=value_range
        ).spec
    if spec.is_table:
        return {key: value for key, value in gan.recipe.items() if key not in decided}
    if not spec.is_image or gan.architecture != "auto":
        return {}
    found = dict(gan.recipe)
    if min(spec.shape[:2]) >= LARGE and not tf.config.list_physical_devices("GPU"):
        found["batch_size"] = 16
        if gan.architecture_of_images not in NARROW:
            found["width"] = 32
    return {key: value for key, value in found.items() if key not in decided}


def falling(recipe: Mapping[str, Any], steps: int, critic_steps: int) -> dict[str, Any]:
    """The recipe with rates that fall to 0 with the last step. A rate counts the updates of its
    player."""
    updates = {"generator": steps, "discriminator": steps * critic_steps}
    rates = {
        f"{player}_learning_rate": schedules.linear(recipe[f"{player}_learning_rate"], 0.0, count)
        for player, count in updates.items()
        if isinstance(recipe.get(f"{player}_learning_rate"), float)
    }
    return {**recipe, **rates}
