"""The four stages of the pipeline, one file each; `indexer/pipeline.py` puts them together."""
