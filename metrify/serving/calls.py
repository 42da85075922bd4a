"""Calls from one deployment to the next: with a time limit, one more try when a replica dies, and typed refusals."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from metrify.serving.refusals import overloaded, too_slow, unavailable

__all__ = ["Method", "call"]


class Method(Protocol):
    """A method of a DeploymentHandle."""

    def remote(self, *args: Any) -> Any: ...


async def call(method: Method, *args: Any, seconds: float) -> Any:
    """The method's answer, or a Refusal. Only for methods that may run twice."""
    from ray.exceptions import RayActorError
    from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, ReplicaUnavailableError

    for tries_left in (1, 0):
        response = method.remote(*args)
        try:
            return await asyncio.wait_for(_answer(response), seconds)
        except TimeoutError:
            response.cancel()
            return too_slow(seconds)
        except BackPressureError:
            return overloaded()
        except DeploymentUnavailableError:
            return unavailable("its model failed to deploy")
        except (RayActorError, ReplicaUnavailableError):  # the replica died under the request
            if not tries_left:
                return unavailable("its replicas are being replaced")
    raise AssertionError("unreachable")


async def _answer(response: Any) -> Any:
    return await response
