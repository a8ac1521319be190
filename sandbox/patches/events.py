import json


def apply():
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
