"""The contract that every registered GAN passes."""
