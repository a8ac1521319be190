from patches import mark, ours

DEFERRED = {"CacheNodeType": "cache_node_type", "EngineVersion": "engine_version"}  # until the maintenance window, unless ApplyImmediately


def apply():
    """Stock moto lacks ModifyCacheCluster and ModifyReplicationGroup, has no cache clusters for a group's
    members, and keeps what was deleted as "deleting" for ever. Ours makes and deletes the members with their
    group, and modifies what the operations of the units need, after botocore's model: what is modified is
    "modifying" for one look, and changes then; node type and engine version wait for the maintenance window
    unless ApplyImmediately, which releases all that waits; so does automatic failover."""
    members()
    deletion()
    modification()


def begin(thing, field, change):
    """Starts a modification, which is done after one look."""
    setattr(thing, field, "modifying")
    thing.due, thing.looks = change, 1


def look(thing, field):
    """Shows a thing to somebody, and ends its modification if it was looked at before."""
    if not getattr(thing, "due", None):
        return
    mark()
    thing.looks -= 1
    if thing.looks < 0:
        change, thing.due = thing.due, None
        setattr(thing, field, "available")
        change()


def members():
    from moto.elasticache.models import CacheCluster, ElastiCacheBackend

    init, create = CacheCluster.__init__, ElastiCacheBackend.create_replication_group
    ask = init.__code__.co_varnames[1:init.__code__.co_argcount]

    def complete(self, **kwargs):
        init(self, **kwargs)
        for name in ("replication_group_id", "snapshot_window"):  # stock moto keeps them of Redis only, not of Valkey
            setattr(self, name, kwargs[name])
        self.num_cache_nodes = kwargs["num_cache_nodes"] or 1

    @ours
    def create_group(self, **kwargs):
        group = create(self, **kwargs)
        same = {k: kwargs[k] for k in ask if k in kwargs}
        for id in group.member_clusters:
            given = dict.fromkeys(ask) | same | {
                "account_id": self.account_id, "region_name": self.region_name, "cache_cluster_id": id, "engine": group.engine,
                "cache_node_type": group.cache_node_type, "auto_minor_version_upgrade": group.auto_minor_version_upgrade, "tags": [],
            }
            self.cache_clusters[id] = CacheCluster(**given)
        group.auto_minor_version_upgrade = str(group.auto_minor_version_upgrade).lower() == "true"
        for id in group.member_clusters:
            self.cache_clusters[id].auto_minor_version_upgrade = group.auto_minor_version_upgrade
        return group

    CacheCluster.__init__, ElastiCacheBackend.create_replication_group = complete, create_group


def deletion():
    from moto.elasticache.models import ElastiCacheBackend

    cluster, group = ElastiCacheBackend.delete_cache_cluster, ElastiCacheBackend.delete_replication_group

    @ours
    def delete_cache_cluster(self, cache_cluster_id):
        cluster(self, cache_cluster_id)
        return self.cache_clusters.pop(cache_cluster_id)

    @ours
    def delete_replication_group(self, replication_group_id, retain_primary_cluster):
        nodes = list(self.describe_replication_groups(replication_group_id)[0].member_clusters)
        group(self, replication_group_id, retain_primary_cluster)
        for id in nodes:
            self.cache_clusters.pop(id, None)
        return self.replication_groups.pop(replication_group_id)

    ElastiCacheBackend.delete_cache_cluster, ElastiCacheBackend.delete_replication_group = delete_cache_cluster, delete_replication_group


def fault(code, message):
    from moto.elasticache.exceptions import ElastiCacheException

    return ElastiCacheException(code, message)


def check(ask, known, engine):
    """Refuses what both operations refuse, and what we don't implement."""
    unknown = set(ask) - known - {"ApplyImmediately"}
    if unknown:
        raise NotImplementedError("the sandbox doesn't modify " + ", ".join(sorted(unknown)))
    days = ask.get("SnapshotRetentionLimit")
    if days is not None and not 0 <= int(days) <= 35:
        raise fault("InvalidParameterValue", "Snapshot retention limit must be between 0 and 35")
    if days is not None and engine == "memcached":
        raise fault("InvalidParameterCombination", "Snapshots are not supported for memcached")


def truth(value):
    return str(value).lower() == "true"


