"""kao as the long-lived child of the server: runs a round when asked, answers with what to do.

The server sends ``{"round": n}``; the answer is ``{"round": n, "launch": [job ids], "killed": bool,
"again": bool, "again_in_s": seconds or null, "energy": bool, "error": text or null}``. A round that
fails is an answer too; the next one starts from the database again.
"""

import json
import logging
import os
from collections.abc import Callable
from typing import TypeVar

import zmq
from sqlalchemy.exc import SQLAlchemyError

from oar.errors import OarError
from oar.kao.apply import Applied
from oar.kao.metascheduler import FlawedPlan

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_LOOK_FOR_PARENT_MS = 1000


def serve(endpoint: str, run: Callable[[], Applied]) -> None:
    """Answer round requests on ``endpoint`` until the server that started us is gone."""
    parent = os.getppid()
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PAIR)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(endpoint)
    try:
        while os.getppid() == parent:
            if socket.poll(_LOOK_FOR_PARENT_MS):
                number = json.loads(socket.recv())["round"]
                socket.send(json.dumps({"round": number, **answer(run)}).encode())
    finally:
        socket.close()


def answer(run: Callable[[], Applied]) -> dict[str, object]:
    """Run one round and spell its result."""
    applied = attempt(run)
    if isinstance(applied, str):
        nothing = {"launch": [], "killed": False, "again": False, "again_in_s": None, "energy": False}
        return {**nothing, "error": applied}
    return {
        "launch": list(applied.to_launch),
        "killed": applied.killed,
        "again": applied.again,
        "again_in_s": applied.again_in_s,
        "energy": applied.energy,
        "error": None,
    }


def attempt(run: Callable[[], Result]) -> Result | str:
    """Run one round; what went wrong comes back as one line, and is logged."""
    try:
        return run()
    except (SQLAlchemyError, OarError, FlawedPlan) as error:
        text = str(error).splitlines()[0]
        log.error("round failed: %s", text)
        return text
