import re

from patches import mark, ours

FEEDBACK = re.compile(r"(Application|Firehose|HTTP|Lambda|SQS)(SuccessFeedbackRoleArn|FailureFeedbackRoleArn|SuccessFeedbackSampleRate)")
ROLE = re.compile(r"(arn:[\w-]+:iam::\d{12}:role/.+)?")  # empty: none


def apply():
    """Stock moto takes the attributes that have deliveries logged and forgets them. Here a topic
    keeps them; an empty role takes one away, and a rate is a number from 0 to 100.
    https://docs.aws.amazon.com/sns/latest/dg/sns-topic-attributes.html"""
    from moto.sns.exceptions import SNSInvalidParameter
    from moto.sns.responses import SNSResponse

    stock_get, stock_set = SNSResponse.get_topic_attributes, SNSResponse.set_topic_attributes

    def get(self):
        answer = stock_get(self)
        kept = getattr(self.backend.get_topic(self._get_param("TopicArn")), "feedback", {})
        if kept:
            mark()
            answer.result["Attributes"].update(kept)
        return answer

    def put(self):
        name, value = self._get_param("AttributeName"), self._get_param("AttributeValue") or ""
        if FEEDBACK.fullmatch(name or ""):
            return keep(self, name, value)
        return stock_set(self)

    @ours
    def keep(self, name, value):
        topic = self.backend.get_topic(self._get_param("TopicArn"))
        fits = value.isdecimal() and int(value) <= 100 if name.endswith("Rate") else ROLE.fullmatch(value)
        if not fits:
            raise SNSInvalidParameter(f"Invalid parameter: {name} Reason: {value} is not valid")
        topic.feedback = {k: v for k, v in (getattr(topic, "feedback", {}) | {name: value}).items() if v}
        from moto.core.responses import EmptyResult

        return EmptyResult()

    SNSResponse.get_topic_attributes = get
    SNSResponse.set_topic_attributes = put
