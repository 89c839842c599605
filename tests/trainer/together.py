"""Training in processes that torchrun starts, on ports of its own choice."""

import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[2]


def torchrun(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a script, or `-m` a module, twice at once; wait for the end of both."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run(
        [sys.executable, *launch, *command], cwd=SOURCE, capture_output=True, text=True, check=False
    )
