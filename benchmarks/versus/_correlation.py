"""How alike two files of painted clips are: the correlation of all their arrays of floats, the lowest.

python benchmarks/versus/_correlation.py FIRST.npz SECOND.npz
"""

from __future__ import annotations

import sys

import numpy as np


def main() -> None:
    """Prints it."""
    first, second = (np.load(path) for path in sys.argv[1:])
    names = [name for name in first.files if first[name].ndim > 2]
    found = [np.corrcoef(first[name].ravel(), second[name].ravel())[0, 1] for name in names]
    print(min(found))


if __name__ == "__main__":
    main()
