"""Where and in what precision training computes."""
