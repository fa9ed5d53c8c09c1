"""Makes the keys of jobs, with ssh-keygen."""

import subprocess
import tempfile
from pathlib import Path

from oar.core.job_key import BadKey, JobKey, public_part

KEYGEN = "ssh-keygen"
TIMEOUT_S = 30


def new_key() -> JobKey:
    """Make a pair of keys; raises `BadKey`."""
    with tempfile.TemporaryDirectory(prefix="oar-key-") as folder:
        file = Path(folder) / "key"
        _run(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file)])
        return JobKey(file.read_text(), public_part(file.with_suffix(".pub").read_text()))


def key_of(private: str) -> JobKey:
    """Find the public half of a private key; raises `BadKey` for what is none, or has a passphrase."""
    text = private.strip().replace("\r\n", "\n") + "\n"
    with tempfile.TemporaryDirectory(prefix="oar-key-") as folder:
        file = Path(folder) / "key"
        file.touch(mode=0o600)
        file.write_text(text)
        return JobKey(text, public_part(_run(["-y", "-P", "", "-f", str(file)])))


def _run(arguments: list[str]) -> str:
    try:
        done = subprocess.run(
            [KEYGEN, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise BadKey(f"cannot run {KEYGEN}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise BadKey(f"{KEYGEN} does not end") from None
    if done.returncode:
        reason = (done.stderr.strip() or "it gave no reason").splitlines()[-1].rpartition(": ")[2]
        raise BadKey(f"the job key is no private key of ssh without a passphrase ({reason})")
    return done.stdout
