"""The GAN base class: the update, its inputs, sampling and saving."""
