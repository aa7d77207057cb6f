"""What stands in for vLLM where it is not installed: see openai/api_server.py."""
