"""Fill the lake with a simulated fleet, as a job of a Ray cluster; its report is one JSON object on stdout.

ray job submit --working-dir . -- python jobs/simulate.py
"""

import sys

from metrify.cli import main

if __name__ == "__main__":
    main(["simulate", *sys.argv[1:], "--json"])
