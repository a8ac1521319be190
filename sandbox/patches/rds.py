import secrets
import string


def apply():
    """Stock moto gives every instance one and the same DbiResourceId."""
    from moto.rds.models import DBInstance

    init = DBInstance.__init__

    def unique(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.dbi_resource_id = "db-" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(26))

    DBInstance.__init__ = unique
