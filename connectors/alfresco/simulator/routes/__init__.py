"""The resources of the public API, one file per subject: each takes a `Call` and returns an answer or raises."""
