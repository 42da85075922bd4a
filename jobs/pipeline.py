"""Do a chain of verbs, as a job of a Ray cluster; its report is one JSON object on stdout.

A job that was killed goes on, submitted again, with the first step that is not done.

ray job submit --working-dir . -- python jobs/pipeline.py examples/pipeline.toml
"""

import sys

from metrify.cli import main

if __name__ == "__main__":
    main(["pipeline", *sys.argv[1:], "--json"])
