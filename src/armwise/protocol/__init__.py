"""The protocol: `protocol.yaml` as values, with every mistake in it reported at once.

model    what the file may say
load     the file -> Protocol
check    references between its sections
scores   the numbers that its forms yield
schema   its JSON Schema
"""
