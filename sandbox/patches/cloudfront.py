import re

from patches import mark, ours


def apply():
    """Stock moto forgets what it doesn't model of a distribution's configuration, never changes its ETag and takes any.
    Ours keeps the configuration's text as it was sent, gives it an ETag of its own with each update, refuses another one,
    and refuses an origin of two kinds or of none, and one whose access control is of another kind:
    https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_UpdateDistribution.html"""
    from moto.cloudfront.models import random_id
    from moto.cloudfront.responses import CloudFrontResponse

    def remembering(stock):
        def create(self):
            text = sent(self.body)
            check(self.backend, text)
            answer = stock(self)
            answer.result["Distribution"].text = text
            return answer

        return create

    update = CloudFrontResponse.update_distribution
    config = CloudFrontResponse.get_distribution_config

    @ours
    def update_distribution(self):
        text, dist = sent(self.body), self.backend.distributions.get(self._get_param("Id"))
        if dist and self._get_param("IfMatch") and self._get_param("IfMatch") != dist.etag:
            raise refusal("PreconditionFailed", "The request failed because it didn't meet the preconditions in one or more request-header fields.")
        check(self.backend, text)
        answer = update(self)
        dist.text, dist.etag = text, random_id()
        answer.result["ETag"] = dist.etag
        return answer

    def get_distribution_config(self):
        answer = config(self)
        dist = self.backend.distributions[self._get_param("Id")]
        mark()
        return 200, {"ETag": answer.result["ETag"], "Content-Type": "text/xml"}, dist.text

    CloudFrontResponse.create_distribution = remembering(CloudFrontResponse.create_distribution)
    CloudFrontResponse.create_distribution_with_tags = remembering(CloudFrontResponse.create_distribution_with_tags)
    CloudFrontResponse.update_distribution = update_distribution
    CloudFrontResponse.get_distribution_config = get_distribution_config


def sent(body):
    """The configuration in a request's body, as it stands there."""
    text = body.decode() if isinstance(body, bytes) else body
    found = re.search(r"<DistributionConfig(\s[^>]*)?>.*</DistributionConfig>", text, re.S)
    text = found.group(0)
    return text if "xmlns" in text[: text.index(">")] else text.replace("<DistributionConfig", '<DistributionConfig xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"', 1)


def check(backend, text):
    from xml.etree import ElementTree

    root = ElementTree.fromstring(re.sub(r'\sxmlns="[^"]*"', "", text))
    for origin in root.findall("Origins/Items/Origin"):
        kinds = [k for k in ("S3OriginConfig", "CustomOriginConfig", "VpcOriginConfig") if origin.find(k) is not None]
        if len(kinds) != 1:
            raise refusal("InvalidArgument", f"Origin {origin.findtext('Id')} must have one kind of configuration, and has {kinds}.")
        access = origin.findtext("OriginAccessControlId")
        if not access:
            continue
        control = backend.origin_access_controls.get(access)
        if control is None or (control.origin_type == "s3") != (kinds == ["S3OriginConfig"]):
            raise refusal("InvalidOriginAccessControl", "The origin access control is not valid.")


def refusal(code, message):
    from moto.cloudfront.exceptions import CloudFrontException

    mark()
    return CloudFrontException(code, message)
