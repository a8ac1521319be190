from patches import mark, ours

FREQUENCIES = ("FIFTEEN_MINUTES", "ONE_HOUR", "SIX_HOURS")


def apply():
    """Stock moto has Macie enabled in every account from the start, enables it as often as one likes,
    can't pause it, and says ResourceNotFoundException where it isn't enabled. Here an account begins
    without it; to enable it twice is a conflict; UpdateMacieSession pauses and resumes; and what isn't
    enabled answers AWS's "Macie is not enabled."
    (https://docs.aws.amazon.com/macie/latest/APIReference/macie.html)."""
    from moto.core.utils import utcnow
    from moto.macie2.exceptions import AccessDeniedException, MacieException, ValidationException
    from moto.macie2.models import MacieBackend
    from moto.macie2.responses import MacieResponse

    class NotEnabled(AccessDeniedException):
        code = 401

    class Conflict(MacieException):
        code = 409

        def get_headers(self, *args, **kwargs):
            return [("x-amzn-ErrorType", "ConflictException")]

    init, enable, read, admin = MacieBackend.__init__, MacieBackend.enable_macie, MacieBackend.get_macie_session, MacieBackend.get_administrator_account

    def begin(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.macie_session = None

    def enabled(self):
        if not self.macie_session:
            mark()
            raise NotEnabled("Macie is not enabled.")

    def valid(frequency, status):
        if frequency not in FREQUENCIES:
            raise ValidationException("The request failed because findingPublishingFrequency is none of " + ", ".join(FREQUENCIES))
        if status not in ("ENABLED", "PAUSED"):
            raise ValidationException("The request failed because status is neither ENABLED nor PAUSED")

    @ours
    def enable_macie(self, frequency="FIFTEEN_MINUTES", status="ENABLED"):
        valid(frequency, status)
        if self.macie_session:
            raise Conflict("ConflictException", "Macie has already been enabled.")
        enable(self, frequency, status)

    @ours
    def update_macie_session(self):
        backend = self.macie_backend
        enabled(backend)
        now = backend.macie_session
        frequency = self._get_param("findingPublishingFrequency") or now["findingPublishingFrequency"]
        status = self._get_param("status") or now["status"]
        valid(frequency, status)
        now.update(findingPublishingFrequency=frequency, status=status, updatedAt=utcnow())
        return "{}"

    def get_macie_session(self):
        enabled(self)
        return read(self)

    def get_administrator_account(self):
        enabled(self)
        return admin(self)

    MacieBackend.__init__, MacieBackend.enable_macie = begin, enable_macie
    MacieBackend.get_macie_session, MacieBackend.get_administrator_account = get_macie_session, get_administrator_account
    MacieResponse.update_macie_session = update_macie_session
