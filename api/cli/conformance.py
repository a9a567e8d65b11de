"""`tidemark conformance`: checks this build against published examples in the source tree."""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from api.cli import add_verb, checkout, emit

ABOUT = """\
Check this build against examples that others have published: the order states of FIX, identifiers
(ISIN and others), the matching of lots, settlement dates. The verb prints how many examples of each
family pass. It needs the source tree.
"""
MORE = """\
examples:
  tidemark conformance
  tidemark conformance --json

exit codes: 0 all pass; 1 some fail (a line names each)
"""


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(verbs, shared, "conformance", about=ABOUT, more=MORE)
    verb.set_defaults(run=_run)


async def _run(args: argparse.Namespace) -> int:
    folder = checkout.folder("conformance")
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", folder]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *map(str, words), cwd=checkout.ROOT, stdout=asyncio.subprocess.DEVNULL
        )
        await process.wait()
        cases = list(_cases(report))
    answer = {
        "passed": sum(c["passed"] for c in cases),
        "failed": sum(not c["passed"] for c in cases),
        "cases": cases,
    }
    counts = Counter((c["family"], c["passed"]) for c in cases)
    families = sorted({c["family"] for c in cases})
    lines = [f"{f:<28}{counts[f, True]:>5} passed{counts[f, False]:>5} failed" for f in families]
    lines += [f"  FAILED {c['family']}: {c['case']}" for c in cases if not c["passed"]]
    emit(args, answer, "\n".join(lines))
    return 0 if cases and not answer["failed"] else 1


def _cases(report: Path) -> Any:
    for case in ElementTree.parse(report).iter("testcase"):
        yield {
            "family": str(case.get("classname")).rsplit(".", 1)[-1].removeprefix("test_"),
            "case": case.get("name"),
            "passed": case.find("failure") is None and case.find("error") is None,
        }
