def apply():
    """Stock moto chooses account ids at random; ours are those that resources lie in."""
    from moto.organizations.models import FakeAccount

    stock = FakeAccount.__init__

    def init(self, organization, **kwargs):
        stock(self, organization, **kwargs)
        self.id = next((t["Value"] for t in kwargs.get("Tags", []) if t["Key"] == "sandbox:account-id"), self.id)

    FakeAccount.__init__ = init
