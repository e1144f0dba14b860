"""The `release` process: runs once for each deployment, before it gets any traffic."""

import os
from pathlib import Path

MIGRATED = Path(os.environ.get("OPENSHIFT_DATA_DIR", ".")) / "goods"

if __name__ == "__main__":
    MIGRATED.write_text("apples, pears")
    print("the goods are there")
