"""The options of oarsub about job keys: made or read before the jobs are written, handed out after."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from oar.cli.app import Context, complain
from oar.cli.caller import Caller, read_as
from oar.cli.private_files import CannotWrite, write_as
from oar.core.job_key import JobKey
from oar.remote.ssh_keys import key_of, new_key
from oar.submit.parameters import Submission, Wishes

KEY_VARIABLE = "OAR_JOB_KEY_FILE"
NOT_EXPORTED = 60
"""The exit code of OAR 3 for a key that its user did not get."""


def job_key_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options about job keys to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_OPTIONS = (
    click.option(
        "-k",
        "--use-job-key",
        is_flag=True,
        help="Give the job an ssh key of its own, by which oarsh and ssh enter it from other clusters too.",
    ),
    click.option(
        "-i",
        "--import-job-key-from-file",
        metavar="FILE",
        help="With -k: use the private key in this file; it has no passphrase. OAR_JOB_KEY_FILE may name it.",
    ),
    click.option(
        "--import-job-key-inline",
        "--import-job-key-inline-priv",
        "import_job_key_inline",
        metavar="KEY",
        help="With -k: use this private key.",
    ),
    click.option(
        "-e",
        "--export-job-key-to-file",
        metavar="FILE",
        help="With -k: write the private key to this file; %jobid% is replaced.",
    ),
)


def with_key_variable(wishes: Wishes) -> Wishes:
    """Take a key file that the environment names, unless another key is asked for: it implies -k."""
    file = os.environ.get(KEY_VARIABLE)
    if not file or wishes.import_job_key_from_file is not None or wishes.import_job_key_inline is not None:
        return wishes
    return replace(wishes, use_job_key=True, import_job_key_from_file=file)


def keys_for(caller: Caller, asked: Submission) -> tuple[JobKey, ...]:
    """Make or read the key of each job; none where none is asked for."""
    wish, count = asked.key, len(asked.commands)
    if wish is None:
        return ()
    if wish.from_file is not None:
        return (key_of(read_as(caller, Path(wish.from_file))),) * count
    if wish.inline is not None:
        return (key_of(wish.inline.replace("\\n", "\n")),) * count
    return tuple(new_key() for _ in range(count))


def hand_out(context: Context, asked: Submission, job_ids: Sequence[int], keys: Sequence[JobKey]) -> bool:
    """Write the keys where the user wants them; false, and told, when that cannot be."""
    if asked.key is None or asked.key.export_to is None:
        return True
    for job_id, key in zip(job_ids, keys, strict=True):
        file = asked.key.export_to.replace("%jobid%", str(job_id))
        click.echo(f"# Export job key to file: {file}")
        try:
            write_as(context.caller, Path(file), key.private)
        except CannotWrite as error:
            complain(f"oarsub: -e: {error}; job {job_id} is registered, and has the key")
            return False
    return True
