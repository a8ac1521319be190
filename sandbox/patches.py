"""Where moto is not AWS enough for us. Each function is one deviation from stock
moto, with its reason; apply(service) makes those of a service when it is first used."""
import copy
import json
import secrets
import string
from datetime import datetime, timezone

import moto


def iam_policies_shared():
    """Stock moto parses 1,300 managed policies anew for each account: half a second."""
    from moto.iam.models import IAMBackend

    parse, parsed = IAMBackend._init_aws_policies, {}

    def init(self):
        if self.region_name not in parsed:
            parsed[self.region_name] = parse(self)
        return [copy.copy(p) for p in parsed[self.region_name]]

    IAMBackend._init_aws_policies = init


def iam_root():
    """Calls with the account header are the sandbox's own: they may do everything."""
    from moto.core.authorization import ActionAuthenticatorMixin as Mixin

    check = Mixin._authenticate_and_authorize_action

    def unless_root(self, request_class, resource="*"):
        if "X-Moto-Account-Id" not in self.headers:
            check(self, request_class, resource)

    Mixin._authenticate_and_authorize_action = unless_root


def iam_signature_without_body():
    """Stock moto signs the path's parameters as if they were a form: Lambda calls fail."""
    from moto.iam.access_control import IAMRequestBase

    build = IAMRequestBase._create_aws_request

    def request(self):
        if not self._headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            self._data = {}
        return build(self)

    IAMRequestBase._create_aws_request = request


def iam_statement(statement, action, resource="*", principal=None, values=None):
    """Stock moto mostly does not know the resource ("*"), nor any condition, and then
    denies. Here what it does not know counts for an Allow and against a Deny."""
    from moto.iam.access_control import PermissionResult

    s = statement._statement
    concerned = not statement._check_element_matches("NotAction", action) if "NotAction" in s else statement._check_element_matches("Action", action)
    if not concerned:
        return PermissionResult.NEUTRAL
    fits = "Resource" in s and statement._check_element_matches("Resource", resource)
    if s["Effect"] == "Deny":
        return PermissionResult.DENIED if fits and not s.get("Condition") else PermissionResult.NEUTRAL
    vague = resource.endswith("*") or "Resource" not in s
    return PermissionResult.PERMITTED if fits or vague else PermissionResult.NEUTRAL


def session_policy(access_key):
    from moto.sts.models import sts_backends

    roles = sts_backends[access_key.account_id][access_key.partition].assumed_roles
    return next((r.policy for r in roles if r.access_key_id == access_key._access_key_id), None)


def action_name(action, of_bucket):
    """Stock moto asks for the operation's name where IAM's action has another one."""
    if action == "s3:HeadBucket":
        return "s3:ListBucket"
    if action.startswith("monitoring:"):
        return "cloudwatch:" + action.removeprefix("monitoring:")
    if action.startswith("s3:") and action.endswith("PublicAccessBlock"):
        kind = "Bucket" if of_bucket else "Account"
        return ("s3:Get" if action.startswith("s3:Get") else "s3:Put") + kind + "PublicAccessBlock"
    return action


def iam_session_policies():
    """Stock moto does not look at the session policy; and it asks the trust policy only
    for roles of the caller's own account, with conditions it does not know: the gateway does."""
    from moto.iam import access_control as ac

    ac.IAMPolicyStatement.is_action_permitted = iam_statement
    ac.IAMRequestBase._is_assuming_role_operation = lambda self, arn: False
    check = ac.IAMRequestBase.check_action_permitted

    def both(self, resource):
        self._action = action_name(self._action, isinstance(self, ac.S3IAMRequest))
        check(self, resource)
        policy = session_policy(self._access_key)
        if policy and self._action != "sts:GetCallerIdentity":
            if ac.IAMPolicy(policy).is_action_permitted(self._action, resource) is not ac.PermissionResult.PERMITTED:
                self._raise_access_denied()

    ac.IAMRequestBase.check_action_permitted = both


