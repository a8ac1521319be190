import copy

import moto


def apply():
    """Stock moto executes only state machines that its API made, not those of stacks: ours does both.
    moto 5.2.1 copies all executions with their locks at a second start (getmoto/moto#10077)."""
    import moto.stepfunctions.models as models
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    models.stepfunctions_backends = stepfunctions_parser_backends
    if moto.__version__ != "5.2.1":
        return

    def shallow(self, memo):
        clone = copy.copy(self)
        clone.executions = []
        return clone

    models.StateMachine.__deepcopy__ = shallow
