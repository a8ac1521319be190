"""Stock moto keeps any text for a trail's key, log group and role, and keeps "" where AWS forgets a
setting. Ours asks KMS, CloudWatch Logs and IAM of the account, and answers what AWS does:
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_UpdateTrail.html#API_UpdateTrail_Errors"""
import fnmatch
import json

from patches import mark


def apply():
    from moto.cloudtrail.models import CloudTrailBackend

    create, update = CloudTrailBackend.create_trail, CloudTrailBackend.update_trail

    def create_trail(self, name, bucket_name, *rest):
        *rest, kms_key_id, tags_list = rest
        if kms_key_id:
            mark()
            arn = f"arn:{self.partition}:cloudtrail:{self.region_name}:{self.account_id}:trail/{name}"
            kms_key_id = key_arn(self, kms_key_id, bucket_name, arn)
        return create(self, name, bucket_name, *rest, kms_key_id, tags_list)

    def update_trail(self, name, **settings):
        trail = self.get_trail(name_or_arn=name)
        group, role, key = (settings.get(s) for s in ("cw_log_group_arn", "cw_role_arn", "kms_key_id"))
        if (group, role, key) != (None, None, None):
            mark()
        if key:
            settings["kms_key_id"] = key_arn(self, key, settings.get("s3_bucket_name") or trail.bucket_name, trail.arn)
        if group or role:
            deliverable(self, group, role)
        trail = update(self, name, **settings)
        for setting in ("cw_log_group_arn", "cw_role_arn", "kms_key_id"):
            if getattr(trail, setting) == "":
                setattr(trail, setting, None)
        return trail

    CloudTrailBackend.create_trail, CloudTrailBackend.update_trail = create_trail, update_trail


def refuse(code, message):
    from moto.core.exceptions import JsonRESTError

    error = JsonRESTError(code, message)
    error.code = 400
    raise error


def key_arn(backend, key_id, bucket, trail):
    """The ARN of a key in whatever form it is named, if it may encrypt for the trail."""
    from moto.kms.models import kms_backends
    from moto.s3.models import s3_backends

    region = key_id.split(":")[3] if key_id.startswith("arn:") else backend.region_name
    keys = kms_backends[backend.account_id][region]
    key = keys.keys.get(keys.any_id_to_key_id(key_id))
    if not key or s3_backends[backend.account_id][backend.partition].get_bucket(bucket).region_name != region:
        refuse("KmsKeyNotFoundException", f"The key {key_id} is not there, or not in the Region of the bucket")
    if key.key_state != "Enabled":
        refuse("KmsKeyDisabledException", f"The key {key_id} is {key.key_state}")
    if not any(encrypts(s, trail) for s in listed(json.loads(key.policy)["Statement"])):
        refuse("InsufficientEncryptionPolicyException", f"The policy of the key {key_id} does not let CloudTrail encrypt for {trail}")
    return key.arn


def encrypts(statement, trail):
    """Whether a key policy's statement lets CloudTrail make data keys for a trail."""
    values = {"aws:sourcearn": trail, "kms:encryptioncontext:aws:cloudtrail:arn": trail, "aws:sourceaccount": trail.split(":")[4]}
    return (
        statement["Effect"] == "Allow"
        and "cloudtrail.amazonaws.com" in listed((statement["Principal"] if isinstance(statement["Principal"], dict) else {}).get("Service"))
        and any(fnmatch.fnmatchcase("kms:GenerateDataKey", a) for a in listed(statement["Action"]))
        and all(
            any(fnmatch.fnmatchcase(values.get(key.lower(), ""), p) for p in listed(wanted))
            for condition in statement.get("Condition", {}).values()
            for key, wanted in condition.items()
        )
    )


def listed(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def deliverable(backend, group, role):
    from moto.iam.models import iam_backends
    from moto.logs.models import logs_backends

    if not group or not role:
        refuse("InvalidCloudWatchLogsRoleArnException", "You must specify a role ARN as well as a log group.")
    start = f"arn:{backend.partition}:logs:{backend.region_name}:{backend.account_id}:log-group:"
    if not group.startswith(start) or not group.endswith(":*") or group[len(start) : -2] not in logs_backends[backend.account_id][backend.region_name].groups:
        refuse("InvalidCloudWatchLogsLogGroupArnException", "CloudTrail cannot validate the specified log group ARN.")
    roles = iam_backends[backend.account_id][backend.partition].roles.values()
    if not any(r.arn == role and "cloudtrail.amazonaws.com" in str(r.assume_role_policy_document) for r in roles):
        refuse("InvalidCloudWatchLogsRoleArnException", "CloudTrail cannot assume the specified role.")
