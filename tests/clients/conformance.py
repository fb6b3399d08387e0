"""Autobahn's cases against /echo, by kosoku: each must end as it is written down here (docs/conformance.md)."""

import json
import pathlib
import subprocess
import sys
import tempfile

from conversation import Hub

# Compression, which the hub does not speak.
LEFT_OUT = ["12.*", "13.*"]
CASES = 301
# What is not simply OK, with its reason in docs/conformance.md.
EXPECTED = {
    "6.4.3": "NON-STRICT",
    "6.4.4": "NON-STRICT",
    "7.1.6": "INFORMATIONAL",
    "7.13.1": "INFORMATIONAL",
    "7.13.2": "INFORMATIONAL",
}


def run(hub, reports):
    """The outcomes by case: how it went, and how the connection was closed."""
    kosoku = pathlib.Path(sys.executable).with_name("kosoku")
    left_out = [word for case in LEFT_OUT for word in ("-x", case)]
    command = [kosoku, "-p", "2", *left_out, "-o", reports, hub.url("/echo", user="")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    (outcomes,) = json.loads((pathlib.Path(reports) / "index.json").read_text()).values()
    return done, {case: (found["behavior"], found["behaviorClose"]) for case, found in outcomes.items()}


def mistakes(outcomes):
    """Sentences on what is not as expected. A case that is better than expected is none: two of them depend on when
    the network delivers what."""
    if len(outcomes) != CASES:
        yield f"{len(outcomes)} cases were run, not {CASES}"
    for case, (behaviour, close) in outcomes.items():
        if behaviour not in ("OK", EXPECTED.get(case, "OK")):
            yield f"case {case}: {behaviour}, expected {EXPECTED.get(case, 'OK')}"
        if close not in ("OK", "INFORMATIONAL"):
            yield f"case {case}: closed {close}"


def main():
    with Hub() as hub, tempfile.TemporaryDirectory() as reports:
        done, outcomes = run(hub, reports)
    found = list(mistakes(outcomes))
    if done.returncode != 0 or f"{CASES} cases passed" not in done.stdout:
        found.append(f"kosoku: exit code {done.returncode}\n{done.stdout}")
    for mistake in found:
        print(f"FAILED  {mistake}")
    if not found:
        print(f"{CASES} of {CASES} conformance cases passed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
