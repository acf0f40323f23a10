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

# Sides of images from which networks are narrower on a CPU, and from which batches are smaller.
MEDIUM, LARGE = 24, 48
# Widths with which a step takes a fraction of a second on a CPU; 32 for all other architectures.
WIDTHS = {"mlp": None} | dict.fromkeys(("resnet", "sagan", "biggan", "stylegan2", "fastgan"), 8)

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

    Nothing for points and series. Tables get the GAN's recipe. So do images, unless the user has
    decided on an architecture or on the published settings. Where there is no GPU, images with
    sides of at least 24 pixels get narrow networks, and from 48 pixels batches of 16 too. So a step
    takes a fraction of a second.
    """
    with data.clear_errors():
        spec = gan.batches(
            examples, batch_size=1, steps=1, replicas=1, value_range=value_range
        ).spec
    if spec.is_table:
        return {key: value for key, value in gan.recipe.items() if key not in decided}
    if not spec.is_image or {"architecture", "as_published"} & set(decided):
        return {}
    found = dict(gan.recipe)
    side = min(spec.shape[:2])
    if side >= MEDIUM and not tf.config.list_physical_devices("GPU"):
        own = gan.architecture_of_images if gan.architecture == "auto" else gan.architecture
        width = WIDTHS.get(own, 32)
        found |= {"width": width} if width else {}
        found |= {"batch_size": 16} if side >= LARGE else {}
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
