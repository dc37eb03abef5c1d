"""Programs are run by test_programs.py, under one library after the other; they are no modules to collect."""

collect_ignore_glob = ["programs/*"]
