"""Stock moto takes any role and any bucket, names the service-linked role AWSServiceRoleForconfig, and
knows neither ARNs nor tags of recorders. Ours asks IAM and S3, and answers what AWS does:
https://docs.aws.amazon.com/config/latest/APIReference/API_PutDeliveryChannel.html#API_PutDeliveryChannel_Errors"""
import json

from patches import mark, ours


def apply():
    service_linked_role()
    recorders()
    channels()


def refuse(code, message):
    from moto.core.exceptions import JsonRESTError

    error = JsonRESTError(code, message)
    error.code = 400
    raise error


def service_linked_role():
    from moto.iam import models
    from moto.iam.exceptions import InvalidInput

    create = models.IAMBackend.create_service_linked_role

    def create_service_linked_role(self, service_name, description, suffix):
        if service_name == "config.amazonaws.com":
            mark()
            if any(r.name == "AWSServiceRoleForConfig" for r in self.roles.values()):
                raise InvalidInput("Service role name AWSServiceRoleForConfig has been taken in this account, please try a different suffix.")
        return create(self, service_name, description, suffix)

    models.IAMBackend.create_service_linked_role = create_service_linked_role


def recorders():
    from moto.config.models import ConfigBackend, ConfigRecorder
    from moto.config.responses import ConfigResponse
    from moto.iam.models import iam_backends
    from moto.moto_api._internal import mock_random

    put, match, fields = ConfigBackend.put_configuration_recorder, ConfigBackend._match_arn, ConfigRecorder.to_dict

    @ours
    def put_configuration_recorder(self):
        recorder, backend = self._get_param("ConfigurationRecorder"), self.config_backend
        arn, name = recorder.get("roleARN"), recorder.get("name")
        if arn not in (r.arn for r in iam_backends[backend.account_id][backend.partition].roles.values()):
            refuse("InvalidRoleException", f"The role {arn} cannot be assumed")
        was = backend.recorders.get(name)
        put(backend, recorder)
        now = backend.recorders[name]
        now._mode = recorder.get("recordingMode")
        now._arn = was._arn if was else f"arn:{backend.partition}:config:{backend.region_name}:{backend.account_id}:configuration-recorder/{name}/{mock_random.get_random_hex(8)}"
        now.tags = was.tags if was else {t["Key"]: t["Value"] for t in self._get_param("Tags") or []}
        return "{}"

    def to_dict(self):
        answer = {k: v for k, v in fields(self).items() if k != "tags"} | {"arn": self._arn}
        return answer | ({"recordingMode": self._mode} if self._mode else {})

    def match_arn(self, resource_arn):
        return next((r for r in self.recorders.values() if r._arn == resource_arn), None) or match(self, resource_arn)

    ConfigResponse.put_configuration_recorder = put_configuration_recorder
    ConfigRecorder.to_dict, ConfigBackend._match_arn = to_dict, match_arn


def channels():
    from moto.config.models import ConfigBackend
    from moto.s3.models import s3_backends

    put = ConfigBackend.put_delivery_channel

    @ours
    def put_delivery_channel(self, delivery_channel):
        name = delivery_channel.get("s3BucketName")
        found = [b for account in list(s3_backends) for b in s3_backends[account][self.partition].buckets.values() if b.name == name]
        if name and not found:
            refuse("NoSuchBucketException", f"Cannot find a S3 bucket with an empty bucket name or the bucket {name} does not exist")
        if found and not delivers(found[0], self.account_id):
            refuse("InsufficientDeliveryPolicyException", f"Insufficient delivery policy to s3 bucket: {name}, unable to write to bucket")
        return put(self, delivery_channel)

    ConfigBackend.put_delivery_channel = put_delivery_channel


def delivers(bucket, account):
    """Whether a bucket's policy lets AWS Config put an account's objects there."""
    policy = json.loads(bucket.policy or "{}")
    statements = policy.get("Statement", [])
    for s in statements if isinstance(statements, list) else [statements]:
        principal = s["Principal"] if isinstance(s["Principal"], dict) else {}
        wanted = {k.lower(): v for c in s.get("Condition", {}).values() for k, v in c.items()}
        if (
            s["Effect"] == "Allow"
            and "config.amazonaws.com" in str(principal.get("Service"))
            and "s3:PutObject" in str(s["Action"])
            and wanted.get("aws:sourceaccount", account) == account
        ):
            return True
    return False
