"""Every derivative rule, one family of operators a file."""
