import copy
import functools
import threading

from patches import mark


def apply():
    """Stock moto serves requests at once without a lock: readers see half of a transaction, and one
    that is cancelled puts whole tables back as they were, with what others stored meanwhile. It
    copies those tables once for each item of a transaction. It ignores ClientRequestToken. Ours lets
    one request in at a time, looks at all conditions of a transaction before it writes, undoes only
    what that wrote, and answers a repeated one without making it again."""
    from moto.dynamodb.models import DynamoDBBackend
    from moto.dynamodb.responses import DynamoHandler

    lock = threading.RLock()

    def alone(f):
        @functools.wraps(f)
        def g(*args, **kwargs):
            with lock:
                return f(*args, **kwargs)

        return g

    DynamoDBBackend.transact_write_items = transact
    for name in ("get_item", "put_item", "update_item", "delete_item", "query", "scan", "transact_write_items"):
        setattr(DynamoDBBackend, name, alone(getattr(DynamoDBBackend, name)))
    DynamoHandler.transact_write_items = alone(once(DynamoHandler.transact_write_items))


def transact(backend, entries):
    from moto.dynamodb import exceptions

    if len(entries) > 100:
        raise exceptions.TooManyTransactionsException()
    todo = [(kind, op, key_of(backend, kind, op)) for entry in entries for kind, op in entry.items()]
    if len({(op["TableName"], str(sorted(key.items()))) for _, op, key in todo}) < len(todo):
        raise exceptions.MultipleTransactionsException()
    reasons = [unmet(backend, op, key) for _, op, key in todo]
    if any(code for code, _, _ in reasons):
        raise exceptions.TransactionCanceledException(reasons)
    written = []
    for n, (kind, op, key) in enumerate(todo):
        written.append((op["TableName"], key, copy.deepcopy(backend.get_item(op["TableName"], key))))
        try:
            write(backend, kind, op, key)
        except Exception as e:
            for before in reversed(written):
                restore(backend, *before)
            if isinstance(e, exceptions.MockValidationException):
                raise
            reasons[n] = (type(e).__name__, str(e), None)
            raise exceptions.TransactionCanceledException(reasons) from e


def key_of(backend, kind, op):
    if kind != "Put":
        return op["Key"]
    table = backend.get_table(op["TableName"])
    return {name: op["Item"][name] for name in (table.hash_key_attr, table.range_key_attr) if name}


def unmet(backend, op, key):
    """Why the condition of a write doesn't hold."""
    from moto.dynamodb.comparisons import get_filter_expression
    from moto.dynamodb.exceptions import ConditionalCheckFailed

    there = backend.get_item(op["TableName"], key)
    text, names, values = op.get("ConditionExpression"), op.get("ExpressionAttributeNames"), op.get("ExpressionAttributeValues")
    if text is None or get_filter_expression(text, names, values).expr(there):
        return None, None, None
    show = there and op.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    return "ConditionalCheckFailed", str(ConditionalCheckFailed().message), there.to_json()["Attributes"] if show else None


def write(backend, kind, op, key):
    if kind == "Put":
        backend.put_item(op["TableName"], op["Item"], overwrite=True)
    elif kind == "Delete":
        backend.delete_item(op["TableName"], key)
    elif kind == "Update":
        backend.update_item(op["TableName"], key, op["UpdateExpression"], op.get("ExpressionAttributeNames"), op.get("ExpressionAttributeValues"))


def restore(backend, table, key, item):
    if item is None:
        return backend.delete_item(table, key)
    items = backend.get_table(table).items
    if item.range_key is None:
        items[item.hash_key] = item
    else:
        items[item.hash_key][item.range_key] = item


def once(stock):
    """A transaction that was made is not made again."""

    def transact_write_items(self):
        from moto.core.responses import ActionResult
        from moto.dynamodb.exceptions import DynamodbException

        made = self.dynamodb_backend.__dict__.setdefault("made_transactions", {})
        token, asked = self.body.get("ClientRequestToken"), copy.deepcopy(self.body["TransactItems"])
        if token in made:
            mark()
            if made[token] != asked:
                raise DynamodbException("com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException", "the token was used for another transaction")
            return ActionResult({"ConsumedCapacity": [], "ItemCollectionMetrics": {}})
        answer = stock(self)
        if token:
            made[token] = asked
        return answer

    return transact_write_items
