"""Systems Manager Automation, which stock moto lacks altogether: executions of stored documents and of
a few of AWS's own, after the service's API model and its user guide
(https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-automation.html).

A stored document's steps really run, as far as aws:executeAwsApi (PutEvents only), aws:executeScript
(Python only), aws:approve and aws:pause go; another action fails its step. A document that a test has
programmed runs no steps: its executions go through the statuses that were given, one a
DescribeAutomationExecutions, and the last stays. AWS's own are always so; without a program they succeed.
Not here: targets, rate control, other accounts and Regions, alarms, change requests, time-outs, retries."""
import json
import re
import threading

from patches import ours
from patches.automation_execution import ENDED, Execution

ROLE = {"AutomationAssumeRole": {"type": "String"}}
OPTIONAL_ROLE = {"AutomationAssumeRole": {"type": "String", "default": ""}}

# AWS's own documents that are known here, with their parameters
# (https://docs.aws.amazon.com/systems-manager-automation-runbooks/latest/userguide/).
OWN = {
    "AWS-DisableS3BucketPublicReadWrite": {**OPTIONAL_ROLE, "S3BucketName": {"type": "String"}},
    "AWS-EnableS3BucketEncryption": {
        **OPTIONAL_ROLE, "BucketName": {"type": "String"}, "SSEAlgorithm": {"type": "String", "default": "AES256", "allowedValues": ["AES256"]},
    },
    "AWSConfigRemediation-EnableKeyRotation": {**ROLE, "KeyId": {"type": "String"}},
}

programs = {}  # by account and the document's name
lock = threading.RLock()


def apply():
    from moto.ssm.responses import SimpleSystemManagerResponse as Response

    for call in (start_automation_execution, get_automation_execution, describe_automation_executions, stop_automation_execution, send_automation_signal):
        setattr(Response, call.__name__, ours(locked(call)))


def locked(call):
    def guarded(self):
        with lock:
            return call(self)

    guarded.__name__ = call.__name__
    return guarded


def program(account, document, statuses, outputs=None, step="", message=""):
    """The hook behind Sandbox.Automate."""
    with lock:
        programs[account, document] = {"statuses": statuses, "outputs": outputs or {}, "step": step, "message": message}
    return {}


def enter(account, region, execution, status):
    """The hook behind Sandbox.EndAutomation."""
    from moto.ssm.models import ssm_backends

    with lock:
        e = executions(ssm_backends[account][region])[execution]
        e.path = []
        e.enter(status)
    return {}


def executions(backend):
    return backend.__dict__.setdefault("automation_executions", {})


def fault(code, message):
    from moto.ssm.exceptions import SSMException

    return SSMException(code, message)


def caller(self):
    """Who calls, as AWS writes it: root's for the sandbox's own calls."""
    from moto.iam.models import iam_backends
    from moto.sts.models import sts_backends

    if "X-Moto-Account-Id" not in self.headers:
        role = sts_backends[self.current_account][self.partition].get_assumed_role_from_access_key(self.access_key)
        if role:
            return role.arn
        for user in iam_backends[self.current_account][self.partition].users.values():
            if any(k.access_key_id == self.access_key for k in user.access_keys):
                return user.arn
    return f"arn:{self.partition}:iam::{self.current_account}:root"


def start_automation_execution(self):
    from moto.core.responses import ActionResult

    name, version, token = self._get_param("DocumentName"), self._get_param("DocumentVersion"), self._get_param("ClientToken")
    given = self._get_param("Parameters") or {}
    if token and not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", token):
        raise fault("ValidationException", f"Value '{token}' at 'clientToken' failed to satisfy constraint: it must be a UUID")
    asked = (name, version, json.dumps(given, sort_keys=True))
    for e in executions(self.ssm_backend).values():
        if token and e.token == token.lower():
            if e.asked != asked:
                raise fault("IdempotentParameterMismatch", "The parameters of the call are others than those of the first call with this token.")
            return ActionResult({"AutomationExecutionId": e.id})
    version, content = document(self, name, version)
    plan = programs.get((self.current_account, name)) or ({"statuses": ["Success"], "outputs": {}, "step": "", "message": ""} if name in OWN else None)
    e = Execution(self, caller(self), name, version, content, parameters(content, given), plan)
    e.asked, e.token = asked, (token or "").lower()
    e.tags = {t["Key"]: t["Value"] for t in self._get_param("Tags") or []}
    passable(self, e)
    executions(self.ssm_backend)[e.id] = e
    e.begin()
    return ActionResult({"AutomationExecutionId": e.id})


def document(self, name, version):
    """The document's version and content."""
    if name in OWN:
        return "1", {"parameters": OWN[name], "assumeRole": "{{ AutomationAssumeRole }}", "mainSteps": []}
    backend, found = self.ssm_backend, None
    if name.startswith("arn:"):  # shared by another account
        from moto.ssm.models import ssm_backends

        _, _, _, region, account, resource = name.split(":", 5)
        if region == self.region:
            found = ssm_backends[account][region]._documents.get(resource.partition("/")[2])
            if found and account != self.current_account and not {"all", self.current_account} & set(found.permissions):
                found = None
    else:
        found = backend._documents.get(name)
    if not found or found.get_default_version().document_type != "Automation":
        raise fault("AutomationDefinitionNotFoundException", f"Automation definition with name {name} not found.")
    one = found.find(None if version in (None, "$DEFAULT") else version, strict=False)
    if not one:
        raise fault("AutomationDefinitionVersionNotFoundException", f"Automation definition with name {name} has no version {version}.")
    return one.document_version, one.content_json


