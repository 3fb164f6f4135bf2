# Tests that run the `cowlab` program itself, as a person would.
