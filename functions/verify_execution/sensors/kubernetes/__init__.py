"""What Kubernetes says of a target and of its neighbours."""

from functions.verify_execution.sensors.kubernetes.sensors import KubernetesSensor, NeighboursSensor

__all__ = ["KubernetesSensor", "NeighboursSensor"]
