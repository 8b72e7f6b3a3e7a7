"""`python -m issuer.agent`: the agent without the rest of the command line."""

import sys

from .cli import main

sys.exit(main())
