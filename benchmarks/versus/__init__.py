"""Two builds of actionzoo beside each other: `python -m benchmarks.versus REVISION`."""
