"""`python -m protgraph` is the command line."""

import sys

from protgraph.cli import main

sys.exit(main())
