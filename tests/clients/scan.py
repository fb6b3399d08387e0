"""What the TLS of the hub is by the judgement of sslyze: Mozilla's "intermediate" configuration, on both listeners.

It prints the judgement and what it has found wrong, and nothing else.
"""

import subprocess
import sys

from conversation import Hub


def scan():
    with Hub() as hub:
        places = [f"localhost:{hub.tls_port}", f"localhost:{hub.tls_line_port}"]
        trusted = f"--certinfo_ca_file={hub.tls}/authority.pem"
        command = [sys.executable, "-m", "sslyze", "--mozilla_config=intermediate", trusted, *places]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    _, _, judgement = ran.stdout.partition("COMPLIANCE AGAINST")
    lines = [line.strip() for line in judgement.splitlines() if line.startswith("    ") and line.strip()]
    good = ran.returncode == 0 and all(f"{place}: OK - Compliant." in lines for place in places)
    print("\n".join(lines) if lines else ran.stdout + ran.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(scan())
