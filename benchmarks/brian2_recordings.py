"""Every recording of Brian2 in a folder against the same equations here: spike times and states.

Run from the project's root:

    python benchmarks/brian2_recordings.py --data DIR

Prints, per recording, the largest difference of a state in parts of its range, and whether every spike fell into the
same step. Exit status 1 where a spike differs or a state by more than 1e-9.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.equations.recordings import early, played, recording, worst  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="folder of the recordings")
    failed = 0
    for path in sorted(parser.parse_args().data.glob("*.npz")):
        if path.stem.endswith("_ivp"):
            continue
        theirs = recording(path)
        states, spikes = played(theirs)
        equal, difference = early(spikes, theirs) == early(theirs.spikes(), theirs), worst(theirs, states)
        failed += not equal or difference > 1e-9
        count = sum(map(len, early(spikes, theirs)))
        print(f"{path.stem:40} {count:4} spikes {'equal' if equal else 'differ'}  states {difference:.1e} of range")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
