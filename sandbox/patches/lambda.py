import json
import os
import urllib.request

from patches import mark


def apply():
    """moto runs Lambda functions in Docker, or pretends; then stacks make them where Lambda's API doesn't
    see them. Ours are in one place, and an event source mapping of a queue invokes what the gateway has for
    the function, and keeps in the queue the messages that the answer lists as failed."""
    import moto.awslambda.models as models
    from moto.awslambda.models import LambdaBackend
    from moto.awslambda_simple.models import lambda_simple_backends

    models.lambda_backends = lambda_simple_backends

    def send(self, function_arn, messages, queue_arn):
        mark()
        if not messages:
            return True
        records = [
            {
                "messageId": m.id, "receiptHandle": m.receipt_handle, "body": m.body, "messageAttributes": {}, "md5OfBody": m.body_md5,
                "attributes": {"ApproximateReceiveCount": str(m.approximate_receive_count)},
                "eventSource": "aws:sqs", "eventSourceARN": queue_arn, "awsRegion": self.region_name,
            }
            for m in messages
        ]
        url = f"http://127.0.0.1:{os.environ['MOTO_PORT']}/2015-03-31/functions/{function_arn.split(':')[6]}/invocations"
        request = urllib.request.Request(url, json.dumps({"Records": records}).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as response:
            answer = json.loads(response.read() or b"{}") or {}
            failed = response.headers.get("X-Amz-Function-Error")
        if failed:
            return False
        kept = {f["itemIdentifier"] for f in answer.get("batchItemFailures") or []}
        queue = next(q for q in sqs(self).queues.values() if q.queue_arn == queue_arn)
        for m in [m for m in messages if m.id not in kept]:
            queue.delete_message(m.receipt_handle)
            messages.remove(m)
        return False  # those that are left become visible again

    def sqs(backend):
        from moto.sqs.models import sqs_backends

        return sqs_backends[backend.account_id][backend.region_name]

    LambdaBackend.send_sqs_batch = send