def kms_rotation_period():
    """Stock moto forgets RotationPeriodInDays."""
    from moto.kms.responses import KmsResponse

    enable, status = KmsResponse.enable_key_rotation, KmsResponse.get_key_rotation_status

    def key(self):
        return self.kms_backend.keys[self.kms_backend.get_key_id(self._get_param("KeyId"))]

    def enable_key_rotation(self):
        answer = enable(self)
        key(self).rotation_period = self._get_param("RotationPeriodInDays") or getattr(key(self), "rotation_period", 365)
        return answer

    def get_key_rotation_status(self):
        answer = json.loads(status(self))
        answer["KeyId"] = key(self).id
        if answer["KeyRotationEnabled"]:
            answer["RotationPeriodInDays"] = getattr(key(self), "rotation_period", 365)
        return json.dumps(answer)

    KmsResponse.enable_key_rotation, KmsResponse.get_key_rotation_status = enable_key_rotation, get_key_rotation_status


def ec2_public_snapshots():
    """Stock moto ignores RestorableByUserIds, so that every snapshot looks public."""
    from moto.ec2.responses.elastic_block_store import ElasticBlockStore

    describe = ElasticBlockStore.describe_snapshots

    def describe_snapshots(self):
        answer, who = describe(self), self._get_param("RestorableByUserIds", [])
        if who:
            account = self.current_account
            answer.result["Snapshots"] = [
                s for s in answer.result["Snapshots"]
                if ("all" in who and "all" in s.create_volume_permission_groups)
                or set(who) & set(s.create_volume_permission_userids)
                or (("self" in who or account in who) and s.owner_id == account)
            ]
        return answer

    ElasticBlockStore.describe_snapshots = describe_snapshots


def rds_resource_ids():
    """Stock moto gives every instance one and the same DbiResourceId."""
    from moto.rds.models import DBInstance

    init = DBInstance.__init__

    def unique(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.dbi_resource_id = "db-" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(26))

    DBInstance.__init__ = unique


def secrets_last_accessed():
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


def stepfunctions_copy():
    """moto 5.2.1 copies all executions with their locks at a second start (getmoto/moto#10077)."""
    if moto.__version__ != "5.2.1":
        return
    from moto.stepfunctions.models import StateMachine

    def shallow(self, memo):
        clone = copy.copy(self)
        clone.executions = []
        return clone

    StateMachine.__deepcopy__ = shallow


def events_arrays_of_objects():
    """Stock moto matches no pattern inside an array of objects (detail.findings[]), and a
    disabled rule still delivers."""
    from moto.events.models import EventPattern, Rule

    def variants(value):
        if isinstance(value, dict):
            out = [{}]
            for key, inner in value.items():
                out = [{**o, key: v} for o in out for v in variants(inner)][:1000]
            return out
        if isinstance(value, list) and value and all(isinstance(x, dict) for x in value):
            return [v for x in value for v in variants(x)]
        return [value]

    matches, send = EventPattern.matches_event, Rule.send_to_targets
    EventPattern.matches_event = lambda self, event: any(matches(self, v) for v in variants(json.loads(json.dumps(event))))
    Rule.send_to_targets = lambda self, *a, **k: send(self, *a, **k) if self.state == "ENABLED" else None


def s3_public_access_block():
    """Stock moto knows the operation by another query parameter than AWS's, and asks IAM for s3:ListBucket."""
    from moto.s3.responses import ACTION_MAP

    for operations in ACTION_MAP["BUCKET"].values():
        if "public_access_block" in operations:
            operations["publicAccessBlock"] = operations.pop("public_access_block")


def ecr_scanning_off():
    """Stock moto ignores an empty configuration, which is how clients say scanOnPush: false."""
    from moto.ecr.models import ECRBackend

    stock = ECRBackend.put_image_scanning_configuration

    def put(self, registry_id, repository_name, image_scan_config):
        return stock(self, registry_id, repository_name, {"scanOnPush": False} | (image_scan_config or {}))

    ECRBackend.put_image_scanning_configuration = put


def organizations_account_ids():
    """Stock moto chooses account ids at random; ours are those that resources lie in."""
    from moto.organizations.models import FakeAccount

    stock = FakeAccount.__init__

    def init(self, organization, **kwargs):
        stock(self, organization, **kwargs)
        self.id = next((t["Value"] for t in kwargs.get("Tags", []) if t["Key"] == "sandbox:account-id"), self.id)

    FakeAccount.__init__ = init


