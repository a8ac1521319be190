"""One execution of an Automation document: its steps, its statuses, and the events that tell of them."""
import json
import re
import uuid

from patches import apply as patch

ENDED = {
    "Success", "TimedOut", "Cancelled", "Failed", "Rejected", "ChangeCalendarOverrideRejected",
    "CompletedWithSuccess", "CompletedWithFailure", "Exited",
}


class Execution:
    def __init__(self, response, by, name, version, content, values, program):
        from moto.core.utils import utcnow

        self.id = str(uuid.uuid4())
        self.name, self.version, self.content, self.values = name, version, content, values
        self.account, self.region, self.partition, self.by = response.current_account, response.region, response.partition, by
        self.status, self.started, self.ended, self.message, self.steps, self.outputs = "Pending", utcnow(), None, "", [], {}
        self.program = program
        self.path = list(program["statuses"]) if program else []
        self.waiting = None  # the step that waits for a signal

    def begin(self):
        if not self.program:
            self.enter("InProgress")
            self.go_on(self.content["mainSteps"])

    def look(self):
        """A DescribeAutomationExecutions takes a programmed execution one status further."""
        if self.path:
            self.enter(self.path.pop(0))

    def enter(self, status):
        from moto.core.utils import utcnow

        if status == self.status:
            return
        self.status = status
        if status in ENDED:
            self.ended = utcnow()
            if self.program:
                self.outputs = self.program["outputs"]
                self.message = "" if "Success" in status else self.program["message"]
                self.steps = [self.step(self.program["step"] or "Only", "aws:executeScript", {}, "Success" if "Success" in status else status, self.message)]
        self.emit()

    def step(self, name, action, outputs, status, message=""):
        from moto.core.utils import utcnow

        return {
            "StepName": name, "Action": action, "StepStatus": status, "StepExecutionId": str(uuid.uuid4()), "ExecutionStartTime": utcnow(),
            "Outputs": outputs, **({"FailureMessage": message} if message else {}),
        }

    def go_on(self, left):
        """Runs steps until one waits, fails or ends it."""
        for i, s in enumerate(left):
            inputs = self.fill(s.get("inputs") or {})
            if s["action"] in ("aws:approve", "aws:pause"):
                self.steps.append(self.step(s["name"], s["action"], {"ApprovalStatus": ["Waiting"]} if s["action"] == "aws:approve" else {}, "Waiting"))
                self.waiting = (s, inputs, left[i + 1 :])
                self.enter("Waiting")
                return
            try:
                outputs = {"aws:executeAwsApi": self.call, "aws:executeScript": self.script}[s["action"]](s, inputs)
            except KeyError as e:
                if e.args != (s["action"],):
                    return self.fail(s, f"KeyError: {e}")
                return self.fail(s, f"the sandbox doesn't run {s['action']}")
            except Exception as e:
                return self.fail(s, f"{type(e).__name__}: {e}")
            self.steps.append(self.step(s["name"], s["action"], outputs, "Success"))
            self.outputs.update({f"{s['name']}.{k}": v for k, v in outputs.items()})
            if s.get("isEnd"):
                break
        self.enter("Success")

    def fail(self, s, why):
        self.steps.append(self.step(s["name"], s["action"], {}, "Failed", why))
        self.message = f"Step fails when it is Execute/Cancelling action. {why}. Please refer to Automation Service Troubleshooting Guide for more diagnosis details."
        self.enter("Failed")

    def call(self, s, inputs):
        if (inputs.get("Service"), inputs.get("Api")) != ("events", "PutEvents"):
            raise NotImplementedError(f"the sandbox calls only events PutEvents from a document, not {inputs.get('Service')} {inputs.get('Api')}")
        patch("events")
        from moto.events.models import events_backends

        answers = events_backends[self.account][self.region].put_events(inputs["Entries"])
        told = {"FailedEntryCount": sum("ErrorCode" in a for a in answers), "Entries": answers}
        return self.select(s, told)

    def script(self, s, inputs):
        if not inputs["Runtime"].startswith("python"):
            raise NotImplementedError(f"the sandbox runs no {inputs['Runtime']}")
        space = {}
        exec(inputs["Script"], space)  # a document of the test's own
        told = space[inputs["Handler"]](inputs.get("InputPayload") or {}, {})
        return self.select(s, {"Payload": told})

    def select(self, s, told):
        out = {}
        for o in s.get("outputs") or []:
            value = told
            for part in o["Selector"].removeprefix("$.").split("."):
                value = value[part]
            out[o["Name"]] = [value if isinstance(value, str) else json.dumps(value)]
        return out

    def fill(self, value):
        """Puts in what stands for {{ … }}."""
        if isinstance(value, dict):
            return {k: self.fill(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.fill(v) for v in value]
        if not isinstance(value, str):
            return value
        whole = re.fullmatch(r"\{\{\s*(\S+?)\s*\}\}", value)
        if whole and (self.content.get("parameters") or {}).get(whole[1], {}).get("type") == "StringList":
            return self.values[whole[1]]
        return re.sub(r"\{\{\s*(\S+?)\s*\}\}", lambda m: self.variable(m[1]), value)

    def variable(self, name):
        known = {
            "global:REGION": self.region, "global:ACCOUNT_ID": self.account, "global:AWS_PARTITION": self.partition, "automation:EXECUTION_ID": self.id,
        }
        if name in known:
            return known[name]
        texts = self.values.get(name) or self.outputs.get(name) or [""]
        return texts[0]

    def signal(self, kind, payload, by):
        """Takes an execution on that waits. False: it doesn't wait for that."""
        if not self.waiting:
            return False
        s, inputs, left = self.waiting
        step = self.steps[-1]
        comment = (payload.get("Comment") or [""])[0]
        if s["action"] == "aws:pause" and kind == "Resume" and payload.get("StepName") == [s["name"]]:
            step["StepStatus"] = "Success"
        elif s["action"] == "aws:approve" and kind in ("Approve", "Reject"):
            role = re.sub(r":sts::(\d+):assumed-role/([^/]+)/.*", r":iam::\1:role/\2", by)
            if not {by, role, by.rpartition("/")[2]} & set(inputs["Approvers"]):
                return False
            decision = {"Approver": by, "Decision": kind, "Comment": comment}
            step["Outputs"] = {"ApprovalStatus": ["Approved" if kind == "Approve" else "Rejected"], "ApproverDecisions": [json.dumps(decision)]}
            step["StepStatus"] = "Success" if kind == "Approve" else "Failed"
        else:
            return False
        self.waiting = None
        if kind == "Reject":
            self.message = step["FailureMessage"] = "Step fails when it is Execute/Approving. Approval was rejected."
            self.enter("Failed")
            return True
        self.enter("InProgress")
        self.go_on([] if s.get("isEnd") else left)
        return True

    def emit(self):
        """https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html"""
        patch("events")
        from moto.core.utils import unix_time
        from moto.events.models import events_backends

        at = lambda t: f"{t:%b} {t.day}, {t:%Y} {t:%I:%M:%S} {t:%p}"
        arn = f"arn:{self.partition}:ssm:{self.region}:{self.account}"
        detail = {
            "ExecutionId": self.id, "Definition": self.name, "DefinitionVersion": float(self.version), "Status": self.status,
            "StartTime": at(self.started), **({"EndTime": at(self.ended)} if self.ended else {}), "Time": 0.0, "ExecutedBy": self.by,
        }
        event = {
            "version": "0", "id": str(uuid.uuid4()), "detail-type": "EC2 Automation Execution Status-change Notification", "source": "aws.ssm",
            "account": self.account, "time": unix_time(), "region": self.region,
            "resources": [f"{arn}:automation-execution/{self.id}", f"{arn}:automation-definition/{self.name}:{self.version}"], "detail": detail,
            "ingestion-time": unix_time(),
        }
        for rule in list(events_backends[self.account][self.region].describe_event_bus("default").rules.values()):
            rule.send_to_targets(json.loads(json.dumps(event)))

    def told(self):
        now = next((s for s in self.steps if s["StepStatus"] not in ENDED), None)
        return {
            "AutomationExecutionId": self.id, "DocumentName": self.name, "DocumentVersion": self.version, "AutomationExecutionStatus": self.status,
            "ExecutionStartTime": self.started, **({"ExecutionEndTime": self.ended} if self.ended else {}), "ExecutedBy": self.by,
            "Outputs": self.outputs, "Mode": "Auto", "Targets": [], "ResolvedTargets": {"ParameterValues": [], "Truncated": False},
            **({"FailureMessage": self.message} if self.message else {}), **({"CurrentStepName": now["StepName"], "CurrentAction": now["Action"]} if now else {}),
        }
