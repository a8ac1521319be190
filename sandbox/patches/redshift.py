import json

from patches import ours
from patches.elasticache import begin, look, truth


def apply():
    """Stock moto modifies a cluster at once, in any state, and knows no Elastic IPs; it logs to buckets that
    aren't there or are closed to Redshift, and remembers them when logging is off. Ours takes modifications of
    available clusters only, which are "modifying" for one look and change then, refuses retention periods and
    addresses that AWS refuses, asks the bucket's policy, and forgets."""
    modification()
    logging()


def fault(code, message):
    from moto.redshift.exceptions import RedshiftClientError

    return RedshiftClientError(code, message)


def modification():
    from moto.core.responses import ActionResult
    from moto.redshift.responses import RedshiftResponse

    create, describe, modify = RedshiftResponse.create_cluster, RedshiftResponse.describe_clusters, RedshiftResponse.modify_cluster

    def named(self):
        return self.redshift_backend.describe_clusters(self._get_param("ClusterIdentifier"))[0]

    def address(cluster, ip):
        """An address lasts as long as the cluster is public."""
        if not cluster.publicly_accessible:
            cluster.elastic_ip_status = None
        elif ip:
            cluster.elastic_ip_status = {"ElasticIp": ip, "Status": "active"}

    def create_cluster(self):
        answer, ip = create(self), self._get_param("ElasticIp")
        if ip:
            address(named(self), ip)
        return answer

    def describe_clusters(self):
        for cluster in self.redshift_backend.describe_clusters(self._get_param("ClusterIdentifier")):
            look(cluster, "status")
        return describe(self)

    @ours
    def modify_cluster(self):
        cluster, days, ip = named(self), self._get_int_param("AutomatedSnapshotRetentionPeriod"), self._get_param("ElasticIp")
        public = self._get_param("PubliclyAccessible")
        if cluster.status != "available":
            raise fault("InvalidClusterState", f"Cluster {cluster.cluster_identifier} is not available")
        lowest = 1 if cluster.node_type.startswith(("ra3.", "rg.")) else 0
        if days is not None and not lowest <= days <= 35:
            raise fault("InvalidRetentionPeriodFault", f"The retention period must be between {lowest} and 35 days")
        if ip and not truth(cluster.publicly_accessible if public is None else public):
            raise fault("InvalidElasticIpFault", "Only publicly accessible clusters have an Elastic IP")

        def change():
            modify(self)
            cluster.publicly_accessible = truth(cluster.publicly_accessible)
            address(cluster, ip)

        begin(cluster, "status", change)
        return ActionResult({"Cluster": cluster})

    RedshiftResponse.create_cluster, RedshiftResponse.describe_clusters, RedshiftResponse.modify_cluster = create_cluster, describe_clusters, modify_cluster


def logging():
    from moto.redshift.models import RedshiftBackend
    from moto.s3.models import s3_backends

    enable, disable = RedshiftBackend.enable_logging, RedshiftBackend.disable_logging

    def delivers(policy):
        """Whether a bucket's policy lets Redshift, under either of its names, look and write."""
        allowed = set()
        for s in json.loads(policy or "{}").get("Statement", []):
            service = s["Principal"].get("Service", "") if isinstance(s["Principal"], dict) else ""
            if s["Effect"] == "Allow" and service.startswith("redshift.") and service.endswith("amazonaws.com"):
                allowed.update([s["Action"]] if isinstance(s["Action"], str) else s["Action"])
        return {"s3:GetBucketAcl", "s3:PutObject"} <= allowed

    @ours
    def enable_logging(self, cluster_identifier, bucket_name, s3_key_prefix, log_destination_type, log_exports):
        self.describe_logging_status(cluster_identifier)  # or there is no such cluster
        if log_destination_type != "cloudwatch":
            all = [b for account in list(s3_backends.values()) for b in list(account[self.partition].buckets.values())]
            bucket = next((b for b in all if b.name == bucket_name), None)
            if not bucket:
                raise fault("BucketNotFoundFault", f"The bucket {bucket_name} does not exist")
            if not delivers(bucket.policy):
                raise fault("InsufficientS3BucketPolicyFault", f"Cannot read ACLs of bucket {bucket_name}")
        return enable(self, cluster_identifier, bucket_name, s3_key_prefix, log_destination_type, log_exports)

    @ours
    def disable_logging(self, cluster_identifier):
        details = disable(self, cluster_identifier)
        details.update({"BucketName": "", "S3KeyPrefix": "", "LogDestinationType": "", "LogExports": []})
        return details

    RedshiftBackend.enable_logging, RedshiftBackend.disable_logging = enable_logging, disable_logging
