from patches import mark


def apply():
    """Stock moto drops a queue's policy whenever another attribute is set. Ours keeps it, as AWS does:
    SetQueueAttributes changes what it names."""
    from moto.sqs.models import Queue

    stock = Queue._set_attributes

    def set_attributes(self, attributes, now=None):
        policy = self.policy if hasattr(self, "_policy_json") else None  # not yet while a queue is made
        if policy is None or "Policy" in attributes:
            return stock(self, attributes, now)
        mark()
        return stock(self, {**attributes, "Policy": policy}, now)

    Queue._set_attributes = set_attributes
