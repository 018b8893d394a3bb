"""c1fn: a chat backend for generative UI, as one AWS Lambda function that streams from Python."""

__version__ = "0.2.0"
