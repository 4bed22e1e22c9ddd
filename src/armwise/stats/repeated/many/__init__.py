"""The same model fitted to thousands of data sets at once, all moved together."""
