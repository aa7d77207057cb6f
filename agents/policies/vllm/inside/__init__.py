"""What runs in a worker of vLLM, not here: this folder goes on the worker's PYTHONPATH.

turnwise_weights.py: takes weights as they are, and says what model there is. It imports vllm.
"""
