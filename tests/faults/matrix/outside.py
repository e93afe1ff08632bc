"""What the functions ask besides their stores: simulators, each behind a proxy, and how they are when nothing is wrong.

So a verdict is a success, every objective is kept, an issue is opened and a message is shown, unless a play says what
goes wrong: what is promised then is worth something.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from shared.local.simulators.faults import Fault as Told
from shared.local.simulators.gitea import GiteaSimulator
from shared.local.simulators.kubernetes import KubernetesSimulator, kubeconfig
from shared.local.simulators.prometheus import PrometheusSimulator
from shared.local.simulators.simulator import Simulator
from shared.local.simulators.telegram import Chat, TelegramSimulator
from shared.local.simulators.workloads import Workload
from tests.faults.proxy import Fault, Proxy
from tests.faults.proxy.http import HttpDialect

ALERT: Final = "KubeDeploymentReplicasMismatch"
TARGET: Final = {"namespace": "prod", "kind": "Deployment", "name": "api"}
CONFIGMAP: Final = {"namespace": "prod", "name": "api"}
SLIS: Final = {
    "sli:autonomy_rate:5m": 0.95,
    "sli:decision_accuracy:5m": 0.95,
    "sli:confidence_calibration:1h": 0.9,
    "knowledge_entries_created_24h": 30.0,
    "sli:summary_latency_seconds:5m": 1.0,
}
_TOKEN: Final = "1:matrix"
_CHAT: Final = -1


class Outside:
    """The simulators of one function.

    Attributes:
        proxies: by the simulator's name, of those that are served.
    """

    def __init__(self) -> None:
        self.kubernetes: Final = KubernetesSimulator()
        self.prometheus: Final = PrometheusSimulator()
        self.gitea: Final = GiteaSimulator()
        self.telegram: Final = TelegramSimulator(_TOKEN)
        self.proxies: Final[dict[str, Proxy]] = {}
        self._probed = ""

    def simulator(self, name: str) -> Simulator:
        """One of them."""
        return {each.name: each for each in (self.kubernetes, self.prometheus, self.gitea, self.telegram)}[name]

    def tell(self, name: str, told: Told) -> None:
        """Let a simulator answer otherwise, until all is well again."""
        self.simulator(name).faults.add(told)

    def asked(self, name: str) -> int:
        """How often a simulator was asked, or a proxy's fault struck."""
        return len(self.simulator(name).asked) + self.proxies[name].fault.hits

    def is_deaf(self, name: str) -> bool:
        """Whether nobody listens there, so that nobody knows who asked."""
        return not self.proxies[name].fault.listens

    def heal(self) -> None:
        """Let all be well."""
        for name, proxy in self.proxies.items():
            if type(proxy.fault) is not Fault:
                proxy.fault = Fault()
            self.simulator(name).faults.clear()
            self.simulator(name).asked.clear()
        self._let_the_target_be_up()
        self.prometheus.warnings = []
        self.gitea.losses.clear()
        self.telegram.chats = {_CHAT: Chat()}
        self.telegram.lost_replies = 0

    def measure(self, **values: float) -> None:
        """Let Prometheus have scraped these just now, under the names of :data:`SLIS`."""
        for metric, value in {**SLIS, **values}.items():
            self.prometheus.scrape(metric, {}, value)

    def stop_scraping(self) -> None:
        """Let Prometheus know nothing but what a play tells it."""
        self.prometheus.probes = {}
        self.prometheus.series.clear()

    def _let_the_target_be_up(self) -> None:
        target = Workload(kind=TARGET["kind"], namespace=TARGET["namespace"], name=TARGET["name"])
        self.kubernetes.cluster.put_workload(target)
        self.kubernetes.cluster.put({"kind": "ConfigMap", "metadata": CONFIGMAP, "data": {"PORT": "8080"}})
        self.stop_scraping()
        self.prometheus.fire({"alertname": ALERT, "namespace": TARGET["namespace"], "deployment": TARGET["name"]})
        self.prometheus.fire()
        self.measure()
        if self._probed:
            # Scraped whenever it is queried, so that there is always a sample from after the action.
            self.prometheus.probes = {(TARGET["namespace"], TARGET["name"]): self._probed}

    @asynccontextmanager
    async def serving(self, names: tuple[str, ...], folder: Path) -> AsyncIterator[Mapping[str, str]]:
        """Serve these; yields the settings that lead there."""
        async with AsyncExitStack() as stack:
            urls = {}
            for name in names:
                own = urlsplit(await stack.enter_async_context(_served(self.simulator(name))))
                upstream = str(own.hostname), int(own.port or 0)
                self.proxies[name] = stack.enter_context(Proxy(upstream, HttpDialect))
                urls[name] = f"http://127.0.0.1:{self.proxies[name].port}"
                if name == "kubernetes":
                    self._probed = f"{own.geturl()}/version"
            yield self._settings(urls, folder)

    def _settings(self, urls: Mapping[str, str], folder: Path) -> Mapping[str, str]:
        found: dict[str, str] = {}
        if "kubernetes" in urls:
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / "kubeconfig"
            file.write_text(kubeconfig(urls["kubernetes"]))
            found |= {"KUBECONFIG": str(file)}
        if "prometheus" in urls:
            found |= {"PROMETHEUS_URL": urls["prometheus"]}
        if "gitea" in urls:
            place = {"GITEA_REPO_OWNER": "sre", "GITEA_REPO_NAME": "changes"}
            found |= {"GITEA_API_URL": urls["gitea"], "GITEA_API_TOKEN": "token", **place}
        if "telegram" in urls:
            chat = {"TELEGRAM_BOT_TOKEN": _TOKEN, "SRE_GROUP_CHAT_ID": str(_CHAT)}
            found |= {"TELEGRAM_API_URL": urls["telegram"], **chat}
        return found


@asynccontextmanager
async def _served(simulator: Simulator) -> AsyncIterator[str]:
    """Its server would like to have Ctrl-C for itself, and does not get it."""
    ours = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    async with simulator.serving() as url:
        for number, handler in ours.items():
            signal.signal(number, handler)
        # An answer that breaks off on purpose is no error of whoever breaks it off.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        yield url