def iam_simulate():
    """Stock moto lacks SimulatePrincipalPolicy; ours looks at a role's inline and attached policies, by action and resource."""
    from moto.core.responses import ActionResult
    from moto.iam import access_control as ac
    from moto.iam.responses import IamResponse

    def simulate_principal_policy(self):
        role = self.backend.get_role_by_arn(self._get_param("PolicySourceArn"))
        policies = [*role.policies.values(), *(p.document for p in role.managed_policies.values())]

        def decide(action, resource):
            verdicts = [ac.IAMPolicy(p).is_action_permitted(action, resource) for p in policies]
            yes = ac.PermissionResult.PERMITTED in verdicts and ac.PermissionResult.DENIED not in verdicts
            return {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": "allowed" if yes else "implicitDeny"}

        resources = self._get_param("ResourceArns") or ["*"]
        results = [decide(a, r) for r in resources for a in self._get_param("ActionNames")]
        return ActionResult({"IsTruncated": False, "EvaluationResults": results})

    IamResponse.simulate_principal_policy = simulate_principal_policy


BY_SERVICE = {
    "iam": [iam_simulate],
    "ecr": [ecr_scanning_off],
    "s3": [s3_public_access_block],
    "organizations": [organizations_account_ids],
    "kms": [kms_rotation_period],
    "ec2": [ec2_public_snapshots],
    "rds": [rds_resource_ids],
    "secretsmanager": [secrets_last_accessed],
    "stepfunctions": [stepfunctions_copy],
    "events": [events_arrays_of_objects],
}


def apply(service):
    for patch in BY_SERVICE.pop(service, []):
        patch()


for patch in (iam_policies_shared, iam_root, iam_signature_without_body, iam_session_policies):
    patch()  # IAM is behind every service


def backdate(account, kind, id, when):
    """Sets a date that AWS sets itself and no API can. Raises KeyError for what isn't there."""
    from moto.iam.models import AccessKeyLastUsed, iam_backends
    from moto.secretsmanager.models import secretsmanager_backends

    apply("secretsmanager")
    at = datetime.fromtimestamp(when, timezone.utc).replace(tzinfo=None)
    users = [u for b in iam_backends[account].values() for u in b.users.values()]
    found = {
        "access-key": [k for u in users for k in u.access_keys if k.access_key_id == id],
        "user": [u for u in users if u.name == id],
        "secret": [s for b in secretsmanager_backends[account].values() for s in b.secrets.values() if id in (s.arn, s.name)],
    }
    thing, _, what = kind.partition(".")
    attribute, value = {
        "access-key.created": ("create_date", at),
        "access-key.used": ("last_used", AccessKeyLastUsed(at, "s3", "us-east-1")),
        "user.created": ("create_date", at),
        "user.password-used": ("password_last_used", at),
        "secret.created": ("created_date", when),
        "secret.changed": ("last_changed_date", when),
        "secret.accessed": ("last_accessed_date", when),
        "secret.rotated": ("last_rotation_date", when),
    }[kind]
    for one in found[thing] or [None]:
        if one is None:
            raise KeyError(id)
        setattr(one, attribute, value)
    return {}


def allowed(account, partition, key, token, action):
    """Says whether a key may do what the gateway answers itself."""
    from moto.iam import access_control as ac

    headers = {"X-Amz-Security-Token": token} if token else {}
    holder = ac.create_access_key(account, partition, key, headers)
    verdicts = [ac.IAMPolicy(p).is_action_permitted(action) for p in holder.collect_policies()]
    policy = session_policy(holder)
    yes = ac.PermissionResult.PERMITTED in verdicts and ac.PermissionResult.DENIED not in verdicts
    if policy:
        yes = yes and ac.IAMPolicy(policy).is_action_permitted(action) is ac.PermissionResult.PERMITTED
    return {"allowed": yes, "who": holder.arn}


class Hooks:
    """Our own paths before moto's."""

    def __init__(self, app):
        self.app = app
        self.paths = {"/_sandbox/backdate": backdate, "/_sandbox/allowed": allowed}

    def __call__(self, environ, start):
        hook = self.paths.get(environ["PATH_INFO"])
        if not hook:
            return self.app(environ, start)
        try:
            ask = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
            status, answer = "200 OK", hook(**ask)
        except Exception as e:
            status, answer = "404 Not Found", {"error": f"{type(e).__name__}: {e}"}
        start(status, [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]
