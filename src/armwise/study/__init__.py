"""A study's tables: read, typed and validated against the protocol.

study       the folder -> Study, with all its problems
cells       a file -> its cells as text, each row with its line
tables      files -> typed frames whose rows know their file and line
validate    frames against the protocol -> problems
timing      time zero of each subject
score_file  one questionnaire's file, scored without a protocol
new         a new study folder, from an example
"""
