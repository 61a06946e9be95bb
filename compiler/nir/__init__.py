"""NIR graphs: read as untrusted files, repaired where asked, made into spark modules, and written again.

Pedersen, Abreu, Jobst et al., Neuromorphic Intermediate Representation: a unified instruction set for interoperable
brain-inspired computing, Nature Communications 15, 2024. What its continuous-time graph means in steps: docs/nir.md.
"""
