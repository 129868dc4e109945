"""`python -m actionzoo` is the command `actionzoo`."""

from __future__ import annotations

import sys

from actionzoo.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
