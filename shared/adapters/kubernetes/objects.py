"""The parts of Kubernetes objects that a reading is made of, typed; everything else is ignored.

What an API server leaves out is zero or empty: that is how Go writes its zero values.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

Time = Annotated[AwareDatetime, Field(strict=False)]


class Part(BaseModel):
    """Some of the fields of an object."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", alias_generator=to_camel)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, given: Any) -> Any:
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given


class OwnerReference(Part):
    """Who an object belongs to."""

    kind: str
    name: str
    uid: str
    controller: bool = False


class Metadata(Part):
    """Which object this is."""

    name: str
    uid: str
    generation: int = 0
    deletion_timestamp: Time | None = None
    owner_references: tuple[OwnerReference, ...] = Field(default=(), strict=False)

    @property
    def controller(self) -> OwnerReference | None:
        """The one owner that manages the object."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class Object(Part):
    """Any object."""

    metadata: Metadata


class Requirement(Part):
    """One line of a label selector."""

    key: str
    operator: str
    values: tuple[str, ...] = Field(default=(), strict=False)

    def __str__(self) -> str:
        match self.operator:
            case "Exists":
                return self.key
            case "DoesNotExist":
                return f"!{self.key}"
            case _:
                return f"{self.key} {self.operator.lower()} ({','.join(self.values)})"


class LabelSelector(Part):
    """Which pods are a workload's; ``str`` is the API's spelling."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[Requirement, ...] = Field(default=(), strict=False)

    def __str__(self) -> str:
        return ",".join(
            [*(f"{key}={value}" for key, value in self.match_labels.items()), *map(str, self.match_expressions)]
        )


class Condition(Part):
    """One condition of a status."""

    type: str
    status: str


class RollingUpdate(Part):
    """How far an update goes; only StatefulSets have a partition that is a number of pods."""

    partition: int = 0


class UpdateStrategy(Part):
    """How a StatefulSet or DaemonSet replaces its pods."""

    type: str = "RollingUpdate"
    rolling_update: RollingUpdate = RollingUpdate()


class WorkloadSpec(Part):
    """What is wanted, of every kind together: no two kinds use one name for two things."""

    selector: LabelSelector = LabelSelector()
    replicas: int = 1
    update_strategy: UpdateStrategy = UpdateStrategy()
    completions: int | None = None
    parallelism: int = 1


class WorkloadStatus(Part):
    """What there is, of every kind together."""

    observed_generation: int = 0
    conditions: tuple[Condition, ...] = Field(default=(), strict=False)
    # Deployment, ReplicaSet, StatefulSet
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    # DaemonSet
    desired_number_scheduled: int = 0
    updated_number_scheduled: int = 0
    number_ready: int = 0
    number_available: int = 0
    # Job
    start_time: Time | None = None
    active: int = 0
    ready: int = 0
    succeeded: int = 0
    failed: int = 0

    def has(self, condition: str) -> bool:
        """Whether a condition is true."""
        return any(each.type == condition and each.status == "True" for each in self.conditions)


class WorkloadObject(Object):
    """A Deployment, ReplicaSet, StatefulSet, DaemonSet or Job."""

    spec: WorkloadSpec
    status: WorkloadStatus = WorkloadStatus()


class Waits(Part):
    """A container that is not running."""

    reason: str = ""


class Ended(Part):
    """A container that has ended."""

    reason: str = ""
    finished_at: Time | None = None


class ContainerState(Part):
    """What a container does, or did last."""

    waiting: Waits | None = None
    terminated: Ended | None = None


class ContainerStatus(Part):
    """One container of a pod."""

    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class PodStatus(Part):
    """What a pod does."""

    observed_generation: int | None = None
    conditions: tuple[Condition, ...] = Field(default=(), strict=False)
    container_statuses: tuple[ContainerStatus, ...] = Field(default=(), strict=False)
    init_container_statuses: tuple[ContainerStatus, ...] = Field(default=(), strict=False)

    @property
    def is_ready(self) -> bool:
        """As its services see it."""
        return any(each.type == "Ready" and each.status == "True" for each in self.conditions)


class Pod(Object):
    """A pod."""

    status: PodStatus = PodStatus()


class ConfigMap(Object):
    """Keys and values. Those of ``binaryData`` are known by their keys: no variable of a process is made of them."""

    data: dict[str, str] = {}
    binary_data: dict[str, str] = {}


class ListMetadata(Part):
    """Whether a list goes on."""

    continue_: str = Field(default="", alias="continue")


class Page(Part):
    """One page of a list; its items are read one by one, as what they are."""

    metadata: ListMetadata = ListMetadata()
    items: tuple[Any, ...] = Field(default=(), strict=False)
