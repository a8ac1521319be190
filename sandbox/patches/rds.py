import secrets
import string

from patches import mark, ours


def apply():
    for change in (resource_ids, clusters, restored_clusters, monitoring):
        change()


def resource_ids():
    """Stock moto gives every instance one and the same DbiResourceId, and finds no cluster by
    its DbClusterResourceId. Here each has its own, and both are found by it."""
    from moto.rds.models import DBCluster, DBInstance, RDSBackend
    from moto.rds.utils import FilterDef

    init, instances, clusters = DBInstance.__init__, RDSBackend.describe_db_instances, RDSBackend.describe_db_clusters
    DBCluster.SUPPORTED_FILTERS["db-cluster-resource-id"] = FilterDef(["db_cluster_resource_id"], "DB Cluster Resource Ids")

    def unique(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.dbi_resource_id = "db-" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(26))

    def marking(stock, name):
        def describe(self, *args, filters=None, **kwargs):
            if name in (filters or {}):
                mark()
            return stock(self, *args, filters=filters, **kwargs)

        return describe

    DBInstance.__init__ = unique
    RDSBackend.describe_db_instances = marking(instances, "dbi-resource-id")
    RDSBackend.describe_db_clusters = marking(clusters, "db-cluster-resource-id")


def clusters():
    """Stock moto fails (500) to modify a cluster that it doesn't know, or that is named by its ARN."""
    from moto.rds.models import RDSBackend

    stock = RDSBackend.modify_db_cluster

    def modify(self, kwargs):
        name = kwargs["db_cluster_identifier"]
        if name not in self.clusters:
            mark()
            kwargs["db_cluster_identifier"] = self.describe_db_clusters(name)[0].db_cluster_identifier
        return stock(self, kwargs)

    RDSBackend.modify_db_cluster = modify


def restored_clusters():
    """Stock moto ignores the key that a cluster's snapshot is restored with, and restores over a
    cluster that is there. Here the cluster is encrypted with it, and a name can be taken."""
    from moto.rds.exceptions import RDSClientError
    from moto.rds.models import RDSBackend

    restore = RDSBackend.restore_db_cluster_from_snapshot

    @ours
    def restored(self, from_snapshot_id, overrides):
        if overrides["db_cluster_identifier"] in self.clusters:
            raise RDSClientError("DBClusterAlreadyExistsFault", "DB Cluster already exists")
        overrides = dict(overrides.items())
        if overrides.get("kms_key_id"):
            overrides |= {"kms_key_id": self._validate_kms_key(overrides["kms_key_id"]), "storage_encrypted": True}
        return restore(self, from_snapshot_id, overrides)

    RDSBackend.restore_db_cluster_from_snapshot = restored


def monitoring():
    """Stock moto keeps whatever it is given of Enhanced Monitoring, and shows no interval where
    there is none. Here intervals and roles are looked at, a log stream shows it on, and 0 forgets the role."""
    from moto.iam.models import iam_backends
    from moto.rds.exceptions import InvalidParameterCombination, InvalidParameterValue
    from moto.rds.models import DBInstance, RDSBackend

    init, stock = DBInstance.__init__, RDSBackend.modify_db_instance

    def unmonitored(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.monitoring_interval = kwargs.get("monitoring_interval") or 0
        self.monitoring_role_arn = kwargs.get("monitoring_role_arn")

    def stream(self):
        if self.monitoring_interval:
            return f"arn:{self.partition}:logs:{self.region}:{self.account_id}:log-group:RDSOSMetrics:log-stream:{self.dbi_resource_id}"

    def modify(self, db_instance_identifier, db_kwargs):
        interval = db_kwargs.get("monitoring_interval")
        if interval is None:
            return stock(self, db_instance_identifier, db_kwargs)
        mark()
        role = db_kwargs.get("monitoring_role_arn") or self.describe_db_instances(db_instance_identifier)[0].monitoring_role_arn
        if interval not in (0, 1, 5, 10, 15, 30, 60):
            raise InvalidParameterValue(f"Invalid monitoring interval {interval}")
        if interval and not role:
            raise InvalidParameterCombination("A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0.")
        if interval and not any(r.arn == role for r in iam_backends[self.account_id][self.partition].roles.values()):
            raise InvalidParameterValue("IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING")
        database = stock(self, db_instance_identifier, db_kwargs)
        if not interval:
            database.monitoring_role_arn = None
        return database

    DBInstance.__init__, DBInstance.enhanced_monitoring_resource_arn = unmonitored, property(stream)
    RDSBackend.modify_db_instance = modify
