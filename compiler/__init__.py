"""sparkc: a compiler from spiking networks to checked fixed-point programs and core tables."""
