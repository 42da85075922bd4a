"""Validate every reading of the lake, as a job of a Ray cluster; its report is one JSON object on stdout.

ray job submit --working-dir . -- python jobs/vee.py
"""

import sys

from metrify.cli import main

if __name__ == "__main__":
    main(["vee", *sys.argv[1:], "--json"])
