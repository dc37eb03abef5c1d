"""What the loader does with the items it has fetched."""
