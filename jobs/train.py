"""Fit a family and register it, as a job of a Ray cluster; its report is one JSON object on stdout.

ray job submit --working-dir . -- python jobs/train.py forecasting/lightgbm --searched --promote
"""

import sys

from metrify.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:], "--json"])
