"""Checks that every registered GAN must pass."""
