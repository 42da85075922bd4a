"""Load files into the lake, as a job of a Ray cluster; its report is one JSON object on stdout.

ray job submit --working-dir . -- python jobs/ingest.py readings data.parquet --mapping mapping.toml
"""

import sys

from metrify.cli import main

if __name__ == "__main__":
    main(["ingest", *sys.argv[1:], "--json"])
