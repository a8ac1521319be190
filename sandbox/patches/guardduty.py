import json
from urllib.parse import unquote

from patches import mark, ours


def apply():
    one_detector()
    tags()
    filters()
    administrator()


def refuse(message):
    from moto.core.exceptions import JsonRESTError

    class BadRequest(JsonRESTError):
        code = 400

        def get_headers(self, *args, **kwargs):
            return [("X-Amzn-ErrorType", "BadRequestException")]

    raise BadRequest("InvalidInputException", "The request is rejected because " + message)


def one_detector():
    """Stock moto makes any number of detectors; AWS has one an account and Region, and answers a
    client token that it has seen with the detector of then
    (https://docs.aws.amazon.com/guardduty/latest/APIReference/API_CreateDetector.html)."""
    from moto.guardduty.models import GuardDutyBackend
    from moto.guardduty.responses import GuardDutyResponse

    create, respond = GuardDutyBackend.create_detector, GuardDutyResponse.create_detector

    def create_detector(self, *args, **kwargs):
        if self.detectors:
            mark()
            refuse("a detector already exists for the current account.")
        return create(self, *args, **kwargs)

    def answer(self):
        backend, token = self.guardduty_backend, self._get_param("clientToken")
        seen = backend.__dict__.setdefault("client_tokens", {})
        if token and seen.get(token) in backend.detectors:
            mark()
            return json.dumps({"detectorId": seen[token]})
        out = respond(self)
        seen[token] = json.loads(out)["detectorId"]
        return out

    GuardDutyBackend.create_detector, GuardDutyResponse.create_detector = create_detector, answer


def tags():
    """Stock moto has no TagResource, UntagResource and ListTagsForResource, and forgets a filter's
    tags. Ours keeps up to 50 on detectors and filters; other resources it doesn't have."""
    from moto.guardduty import urls
    from moto.guardduty.models import Filter, GuardDutyBackend
    from moto.guardduty.responses import GuardDutyResponse

    urls.url_paths["{0}/tags/(?P<resource_arn>.+)$"] = GuardDutyResponse.dispatch

    def tagged(self):
        arn = unquote(self.path.split("/tags/", 1)[1])
        backend = self.guardduty_backend
        head, _, name = arn.partition(":detector/")
        detector, _, rest = name.partition("/")
        if head != f"arn:{self.partition}:guardduty:{self.region}:{self.current_account}":
            refuse("the input resourceArn is not owned by the current account.")
        if rest and not rest.startswith("filter/"):
            refuse("the sandbox has tags of detectors and filters only.")
        thing = backend.get_filter(detector, rest.removeprefix("filter/")) if rest else backend.get_detector(detector)
        if not hasattr(thing, "tags"):
            thing.tags = {}
        return thing.tags

    @ours
    def tag_resource(self):
        have, new = tagged(self), self._get_param("tags") or {}
        if any(k.startswith("aws:") for k in new):
            refuse("tag keys can't begin with aws:.")
        if len({**have, **new}) > 50:
            refuse("the resource would have more than 50 tags.")
        have.update(new)
        return "{}"

    @ours
    def untag_resource(self):
        have = tagged(self)
        for key in self.querystring.get("tagKeys", []):
            have.pop(key, None)
        return "{}"

    @ours
    def list_tags_for_resource(self):
        return json.dumps({"tags": tagged(self)})

    create, tell = GuardDutyResponse.create_filter, Filter.to_json

    def create_filter(self):
        out, tags = create(self), self._get_param("tags")
        if tags:
            mark()
            self.guardduty_backend.get_filter(self.path.split("/")[-2], json.loads(out)["name"]).tags = dict(tags)
        return out

    def to_json(self):
        return {**tell(self), "tags": getattr(self, "tags", {})}

    GuardDutyResponse.tag_resource, GuardDutyResponse.untag_resource = tag_resource, untag_resource
    GuardDutyResponse.list_tags_for_resource = list_tags_for_resource
    GuardDutyResponse.create_filter, Filter.to_json = create_filter, to_json


def filters():
    """Stock moto has no ListFilters."""
    from moto.guardduty.responses import GuardDutyResponse

    @ours
    def list_filters(self):
        detector = self.guardduty_backend.get_detector(self.path.split("/")[-2])
        names, start = sorted(detector.filters), int(self._get_param("nextToken") or 0)
        page = names[start : start + int(self._get_param("maxResults") or 50)]
        more = start + len(page)
        return json.dumps({"filterNames": page, "nextToken": str(more) if more < len(names) else ""})

    GuardDutyResponse.list_filters = list_filters


def administrator():
    """Stock moto answers GetAdministratorAccount under names that no client reads."""
    from moto.guardduty.models import GuardDutyBackend

    stock = GuardDutyBackend.get_administrator_account

    def get_administrator_account(self, detector_id):
        out = stock(self, detector_id).get("Administrator")
        if not out:
            return {}
        mark()
        return {"administrator": {"accountId": out["AccountId"], "relationshipStatus": "Enabled"}}

    GuardDutyBackend.get_administrator_account = get_administrator_account
