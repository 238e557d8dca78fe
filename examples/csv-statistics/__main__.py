"""Statistics of every numeric column of a CSV text: count, mean, deviation, quartiles, and the correlations."""

import csv
import io

import numpy as np


def columns(text):
    """The columns in which every value is a number, by name."""
    rows = list(csv.DictReader(io.StringIO(text)))
    numeric = {}
    for name in rows[0] if rows else []:
        try:
            numeric[name] = np.array([float(row[name]) for row in rows])
        except (TypeError, ValueError):
            print(f"column {name!r} is not numeric")
    return numeric


def summary(values):
    low, first, middle, third, high = np.percentile(values, [0, 25, 50, 75, 100])
    return {
        "count": int(values.size),
        "mean": round(float(values.mean()), 6),
        "deviation": round(float(values.std(ddof=1)), 6) if values.size > 1 else None,
        "quartiles": [float(low), float(first), float(middle), float(third), float(high)],
    }


def main(args):
    numeric = columns(args.get("csv", ""))
    if not numeric:
        return {"error": "csv must have a header line and at least one numeric column"}
    names = list(numeric)
    answer = {"columns": {name: summary(values) for name, values in numeric.items()}}
    if len(names) > 1 and numeric[names[0]].size > 1:
        answer["correlations"] = np.corrcoef([numeric[name] for name in names]).round(6).tolist()
    return answer
