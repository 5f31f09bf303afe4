"""The child process that reads untrusted files: bytes on disk in, blocks of text out, over a pipe.

Nothing in this folder runs in the service's own process: `indexer/extract.py` starts `worker.py`, limits it, kills it
when it must, and believes nothing it says without checking. The folder opens one file a request, writes none, and
knows neither names nor permissions of what it reads.
"""
