import copy
import json

from patches import mark


def apply():
    patterns()
    envelopes()
    other_buses()


def patterns():
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


def envelopes():
    """Stock moto delivers events without their account."""
    from moto.events.utils import EventTemplateParser as Parser

    parse = Parser.parse

    def whole(input_template, input_paths_map, event):
        if input_template:
            return parse(input_template, input_paths_map, event)
        return {k: copy.deepcopy(v) for k, v in event.items() if k != "ingestion-time"}

    Parser.parse = staticmethod(whole)


def other_buses():
    """Stock moto makes an event that a rule forwards to another account's bus one of that account's, and
    puts an event for another account's bus on the caller's own. Here an event keeps its account and
    Region wherever it goes, and PutEvents takes no bus of another Region
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html)."""
    from moto.events.exceptions import ValidationException
    from moto.events.models import EventsBackend, Rule, events_backends

    send, put = Rule.send_to_targets, EventsBackend.put_events

    def bus_of(arn):
        return arn.split(":", 5)[3:6] if arn.startswith("arn:") and ":event-bus/" in arn else None

    def send_to_targets(self, event, *args, **kwargs):
        ours = copy.copy(self)
        ours.targets = [t for t in self.targets if not bus_of(t["Arn"])]
        send(ours, copy.deepcopy(event), *args, **kwargs)
        if self.state != "ENABLED" or not self.event_pattern.matches_event(event):
            return
        for region, account, bus in filter(None, (bus_of(t["Arn"]) for t in self.targets)):
            for rule in list(events_backends[account][region].describe_event_bus(bus.partition("/")[2]).rules.values()):
                rule.send_to_targets(copy.deepcopy(event))

    def put_events(self, events):
        answers = []
        for e in events:
            region, account, _ = bus_of(e.get("EventBusName") or "") or (self.region_name, self.account_id, "")
            if region != self.region_name:
                raise ValidationException("Cross-region api call is not allowed.")
            there = self
            if account != self.account_id:
                mark()
                there = copy.copy(events_backends[account][region])
                there.account_id = self.account_id
            answers += put(there, [e])
        return answers

    Rule.send_to_targets, EventsBackend.put_events = send_to_targets, put_events
