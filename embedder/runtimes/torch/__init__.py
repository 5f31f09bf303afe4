"""The model on PyTorch, on a processor or a GPU.

In come token sequences, out go their poolings, whatever way is taken: BERT encoders are computed packed, by a ladder
of ways that ends in one which runs everywhere (`packed.py`); models of other architectures run as
sentence-transformers loads them (`library.py`). What decides sizes, order and bookkeeping is plain arithmetic
(`buckets.py`, `packing.py`); what only a GPU can run is in `devices.py`. Importing this package imports no torch.
"""

from embedder.runtimes.torch.opening import TorchSettings, has_gpu, is_torch_installed, open_torch_runtime

__all__ = ["TorchSettings", "has_gpu", "is_torch_installed", "open_torch_runtime"]
