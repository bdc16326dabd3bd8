"""The health check of the services in docker-compose.yaml. The images have no curl.

    python healthy.py URL [PART ...]

Exits with 0 when URL responds with success and, for Airflow's /api/v2/monitor/health, each PART is reported as healthy.
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
    unhealthy = [part for part in parts if (state.get(part) or {}).get("status") != "healthy"]
    print(f"not healthy: {', '.join(unhealthy)}" if unhealthy else "healthy")
    return 1 if unhealthy else 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except (OSError, ValueError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")
