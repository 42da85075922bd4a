"""Tell how good the data of the fleet are, as a job of a Ray cluster; its report is one JSON object on stdout.

ray job submit --working-dir . -- python jobs/quality.py --worst 20
"""

import sys

from metrify.cli import main

if __name__ == "__main__":
    main(["quality", *sys.argv[1:], "--json"])
