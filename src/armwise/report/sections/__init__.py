"""The sections of the report, one file each: a function of the results that returns a section, or None."""
