"""Makes `protocol.lock` of this example again, after the example's protocol was changed on purpose.

    python examples/bmc-low-back-pain/make_lock.py

What is locked is the protocol without `ADDED_LATER`, which the report of the example shows as post hoc. A lock that
holds this already is left as it is, with its date; any other is replaced by a new one of today. A study's own lock is
never replaced: it is amended (`armwise lock STUDY --amend "why"`).
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import yaml

from armwise.protocol.lock import FILE, Entry, differences, lock, read_lock
from armwise.yaml_lines import read_text, read_yaml

FOLDER = Path(__file__).parent
#: Analyses that were added after the lock: an example of what that looks like.
ADDED_LATER = ("pain_as_published",)


def made_again(folder: Path) -> Entry:
    """Locks, in a folder of its own, the example's protocol as it was before anything was added to it."""
    data = read_yaml(read_text(FOLDER / "protocol.yaml", ""), "protocol.yaml")[0]
    data["analyses"] = {name: entry for name, entry in data["analyses"].items() if name not in ADDED_LATER}
    (folder / "protocol.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return lock(folder)


def main() -> None:
    """Writes the lock, unless the one that is there is that of this protocol."""
    with tempfile.TemporaryDirectory() as name:
        made = made_again(Path(name))
        there = read_lock(FOLDER)
        if there and not list(differences(there[-1], made)):
            print(f"{FOLDER / FILE}: holds this protocol already, locked on {there[-1].date}")
            return
        shutil.copyfile(Path(name) / FILE, FOLDER / FILE)
    print(
        f"{FOLDER / FILE}: locked on {made.date}; plan {made.plan_hash[:12]}, collects {made.collection_hash[:12]}"
    )


if __name__ == "__main__":
    main()