def parameters(content, given):
    """The document's parameters with those given, by its own rules."""
    wrong = lambda why: fault("InvalidAutomationExecutionParametersException", why)
    known = content.get("parameters") or {}
    values = {}
    for name, texts in given.items():
        if name not in known:
            raise wrong(f"Parameters [{name}] are not defined in the document.")
        p = known[name]
        if not isinstance(texts, list) or not all(isinstance(t, str) and len(t) <= 512 for t in texts):
            raise wrong(f"Parameter {name} must be a list of strings of at most 512 characters.")
        if len(texts) > 1 and p["type"] != "StringList":
            raise wrong(f"Parameter {name} takes one value.")
        for t in texts:
            if p.get("allowedValues") and t not in [str(v) for v in p["allowedValues"]]:
                raise wrong(f"Parameter {name} must be one of {p['allowedValues']}.")
            if p.get("allowedPattern") and not re.search(p["allowedPattern"], t):
                raise wrong(f"Parameter {name} does not match {p['allowedPattern']}.")
            if p["type"] == "Boolean" and t not in ("true", "false"):
                raise wrong(f"Parameter {name} must be true or false.")
            if p["type"] == "Integer" and not re.fullmatch(r"-?\d+", t):
                raise wrong(f"Parameter {name} must be an integer.")
        values[name] = texts
    for name, p in known.items():
        if name not in values and "default" not in p:
            raise wrong(f"Parameter {name} is required.")
        if name not in values:
            values[name] = p["default"] if isinstance(p["default"], list) else [str(p["default"])]
    return values


def passable(self, e):
    """The role that the document assumes must be there, and trust Automation."""
    from moto.iam.models import iam_backends

    arn = e.fill(e.content.get("assumeRole") or "")
    if not arn:
        return
    role = next((r for r in iam_backends[self.current_account][self.partition].roles.values() if r.arn == arn), None)
    trust = role and role.assume_role_policy_document
    if not trust or "ssm.amazonaws.com" not in (trust if isinstance(trust, str) else json.dumps(trust)):
        raise fault("InvalidAutomationExecutionParametersException", "The defined assume role is unable to be assumed.")


def found(self):
    e = executions(self.ssm_backend).get(self._get_param("AutomationExecutionId"))
    if not e:
        raise fault("AutomationExecutionNotFoundException", "Automation execution not found.")
    return e


def get_automation_execution(self):
    from moto.core.responses import ActionResult

    e = found(self)
    return ActionResult({"AutomationExecution": {**e.told(), "Parameters": e.values, "StepExecutions": e.steps, "StepExecutionsTruncated": False}})


FILTERS = {
    "DocumentNamePrefix": lambda e, vs: any(e.name.startswith(v) for v in vs),
    "ExecutionStatus": lambda e, vs: e.status in vs,
    "ExecutionId": lambda e, vs: e.id in vs,
    "TagKey": lambda e, vs: any(v in e.tags for v in vs),
}


def describe_automation_executions(self):
    from moto.core.responses import ActionResult

    filters = self._get_param("Filters") or []
    for f in filters:
        if f["Key"] not in FILTERS:
            raise fault("InvalidFilterKey", f"the sandbox has no filter {f['Key']}")
    every = [e for e in executions(self.ssm_backend).values() if all(FILTERS[f["Key"]](e, f["Values"]) for f in filters)]
    every.sort(key=lambda e: e.started, reverse=True)
    start, size = int(self._get_param("NextToken") or 0), int(self._get_param("MaxResults") or 50)
    page = every[start : start + size]
    for e in page:
        e.look()
    more = {"NextToken": str(start + size)} if start + size < len(every) else {}
    return ActionResult({"AutomationExecutionMetadataList": [{**e.told(), "AutomationType": "Local"} for e in page], **more})


def stop_automation_execution(self):
    from moto.core.responses import EmptyResult

    e = found(self)
    if e.status in ENDED:
        raise fault("InvalidAutomationStatusUpdateException", "The specified update status operation isn't valid.")
    e.path, e.waiting = [], None
    for s in e.steps:
        s["StepStatus"] = s["StepStatus"] if s["StepStatus"] in ENDED else "Cancelled"
    e.enter("Cancelled")
    return EmptyResult()


def send_automation_signal(self):
    from moto.core.responses import EmptyResult

    e, kind = found(self), self._get_param("SignalType")
    if kind not in ("Approve", "Reject", "StartStep", "StopStep", "Resume", "Revoke"):
        raise fault("ValidationException", f"'{kind}' is no signal type")
    if not e.signal(kind, self._get_param("Payload") or {}, caller(self)):
        raise fault("InvalidAutomationSignalException", "The signal isn't valid for the current Automation execution.")
    return EmptyResult()
