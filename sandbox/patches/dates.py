"""Dates that AWS sets itself."""
from datetime import datetime, timezone

from patches import apply


def backdate(account, kind, id, when):
    """Sets a date that AWS sets itself and no API can. Raises KeyError for what isn't there."""
    from moto.ec2.models import ec2_backends
    from moto.iam.models import AccessKeyLastUsed, iam_backends
    from moto.secretsmanager.models import secretsmanager_backends

    apply("secretsmanager")
    at = datetime.fromtimestamp(when, timezone.utc).replace(tzinfo=None)
    users = [u for b in iam_backends[account].values() for u in b.users.values()]
    found = {
        "access-key": [k for u in users for k in u.access_keys if k.access_key_id == id],
        "user": [u for u in users if u.name == id],
        "instance": [i for b in ec2_backends[account].values() for r in b.reservations.values() for i in r.instances if i.id == id],
        "secret": [s for b in secretsmanager_backends[account].values() for s in b.secrets.values() if id in (s.arn, s.name)],
    }
    thing, _, what = kind.partition(".")
    attribute, value = {
        "access-key.created": ("create_date", at),
        "access-key.used": ("last_used", AccessKeyLastUsed(at, "s3", "us-east-1")),
        "user.created": ("create_date", at),
        "user.password-used": ("password_last_used", at),
        "instance.stopped": ("_reason", f"User initiated ({at:%Y-%m-%d %H:%M:%S} GMT)"),
        "secret.created": ("created_date", when),
        "secret.changed": ("last_changed_date", when),
        "secret.accessed": ("last_accessed_date", when),
        "secret.rotated": ("last_rotation_date", when),
    }[kind]
    for one in found[thing] or [None]:
        if one is None:
            raise KeyError(id)
        setattr(one, attribute, value)
        if thing == "instance":
            one.launch_time = min(one.launch_time, at)  # it ran before it was stopped
    return {}
