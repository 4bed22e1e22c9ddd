"""`python -m armwise`: the command line where no `armwise` command is on the path."""

import sys

from armwise.cli import main

sys.exit(main())