def modification():
    from moto.core.responses import ActionResult
    from moto.elasticache.models import ElastiCacheBackend
    from moto.elasticache.responses import ElastiCacheResponse

    clusters, groups = ElastiCacheBackend.describe_cache_clusters, ElastiCacheBackend.describe_replication_groups

    def describe_cache_clusters(self, cache_cluster_id=None):
        for c in clusters(self, cache_cluster_id):
            look(c, "cache_cluster_status")
        return clusters(self, cache_cluster_id)

    def describe_replication_groups(self, replication_group_id=None):
        for g in groups(self, replication_group_id):
            look(g, "status")
        return groups(self, replication_group_id)

    def wait(thing, ask):
        """Has the deferred changes wait, and releases them if asked to."""
        pending = dict(getattr(thing, "pending_modified_values", {}))
        pending.update({k: ask[k] for k in DEFERRED if k in ask})
        if truth(ask.get("ApplyImmediately")):
            for k in [k for k in pending if k in DEFERRED]:
                setattr(thing, DEFERRED[k], pending.pop(k))
        thing.pending_modified_values = pending

    def settings(thing, ask):
        if "SnapshotRetentionLimit" in ask:
            thing.snapshot_retention_limit = int(ask["SnapshotRetentionLimit"])
            if thing.snapshot_retention_limit and not thing.snapshot_window:
                thing.snapshot_window = "05:00-06:00"  # ElastiCache chooses
        if "SnapshotWindow" in ask:
            thing.snapshot_window = ask["SnapshotWindow"]
        if "AutoMinorVersionUpgrade" in ask:
            thing.auto_minor_version_upgrade = truth(ask["AutoMinorVersionUpgrade"])
        if "PreferredMaintenanceWindow" in ask:
            thing.preferred_maintenance_window = ask["PreferredMaintenanceWindow"]

    common = {"SnapshotRetentionLimit", "SnapshotWindow", "AutoMinorVersionUpgrade", "PreferredMaintenanceWindow", *DEFERRED}

    @ours
    def modify_cache_cluster(self):
        ask = dict(self._get_params())
        cluster = clusters(self.elasticache_backend, ask.pop("CacheClusterId"))[0]
        check(ask, common, cluster.engine)
        if cluster.cache_cluster_status != "available":
            raise fault("InvalidCacheClusterState", "Cache cluster is not in the available state")
        if cluster.replication_group_id:
            raise fault("InvalidParameterCombination", "The cluster is part of a replication group: modify that")

        def change():
            settings(cluster, ask)
            wait(cluster, ask)

        begin(cluster, "cache_cluster_status", change)
        return ActionResult({"CacheCluster": cluster})

    @ours
    def modify_replication_group(self):
        ask, backend = dict(self._get_params()), self.elasticache_backend
        group = groups(backend, ask.pop("ReplicationGroupId"))[0]
        check(ask, common | {"SnapshottingClusterId", "AutomaticFailoverEnabled", "MultiAZEnabled", "ReplicationGroupDescription"}, group.engine)
        if group.status != "available":
            raise fault("InvalidReplicationGroupState", "Replication group must be in available state to modify")
        snapshots(backend, group, ask)
        availability(group, ask)

        def change():
            settings(group, ask)
            group.description = ask.get("ReplicationGroupDescription", group.description)
            if "SnapshottingClusterId" in ask:
                group.snapshotting_cluster_id = ask["SnapshottingClusterId"]
            if not group.snapshot_retention_limit:
                group.snapshotting_cluster_id = None  # as in a group that is made without backups
            for id in group.member_clusters:
                settings(backend.cache_clusters[id], {k: v for k, v in ask.items() if k == "AutoMinorVersionUpgrade"})
                wait(backend.cache_clusters[id], ask)
            fail_over(group, ask)

        begin(group, "status", change)
        return ActionResult({"ReplicationGroup": group})

    def snapshots(backend, group, ask):
        source = ask.get("SnapshottingClusterId")
        if source and group.cluster_enabled:
            raise fault("InvalidParameterCombination", "Cannot set snapshotting cluster for cluster mode enabled replication group")
        if source and source not in group.member_clusters:
            raise fault("CacheClusterNotFound", "Specified snapshotting cluster does not exist")
        on = int(ask.get("SnapshotRetentionLimit", 0)) > 0 and not group.snapshot_retention_limit
        if on and not source and not group.cluster_enabled:
            raise fault("InvalidParameterCombination", "Must specify both SnapshotRetentionLimit and SnapshottingClusterId to turn on snapshots")

    def availability(group, ask):
        if "AutomaticFailoverEnabled" not in ask and "MultiAZEnabled" not in ask:
            return
        failover = truth(ask.get("AutomaticFailoverEnabled", group.automatic_failover == "enabled"))
        multi_az = truth(ask.get("MultiAZEnabled", group.multi_az == "enabled"))
        if not failover and group.cluster_enabled:
            raise fault("InvalidParameterCombination", "Turning off automatic failover for replication group with cluster mode enabled is not supported.")
        if failover and any(len(n["node_group_members"]) < 2 for n in group.node_groups):
            raise fault("InvalidParameterCombination", "Replication group must have at least one read replica to enable autofailover.")
        if multi_az and not failover:
            raise fault("InvalidParameterCombination", "Must turn on automatic failover to enable Multi-AZ")

    def fail_over(group, ask):
        """Has automatic failover wait for the maintenance window, unless it is to apply at once."""
        word = {True: "enabled", False: "disabled"}
        pending = dict(getattr(group, "pending_modified_values", {}))
        if "AutomaticFailoverEnabled" in ask:
            pending["AutomaticFailoverStatus"] = word[truth(ask["AutomaticFailoverEnabled"])]
        if truth(ask.get("ApplyImmediately")):
            group.automatic_failover = pending.pop("AutomaticFailoverStatus", group.automatic_failover)
        if "MultiAZEnabled" in ask:
            group.multi_az = word[truth(ask["MultiAZEnabled"])]
        group.pending_modified_values = pending

    ElastiCacheBackend.describe_cache_clusters, ElastiCacheBackend.describe_replication_groups = describe_cache_clusters, describe_replication_groups
    ElastiCacheResponse.modify_cache_cluster, ElastiCacheResponse.modify_replication_group = modify_cache_cluster, modify_replication_group
