"""Is a service up? Asked by the health checks of docker-compose.yaml: there is no curl in the images.

    python healthy.py URL [PART ...]

Ends with 0 when URL answers with success and, for Airflow's /api/v2/monitor/health, each PART says that it is healthy.
"""

from __future__ import annotations

import json
import sys
from urllib.request import urlopen

SECONDS = 8


def main(url: str, *parts: str) -> int:
    with urlopen(url, timeout=SECONDS) as page:  # noqa: S310 - the address is that of the compose file
        body = page.read()
    state = json.loads(body) if parts else {}
    ill = [part for part in parts if (state.get(part) or {}).get("status") != "healthy"]
    print(f"not healthy: {', '.join(ill)}" if ill else "healthy")
    return 1 if ill else 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except (OSError, ValueError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")
