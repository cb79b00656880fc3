"""The world the integration tests run in: an engine of their own, ds01d, accounts, images.

Nothing here looks into ds01's sources: it installs the build, writes a configuration file, and talks
to the programs as people do. Everything lies under one folder per run, so that what is left over can
be found by its path.
"""
