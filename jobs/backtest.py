"""Answer the past from what was known then, as a job of a Ray cluster; its report is one JSON object on stdout.

ray job submit --working-dir . -- python jobs/backtest.py forecasting --train-until 2013-11-01
"""

import sys

from metrify.cli import main

if __name__ == "__main__":
    main(["backtest", *sys.argv[1:], "--json"])
