import json
import re
import time
from datetime import datetime, timezone

from patches import mark


def apply():
    accessed()
    rotation()


def accessed():
    """Stock moto never tells when a secret was read."""
    from moto.secretsmanager.models import FakeSecret, SecretsManagerBackend

    tell, read = FakeSecret.to_dict, SecretsManagerBackend.get_secret_value

    def to_dict(self):
        accessed = getattr(self, "last_accessed_date", None)
        return {**tell(self), "LastAccessedDate": accessed}

    def get_secret_value(self, secret_id, *args, **kwargs):
        answer = read(self, secret_id, *args, **kwargs)
        today = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
        self.secrets[answer["ARN"]].last_accessed_date = today.timestamp()
        return answer

    FakeSecret.to_dict, SecretsManagerBackend.get_secret_value = to_dict, get_secret_value


def rotation():
    """Stock moto makes a new version where RotateImmediately is false, forgets the rotation function
    that a call doesn't name, any schedule but days, and the window. Ours then runs the test step alone,
    leaves versions and dates as they are and refuses secrets that nothing could rotate; it keeps schedule
    and window, refuses what is half-way through a rotation, and tells the next date from the last
    rotation: it is past if rotation fails. cron() has no next date here. As in stock moto, a rotation at
    once needs no function; AWS wants one
    (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html)."""
    from moto.secretsmanager.exceptions import InvalidParameterException, InvalidRequestException
    from moto.secretsmanager.models import FakeSecret, SecretsManagerBackend

    stock, tell = SecretsManagerBackend.rotate_secret, FakeSecret.to_dict

    def check(secret, rules):
        days, expression = rules.get("AutomaticallyAfterDays"), rules.get("ScheduleExpression")
        if days is not None and expression:
            raise InvalidParameterException("You can't specify both AutomaticallyAfterDays and ScheduleExpression.")
        if days is not None and not 1 <= days <= 1000:
            raise InvalidParameterException("RotationRules.AutomaticallyAfterDays must be within 1-1000.")
        if expression and not re.fullmatch(r"(rate\(\d+ (hours?|days?)\)|cron\(.+\))", expression):
            raise InvalidParameterException("The schedule expression isn't valid.")
        if any("AWSPENDING" in v["version_stages"] and "AWSCURRENT" not in v["version_stages"] for v in secret.versions.values()):
            raise InvalidRequestException("A previous rotation isn't complete. That rotation will be reattempted.")

    def test(self, secret, function, token):
        from moto.awslambda.utils import get_backend
        from moto.secretsmanager.exceptions import ResourceNotFoundException

        backend = get_backend(self.account_id, self.region_name)
        try:
            backend.get_function(function)
        except Exception:
            raise ResourceNotFoundException(f"Resource not found for ARN '{function}'.")
        body = json.dumps({"Step": "testSecret", "SecretId": secret.arn, "ClientRequestToken": token})
        backend.invoke(function, qualifier=None, body=body, headers={}, response_headers={})

    def rotate_secret(self, secret_id, client_request_token=None, rotation_lambda_arn=None, rotation_rules=None, rotate_immediately=True):
        secret = self.secrets.get(secret_id)
        if not isinstance(secret, FakeSecret) or secret.is_deleted():
            return stock(self, secret_id, client_request_token, rotation_lambda_arn, rotation_rules, rotate_immediately)
        mark()
        rules, function = rotation_rules or {}, rotation_lambda_arn or secret.rotation_lambda_arn
        check(secret, rules)
        if not (function or secret.owning_service or rotate_immediately):
            raise InvalidRequestException("No Lambda rotation function ARN is associated with this secret.")
        if rotate_immediately:
            out = stock(self, secret_id, client_request_token, function, rotation_rules, True)
        else:
            if function:
                test(self, secret, function, client_request_token)
            out = secret.to_short_dict()
        secret.rotation_requested = secret.rotation_enabled = True
        secret.rotation_lambda_arn = function
        secret.rotation_rules = rules or getattr(secret, "rotation_rules", {})
        secret.last_changed_date = time.time()
        return out

    def to_dict(self):
        out = tell(self)
        if not self.rotation_requested:
            return out
        mark()
        rules = getattr(self, "rotation_rules", {})
        rate = re.match(r"rate\((\d+) (hour|day)", rules.get("ScheduleExpression", ""))
        seconds = rules.get("AutomaticallyAfterDays", 0) * 86400 or (int(rate[1]) * {"hour": 3600, "day": 86400}[rate[2]] if rate else 0)
        since = self.last_rotation_date or self.created_date
        out["RotationRules"] = dict(rules) or None
        out["RotationLambdaARN"] = self.rotation_lambda_arn or None
        out["NextRotationDate"] = since + seconds if seconds and self.rotation_enabled else None
        return out

    SecretsManagerBackend.rotate_secret, FakeSecret.to_dict = rotate_secret, to_dict
