"""Search the hyperparameters of a family, as a job of a Ray cluster; its report is one JSON object on stdout.

ray job submit --working-dir . -- python jobs/search.py forecasting/lightgbm --trials 20 --time-budget 300
"""

import sys

from metrify.cli import main

if __name__ == "__main__":
    main(["search", *sys.argv[1:], "--json"])
