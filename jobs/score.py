"""Let the champion of a task judge the whole lake, as a job of a Ray cluster; its report is one JSON object on stdout.

ray job submit --working-dir . -- python jobs/score.py anomaly
"""

import sys

from metrify.cli import main

if __name__ == "__main__":
    main(["score", *sys.argv[1:], "--json"])
