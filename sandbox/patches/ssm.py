from patches import automation, ours

SHARING = "/ssm/documents/console/public-sharing-permission"
HOST_MANAGEMENT = "/ssm/managed-instance/default-ec2-instance-management-role"

# What each setting is by default and may be; None: any text.
SETTINGS = {
    SHARING: ("Enable", ("Enable", "Disable")),
    HOST_MANAGEMENT: ("$None", None),
    "/ssm/managed-instance/activation-tier": ("standard", ("standard", "advanced")),
    "/ssm/parameter-store/default-parameter-tier": ("Standard", ("Standard", "Advanced", "Intelligent-Tiering")),
    "/ssm/parameter-store/high-throughput-enabled": ("false", ("true", "false")),
}


def apply():
    service_settings()
    instance_information()
    automation.apply()


def service_settings():
    """Stock moto has no GetServiceSetting, UpdateServiceSetting and ResetServiceSetting. Ours has them for
    the settings whose default is documented; others aren't found
    (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_UpdateServiceSetting.html)."""
    from moto.core.responses import ActionResult, EmptyResult
    from moto.core.utils import utcnow
    from moto.ssm.exceptions import SSMException, ValidationException
    from moto.ssm.responses import SimpleSystemManagerResponse as Response

    def named(self):
        name = self._get_param("SettingId")
        if name.startswith("arn:"):
            name = name.partition(":servicesetting")[2]
        if name not in SETTINGS:
            raise SSMException("ServiceSettingNotFound", f"Setting {name} not found.")
        return name

    def tell(self, name):
        custom = settings(self.ssm_backend).get(name)
        told = {
            "SettingId": name, "SettingValue": custom["value"] if custom else SETTINGS[name][0], "Status": "Customized" if custom else "Default",
            "ARN": f"arn:{self.partition}:ssm:{self.region}:{self.current_account}:servicesetting{name}",
            "LastModifiedUser": custom["by"] if custom else "System",
        }
        return ActionResult({"ServiceSetting": {**told, **({"LastModifiedDate": custom["at"]} if custom else {})}})

    @ours
    def get_service_setting(self):
        return tell(self, named(self))

    @ours
    def update_service_setting(self):
        name, value = named(self), self._get_param("SettingValue")
        allowed = SETTINGS[name][1]
        if not value or (allowed and value not in allowed):
            raise ValidationException(f"Value '{value}' is not valid for setting {name}.")
        settings(self.ssm_backend)[name] = {"value": value, "at": utcnow(), "by": f"arn:{self.partition}:iam::{self.current_account}:root"}
        return EmptyResult()

    @ours
    def reset_service_setting(self):
        name = named(self)
        settings(self.ssm_backend).pop(name, None)
        return tell(self, name)

    Response.get_service_setting, Response.update_service_setting, Response.reset_service_setting = get_service_setting, update_service_setting, reset_service_setting


def settings(backend):
    return backend.__dict__.setdefault("service_settings", {})


def instance_information():
    """Stock moto has no DescribeInstanceInformation and no agents. Here a running instance with the tag
    sandbox:ssm-agent has one, and reports if its profile's role, or the role of Default Host Management,
    may ssm:UpdateInstanceInformation
    (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeInstanceInformation.html)."""
    from moto.core.responses import ActionResult
    from moto.core.utils import utcnow
    from moto.ec2.models import ec2_backends
    from moto.iam.access_control import IAMPolicy, PermissionResult
    from moto.iam.models import iam_backends
    from moto.ssm.responses import SimpleSystemManagerResponse as Response

    def may_report(role):
        policies = [*role.policies.values(), *role.managed_policies.values()]
        verdicts = [IAMPolicy(p).is_action_permitted("ssm:UpdateInstanceInformation", "*") for p in policies]
        return PermissionResult.PERMITTED in verdicts and PermissionResult.DENIED not in verdicts

    def reports(self, backend, instance):
        if instance.state != "running" or not any(t["key"] == "sandbox:ssm-agent" for t in backend.describe_tags(filters={"resource-id": [instance.id]})):
            return False
        association = backend.iam_instance_profile_associations.get(instance.id)
        roles = list(association.iam_instance_profile.roles) if association else []
        default = settings(self.ssm_backend).get(HOST_MANAGEMENT, {}).get("value", "$None").rpartition("/")[2]
        roles += [r for r in iam_backends[self.current_account][self.partition].roles.values() if r.name == default]
        return any(may_report(r) for r in roles)

    @ours
    def describe_instance_information(self):
        backend = ec2_backends[self.current_account][self.region]
        asked = {f.get("Key") or f.get("key"): f.get("Values") or f.get("valueSet") for f in (self._get_param("Filters") or []) + (self._get_param("InstanceInformationFilterList") or [])}
        online = [i for r in backend.reservations.values() for i in r.instances if reports(self, backend, i)]
        ids = asked.get("InstanceIds")
        listed = [
            {
                "InstanceId": i.id, "PingStatus": "Online", "LastPingDateTime": utcnow(), "AgentVersion": "3.3.0.0", "IsLatestVersion": True,
                "PlatformType": "Linux", "PlatformName": "Amazon Linux", "PlatformVersion": "2023", "ResourceType": "EC2Instance", "IPAddress": i.private_ip,
            }
            for i in online
            if ids is None or i.id in ids
        ]
        start, size = int(self._get_param("NextToken") or 0), int(self._get_param("MaxResults") or 50)
        more = {"NextToken": str(start + size)} if start + size < len(listed) else {}
        return ActionResult({"InstanceInformationList": listed[start : start + size], **more})

    Response.describe_instance_information = describe_instance_information
