import json

from patches import mark, ours


def apply():
    """Stock moto has no UpdateWorkGroup, and answers for a workgroup that isn't there with none. Ours
    changes what ConfigurationUpdates names, removes what its Remove fields name, refuses what the service's
    model refuses, and says that a workgroup is not found:
    https://docs.aws.amazon.com/athena/latest/APIReference/API_UpdateWorkGroup.html"""
    from moto.athena.responses import AthenaResponse

    stock = AthenaResponse.get_work_group

    def get(self):
        if self._get_param("WorkGroup") in self.athena_backend.work_groups:
            return stock(self)
        mark()
        raise missing(self._get_param("WorkGroup"))

    @ours
    def update_work_group(self):
        asked = json.loads(self.body)
        check(asked)
        group = self.athena_backend.work_groups.get(asked["WorkGroup"])
        if group is None:
            raise missing(asked["WorkGroup"])
        group.configuration = updated(group.configuration, asked.get("ConfigurationUpdates", {}))
        group.description = asked.get("Description", group.description)
        group.state = asked.get("State", group.state)
        return "{}"

    AthenaResponse.get_work_group = get
    AthenaResponse.update_work_group = update_work_group


def check(asked):
    """Refuses what doesn't fit the service's model, its enums and patterns too."""
    import re

    from botocore.validate import ParamValidator
    from moto.core.utils import get_service_model

    shape = get_service_model("athena").operation_model("UpdateWorkGroup").input_shape
    report = ParamValidator().validate(asked, shape)
    unknown = set(asked.get("ConfigurationUpdates", {})) - set(shape.members["ConfigurationUpdates"].members)
    if report.has_errors() or unknown or set(asked) - set(shape.members):
        raise invalid(report.generate_report() or f"unknown: {unknown}")
    if not re.fullmatch(shape.members["WorkGroup"].metadata["pattern"], asked["WorkGroup"]):
        raise invalid(f"WorkGroup {asked['WorkGroup']} is no name")
    if asked.get("State", "ENABLED") not in shape.members["State"].enum:
        raise invalid(f"State {asked['State']} is none of {shape.members['State'].enum}")


def updated(settings, updates):
    """Lays updates over settings: {X}Updates are merged into X, Remove{X} takes X away, others replace."""
    out = dict(settings)
    for name, value in updates.items():
        if name.endswith("Updates"):
            part = name.removesuffix("Updates")
            out[part] = updated(out.get(part, {}), value)
        elif name.startswith("Remove"):
            if value:
                out.pop(name.removeprefix("Remove"), None)
        else:
            out[name] = value
    return out


def invalid(message):
    from moto.core.exceptions import JsonRESTError

    return JsonRESTError("InvalidRequestException", message)


def missing(name):
    return invalid(f"WorkGroup {name} is not found.")
