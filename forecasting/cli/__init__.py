"""The command line: each verb parses, calls one library function, and prints."""

from forecasting.cli.app import main as main
