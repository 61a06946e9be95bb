"""Passes, one file each; the file is the registration (`compiler.discovery.passes`).

The contract. A pass module has
- a docstring: one sentence; `Rewrite:` before -> after; `Levels:`; what it `Preserves:`; its source, if any;
- `LEVELS`, the levels a network may have when it comes in;
- `run(network: Network, options: Options) -> Network`, pure: the network it is given stays as it was, a new
  one is returned (`network.copy()` shares tensors and programs, which are never changed in place), or the
  same object where nothing changes. Errors are diagnostics.

Tests run the contract over every file found: docstring parts, purity, and the promise of `Preserves:`.
"""
