"""Where there is no broker: who wants which type of event, made from the same Triggers that a broker would read.

``python -m shared.local.routes http://gateway.openfaas:8080`` prints the JSON for ``EVENT_ROUTES``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from shared.local.knative import manifests
from shared.local.knative.manifests import Trigger
from shared.local.reference import catalogue

ASYNC: Final = "async-function"
WAITING: Final = "function"
ROOT: Final = Path(__file__).resolve().parents[2]


def routes(
    triggers: Iterable[Trigger], event_types: Iterable[str], gateway: str, path: str = ASYNC
) -> dict[str, list[str]]:
    """The URLs that want each type; types that nobody wants are left out.

    Args:
        triggers: of the manifests. A filter on another attribute than the type matches nothing here: only ticks have
            one, and cron connectors bring those.
        event_types: all there are.
        gateway: its address.
        path: ``async-function``, where the gateway takes an event and answers at once, or ``function``, where only the
            function's own answer counts: then the outbox keeps what a queue that never tries again would lose.
    """
    wanted = list(triggers)
    found = {
        event_type: sorted(
            f"{gateway.rstrip('/')}/{path}/{each.subscriber.service}"
            for each in wanted
            if each.filters and each.takes({"type": event_type})
        )
        for event_type in event_types
    }
    return {event_type: urls for event_type, urls in sorted(found.items()) if urls}


def main() -> None:
    """Print them."""
    parser = argparse.ArgumentParser(prog="shared.local.routes", description=__doc__)
    parser.add_argument("gateway", help="the gateway's address inside the cluster, http://gateway.openfaas:8080")
    parser.add_argument("--wait", action="store_true", help="until the function itself has answered")
    asked = parser.parse_args()
    deployed = manifests.load(ROOT / "functions")
    path = WAITING if asked.wait else ASYNC
    print(json.dumps(routes(deployed.triggers, catalogue(ROOT), asked.gateway, path), indent=2))


if __name__ == "__main__":
    main()
