"""IAM is behind every service: these changes are made at the start."""
import copy
import json
import secrets
import string
from urllib.parse import parse_qsl, quote

from patches import ours


def apply():
    for change in (policies_shared, root, signature_without_body, session_policies, simulate, user_ids, stacks_policies):
        change()


def stacks_policies():
    """Stock moto keeps the inline policies of a stack's role as objects, which its own check of rights can't read."""
    from moto.iam.models import Role

    put = Role.put_policy
    Role.put_policy = lambda self, name, policy: put(self, name, policy if isinstance(policy, str) else json.dumps(policy))


def policies_shared():
    """Stock moto parses 1,300 managed policies anew for each account: half a second."""
    from moto.iam.models import IAMBackend

    parse, parsed = IAMBackend._init_aws_policies, {}

    def init(self):
        if self.region_name not in parsed:
            parsed[self.region_name] = parse(self)
        return [copy.copy(p) for p in parsed[self.region_name]]

    IAMBackend._init_aws_policies = init


def root():
    """Calls with the account header are the sandbox's own: they may do everything."""
    from moto.core.authorization import ActionAuthenticatorMixin as Mixin

    check = Mixin._authenticate_and_authorize_action

    def unless_root(self, request_class, resource="*"):
        if "X-Moto-Account-Id" not in self.headers:
            check(self, request_class, resource)

    Mixin._authenticate_and_authorize_action = unless_root


def signature_without_body():
    """Stock moto signs the path's parameters as if they were a form, and a query as it was decoded: calls of
    Lambda fail, and those of S3 whose prefix has a slash."""
    from moto.iam.access_control import IAMRequestBase

    build = IAMRequestBase._create_aws_request

    def request(self):
        if not self._headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            self._data = {}
        path, asked, query = self._path.partition("?")
        self._path = path + asked + "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in parse_qsl(query, keep_blank_values=True))
        return build(self)

    IAMRequestBase._create_aws_request = request


def permitted(statement, action, resource="*", principal=None, values=None):
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
    if action.startswith("dynamodb:Transact"):  # needs the right to each of its parts; at least this one
        return "dynamodb:PutItem" if action.endswith("WriteItems") else "dynamodb:GetItem"
    if action.startswith("monitoring:"):
        return "cloudwatch:" + action.removeprefix("monitoring:")
    if action.startswith("s3:") and action.endswith("PublicAccessBlock"):
        kind = "Bucket" if of_bucket else "Account"
        return ("s3:Get" if action.startswith("s3:Get") else "s3:Put") + kind + "PublicAccessBlock"
    return action


def session_policies():
    """Stock moto does not look at the session policy; and it asks the trust policy only
    for roles of the caller's own account, with conditions it does not know: the gateway does."""
    from moto.iam import access_control as ac

    ac.IAMPolicyStatement.is_action_permitted = permitted
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


def simulate():
    """Stock moto lacks SimulatePrincipalPolicy; ours looks at a role's inline and attached policies, by action and resource."""
    from moto.core.responses import ActionResult
    from moto.iam import access_control as ac
    from moto.iam.responses import IamResponse

    @ours
    def simulate_principal_policy(self):
        role = self.backend.get_role_by_arn(self._get_param("PolicySourceArn"))
        policies = [*role.policies.values(), *role.managed_policies.values()]

        def decide(action, resource):
            verdicts = [ac.IAMPolicy(p).is_action_permitted(action, resource) for p in policies]
            yes = ac.PermissionResult.PERMITTED in verdicts and ac.PermissionResult.DENIED not in verdicts
            return {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": "allowed" if yes else "implicitDeny"}

        resources = self._get_param("ResourceArns") or ["*"]
        results = [decide(a, r) for r in resources for a in self._get_param("ActionNames")]
        return ActionResult({"IsTruncated": False, "EvaluationResults": results})

    IamResponse.simulate_principal_policy = simulate_principal_policy


def user_ids():
    """Stock moto gives users ids that no AWS has; the service-linked role of AWS Config has a capital."""
    from moto.iam import models

    init = models.User.__init__

    def with_id(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.id = "AIDA" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(17))

    models.User.__init__ = with_id
    models.SERVICE_NAME_CONVERSION["config"] = "Config"


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
