"""The recipe of the default bundle: drawn faces, the networks trained on them, their export and their figures."""
