"""Stock moto keeps less of a bucket's settings than S3 does."""
import json

import xmltodict
from patches import mark


def apply():
    for change in (public_access_block_name, encryption, lifecycle, notification, policy):
        change()


def public_access_block_name():
    """Stock moto knows the operation by another query parameter than AWS's, and asks IAM for s3:ListBucket."""
    from moto.s3.responses import ACTION_MAP

    for operations in ACTION_MAP["BUCKET"].values():
        if "public_access_block" in operations:
            operations["publicAccessBlock"] = operations.pop("public_access_block")


def document(name, content):
    content = {"@xmlns": "http://s3.amazonaws.com/doc/2006-03-01/"} | content
    return xmltodict.unparse({name: content})


def encryption():
    """Stock moto has a bucket without encryption, and forgets the kinds that are blocked. Here a
    bucket is encrypted by S3's own keys unless it says otherwise, and what is blocked stays so.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html"""
    from moto.s3.responses import S3Response

    default = {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": "false"}}
    stock_get, stock_put = S3Response.get_bucket_encryption, S3Response._encryption_config_from_body

    def get(self):
        config = self.backend.get_bucket_encryption(self.bucket_name)
        if config and "BlockedEncryptionTypes" not in config["Rule"]:
            return stock_get(self)
        mark()
        rule = {"BucketKeyEnabled": "false"} | (config or default)["Rule"]
        return 200, {}, document("ServerSideEncryptionConfiguration", {"Rule": rule})

    def put(self):
        config = stock_put(self)
        if "BlockedEncryptionTypes" in config["Rule"]:
            mark()
        return config

    S3Response.get_bucket_encryption = get
    S3Response._encryption_config_from_body = put


def lifecycle():
    """Stock moto forgets sizes in filters, how many noncurrent versions stay, and the smallest size
    that moves. Here what was put is what is read; a size that isn't put is the default's again, and
    rules with a prefix of their own and rules with a filter don't stand together.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html"""
    from moto.s3.exceptions import NoSuchLifecycleConfiguration, S3ClientError
    from moto.s3.responses import S3Response

    size = "x-amz-transition-default-minimum-object-size"
    stock_get, stock_put = S3Response.get_bucket_lifecycle, S3Response._bucket_response_put

    def put(self, request, bucket_name, querystring):
        if "lifecycle" not in querystring:
            return stock_put(self, request, bucket_name, querystring)
        rules = xmltodict.parse(self.body, force_list=("Rule",))["LifecycleConfiguration"].get("Rule", [])
        if any("Filter" in r for r in rules) and any("Prefix" in r for r in rules):
            mark()
            raise S3ClientError("InvalidRequest", "Filter element can only be used in Lifecycle V2.")
        answer = stock_put(self, request, bucket_name, querystring)
        bucket = self.backend.get_bucket(bucket_name)
        bucket.lifecycle_as_put = rules
        bucket.lifecycle_size = request.headers.get(size, "all_storage_classes_128K")
        return answer

    def get(self):
        bucket = self.backend.get_bucket(self.bucket_name)
        if not self.backend.get_bucket_lifecycle(self.bucket_name):
            raise NoSuchLifecycleConfiguration(bucket_name=self.bucket_name)
        if bucket.lifecycle_size == "all_storage_classes_128K" and not forgotten(bucket.lifecycle_as_put):
            return stock_get(self)
        mark()
        return 200, {size: bucket.lifecycle_size}, document("LifecycleConfiguration", {"Rule": bucket.lifecycle_as_put})

    def forgotten(rules):
        return any(name in json.dumps(rules) for name in ("ObjectSize", "NewerNoncurrentVersions"))

    S3Response._bucket_response_put = put
    S3Response.get_bucket_lifecycle = get


def notification():
    """Stock moto keeps that EventBridge is told and doesn't say so."""
    from moto.s3.responses import S3Response

    stock = S3Response.get_bucket_notification

    def get(self):
        kept = self.backend.get_bucket_notification_configuration(self.bucket_name)
        answer = stock(self)
        if not kept or kept.event_bridge is None:
            return answer
        mark()
        status, headers, body = answer
        content = xmltodict.parse(body)
        next(iter(content.values()))["EventBridgeConfiguration"] = None
        return status, headers, xmltodict.unparse(content)

    S3Response.get_bucket_notification = get


def policy():
    """Stock moto takes any policy. S3 refuses one without statements, and, where the bucket blocks
    public policies, one that lets in everybody.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html"""
    from moto.s3.exceptions import S3ClientError
    from moto.s3.models import S3Backend

    stock = S3Backend.put_bucket_policy

    def put(self, bucket_name, policy):
        statements = json.loads(policy).get("Statement", [])
        statements = statements if isinstance(statements, list) else [statements]
        if not statements:
            mark()
            raise S3ClientError("MalformedPolicy", "Could not parse the policy: Statement is empty!")
        blocks = self.get_bucket(bucket_name).public_access_block
        if blocks and blocks.block_public_policy and any(map(public, statements)):
            mark()
            raise S3ClientError("AccessDenied", "s3:PutBucketPolicy is denied because public policies are blocked by the BlockPublicPolicy setting in S3 Block Public Access.")
        stock(self, bucket_name, policy)

    S3Backend.put_bucket_policy = put


def public(statement):
    """Conditions count as a limit, whatever they say: the emulator weighs none."""
    everybody = statement.get("Principal") in ("*", {"AWS": "*"}) or "NotPrincipal" in statement
    return statement.get("Effect") == "Allow" and everybody and not statement.get("Condition")
