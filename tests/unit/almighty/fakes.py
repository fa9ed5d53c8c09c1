"""Stands in for nodes and scheduler; both are told what to answer and remember what they were asked."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from oar.almighty.metascheduler import RoundResult
from oar.remote.programs import READY_LINE
from oar.remote.runner import Answer, NodeProgram

SIGNAL = "signal"
START = "start"
ASK = "ask"
"""What starts oarexec without letting it start the job."""


@dataclass
class FakeRemote:
    """Nodes that do at once what they are asked.

    ``bad`` maps an action (init, start, clean, signal) and a node to the answer it gives instead. ``silent``
    actions never end. ``on_start`` is called with the id of each job whose oarexec says that it is ready.
    """

    bad: dict[tuple[str, str], Answer] = field(default_factory=dict)
    silent: set[tuple[str, str]] = field(default_factory=set)
    on_start: Callable[[int], None] | None = None
    calls: list[tuple[str, int, tuple[str, ...]]] = field(default_factory=list)

    async def run(self, nodes: Sequence[str], program: NodeProgram, timeout_s: float) -> list[Answer]:
        action = program.action
        if action.startswith("OAREXEC_"):
            action = START if program.data["may_start"] else ASK
        job_id = int(str(program.data["job_id"]))
        self.calls.append((action, job_id, tuple(nodes)))
        answers = [await self._answer(action, node) for node in nodes]
        if action == START and answers[0].good and self.on_start is not None:
            self.on_start(job_id)
        return answers

    async def run_command(
        self, node: str, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 120.0
    ) -> Answer:
        job_id, signal = int(argv[5]), argv[6]
        self.calls.append((f"{SIGNAL} {signal}", job_id, (node,)))
        return await self._answer(SIGNAL, node)

    def actions(self, job_id: int) -> list[str]:
        """List what was done for a job, in order."""
        return [action for action, about, _ in self.calls if about == job_id]

    async def _answer(self, action: str, node: str) -> Answer:
        if (action, node) in self.silent:
            await asyncio.Event().wait()
        if bad := self.bad.get((action, node)):
            return bad
        return Answer(node, 0, f"{READY_LINE}\n" if action in (START, ASK) else "")


@dataclass
class FakeMetaScheduler:
    """A scheduler whose rounds do nothing; counts them."""

    rounds: int = 0
    result: RoundResult = field(default_factory=RoundResult)

    async def run_round(self) -> RoundResult:
        self.rounds += 1
        return self.result

    async def close(self) -> None:
        pass
