"""Updates of a discriminator that is any function, for tests of penalties."""

from ganzoo.core.update import Update
from ganzoo.foundation.randomness import Noise


class Game:
    """What an update asks of a GAN whose discriminator is a function."""

    packing = 1

    def __init__(self, critic, jointly):
        self.critic, self.judges_jointly = critic, jointly

    def condition(self, inputs):
        return None

    def discriminate(self, samples, condition, training):
        return {"logits": self.critic(samples)}


def judged(critic, real, fake=None, noise=None, jointly=False):
    """The update of a discriminator that sees these samples."""
    update = Update(Game(critic, jointly), {}, noise or Noise(0))
    update.inputs, update.real_seen, update.fake_seen = {}, real, fake
    return update
