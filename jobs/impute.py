"""Estimate what is missing or wrong in the lake, as a job of a Ray cluster; its report is one JSON object on stdout.

ray job submit --working-dir . -- python jobs/impute.py
"""

import sys

from metrify.cli import main

if __name__ == "__main__":
    main(["impute", *sys.argv[1:], "--json"])
