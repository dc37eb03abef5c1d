"""What the library computes, shown: ``explain``, ``draw``, ``summary`` and ``monitor``, each loaded when first used."""
