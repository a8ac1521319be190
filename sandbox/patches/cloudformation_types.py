"""Resource types that stock moto skips in silence. Those that have something to them are made
(secrets, policies of queues, topics and buckets, subscriptions); the others are noted with their
name and do nothing: alarms never ring there anyway. Custom resources invoke the function that the
gateway has, which answers at our own path."""
import json
import os
import threading
import urllib.request

import patches


def apply():
    from moto.cloudformation import parsing
    from moto.cloudformation.custom_model import CustomModel
    from moto.core.common_models import CloudFormationModel
    from moto.moto_api._internal import mock_random

    class Made:
        """What a template asked for, by its physical id."""

        def __init__(self, physical, attributes):
            self.physical_resource_id, self.attributes = physical, attributes

        @classmethod
        def has_cfn_attr(cls, attr):
            return attr in ("Arn", "Id", "FunctionUrl")

        def get_cfn_attribute(self, name):
            return self.attributes[name]

    def add(kind, make, name=""):
        def create(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
            physical, attributes = make(cloudformation_json["Properties"], account_id, region_name, resource_name)
            return cls(physical, attributes)

        def update(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
            make(cloudformation_json["Properties"], account_id, region_name, original_resource.physical_resource_id)
            return original_resource

        def delete(cls, resource_name, cloudformation_json, account_id, region_name):
            pass

        made[kind] = type(kind.replace("::", ""), (Made, CloudFormationModel), {  # kept: moto finds subclasses
            "cloudformation_type": staticmethod(lambda: kind), "cloudformation_name_type": staticmethod(lambda: name),
            "create_from_cloudformation_json": classmethod(create), "update_from_cloudformation_json": classmethod(update), "delete_from_cloudformation_json": classmethod(delete),
        })

    add("AWS::SecretsManager::Secret", secret, "Name")
    add("AWS::SQS::QueuePolicy", queue_policy)
    add("AWS::SNS::TopicPolicy", topic_policy)
    add("AWS::SNS::Subscription", subscription)
    add("AWS::S3::BucketPolicy", bucket_policy)
    add("AWS::Lambda::Url", lambda p, account, region, name: (p["TargetFunctionArn"], {"FunctionUrl": f"https://{account}.lambda-url.{region}.on.aws/"}))
    for kind, name in (("AWS::CloudWatch::Alarm", "AlarmName"), ("AWS::Lambda::EventInvokeConfig", ""), ("AWS::Events::EventBusPolicy", "")):
        add(kind, lambda p, account, region, name: (name, {"Arn": name}), name)

    def custom(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        from moto.cloudformation import cloudformation_backends

        properties = cloudformation_json["Properties"]
        resource = CustomModel(region_name, str(mock_random.uuid4()), kwargs["LogicalId"], resource_name)
        stack = cloudformation_backends[account_id][region_name].get_stack(kwargs["StackId"])
        stack.add_custom_resource(resource)
        waiting[kwargs["StackId"], kwargs["LogicalId"]] = stack, resource
        event = {
            "RequestType": "Create", "ServiceToken": properties["ServiceToken"], "StackId": kwargs["StackId"], "RequestId": resource.request_id,
            "ResponseURL": f"http://127.0.0.1:{patches.port}/_sandbox/cfnresponse", "LogicalResourceId": kwargs["LogicalId"],
            "ResourceType": kwargs["ResourceType"], "ResourceProperties": properties,
        }
        url = f"http://127.0.0.1:{os.environ['MOTO_PORT']}/2015-03-31/functions/{properties['ServiceToken'].split(':')[6]}/invocations"
        request = urllib.request.Request(url, json.dumps(event).encode(), {"Content-Type": "application/json"})
        threading.Thread(target=lambda: urllib.request.urlopen(request).read(), daemon=True).start()
        return resource

    stock = parsing.clean_json

    def clean(value, resources):
        value = stock(value, resources)
        return [v for v in value if v is not None] if isinstance(value, list) else value  # AWS::NoValue takes an entry away

    parsing.clean_json = clean
    CustomModel.create_from_cloudformation_json = classmethod(custom)
    for known in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        known.cache_clear()


made = {}
waiting = {}


def response(Status, StackId, LogicalResourceId, PhysicalResourceId="", Reason="", Data=None, **_):
    """What a custom resource answered."""
    stack, resource = waiting.pop((StackId, LogicalResourceId))
    if Status == "SUCCESS":
        resource.resource_name = PhysicalResourceId
        resource.set_data(Data or {})
        stack.verify_readiness()
    else:
        stack.status, stack.status_reason = "CREATE_FAILED", f"{LogicalResourceId}: {Reason}"
    return {}


def secret(p, account, region, name):
    from moto.secretsmanager.models import secretsmanager_backends

    backend = secretsmanager_backends[account][region]
    rules = p.get("GenerateSecretString", {})
    text = p.get("SecretString") or backend.get_random_password(
        password_length=int(rules.get("PasswordLength", 32)), exclude_characters="", exclude_numbers=False,
        exclude_punctuation=str(rules.get("ExcludePunctuation", False)).lower() == "true", exclude_uppercase=False, exclude_lowercase=False,
        include_space=False, require_each_included_type=True,
    )
    if not p.get("SecretString"):
        text = json.loads(text)["RandomPassword"]
    if name not in {s.name for s in backend.secrets.values()}:
        backend.create_secret(
            name=name, secret_string=text, secret_binary=None, description=p.get("Description"), tags=p.get("Tags"), kms_key_id=p.get("KmsKeyId"),
            client_request_token=None, replica_regions=[], force_overwrite=False,
        )
    arn = next(s.arn for s in backend.secrets.values() if s.name == name)
    return arn, {"Id": arn}


def queue_policy(p, account, region, name):
    from moto.sqs.models import sqs_backends

    for url in p["Queues"]:
        sqs_backends[account][region].set_queue_attributes(url.rsplit("/", 1)[1], {"Policy": json.dumps(p["PolicyDocument"])})
    return name, {"Id": name}


def topic_policy(p, account, region, name):
    from moto.sns.models import sns_backends

    for arn in p["Topics"]:
        sns_backends[account][region].get_topic(arn).policy = json.dumps(p["PolicyDocument"])
    return name, {"Id": name}


def subscription(p, account, region, name):
    from moto.sns.models import sns_backends

    made = sns_backends[account][region].subscribe(p["TopicArn"], p.get("Endpoint", ""), p["Protocol"])
    return made.arn, {"Arn": made.arn}


def bucket_policy(p, account, region, name):
    from moto.s3.models import s3_backends
    from moto.utilities.utils import get_partition

    s3_backends[account][get_partition(region)].put_bucket_policy(p["Bucket"], json.dumps(p["PolicyDocument"]).encode())
    return p["Bucket"], {"Id": p["Bucket"]}
