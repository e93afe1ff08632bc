"""The kinds of Kubernetes objects, every name each goes by, and what it costs to lose one.

``deleted`` is what is added to the score when an object of the kind goes, ``changed`` when it becomes something else;
PROTECTED means that nobody may delete one on the strength of a review: it takes other things with it, or the data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

PROTECTED: Final = 100

_SUFFIX: Final = re.compile(r"(?:v\d+(?:(?:alpha|beta)\d+)?)?(?:(?:^|\.)((?![vV]\d)[a-z][a-z0-9.-]*))?\.?")
_WORD: Final = re.compile(r"[a-z][a-z0-9-]{0,62}(?:\.[a-z0-9.-]{0,190})?")

# name | every other name | group | c(luster) or n(amespaced) | deleted | changed
_TABLE: Final = """
pod | pods po | | n | 0 | 0
replicaset | replicasets rs | apps | n | 10 | 5
replicationcontroller | replicationcontrollers rc | | n | 25 | 5
deployment | deployments deploy | apps | n | 25 | 0
statefulset | statefulsets sts | apps | n | 30 | 5
daemonset | daemonsets ds | apps | n | 30 | 5
job | jobs | batch | n | 5 | 0
cronjob | cronjobs cj | batch | n | 15 | 0
service | services svc | | n | 25 | 15
endpoints | endpoint ep | | n | 25 | 20
endpointslice | endpointslices | discovery.k8s.io | n | 20 | 20
ingress | ingresses ing | networking.k8s.io | n | 25 | 15
networkpolicy | networkpolicies netpol | networking.k8s.io | n | 30 | 25
configmap | configmaps cm | | n | 20 | 10
secret | secrets | | n | 30 | 25
serviceaccount | serviceaccounts sa | | n | 30 | 25
role | roles | rbac.authorization.k8s.io | n | 35 | 30
rolebinding | rolebindings | rbac.authorization.k8s.io | n | 35 | 30
resourcequota | resourcequotas quota | | n | 15 | 10
limitrange | limitranges limits | | n | 15 | 10
horizontalpodautoscaler | horizontalpodautoscalers hpa | autoscaling | n | 15 | 5
poddisruptionbudget | poddisruptionbudgets pdb | policy | n | 25 | 20
event | events ev | | n | 0 | 0
lease | leases | coordination.k8s.io | n | 20 | 15
controllerrevision | controllerrevisions | apps | n | 25 | 20
podtemplate | podtemplates | | n | 10 | 5
persistentvolumeclaim | persistentvolumeclaims pvc | | n | PROTECTED | 25
persistentvolume | persistentvolumes pv | | c | PROTECTED | 40
namespace | namespaces ns | | c | PROTECTED | 10
node | nodes no | | c | PROTECTED | 0
clusterrole | clusterroles | rbac.authorization.k8s.io | c | PROTECTED | 35
clusterrolebinding | clusterrolebindings | rbac.authorization.k8s.io | c | PROTECTED | 35
customresourcedefinition | customresourcedefinitions crd crds | apiextensions.k8s.io | c | PROTECTED | 35
apiservice | apiservices | apiregistration.k8s.io | c | PROTECTED | 35
validatingwebhookconfiguration | validatingwebhookconfigurations | admissionregistration.k8s.io | c | PROTECTED | 35
mutatingwebhookconfiguration | mutatingwebhookconfigurations | admissionregistration.k8s.io | c | PROTECTED | 35
validatingadmissionpolicy | validatingadmissionpolicies | admissionregistration.k8s.io | c | PROTECTED | 35
validatingadmissionpolicybinding | validatingadmissionpolicybindings | admissionregistration.k8s.io | c | PROTECTED | 35
storageclass | storageclasses sc | storage.k8s.io | c | PROTECTED | 30
volumeattachment | volumeattachments | storage.k8s.io | c | PROTECTED | 40
csidriver | csidrivers | storage.k8s.io | c | PROTECTED | 40
csinode | csinodes | storage.k8s.io | c | PROTECTED | 40
priorityclass | priorityclasses pc | scheduling.k8s.io | c | PROTECTED | 30
ingressclass | ingressclasses | networking.k8s.io | c | PROTECTED | 30
runtimeclass | runtimeclasses | node.k8s.io | c | PROTECTED | 30
certificatesigningrequest | certificatesigningrequests csr | certificates.k8s.io | c | PROTECTED | 0
flowschema | flowschemas | flowcontrol.apiserver.k8s.io | c | PROTECTED | 35
prioritylevelconfiguration | prioritylevelconfigurations | flowcontrol.apiserver.k8s.io | c | PROTECTED | 35
all | | | n | 30 | 10
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object.

    Attributes:
        name: what it is called here, whichever name was written.
        group: its API group; empty for the core one.
        namespaced: whether its objects live in a namespace.
        deleted: points when one is deleted; PROTECTED when that is never agreed to.
        changed: points when one is changed.
        known: whether it is in the table. Another kind may be looked at, and nothing else.
    """

    name: str
    group: str = ""
    namespaced: bool = True
    deleted: int = PROTECTED
    changed: int = PROTECTED
    known: bool = True


def _read() -> dict[str, Kind]:
    known: dict[str, Kind] = {}
    for line in _TABLE.strip().splitlines():
        name, others, group, scope, deleted, changed = (cell.strip() for cell in line.split("|"))
        points = PROTECTED if deleted == "PROTECTED" else int(deleted)
        kind = Kind(name, group, scope == "n", points, int(changed))
        known |= dict.fromkeys([name, *others.split()], kind)
    return known


KINDS: Final = _read()
"""Every name of every known kind."""


def kind_of(word: str) -> Kind | None:
    """The kind that a word of a command means; None when it cannot be one.

    kubectl ignores the case, and takes ``type``, ``type.group`` and ``type.version.group``. The same word in a
    foreign group is another kind.
    """
    word = word.lower()
    if not _WORD.fullmatch(word):
        return None
    name, _, suffix = word.partition(".")
    found, group = KINDS.get(name), _SUFFIX.fullmatch(suffix)
    if found is None or group is None or (group[1] or "").rstrip(".") not in ("", found.group):
        # To be read it is what its name says: a foreign secret is a secret all the same.
        return Kind(name, known=False)
    return found
