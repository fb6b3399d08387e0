"""Prints what bench/compare.sh measured: a row for each figure, a column for each hub, medians of the rounds."""

import json
import statistics
import sys
from pathlib import Path

# Row, what it is, figure, unit.
FIGURES = [
    ("fanout", "fan-out 1 → 1,000, one at a time", "cpu_us_per_delivery", "µs / delivery"),
    ("burst", "the same, bursts of 32", "cpu_us_per_delivery", "µs / delivery"),
    ("fanin", "fan-in", "cpu_us_per_publish", "µs / publish"),
    ("roundtrip", "command and answer", "cpu_us_per_round_trip", "µs / round trip"),
    ("roundtrip", "the same, p99", "p99_us", "µs"),
    ("idle", "idle, 10,000 connections", "bytes_per_connection", "bytes / connection"),
    ("idle", "connecting and subscribing", "connect_cpu_us", "µs / connection"),
    ("idle", "a message beside 10,000 idle ones", "cpu_us_per_message", "µs / message"),
    ("filters", "100,000 filters, 10 match; topics repeat", "cpu_us_per_publish", "µs / publish"),
    ("filters", "the same, each topic for the first time", "cpu_us_per_first_publish", "µs / publish"),
    ("filters", "100,000 filters", "bytes_per_filter", "bytes / filter"),
    ("stall", "one of 11 readers stops", "peak_growth_mb", "MB, peak growth"),
    ("stall", "the same, p99 of the others", "p99_us", "µs"),
    ("stall", "the same, what passed in the time", "passed_mb", "MB"),
]


def rounds(folder, row, peer):
    return [json.loads(path.read_text())["hub"] for path in sorted(folder.glob(f"{row}.{peer}.*.json"))]


def median(folder, row, peer, figure):
    values = [result[figure] for result in rounds(folder, row, peer)]
    return statistics.median(values) if values else None


def shown(value):
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f}"


def cell(value, floor):
    if value is None:
        return ""
    return shown(value) + (f" / {value / floor:.1f}" if floor and value != floor else "")


def missed(results):
    """What became of the messages that the sleeper did not get; of the round in the middle."""
    if not results:
        return ""
    result = sorted(results, key=lambda one: one["sleeper_sent"])[len(results) // 2]
    missing = result["sleeper_sent"] - result["sleeper_received"]
    share = f"{100 * missing / result['sleeper_sent']:.0f} %"
    if missing == 0:
        return "nothing"
    if result["sleeper_was_closed"]:
        return f"{share}, and was closed"
    return f"{share}, {'told' if result['sleeper_was_told'] == missing else 'untold'}"


def table(folder, peers):
    ran = {path.name.split(".")[0] for path in folder.glob("*.json")}
    lines = [["work", "unit", *peers], ["---"] * (2 + len(peers))]
    for row, work, figure, unit in FIGURES:
        if row in ran:
            values = [median(folder, row, peer, figure) for peer in peers]
            floor = values[peers.index("floor")] if figure != "bytes_per_connection" else None
            lines.append([work, unit, *(cell(value, floor) for value in values)])
    if "stall" in ran:
        fates = [missed(rounds(folder, "stall", peer)) for peer in peers]
        lines.append(["the same, what the sleeper missed", "", *fates])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def others_that_lost(folder):
    """Where a message was lost that was not the sleeper's."""
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text())["hub"]
        mine = result.get("sleeper_sent", 0) - result.get("sleeper_received", 0)
        bad = max(0, result["lost"] - mine), result["duplicated"], result["out_of_order"]
        if any(bad):
            yield "{}: {} lost, {} twice, {} out of order".format(path.stem, *bad)


def main():
    arguments = [word for word in sys.argv[1:] if word != "--json"]
    folder, peers = Path(arguments[0]), arguments[1:]
    if "--json" in sys.argv:
        medians = [
            {"row": row, "figure": figure, "unit": unit, **{peer: median(folder, row, peer, figure) for peer in peers}}
            for row, _, figure, unit in FIGURES
            if any(rounds(folder, row, peer) for peer in peers)
        ]
        fates = {peer: missed(rounds(folder, "stall", peer)) for peer in peers}
        if any(fates.values()):
            medians.append({"row": "stall", "figure": "what the sleeper missed", **fates})
        print(json.dumps(medians, indent=2, ensure_ascii=False))
        return
    print(table(folder, peers))
    for note, words in [("versions.txt", ""), ("left-out.txt", "Left out: "), ("failed.txt", "Failed: ")]:
        if (folder / note).exists():
            print(f"\n{words}{'; '.join((folder / note).read_text().splitlines())}.")
    for line in others_that_lost(folder):
        print(line)


if __name__ == "__main__":
    main()
